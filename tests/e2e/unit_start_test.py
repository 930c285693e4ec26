#!/usr/bin/env python3
"""The units under a systemd that is really there: they start in their sandbox, have no rights but
the one that they name, reload and stop without a loss.

    unit_start_test.py FOLDER    of the units as they are installed
"""

import json
import os
import re
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import netflow, process, systemd  # noqa: E402

FLOWS = "/var/lib/goflow2plus/flows.json"
ROTATED = "/var/lib/goflow2plus/flows.1.json"
CAP_NET_ADMIN = 1 << 12
SEND = "cat > /dev/udp/127.0.0.1/2055"  # bash's own sockets, so that no program is needed inside


class UnitStartTest(unittest.TestCase):
    units = None

    def setUp(self):
        try:
            self.systemd = systemd.Systemd(self.units)
            self.systemd.__enter__()
        except systemd.Absent as why:
            process.left_out(self.id(), str(why))
            self.skipTest(str(why))
        self.addCleanup(self.systemd.__exit__)

    def start(self, unit):
        started = self.systemd.run("systemctl", "start", unit)
        self.assertEqual(started.returncode, 0, started.stdout)
        process.wait_until(lambda: self.systemd.show(unit, "ActiveState") != "activating", unit)
        self.assertEqual(self.systemd.show(unit, "ActiveState"), "active", self.log(unit))

    def log(self, unit):
        return self.systemd.run("journalctl", "--no-pager", "-u", unit).stdout

    def read(self, path):
        return self.systemd.run("cat", path).stdout.splitlines()

    def send(self, sequence):
        sent = self.systemd.run("bash", "-c", SEND, stdin=netflow.v5(sequence, ["10.0.0.1"]))
        self.assertEqual(sent.returncode, 0, sent.stdout)

    def rights(self, unit):
        pid = self.systemd.show(unit, "MainPID")
        return dict(re.findall(r"^(\w+):\s*(.*)$", "\n".join(self.read(f"/proc/{pid}/status")),
                               re.MULTILINE))

    def check_sandbox(self, unit, bounding):
        rights = self.rights(unit)
        self.assertNotEqual(rights["Uid"].split()[0], "0")
        for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
            self.assertEqual(int(rights[kind], 16), 0, kind)  # given back, if it had any
        self.assertEqual(int(rights["CapBnd"], 16), bounding)
        self.assertEqual((rights["NoNewPrivs"], rights["Seccomp"]), ("1", "2"))

    def await_lines(self, path, count):
        process.wait_until(lambda: len(self.read(path)) >= count and
                           self.read(path)[0].startswith("{"), f"{count} flows in {path}")
        lines = [json.loads(line) for line in self.read(path)]
        self.assertEqual([line["src_addr"] for line in lines], ["10.0.0.1"] * count)

    def test_the_collector(self):
        self.start("goflow2plus")
        process.wait_until(lambda: "starting collection" in self.log("goflow2plus"), "its ports")
        self.check_sandbox("goflow2plus", CAP_NET_ADMIN)
        self.assertNotIn("level=WARN", self.log("goflow2plus"))
        self.send(1)
        self.await_lines(FLOWS, 1)
        self.systemd.run("mv", FLOWS, ROTATED)
        self.assertEqual(self.systemd.run("systemctl", "reload", "goflow2plus").returncode, 0)
        process.wait_until(lambda: "opened the output again" in self.log("goflow2plus"), "reload")
        self.send(2)
        self.await_lines(FLOWS, 1)
        self.await_lines(ROTATED, 1)
        self.systemd.run("systemctl", "stop", "goflow2plus")
        self.assertEqual(self.systemd.show("goflow2plus", "Result"), "success")
        process.wait_until(lambda: "ledger kernel" in self.log("goflow2plus"), "its books")
        self.assertRegex(self.log("goflow2plus"), r'"ledger flows" made=2 delivered=2')

    def test_the_enricher(self):
        self.start("enricher")
        process.wait_until(lambda: "cannot be reached, trying again" in self.log("enricher"),
                           "it to miss its server and stay")
        self.check_sandbox("enricher", 0)
        self.systemd.run("systemctl", "stop", "enricher")
        self.assertEqual(self.systemd.show("enricher", "Result"), "success")


if __name__ == "__main__":
    UnitStartTest.units = os.path.abspath(sys.argv.pop())
    unittest.main()
