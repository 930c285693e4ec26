#!/usr/bin/env python3
"""Datagrams under an exporter's address from another port, and under an agent's name from another
sender: what they may not change of what honest exporters' flows say.

All senders are sockets of their own at addresses of the loopback; the exporter and the forger of a
case have the same address, as a forged datagram would have.
"""

import json
import os
import socket
import struct
import sys
import tempfile
import unittest
import urllib.request

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import flow, netflow, process  # noqa: E402

FIELDS = [(netflow.SRC_ADDR, 4), (netflow.DST_ADDR, 4), (netflow.IN_BYTES, 4)]
EXCHANGED = [(netflow.DST_ADDR, 4), (netflow.SRC_ADDR, 4), (netflow.IN_BYTES, 4)]
RECORD = [(0x0A000001, 4), (0xC000020A, 4), (1500, 4)]
SAMPLING_INTERVAL = 34
EXPORTER = "127.0.0.77"
TEMPLATE, DATA = netflow.v9_template(256, FIELDS), netflow.v9_data(256, *RECORD)
PACKET = bytes.fromhex("45000060123440003f06aaaa0a0600010a06000201bb303900000001000000025018"
                       "0400beef0000")


def rate(value):
    return netflow.v9_options(300, [SAMPLING_INTERVAL], [value])


def sflow(agent, sequence, count):
    record = struct.pack("!IIIIII", 1, 16 + len(PACKET), 11, 100, 4, len(PACKET)) + PACKET
    fields = struct.pack("!IIIIIIII", 1, 1, 256, 1024, 0, 1, 2, 1)
    sample = struct.pack("!II", 1, len(fields) + len(record)) + fields + record
    return struct.pack("!II4sIIII", 5, 1, socket.inet_aton(agent), 0, sequence, 10000, count) + \
        count * sample


class PoisonTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "flows.json")

    def sender(self, address=EXPORTER):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sender.close)
        sender.bind((address, 0))
        return sender

    def collector(self, *arguments):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.page = f"127.0.0.1:{free.getsockname()[1]}"
        collector = process.Collector("-format=json", "-transport.file", self.path, "-addr",
                                      self.page, *arguments)
        collector.wait_for_log("starting HTTP server")
        return collector

    def exporters(self):
        with urllib.request.urlopen(f"http://{self.page}/exporters", timeout=20) as answer:
            return json.load(answer)

    def flows(self, count):
        def written():
            with open(self.path, encoding="utf-8") as file:
                return [line for line in file.read().split("\n") if line]
        process.wait_until(lambda: len(written()) >= count, f"{count} flows")
        return flow.read_json_lines("\n".join(written()) + "\n")

    def rates(self, count):
        return [f["sampling_rate"] for f in self.flows(count)]

    def test_another_port_does_not_set_the_rate_over_the_operators(self):
        with self.collector("-sampling.default", f"{EXPORTER}/32=100") as collector:
            honest, forger = self.sender(), self.sender()
            to = ("127.0.0.1", collector.port)
            honest.sendto(netflow.v9(1, 0, TEMPLATE, DATA), to)
            forger.sendto(netflow.v9(1, 0, rate(1000000)), to)
            forger.sendto(netflow.v9(2, 0, TEMPLATE, DATA), to)  # data, too
            self.rates(2)
            honest.sendto(netflow.v9(2, 0, DATA), to)
            self.assertEqual(self.rates(3), [100, 1000000, 100])
            row, = self.exporters()
            self.assertEqual((row["sampling_rate"], row["sampling_source"]), (100, "default"))
            self.assertEqual(row["sampling_announced"], 0)

    def test_another_ports_rate_is_shown_as_borrowed_and_only_when_proven(self):
        with self.collector() as collector:
            old, forger, new = self.sender(), self.sender(), self.sender()
            to = ("127.0.0.1", collector.port)
            old.sendto(netflow.v9(1, 0, TEMPLATE, rate(100), DATA), to)
            self.rates(1)
            forger.sendto(netflow.v9(1, 0, rate(1000000)), to)
            new.sendto(netflow.v9(1, 0, TEMPLATE, DATA), to)  # restarted: no options yet
            self.assertEqual(self.rates(2), [100, 100])
            row, = self.exporters()
            self.assertEqual((row["sampling_rate"], row["sampling_source"]), (100, "borrowed"))

    def test_a_template_of_a_port_without_data_decodes_nothing(self):
        with self.collector() as collector:
            honest, forger = self.sender(), self.sender()
            to = ("127.0.0.1", collector.port)
            forger.sendto(netflow.v9(1, 0, netflow.v9_template(256, EXCHANGED)), to)
            honest.sendto(netflow.v9(1, 0, DATA), to)
            process.wait_until(lambda: any(row["held_sets"] for row in self.exporters()),
                               "a held set")
            honest.sendto(netflow.v9(2, 0, TEMPLATE, DATA), to)
            self.assertEqual({f["src_addr"] for f in self.flows(2)}, {"10.0.0.1"})

    def test_nor_does_it_make_another_one_uncertain(self):
        with self.collector() as collector:
            old, forger, new = self.sender(), self.sender(), self.sender()
            to = ("127.0.0.1", collector.port)
            old.sendto(netflow.v9(1, 0, TEMPLATE, DATA), to)
            self.flows(1)
            forger.sendto(netflow.v9(1, 0, netflow.v9_template(256, EXCHANGED)), to)
            new.sendto(netflow.v9(1, 0, DATA), to)
            self.assertEqual({f["src_addr"] for f in self.flows(2)}, {"10.0.0.1"})

    def test_a_restart_proves_nobody(self):
        kept = ("-templates.json.path", self.path + ".templates")
        honest, forger, new = self.sender(), self.sender(), self.sender()
        with self.collector(*kept) as collector:
            to = ("127.0.0.1", collector.port)
            honest.sendto(netflow.v9(1, 0, TEMPLATE, rate(100), DATA), to)
            forger.sendto(netflow.v9(1, 0, netflow.v9_template(256, EXCHANGED), rate(9)), to)
            process.wait_until(lambda: sum(row["templates"] for row in self.exporters()) == 4,
                               "all templates")
            self.flows(1)
            collector.stop()
        with self.collector(*kept) as collector:
            new.sendto(netflow.v9(1, 0, DATA), ("127.0.0.1", collector.port))
            self.assertEqual([(f["src_addr"], f["sampling_rate"]) for f in self.flows(2)],
                             2 * [("10.0.0.1", 100)])

    def test_override_and_what_the_exporter_says_are_shown(self):
        with self.collector("-sampling.override", f"{EXPORTER}/32=7") as collector:
            honest = self.sender()
            honest.sendto(netflow.v9(1, 0, TEMPLATE, rate(100), DATA), ("127.0.0.1", collector.port))
            self.assertEqual(self.rates(1), [7])
            row, = self.exporters()
            self.assertEqual([row[name] for name in ("sampling_rate", "sampling_source",
                                                     "sampling_announced", "sampling_announced_by")],
                             [7, "override", 100, "options"])
            status, output, _ = process.run([process.COLLECTOR, "-status", "-addr", self.page])
            self.assertEqual(status, 0)
            self.assertIn("7 override, says 100", output.decode())

    def test_an_agents_name_costs_the_agent_nothing(self):
        with self.collector("-limit.flows", "100") as collector:
            agent, other = self.sender(), self.sender("127.0.0.66")
            to = ("127.0.0.1", collector.port)
            for i in range(60):
                other.sendto(sflow(EXPORTER, 10**6 + 1000 * i, 10), to)
            for i in range(10):
                agent.sendto(sflow(EXPORTER, i + 1, 1), to)

            def row_of(address):
                rows = {row["router"]: row for row in self.exporters()}
                return rows.get(address, {"flows": 0})
            process.wait_until(lambda: row_of(EXPORTER)["flows"] == 10, "the agent's flows")
            row = row_of(EXPORTER)
            self.assertEqual([row[name] for name in ("flows_limited", "lost", "resets")], [0, 0, 0])
            self.assertGreater(row_of("127.0.0.66")["flows_limited"], 400)

    def test_counting_up_the_domain_passes_no_limit(self):
        with self.collector("-limit.flows", "100") as collector:
            forger = self.sender()
            to = ("127.0.0.1", collector.port)
            for domain in range(50):
                forger.sendto(netflow.v9(1, domain, TEMPLATE, *[DATA] * 100), to)
            process.wait_until(lambda: sum(row["flows"] for row in self.exporters()) == 5000,
                               "all flows")
            kept = sum(row["flows"] - row["flows_limited"] for row in self.exporters())
            self.assertLess(kept, 2500)


if __name__ == "__main__":
    unittest.main()
