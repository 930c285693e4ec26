#!/usr/bin/env python3
"""The grammar of mapping.yaml, rule by rule as docs/mapping.md and GoFlow2's manual have it: every
key with a node of every kind, every destination by both names, every renderer and type, and what
each says about one flow."""

import json
import os
import re
import struct
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import capture, flow, netflow, process  # noqa: E402

TIME_NS = 1700000000123456789
PEN = 4567
COLUMNS = list(flow.FIELDS)[:50]
NOT_MAPPED = ("type", "layer_stack", "layer_size")
SET_BY_COLLECTOR = ("sampler_address", "time_received_ns", "sequence_num", "observation_domain_id")

# What is shown of the flow with `fields: [a, b]` and the rest of the formatter block.
TYPES = {
    "varint": (b"\x01\x02", 258), "bytes": (b"\x01\x02", "0102"), "string": (b"\x01\x02", "0102"),
    "ip": (b"\x0a\0\0\1", "10.0.0.1"), "ipv4": (b"\x0a\0\0\1", "10.0.0.1"),
    "ipv6": (bytes(15) + b"\1", "::1"), "mac": (b"\2\0\0\0\0\xaa", "02:00:00:00:00:aa"),
    "bool": (b"\1", True), "float": (struct.pack("!d", 1.5), 1.5),
    "datetime": (struct.pack("!I", 1700000000), "2023-11-14T22:13:20Z"),
    "datetimemilli": (struct.pack("!Q", 1700000000123), "2023-11-14T22:13:20.123Z"),
    "datetimenano": (struct.pack("!Q", TIME_NS), "2023-11-14T22:13:20.123456789Z"),
    "datetimentp": (struct.pack("!II", 1700000000 + 2208988800, 1 << 31), "2023-11-14T22:13:20.5Z"),
}
# renderer: what it makes of the number 6, of the number 0x0800, of 4 bytes, of text
RENDERERS = {
    "none": (6, 2048, "0a000001", "656e30"), "ip": (6, 2048, "10.0.0.1", ""),
    "mac": ("00:00:00:00:00:06", "00:00:00:00:08:00", "0a000001", "656e30"),
    "etype": ("", "IPv4", "unknown", "unknown"), "proto": ("TCP", "unknown", "unknown", "unknown"),
    "datetime": ("1970-01-01T00:00:06Z", "1970-01-01T00:34:08Z", "0a000001", "656e30"),
    "datetimenano": ("1970-01-01T00:00:00.000000006Z", "1970-01-01T00:00:00.000002048Z",
                     "0a000001", "656e30"),
    "string": (6, 2048, None, "en0"),
}
SCALAR, LIST, MAPPING = "word", "[word]", "{word: word}"
# Every key and the kind of its node.
KEYS = {
    "formatter": MAPPING, "formatter.fields": LIST, "formatter.key": LIST,
    "formatter.rename": MAPPING, "formatter.render": MAPPING, "formatter.protobuf": LIST,
    "formatter.protobuf.name": SCALAR, "formatter.protobuf.index": SCALAR,
    "formatter.protobuf.type": SCALAR, "formatter.protobuf.array": SCALAR,
    **{f"{block}{key}": kind for block in ("ipfix", "netflowv9") for key, kind in (
        ("", MAPPING), (".mapping", LIST), (".mapping.field", SCALAR),
        (".mapping.destination", SCALAR), (".mapping.penprovided", SCALAR),
        (".mapping.pen", SCALAR), (".mapping.endianness", SCALAR), (".mapping.endian", SCALAR))},
    "sflow": MAPPING, "sflow.ports": LIST, "sflow.ports.proto": SCALAR, "sflow.ports.dir": SCALAR,
    "sflow.ports.port": SCALAR, "sflow.ports.parser": SCALAR, "sflow.mapping": LIST,
    "sflow.mapping.layer": SCALAR, "sflow.mapping.encap": SCALAR, "sflow.mapping.offset": SCALAR,
    "sflow.mapping.length": SCALAR, "sflow.mapping.destination": SCALAR,
    "sflow.mapping.endianness": SCALAR, "sflow.mapping.endian": SCALAR,
}
LISTS_OF_OBJECTS = ("formatter.protobuf", "ipfix.mapping", "netflowv9.mapping", "sflow.ports",
                    "sflow.mapping")


