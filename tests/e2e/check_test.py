#!/usr/bin/env python3
"""-check: what it prints, what it finds wrong, and that it does nothing."""

import os
import socket
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)

from support import process  # noqa: E402

FIXTURES = os.path.join(TESTS, "fixtures")
DEMO = os.path.join(FIXTURES, "demo.pcap")
CONTEXT = os.path.join(FIXTURES, "demo-context.yaml")
ASN = os.path.join(FIXTURES, "demo-asn.mmdb")
COUNTRY = os.path.join(FIXTURES, "demo-country.mmdb")
MAPPING = os.path.join(ROOT, "mapping.yaml")
ENRICHMENT = ["-context.config", CONTEXT, "-db.asn", ASN, "-db.country", COUNTRY]


class CheckTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name, text=None):
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def check(self, program, *arguments):
        before = sorted(os.listdir(self.folder))
        status, output, log = process.run([program, "-check", *arguments])
        self.assertEqual(sorted(os.listdir(self.folder)), before)
        return status, output.decode(), log

    def assert_runs(self, program, *arguments, lines):
        status, output, log = self.check(program, *arguments)
        self.assertEqual((status, log), (0, ""))
        for line in lines:
            self.assertIn(line + "\n", output)
        self.assertTrue(output.endswith("\nthis would run\n"), output)
        return output

    def assert_fails(self, program, *arguments, said):
        status, output, log = self.check(program, *arguments)
        self.assertEqual(status, 1, log)
        for text in said:
            self.assertIn(text, log)
        self.assertTrue(output.endswith("\nthis would not run, see what is said on stderr\n"))

    def test_the_defaults_run(self):
        for program in (process.COLLECTOR, process.ENRICHER):
            self.assert_runs(program, lines=("  none", "  json by transport file", "  to stdout"))

    def test_the_collector_says_all(self):
        config = self.path("flows.yaml", "format: text\nallow: [10.0.0.0/8, 192.0.2.0/24]\n")
        kept = self.path("kept/templates.json")
        output = self.assert_runs(
            process.COLLECTOR, "-config", config, *ENRICHMENT, "-mapping", MAPPING,
            "-filter", "src_port == 53", "-templates.json.path", kept,
            "-transport.file", self.path("flows.txt"),
            "-listen", "netflow://:2055?count=3,sflow://[2001:db8::1]:6343?balance=packet",
            lines=(f'  format                             "text"  ({config}:1)',
                   f'  allow                              "10.0.0.0/8,192.0.2.0/24"  ({config}:2)',
                   '  filter                             "src_port == 53"  (flag)',
                   "  listen for netflow on :2055, sockets: 3, senders spread by address",
                   "  listen for sflow on [2001:db8::1]:6343, sockets: 1, senders spread by packet",
                   "  only from senders in 2 networks",
                   f"  templates are kept in {kept}, now: 0",
                   "  only those of which this is true: src_port == 53",
                   f"  context {CONTEXT}: 7 networks",
                   "  text by transport file", f"  to the file {self.path('flows.txt')}",
                   "  pages at http://:8080"))
        self.assertRegex(output, rf"  mapping {MAPPING}: custom columns: \d+, columns of the key: ")
        self.assertRegex(output, rf"  systems {ASN}: 7 prefixes, built 20\d\d-\d\d-\d\d\n")
        self.assertRegex(output, rf"  countries {COUNTRY}: 7 prefixes, built 20\d\d-\d\d-\d\d\n")

    def test_what_is_kept_is_looked_at(self):
        kept = self.path("kept.json", '{"192.0.2.1:2055":{"9/1/256":{"template-id":256,"field-count":1,'
                         '"fields":[{"pen-provided":false,"type":8,"length":4,"pen":0}]}}}')
        self.assert_runs(process.COLLECTOR, "-templates.json.path", kept, "-templates.nats.bucket=b",
                         lines=(f"  templates are kept in {kept}, now: 1",
                                "  templates are shared through the bucket b",
                                "  servers nats://localhost:4222"))
        broken = self.path("broken.json", "{x")
        self.assertIn(f"  templates are kept in {broken}, none of these: {broken}:1:",
                      self.assert_runs(process.COLLECTOR, "-templates.json.path", broken, lines=()))

    def test_the_enricher_says_all(self):
        self.assert_runs(
            process.ENRICHER, *ENRICHMENT, "-mapping", MAPPING, "-filter", "src_country == NL",
            "-source=nats", "-source.nats.servers=nats://me:sesame@nats:4222", "-addr=:9090",
            "-transport=clickhouse", "-clickhouse.password=sesame",
            lines=("  clickhouse.password                ***  (flag)",
                   '  source.nats.servers                "nats://***@nats:4222"  (flag)',
                   "  stream goflow2, consumer enricher", "  servers nats://nats:4222",
                   f"  mapping {MAPPING}", f"  context {CONTEXT}: 7 networks",
                   "  server http://localhost:8123, table flows.flows", "  pages at http://:9090"))

    def test_nothing_is_bound_reached_or_made(self):
        with socket.create_server(("127.0.0.1", 0)) as server, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            server.setblocking(False)
            tcp, udp = server.getsockname()[1], taken.getsockname()[1]
            nats = ["-transport=nats", f"-transport.nats.servers=nats://127.0.0.1:{tcp}",
                    "-transport.nats.spool", self.path("spool"), f"-addr=127.0.0.1:{tcp}"]
            lines = (f"  servers nats://127.0.0.1:{tcp}",
                     f"  spool in {self.path('spool')}, at most 1073741824 bytes")
            self.assert_runs(process.COLLECTOR, *nats, "-listen", f"netflow://127.0.0.1:{udp}",
                             "-templates.json.path", self.path("t.json"), lines=lines)
            self.assert_runs(process.ENRICHER, *nats, lines=lines)
            with self.assertRaises(BlockingIOError):
                server.accept()

    def test_servers_are_tried_where_that_is_asked_for(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))  # and does not listen
            away = f"127.0.0.1:{nobody.getsockname()[1]}"
            nats = ["-transport=nats", "-transport.nats.servers", f"nats://{away}"]
            clickhouse = ["-transport=clickhouse", "-clickhouse.url", f"http://{away}"]
            for program, arguments, said in (
                    (process.COLLECTOR, nats, f"nats://{away}: cannot be reached: "),
                    (process.ENRICHER, nats, f"nats://{away}: cannot be reached: "),
                    (process.ENRICHER, clickhouse, f"-clickhouse.url: http://{away}: ")):
                status, output, log = process.run([program, "-check.connect", *arguments])
                self.assertEqual((status, log.count("\n")), (1, 1), log)
                self.assertIn(said, log)
                self.assertTrue(output.endswith(
                    b"\nthis would wait for its servers, see what is said on stderr\n"))
                self.assertEqual(process.run([program, "-check", *arguments])[::2], (0, ""))

    def test_what_is_wrong_of_the_collector(self):
        absent = self.path("absent")
        for arguments, said in (
                (["-read", f"{DEMO},{absent}"], f"-read: {absent}: No such file or directory"),
                (["-read", DEMO, "-read.filter", "hots x"], "-read.filter: got \"hots x\", libpcap"),
                (["-allow", "@" + absent], f"-allow: {absent}: "),
                (["-templates.nats.bucket=b", "-transport.nats.creds", absent], absent),
                (["-mapping", absent], f"{absent}: cannot be opened"),
                (["-mapping", self.path("m.yaml", "formatter: {fields: [x]}")],
                 "m.yaml:1: fields: none of these is a column"),
                (["-mapping", MAPPING, "-filter", "no_such == 1"], "-filter: column 1: unknown"),
                (["-templates.json.path", DEMO + "/x/y"], "-templates.json.path: " + DEMO)):
            self.assert_fails(process.COLLECTOR, *arguments, said=[said])

    def test_what_is_wrong_of_both(self):
        absent = self.path("absent")
        broken = self.path("broken", "networks: [{name: x, cidr: 10.0.0.1/8}]\n")
        for program in (process.COLLECTOR, process.ENRICHER):
            for arguments, said in (
                    (["-context.config", absent], f"{absent}: cannot be opened"),
                    (["-context.config", broken], f"{broken}:1: "),
                    (["-db.asn", broken], f"{broken}: "),
                    (["-db.country", absent], f"{absent}: "),
                    (["-transport.file", self.folder], "-transport.file: " + self.folder + ": Is a"),
                    (["-transport.file", absent + "/x"], "-transport.file: " + absent + "/x: No such"),
                    (["-transport=nats", "-transport.nats.creds", absent], absent),
                    (["-transport=nats", "-transport.nats.tls.ca", absent],
                     'error="No such file or directory" wanted="a PEM file of certificates"'),
                    (["-transport=nats", "-transport.nats.tls.cert", broken,
                      "-transport.nats.tls.key", absent], f"option=tls.key file={absent}"),
                    (["-transport=nats", "-transport.nats.subject={nix}"],
                     "-transport.nats.subject: "),
                    (["-transport=nats", "-transport.nats.spool", broken + "/x"],
                     "-transport.nats.spool: ")):
                self.assert_fails(program, *arguments, said=[said])

    def test_all_that_is_wrong_is_said_at_once(self):
        absent = self.path("absent")
        self.assert_fails(process.COLLECTOR, "-read", absent, "-mapping", absent + "2",
                          "-db.asn", absent + "3", "-transport.file", absent + "4/x",
                          said=[absent + ":", absent + "2:", absent + "3:", absent + "4/x:"])

    def test_all_errors_of_all_files_are_said(self):
        context = self.path("c.yaml", "networks:\n- {name: a, cidr: 10.0.0.1/8}\n"
                            "- {nmae: b, cidr: 10.0.0.0/8}\n- {name: c, cidr: [x]}\n")
        mapping = self.path("m.yaml", "formatter:\n  render: {bytes: ipp}\n  protobuf:\n"
                            "  - {name: x, index: 9, type: varint}\n"
                            "ipfix: {mapping: [{field: 65536, destination: bytes}]}\n")
        absent = self.path("absent")
        said = [f"{context}:2: ", f"{context}:3: ", f"{context}:4: ", f"{mapping}:4: ",
                f"{mapping}:2: ", f"{absent}: ", "-filter: column 1: "]
        arguments = ["-context.config", context, "-mapping", mapping, "-db.country", absent,
                     "-db.asn", absent + "2", "-filter", "no_such_field == 1"]
        for program, more in ((process.COLLECTOR, [f"{mapping}:5: "]), (process.ENRICHER, [])):
            self.assert_fails(program, *arguments, said=[*said, absent + "2: ", *more])
            listen = ["-listen=netflow://127.0.0.1:0"] if program == process.COLLECTOR else []
            status, _, log = process.run([program, "-addr=", *listen, *arguments])
            self.assertEqual(status, 1, log)
            for text in [*said, absent + "2: ", *more]:
                self.assertEqual(log.count(text), 1, (text, log))

    def test_what_can_never_be_right_is_2(self):
        for program in (process.COLLECTOR, process.ENRICHER):
            for arguments in (["-format=xml"], ["-fromat=json"], ["-drain=5"], ["-transport=kafka"],
                              ["-filter=src_port = 5"], ["-loglevel=loud"],
                              ["-transport=nats", "-transport.nats.tls.cert=/x"],
                              ["-addr=x"], ["-addr=:99999"], ["-drain=-1s"],
                              ["-transport=nats", "-transport.nats.window=0"]):
                status, output, log = self.check(program, *arguments)
                self.assertEqual((status, output, log.count("\n") > 0), (2, "", True), log)
        for arguments in (["-templates.path=/metrics"], ["-templates.path=x"], ["-allow=10.0.0.1/8"], ["-listen="]):
            status, output, log = self.check(process.COLLECTOR, *arguments)
            self.assertEqual((status, output, log.count("\n")), (2, "", 1), log)

    def test_a_warning_is_said_once(self):
        mapping = self.path("m.yaml", "formatter: {feilds: [x]}")
        status, _, log = self.check(process.COLLECTOR, "-mapping", mapping)
        self.assertEqual((status, log.count("m.yaml:1: ")), (0, 1), log)


if __name__ == "__main__":
    unittest.main()
