#!/usr/bin/env python3
"""What a daemon that is ready says, and the rights that it has given back by then."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import process  # noqa: E402

NET_ADMIN = 1 << 12
SETS = ("CapInh", "CapPrm", "CapEff", "CapAmb")


def rights(task):
    """{set: bits} of a task, by its folder in /proc."""
    with open(f"{task}/status", encoding="utf-8") as file:
        found = dict(re.findall(r"^(Cap\w+):\s*(\w+)$", file.read(), re.M))
    return {name: int(found[name], 16) for name in SETS}


def tasks(pid):
    return [f"/proc/{pid}/task/{number}" for number in os.listdir(f"/proc/{pid}/task")]


class ReadyTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.settimeout(process.DEADLINE_SECONDS)
        for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
            self.addCleanup(os.environ.pop, name, None)

    def start(self, address, *arguments):
        self.manager.bind(address)
        os.environ["NOTIFY_SOCKET"] = address.replace("\0", "@")
        return process.Process(list(arguments), stdin=subprocess.PIPE)

    def collector(self, address):
        return self.start(address, process.COLLECTOR, "-addr=",
                          "-listen=netflow://127.0.0.1:0?count=2&rcvbuf=67108864")

    def test_it_is_said_when_it_is_so(self):
        with self.collector(f"\0ready-test-{os.getpid()}") as collector:
            self.assertEqual(self.manager.recv(100), b"READY=1")
            self.assertIn("starting collection", collector.log())
            self.assertEqual(collector.stop(), 0, collector.log())

    def test_by_the_enricher_too(self):
        with tempfile.TemporaryDirectory() as folder, \
                self.start(os.path.join(folder, "notify"), process.ENRICHER) as enricher:
            self.assertEqual(self.manager.recv(100), b"READY=1")
            self.assertEqual(enricher.stop(), 0, enricher.log())

    def test_life_signs_as_they_are_asked_for(self):
        os.environ["WATCHDOG_USEC"] = "200000"
        with self.collector(f"\0ready-test-{os.getpid()}") as collector:
            said = [self.manager.recv(100) for _ in range(4)]
            self.assertEqual(said, [b"READY=1"] + [b"WATCHDOG=1"] * 3)
            self.assertEqual(collector.stop(), 0, collector.log())

    def test_life_signs_of_the_enricher(self):
        os.environ["WATCHDOG_USEC"] = "200000"
        with self.start(f"\0ready-test-{os.getpid()}", process.ENRICHER) as enricher:
            said = [self.manager.recv(100) for _ in range(4)]
            self.assertEqual(said, [b"READY=1"] + [b"WATCHDOG=1"] * 3)
            self.assertEqual(enricher.stop(), 0, enricher.log())

    def test_no_life_signs_that_another_process_was_asked_for(self):
        os.environ.update(WATCHDOG_USEC="1000", WATCHDOG_PID="1")
        with self.collector(f"\0ready-test-{os.getpid()}") as collector:
            self.assertEqual(self.manager.recv(100), b"READY=1")
            self.assertEqual(collector.stop(), 0, collector.log())
            self.manager.setblocking(False)
            with self.assertRaises(BlockingIOError):
                self.manager.recv(100)

    def test_not_by_one_that_cannot_start(self):
        with self.start(f"\0ready-test-{os.getpid()}", process.COLLECTOR,
                        "-listen=netflow://192.0.2.1:0", "-addr=") as collector:
            self.assertEqual(collector.wait(), 1)
            self.manager.setblocking(False)
            with self.assertRaises(BlockingIOError):
                self.manager.recv(100)

    def test_no_thread_keeps_the_right(self):
        if rights("/proc/self")["CapEff"] & NET_ADMIN == 0:
            process.left_out(self.id(), "CAP_NET_ADMIN is not there to be given back")
            return
        with self.collector(f"\0ready-test-{os.getpid()}") as collector:
            self.manager.recv(100)
            found = tasks(collector.process.pid)
            self.assertGreater(len(found), 2)
            for task in found:
                for name, bits in rights(task).items():
                    self.assertEqual(bits & NET_ADMIN, 0, (task, name))
            self.assertNotIn("receive buffer smaller", collector.log())  # it was used before
            self.assertEqual(collector.stop(), 0, collector.log())


if __name__ == "__main__":
    unittest.main()
