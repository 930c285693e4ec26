#!/usr/bin/env python3
"""What is said of real exporters, and of the shipped demo traffic: where nothing is lost and nothing
is wrong, each is ok, however it counts its sequence numbers. Where datagrams are lost on the way,
as many are said to be."""

import http.client
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)

from support import capture, exporter, netflow, process  # noqa: E402

FLOWS = 1500
DATAGRAM_MAX = 65535
QUIET_SECONDS = 0.3
PACE_SECONDS = 0.0005
ROUNDS = 3  # of the demo traffic
DEMO_PORTS = (2055, 4739, 6343)
IN_PACKETS = 2


def write_traffic(path):
    """Short conversations of UDP, many datagrams of exports; the latest packet is of now."""
    frames = []
    begin = int((time.time() - 20) * 10**9)
    for i in range(FLOWS):
        client, server = f"10.{i >> 8}.{i & 255}.1", "192.0.2.53"
        segment = capture.udp_segment(client, server, 1024 + i, 53, b"q" * (20 + i % 200))
        frames.append((begin + i * 10**7, capture.ethernet_frame(
            capture.ip_packet(client, server, capture.IP_UDP, segment))))
    capture.write_frames(path, frames)


class Collector(process.Collector):
    """One that serves HTTP on a free port."""

    def __init__(self, *arguments, **more):
        super().__init__("-addr=127.0.0.1:0", *arguments, **more)
        self.wait_for_log("starting HTTP server")
        self.http = int(re.search(r'starting HTTP server".* port=(\d+)', self.log()).group(1))

    def exporters(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.http,
                                                timeout=process.DEADLINE_SECONDS)
        try:
            connection.request("GET", "/exporters")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def wait_for_datagrams(self, count):
        process.wait_until(
            lambda: sum(one["datagrams"] for one in self.exporters()) >= count,
            f"{count} datagrams")


class Lossy:
    """A way to the collector that loses datagrams, and goes slowly enough for the kernel to lose
    none."""

    def __init__(self, port, lost):
        self.target, self.lost = port, lost
        self.random = random.Random(1)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(QUIET_SECONDS)
        self.port = self.socket.getsockname()[1]
        self.sent = self.dropped = 0
        self.ended = False
        self.thread = threading.Thread(target=self.carry)

    def carry(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.bind(("127.0.0.9", 0))
            while True:
                try:
                    payload = self.socket.recv(DATAGRAM_MAX)
                except TimeoutError:
                    if self.ended:
                        return
                    continue
                if self.sent > 20 and self.random.random() < self.lost:
                    self.dropped += 1
                    continue
                out.sendto(payload, ("127.0.0.1", self.target))
                self.sent += 1
                time.sleep(PACE_SECONDS)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *failed):
        self.ended = True
        self.thread.join()
        self.socket.close()


