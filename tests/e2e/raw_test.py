#!/usr/bin/env python3
"""-produce raw: from a capture and from sockets, what it refuses, and its books."""

import json
import os
import socket
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import capture, netflow, process  # noqa: E402

DEMO = os.path.join(TESTS, "fixtures", "demo.pcap")
SAMPLE = os.path.join(os.path.dirname(TESTS), "mapping.yaml")
TEMPLATE = netflow.ipfix(0, 1, netflow.ipfix_template(300, [(netflow.SRC_ADDR, 4)]))
DATA = netflow.ipfix(0, 1, netflow.ipfix_data(300, (0x0A000001, 4)))


class RawTest(unittest.TestCase):
    def refuse(self, *flags):
        status, output, log = process.run([process.COLLECTOR, "-read", DEMO, *flags])
        self.assertEqual((status, output), (2, b""))
        return log

    def test_every_datagram_of_a_capture_is_a_message(self):
        messages = [json.loads(line)
                    for line in process.read_capture(DEMO, "-produce=raw").splitlines()]
        self.assertEqual(len(messages), len(capture.read_datagrams(DEMO)))
        self.assertEqual({message["type"] for message in messages},
                         {"netflowv5", "netflowv9", "ipfix", "sflow"})
        lines = process.read_capture(DEMO, "-produce=raw", "-format=text").splitlines()
        self.assertEqual(len(lines), len(messages))

    def test_what_has_no_raw_form_is_refused(self):
        self.assertIn("-format: got \"bin\", wanted json or text",
                      self.refuse("-produce=raw", "-format=bin"))
        self.assertIn("-limit.flows: got 5, wanted 0", self.refuse("-produce=raw", "-limit.flows=5"))
        self.assertIn("-filter: got \"proto == 6\"",
                      self.refuse("-produce=raw", "-filter=proto == 6"))
        self.assertIn("-produce: got \"rwa\", wanted sample or raw", self.refuse("-produce=rwa"))

    def test_the_check_says_it(self):
        status, output, log = process.run([process.COLLECTOR, "-check", "-produce=raw", "-addr=",
                                           "-listen=flow://127.0.0.1:0"])
        self.assertEqual(status, 0, log)
        self.assertIn(b"one message of each datagram instead", output)

    def test_a_mapping_has_no_effect(self):
        status, output, log = process.run([process.COLLECTOR, "-read", DEMO, "-produce=raw",
                                           "-mapping", SAMPLE])
        self.assertEqual(status, 0)
        self.assertIn('setting has no effect" setting=-mapping without="-produce=sample"', log)
        self.assertEqual(output, process.read_capture(DEMO, "-produce=raw"))

    def test_sockets_and_a_template_that_was_kept(self):
        with tempfile.TemporaryDirectory() as folder, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as exporter:
            flags = ("-produce=raw", "-templates.json.path", os.path.join(folder, "templates"))
            exporter.bind(("127.0.0.1", 0))
            shown = [None, [{"values": [{"pen-provided": False, "type": netflow.SRC_ADDR, "pen": 0,
                                         "value": "CgAAAQ=="}]}]]
            for before, records in zip((DATA, TEMPLATE), shown):
                with process.Collector(*flags, query="?count=2") as collector:
                    self.send(exporter, collector, [before, DATA])
                    self.assertEqual(collector.stop(), 0)
                    last = json.loads(collector.output().splitlines()[-1])
                    self.assertEqual(last["message"]["flow-sets"][0]["records"], records)
                    self.assertEqual(last["src"], "127.0.0.1:%d" % exporter.getsockname()[1])
                    self.check_books(collector, 2, 0 if records else 2)
            with process.Collector(*flags) as collector:
                self.send(exporter, collector, [DATA])
                self.assertEqual(collector.stop(), 0)
                last = json.loads(collector.output())
                self.assertEqual(last["message"]["flow-sets"][0]["records"], shown[1])

    def send(self, exporter, collector, datagrams):
        for count, datagram in enumerate(datagrams, start=1):
            exporter.sendto(datagram, ("127.0.0.1", collector.port))
            process.wait_until(lambda: collector.output().count(b"\n") == count, "a message")

    def check_books(self, collector, messages, missing):
        books = collector.ledger()
        self.assertEqual(books["flows"]["made"], messages)
        self.assertEqual(books["flows"]["delivered"], messages)
        self.assertEqual(books["sets and samples"]["received"],
                         books["sets and samples"]["decoded"] + missing)


if __name__ == "__main__":
    unittest.main()
