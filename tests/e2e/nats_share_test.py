#!/usr/bin/env python3
"""Collectors that share what exporters announce through a key-value bucket."""

import ipaddress
import os
import signal
import socket
import struct
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import nats, nats_case, netflow, process  # noqa: E402


TEMPLATE = netflow.v9_template(256, [(netflow.SRC_PORT, 2), (netflow.IN_BYTES, 4)])
SWAPPED = netflow.v9_template(256, [(netflow.IN_BYTES, 4), (netflow.SRC_PORT, 2)])
DATA = netflow.v9_data(256, (4711, 2), (99, 4))
SAMPLING_INTERVAL = 34
IP_PKTINFO = 8  # linux/in.h
FORGED = 100000
AT_ONCE = 500  # of these, before a pause
PAUSE_SECONDS = 0.005
FORGED_FIRST = int(ipaddress.IPv4Address("127.16.0.0"))
BUCKET_BYTES = 64 << 20
PROVEN = 8  # datagrams with flows after which an exporter goes before others


def entry(announcement, port, address="127.0.0.1"):
    """An entry of the bucket, as a collector writes it."""
    packed = ipaddress.ip_address(address).packed
    return struct.pack("!BQQHB16s", 1, 0x0BAD, time.time_ns(), port, len(packed), packed) + \
        announcement


