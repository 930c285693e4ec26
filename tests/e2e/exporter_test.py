#!/usr/bin/env python3
"""Real exporters send to the running collector, which is piped into the enricher.

What comes out must be what was on the wire: each direction of each conversation of the traffic,
with its packets and bytes, and as many flows as the exporter says it sent.
"""

import collections
import os
import re
import struct
import sys
import tempfile
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import capture, exporter, flow, process, traffic  # noqa: E402

FIXTURES = os.path.join(TESTS, "fixtures")
ENRICHMENT = ("-context.config", os.path.join(FIXTURES, "demo-context.yaml"),
              "-db.asn", os.path.join(FIXTURES, "demo-asn.mmdb"),
              "-db.country", os.path.join(FIXTURES, "demo-country.mmdb"))
ETHERNET_LEN, VLAN_TAG_LEN, FRAME_CHECK_LEN = 14, 4, 4
ICMP = ("ICMP", "IPv6-ICMP")
NUMBERS = {"ICMP": 1, "TCP": 6, "UDP": 17, "IPv6-ICMP": 58}
SFLOW_SAMPLE_COUNT_OFFSET = 24  # with an IPv4 agent
SFPROBE_SAMPLES_PER_DATAGRAM = 7
AS_OF_WEB_SERVERS, COUNTRY_OF_WEB_SERVERS = 64496, "DE"


def five_tuple(f):
    ports = (0, 0) if f["proto"] in ICMP else (f["src_port"], f["dst_port"])
    return (f["src_addr"], f["dst_addr"], NUMBERS[f["proto"]], *ports)


def summed(flows):
    """{tuple: (packets, bytes)} over all flows."""
    sums = collections.defaultdict(lambda: (0, 0))
    for f in flows:
        packets, octets = sums[five_tuple(f)]
        sums[five_tuple(f)] = (packets + f["packets"], octets + f["bytes"])
    return dict(sums)


def with_ethernet(tuples):
    """The same with the bytes of whole frames, as sFlow counts them."""
    vlan_of = {(c[0], c[1]): c[7] for c in traffic.CONVERSATIONS}
    frames = {}
    for key, (packets, octets) in tuples.items():
        vlan = vlan_of.get(key[:2]) or vlan_of.get(key[1::-1])
        head = ETHERNET_LEN + (VLAN_TAG_LEN if vlan else 0) + FRAME_CHECK_LEN
        frames[key] = (packets, octets + head * packets)
    return frames


def flow_samples(payload):
    """How many samples of the sFlow datagram are of flows; sfprobe adds one of counters when it runs
    for long."""
    count, = struct.unpack_from("!I", payload, SFLOW_SAMPLE_COUNT_OFFSET)
    at, flows = SFLOW_SAMPLE_COUNT_OFFSET + 4, 0
    for _ in range(count):
        form, length = struct.unpack_from("!II", payload, at)
        flows += form in (1, 3)
        at += 8 + length
    return flows


