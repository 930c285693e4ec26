#!/usr/bin/env python3
"""goflow2's flags, one by one: there, with the same default, of the same kind, to the same effect.

The tables hold the whole list but for Kafka's flags, which are refused in words.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import flow, process  # noqa: E402

FIXTURES = os.path.join(TESTS, "fixtures")
DEMO = os.path.join(FIXTURES, "demo.pcap")
BIN = ["-format=bin", "-transport.file.sep="]

TEXT, NUMBER, DURATION, BOOLEAN = "a text", "a whole number", "a duration ", "true or false"
# Values that each kind takes, and some that it does not.
TAKEN = {NUMBER: ("0", "7", "-1"), DURATION: ("0", "300ms", "1m30s", "2h"),
         BOOLEAN: ("true", "false", "1", "0", "t", "F", "TRUE", "False")}
REFUSED = {NUMBER: ("", "x", "1.5"), DURATION: ("", "10", "s", "5 s"),
           BOOLEAN: ("yes", "maybe", "")}

BOTH = {
    "format": (TEXT, "json"), "transport": (TEXT, "file"), "transport.file": (TEXT, ""),
    "transport.file.sep": (TEXT, r"\n"), "loglevel": (TEXT, "info"), "logfmt": (TEXT, "normal"),
    "v": (BOOLEAN, ""),
}
COLLECTOR = {
    **BOTH,
    "listen": (TEXT, "sflow://:6343,netflow://:2055"), "produce": (TEXT, "sample"),
    "mapping": (TEXT, ""), "err.cnt": (NUMBER, "10"), "err.int": (DURATION, "10s"),
    "addr": (TEXT, ":8080"), "templates.path": (TEXT, "/templates"),
    "templates.ttl": (DURATION, ""), "templates.sweep-interval": (DURATION, "1m"),
    "templates.ttl.extend-on-access": (BOOLEAN, ""), "templates.json.path": (TEXT, ""),
    "templates.json.interval": (DURATION, "10s"),
    # GoFlow2+'s.
    "transport.nats.url": (TEXT, "nats://localhost:4222"),
    "transport.nats.stream": (TEXT, "goflow2"), "transport.nats.subject": (TEXT, "goflow2.messages"),
    "transport.nats.tls.cert": (TEXT, ""), "transport.nats.tls.key": (TEXT, ""),
    "transport.nats.tls.ca": (TEXT, ""), "transport.nats.tls.insecure": (BOOLEAN, ""),
}
ENRICHER = {**BOTH, "db.asn": (TEXT, ""), "db.country": (TEXT, ""), "samplingrate": (NUMBER, "")}
PROGRAMS = ((process.COLLECTOR, COLLECTOR), (process.ENRICHER, ENRICHER))


def help_of(program):
    """{flag: its default} as -h shows them."""
    status, output, log = process.run([program, "-h"])
    assert (status, output) == (0, b""), log
    flags = {}
    for line in log.splitlines():
        begins = re.match(r"  -(\S+)", line)
        if begins:
            name = begins.group(1)
            flags[name] = ""
        shown = re.search(r"\(default (.*)\)$", line)
        if shown:
            flags[name] = shown.group(1).strip('"')
    return flags


class TableTest(unittest.TestCase):
    def test_every_flag_is_there_with_its_default(self):
        for program, table in PROGRAMS:
            shown = help_of(program)
            for flag, (_, default) in table.items():
                self.assertEqual(shown.get(flag), default, f"{program} -{flag}")

    def test_every_flag_takes_what_its_kind_takes(self):
        for program, table in PROGRAMS:
            for flag, (kind, _) in table.items():
                for value in TAKEN.get(kind, ()):
                    for dash in ("-", "--"):
                        status, _, log = process.run([program, "-check", f"{dash}{flag}={value}"])
                        self.assertEqual(status, 0, log)
                for value in REFUSED.get(kind, ()):
                    status, _, log = process.run([program, f"-{flag}={value}"])
                    self.assertEqual(status, 2)
                    self.assertIn(f'-{flag}: got "{value}", wanted {kind}', log)
                if kind != BOOLEAN:
                    status, _, log = process.run([program, f"-{flag}"])
                    self.assertEqual((status, log.count("got no value")), (2, 1), log)

    def test_what_is_not_there_is_refused_in_words(self):
        kafka = "Kafka is not built in, NATS JetStream takes its place"
        for program, _ in PROGRAMS:
            for flag, wanted in (("-transport=kafka", "wanted file"), ("-transport=kafka", kafka),
                                 ("-transport.kafka.brokers=a:9092", kafka),
                                 ("-transport.kafka.hashing", kafka),
                                 ("-transport=nix", "wanted file"),
                                 ("-fromat=json", "unknown flag, the nearest is -format"),
                                 ("-versoin", "unknown flag"), ("-form=json", "unknown flag"),
                                 ("-format=xml", "wanted ")):
                status, output, log = process.run([program, flag])
                self.assertEqual((status, output), (2, b""), log)
                self.assertIn(wanted, log)
                self.assertEqual(log.count("\n"), 1, log)
        for name in ("file", "nats"):
            self.assertIn(name, process.run([process.COLLECTOR, "-transport=nix"])[2])
        status, _, log = process.run([process.COLLECTOR, "-produce=all"])
        self.assertEqual((status, log), (2, '-produce: got "all", wanted sample or raw\n'))


class StartTest(unittest.TestCase):
    def test_an_address_of_another_host_is_named(self):
        status, output, log = process.run([process.COLLECTOR, "-addr=",
                                           "-listen=netflow://192.0.2.1:2055"])
        self.assertEqual((status, output), (1, b""), log)
        self.assertIn("192.0.2.1", log)
        self.assertIn("no interface of this host has it", log)

    def test_pages_that_cannot_be_served_are_no_reason_not_to_run(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            for arguments in ([process.COLLECTOR, "-listen=netflow://127.0.0.1:0", "-addr", address],
                              [process.COLLECTOR, "-listen=netflow://127.0.0.1:0",
                               "-addr=192.0.2.1:0"],
                              [process.ENRICHER, "-addr", address]):
                with process.Process(arguments, stdin=subprocess.PIPE) as daemon:
                    daemon.wait_for_log("runs without its pages")
                    self.assertRegex(daemon.log(), "Address already in use|no interface of this host")
                    self.assertIn("level=WARN", daemon.log())
                    self.assertEqual(daemon.stop(), 0)

    def test_a_process_without_stdin_or_stdout_says_so(self):
        for program, closed, name in ((process.ENRICHER, "<&-", "stdin"),
                                      (process.ENRICHER, "</dev/null >&-", "stdout"),
                                      (process.COLLECTOR + " -read " + DEMO, ">&-", "stdout")):
            status, output, log = process.run(["sh", "-c", f"exec {program} {closed}"])
            self.assertEqual((status, output), (1, b""), log)
            self.assertRegex(log, f"level=ERROR .*{name}.*Bad file descriptor")

    def test_who_starts_the_enricher_by_hand_is_told_what_it_waits_for(self):
        ours, terminal = os.openpty()
        with process.Process([process.ENRICHER], stdin=terminal) as enricher:
            enricher.wait_for_log("stdin is a terminal")
            self.assertEqual(enricher.stop(), 0)
        os.close(ours)
        os.close(terminal)

    def test_what_has_no_effect_is_told(self):
        nats, demo = "nats://127.0.0.1:4222", ["-read", DEMO]
        collector, enricher = process.COLLECTOR, process.ENRICHER
        for program, arguments, setting, without in (
                (collector, ["-read.filter=udp"], "-read.filter", "-read"),
                (collector, ["-transport.nats.servers", nats], "-transport.nats.servers",
                 "-transport=nats"),
                (collector, ["-transport=nats", "-transport.file=x"], "-transport.file",
                 "-transport=file"),
                (collector, [*demo, "-listen=netflow://:2055"], "-listen",
                 "sockets: -read reads files instead"),
                (collector, ["-templates.json.interval=1s"], "-templates.json.interval",
                 "-templates.json.path"),
                (collector, ["-produce=raw", "-sampling.default=192.0.2.1=7"], "-sampling.default",
                 "-produce=sample"),
                (enricher, ["-source.nats.servers", nats], "-source.nats.servers", "-source=nats"),
                (enricher, ["-clickhouse.url=http://h:1"], "-clickhouse.url",
                 "-transport=clickhouse"),
                (enricher, ["-transport=clickhouse", "-format=text"], "-format",
                 "-transport=file or -transport=nats: a table takes rows")):
            log = process.run([program, "-check", *arguments])[2]
            quoted = f'"{without}"' if " " in without or "=" in without else without
            self.assertIn(f'msg="setting has no effect" setting={setting} without={quoted}', log)
            self.assertEqual(log.count("no effect"), 1, log)

    def test_nothing_is_said_of_what_has_an_effect(self):
        for arguments in (["-transport=nats", "-transport.nats.servers=nats://127.0.0.1:4222"],
                          ["-templates.nats.bucket=b", "-transport.nats.servers=nats://127.0.0.1:4222"],
                          ["-read", DEMO, "-read.filter=udp", "-transport.file.sep=,"]):
            self.assertNotIn("no effect", process.run([process.COLLECTOR, "-check", *arguments])[2])

    def test_all_that_is_wrong_is_said(self):
        status, _, log = process.run([process.COLLECTOR, "-format=txt", "-filter=src_prt == 1",
                                      "-listen=netflw://:1", "-sampling.default=x",
                                      "-addr=nowhere", "-transport.file.buffer=1MiB"])
        self.assertEqual((status, log.count("\n")), (2, 8), log)  # the filter takes three
        status, _, log = process.run([process.ENRICHER, "-format=txt", "-filter=src_prt == 1",
                                      "-addr=nowhere", "-source=x", "-loglevel=y"])
        self.assertEqual((status, log.count("\n")), (2, 7), log)

    def test_blanks_and_units_in_the_list_of_listeners(self):
        status, output, log = process.run([
            process.COLLECTOR, "-check", "-listen",
            "netflow://127.0.0.1:2055?rcvbuf=64MiB, sflow://127.0.0.1:6343"])
        self.assertEqual((status, log), (0, ""))
        self.assertIn(b"listen for sflow on 127.0.0.1:6343", output)
        for flag, value in (("-allow", "192.0.2.1, 192.0.2.8/29"),
                            ("-sampling.default", "192.0.2.1=7, 192.0.2.2=8"),
                            ("-sampling.override", "192.0.2.1=7 ,192.0.2.2=8"),
                            ("-biflow.post", "192.0.2.1 , 192.0.2.8/29")):
            status, _, log = process.run([process.COLLECTOR, "-check", flag, value])
            self.assertEqual((status, log), (0, ""), flag)
        status, _, log = process.run([process.COLLECTOR, "-listen", "netflow://:2055?cuont=4"])
        self.assertEqual(status, 2)
        self.assertIn('key, got "cuont", wanted count', log)

    def test_help_says_each_flag_once(self):
        for program, _ in PROGRAMS:
            log = process.run([program, "-h"])[2]
            named = re.findall(r"^ +-([a-z.]+\.file) ", log, re.M)
            self.assertEqual(sorted(set(named)), sorted(named), program)


class EffectTest(unittest.TestCase):
    """What no other test shows of a flag. Where the others are: addr, templates.path, err.cnt and
    err.int in monitor_test.py; templates.ttl and its like, templates.json.* in template_test.py;
    listen in worker_test.py; mapping in mapping_test.py; db.* in exporter_test.py; transport.nats.*
    in nats_test.py."""

    def setUp(self):
        frames = process.read_capture(DEMO, *BIN)
        self.daemons = (([process.COLLECTOR, "-read", DEMO], b""), ([process.ENRICHER], frames))

    def run_both(self, *arguments):
        for daemon, stdin in self.daemons:
            status, output, log = process.run([*daemon, *arguments], stdin)
            self.assertEqual(status, 0, log)
            yield output, log

    def test_format(self):
        for output, _ in self.run_both("-format", "json"):
            self.assertEqual(len(flow.read_json_lines(output.decode())), 418)
        for output, _ in self.run_both("-format=text"):
            self.assertEqual(output.count(b"\ntype="), 417)
        for output, _ in self.run_both(*BIN):
            self.assertEqual(len(flow.split_frames(output)), 418)

    def test_of_a_repeated_flag_the_last_counts(self):
        for output, _ in self.run_both("-format=bin", "--format", "json"):
            self.assertEqual(output[:1], b"{")

    def test_transport_file_and_separator(self):
        with tempfile.TemporaryDirectory() as folder:
            for number, (output, _) in enumerate(self.run_both(
                    "-transport=file", "-transport.file", os.path.join(folder, "flows"),
                    "-transport.file.sep=|\n")):
                self.assertEqual(output, b"")
                with open(os.path.join(folder, "flows"), "rb") as file:
                    self.assertEqual(file.read().count(b"}|\n"), 418 * (number + 1))

    def test_produce(self):
        sample = process.read_capture(DEMO, "-produce=sample")
        self.assertEqual(sample, process.read_capture(DEMO))
        raw = process.read_capture(DEMO, "-produce=raw")
        self.assertTrue(0 < raw.count(b"\n") < 418)

    def test_loglevel(self):
        def lines(level):
            return [log.count("level=INFO") for _, log in self.run_both("-loglevel", level)]
        for level in ("info", "INFO", "debug", "info-1", "warn-4"):
            self.assertTrue(all(lines(level)), level)
        for level in ("warn", "Error", "info+2", "debug+5"):
            self.assertFalse(any(lines(level)), level)
        for daemon, _ in self.daemons:
            for level in ("loud", "", "info+", "info+x"):
                status, _, log = process.run([*daemon, f"-loglevel={level}"])
                self.assertEqual((status, log), (2, f'-loglevel: got "{level}", wanted debug, info, '
                                                    'warn or error\n'))

    def test_logfmt(self):
        for _, log in self.run_both("-logfmt=json"):
            ledgers = 0
            for line in map(json.loads, log.splitlines()):
                self.assertLessEqual({"time", "level", "msg"}, line.keys())
                if line["msg"].startswith("ledger") and "reason" not in line:
                    self.assertFalse([key for key, value in line.items() if isinstance(value, str)
                                      and key not in ("time", "level", "msg")], line)
                    ledgers += 1
            self.assertGreater(ledgers, 0)
        for _, log in self.run_both("-logfmt=normal"):
            self.assertRegex(log, r'^time=\S+ level=INFO msg="starting ')
        for daemon, _ in self.daemons:
            for word in ("logfmt", "xml", ""):
                status, _, log = process.run([*daemon, f"-logfmt={word}"])
                self.assertEqual((status, log), (2, f'-logfmt: got "{word}", wanted normal or json\n'))

    def test_the_journal_gets_priorities(self):
        """Lines begin with one where stderr is the stream that the variable names, and only there."""
        for daemon, stdin in self.daemons:
            for logfmt, begin in (("normal", r'<6>level=INFO msg="starting '),
                                  ("json", r'<6>\{"time":"[^"]+","level":"INFO","msg":"starting ')):
                for of_journal in (True, False):
                    with tempfile.TemporaryFile() as stream:
                        status = os.fstat(stream.fileno())
                        named = f"{status.st_dev}:{status.st_ino + (not of_journal)}"
                        subprocess.run([*daemon, f"-logfmt={logfmt}", "-filter=src_country == NL"],
                                       input=stdin, stdout=subprocess.DEVNULL, stderr=stream,
                                       env={**os.environ, "JOURNAL_STREAM": named}, check=True,
                                       timeout=process.DEADLINE_SECONDS)
                        stream.seek(0)
                        log = stream.read().decode()
                    self.assertEqual(re.match(begin, log) is not None, of_journal, log)
                    for line in log.splitlines():
                        self.assertEqual(line.startswith("<"), of_journal, log)
                        if "WARN" in line and of_journal:
                            self.assertTrue(line.startswith("<4>"), line)

    def test_version_and_help(self):
        for program, name in ((process.COLLECTOR, b"GoFlow2+ "), (process.ENRICHER, b"Enricher ")):
            for flag in ("-v", "-version", "--version"):
                status, output, log = process.run([program, flag])
                self.assertEqual((status, log), (0, ""))
                self.assertRegex(output, b"^" + re.escape(name) + rb"[0-9.]+\n$")
            for flag in ("-h", "-help", "--help"):
                status, output, log = process.run([program, flag])
                self.assertEqual((status, output), (0, b""))
                self.assertIn("  -format ", log)

    def test_arguments_that_are_no_flags_are_refused(self):
        for arguments, named in ((("-format=text", "--", "-format=json"), "-format=json"),
                                 (("-filter", "src_port", "==", "53"), "=="),
                                 (("help",), "help"), (("x", "-drain=x"), "x")):
            for daemon, stdin in self.daemons:
                status, output, log = process.run([*daemon, *arguments], stdin)
                self.assertEqual((status, output), (2, b""), log)
                self.assertIn(f'got the argument "{named}", wanted flags alone', log)

    def test_samplingrate(self):
        def rates(value):
            status, output, log = process.run([*self.daemons[1][0], "-samplingrate", value],
                                              self.daemons[1][1])
            self.assertEqual(status, 0, log)
            return {one["sampling_rate"] for one in flow.read_json_lines(output.decode())}
        own = rates("0")
        self.assertEqual(rates("512"), {512})
        self.assertEqual(rates("-5"), own)
        self.assertNotEqual(own, {512})


if __name__ == "__main__":
    unittest.main()
