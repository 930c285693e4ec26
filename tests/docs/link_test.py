#!/usr/bin/env python3
"""The documents point at what exists: links and their anchors, files that they name, flags."""

import glob
import os
import re
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import document, process  # noqa: E402

FOLDERS = ("collector", "common", "compose", "docs", "enricher", "library", "packaging", "proto",
           "scripts", "tests")
# A path in the tree: no placeholders, no braces.
TREE_PATH = re.compile(rf"^(?:{'|'.join(FOLDERS)})/[\w./*-]+$")
FLAG = re.compile(r"^-([a-z][a-z0-9.-]{2,}|h|v)(?=[ =,]|$)")
# Flags of GoFlow2 that are named to say that they are not here, and those of other programs.
FOREIGN = re.compile(r"^(transport\.kafka|ldflags|transport\.nats\.tls$)")


def flags():
    """Those of both programs."""
    found = set()
    for program in (process.COLLECTOR, process.ENRICHER):
        _, output, log = process.run([program, "-h"])
        found |= set(re.findall(r"(?m)^  -(\S+)", output.decode() + log))
    return found | {"h", "help"}


class LinkTest(unittest.TestCase):
    def setUp(self):
        self.texts = {path: document.read(path) for path in document.paths()}

    def test_documents_are_found(self):
        self.assertLess(10, len(self.texts))
        self.assertLess(20, sum(len(document.links(text)) for text in self.texts.values()))

    def test_links_lead_somewhere(self):
        for path, text in self.texts.items():
            for link in document.links(text):
                if re.match(r"\w+:", link):
                    continue
                with self.subTest(document=path, link=link):
                    target, _, anchor = link.partition("#")
                    target = os.path.normpath(os.path.join(os.path.dirname(path), target)) \
                        if target else path
                    self.assertTrue(os.path.exists(os.path.join(document.ROOT, target)))
                    if anchor:
                        self.assertIn(anchor, document.anchors(document.read(target)))

    def test_files_that_are_named_exist(self):
        for path, text in self.texts.items():
            for name in document.spans(text):
                if TREE_PATH.match(name):
                    with self.subTest(document=path, name=name):
                        self.assertTrue(glob.glob(os.path.join(document.ROOT, name)))

    def test_flags_that_are_named_exist(self):
        known = flags()
        seen = 0
        for path, text in self.texts.items():
            for span in document.spans(text):
                found = FLAG.match(span)
                if found and not FOREIGN.match(found.group(1)):
                    seen += 1
                    with self.subTest(document=path, flag=span):
                        self.assertIn(found.group(1).rstrip("."), known)
        self.assertLess(50, seen)

    def test_pages_that_programs_name_exist(self):
        named = set()
        for path in glob.glob(os.path.join(document.ROOT, "collector", "**", "*.c"),
                              recursive=True):
            named |= set(re.findall(r'"[^"\n]*?(docs/[\w-]+\.md)#([\w-]+)', document.read(path)))
        self.assertTrue(named)
        for page, anchor in named:
            with self.subTest(page=page, anchor=anchor):
                self.assertIn(anchor, document.anchors(self.texts[page]))

    def test_the_readme_lists_every_document(self):
        listed = document.links(self.texts["README.md"])
        for path in self.texts:
            if path.startswith(("docs/", "compose/")) and path.count("/") < 3:
                self.assertIn(path, listed)


if __name__ == "__main__":
    unittest.main()
