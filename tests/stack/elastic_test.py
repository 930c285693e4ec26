#!/usr/bin/env python3
"""Lines of -format=json with compose/elk/mapping.yaml are what the goflow2 integration of Elastic
wants: each rule of its pipeline, over the flows of the demo capture and of the golden vectors."""

import base64
import glob
import http.server
import ipaddress
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)
sys.path.insert(0, os.path.join(TESTS, "golden"))

from support import elastic, flow, netflow, process, shared  # noqa: E402
import run as golden  # noqa: E402

DEMO = os.path.join(TESTS, "fixtures/demo.pcap")
DEMO_FLOWS = 418
CAPTURE_MOST_BYTES = 20_000_000
ELK = os.path.join(ROOT, "compose/elk")
MAPPING = ("-format=json", "-mapping", os.path.join(ELK, "mapping.yaml"))
DEFAULT_RATE = "-sampling.default=0.0.0.0/0=1,::/0=1"  # as in docker-compose.yml
NUMBERS = ("time_flow_start_ns", "sequence_num", "in_if", "out_if", "src_port", "dst_port",
           "src_vlan", "dst_vlan", "sampling_rate", "bytes")
LINE = {"type": "SFLOW_5", "time_flow_start_ns": 1700000000314899647,
        "sampler_address": "192.0.2.1", "sequence_num": 7, "in_if": 3, "out_if": 0,
        "src_addr": "192.0.2.10", "dst_addr": "2001:db8::1", "etype": "IPv4", "proto": "TCP",
        "src_port": 443, "dst_port": 50000, "src_vlan": 10, "dst_vlan": 20, "sampling_rate": 1000,
        "bytes": 58}


def collect(path, *arguments):
    return process.read_capture(path, *MAPPING, *arguments).decode("utf-8").splitlines()


def of_vectors():
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "case.pcap")
        for case in golden.load_vectors().values():
            golden.write_capture(path, case)
            lines += collect(path)
    return lines


def enriched():
    """The same columns, with what the enricher adds behind them."""
    fixtures = os.path.join(TESTS, "fixtures/demo-")
    frames = process.read_capture(DEMO, "-format=bin", "-transport.file.sep=")
    status, output, log = process.run(
        [process.ENRICHER, *MAPPING, "-context.config", fixtures + "context.yaml",
         "-db.asn", fixtures + "asn.mmdb", "-db.country", fixtures + "country.mmdb"], frames)
    assert status == 0, log
    return output.decode("utf-8").splitlines()


class PipelineTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = collect(DEMO)
        cls.lines = cls.demo + of_vectors()
        cls.flows = [json.loads(line) for line in cls.lines]

    def each(self, key):
        return (flow[key] for flow in self.flows)

    def test_a_line_is_one_object(self):
        self.assertEqual(len(self.demo), DEMO_FLOWS)
        self.assertGreater(len(self.lines), DEMO_FLOWS)
        for line in self.lines:
            self.assertRegex(line, r"^\{.*\}$")

    def test_the_keys_are_those_of_the_integration(self):
        for found in self.flows:
            self.assertEqual(tuple(found), elastic.KEYS)

    def test_numbers_are_bare_and_whole(self):
        for key in NUMBERS:
            for value in self.each(key):
                self.assertIs(type(value), int, key)

    def test_the_start_is_in_nanoseconds(self):
        for found in map(json.loads, self.demo):
            self.assertGreater(found["time_flow_start_ns"], 10**18)

    def test_addresses_are_texts(self):
        for key in ("src_addr", "dst_addr"):
            for value in self.each(key):
                self.assertTrue(value == "" or ipaddress.ip_address(value))
        for value in self.each("sampler_address"):
            ipaddress.ip_address(value)

    def test_names_are_names(self):
        protocols = flow.protocol_names()
        for value in self.each("etype"):
            self.assertIn(value, ("", "IPv4", "IPv6", "ARP"))
        for value in self.each("proto"):
            self.assertIn(value, protocols)
        self.assertLessEqual({"NETFLOW_V5", "NETFLOW_V9", "IPFIX", "SFLOW_5"},
                             set(self.each("type")))

    def test_the_pipeline_takes_all(self):
        for line, found in zip(self.lines, self.flows):
            document = elastic.ingest(line)
            self.assertNotIn("goflow2", document)  # nothing is left over
            self.assertEqual(document["network"]["bytes"], found["bytes"] * found["sampling_rate"])
            self.assertEqual(document.get("source", {}).get("ip", ""),
                             found["src_addr"] and str(ipaddress.ip_address(found["src_addr"])))

    def test_bytes_are_not_lost_to_an_unknown_rate(self):
        rates = [json.loads(line)["sampling_rate"] for line in collect(DEMO, DEFAULT_RATE)]
        self.assertEqual((len(rates), rates.count(0)), (DEMO_FLOWS, 0))
        with open(os.path.join(ELK, "docker-compose.yml"), encoding="utf-8") as file:
            self.assertIn(DEFAULT_RATE, file.read())

    def test_what_the_enricher_adds_is_kept_beside(self):
        lines = enriched()
        self.assertEqual(len(lines), DEMO_FLOWS)
        for line in lines:
            added = elastic.ingest(line)["goflow2"]
            self.assertEqual(set(added), {"src_country", "dst_country", "src_as_name",
                                          "dst_as_name", "context"})

    def test_without_the_mapping_too(self):
        for line in process.read_capture(DEMO, "-format=json").decode().splitlines():
            elastic.ingest(line)


