#!/usr/bin/env python3
"""-mapping on both daemons: custom columns through the pipe, errors at the start, SIGHUP."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)

from support import flow, netflow, process  # noqa: E402

FLOW_DIRECTION, NAT_PORT = 61, 227
DEMO = os.path.join(TESTS, "fixtures", "demo.pcap")
SAMPLE = os.path.join(ROOT, "mapping.yaml")


def mapping(column, number, element):
    return (f"formatter:\n  fields: [src_addr, {column}]\n  protobuf:\n"
            f"  - {{name: {column}, index: {number}, type: varint}}\n"
            f"ipfix:\n  mapping:\n  - {{field: {element}, destination: {column}}}\n")


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class MappingTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "mapping.yaml")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.bind(("127.0.0.1", 0))
        self.sent = 0

    def data(self, direction, port):
        """A data set alone: its template was sent once."""
        self.sent += 1
        return netflow.ipfix(self.sent, 1, netflow.ipfix_data(
            300, (0x0A000001, 4), (direction, 1), (port, 2)))

    def template(self):
        return netflow.ipfix(0, 1, netflow.ipfix_template(
            300, [(netflow.SRC_ADDR, 4), (FLOW_DIRECTION, 1), (NAT_PORT, 2)]))

    def newest(self, program, port):
        """The flow that one more data set gives."""
        before = program.output().count(b"\n")
        self.socket.sendto(self.data(1, 4000), ("127.0.0.1", port))
        process.wait_until(lambda: program.output().count(b"\n") > before, "a flow")
        return flow.read_json_lines(program.output().decode())[-1]

    def check_reload(self, program, port):
        self.assertEqual(self.newest(program, port), {"src_addr": "10.0.0.1", "direction": 1})
        write(self.path, mapping("nat_port", 1200, NAT_PORT))
        for daemon in self.daemons:
            daemon.send(signal.SIGHUP)
            daemon.wait_for_log("reloaded the mapping")
        process.wait_until(lambda: self.newest(program, port) ==
                           {"src_addr": "10.0.0.1", "nat_port": 4000}, "the new mapping")
        write(self.path, "formatter: {fields: [no_such_column]}\n")
        for daemon in self.daemons:
            daemon.send(signal.SIGHUP)
            daemon.wait_for_log("mapping not reloaded")
            self.assertIn(f"{self.path}:1: fields: none of these is a column", daemon.log())
        self.assertEqual(self.newest(program, port), {"src_addr": "10.0.0.1", "nat_port": 4000})

    def test_a_reload_keeps_templates(self):
        write(self.path, mapping("direction", 1100, FLOW_DIRECTION))
        with process.Collector("-format=json", "-mapping", self.path) as collector:
            self.daemons = [collector]
            self.socket.sendto(self.template(), ("127.0.0.1", collector.port))
            self.check_reload(collector, collector.port)
            self.assertEqual(collector.stop(), 0, collector.log())
            self.assertNotIn("template_missing", collector.log())

    def test_custom_columns_go_through_the_pipe(self):
        write(self.path, mapping("direction", 1100, FLOW_DIRECTION))
        with process.Collector("-format=bin", "-transport.file.sep=", "-mapping", self.path,
                               stdout=subprocess.PIPE) as collector, \
                process.Process([process.ENRICHER, "-mapping", self.path],
                                stdin=collector.process.stdout) as enricher:
            enricher.wait_for_log("starting enricher")
            self.daemons = [collector, enricher]
            self.socket.sendto(self.template(), ("127.0.0.1", collector.port))
            self.check_reload(enricher, collector.port)
            self.assertEqual(collector.stop(), 0)
            self.assertEqual(enricher.wait(), 0)

    def test_the_sample_prints_the_same_on_both_sides(self):
        direct = process.read_capture(DEMO, "-mapping", SAMPLE)
        frames = process.read_capture(DEMO, "-mapping", SAMPLE, "-format=bin",
                                      "-transport.file.sep=")
        status, piped, log = process.run([process.ENRICHER, "-mapping", SAMPLE], frames)
        self.assertEqual(status, 0, log)
        self.assertEqual(piped, direct)
        flows = flow.read_json_lines(direct.decode())
        self.assertTrue(any("csum" in one for one in flows))
        self.assertTrue(any("flow_direction" in one for one in flows))

    def test_what_goflow2_passes_over_is_a_warning(self):
        """Files like those of its manual: a destination and a column that nothing defines."""
        write(self.path, "formatter:\n  fields: [src_addr, custom_src_port, dst_port]\n"
                         "ipfix:\n  mapping:\n  - {field: 192, destination: ip_ttl_test}\n")
        status, output, log = process.run([process.COLLECTOR, "-read", DEMO, "-mapping", self.path])
        self.assertEqual(status, 0, log)
        self.assertEqual({tuple(one) for one in flow.read_json_lines(output.decode())},
                         {("src_addr", "dst_port")})
        for line, name in ((2, "custom_src_port"), (5, "ip_ttl_test")):
            said = [text for text in log.splitlines() if name in text]
            self.assertEqual(len(said), 1, log)
            self.assertIn("level=WARN", said[0])
            self.assertIn(f"{self.path}:{line}: ", said[0])

    def test_a_broken_file_ends_the_start(self):
        write(self.path, "formatter: {protobuf: [{name: x, index: 1000, type: varint}]}\n")
        for arguments in ([process.COLLECTOR, "-read", DEMO], [process.ENRICHER]):
            country = ["-db.country", os.path.join(TESTS, "fixtures", "demo-country.mmdb")]
            status, _, log = process.run([*arguments, "-mapping", self.path, *country])
            self.assertEqual(status, 1, log)
            self.assertIn(f"{self.path}:1: index of x: 1000 is that of src_country", log)


if __name__ == "__main__":
    unittest.main()
