#!/usr/bin/env python3
"""-filter on both daemons: what is kept against the same choice made of the unfiltered JSON."""

import ipaddress
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.request

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import flow, netflow, process  # noqa: E402

FIXTURES = os.path.join(TESTS, "fixtures")
DEMO = os.path.join(FIXTURES, "demo.pcap")
ENRICHMENT = ["-context.config", os.path.join(FIXTURES, "demo-context.yaml"),
              "-db.country", os.path.join(FIXTURES, "demo-country.mmdb"),
              "-db.asn", os.path.join(FIXTURES, "demo-asn.mmdb")]
BIN = ["-format=bin", "-transport.file.sep="]


def inside(address, network):
    return address != "" and ipaddress.ip_address(address) in ipaddress.ip_network(network)


def tag(one, side, key):
    return one["context"].get(side, {}).get(key, "")


# Of the collector's fields; then what takes enrichment.
PLAIN = {
    "proto == UDP": lambda f: f["proto"] == "UDP",
    "proto not in (TCP, 17) or bytes > 5000":
        lambda f: f["proto"] not in ("TCP", "UDP") or f["bytes"] > 5000,
    "src_addr in (192.0.2.0/24, 2001:db8:2::/48) and not dst_port < 1024":
        lambda f: (inside(f["src_addr"], "192.0.2.0/24") or
                   inside(f["src_addr"], "2001:db8:2::/48")) and f["dst_port"] >= 1024,
    "type == IPFIX && etype != IPv4": lambda f: f["type"] == "IPFIX" and f["etype"] != "IPv4",
    "tcp_flags & 2 and dst_port in (80, 440-450)":
        lambda f: f["tcp_flags"] & 2 and (f["dst_port"] == 80 or 440 <= f["dst_port"] <= 450),
    "layer_stack == Ethernet": lambda f: "Ethernet" in f["layer_stack"],
}
ENRICHED = {
    "src_country in (DE, JP)": lambda f: f["src_country"] in ("DE", "JP"),
    "src_context.application == \"web\" or dst_context.site":
        lambda f: tag(f, "source", "application") == "web" or tag(f, "destination", "site") != "",
    "src_group == web-servers and dst_as != 64500":
        lambda f: f["context"].get("source_group") == "web-servers" and f["dst_as"] != 64500,
    "not (src_as == 64496 or dst_as == 64496)":
        lambda f: f["src_as"] != 64496 and f["dst_as"] != 64496,
}

MAPPING = """formatter:
  protobuf:
  - {name: first, index: 1100, type: varint}
netflowv5: {}
ipfix:
  mapping:
  - {field: 7, destination: first}
"""


def lines(output):
    return output.splitlines()


