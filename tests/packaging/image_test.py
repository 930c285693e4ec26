#!/usr/bin/env python3
"""The Dockerfile, as far as that can be told without building it: images pinned, files there, no
daemon run by root, each asked for its health."""

import fnmatch
import os
import re
import subprocess
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)

from support import dockerfile, process  # noqa: E402

TARGETS = {"collector": process.COLLECTOR, "enricher": process.ENRICHER}


def last(stages, name):
    """The instruction of that name that counts in an image, through all it is made from."""
    found = [stage.last(name) for stage in stages if stage.last(name)]
    return found[-1] if found else None


class ImageTest(unittest.TestCase):
    def setUp(self):
        self.stages = dockerfile.read(os.path.join(ROOT, "Dockerfile"))
        self.names = {stage.name for stage in self.stages}

    def image(self, target):
        base, stages = dockerfile.chain(self.stages, target)
        self.assertRegex(base, r"^debian:\d+\.\d+-slim$")
        return stages

    def test_images_begin_with_a_pinned_debian(self):
        for stage in self.stages:
            self.image(stage.name)

    def test_what_is_copied_exists(self):
        with open(os.path.join(ROOT, ".dockerignore"), encoding="utf-8") as file:
            ignored = file.read().split()
        for stage in self.stages:
            for each in stage.all("COPY"):
                *sources, _ = each.words()
                if sources[0].startswith("--from="):
                    self.assertIn(sources[0].split("=")[1], self.names)
                    continue
                for source in sources:
                    self.assertTrue(os.path.exists(os.path.join(ROOT, source)), source)
                    self.assertFalse(any(fnmatch.fnmatch(source, pattern) for pattern in ignored))

    def test_nothing_runs_as_root(self):
        for target in TARGETS:
            user = last(self.image(target), "USER").text
            self.assertRegex(user, r"^[1-9]\d+:[1-9]\d+$")

    def test_the_program_is_the_entry_point(self):
        for target, program in TARGETS.items():
            self.assertEqual(last(self.image(target), "ENTRYPOINT").words(),
                             [os.path.basename(program)])

    def test_health_is_asked_for_by_a_flag_that_exists(self):
        for target, program in TARGETS.items():
            check = last(self.image(target), "HEALTHCHECK").text
            self.assertIn(f'CMD ["{os.path.basename(program)}", "-health"]', check)
            _, output, log = process.run([program, "-h"])
            self.assertIn("  -health\n", output.decode() + log)

    def test_packages_are_those_of_the_scripts(self):
        used = {name for stage in self.stages for each in stage.all("RUN")
                for name in re.findall(r"\$(PACKAGES_\w+)", each.text)}
        self.assertTrue(used)
        for name in used:
            listed = subprocess.run(["sh", "-c", f". scripts/lib/package.sh && echo ${name}"],
                                    cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout.split()
            self.assertTrue(listed, name)


if __name__ == "__main__":
    unittest.main()
