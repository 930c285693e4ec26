#!/usr/bin/env python3
"""The systemd units: nothing in them that systemd does not know, programs that exist, a sandbox
that stays shut.

    unit_test.py FOLDER    of the units as they are installed
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import process  # noqa: E402

EXPOSURE_MOST = 2.0  # of 10, as systemd-analyze rates it
PROGRAMS = {"goflow2plus.service": process.COLLECTOR, "enricher.service": process.ENRICHER,
            "enricher@.service": process.ENRICHER, "goflow2plus-pipeline.service": "/bin/bash"}
ANALYZE = shutil.which("systemd-analyze")


def analyze(*arguments):
    return subprocess.run([ANALYZE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=process.DEADLINE_SECONDS).stdout


class UnitTest(unittest.TestCase):
    units = None

    def setUp(self):
        if ANALYZE is None:
            process.left_out(self.id(), "systemd-analyze is not installed")
            self.skipTest("no systemd-analyze")
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def unit(self, name):
        """A copy that runs the program as it was built."""
        with open(os.path.join(self.units, name), encoding="utf-8") as file:
            text = re.sub(r"^(Exec\w+=(?!/bin)|.*? )/\S+/bin/\w+",
                          r"\g<1>" + os.path.abspath(PROGRAMS[name]), file.read(),
                          flags=re.MULTILINE)
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_units_are_understood(self):
        for name in PROGRAMS:
            found = [line for line in analyze("verify", "--man=no", self.unit(name)).splitlines()
                     if name in line]
            self.assertEqual(found, [])

    def test_units_are_shut(self):
        for name in PROGRAMS:
            rated = analyze("security", "--offline=true", self.unit(name))
            exposure = re.search(rf"exposure level for {name}: ([0-9.]+)", rated)
            if exposure is None:
                process.left_out(self.id(), "this systemd-analyze cannot rate a file")
                continue
            self.assertLessEqual(float(exposure.group(1)), EXPOSURE_MOST, rated)

    def test_what_is_wrong_is_not_tried_again_and_all_else_for_ever(self):
        for name in PROGRAMS:
            with open(self.unit(name), encoding="utf-8") as file:
                text = file.read()
            for line in ("Restart=on-failure", "RestartPreventExitStatus=2",
                         "StartLimitIntervalSec=0", "User=goflow2plus", "Type=notify"):
                self.assertIn(f"\n{line}\n", text, name)


if __name__ == "__main__":
    UnitTest.units = sys.argv.pop()
    unittest.main()
