#!/usr/bin/env python3
"""libgoflow2plus as it is installed: its headers, its symbols, and the example of its manual.

    library_test.py --build BUILD --compiler CC --flags "FLAG..."
"""

import argparse
import glob
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)

from support import netflow, process  # noqa: E402

WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror"]
OPTIONS = argparse.Namespace()
PREFIX = None


def call(command, **kwargs):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **kwargs)
    if done.returncode != 0:
        raise AssertionError(f"{shlex.join(command)}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def pkg_config(*arguments):
    folder, = glob.glob(f"{PREFIX}/lib*/**/pkgconfig", recursive=True)
    paths = f"{folder}:{os.environ.get('PKG_CONFIG_PATH', '')}"
    return call(["pkg-config", *arguments, "goflow2plus"],
                env={**os.environ, "PKG_CONFIG_PATH": paths}).split()


def compile_c(*arguments):
    call([OPTIONS.compiler, *OPTIONS.flags, *arguments])


def symbols(kind):
    archive, = glob.glob(f"{PREFIX}/lib*/**/libgoflow2plus.a", recursive=True)
    lines = call(["nm", "-g", kind, archive]).splitlines()
    return {line.split()[-1] for line in lines if len(line.split()) > 1}


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LibraryTest(unittest.TestCase):
    def test_each_header_compiles_alone(self):
        include = f"{PREFIX}/include"
        headers = glob.glob(f"{include}/goflow2plus/**/*.h", recursive=True)
        self.assertIn(f"{include}/goflow2plus/goflow2plus.h", headers)
        for header in headers:
            compile_c(*WARNINGS, "-fsyntax-only", *pkg_config("--cflags"), "-include", header,
                      "-x", "c", "/dev/null")

    def test_only_what_is_listed_can_be_seen(self):
        with open(os.path.join(ROOT, "library", "symbols"), encoding="utf-8") as file:
            listed = {line.strip() for line in file if not line.startswith("#")}
        self.assertEqual(symbols("--defined-only"), listed)
        declared = ""
        for header in glob.glob(f"{PREFIX}/include/**/*.h", recursive=True):
            with open(header, encoding="utf-8") as file:
                declared += file.read()
        self.assertEqual([name for name in listed if not re.search(rf"\b{name}\b", declared)], [])

    def test_what_the_manual_names_can_be_called(self):
        with open(os.path.join(ROOT, "docs", "library.md"), encoding="utf-8") as file:
            named = set(re.findall(r"`([a-z_0-9]+)`", file.read()))
        declared = ""
        for header in glob.glob(f"{PREFIX}/include/**/*.h", recursive=True):
            with open(header, encoding="utf-8") as file:
                declared += file.read()
        functions = {name for name in named if re.search(rf"\b{name}\(", declared)}
        self.assertIn("decoder_set_frames", functions)
        self.assertEqual(functions - symbols("--defined-only"), set())

    def test_all_of_it_links_with_what_pkg_config_says(self):
        with tempfile.TemporaryDirectory() as folder:
            main = os.path.join(folder, "main.c")
            with open(main, "w", encoding="utf-8") as file:
                file.write("int main(void) { return 0; }\n")
            flags = ["-Wl,--whole-archive" if flag == "-lgoflow2plus" else flag
                     for flag in pkg_config("--libs")]
            at = flags.index("-Wl,--whole-archive") + 1
            flags[at:at] = ["-lgoflow2plus", "-Wl,--no-whole-archive"]
            compile_c("-o", os.path.join(folder, "main"), main, *flags)

    def test_versions_agree(self):
        version, = pkg_config("--modversion")
        with open(f"{PREFIX}/include/goflow2plus/goflow2plus.h", encoding="utf-8") as file:
            self.assertIn(f'GOFLOW2PLUS_VERSION       "{version}"', file.read())

    def test_the_example_counts_bytes_per_as(self):
        source, = glob.glob(f"{PREFIX}/share/doc/**/bytes_per_as.c", recursive=True)
        fields = [(netflow.SRC_ADDR, 4), (17, 4), (1, 4), (34, 4)]  # to an AS, bytes, one in N
        template = netflow.ipfix(0, 1, netflow.ipfix_template(300, fields))
        data = [netflow.ipfix(0, 1, netflow.ipfix_data(
            300, (0x0A000001, 4), (number, 4), (octets, 4), (rate, 4)))
            for number, octets, rate in ((64500, 1000, 10), (64501, 7, 1), (64500, 5, 1))]
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "bytes_per_as")
            compile_c(*WARNINGS, "-std=gnu11", "-o", program, source,
                      *pkg_config("--cflags", "--libs"))
            port = free_port()
            with process.Process([program, str(port), "5"]) as example, \
                    socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as exporter:
                process.wait_until(lambda: example.output() == b"listening\n", "the example")
                for datagram in (data[0], template, *data[1:], b"none"):
                    exporter.sendto(datagram, ("127.0.0.1", port))
                self.assertEqual(example.wait(), 0)
                self.assertEqual(example.output(), b"listening\nAS64500 10005\nAS64501 7\n")
                self.assertIn("1 the first bytes are no version known here", example.log())


def main():
    global PREFIX
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--flags", default="", type=str.split)
    parser.parse_args(namespace=OPTIONS)
    if not shutil.which("pkg-config"):
        process.left_out("the installed library", "pkg-config is not installed")
        return
    with tempfile.TemporaryDirectory() as PREFIX:
        call(["cmake", "--install", OPTIONS.build, "--component", "devel", "--prefix", PREFIX])
        unittest.main(argv=sys.argv[:1])


if __name__ == "__main__":
    main()