class CorpusTest(unittest.TestCase):
    def test_flows_of_every_capture_pass(self):
        folder = shared.find("corpora")
        if folder is None:
            process.left_out(self.id(), shared.missing("corpora"))
            return
        paths = glob.glob(os.path.join(folder, "**/*.pcap*"), recursive=True)
        lines = 0
        for path in paths:
            if os.path.getsize(path) > CAPTURE_MOST_BYTES:
                continue
            status, output, _ = process.run([process.COLLECTOR, "-read", path, *MAPPING])
            self.assertIn(status, (0, 1), path)  # some are no captures of flows, some are cut
            for line in output.decode("utf-8").splitlines():
                with self.subTest(capture=path):
                    elastic.ingest(line)
                lines += 1
        print(f"elastic: {lines} flows of {len(paths)} captures")
        self.assertGreater(lines, DEMO_FLOWS)


class RuleTest(unittest.TestCase):
    """The rules can be broken."""

    def test_the_line_is_good(self):
        document = elastic.ingest(json.dumps(LINE))
        self.assertEqual(document["@timestamp"], "2023-11-14T22:13:20.314Z")
        self.assertEqual(document["network"], {"bytes": 58000, "packets": 1000, "type": "ipv4",
                                               "transport": "tcp"})
        self.assertEqual(document["observer"], {
            "ip": ["192.0.2.1"], "ingress": {"interface": {"id": "3"}, "vlan": {"id": "10"}},
            "egress": {"interface": {"id": "0"}, "vlan": {"id": "20"}}})
        self.assertEqual(document["related"]["ip"], ["192.0.2.10", "2001:db8::1"])
        self.assertEqual(document["sflow"], {"sequence_num": 7, "bytes": 58, "sample_rate": 1000})

    def test_what_is_absent_or_empty_passes(self):
        for key in elastic.KEYS:
            if key != "time_flow_start_ns":
                elastic.ingest(json.dumps({**LINE, key: ""}))
                elastic.ingest(json.dumps({k: v for k, v in LINE.items() if k != key}))

    def test_what_is_wrong_does_not(self):
        wrong = [("time_flow_start_ns", "1700000000314899647"), ("time_flow_start_ns", None),
                 ("time_flow_start_ns", 1.7e18), ("time_flow_start_ns", ""), ("etype", 2048),
                 ("proto", 6), ("src_addr", "wAACCg=="), ("dst_addr", "c000020a"),
                 ("src_port", "443"), ("src_port", 65536), ("bytes", "58"), ("bytes", 2**63),
                 ("sampling_rate", 2**62)]
        for key, value in wrong:
            with self.assertRaises(elastic.Refused, msg=f"{key}: {value!r}"):
                elastic.ingest(json.dumps({**LINE, key: value}))
        for line in ("", "time=2026-01-01 level=INFO msg=x", "[]", json.dumps(LINE)[:-1]):
            with self.assertRaises(elastic.Refused, msg=line):
                elastic.ingest(line)