class FilterTest(unittest.TestCase):
    def check(self, arguments, stdin, expression, wanted, log_of):
        status, output, log = process.run([*arguments, "-filter", expression], stdin)
        self.assertEqual(status, 0, log)
        self.assertEqual(output, wanted, expression)
        made, kept = log_of
        self.assertIn(f'msg="ledger flows" made={made} delivered={kept} filtered={made - kept} ',
                      log, expression)
        self.assertNotIn("does not balance", log)

    def check_all(self, arguments, stdin, unfiltered, tests):
        """JSON: the lines that Python keeps, and they alone."""
        every = lines(unfiltered)
        for expression, keeps in tests.items():
            kept = [line for line in every if keeps(json.loads(line))]
            self.assertTrue(0 < len(kept) < len(every), f"{expression}: {len(kept)}")
            self.check(arguments, stdin, expression, b"".join(line + b"\n" for line in kept),
                       (len(every), len(kept)))

    def test_the_collector_keeps_what_is_asked_for(self):
        self.check_all([process.COLLECTOR, "-read", DEMO], b"", process.read_capture(DEMO), PLAIN)

    def test_the_collector_filters_what_it_enriches(self):
        self.check_all([process.COLLECTOR, "-read", DEMO, *ENRICHMENT], b"",
                       process.read_capture(DEMO, *ENRICHMENT), {**PLAIN, **ENRICHED})

    def test_the_enricher_filters_lines(self):
        frames = process.read_capture(DEMO, *BIN)
        status, unfiltered, log = process.run([process.ENRICHER, *ENRICHMENT], frames)
        self.assertEqual(status, 0, log)
        self.check_all([process.ENRICHER, *ENRICHMENT], frames, unfiltered, {**PLAIN, **ENRICHED})

    def test_the_enricher_leaves_kept_frames_as_they_are(self):
        frames = process.read_capture(DEMO, *BIN)
        enricher = [process.ENRICHER, *ENRICHMENT]
        _, shown, _ = process.run(enricher, frames)
        status, binary, log = process.run([*enricher, *BIN], frames)
        self.assertEqual(status, 0, log)
        bodies = flow.split_frames(binary)
        shown = flow.read_json_lines(shown.decode())
        self.assertEqual(len(bodies), len(shown))
        for expression, keeps in {**PLAIN, **ENRICHED}.items():
            kept = [body for body, one in zip(bodies, shown) if keeps(one)]
            self.check([*enricher, *BIN], frames, expression, flow.join_frames(kept),
                       (len(bodies), len(kept)))

    def test_filtered_flows_are_a_metric(self):
        with process.Collector("-addr=127.0.0.1:0", "-filter", "src_addr == 10.0.0.2") as collector:
            collector.wait_for_log("starting HTTP server")
            port = re.search(r'starting HTTP server".* port=(\d+)', collector.log()).group(1)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                out.sendto(netflow.v5(0, ["10.0.0.1", "10.0.0.2", "10.0.0.3"]),
                           ("127.0.0.1", collector.port))
            process.wait_until(lambda: collector.output().count(b"\n") == 1, "the flow")
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
                self.assertIn("\ngoflow2plus_flows_filtered_total 2\n", page.read().decode())
            self.assertEqual(collector.stop(), 0)
            self.assertEqual(collector.ledger()["flows"]["filtered"], 2)

    def test_what_is_never_filled_is_told(self):
        told = "-filter looks at a field that is never filled here"
        for expression, without in (("src_country == NL", "-db.country"),
                                    ("dst_as_name == x", "-db.asn"),
                                    ("src_context.site == hq", "-context.config"),
                                    ("bytes and src_group", "-context.config")):
            choice = ["-filter", expression]
            log = process.run([process.COLLECTOR, "-read", DEMO, *choice])[2]
            self.assertIn(f'msg="{told}" without={without}\n', log)
            log = process.run([process.COLLECTOR, "-read", DEMO, *choice, *ENRICHMENT])[2]
            self.assertNotIn(told, log)
            self.assertNotIn(told, process.run([process.ENRICHER, *choice])[2])
        self.assertNotIn(told, process.run([process.COLLECTOR, "-read", DEMO, "-filter=src_as"])[2])

    def test_a_wrong_expression_ends_the_start(self):
        for program in ([process.COLLECTOR, "-read", DEMO], [process.ENRICHER]):
            status, output, log = process.run([*program, "-filter", "src_port == 1 or dst_prt"])
            self.assertEqual((status, output), (2, b""), log)
            self.assertIn("-filter: column 18: unknown field \"dst_prt\", "
                          "did you mean \"dst_port\"?\n    src_port == 1 or dst_prt\n"
                          + " " * 21 + "^\n", log)


class CustomTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "mapping.yaml")
        self.write(MAPPING)

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)

    def test_custom_columns_are_known_to_both(self):
        mapping = ["-mapping", self.path]
        bodies = flow.split_frames(process.read_capture(DEMO, *mapping, *BIN))
        kept = [body for body in bodies
                if any(number == 1100 and value > 40000
                       for number, _, value in flow.read_message(body))]
        self.assertTrue(0 < len(kept) < len(bodies))
        wanted = flow.join_frames(kept)
        choice = [*mapping, "-filter", "first > 40000"]
        self.assertEqual(process.read_capture(DEMO, *choice, *BIN), wanted)
        status, output, log = process.run([process.ENRICHER, *choice, *BIN],
                                          flow.join_frames(bodies))
        self.assertEqual((status, output), (0, wanted), log)

    def test_a_mapping_without_the_column_is_refused(self):
        choice = ["-mapping", self.path, "-filter", "fist > 40000"]
        for program in ([process.COLLECTOR, "-read", DEMO], [process.ENRICHER]):
            status, _, log = process.run([*program, *choice])
            self.assertEqual(status, 1, log)
            self.assertIn('-filter: column 1: unknown field \\"fist\\", did you mean '
                          '\\"first\\"?"\n    fist > 40000\n    ^\n', log)

    def test_a_reload_that_takes_the_column_away_is_refused(self):
        reader, writer = os.pipe()
        with process.Collector("-mapping", self.path, "-filter", "first > 0") as collector, \
                process.Process([process.ENRICHER, "-mapping", self.path, "-filter", "first > 0"],
                                stdin=reader, stdout=subprocess.DEVNULL) as enricher:
            os.close(reader)
            enricher.wait_for_log("starting enricher")
            self.write(MAPPING.replace("first", "other"))
            for daemon in (collector, enricher):
                daemon.send(signal.SIGHUP)
                daemon.wait_for_log("mapping not reloaded")
                self.assertIn('unknown field \\"first\\"', daemon.log())
            self.write(MAPPING)
            for daemon in (collector, enricher):
                daemon.send(signal.SIGHUP)
                daemon.wait_for_log("reloaded the mapping")
            self.assertEqual(collector.stop(), 0)
            os.close(writer)
            self.assertEqual(enricher.wait(), 0)


if __name__ == "__main__":
    unittest.main()