class ExporterTest(unittest.TestCase):
    def judge(self, program, export, lost=0.0):
        """export(traffic file, port) through a way that loses so much; what is said of it."""
        if not exporter.find(program):
            process.left_out(self.id(), f"{program} is not installed")
            self.skipTest(f"{program} is not installed")
        with tempfile.TemporaryDirectory() as folder, Collector() as collector:
            path = os.path.join(folder, "traffic.pcap")
            write_traffic(path)
            with Lossy(collector.port, lost) as way:
                export(path, way.port)
            collector.wait_for_datagrams(way.sent)
            one, = collector.exporters()
            return way, one

    def is_well(self, program, export, counts, incl=False):
        way, one = self.judge(program, export)
        self.assertGreater(way.sent, 30)
        self.assertEqual((one["sequence_counts"], one["sequence_incl"], one["sequence_by_port"]),
                         (counts, incl, False))
        self.assertEqual([one[name] for name in ("lost", "duplicates", "reordered", "resets")],
                         [0, 0, 0, 0])
        self.assertEqual(one["verdict"], "ok")
        self.assertEqual(one["faults"], [])

    def softflowd(self, protocol):
        return lambda path, port: exporter.softflowd(protocol, path, "127.0.0.1", port)

    def nfprobe(self, protocol):
        return lambda path, port: exporter.nfprobe(protocol, path, "127.0.0.1", port)

    def test_softflowd_netflow_v5(self):
        self.is_well("softflowd", self.softflowd("netflow5"), "records")

    def test_softflowd_netflow_v9(self):
        self.is_well("softflowd", self.softflowd("netflow9"), "datagrams")

    def test_softflowd_ipfix(self):
        """Its number counts the flows of its own datagram, and no options."""
        self.is_well("softflowd", self.softflowd("ipfix"), "flows", incl=True)

    def test_nfprobe_netflow_v5(self):
        self.is_well("pmacctd", self.nfprobe("netflow5"), "records")

    def test_nfprobe_netflow_v9(self):
        self.is_well("pmacctd", self.nfprobe("netflow9"), "datagrams")

    def test_nfprobe_ipfix(self):
        self.is_well("pmacctd", self.nfprobe("ipfix"), "records")

    def test_sfprobe(self):
        self.is_well("pmacctd", lambda path, port: exporter.sfprobe(path, "127.0.0.1", port),
                     "datagrams")

    def test_a_loss_is_said_as_it_is(self):
        way, one = self.judge("softflowd", self.softflowd("ipfix"), lost=0.1)
        share = way.dropped / (way.dropped + way.sent)
        self.assertGreater(way.dropped, 2)
        self.assertEqual([fault["reason"] for fault in one["faults"]], ["losing"])
        self.assertEqual(one["faults"][0]["cure"], "docs/agents.md#verdicts")
        self.assertGreater(one["lost_share"], share / 2)
        self.assertLess(one["lost_share"], share * 1.5)


class VolumeTest(unittest.TestCase):
    """Of formats that records are written to straight, and of one that they are not."""

    def judge(self, form, fields):
        """20 datagrams of 10 flows with these fields; what is the matter with their exporter."""
        record = netflow.v9_data(256, *((1, length) for _, length in fields))
        with Collector(f"-format={form}") as collector, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for number in range(20):
                out.sendto(netflow.v9(number, 1, netflow.v9_template(256, fields), *[record] * 10),
                           ("127.0.0.1", collector.port))
            collector.wait_for_datagrams(20)
            one, = collector.exporters()
            self.assertEqual(one["flows"], 200)
            return {fault["reason"] for fault in one["faults"]} & {"no_volumes", "no_bytes"}

    def test_flows_without_volumes_are_said(self):
        for form in ("bin", "json"):
            with self.subTest(form=form):
                self.assertEqual(self.judge(form, [(netflow.SRC_ADDR, 4)]), {"no_volumes"})
                self.assertEqual(self.judge(form, [(netflow.SRC_ADDR, 4), (IN_PACKETS, 4)]),
                                 {"no_bytes"})
                self.assertEqual(self.judge(form, [(netflow.SRC_ADDR, 4), (netflow.IN_BYTES, 4)]),
                                 set())


class DemoTest(unittest.TestCase):
    def test_the_shipped_traffic_is_well(self):
        with Collector() as collector:
            ports = [f"--port={port}={collector.port}" for port in DEMO_PORTS]
            replay = [sys.executable, os.path.join(ROOT, "compose", "ncg", "traffic", "replay.py"),
                      os.path.join(TESTS, "fixtures", "demo.pcap"), "127.0.0.1", "--speed=20",
                      *ports]
            sender = subprocess.Popen(replay)
            try:
                collector.wait_for_datagrams(ROUNDS * 147)
            finally:
                sender.kill()
                sender.wait()
            exporters = collector.exporters()
            self.assertEqual(len(exporters), 10)
            self.assertEqual({one["verdict"] for one in exporters}, {"ok"})
            self.assertEqual({one["lost"] for one in exporters}, {0})


if __name__ == "__main__":
    unittest.main()
