#!/usr/bin/env python3
"""Elements by name: a mapping that names them finds in captures of vendors what another decoder
found there."""

import glob
import ipaddress
import json
import os
import re
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import process, shared  # noqa: E402

CORPORA = shared.find("corpora")
# The other decoder's names that are not ours without their prefix.
OTHER_NAMES = {
    "user_id": "paloalto.User-ID", "app_id": "paloalto.App-ID", "fw_event": "firewallEvent",
    "xlate_src_addr_ipv4": "postNATSourceIPv4Address",
    "xlate_dst_addr_ipv4": "postNATDestinationIPv4Address",
    "xlate_src_port": "postNAPTSourceTransportPort",
    "xlate_dst_port": "postNAPTDestinationTransportPort",
    "fw_ext_event": "cisco.NF_F_FW_EXT_EVENT", "conn_id": "flowId", "nprobe_proto": "ntop.L7_PROTO",
    "silkAppLabel": "cert.silkAppLabel", "flowAttributes": "cert.flowAttributes",
    "reverseFlowAttributes": "cert.reverseFlowAttributes",
    "reverseFlowDeltaMilliseconds": "cert.reverseFlowDeltaMilliseconds",
    "protocol": "protocolIdentifier", "direction": "flowDirection",
}
PREFIXES = {"netscaler": str.lower, "procera": str.lower, "vmware": str.lower, "ixia": None}
# Not told by the record.
SKIPPED = ("version", "flow_seq_num", "flowset_id")


def name_of(key):
    if key in OTHER_NAMES:
        return OTHER_NAMES[key]
    for prefix, change in PREFIXES.items():
        if key.startswith(prefix) and key[len(prefix)].isupper():
            rest = key[len(prefix):]
            return f"{prefix}.{change(rest[0]) + rest[1:] if change else rest}"
    return None if "_" in key else key


def type_of(name, value):
    if isinstance(value, float):
        return "float"
    if isinstance(value, int):
        return "varint"
    if "http" in name:  # an address in a header is text
        return "bytes"
    if re.fullmatch("[0-9a-f]{2}(:[0-9a-f]{2}){5}", value):
        return "mac"
    try:
        ipaddress.ip_address(value)
        return "ip"
    except ValueError:
        return "bytes"


def is_hexadecimal(value):
    return re.fullmatch("(0x)?[0-9a-f]{16,}", value)


def is_time(value):
    return isinstance(value, str) and value[10:11] == "T" and value.endswith("Z")


class NameTest(unittest.TestCase):
    def check(self, case, least):
        """At least so many elements by name, each with the value that the event has."""
        with open(f"{CORPORA}/logstash/{case}/expected-events.json", encoding="utf-8") as file:
            event = json.load(file)[0]["netflow"]
        wanted = {name_of(key): value for key, value in event.items()
                  if key not in SKIPPED and "Unknown" not in key and name_of(key) and
                  not is_time(value)}
        self.assertGreaterEqual(len(wanted), least)
        block = "netflowv9" if case.startswith("netflow-9") else "ipfix"
        columns = {name: f"c{number}" for number, name in enumerate(wanted)}
        lines = ["formatter:", f"  fields: [{', '.join(columns.values())}]", "  render:",
                 "    src_addr: ip"]
        lines += [f"    {columns[name]}: string" for name, value in wanted.items()
                  if type_of(name, value) == "bytes" and not is_hexadecimal(value)]
        lines += ["  protobuf:"]
        lines += [f"  - {{name: {column}, index: {2000 + number}, "
                  f"type: {type_of(name, wanted[name])}}}"
                  for number, (name, column) in enumerate(columns.items())]
        lines += [f"{block}:", "  mapping:"]
        lines += [f"  - {{field: {name}, destination: {column}}}"
                  for name, column in columns.items()]
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            capture, = glob.glob(f"{CORPORA}/logstash/{case}/*.pcap")
            output = process.read_capture(capture, "-mapping", file.name)
        flows = [json.loads(line) for line in output.splitlines()]
        best = min(([name for name, value in wanted.items()
                     if flow.get(columns[name]) != value] for flow in flows), key=len)
        self.assertEqual(best, [], f"of {len(wanted)} elements, none of {len(flows)} flows has all")

    def test_netscaler(self):
        self.check("ipfix-netscaler-with-variable-length-fields", 30)

    def test_procera(self):
        self.check("ipfix-procera", 20)

    def test_yaf(self):
        self.check("ipfix-yaf-basic-with-applabel", 15)

    def test_ixia(self):
        self.check("ipfix-from-ixia-something-something", 30)

    def test_vmware(self):
        self.check("ipfix-vmware-virtual-distributed-switch", 15)

    def test_palo_alto(self):
        self.check("netflow-9-palo-alto-pan-os-with-app-id", 3)

    def test_asa(self):
        self.check("netflow-9-cisco-asa-2", 8)

    def test_barracuda(self):
        self.check("ipfix-barracuda-firewall", 8)


if __name__ == "__main__":
    if CORPORA:
        unittest.main()
    process.left_out("elements by name in captures", shared.missing("corpora"))
