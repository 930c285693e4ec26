#!/usr/bin/env python3
"""The programs in docs/protobuf.md compile and read what the collector writes."""

import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import document, flow, process  # noqa: E402

DEMO = os.path.join(TESTS, "fixtures/demo.pcap")
PYTHON = "/usr/bin/python3"  # the one that Debian's protobuf belongs to
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Werror")


def wanted():
    """What each program prints, made from JSON."""
    protocols = flow.protocol_names()
    for line in process.read_capture(DEMO, "-format=json").splitlines():
        found = json.loads(line)
        ends = [str(ipaddress.ip_address(found[key])) if found[key] else "-"
                for key in ("src_addr", "dst_addr")]
        yield " ".join([*ends, str(protocols[found["proto"]]),
                        str(found["bytes"] * max(found["sampling_rate"], 1))])


class ExampleTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.symlink(os.path.join(document.ROOT, "proto"), os.path.join(self.folder, "proto"))
        self.text = document.read("docs/protobuf.md")
        self.frames = process.read_capture(DEMO, "-format=bin", "-transport.file.sep=")

    def source(self, language):
        code, = [block for kind, block in document.blocks(self.text) if kind == language]
        name = re.match(r"\W+([\w.]+):", code).group(1)
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(code)
        return name

    def commands(self, *programs):
        """Of the document, those of these programs: run as they stand there."""
        lines = [line for line in document.commands(self.text) if line.split()[0] in programs]
        self.assertEqual([line.split()[0] for line in lines], list(programs))
        for line in lines:
            subprocess.run(["sh", "-c", line], cwd=self.folder, check=True)

    def check(self, *words):
        done = subprocess.run(words, cwd=self.folder, input=self.frames, stdout=subprocess.PIPE)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stdout.decode().splitlines(), list(wanted()))

    def test_c(self):
        name = self.source("c")
        self.commands("protoc-c", "cc")
        self.check("./read_flows")
        subprocess.run(["cc", *WARNINGS, "-fsyntax-only", name], cwd=self.folder, check=True)

    def test_python(self):
        there = subprocess.run([PYTHON, "-c", "import google.protobuf"],
                               stderr=subprocess.DEVNULL).returncode == 0
        if shutil.which("protoc") is None or not there:
            process.left_out(self.id(), "protobuf-compiler or python3-protobuf is not installed")
            return
        line, = [line for line in document.commands(self.text) if "--python_out" in line]
        subprocess.run(["sh", "-c", line], cwd=self.folder, check=True)
        self.check(PYTHON, self.source("python"))


class InventoryTest(unittest.TestCase):
    """What docs/context.md makes of tables and inventories is a context that loads."""

    TABLE = "10.1.0.0/16,head-office,ams\n10.2.0.0/16,branch,rtm\n"
    PREFIXES = {"count": 2, "results": [
        {"prefix": "10.1.0.0/16", "description": "head-office", "site": {"slug": "ams"},
         "role": None, "tenant": None},
        {"prefix": "2001:db8::/32", "description": "", "site": None, "role": {"slug": "servers"},
         "tenant": {"slug": "acme"}}]}

    def test_each_command_makes_a_file_that_loads(self):
        scripts = [block for language, block in document.blocks(document.read("docs/context.md"))
                   if language == "sh"]
        made = [script for script in scripts if "> context.new" in script]
        self.assertEqual(len(made), 2)
        for script in made:
            if shutil.which(script.split()[0]) is None:
                process.left_out(self.id(), f"{script.split()[0]} is not installed")
                continue
            with tempfile.TemporaryDirectory() as folder:
                with open(os.path.join(folder, "networks.csv"), "w", encoding="utf-8") as file:
                    file.write(self.TABLE)
                with open(os.path.join(folder, "prefixes.json"), "w", encoding="utf-8") as file:
                    json.dump(self.PREFIXES, file)
                subprocess.run(["sh", "-c", script], cwd=folder, check=True)
                status, _, log = process.run([process.ENRICHER, "-context.config",
                                              os.path.join(folder, "context.new")])
                self.assertEqual(status, 0, log)
                self.assertIn("networks=2", log)


if __name__ == "__main__":
    unittest.main()
