#!/usr/bin/env python3
"""The Debian package and both images, made as the Dockerfile says in clean Debian roots, and run
there: what they need is what they ask for.

    root_test.py BUILD    a folder for the root that is copied

No container engine is needed: the instructions that the Dockerfile has are few.
"""

import contextlib
import glob
import os
import re
import shutil
import socket
import subprocess
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)

from support import clean_root, dockerfile, netflow, process  # noqa: E402

FIXTURES = os.path.join(TESTS, "fixtures")
DEMO_FLOWS = 418
PACKAGE = "goflow2plus"
BOOT_SECONDS = 300
PROBE_UNIT = """[Unit]
SuccessAction=poweroff
FailureAction=poweroff

[Service]
Type=oneshot
ExecStart=/bin/bash /probe.sh

[Install]
WantedBy=multi-user.target
"""


class Image:
    """One stage, built in a root."""

    def __init__(self, root):
        self.root, self.user, self.folder, self.settings = root, "0:0", "/", {}
        self.entry, self.health = [], []

    def inherit(self, other):
        self.user, self.folder, self.settings = other.user, other.folder, dict(other.settings)

    def run(self, *words):
        return self.root.run(*words, user=self.user, folder=self.folder, settings=self.settings)

    def command(self, *words):
        return self.root.command(*words, user=self.user, folder=self.folder,
                                 settings=self.settings)


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout.decode()
    return [name for name in listed.split("\0") if name and os.path.exists(
        os.path.join(ROOT, name))]


