#!/usr/bin/env python3
"""What is installed is hardened, by the flags that a plain build has: read from the programs.

    harden_test.py CMAKE BUILD    the build folder whose install is tried
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import process  # noqa: E402

PROGRAMS = ("goflow2plus", "enricher")


def readelf(flag, path):
    return subprocess.run(["readelf", "-W", flag, path], stdout=subprocess.PIPE, text=True,
                          check=True, timeout=process.DEADLINE_SECONDS).stdout


class HardenTest(unittest.TestCase):
    cmake = build = None

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        subprocess.run([cls.cmake, "--install", cls.build, "--prefix", folder.name], check=True,
                       stdout=subprocess.DEVNULL)
        cls.paths = [os.path.join(folder.name, "bin", name) for name in PROGRAMS]
        with open(os.path.join(cls.build, "CMakeCache.txt"), encoding="utf-8") as cache:
            cls.found = dict(re.findall(r"^HARDEN_HAS_(\S+):INTERNAL=(.*)$", cache.read(), re.M))

    def test_addresses_are_random_and_bound_at_the_start(self):
        for path in self.paths:
            self.assertRegex(readelf("-h", path), r"Type: +DYN ")
            dynamic = readelf("-d", path)
            self.assertRegex(dynamic, r"FLAGS_1.*\bNOW\b.*\bPIE\b")
            self.assertRegex(dynamic, r"\bBIND_NOW\b")
            self.assertNotRegex(dynamic, r"\b(TEXTREL|RPATH|RUNPATH)\b")

    def test_no_page_can_be_written_and_run(self):
        for path in self.paths:
            segments = readelf("-l", path)
            self.assertRegex(segments, r"GNU_RELRO +0x")
            self.assertRegex(segments, r"GNU_STACK( +0x\w+)+ +RW +0x")
            for flags in re.findall(r"LOAD(?: +0x\w+){5} +([RWE ]{3})", segments):
                self.assertFalse("W" in flags and "E" in flags, segments)

    def test_stacks_and_copies_are_watched(self):
        for path in self.paths:
            symbols = readelf("--dyn-syms", path)
            self.assertIn("__stack_chk_fail", symbols)
            self.assertGreater(len(re.findall(r"__\w+_chk\b", symbols)), 3)

    def test_control_flow_where_the_c_library_has_it(self):
        if not self.found.get("CET"):
            process.left_out(self.id(), "the C library's start files are without CET")
            return
        for path in self.paths:
            self.assertRegex(readelf("-n", path), r"x86 feature: IBT, SHSTK")

    def test_the_highest_level_of_fortified_calls(self):
        """As compiled: the programs do not show which level it was."""
        with open(os.path.join(self.build, "compile_commands.json"), encoding="utf-8") as file:
            levels = set(re.findall(r"-D_FORTIFY_SOURCE=(\d)", file.read()))
        self.assertEqual(levels, {"3" if self.found.get("FORTIFY_3") else "2"})


if __name__ == "__main__":
    HardenTest.build = sys.argv.pop()
    HardenTest.cmake = sys.argv.pop()
    unittest.main()
