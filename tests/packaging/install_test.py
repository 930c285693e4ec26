#!/usr/bin/env python3
"""What cmake --install puts where, and the pages of the manual.

    install_test.py CMAKE BUILD    the build folder whose install is tried
"""

import glob
import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)

from support import process  # noqa: E402

PROGRAMS = {"goflow2plus": process.COLLECTOR, "enricher": process.ENRICHER}
DOCUMENTS = {"flow-mapping.5": "mapping.md", "flow-context.5": "context.md",
             "flow-config.5": "config.md", "flow-filter.5": "filter.md"}
PAGES = [f"{program}.8" for program in PROGRAMS] + list(DOCUMENTS)
UNITS = ("goflow2plus.service", "goflow2plus-pipeline.service", "enricher.service",
         "enricher@.service")
LINKS = {"bin/goflow2plus-enricher": "enricher",
         "share/man/man8/goflow2plus-enricher.8.gz": "enricher.8.gz",
         "lib/systemd/system/goflow2plus-enricher.service": "enricher.service",
         "lib/systemd/system/goflow2plus-enricher@.service": "enricher@.service"}
FILES = [*(f"bin/{program}" for program in PROGRAMS),
         *(f"share/man/man{page[-1]}/{page}.gz" for page in PAGES),
         *(f"lib/systemd/system/{unit}" for unit in UNITS),
         *(f"etc/goflow2plus/{program}.yaml" for program in PROGRAMS),
         "libexec/goflow2plus/pipeline", "lib/sysusers.d/goflow2plus.conf",
         *(f"share/goflow2plus/{name}" for name in (
             "mapping.yaml", "context.yaml", "flow.proto", "goflow2plus-sysctl.conf")),
         "share/doc/goflow2plus/README.md",
         "share/doc/goflow2plus/CHANGELOG.md", "share/doc/goflow2plus/LICENSE"]


def run(*arguments, data=None):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, input=data,
                          timeout=process.DEADLINE_SECONDS)
    return done.returncode, done.stdout.decode()


def headings(markdown):
    """Of a document, but for its title; not those in examples."""
    text = re.sub(r"^```.*?^```", "", markdown, flags=re.S | re.M)
    return [re.sub(r"[`*]|\]\([^)]*\)|\[", "", found) for found in
            re.findall(r"^##+ (.*)$", text, re.M)]


def plain(text):
    """Words alone, of a page or of Markdown."""
    text = re.sub(r"\\f[BIP]|\\&|[`*]|\]\([^)]*\)|\[(?=[^]]*\]\()", "", text)
    text = text.replace(r"\-", "-").replace(r"\e", "\\").replace(r"\|", "|")
    return " ".join(text.split())


def cells(markdown):
    """Of all tables, but for their headings."""
    found = []
    for table in re.findall(r"(?m)^\|.*\n\|[-| ]+\n((?:\|.*\n)+)", markdown):
        for row in table.splitlines():
            found += [plain(cell) for cell in re.split(r"(?<!\\)\|", row)]
    return found


