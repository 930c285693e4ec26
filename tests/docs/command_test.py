#!/usr/bin/env python3
"""The commands in the documents work as they are written.

What reads a capture or a file is run, pipes and all, in a folder that has files of the names that
the documents use; all others go through -check. Commands of other programs are not run.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import document, process  # noqa: E402

PROGRAMS = {"goflow2plus": process.COLLECTOR, "enricher": process.ENRICHER}
DEMO = "tests/fixtures/demo.pcap"
# What the documents call them, and what stands for them here.
FILES = {"exports.pcap": DEMO, "exports.pcapng": DEMO, "context.yaml": "context.yaml",
         "context.new": "context.yaml", "mapping.yaml": "mapping.yaml",
         "asn.mmdb": "tests/fixtures/demo-asn.mmdb",
         "country.mmdb": "tests/fixtures/demo-country.mmdb",
         "GeoLite2-ASN.mmdb": "tests/fixtures/demo-asn.mmdb",
         "GeoLite2-Country.mmdb": "tests/fixtures/demo-country.mmdb"}
FOLDERS = ("compose", "proto", "tests")
SYSTEM_FOLDER = re.compile(r"/(?:etc|var/lib|var/log)/(?:[\w-]+/)+")
OPERATORS = {"|", "||", "&&", ";", "<", ">", ">>", "2>", "&"}
# Done instead of running.
INSTEAD = {"-h", "-v", "-status", "-health", "-clickhouse.schema", "-clickhouse.migrate"}
COMMANDS_LEAST = 20


def simple_commands(line):
    """The words of each command of a line."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&<>")
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if word in OPERATORS:
            yield words
            words = []
        else:
            words.append(word)
    yield words


def of_documents():
    """(document, line) of every command that has one of our programs."""
    for path in document.paths():
        for line in document.commands(document.read(path)):
            if re.search(r"(^|[|;&] *)(goflow2plus|enricher)( (?!\d)|$)", line) and not re.search("[…─]", line):
                yield path, line


def is_run(line):
    """Whether it ends by itself, without a network or a service."""
    if re.search(r"-(status|health|transport=nats|transport nats|source=nats)\b", line):
        return False
    others = [words[0] for words in simple_commands(line) if words and words[0] not in PROGRAMS]
    if any(shutil.which(name) is None for name in others if "." not in name):
        return False
    return bool(re.search(r"-read | < |-h$|-v$", line))


class CommandTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name, origin in FILES.items():
            shutil.copy(os.path.join(document.ROOT, origin), os.path.join(self.folder, name))
        for name in FOLDERS:
            os.symlink(os.path.join(document.ROOT, name), os.path.join(self.folder, name))
        self.programs = os.path.join(self.folder, "bin")
        os.mkdir(self.programs)
        for name, path in PROGRAMS.items():
            os.symlink(os.path.abspath(path), os.path.join(self.programs, name))
        self.write("nats-token", "token")
        config, = [block for language, block in document.blocks(document.read("docs/config.md"))
                   if language == "yaml" and "listen:" in block]
        self.write("flows.yaml", SYSTEM_FOLDER.sub(self.folder + "/", config))
        frames = process.read_capture(os.path.join(document.ROOT, DEMO), "-format=bin",
                                      "-transport.file.sep=")
        with open(os.path.join(self.folder, "flows.bin"), "wb") as file:
            file.write(frames)

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def run_here(self, line):
        line = SYSTEM_FOLDER.sub(self.folder + "/", line)
        return subprocess.run(["sh", "-c", line], cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=process.DEADLINE_SECONDS,
                              env={**os.environ, "PATH": f"{self.programs}:{os.environ['PATH']}"})

    def test_there_are_commands(self):
        found = list(of_documents())
        self.assertLess(COMMANDS_LEAST, len(found))
        self.assertLess(1, sum(is_run(line) for _, line in found))
        self.assertIn("README.md", {path for path, _ in found})

    def test_what_can_be_run_gives_something(self):
        for path, line in of_documents():
            if not is_run(line):
                continue
            with self.subTest(document=path, command=line):
                done = self.run_here(line)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertTrue(done.stdout or done.stderr)

    def test_all_others_pass_their_check(self):
        for path, line in of_documents():
            for words in simple_commands(line):
                if not words or words[0] not in PROGRAMS or INSTEAD.intersection(words):
                    continue
                with self.subTest(document=path, command=" ".join(words)):
                    checked = [words[0], "-check", *words[1:]]
                    done = self.run_here(" ".join(map(shlex.quote, checked)))
                    self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_readme_installs_what_the_scripts_do(self):
        names = set(re.findall(r"\$(PACKAGES_\w+)", document.read("README.md")))
        self.assertIn("PACKAGES_TO_BUILD", names)
        with open(os.path.join(document.ROOT, "scripts/lib/package.sh"), encoding="utf-8") as file:
            script = file.read()
        for name in names:
            self.assertIn(f"\n{name}=", script)


if __name__ == "__main__":
    unittest.main()
