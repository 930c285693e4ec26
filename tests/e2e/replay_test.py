#!/usr/bin/env python3
"""A capture read and the same datagrams over a socket give the same flows, but for the receive
time, the sampler address and what derives from them."""

import json
import os
import socket
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import capture, flow, process  # noqa: E402

FIXTURES = os.path.join(TESTS, "fixtures")
DEMO = os.path.join(FIXTURES, "demo.pcap")
ENRICHMENT = ("-context.config", os.path.join(FIXTURES, "demo-context.yaml"),
              "-db.asn", os.path.join(FIXTURES, "demo-asn.mmdb"),
              "-db.country", os.path.join(FIXTURES, "demo-country.mmdb"))
DERIVED = ("time_received_ns", "sampler_address")
DERIVED_OF_SFLOW = ("time_flow_start_ns", "time_flow_end_ns")  # an sFlow sample has no own time
DEMO_FLOWS = 418


def comparable(flows):
    """The flows in an order of their own, without what may differ."""
    rows = []
    for f in flows:
        derived = DERIVED + (DERIVED_OF_SFLOW if f["type"] == "SFLOW_5" else ())
        rows.append(json.dumps({k: v for k, v in f.items() if k not in derived}))
    return sorted(rows)


def send(datagrams, port):
    """Each exporter of the capture sends from a loopback address and a port of its own."""
    addresses = {source: f"127.0.1.{number}" for number, source in
                 enumerate(sorted({datagram.source for datagram in datagrams}), start=1)}
    sockets = {}
    try:
        for datagram in datagrams:
            key = (datagram.source, datagram.source_port)
            if key not in sockets:
                sockets[key] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sockets[key].bind((addresses[datagram.source], 0))
                sockets[key].connect(("127.0.0.1", port))
            sockets[key].send(datagram.payload)
    finally:
        for exporter in sockets.values():
            exporter.close()


def enriched_capture():
    frames = process.read_capture(DEMO, "-format=bin", "-transport.file.sep=")
    status, output, log = process.run([process.ENRICHER, *ENRICHMENT], frames)
    if status != 0:
        raise AssertionError(log)
    return flow.read_json_lines(output.decode())


class ReplayTest(unittest.TestCase):
    def test_capture_and_socket_agree(self):
        from_capture = enriched_capture()
        self.assertEqual(len(from_capture), DEMO_FLOWS)
        with process.Pipeline(*ENRICHMENT) as pipeline:
            send(capture.read_datagrams(DEMO), pipeline.port)
            process.wait_until(lambda: pipeline.enricher.output().count(b"\n") >= DEMO_FLOWS,
                               "all flows")
            self.assertEqual(pipeline.stop(), (0, 0))
            from_socket = flow.read_json_lines(pipeline.enricher.output().decode())
        for ours, theirs in zip(comparable(from_socket), comparable(from_capture)):
            self.assertEqual(ours, theirs)
        self.assertEqual(len(from_socket), DEMO_FLOWS)

    def test_the_collector_enriches_alike(self):
        """The pipe and the collector's own enrichment run the same code."""
        status, frames, log = process.run(
            [process.COLLECTOR, "-read", DEMO, "-format=bin", "-transport.file.sep=", *ENRICHMENT])
        self.assertEqual(status, 0, log)
        status, piped, log = process.run(
            [process.ENRICHER, "-format=bin", "-transport.file.sep=", *ENRICHMENT],
            process.read_capture(DEMO, "-format=bin", "-transport.file.sep="))
        self.assertEqual(status, 0, log)
        # Fields may come in any order on the wire: compare messages, not bytes.
        own, of_pipe = ([sorted(flow.read_message(body), key=repr) for body in
                         flow.split_frames(stream)] for stream in (frames, piped))
        self.assertEqual(own, of_pipe)

    def test_flat_databases_say_the_same(self):
        frames = process.read_capture(DEMO, "-format=bin", "-transport.file.sep=")
        answers = []
        for asn, country in (("demo-asn", "demo-country"), ("flat-asn", "flat-country")):
            status, output, log = process.run(
                [process.ENRICHER, "-db.asn", os.path.join(FIXTURES, f"{asn}.mmdb"),
                 "-db.country", os.path.join(FIXTURES, f"{country}.mmdb")], frames)
            self.assertEqual(status, 0, log)
            answers.append(output)
        self.assertEqual(*answers)
        self.assertIn(b'"src_as":64496', answers[0])
        self.assertIn(b'"src_country":"ZA"', answers[0])


if __name__ == "__main__":
    unittest.main()
