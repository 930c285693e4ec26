#!/usr/bin/env python3
"""compose/embedded/run.sh: both programs as one, no flow lost at its end, reloads for both."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)

from support import netflow, process  # noqa: E402

RUN = os.path.join(ROOT, "compose/embedded/run.sh")
CONTEXT = "networks:\n  - {{name: {name}, cidr: 10.0.0.0/8}}\n"
FLOWS = 200


class EmbeddedTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.context = os.path.join(folder.name, "context.yaml")
        self.name("before")
        self.settings = {**os.environ, "TMPDIR": folder.name,
                         "PATH": f"{os.path.abspath(process.BIN)}:{os.environ['PATH']}",
                         "COLLECTOR_FLAGS": "-listen=flow://127.0.0.1:0 -addr="}
        self.output = os.path.join(folder.name, "flows.json")

    def name(self, name):
        with open(self.context, "w", encoding="utf-8") as file:
            file.write(CONTEXT.format(name=name))

    def start(self, *flags):
        return process.Process(["env", "-i", *(f"{name}={value}" for name, value in
                                               self.settings.items()), "sh", RUN, *flags])

    @staticmethod
    def send(started, count):
        port = int(re.search(r'starting collection".* port=(\d+)', started.log()).group(1))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for number in range(count):
                sender.sendto(netflow.v5(number, ["10.0.0.1"]), ("127.0.0.1", port))

    def test_it_drains_and_ends(self):
        with self.start("-context.config", self.context, "-format=json") as started:
            started.wait_for_log("starting collection")
            self.send(started, FLOWS)
            started.send(signal.SIGTERM)
            self.assertEqual(started.wait(), 0, started.log())
            lines = started.output().decode().splitlines()
            self.assertEqual(len(lines), FLOWS)
            self.assertEqual({json.loads(line)["context"]["source_group"] for line in lines},
                             {"before"})

    def test_it_reloads(self):
        with self.start("-context.config", self.context, "-format=json",
                        "-transport.file", self.output) as started:
            started.wait_for_log("starting collection")
            self.send(started, 1)
            process.wait_until(lambda: os.path.exists(self.output) and
                               os.path.getsize(self.output), "a flow")
            self.name("after")
            started.send(signal.SIGHUP)
            started.wait_for_log("reloaded")
            self.send(started, 1)
            started.send(signal.SIGTERM)
            self.assertEqual(started.wait(), 0, started.log())
            with open(self.output, encoding="utf-8") as file:
                groups = [json.loads(line)["context"]["source_group"] for line in file]
            self.assertEqual(groups, ["before", "after"])

    def test_a_bad_flag_ends_both(self):
        done = subprocess.run(["sh", RUN, "-format=wrong"], env=self.settings,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=process.DEADLINE_SECONDS)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("-format", done.stderr)


if __name__ == "__main__":
    unittest.main()