def go_name(name):
    return "".join(part.capitalize() for part in name.split("_"))


def nest(path, node):
    """The file in which only that key is given."""
    parts = path.split(".")
    for depth in range(len(parts), 0, -1):
        node = f"{{{parts[depth - 1]}: {node}}}"
        if ".".join(parts[:depth - 1]) in LISTS_OF_OBJECTS:
            node = f"[{node}]"
    return node + "\n"


def columns(**types):
    rows = [f"    - {{name: {name}, index: {2000 + number}, type: {kind}}}"
            for number, (name, kind) in enumerate(types.items())]
    return "  protobuf:\n" + "\n".join(rows) + "\n"


def sampled(packet):
    """An sFlow datagram with one sampled Ethernet frame."""
    padded = packet + bytes(-len(packet) % 4)
    record = struct.pack("!IIIIII", 1, 16 + len(padded), 1, len(packet), 0, len(packet)) + padded
    sample = struct.pack("!IIIIIIII", 1, 1, 100, 0, 0, 1, 2, 1) + record
    return struct.pack("!II4sIIIIII", 5, 1, bytes([192, 0, 2, 9]), 0, 7, 1000, 1, 1,
                       len(sample)) + sample


class GrammarTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "mapping.yaml")
        self.capture = os.path.join(folder.name, "flows.pcap")

    def write(self, yaml, *datagrams):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(yaml)
        capture.write_datagrams(self.capture, [
            capture.Datagram(TIME_NS, "192.0.2.1", 50000, "198.51.100.1", 2055, datagram)
            for datagram in datagrams])

    def run_with(self, yaml, *datagrams):
        self.write(yaml, *datagrams)
        return process.run([process.COLLECTOR, "-read", self.capture, "-mapping", self.path])

    def flow_of(self, yaml, *values, domain=1):
        """The flow of an IPFIX record with these values of PEN's elements 1, 2, …."""
        fields = [(number, len(value), PEN) for number, value in enumerate(values, start=1)]
        numbers = [(int.from_bytes(value, "big"), len(value)) for value in values]
        return self.read(yaml, netflow.ipfix(1, domain, netflow.ipfix_template(300, fields),
                                             netflow.ipfix_data(300, *numbers)))

    def read(self, yaml, datagram):
        status, output, log = self.run_with(yaml, datagram)
        self.assertEqual(status, 0, f"{yaml}\n{log}")
        self.log = log
        return flow.read_json_lines(output.decode())[0]

    def refuse(self, yaml, message):
        status, output, log = self.run_with(yaml)
        self.assertEqual((status, output), (1, b""), yaml)
        self.assertRegex(log, re.escape(self.path) + message, yaml)

    def elements(self, *destinations):
        return "ipfix:\n  mapping:\n" + "".join(
            f"    - {{field: {number}, penprovided: true, pen: {PEN}, destination: {name}}}\n"
            for number, name in enumerate(destinations, start=1))

    def test_every_key_has_a_kind_of_node(self):
        for path, kind in KEYS.items():
            for other in {SCALAR, LIST, MAPPING} - {kind}:
                with self.subTest(key=path, node=other):
                    self.refuse(nest(path, other), ":1: ")

    def test_an_unknown_key_is_passed_over(self):
        levels = {path.rpartition(".")[0] for path in KEYS}
        whole = {"": "", "formatter": "", "formatter.protobuf":
                 "name: a, index: 2000, type: varint, ",
                 "ipfix": "", "netflowv9": "", "sflow": "",
                 "ipfix.mapping": "field: 1, destination: bytes, ",
                 "netflowv9.mapping": "field: 1, destination: bytes, ",
                 "sflow.ports": "proto: udp, dir: dst, port: 9, parser: gre, ",
                 "sflow.mapping": "layer: udp, offset: 0, length: 8, destination: bytes, "}
        self.assertEqual(levels, set(whole))
        for level, others in whole.items():
            with self.subTest(level=level):
                node = f"{{{others}no_such_key: [1, {{a: b}}]}}"
                if level in LISTS_OF_OBJECTS:
                    node = f"[{node}]"
                status, _, log = self.run_with(nest(level, node) if level else node + "\n")
                self.assertEqual(status, 0, log)
                self.assertIn("no_such_key", log)

    def test_a_file_is_one_document_of_mappings(self):
        for yaml in ("", "# nothing\n", "[]\n", "word\n", "formatter: {}\n---\nformatter: {}\n",
                     "formatter: {fields: [type\n", "formatter: &a {}\nipfix: *a\n"):
            with self.subTest(yaml=yaml):
                self.refuse(yaml, ":")

    def test_every_field_is_a_destination_by_both_names(self):
        for name in COLUMNS:
            for spelling in (name, go_name(name)):
                with self.subTest(destination=spelling):
                    self.check_destination(name, spelling)

    def check_destination(self, name, spelling):
        yaml = (f"formatter:\n  fields: [{name}]\n  render: {{{name}: none}}\n" +
                self.elements(spelling))
        if name in NOT_MAPPED:
            self.refuse(yaml, f":6: destination {spelling}: cannot be mapped to")
            return
        _, kind, repeated = flow.FIELDS[name]
        value = "0a000001" if kind == "bytes" else 0x0A000001
        shown = self.flow_of(yaml, b"\x0a\0\0\1")
        if name in SET_BY_COLLECTOR:
            self.assertIn(f"destination {spelling}: has no effect", self.log)
            self.assertNotIn(shown[name], (value, [value]))
        else:
            self.assertEqual(shown, {name: [value] if repeated else value})

    def test_every_type_of_column(self):
        for kind, (value, shown) in TYPES.items():
            with self.subTest(type=kind):
                yaml = "formatter:\n  fields: [a]\n" + columns(a=kind) + self.elements("a")
                self.assertEqual(self.flow_of(yaml, value), {"a": shown})
                array = yaml.replace(f"type: {kind}", f"type: {kind}, array: true")
                array += f"    - {{field: 2, pen: {PEN}, destination: a}}\n"
                self.assertEqual(self.flow_of(array, value, value), {"a": [shown, shown]})
        self.refuse("formatter:\n" + columns(a="int"), ":3: unknown type .*int")

    def test_every_renderer(self):
        for renderer, shown in RENDERERS.items():
            with self.subTest(renderer=renderer):
                yaml = ("formatter:\n  fields: [a, b, c, d]\n  render: {" +
                        ", ".join(f"{name}: {renderer}" for name in "abcd") + "}\n" +
                        columns(a="varint", b="varint", c="bytes", d="bytes") +
                        self.elements("a", "b", "c", "d"))
                got = self.flow_of(yaml, b"\6", b"\x08\0", b"\x0a\0\0\1", b"en0")
                self.assertEqual({name: value for name, value in zip("abcd", shown)
                                  if value is not None},
                                 {name: value for name, value in got.items()
                                  if shown["abcd".index(name)] is not None})
        for renderer in ("type", "network", "NONE"):
            self.refuse(f"formatter: {{render: {{src_addr: {renderer}}}}}\n", ":1: ")

    def test_the_examples_of_the_manual_are_files(self):
        with open(os.path.join(os.path.dirname(TESTS), "docs", "mapping.md"),
                  encoding="utf-8") as file:
            examples = re.findall("```yaml\n(.*?)```", file.read(), re.S)
        self.assertTrue(examples)
        for yaml in examples:
            self.flow_of(yaml, b"\1")
            self.assertNotIn("level=WARN", self.log)

    def test_columns(self):
        order = "formatter: {fields: [dst_port, type, src_port], rename: {type: kind}}\n"
        self.assertEqual(list(self.flow_of(order, b"\0").items()),
                         [("dst_port", 0), ("kind", "IPFIX"), ("src_port", 0)])
        self.assertEqual(list(self.flow_of("formatter: {rename: {type: kind}}\n", b"\0")),
                         ["kind", *COLUMNS[1:]])
        self.assertEqual(list(self.flow_of("formatter:\n" + columns(a="varint") +
                                           self.elements("a"), b"\1")), COLUMNS)
        self.assertEqual(self.flow_of("formatter: {fields: [SrcAddr, src_addr]}\n", b"\0"),
                         {"SrcAddr": "", "src_addr": ""})
        self.refuse("formatter: {fields: [no_such]}\n", ":1: fields: none of these is a column")
        self.assertEqual(self.flow_of("formatter: {fields: [no_such, type]}\n", b"\0"),
                         {"type": "IPFIX"})
        self.assertRegex(self.log, 'level=WARN .*:1: fields: .*no_such.* is left out')
        self.refuse("formatter: {key: [icmp_name]}\n", ":1: key: ")
        self.refuse("formatter: {key: [no_such]}\n", ":1: key: ")

    def test_custom_columns_when_absent(self):
        def shown(render, kind="varint", array=""):
            yaml = "formatter:\n  fields: [type, a]\n" + columns(a=kind + array)
            return self.flow_of(yaml + (f"  render: {{a: {render}}}\n" if render else ""), b"\0")

        self.assertEqual(shown(None), {"type": "IPFIX"})
        self.assertEqual(shown("datetime"), {"type": "IPFIX"})
        self.assertEqual(shown("proto"), {"type": "IPFIX", "a": "unknown"})
        self.assertEqual(shown("etype"), {"type": "IPFIX", "a": "unknown"})
        self.assertEqual(shown("ip", "bytes", ", array: true"), {"type": "IPFIX", "a": []})
        self.assertEqual(shown(None, "bytes", ", array: true"), {"type": "IPFIX"})

    def test_custom_columns_when_there(self):
        base = "formatter:\n  fields: [type, a]\n" + columns(a="varint")
        self.assertEqual(self.flow_of(base + self.elements("a"), b"\0"), {"type": "IPFIX", "a": 0})
        self.assertEqual(self.flow_of(base + self.elements("a", "a"), b"\1", b"\2"),
                         {"type": "IPFIX", "a": 2})  # of several the last one
        hidden = "formatter:\n  fields: [bytes]\n" + columns(bytes="varint")
        self.assertEqual(self.flow_of(hidden + self.elements("bytes"), b"\7"), {"bytes": 7})
        self.refuse("formatter:\n" + columns(a="varint").replace("2000", "9"), ":3: index of a: 9")

    def test_elements(self):
        base = "formatter:\n  fields: [a]\n" + columns(a="varint") + "ipfix:\n  mapping:\n"
        item = f"    - {{field: 1, penprovided: true, pen: {PEN}, destination: a"
        self.assertEqual(self.flow_of(f"{base}{item}}}\n", b"\1\0"), {"a": 256})
        for key in ("endianness", "endian"):
            self.assertEqual(self.flow_of(f"{base}{item}, {key}: little}}\n", b"\1\0"), {"a": 1})
            self.assertEqual(self.flow_of(f"{base}{item}, {key}: big}}\n", b"\1\0"), {"a": 256})
        self.assertEqual(self.flow_of(base + item.replace("field: 1", "field: 0x1") + "}\n", b"\3"),
                         {"a": 3})
        plain = f"{base}    - {{field: 1, destination: a}}\n"
        self.assertEqual(self.flow_of(plain, b"\1"), {})  # IANA's 1, not the vendor's
        twice = (base.replace("[a]", "[bytes, packets]") +
                 item.replace("destination: a", "destination: bytes") + "}\n" +
                 item.replace("destination: a", "destination: packets") + "}\n")
        self.assertEqual(self.flow_of(twice, b"\5"), {"bytes": 0, "packets": 5})  # last one wins

    def test_the_element_itself_goes_before_its_mapping(self):
        yaml = "formatter: {fields: [bytes]}\nipfix: {mapping: [{field: 2, destination: bytes}]}\n"
        both = netflow.ipfix(1, 1, netflow.ipfix_template(300, [(2, 4), (1, 4)]),
                             netflow.ipfix_data(300, (7, 4), (1500, 4)))
        self.assertEqual(self.read(yaml, both), {"bytes": 1500})
        alone = netflow.ipfix(1, 1, netflow.ipfix_template(300, [(2, 4)]),
                              netflow.ipfix_data(300, (7, 4)))
        self.assertEqual(self.read(yaml, alone), {"bytes": 7})

    def test_netflow_v9_has_no_enterprises(self):
        yaml = ("formatter:\n  fields: [a]\n" + columns(a="varint") +
                "netflowv9:\n  mapping:\n    - {field: 40005, destination: a}\n"
                "    - {field: 1, pen: 9, destination: a}\n")
        datagram = netflow.v9(1, 1, netflow.v9_template(300, [(40005, 1)]),
                              netflow.v9_data(300, (2, 1)))
        self.assertEqual(self.read(yaml, datagram), {"a": 2})
        self.assertIn("NetFlow v9 has no enterprises", self.log)

    def test_bits_of_a_header(self):
        """The vectors of GoFlow2's own test of bits, in the bytes behind a UDP header."""
        udp = capture.udp_segment("10.0.0.1", "10.0.0.2", 1000, 2000, bytes.fromhex("aa55ab56"))
        packet = capture.ethernet_frame(capture.ip_packet("10.0.0.1", "10.0.0.2", 17, udp))
        for offset, length, wanted in (
                (16, 16, "ab56"), (24, 8, "56"), (24, 32, "56000000"), (32, 0, ""),
                (4, 16, "a55a"), (4, 4, "0a"), (4, 6, "29"), (20, 6, "2d"), (5, 10, "4a02"),
                (30, 10, "8000"), (30, 2, "02")):
            with self.subTest(offset=offset, length=length):
                yaml = ("formatter:\n  fields: [a]\n" + columns(a="bytes") +
                        f"sflow: {{mapping: [{{layer: udp, offset: {64 + offset}, "
                        f"length: {length}, destination: a}}]}}\n")
                # Zeros follow a value that is cut: UDP's payload ends the packet here.
                self.assertEqual(self.read(yaml, sampled(packet)), {"a": wanted})

    def test_every_parser_of_a_port(self):
        parsers = ("ethernet", "dot1q", "mpls", "ipv4", "ipv6", "ipv6-route", "ipv6-frag", "tcp",
                   "udp", "sctp", "icmp", "ipv6-icmp", "gre", "vxlan", "geneve", "teredo-dst")
        first = {"ipv4": 0x45, "ipv6": 0x60, "teredo-dst": 0x60, "vxlan": 0x08}
        for parser in parsers:
            payload = bytes([first.get(parser, 0)]) + bytes(63)
            packet = sampled(capture.ethernet_frame(capture.ip_packet(
                "10.0.0.1", "10.0.0.2", 17,
                capture.udp_segment("10.0.0.1", "10.0.0.2", 1000, 2000, payload))))
            for side, port in (("dst", 2000), ("src", 1000), ("both", 1000)):
                with self.subTest(parser=parser, dir=side):
                    yaml = ("formatter:\n  fields: [layer_stack, a]\n" + columns(a="varint") +
                            f"sflow:\n  ports: [{{proto: udp, dir: {side}, port: {port}, "
                            f"parser: {parser}}}]\n  mapping: [{{layer: udp{port}, encap: true, "
                            "offset: 0, length: 8, destination: a}]\n")
                    shown = self.read(yaml, packet)
                    self.assertEqual(shown["layer_stack"][:3], ["Ethernet", "IPv4", "UDP"])
                    self.assertGreater(len(shown["layer_stack"]), 3)
                    self.assertEqual(shown["a"], payload[0])
        self.refuse("sflow: {ports: [{proto: udp, dir: dst, port: 1, parser: vxlang}]}\n",
                    ":1: parser: got")


if __name__ == "__main__":
    unittest.main()