def send_from_many(first, count, port, datagram):
    """One datagram from each of that many addresses of the loopback network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind(("0.0.0.0", 0))
        for number in range(first, first + count):
            source = struct.pack("=i4s4s", 0, number.to_bytes(4, "big"), bytes(4))
            out.sendmsg([datagram], [(socket.IPPROTO_IP, IP_PKTINFO, source)], 0,
                        ("127.0.0.1", port))
            if number % AT_ONCE == 0:
                time.sleep(PAUSE_SECONDS)


class ShareTest(nats_case.NatsCase):
    def shared(self, server, *arguments, **named):
        return self.start(process.Collector(
            "-format=json", "-transport.nats.servers", server.url,
            "-templates.nats.bucket=templates", *arguments, **named))

    def count_of(self, server):
        with nats.Client(server) as client:
            return client.count("KV_templates")

    def exporter(self, address="127.0.0.1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        out = socket.socket(family, socket.SOCK_DGRAM)
        self.addCleanup(out.close)
        out.bind((address, 0))
        return out

    def watching(self, server, *arguments, **named):
        """A collector that has seen what is in the bucket."""
        collector = self.shared(server, "-loglevel=debug", *arguments, **named)
        collector.wait_for_log("templates of other collectors are read")
        return collector

    def wait_decoded(self, collector, *texts):
        process.wait_until(lambda: all(text in collector.output() for text in texts),
                           f"{texts} in the output")

    def test_a_template_is_announced_to_one_collector_and_known_to_all(self):
        for address in ("127.0.0.1", "::1"):
            with self.subTest(address):
                server = self.server()
                announced = self.shared(server, address=address)
                other = self.shared(server, address=address)
                out = self.exporter(address)
                out.sendto(netflow.v9(1, 7, DATA), (address, other.port))  # held until then
                out.sendto(netflow.v9(0, 7, TEMPLATE), (address, announced.port))
                self.wait_decoded(other, b'"src_port":4711')
                late = self.watching(server, address=address)
                out.sendto(netflow.v9(2, 7, DATA), (address, late.port))
                self.wait_decoded(late, b'"src_port":4711')
                self.assertEqual(late.stop(), 0)
                self.assertEqual(late.ledger()["flows"]["delivered"], 1)

    def test_the_server_is_killed_again_and_again(self):
        """Templates are shared after each, what was announced meanwhile included."""
        server = self.server()
        announced, other = self.shared(server), self.shared(server)
        out = self.exporter()
        for turn in range(5):
            template = netflow.v9_template(256 + turn, [(netflow.SRC_PORT, 2)])
            if turn % 2 == 0:
                server.kill()
            out.sendto(netflow.v9(2 * turn, 7, template), ("127.0.0.1", announced.port))
            if turn % 2 == 0:
                server.start()
            else:
                server.kill(signal.SIGTERM)
                server.start()
            out.sendto(netflow.v9(2 * turn + 1, 7, netflow.v9_data(256 + turn, (5000 + turn, 2))),
                       ("127.0.0.1", other.port))
            self.wait_decoded(other, f'"src_port":{5000 + turn},'.encode())
        for collector in (announced, other):
            self.assertEqual(collector.stop(), 0)

    def test_sampling_rates_are_shared(self):
        server = self.server()
        announced, other = self.shared(server), self.shared(server)
        out = self.exporter()
        options = netflow.v9_options(300, [SAMPLING_INTERVAL], [1000])
        out.sendto(netflow.v9(0, 7, TEMPLATE, options), ("127.0.0.1", announced.port))
        out.sendto(netflow.v9(1, 7, DATA), ("127.0.0.1", other.port))
        self.wait_decoded(other, b'"sampling_rate":1000')

    def test_what_the_exporter_announces_itself_counts_more_than_the_bucket(self):
        server = self.server()
        collector = self.watching(server)
        out = self.exporter()
        port = out.getsockname()[1]
        options = netflow.v9_options(300, [SAMPLING_INTERVAL], [1000])
        out.sendto(netflow.v9(0, 7, TEMPLATE, options), ("127.0.0.1", collector.port))
        process.wait_until(lambda: self.count_of(server) == 1, "the template in the bucket")
        forged = [netflow.v9(0, 7, SWAPPED),
                  netflow.v9(0, 7, netflow.v9_options(300, [SAMPLING_INTERVAL], [7])),
                  # It comes behind them: what it makes of the data shows that they were read.
                  netflow.v9(0, 8, SWAPPED)]
        with nats.Client(server) as client:
            for i, announcement in enumerate(forged):
                client.publish(f"$KV.templates.forged.{i}", entry(announcement, port))
            process.wait_until(lambda: client.count("KV_templates") == 4, "the forged ones")
        out.sendto(netflow.v9(1, 8, DATA), ("127.0.0.1", collector.port))
        self.wait_decoded(collector, b'"observation_domain_id":8')
        out.sendto(netflow.v9(1, 7, DATA), ("127.0.0.1", collector.port))
        self.wait_decoded(collector, b'"observation_domain_id":7', b'"src_port":4711',
                          b'"sampling_rate":1000')
        self.assertNotIn(b'"sampling_rate":7,', collector.output())

    def test_forged_templates_of_an_exporter_end_with_its_own(self):
        server = self.server()
        collector = self.watching(server)
        out = self.exporter()
        with nats.Client(server) as client:
            client.publish("$KV.templates.forged",
                           entry(netflow.v9(0, 7, SWAPPED), out.getsockname()[1]))
        out.sendto(netflow.v9(1, 7, DATA), ("127.0.0.1", collector.port))
        self.wait_decoded(collector, b'"observation_domain_id":7')  # as the forger wants it
        out.sendto(netflow.v9(2, 7, TEMPLATE, DATA), ("127.0.0.1", collector.port))
        self.wait_decoded(collector, b'"src_port":4711')

    def test_forged_exporters_neither_fill_the_bucket_nor_hide_the_others(self):
        server = self.server()
        flooded, other = self.watching(server), self.watching(server)
        early, proven = self.exporter(), self.exporter()
        early.sendto(netflow.v9(0, 7, TEMPLATE), ("127.0.0.1", flooded.port))
        proven.sendto(netflow.v9(0, 8, TEMPLATE), ("127.0.0.1", flooded.port))
        for sequence in range(PROVEN):
            proven.sendto(netflow.v9(1 + sequence, 8, DATA), ("127.0.0.1", flooded.port))
        process.wait_until(lambda: self.count_of(server) == 2, "the templates in the bucket")
        self.wait_decoded(flooded, b'"observation_domain_id":8')
        send_from_many(FORGED_FIRST, FORGED, flooded.port, netflow.v9(0, 7, TEMPLATE))
        # Announced in the flood by an exporter that sends data: it waits for no forged one.
        fresh = netflow.v9_template(257, [(netflow.SRC_PORT, 2), (netflow.IN_BYTES, 4)])
        data = netflow.v9_data(257, (4712, 2), (99, 4))
        proven.sendto(netflow.v9(21, 8, data), ("127.0.0.1", other.port))

        def announced():  # again and again: in a flood the kernel may have no room for it
            proven.sendto(netflow.v9(20, 8, fresh), ("127.0.0.1", flooded.port))
            return b'"src_port":4712' in other.output()
        process.wait_until(announced, "the fresh template at the other collector")
        late = self.watching(server)
        for collector in (other, late):
            early.sendto(netflow.v9(1, 7, DATA), ("127.0.0.1", collector.port))
            self.wait_decoded(collector, b'"src_port":4711')
        with nats.Client(server) as client:
            info = client.api("STREAM.INFO.KV_templates")
        config = info["config"]
        self.assertEqual((config["max_bytes"], config["max_msgs_per_subject"], config["discard"]),
                         (BUCKET_BYTES, 1, "old"))
        self.assertLess(info["state"]["messages"], FORGED / 2)
        self.assertEqual(flooded.stop(), 0)
        books = flooded.ledger()
        self.assertGreater(books["datagrams"]["received"], FORGED / 2)
        self.assertIn("templates come faster than they are shared", flooded.log())

    def test_a_full_bucket_forgets_the_oldest(self):
        server = self.server()
        most = 32 << 10
        with nats.Client(server) as client:
            client.api("STREAM.CREATE.KV_templates",
                       {"name": "KV_templates", "subjects": ["$KV.templates.>"], "max_bytes": most,
                        "max_msgs_per_subject": 1, "discard": "old", "allow_rollup_hdrs": True,
                        "retention": "limits", "storage": "file", "num_replicas": 1})
        collector, other = self.watching(server), self.watching(server)
        send_from_many(FORGED_FIRST, 1000, collector.port, netflow.v9(0, 7, TEMPLATE))
        out = self.exporter()
        out.sendto(netflow.v9(0, 7, TEMPLATE), ("127.0.0.1", collector.port))
        out.sendto(netflow.v9(1, 7, DATA), ("127.0.0.1", other.port))
        self.wait_decoded(other, b'"src_port":4711')
        with nats.Client(server) as client:
            state = client.api("STREAM.INFO.KV_templates")["state"]
        self.assertLessEqual(state["bytes"], most)
        self.assertGreater(state["first_seq"], 1)

    def test_broken_entries_are_passed_over(self):
        server = self.server()
        collector = self.watching(server)
        with nats.Client(server) as client:
            for i, junk in enumerate((b"", b"\x01", os.urandom(100), b"\x01" + bytes(40),
                                      b"\x01" + bytes(18) + b"\x04" + bytes(16) + b"\0\x09")):
                client.publish(f"$KV.templates.7f000001.1.9.7.0.{i}", junk)
            process.wait_until(lambda: self.count_of(server) == 5, "the entries")
        template = netflow.v9_template(256, [(netflow.SRC_PORT, 2)])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(netflow.v9(0, 7, template), ("127.0.0.1", collector.port))
            out.sendto(netflow.v9(1, 7, netflow.v9_data(256, (4711, 2))),
                       ("127.0.0.1", collector.port))
            process.wait_until(lambda: b"4711" in collector.output(), "the flow")
        self.assertEqual(collector.stop(), 0)


if __name__ == "__main__":
    unittest.main()
