#!/usr/bin/env python3
"""Settings by flag, variable and file on both daemons; what other users may see of secrets."""

import os
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import process  # noqa: E402

DEMO = os.path.join(TESTS, "fixtures", "demo.pcap")
BIN = ["-format=bin", "-transport.file.sep="]


def run(arguments, stdin=b"", **variables):
    done = subprocess.run(arguments, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=process.DEADLINE_SECONDS, env={**os.environ, **variables})
    return done.returncode, done.stdout, done.stderr.decode()


class ConfigTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.config = os.path.join(self.folder, "flows.yaml")
        frames = process.read_capture(DEMO, *BIN)
        self.daemons = (("GOFLOW2PLUS_", [process.COLLECTOR, "-read", DEMO], b""),
                        ("ENRICHER_", [process.ENRICHER], frames))

    def write(self, text):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def test_flag_variable_file(self):
        self.write("format: text\ntransport:\n  file.sep: '|'\n")
        for prefix, daemon, stdin in self.daemons:
            plain = run([*daemon, "-format=text"], stdin)[1]
            config = ["-config", self.config]
            status, output, log = run([*daemon, *config], stdin)
            self.assertEqual((status, output), (0, plain.replace(b"\n", b"|")), log)
            status, output, log = run([*daemon, *config], stdin,
                                      **{prefix + "TRANSPORT_FILE_SEP": "\n"})
            self.assertEqual((status, output), (0, plain), log)
            status, output, log = run([*daemon, "-format=json", "-transport.file.sep=;"], stdin,
                                      **{prefix + "TRANSPORT_FILE_SEP": "\n",
                                         prefix + "CONFIG": self.config})
            self.assertEqual((status, output[:1], output[-2:]), (0, b"{", b"};"), log)

    def test_a_filter_of_many_lines(self):
        self.write("filter: |\n  proto == UDP\n  and\n    dst_port == 53\n")
        for _, daemon, stdin in self.daemons:
            wanted = run([*daemon, "-filter", "proto == UDP and dst_port == 53"], stdin)[1]
            self.assertNotEqual(wanted, b"")
            status, output, log = run([*daemon, "-config", self.config], stdin)
            self.assertEqual((status, output), (0, wanted), log)

    def test_what_cannot_be_names_its_place(self):
        for prefix, daemon, stdin in self.daemons:
            for text, wanted, status in (
                    ("\nformat: jsn\n", ':2: format: got "jsn", wanted ', 2),
                    ("fromat: json\n", ':1: unknown setting "fromat", did you mean "format"?', 1),
                    ("\ndrain: 30\n", ':2: drain: got "30", wanted a duration', 2),
                    ("transport.nats.linger: 5m\ntransport: nats\n",
                     ":1: transport.nats.linger: got 300s, wanted 0 to 1m", 2),
                    ("filter: src_port == x\n",
                     ":1: filter: column 13: got 'x', wanted a number\n    src_port == x\n", 2)):
                self.write(text)
                got, _, log = run([*daemon, "-config", self.config], stdin)
                self.assertEqual(got, status, log)
                self.assertIn(self.config + wanted, log)
            got, _, log = run(daemon, stdin, **{prefix + "FORMAT": "jsn"})
            self.assertEqual(got, 2)
            self.assertIn(f'{prefix}FORMAT: got "jsn", wanted ', log)

    def test_unknown_variables_are_a_warning(self):
        for prefix, daemon, stdin in self.daemons:
            status, _, log = run(daemon, stdin, **{prefix + "FROMAT": "secret text"})
            self.assertEqual(status, 0, log)
            self.assertIn(f'no setting goes by this variable" variable={prefix}FROMAT '
                          f'nearest={prefix}FORMAT', log)
            self.assertNotIn("secret text", log)

    def test_secrets_are_not_seen_from_outside(self):
        reader, writer = os.pipe()
        secrets = ["-transport.nats.token=sesame", "-transport.nats.servers",
                   "nats://me:sesame@127.0.0.1:1"]
        with process.Collector(*secrets) as collector, \
                process.Process([process.ENRICHER, *secrets], stdin=reader) as enricher:
            os.close(reader)
            enricher.wait_for_log("starting enricher")
            for daemon in (collector, enricher):
                with open(f"/proc/{daemon.process.pid}/cmdline", "rb") as file:
                    line = file.read()
                self.assertNotIn(b"sesame", line)
                self.assertIn(b"@127.0.0.1:1", line)
                self.assertNotIn("sesame", daemon.log())
            os.close(writer)
            self.assertEqual(collector.stop(), 0)
            self.assertEqual(enricher.wait(), 0)


if __name__ == "__main__":
    unittest.main()
