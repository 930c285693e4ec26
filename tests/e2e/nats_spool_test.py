#!/usr/bin/env python3
"""The spool of a collector: what happens to its file costs what it hits, and is counted."""

import collections
import os
import re
import signal
import subprocess
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import nats, nats_case, process  # noqa: E402
from support.nats_case import FEW  # noqa: E402

HEADER_BYTES = 4096
BATCH = 30


class SpoolTest(nats_case.NatsCase):
    def setUp(self):
        super().setUp()
        self.away = nats.Server()
        self.addCleanup(self.away.__exit__)
        self.folder = self.path("spool")
        self.file = os.path.join(self.folder, "goflow2.spool")

    def spooling(self, server, *arguments):
        return self.collector(server, "-transport.nats.spool", self.folder, "-drain=100ms",
                              f"-transport.nats.batch.flows={BATCH}", *arguments, window=1)

    def fill(self):
        """A spool of an earlier run with FEW flows, in records of one size."""
        collector = self.spooling(self.away)
        self.sender.send(collector.port, FEW)
        self.assertEqual(collector.stop(), 0)
        self.assert_books(collector, made=FEW, waiting=FEW, failed=0)

    def deliver(self, *arguments):
        self.away.start()
        collector = self.spooling(self.away, *arguments)
        process.wait_until(lambda: "NATS connected" in collector.log(), "the connection")
        return collector

    def assert_delivered(self, collector, lost):
        """All but so many flows are stored once; these are in the books."""
        wanted = len(self.sender.sent) - lost
        process.wait_until(lambda: nats_case.stored(self.away, "goflow2").total() >= wanted,
                           "what is left")
        self.assertEqual(collector.stop(), 0)
        found = nats_case.stored(self.away, "goflow2")
        self.assertEqual((found.total(), max(found.values())), (wanted, 1))
        self.assertLessEqual(set(found), set(self.sender.sent))
        self.assert_books(collector, delivered=wanted, failed=lost, waiting=0)
        if lost != 0:
            self.assertIn(f"reason=spool_damaged count={lost} ", collector.log())

    def test_a_flipped_bit_costs_one_message(self):
        self.fill()
        with open(self.file, "r+b") as file:
            file.seek(0)
            content = file.read(1 << 20)
            place = content.index(self.sender.sent[FEW // 2], HEADER_BYTES)
            file.seek(place)
            file.write(bytes([content[place] ^ 1]))
        collector = self.deliver()
        self.assertIn(f"flows of an earlier run are lost: their spool is damaged\" directory="
                      f"{self.folder} flows={BATCH}", collector.log())
        self.assert_delivered(collector, BATCH)

    def test_half_of_the_file_is_gone(self):
        self.fill()
        with open(self.file, "rb") as file:
            content = file.read(1 << 20)
        os.truncate(self.file, content.index(self.sender.sent[FEW // 2], HEADER_BYTES))
        collector = self.deliver()
        lost = int(re.search(r"spool is damaged\" directory=\S+ flows=(\d+)",
                             collector.log()).group(1))
        self.assertGreater(lost, 0)
        self.assertLess(lost, FEW)
        self.assert_delivered(collector, lost)

    def test_removed_while_it_is_in_use(self):
        """It is made again with what it held, its directory as well."""
        collector = self.spooling(self.away)
        self.sender.send(collector.port, FEW)
        process.wait_until(lambda: os.path.getsize(self.file) > HEADER_BYTES, "the spool to fill")
        os.unlink(self.file)
        os.rmdir(self.folder)
        collector.wait_for_log("the spool was removed while it was in use: made again")
        self.sender.send(collector.port, FEW)
        self.assertEqual(collector.stop(), 0)
        self.assert_books(collector, made=2 * FEW, waiting=2 * FEW, failed=0)
        self.assert_delivered(self.deliver(), 0)

    def test_cut_short_while_it_is_in_use(self):
        collector = self.spooling(self.away)
        self.sender.send(collector.port, FEW)
        process.wait_until(lambda: os.path.getsize(self.file) > HEADER_BYTES, "the spool to fill")

        def cut_short():  # again and again, until it is not written to any more
            os.truncate(self.file, 0)
            return "the spool was cut short while it was in use" in collector.log()
        process.wait_until(cut_short, "it to be noticed")
        self.sender.send(collector.port, FEW)
        self.away.start()
        process.wait_until(lambda: set(nats_case.stored(self.away, "goflow2")) >=
                           set(self.sender.sent[-FEW // 2:]), "what came later")
        self.assertEqual(collector.stop(), 0)
        lost = collector.ledger()["flows"]["failed"]
        self.assertGreater(lost, 0)
        self.assert_books(collector, made=2 * FEW, delivered=2 * FEW - lost, waiting=0)
        self.assertIn(f"reason=spool_damaged count={lost} ", collector.log())
        self.assertEqual(nats_case.stored(self.away, "goflow2").total(), 2 * FEW - lost)

    def test_a_full_disk_is_called_that(self):
        os.mkdir(self.folder)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", self.folder],
                          stderr=subprocess.DEVNULL, check=False).returncode != 0:
            process.left_out(self.id(), "no right to mount")
            self.skipTest("no mount")
        self.addCleanup(subprocess.run, ["umount", "-l", self.folder], check=True)
        collector = self.spooling(self.away)
        self.sender.send(collector.port, FEW)
        collector.wait_for_log("No space left on device")
        self.assertNotIn("Input/output error", collector.log())
        self.assertEqual(collector.stop(), 0)
        books = collector.ledger()["flows"]
        self.assertGreater(books["failed"], 0)
        self.assertGreater(books["waiting"], 0)
        self.assertIn(f"reason=spool_full count={books['failed']} ", collector.log())
        self.away.start()
        again = self.spooling(self.away)
        process.wait_until(lambda: nats_case.stored(self.away, "goflow2").total() ==
                           books["waiting"], "what it had room for")
        self.assertEqual(again.stop(), 0)
        self.assert_books(again, made=books["waiting"], delivered=books["waiting"], failed=0)

    def test_a_killed_collector_leaves_what_it_said(self):
        """Kill after kill, what the window held is lost, one message each time, and nothing else."""
        kills = 5
        for _ in range(kills):
            collector = self.spooling(self.away)
            held = os.path.getsize(self.file)
            self.sender.send(collector.port, FEW)
            process.wait_until(lambda: os.path.getsize(self.file) > held, "the spool to grow")
            collector.send(signal.SIGKILL)
            collector.wait()
        self.away.start()
        collector = self.spooling(self.away)
        process.wait_until(lambda: "NATS connected" in collector.log(), "the connection")
        self.assertEqual(collector.stop(), 0)
        found = nats_case.stored(self.away, "goflow2")
        self.assertLessEqual(set(found), set(self.sender.sent))
        self.assertEqual(collections.Counter(found.values()).keys(), {1})
        self.assertNotIn("damaged", collector.log())


if __name__ == "__main__":
    unittest.main()
