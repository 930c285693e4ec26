#!/usr/bin/env python3
"""Every compose file: docker-compose accepts it, what it names is there, images are pinned,
services are watched, limited and started again, and no secret stands in it."""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)

from support import process  # noqa: E402

FILES = sorted(glob.glob(os.path.join(ROOT, "compose", "*", "docker-compose.yml")))
PROFILES = ("traffic",)
PROGRAMS = {"collector": process.COLLECTOR, "enricher": process.ENRICHER}
# Of a tag two numbers at least: what a moving tag stands for is nobody's choice.
PINNED = re.compile(r"^[\w./-]+:v?\d+\.\d+[\w.-]*$")
VARIABLE_WITHOUT_VALUE = re.compile(r"^(\w+)=$", re.M)
SECRET = re.compile(r"(PASSWORD|TOKEN|SECRET)\w*['\"]?\s*[:=]\s*\S", re.I)


def fill_in(example):
    """What README.md tells to do: every variable without a value gets a password."""
    return VARIABLE_WITHOUT_VALUE.sub(r"\1=0123456789abcdef", example)


def compose(path, environment_file, *arguments):
    profiles = [word for profile in PROFILES for word in ("--profile", profile)]
    clean = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        ["docker-compose", "-f", path, "--env-file", environment_file, *profiles, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean)


class ComposeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="compose-test-")
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = scratch.name
        cls.said = {path: compose(path, cls.environment(os.path.dirname(path)), "config")
                    for path in FILES}

    def each(self):
        """(folder, the file as docker-compose understands it) of every compose file."""
        import yaml  # what docker-compose itself is built on
        for path, done in self.said.items():
            self.assertEqual(done.returncode, 0, done.stderr)
            yield os.path.dirname(path), yaml.safe_load(done.stdout)

    @classmethod
    def environment(cls, folder):
        filled = os.path.join(cls.scratch, os.path.basename(folder) + ".env")
        example = os.path.join(folder, ".env.example")
        with open(filled, "w", encoding="utf-8") as out:
            if os.path.exists(example):
                with open(example, encoding="utf-8") as file:
                    out.write(fill_in(file.read()))
        return filled

    def test_accepted_without_a_warning(self):
        for path, done in self.said.items():
            with self.subTest(os.path.relpath(path, ROOT)):
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_every_password_is_asked_for(self):
        for path in FILES:
            example = os.path.join(os.path.dirname(path), ".env.example")
            if not os.path.exists(example):
                continue
            with open(example, encoding="utf-8") as file:
                names = VARIABLE_WITHOUT_VALUE.findall(file.read())
            for name in names:
                with self.subTest(os.path.relpath(path, ROOT), variable=name):
                    filled = os.path.join(self.scratch, "one-missing.env")
                    with open(self.environment(os.path.dirname(path)), encoding="utf-8") as file:
                        text = re.sub(rf"^{name}=.*$", f"{name}=", file.read(), flags=re.M)
                    with open(filled, "w", encoding="utf-8") as out:
                        out.write(text)
                    done = compose(path, filled, "config", "-q")
                    self.assertNotEqual(done.returncode, 0)
                    self.assertIn("set it in .env", done.stderr)

    @unittest.skipUnless(shutil.which("openssl"), "no openssl")
    def test_passwords_are_made_as_the_example_says(self):
        for path in FILES:
            example = os.path.join(os.path.dirname(path), ".env.example")
            with self.subTest(os.path.relpath(example, ROOT)):
                if not os.path.exists(example):
                    continue
                with open(example, encoding="utf-8") as file:
                    loop = "".join(re.findall(r"^#   (.*\n)", file.read(), re.M))
                if "openssl" not in loop:
                    continue
                shutil.copy(example, os.path.join(self.scratch, ".env"))
                subprocess.run(["sh", "-ec", loop], cwd=self.scratch, check=True)
                done = compose(path, os.path.join(self.scratch, ".env"), "config", "-q")
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_no_secret_stands_in_the_file(self):
        for path in FILES:
            with open(path, encoding="utf-8") as file:
                for number, line in enumerate(file, start=1):
                    if not line.lstrip().startswith("#") and SECRET.search(line):
                        self.assertIn("${", line, f"{path}:{number}")

    def test_images_are_pinned_or_ours(self):
        ours = set()
        others = []
        for _, config in self.each():
            for name, service in config["services"].items():
                if "build" in service:
                    self.assertIn(self.target(service["build"]), self.dockerfile_targets())
                    ours.add(service["image"])
                else:
                    others.append((name, service["image"]))
        for name, image in others:
            with self.subTest(service=name):
                self.assertTrue(image in ours or PINNED.match(image), image)

    def target(self, build):
        self.assertEqual(os.path.realpath(build["context"]), os.path.realpath(ROOT))
        return build["target"]

    @staticmethod
    def dockerfile_targets():
        with open(os.path.join(ROOT, "Dockerfile"), encoding="utf-8") as file:
            return re.findall(r"^FROM .* AS (\w+)$", file.read(), re.M)

    def test_what_is_mounted_is_there(self):
        for _, config in self.each():
            volumes = set(config.get("volumes") or ())
            used = set()
            for name, service in config["services"].items():
                for volume in service.get("volumes", ()):
                    source, target = volume.split(":")[:2]
                    self.assertTrue(target.startswith("/"), volume)
                    if source.startswith("/"):
                        self.assertTrue(os.path.exists(source), f"{name}: {source}")
                    else:
                        used.add(source)
            self.assertEqual(used, volumes)

    def test_services_are_watched_limited_and_started_again(self):
        with open(os.path.join(ROOT, "Dockerfile"), encoding="utf-8") as file:
            self.assertIn("HEALTHCHECK", file.read())
        for _, config in self.each():
            ours = {s["image"] for s in config["services"].values() if "build" in s}
            ending = {needed for service in config["services"].values()
                      for needed, how in conditions(service)
                      if how == "service_completed_successfully"}
            for name, service in config["services"].items():
                with self.subTest(service=name):
                    if name in ending:
                        self.assertNotIn("restart", service)
                        continue
                    self.assertEqual(service.get("restart"), "unless-stopped")
                    self.assertIn("memory", service["deploy"]["resources"]["limits"])
                    self.assertIn("max-size", service["logging"]["options"])
                    if "profiles" not in service and service["image"] not in ours:
                        self.assertIn("test", service["healthcheck"])

    def test_our_programs_take_what_they_are_told(self):
        """Their -check, with the files that are mounted; what volumes hold is in a folder."""
        for _, config in self.each():
            images = {service["image"]: PROGRAMS[self.target(service["build"])]
                      for service in config["services"].values() if "build" in service}
            for name, service in config["services"].items():
                # A list of words, unless a shell of the image's own joins programs.
                if service["image"] in images and "entrypoint" not in service:
                    with self.subTest(service=name):
                        self.check(images[service["image"]], service)

    def check(self, program, service):
        places = {target: source if source.startswith("/") else self.scratch for source, target in
                  (volume.split(":")[:2] for volume in service.get("volumes", ()))}

        def there(text):
            for target, source in places.items():
                text = text.replace(target, source)
            return text

        environment = {name: there(str(value))
                       for name, value in service.get("environment", {}).items()}
        done = subprocess.run([program, "-check", *map(there, service["command"])],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_who_waits_for_health_waits_for_one_that_has_it(self):
        for _, config in self.each():
            for name, service in config["services"].items():
                for needed, how in conditions(service):
                    with self.subTest(service=name, needs=needed):
                        self.assertIn(needed, config["services"])
                        if how == "service_healthy":
                            other = config["services"][needed]
                            self.assertTrue("healthcheck" in other or "build" in other)


def conditions(service):
    needs = service.get("depends_on", {})
    if isinstance(needs, list):
        return [(name, "service_started") for name in needs]
    return [(name, how.get("condition")) for name, how in needs.items()]


if __name__ == "__main__":
    if not shutil.which("docker-compose"):
        process.left_out("compose files", "docker-compose is not installed")
        sys.exit(0)
    unittest.main()