class Builder:
    """Carries out a Dockerfile, and keeps the images by the names of their stages."""

    def __init__(self, roots, base):
        self.roots, self.base, self.images = roots, base, {}

    def build(self, stage):
        below = self.images.get(stage.base)
        image = Image(self.roots.enter_context(clean_root.Root(
            below.root.path if below else self.base)))
        if below:
            image.inherit(below)
        for each in stage.instructions:
            getattr(self, "do_" + each.name.lower())(image, each)
        self.images[stage.name] = image

    def do_run(self, image, each):
        image.run("sh", "-c", each.text)

    def do_copy(self, image, each):
        *sources, target = each.words()
        origin = ROOT
        if sources[0].startswith("--from="):
            origin = self.images[sources.pop(0).split("=")[1]].root.path
        target = os.path.join(image.root.inside(os.path.join(image.folder, target)), "")
        os.makedirs(target, exist_ok=True)
        for source in sources:
            if source == ".":
                for name in tracked():
                    self.put(os.path.join(ROOT, name), os.path.join(target, name))
                continue
            found = glob.glob(os.path.join(origin, source.lstrip("/")))
            assert found, f"COPY {source}: nothing there"
            for path in found:
                self.put(path, os.path.join(target, os.path.basename(path)))

    @staticmethod
    def put(source, target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(source, target, follow_symlinks=False)

    def do_workdir(self, image, each):
        image.folder = each.text
        os.makedirs(image.root.inside(each.text), exist_ok=True)

    def do_user(self, image, each):
        image.user = each.text

    def do_env(self, image, each):
        name, value = each.text.split("=", 1)
        image.settings[name] = value

    def do_entrypoint(self, image, each):
        image.entry = each.words()

    def do_healthcheck(self, image, each):
        image.health = dockerfile.Instruction("CMD", re.search(r"CMD (.*)", each.text)
                                              .group(1)).words()

    def do_volume(self, image, each):
        """Only a container engine has something to do."""

    do_expose = do_volume


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RootTest(unittest.TestCase):
    folder = None

    @classmethod
    def setUpClass(cls):
        why = clean_root.missing()
        base = None if why else clean_root.base(cls.folder)
        if base is None:
            why = why or "no root could be made from a mirror of Debian"
            process.left_out("the package and the images in a clean root", why)
            raise unittest.SkipTest(why)
        roots = contextlib.ExitStack()
        cls.addClassCleanup(roots.close)
        builder = Builder(roots, base)
        for stage in dockerfile.read(os.path.join(ROOT, "Dockerfile")):
            print(f"building {stage.name}", flush=True)
            builder.build(stage)
        cls.images = builder.images
        cls.package, = glob.glob(cls.images["build"].root.inside(
            "/src/build-package/goflow2plus_*.deb"))

    def field(self, name):
        return subprocess.run(["dpkg-deb", "-f", self.package, name], stdout=subprocess.PIPE,
                              text=True, check=True).stdout.strip()

    def test_lintian_has_nothing_to_say(self):
        if shutil.which("lintian") is None:
            process.left_out(self.id(), "lintian is not installed")
            return
        packages = glob.glob(os.path.join(os.path.dirname(self.package), "*.deb"))
        self.assertEqual(len(packages), 2)
        done = subprocess.run(["lintian", "--allow-root", *packages], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        self.assertEqual(re.findall(r"(?m)^[EW]: .*$", done.stdout), [])

    def test_it_depends_on_the_libraries_it_is_linked_to(self):
        image = self.images["collector"]
        depends = {re.match(r"[\w.+-]+", each.strip()).group(0)
                   for each in self.field("Depends").split(",")}
        for program in ("goflow2plus", "enricher"):
            listed = image.root.run("ldd", f"/usr/bin/{program}")
            self.assertNotIn("not found", listed)
            needed = subprocess.run(["objdump", "-p", image.root.inside(f"/usr/bin/{program}")],
                                    stdout=subprocess.PIPE, text=True).stdout
            for library in re.findall(r"NEEDED +(\S+)", needed):
                path = re.search(rf"{re.escape(library)} => (\S+)", listed).group(1)
                owner = image.root.run("dpkg", "-S", f"*{os.path.basename(path)}").split(":")[0]
                self.assertIn(owner, depends, library)

    def test_systemd_starts_reloads_and_stops_them(self):
        if shutil.which("systemd-nspawn") is None:
            process.left_out(self.id(), "systemd-container is not installed")
            return
        with clean_root.Root(self.images["collector"].root.path) as root:
            root.run("apt-get", "update", "-q")
            root.run("apt-get", "install", "-y", "-q", "--no-install-recommends", "systemd",
                     "systemd-sysv", "dbus", "logrotate")
            facts = self.boot(root)
            if facts is None:
                process.left_out(self.id(), "systemd cannot be booted in a container here")
                return
        self.assertEqual(int(facts.pop("capabilities"), 16), 0)  # given back
        self.assertEqual(facts, {"healthy": "0", "flow": "0", "reload": "0", "buffers": "0",
                                 "user": "goflow2plus", "may_read": "640 goflow2plus",
                                 "rotated": "0", "flow_after_rotation": "0",
                                 "flow_after_reload": "0", "same_process": "0",
                                 "enricher_after_reload": "active", "restarted": "0",
                                 "after_upgrade": "active inactive",
                                 "after_purge": "inactive", "left": "",
                                 "goflow2plus": "success 0", "enricher": "success 0"})

    def boot(self, root):
        """What service_probe.sh found; None when it was not reached."""
        shutil.copy(os.path.join(TESTS, "packaging/service_probe.sh"), root.inside("/probe.sh"))
        shutil.copy(self.package, root.inside("/package.deb"))
        with open(root.inside("/datagram"), "wb") as file:
            file.write(netflow.v5(1, ["10.0.0.1"]))
        folder = root.inside("/etc/systemd/system")
        with open(os.path.join(folder, "probe.service"), "w", encoding="utf-8") as file:
            file.write(PROBE_UNIT)
        os.makedirs(os.path.join(folder, "multi-user.target.wants"), exist_ok=True)
        os.symlink("/etc/systemd/system/probe.service",
                   os.path.join(folder, "multi-user.target.wants/probe.service"))
        subprocess.run(["systemd-nspawn", "-q", "-D", root.path, "--private-network",
                        "--register=no", "--keep-unit", "--boot"], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=BOOT_SECONDS)
        if not os.path.exists(root.inside("/probe.facts")):
            return None
        with open(root.inside("/probe.log"), encoding="utf-8") as file:
            print(file.read())
        with open(root.inside("/probe.facts"), encoding="utf-8") as file:
            found = {}
            for line in file:
                name, _, value = line.strip().partition("=")
                found[name] = value
            return found

    def test_the_programs_are_hardened(self):
        for program in ("goflow2plus", "enricher"):
            path = self.images["collector"].root.inside(f"/usr/bin/{program}")
            read = subprocess.run(["readelf", "-hdsW", path], stdout=subprocess.PIPE,
                                  text=True).stdout
            for wanted in (r"Type: +DYN", "BIND_NOW", "__stack_chk_fail", r"__\w+_chk@"):
                self.assertRegex(read, wanted)

    def test_the_version_is_that_of_the_programs(self):
        for program in ("goflow2plus", "enricher"):
            said = self.images["collector"].run(program, "-v").split()[-1]
            self.assertEqual(said, self.field("Version"))

    def test_the_demo_of_the_readme_runs(self):
        said = self.images["build"].root.run("scripts/demo", folder="/src")
        self.assertIn(f"\n{DEMO_FLOWS} flows", said)

    def test_the_library_is_all_that_its_example_wants(self):
        root = self.images["build"].root
        root.run("sh", "-c", "apt-get install -y -q /src/build-package/libgoflow2plus-dev_*.deb")
        root.run("sh", "-c", "cc -o /tmp/example /usr/share/doc/goflow2plus/example/bytes_per_as.c "
                             "$(pkg-config --cflags --libs goflow2plus)")

    def test_its_settings_are_kept_by_upgrades(self):
        listed = self.images["collector"].root.run("dpkg-query", "-W", "-f=${Conffiles}", PACKAGE)
        self.assertEqual(re.findall(r"/etc/\S+", listed),
                         ["/etc/default/enricher", "/etc/default/goflow2plus",
                          "/etc/goflow2plus/enricher.yaml", "/etc/goflow2plus/goflow2plus.yaml",
                          "/etc/logrotate.d/goflow2plus"])

    def test_the_demo_runs(self):
        image = self.images["enricher"]
        for name in ("demo.pcap", "demo-context.yaml", "demo-asn.mmdb", "demo-country.mmdb"):
            shutil.copy(os.path.join(FIXTURES, name), image.root.inside("/tmp"))
        pipeline = ("goflow2plus -read /tmp/demo.pcap -format=bin -transport.file.sep= 2>/dev/null "
                    "| enricher -addr= -context.config /tmp/demo-context.yaml"
                    " -db.asn /tmp/demo-asn.mmdb -db.country /tmp/demo-country.mmdb 2>/dev/null")
        lines = image.run("sh", "-c", pipeline).splitlines()
        self.assertEqual(len(lines), DEMO_FLOWS)
        self.assertTrue(any('"source_group"' in line for line in lines))

    def test_the_collector_serves_and_is_well(self):
        image = self.images["collector"]
        self.assertEqual(image.user.split(":")[0], "10001")
        address = f"127.0.0.1:{free_port()}"
        with process.Process(image.command(
                *image.entry, "-listen=flow://127.0.0.1:0", f"-addr={address}",
                "-transport.file=/var/lib/goflow2plus/flows.json",
                "-templates.json.path=/var/lib/goflow2plus/templates.json")) as collector:
            collector.wait_for_log("starting collection")
            port = int(re.search(r'starting collection".* port=(\d+)', collector.log()).group(1))
            image.run(*image.health, f"-addr={address}")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(netflow.v5(1, ["10.0.0.1"]), ("127.0.0.1", port))
            flows = image.root.inside("/var/lib/goflow2plus/flows.json")
            process.wait_until(lambda: os.path.exists(flows) and os.path.getsize(flows), "a flow")
            self.assertEqual(collector.stop(), 0)
        with self.assertRaises(AssertionError):
            image.run(*image.health, f"-addr={address}")

    def test_the_enricher_serves_and_is_well(self):
        image = self.images["enricher"]
        image.settings["ENRICHER_ADDR"] = f"127.0.0.1:{free_port()}"
        reader, writer = os.pipe()
        with process.Process(image.command(*image.entry), stdin=reader) as enricher:
            os.close(reader)
            enricher.wait_for_log("starting HTTP server")
            image.run(*image.health)
            os.close(writer)
            self.assertEqual(enricher.wait(), 0, enricher.log())

    def test_a_purge_leaves_nothing(self):
        root = self.images["installed"].root
        files = [path for path in root.run("dpkg", "-L", PACKAGE).splitlines()
                 if os.path.isfile(root.inside(path))]
        self.assertIn("/usr/bin/goflow2plus", files)
        root.run("apt-get", "purge", "-y", "-q", PACKAGE)
        self.assertEqual([path for path in files if os.path.exists(root.inside(path))], [])


if __name__ == "__main__":
    RootTest.folder = sys.argv.pop()
    unittest.main()
