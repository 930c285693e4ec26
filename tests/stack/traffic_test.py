#!/usr/bin/env python3
"""The example traffic of compose/ncg, with the files that its container has and no others: every
flow of the capture, from exporters of their own, at the present time."""

import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from stack import shipped  # noqa: E402
from support import capture, flow, grafana, process  # noqa: E402

MOUNT = re.compile(r"- (\S+):/traffic/(\S+):ro")
FLOWS = shipped.FLOWS // len(shipped.REPEATED_AT_MINUTES)
RELATIVE = {"127.0.1.1", "127.0.1.2", "127.0.1.5"}  # flows' times are relative to the header's
MINUTE_NS = 60 * 10**9


class TrafficTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="traffic-test-")
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name
        with open(os.path.join(grafana.NCG, "docker-compose.yml"), encoding="utf-8") as file:
            for source, name in MOUNT.findall(file.read()):
                shutil.copy(os.path.join(grafana.NCG, source), os.path.join(self.folder, name))

    def replay(self, port, *arguments):
        ports = [word for of in (2055, 4739, 6343) for word in ("--port", f"{of}={port}")]
        return subprocess.Popen(
            [sys.executable, "-I", os.path.join(self.folder, "replay.py"),
             os.path.join(self.folder, "demo.pcap"), "127.0.0.1", *ports, *arguments],
            stderr=subprocess.PIPE, text=True)

    def test_a_round(self):
        begin_ns = time.time_ns()
        with process.Collector("-format=json") as collector:
            replay = self.replay(collector.port, "--once", "--speed=50")
            self.assertEqual((replay.communicate()[1], replay.returncode), ("", 0))
            process.wait_until(lambda: collector.output().count(b"\n") >= FLOWS, "every flow")
            self.assertEqual(collector.stop(), 0)
            flows = flow.read_json_lines(collector.output().decode())
            books = collector.ledger()
        self.assertEqual(len(flows), FLOWS)
        self.assertEqual(books["datagrams"]["refused"], 0)
        for f in flows:
            self.assertGreaterEqual(f["time_received_ns"], begin_ns)
            if f["sampler_address"] in RELATIVE:
                self.assertGreater(f["time_flow_end_ns"], begin_ns - MINUTE_NS)
        senders = {d.source for d in capture.read_datagrams(shipped.DEMO)}
        of_netflow = {f["sampler_address"] for f in flows if f["type"] != "SFLOW_5"}
        self.assertEqual(of_netflow, {f"127.0.1.{i}" for i in (1, 2, 3, 5, 6, 8, 9)})
        self.assertEqual(len(senders), 9)

    def test_rounds_look_like_restarts(self):
        with process.Collector("-format=json", "-addr=127.0.0.1:0") as collector:
            replay = self.replay(collector.port, "--speed=1000")
            try:
                process.wait_until(lambda: collector.output().count(b"\n") >= 3 * FLOWS, "3 rounds")
            finally:
                replay.terminate()
                replay.communicate()
            port = re.search(r'starting HTTP server".* port=(\d+)', collector.log()).group(1)
            status, page, _ = process.run(["curl", "-s", f"http://127.0.0.1:{port}/metrics"])
        self.assertEqual(status, 0)
        counted = collections.Counter()
        for name, exporter, value in re.findall(
                r'goflow2plus_exporter_(\w+)\{.*exporter="([^"]+)".*\} (\S+)', page.decode()):
            counted[name, exporter] += float(value)
        for i in (2, 3, 8, 9):  # Open vSwitch itself leaves numbers out
            self.assertGreaterEqual(counted["resets_total", f"127.0.1.{i}"], 2)
            self.assertEqual(counted["lost", f"127.0.1.{i}"], 0)
            self.assertEqual(counted["duplicates_total", f"127.0.1.{i}"], 0)


if __name__ == "__main__":
    unittest.main()