class Recorder(http.server.BaseHTTPRequestHandler):
    """Answers as told, and keeps what it was asked: neither Elasticsearch nor Kibana can be
    installed from Debian."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.command, self.path, self.headers["Authorization"],
                                  json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b"{}")

    do_PUT = do_POST

    def log_message(self, *_):
        """Not on stderr."""


class SetupTest(unittest.TestCase):
    def setup(self, what, status=200):
        with http.server.HTTPServer(("127.0.0.1", 0), Recorder) as server:
            server.asked, server.status = [], status
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_port}"
            done = subprocess.run(
                ["sh", os.path.join(ELK, "setup.sh"), what], stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, env={
                    **os.environ, "ELASTICSEARCH": url, "KIBANA": url, "ELASTIC_PASSWORD": "first",
                    "KIBANA_PASSWORD": "second", "WRITER_PASSWORD": "third",
                    "INTEGRATION_VERSION": "0.2.0"})
            server.shutdown()
        return done.returncode, server.asked

    def setUp(self):
        if shutil.which("curl") is None:
            process.left_out(self.id(), "curl is not installed")
            self.skipTest("no curl")

    def test_users(self):
        status, asked = self.setup("users")
        self.assertEqual(status, 0)
        self.assertEqual([(method, path) for method, path, _, _ in asked],
                         [("POST", "/_security/user/kibana_system/_password"),
                          ("PUT", "/_security/role/flow_writer"),
                          ("PUT", "/_security/user/flow_writer")])
        self.assertEqual({given for _, _, given, _ in asked},
                         {"Basic " + base64.b64encode(b"elastic:first").decode()})
        self.assertEqual(asked[0][3], {"password": "second"})
        self.assertEqual(asked[1][3]["indices"][0]["names"], ["logs-goflow2.sflow-*"])
        self.assertEqual(asked[2][3], {"password": "third", "roles": ["flow_writer"]})

    def test_integration(self):
        status, asked = self.setup("integration")
        self.assertEqual(status, 0)
        self.assertEqual(asked[0][1], "/api/fleet/epm/packages/goflow2/0.2.0?prerelease=true")

    def test_a_refusal_is_not_passed_over(self):
        for what in ("users", "integration"):
            status, asked = self.setup(what, 403)
            self.assertNotEqual(status, 0)
            self.assertEqual(len(asked), 1)


class RotateTest(unittest.TestCase):
    def test_no_flow_is_lost_between_files(self):
        rounds, each = 3, 50
        with tempfile.TemporaryDirectory() as folder, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            path = os.path.join(folder, "goflow2.log")
            with process.Collector(*MAPPING, "-transport.file", path) as collector:
                for turn in range(rounds):
                    for number in range(turn * each, (turn + 1) * each):
                        sender.sendto(netflow.v5(number, ["10.0.0.1"]),
                                      ("127.0.0.1", collector.port))
                    self.rotate(path, collector)
                    collector.wait_for_log("opened the output again", times=turn + 1)
                self.assertEqual(collector.stop(), 0)
            names = ["goflow2.1.log", "goflow2.2.log", "goflow2.3.log", "goflow2.log"]
            self.assertEqual(sorted(os.listdir(folder)), names)
            lines = []
            for name in names:
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    lines += file.read().splitlines()
            self.assertEqual(len(lines), rounds * each)
            for line in lines:
                elastic.ingest(line)

    @staticmethod
    def rotate(path, collector):
        process.wait_until(lambda: os.path.getsize(path) > 0, "flows")
        subprocess.run(["sh", os.path.join(ELK, "rotate.sh"), path, str(collector.process.pid)],
                       check=True, env={**os.environ, "ROTATE_BYTES": "1", "ROTATE_ONCE": "yes"})


if __name__ == "__main__":
    unittest.main()
