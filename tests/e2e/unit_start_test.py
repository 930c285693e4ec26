#!/usr/bin/env python3
"""The units under a systemd that is really there: they start in their sandbox, have no rights but
the one that they name, reload and stop without a loss.

    unit_start_test.py BUILD    the build folder whose install is tried
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
ENRICHED = "/var/lib/enricher/flows.json"
ROTATED = "/var/lib/goflow2plus/flows.1.json"
CAP_NET_ADMIN = 1 << 12
SEND = "cat > /dev/udp/127.0.0.1/2055"  # bash's own sockets, so that no program is needed inside


class UnitStartTest(unittest.TestCase):
    build = None

    def setUp(self):
        try:
            self.systemd = systemd.Systemd(self.build)
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

    def set(self, service, *lines):
        """What an administrator writes into /etc/default."""
        self.systemd.run("tee", f"/etc/default/{service}", stdin="\n".join(lines).encode())

    def watch_closely(self, unit):
        """Signs of life are wanted every two seconds."""
        folder = f"/etc/systemd/system/{unit}.service.d"
        self.systemd.run("mkdir", "-p", folder)
        self.systemd.run("tee", f"{folder}/watchdog.conf",
                         stdin=b"[Service]\nWatchdogSec=2\nTimeoutStopSec=1\n")
        self.systemd.run("systemctl", "daemon-reload")

    def await_life_signs(self, unit):
        for _ in range(2):
            last = self.systemd.show(unit, "WatchdogTimestampMonotonic")
            process.wait_until(lambda: self.systemd.show(unit, "WatchdogTimestampMonotonic") !=
                               last, "a sign of life")
        self.assertEqual(self.systemd.show(unit, "NRestarts"), "0")

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
        self.assertNotEqual(self.systemd.show("enricher", "WatchdogTimestampMonotonic"), "0")
        self.systemd.run("systemctl", "stop", "enricher")
        self.assertEqual(self.systemd.show("enricher", "Result"), "success")

    def test_a_variable_goes_before_the_file_and_the_group_reads(self):
        text = "/var/log/goflow2plus/flows.txt"
        self.set("goflow2plus", "GOFLOW2PLUS_FORMAT=text", f"GOFLOW2PLUS_TRANSPORT_FILE={text}")
        self.start("goflow2plus")
        self.send(1)
        process.wait_until(lambda: "10.0.0.1" in "".join(self.read(text)), "a flow in text")
        for path, mode in ((text, "640"), (os.path.dirname(text), "750"),
                           (os.path.dirname(FLOWS), "750")):
            said = self.systemd.run("stat", "-c", "%a %U %G", path).stdout.strip()
            self.assertEqual(said, f"{mode} goflow2plus goflow2plus", path)
        self.assertNotEqual(self.systemd.run("test", "-e", FLOWS).returncode, 0)

    def test_a_wrong_setting_is_not_tried_again(self):
        self.set("goflow2plus", "GOFLOW2PLUS_ARGS=-fromat=text")
        started = self.systemd.run("systemctl", "start", "goflow2plus")
        self.assertNotEqual(started.returncode, 0)
        self.assertEqual(self.systemd.show("goflow2plus", "ActiveState"), "failed")
        self.assertEqual(self.systemd.show("goflow2plus", "NRestarts"), "0")
        self.assertIn("fromat", self.log("goflow2plus"))

    def test_what_is_missing_is_waited_for(self):
        self.set("goflow2plus", "GOFLOW2PLUS_MAPPING=/etc/mapping.yaml")
        self.assertNotEqual(self.systemd.run("systemctl", "start", "goflow2plus").returncode, 0)
        self.systemd.run("tee", "/etc/mapping.yaml", stdin=b"formatter: {}\n")
        process.wait_until(lambda: self.systemd.show("goflow2plus", "ActiveState") == "active",
                           "it to be tried again")
        self.systemd.run("tee", "/etc/mapping.yaml", stdin=b"formatter: [\n")
        self.assertNotEqual(self.systemd.run("systemctl", "reload", "goflow2plus").returncode, 0)
        self.assertEqual(self.systemd.show("goflow2plus", "ActiveState"), "active")

    def test_one_that_stands_still_is_started_again(self):
        self.watch_closely("goflow2plus")
        self.start("goflow2plus")
        self.await_life_signs("goflow2plus")
        self.systemd.run("kill", "-STOP", self.systemd.show("goflow2plus", "MainPID"))
        process.wait_until(lambda: self.systemd.show("goflow2plus", "NRestarts") == "1" and
                           self.systemd.show("goflow2plus", "ActiveState") == "active",
                           "another one")

    def test_both_in_one_unit(self):
        self.watch_closely("goflow2plus-pipeline")
        self.start("goflow2plus-pipeline")
        self.await_life_signs("goflow2plus-pipeline")
        main = self.systemd.show("goflow2plus-pipeline", "MainPID")
        found = {}
        for pid in "".join(self.read(f"/proc/{main}/task/{main}/children")).split():
            name, = self.read(f"/proc/{pid}/comm")
            found[name] = "\n".join(self.read(f"/proc/{pid}/status"))
        self.assertEqual(set(found), {"goflow2plus", "enricher"})
        for status in found.values():
            self.assertRegex(status, r"CapEff:\t0{16}\n")
        self.send(1)
        self.await_lines(ENRICHED, 1)
        self.systemd.run("mv", ENRICHED, ENRICHED + ".1")
        reloaded = self.systemd.run("systemctl", "reload", "goflow2plus-pipeline")
        self.assertEqual(reloaded.returncode, 0, self.log("goflow2plus-pipeline"))
        process.wait_until(lambda: self.systemd.run("test", "-e", ENRICHED).returncode == 0,
                           "another file")
        self.send(2)
        self.await_lines(ENRICHED, 1)
        self.systemd.run("systemctl", "stop", "goflow2plus-pipeline")
        self.assertEqual(self.systemd.show("goflow2plus-pipeline", "Result"), "success")
        self.set("enricher", "ENRICHER_ARGS=-fromat=text")
        self.systemd.run("systemctl", "start", "goflow2plus-pipeline")
        process.wait_until(lambda: self.systemd.show("goflow2plus-pipeline", "ActiveState") ==
                           "failed", "it to fail")
        self.assertEqual(self.systemd.show("goflow2plus-pipeline", "NRestarts"), "0")

    def test_several_enrichers(self):
        self.set("enricher-b", "ENRICHER_FORMAT=text")
        for name in "ab":
            self.start(f"goflow2plus-enricher@{name}")
            process.wait_until(lambda: self.systemd.run(
                "test", "-e", f"/var/lib/enricher/{name}.json").returncode == 0, "its file")
            self.assertEqual(self.systemd.show(f"enricher@{name}", "ActiveState"), "active")


if __name__ == "__main__":
    UnitStartTest.build = os.path.abspath(sys.argv.pop())
    unittest.main()