class ExporterTest(unittest.TestCase):
    maxDiff = None

    def need(self, program):
        if not exporter.find(program):
            process.left_out(f"{self.id()}", f"{program} is not installed")
            self.skipTest(f"{program} is not installed")

    def through_the_pipeline(self, export, flow_count, address="127.0.0.1", ip_versions=(4, 6)):
        """Runs export(traffic file, port) against the pipeline; (what it returns, the flows).
        Without a flow_count that is known beforehand, what it returns is the number of flows."""
        with tempfile.TemporaryDirectory() as folder, \
                process.Pipeline(*ENRICHMENT, address=address) as pipeline:
            path = os.path.join(folder, "traffic.pcap")
            capture.write_frames(path, traffic.frames((int(time.time()) - 30) * 10**9, ip_versions))
            printed = export(path, pipeline.port)
            flow_count = printed if flow_count is None else flow_count
            process.wait_until(lambda: pipeline.enricher.output().count(b"\n") >= flow_count,
                               f"{flow_count} flows")
            self.assertEqual(pipeline.stop(), (0, 0))
            flows = flow.read_json_lines(pipeline.enricher.output().decode())
            self.assertEqual(len(flows), flow_count)
            ledger = pipeline.collector.ledger()["flows"]
            self.assertEqual((ledger["made"], ledger["delivered"]), (flow_count, flow_count))
            self.check_enrichment(flows)
            return printed, flows

    def check_enrichment(self, flows):
        """The web servers stand in each of the three sources."""
        web = [f for f in flows if f["src_addr"] in ("192.0.2.10", "2001:db8:2::80")]
        self.assertTrue(web)
        for f in web:
            self.assertEqual(f["src_as"], AS_OF_WEB_SERVERS)
            self.assertEqual(f["src_country"], COUNTRY_OF_WEB_SERVERS)
            self.assertEqual(f["context"]["source_group"], "web-servers")
            self.assertEqual(f["context"]["source"]["tier"], "frontend")

    def softflowd(self, protocol, expected_type, address="127.0.0.1", ip_versions=(4, 6)):
        self.need("softflowd")
        tuples = traffic.tuples(ip_versions)
        printed, flows = self.through_the_pipeline(
            lambda path, port: exporter.softflowd(protocol, path, address, port), len(tuples),
            address, ip_versions)
        self.assertEqual(summed(flows), tuples)
        self.assertEqual({f["type"] for f in flows}, {expected_type})
        exported = int(re.search(r"Flows exported: .*\((\d+) records\)", printed).group(1))
        processed = int(re.search(r"Packets processed: (\d+)", printed).group(1))
        self.assertEqual((len(flows), sum(f["packets"] for f in flows)), (exported, processed))
        self.assertEqual({f["sampler_address"] for f in flows}, {address})

    def test_softflowd_netflow_v5(self):
        self.softflowd("netflow5", "NETFLOW_V5", ip_versions=(4,))

    def test_softflowd_netflow_v9(self):
        self.softflowd("netflow9", "NETFLOW_V9")

    def test_softflowd_ipfix(self):
        self.softflowd("ipfix", "IPFIX")

    def test_softflowd_over_ipv6(self):
        if not os.path.exists("/proc/net/if_inet6"):
            process.left_out(self.id(), "no IPv6 on this machine")
            self.skipTest("no IPv6")
        self.softflowd("ipfix", "IPFIX", address="::1")

    def nfprobe(self, protocol, expected_type, ip_versions=(4, 6)):
        self.need("pmacctd")
        tuples = traffic.tuples(ip_versions)
        _, flows = self.through_the_pipeline(
            lambda path, port: exporter.nfprobe(protocol, path, "127.0.0.1", port), len(tuples),
            ip_versions=ip_versions)
        self.assertEqual(summed(flows), tuples)
        self.assertEqual({f["type"] for f in flows}, {expected_type})

    def test_nfprobe_netflow_v5(self):
        self.nfprobe("netflow5", "NETFLOW_V5", ip_versions=(4,))

    def test_nfprobe_netflow_v9(self):
        self.nfprobe("netflow9", "NETFLOW_V9")

    def test_nfprobe_ipfix(self):
        self.nfprobe("ipfix", "IPFIX")

    def test_sfprobe_sflow(self):
        """sfprobe does not send the last few samples, so a relay counts those that it sent."""
        self.need("pmacctd")

        def export(path, port):
            with capture.Recorder(forward_to=port) as relay:
                exporter.sfprobe(path, "127.0.0.1", relay.port)
            return sum(flow_samples(datagram.payload) for datagram in relay.datagrams)

        samples, flows = self.through_the_pipeline(export, None)
        whole = with_ethernet(traffic.tuples())
        seen = summed(flows)
        self.assertEqual(sum(packets for packets, _ in seen.values()), samples)
        self.assertLessEqual(sum(packets for packets, _ in whole.values()) - samples,
                             SFPROBE_SAMPLES_PER_DATAGRAM)
        for key, (packets, octets) in seen.items():
            self.assertLessEqual(packets, whole[key][0])
            self.assertEqual(octets * whole[key][0], packets * whole[key][1])
        self.assertEqual({(f["type"], f["sampling_rate"], f["sampler_address"]) for f in flows},
                         {("SFLOW_5", 1, "192.0.2.254")})


if __name__ == "__main__":
    unittest.main()