class InstallTest(unittest.TestCase):
    cmake = build = None

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.prefix = os.path.join(cls.folder.name, "prefix")
        status, output = run(cls.cmake, "--install", cls.build, "--prefix", cls.prefix)
        assert status == 0, output

    def page(self, name):
        path = os.path.join(self.prefix, "share/man/man" + name[-1], name + ".gz")
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return file.read()

    def test_files_are_there(self):
        for name in FILES:
            self.assertTrue(os.path.isfile(os.path.join(self.prefix, name)), name)

    def test_the_enricher_has_a_second_name(self):
        for name, target in LINKS.items():
            path = os.path.join(self.prefix, name)
            self.assertEqual(os.readlink(path), target)
            self.assertTrue(os.path.isfile(path), name)
        said = run(os.path.join(self.prefix, "bin/goflow2plus-enricher"), "-v")
        self.assertEqual(said, run(os.path.join(self.prefix, "bin/enricher"), "-v"))

    def test_documents_are_there(self):
        def below(folder):
            return {os.path.relpath(path, folder)
                    for path in glob.glob(os.path.join(folder, "**/*.*"), recursive=True)}
        for folder, some in (("docs", {"agents.md", "performance/curves.svg"}),
                             ("compose", {"ncg/prometheus/alerts.yml", "elk/mapping.yaml",
                                          "ncg/grafana/dashboards/operations.json"})):
            wanted = {path for path in below(os.path.join(ROOT, folder))
                      if "__pycache__" not in path}
            self.assertTrue(some <= wanted)
            self.assertEqual(wanted, below(os.path.join(self.prefix, "share/doc/goflow2plus",
                                                        folder)))

    def test_links_of_documents_to_what_is_installed_lead_there(self):
        """But for what is of the source tree alone: tests, scripts, programs."""
        folder = os.path.join(self.prefix, "share/doc/goflow2plus")
        seen = 0
        for path in glob.glob(os.path.join(folder, "**/*.md"), recursive=True):
            with open(path, encoding="utf-8") as file:
                for link in re.findall(r"\]\(([^)#:]+)[^):]*\)", file.read()):
                    target = os.path.normpath(os.path.join(os.path.dirname(path), link))
                    if re.match(r"(docs|compose|README|CHANGELOG)",
                                os.path.relpath(target, folder)):
                        seen += 1
                        self.assertTrue(os.path.exists(target), f"{path}: {link}")
        self.assertGreater(seen, 50)

    def test_programs_say_one_version(self):
        with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as file:
            version = re.search(r"project\(goflow2plus VERSION (\S+)", file.read()).group(1)
        for name in PROGRAMS:
            status, output = run(os.path.join(self.prefix, "bin", name), "-v")
            self.assertEqual((status, output.split()[-1]), (0, version))
        for name in PAGES:
            self.assertIn(f".Os goflow2plus {version}\n", self.page(name))

    def test_pages_are_clean(self):
        tools = {"mandoc": ("-T", "lint", "-W", "warning"),
                 "groff": ("-k", "-mdoc", "-ww", "-Tutf8", "-z")}
        for tool, flags in tools.items():
            if shutil.which(tool) is None:
                process.left_out(self.id(), f"{tool} is not installed")
                continue
            for name in PAGES:
                status, found = run(tool, *flags, data=self.page(name).encode())
                self.assertEqual((status, found), (0, ""), f"{tool}: {name}")

    def test_pages_have_every_flag(self):
        for name, program in PROGRAMS.items():
            _, listing, log = process.run([program, "-h"])
            flags = re.findall(r"^  -(\S+)", listing.decode() + log, re.M)
            self.assertGreater(len(flags), 20)
            described = re.findall(r"^\.It Fl (\S+)", self.page(name + ".8"), re.M)
            self.assertEqual([flag.replace("-", r"\-") for flag in flags], described)

    def test_pages_have_every_section(self):
        for name, document in DOCUMENTS.items():
            with open(os.path.join(ROOT, "docs", document), encoding="utf-8") as file:
                wanted = [heading.lower() for heading in headings(file.read())]
            self.assertGreater(len(wanted), 3)
            there = [heading.lower() for heading in
                     re.findall(r"^\.S[hs] (.*)$", self.page(name), re.M)]
            wanted = ["diagnostics" if heading == "errors" else heading for heading in wanted]
            self.assertEqual(there, ["name", "description", *wanted, "see also"])

    def test_pages_keep_every_cell_of_tables(self):
        for name, document in DOCUMENTS.items():
            with open(os.path.join(ROOT, "docs", document), encoding="utf-8") as file:
                wanted = cells(file.read())
            self.assertGreater(len(wanted), 5)
            page = plain(self.page(name))
            for cell in wanted:
                self.assertIn(cell, page, name)

    def test_pages_keep_every_example(self):
        for name, document in DOCUMENTS.items():
            with open(os.path.join(ROOT, "docs", document), encoding="utf-8") as file:
                examples = re.findall(r"^```\w*\n(.*?)^```", file.read(), re.S | re.M)
            page = self.page(name).replace(r"\-", "-").replace(r"\e", "\\").replace(r"\&", "")
            for example in examples:
                self.assertIn(example, page)

    def test_units_run_what_is_installed(self):
        """And read what is installed, below the folder that the build is for."""
        for name in UNITS:
            with open(os.path.join(self.prefix, "lib/systemd/system", name),
                      encoding="utf-8") as file:
                unit = file.read()
            self.assertNotIn("@CMAKE", unit)
            self.assertRegex(unit, r"(?m)^ExecReload=/bin/sh -c .kill -HUP -?\$MAINPID.$")
            named = re.findall(r"/usr/local/((?:bin|etc|libexec)/\S+)", unit)
            self.assertGreater(len(named), 2)
            for path in named:
                self.assertTrue(os.path.isfile(os.path.join(self.prefix, path)), path)

    def test_pipeline_waits_for_the_drain_of_both(self):
        """Told to end, as systemd tells it, it stays until they have ended."""
        path = os.path.join(self.folder.name, "pipeline")
        with open(os.path.join(self.prefix, "libexec/goflow2plus/pipeline"),
                  encoding="utf-8") as file:
            text = file.read().replace("/usr/local/", self.prefix + "/")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        with process.Process(["env", "GOFLOW2PLUS_ARGS=-listen=flow://127.0.0.1:0 -addr=",
                              "ENRICHER_ARGS=-addr=", "bash", path]) as script:
            script.wait_for_log("starting collection")
            script.wait_for_log("starting enricher")
            with open(f"/proc/{script.process.pid}/task/{script.process.pid}/children",
                      encoding="utf-8") as file:
                both = [int(pid) for pid in file.read().split()]
            self.assertEqual(len(both), 2)
            script.send(signal.SIGTERM)
            for pid in both:
                os.kill(pid, signal.SIGTERM)
            self.assertEqual(script.wait(), 0)
            self.assertIn("ledger flows", script.log())

    def test_settings_of_the_services_are_right(self):
        """As they are, and with the lines that wait behind a comment sign."""
        for name, program in PROGRAMS.items():
            with open(os.path.join(self.prefix, f"etc/goflow2plus/{name}.yaml"),
                      encoding="utf-8") as file:
                plainly = file.read()
            self.assertRegex(plainly, r"(?m)^#[a-z.]+: ")
            path = os.path.join(self.folder.name, name + ".yaml")
            for text in (plainly, re.sub(r"(?m)^#([a-z.]+: )", r"\1", plainly)):
                for folder in re.findall(r"/(?:etc|var/lib)/\w+", text):
                    os.makedirs(self.folder.name + folder, exist_ok=True)
                text = re.sub(r"(?=/(?:etc|var/lib)/)", self.folder.name, text)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                self.put_samples(text)
                status, said = run(program, "-check", "-config", path)
                self.assertEqual(status, 0, said)
                self.assertNotIn("level=WARN", said)

    def put_samples(self, text):
        """What a file of settings names."""
        fixtures = os.path.join(TESTS, "fixtures")
        for name, origin in (("context.yaml", os.path.join(ROOT, "context.yaml")),
                             ("GeoLite2-ASN.mmdb", os.path.join(fixtures, "demo-asn.mmdb")),
                             ("GeoLite2-Country.mmdb", os.path.join(fixtures, "demo-country.mmdb"))):
            for path in re.findall(rf"(/\S+/{re.escape(name)})$", text, re.M):
                shutil.copy(origin, path)


if __name__ == "__main__":
    InstallTest.build = sys.argv.pop()
    InstallTest.cmake = sys.argv.pop()
    unittest.main()
