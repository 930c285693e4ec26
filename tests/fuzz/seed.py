#!/usr/bin/env python3
"""Writes the seed corpora of the fuzzers: tests/fuzz/corpus/<target>/<digest>.

usage: seed.py GOLDEN.jsonl

GOLDEN.jsonl holds one case per line: "name", "packets" (hex), "bin_delimited_hex". Cases named
upstream_test_* are left out. Other seeds come from the fixtures of this tree. Inputs that are there
already, fuzzers' finds among them, stay.
"""

import gzip
import hashlib
import json
import pathlib
import re
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE.parent / "fixtures"
SEED_MAX = 4096

STRINGS = [
    b"", b"plain", b'"\\\b\f\n\r\t', b"<>&", bytes(range(256)), "Zürich ΑΣ 日本 😀".encode(),
    "\u2028\u2029".encode(), b"\xed\xa0\x80\xf4\x90\x80\x80\xc0\x80\xff\xe2\x80",
]

YAML = [
    b"networks: []\n",
    b"networks:\n- {name: a, cidr: 10.0.0.0/8, context: {k: v}}\n",
    b"networks:\n- name: a\n  cidrs: [10.0.0.0/8, '2001:db8::/32']\n  context: {k: 'v', l: \"w\"}\n"
    b"- name: b\n  cidr: 10.1.0.0/16\n",
    b"networks:\n- {name: a, cidr: 10.0.0.1/8}\n",
    b"networks: &a\n- *a\n",
    b"%YAML 1.1\n---\nnetworks:\n- {name: |\n  x\n, cidr: ::/0}\n",
    b"networks:\n- {cidr: 1.2.3.4/33, name: [}\n",
]


MAPPING = [
    b"formatter: {fields: [type, src_addr, a, b], key: [a, sampler_address],\n"
    b"  protobuf: [{name: a, index: 2000, type: varint}, {name: b, index: 2001, type: bytes,"
    b" array: true}],\n  rename: {a: 'x \\\"y\\\"', src_addr: b}, render: {b: string, proto: none}}\n"
    b"ipfix: {mapping: [{field: 8, destination: a}, {field: 82, destination: b},"
    b" {field: 1, penprovided: true, pen: 9, destination: in_if, endian: little}]}\n"
    b"netflowv9: {mapping: [{field: 8, destination: b}, {field: 34, destination: sampling_rate}]}\n",
    b"formatter:\n  protobuf:\n" + b"".join(
        b"    - {name: c%d, index: %d, type: %s}\n" % (i, 3000 + i, kind) for i, kind in enumerate((
            b"string", b"ip", b"ipv4", b"ipv6", b"mac", b"bool", b"float", b"datetime",
            b"datetimemilli", b"datetimenano", b"datetimentp")))
    + b"ipfix:\n  mapping:\n" + b"".join(
        b"    - {field: %d, destination: c%d}\n" % pair for pair in (
            (82, 0), (8, 1), (12, 2), (27, 3), (56, 4), (61, 5), (1, 6), (150, 7), (152, 8),
            (156, 9), (154, 10))),
    b"formatter: {protobuf: [{name: n, index: 99, type: varint}, {name: s, index: 98, type: bytes}]}\n"
    b"sflow:\n  ports: [{proto: udp, dir: both, port: 4789, parser: vxlan},"
    b" {proto: tcp, dir: src, port: 443, parser: ethernet}]\n  mapping:\n"
    b"  - {layer: ethernet, offset: 3, length: 61, destination: n}\n"
    b"  - {layer: ipv4, offset: 5, length: 77, destination: s, endianness: big}\n"
    b"  - {layer: etype0x0800, offset: 0, length: 16, destination: n, endian: little}\n"
    b"  - {layer: proto6, encap: true, offset: 160, length: 4096, destination: s}\n"
    b"  - {layer: udp4789, offset: 0, length: 1, destination: src_port}\n",
    b"formatter: {fields: [csrc_addr]}\n", b"formatter:\nipfix:\nsflow: {mapping: [{layer: arp}]}\n",
    b"formatter: {protobuf: [{name: a, index: 19000, type: varint}]}\n",
]
# Golden cases whose packets follow them.
MAPPED = ("v9_template_data", "ipfix_nat_vlan", "ipfix_varlen_only", "ipfix_times_us_ntp",
          "ipfix_dataframe_315", "sf_eth_ip4_tcp", "sf_vxlan")

FIELD = b'{"pen-provided":%s,"type":%d,"length":4,"pen":%d}'
DATA = b'{"template-id":256,"field-count":1,"fields":[' + FIELD % (b"false", 8, 0) + b"]}"
OPTIONS_V9 = (b'{"template-id":257,"scope-length":4,"option-length":4,"scopes":['
              + FIELD % (b"false", 1, 0) + b'],"options":[' + FIELD % (b"false", 34, 0) + b"]}")
OPTIONS_IPFIX = (b'{"template-id":258,"field-count":2,"scope-field-count":1,"options":['
                 + FIELD % (b"true", 0x8001, 9) + b'],"scopes":[' + FIELD % (b"false", 149, 0)
                 + b"]}")

OPTIONS = [
    b"\0netflow://:2055?count=4&workers=2&blocking=true&balance=address+port,sflow://[::1]:6343?gro=1",
    b"\0flow://10.0.0.1:9995/x?queue_size=1000&rcvbuf=1048576&unknown=1", b"\0netflow://:0?count=257",
    b"\x0110.0.0.0/8=1000,2001:db8::/32=64,0.0.0.0/0=1", b"\x0110.0.0.1/8=1", b"\x01::/0=0",
    b"\x02192.0.2.0/24,2001:db8::1,::ffff:10.0.0.0/104",
    b"\x03# ours\n192.0.2.0/24 # a site\n\n2001:db8::/32\n", b"\x03192.0.2.1/24\n",
    b"\x04flows.{type}.{sampler_address}.{key:16}", b"\x04flows.>", b"\x04{src_as_name}.{", b"\x04a..b",
    b"\x05localhost:8080", b"\x05[::1]:80", b"\x05:0", b"\x05a:65536",
    b"\x065s", b"\x061h2m3.5s", b"\x0664MiB", b"\x06-9223372036854775808", b"\x060x1p3", b"\x06true",
]

STATE = [
    b"", b"{}", b"[]", b'{"a":1}x', b"[" * 3000,
    b'{"192.0.2.1:2055":{"9/1/256":%s,"9/1/257":%s}}' % (DATA, OPTIONS_V9),
    b'{"[2001:db8::1]:4739":{"10/4294967295/258":%s,"10/7/65535":%s}}' % (OPTIONS_IPFIX, DATA),
    b'{"192.0.2.1:2055":{"9/0/0":{"template-id":0,"field-count":0,"fields":null}}}',
    b'{"192.0.2.1:2055":{"9/0":{"sampling-rate":1000,"selectors":{"1":1000}},'
    b'"10/5":{"system-init-ms":1}}}',
    b'{"router1":{"9/1/256":%s}}' % DATA, b'{"192.0.2.1:2055":{"8/1/256":%s}}' % DATA,
    b'{"1.2.3.4:1":{"9/1":{"sampling-rate":-1}}}',
]


def write(target, content):
    if len(content) > SEED_MAX:
        return
    directory = HERE / "corpus" / target
    directory.mkdir(parents=True, exist_ok=True)
    (directory / hashlib.sha1(content).hexdigest()[:16]).write_bytes(content)


def sets(packet):
    """The sets of a v9 or IPFIX message: id and body."""
    at = 20 if packet[1] == 9 else 16
    while at + 4 <= len(packet):
        number, length = struct.unpack_from(">HH", packet, at)
        if length < 4:
            return
        yield number, packet[at + 4:at + length]
        at += length


def template_seeds(packets):
    for packet in packets:
        if packet[:2] not in (b"\0\x09", b"\0\x0a"):
            continue
        found = list(sets(packet))
        data = b"".join(body for number, body in found if number >= 256)
        for number, body in found:
            if number < 4:
                settings = (number < 2) | (number % 2) << 1
                write("template", bytes([settings]) + struct.pack(">H", len(body)) + body + data)


def packet_seeds(packet):
    """Each raw header record of an sFlow datagram, found by its lengths."""
    starts = {1: 0, 11: 1, 12: 2, 13: 4}
    for at in range(0, len(packet) - 24, 4):
        format_, length, protocol, _, _, header = struct.unpack_from(">6I", packet, at)
        if format_ == 1 and protocol in starts and header and header + 16 <= length <= header + 20:
            write("packet", bytes([starts[protocol]]) + packet[at + 24:at + 24 + header])


def stream(packets):
    return b"".join(b"\0" + struct.pack(">H", len(packet)) + packet for packet in packets)


def decoder_seeds(packets):
    body = stream(packets)
    later = b"".join(b"\x32" + struct.pack(">H", len(packet)) + packet for packet in packets[::-1])
    write("decoder", b"\0" + body)
    write("decoder", b"\x80" + later + body)


def golden_seeds(path):
    cases, bodies = {}, []
    for line in open(path, encoding="utf-8"):
        case = json.loads(line)
        if case["name"].startswith("upstream_test_"):
            continue
        packets = [bytes.fromhex(packet) for packet in case["packets"]]
        cases[case["name"]] = packets
        decoder_seeds(packets)
        template_seeds(packets)
        for packet in packets:
            packet_seeds(packet)
        for message in case["bin_delimited_hex"]:
            message = bytes.fromhex(message)
            body = message[2 if message[0] & 0x80 else 1:]
            bodies.append(body)
            write("wire", body)
            write("enrich", body)
    mapping_seeds(cases)
    capture_seeds(cases)
    share_seeds(cases)
    filter_seeds(bodies)
    config_seeds()


# One of each form; the flow behind them is a golden one.
EXPRESSIONS = (
    "src_port == 53 or dst_port in (53, 853, 8000-8080)",
    "not (src_addr in 10.0.0.0/8 and dst_addr in (192.0.2.0/24, 2001:db8::/32))",
    "proto != TCP && etype == IPv6 || type >= NETFLOW_V9 and tcp_flags & 0x12 == 2",
    "src_mac == 00:00:5e:00:53:01 or as_path == 64500 and bgp_communities == 64500:100",
    "src_country in (NL, 'DE') or src_context.application == \"web\" or dst_context.\"a b\"",
    "n > 5 and s == text and i in ::/0 and m and b == true and f <= -0.5e3 and not not src_as",
    "layer_stack == GRE or mpls_label not in (1, 2) or next_hop != 192.0.2.1",
)


def filter_seeds(bodies):
    for number, expression in enumerate(EXPRESSIONS):
        write("filter", expression.encode() + b"\0" + bodies[number * len(bodies) // len(EXPRESSIONS)])


def config_seeds():
    write("config", b"format: json\nnats:\n  token.file: /x\ntemplates: {ttl: 30m, size: 64MiB}\n")
    write("config", b"format: [a, 'b', \"c d\"]\nquick: true\nrate: -5 # five\n---\n")


def mapping_seeds(cases):
    """Each file with the packets of some golden cases; fixtures without their comments."""
    packets = [packet for name in MAPPED for packet in cases[name]]
    for path in (FIXTURES / "default-mapping.yaml", HERE.parent.parent / "mapping.yaml"):
        text = re.sub(r"(?m) *#.*$", "", path.read_text(encoding="utf-8"))
        text = re.sub(r"\n\n+", "\n", text).encode()
        write("mapping", text + b"\0" + stream(cases["sf_vxlan"]))
    for text in MAPPING:
        write("mapping", text)
        write("mapping", text + b"\0" + stream(packets))


def udp_frame(payload):
    """Raw IPv4; nothing looks at its checksums."""
    udp = struct.pack(">4H", 50000, 2055, 8 + len(payload), 0) + payload
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                       bytes((192, 0, 2, 1)), bytes((192, 0, 2, 2))) + udp


def fragments(frame, step):
    """A frame of udp_frame in fragments of `step` bytes."""
    parts = []
    for at in range(20, len(frame), step):
        part = frame[at:at + step]
        word = (at - 20) // 8 | (0x2000 if at + step < len(frame) else 0)
        parts.append(frame[:2] + struct.pack(">HHH", 20 + len(part), 7, word) + frame[8:20] + part)
    return parts


def zstd(content):
    """One frame of one block that is stored as it is (RFC 8878, section 3.1.1)."""
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(content)) + \
        struct.pack("<I", len(content) << 3 | 1)[:3] + content


def packed_seeds(files):
    for file in files:
        for content in (file, gzip.compress(file, mtime=0), zstd(file),
                        b"\x50\x2a\x4d\x18\x02\0\0\0ab" + zstd(file),
                        gzip.compress(file[:100], mtime=0) + gzip.compress(file[100:], mtime=0)):
            write("capture", b"\0" + content)
            write("unpack", b"\xff" + content)
            write("unpack", b"\7" + content[:-9])


def fragment_seeds():
    """Steps of fragment_fuzz: in order, backwards, with a second end, with bytes that overlap."""
    order = [(1, 0, 0, 248), (1, 0, 248, 248), (8, 0, 496, 17)]
    for steps in (order, order[::-1], order + order, [*order[:2], (8, 0, 248, 9), order[2]],
                  [order[0], (5, 9, 240, 248), order[2], order[1]],
                  [order[0], (1, 0xff, 248, 248), *order], [(3, 0, 0, 8), (10, 0, 8, 3)],
                  [(8, 0, 65528, 7), (1, 0, 65528, 248), (8, 0, 0, 0)]):
        write("fragment", b"".join(struct.pack(">BBHB", *step) for step in steps))
    write("fragment", b"".join(struct.pack(">BBHB", 1 | id << 4, 0, 0, 8) for id in range(16)) * 20)


def pcap(frames, order="<", magic=0xa1b2c3d4, link=101):
    file = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for frame in frames:
        file += struct.pack(order + "4I", 1700000000, 1, len(frame), len(frame)) + frame
    return file


def pcapng_block(kind, body, order):
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def pcapng(frames, order="<"):
    file = pcapng_block(0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1), order)
    resolution = struct.pack(order + "HHBxxxHH", 9, 1, 9, 0, 0)
    file += pcapng_block(1, struct.pack(order + "HHI", 101, 0, 65535) + resolution, order)
    for frame in frames:
        head = struct.pack(order + "5I", 0, 0x5f5e1, 0, len(frame), len(frame))
        file += pcapng_block(6, head + frame, order)
    return file + pcapng_block(3, struct.pack(order + "I", len(frames[0])) + frames[0], order)


def capture_seeds(cases):
    frames = [udp_frame(packet) for name in MAPPED for packet in cases[name]]
    for choice, file in enumerate((
            pcap(frames), pcap(frames, ">"), pcap(frames[:2], magic=0xa1b23c4d),
            pcap(frames[:2], ">", link=12), pcap(frames[:1], magic=0xa1b2cd34), pcapng(frames),
            pcapng(frames[:3], ">"), pcap([bytes(12) + b"\x08\0" + frames[0]], link=1),
            pcap([b"\2\0\0\0" + frames[0]], link=0), pcap(frames[:1], link=105))):
        write("capture", bytes([choice % 4]) + file)
        write("capture", b"\0" + file[:-7])
    split = [part for frame in frames[:4] for part in fragments(frame, 48)]
    write("capture", b"\0" + pcap(split))
    write("capture", b"\0" + pcap(split[::-1] + split[1:]))
    packed_seeds((pcap(frames[:4]), pcapng(frames[:2])))


def share_seeds(cases):
    """Each announcement as the entry of another collector, before the case's packets."""
    for packets in cases.values():
        if packets[0][:2] not in (b"\0\x09", b"\0\x0a"):
            continue
        for source in (bytes((4, 192, 0, 2, 0)) + bytes(12), b"\x10" + bytes(range(16))):
            entry = struct.pack(">BQQH", 1, 7, 1700000000000000000, 2000) + source + packets[0]
            write("share", struct.pack(">H", len(entry)) + entry + stream(packets[::-1]))


def spool_seeds():
    push, large, take, release, cancel, reopen = b"\x18\x01\0", b"\0\0\1", b"\2", b"\3", b"\4", b"\5"
    write("spool", push * 3 + take * 2 + release + reopen + take)
    write("spool", push * 4 + take * 3 + cancel + reopen + take * 3 + release + push)
    write("spool", (large * 3 + take * 2 + release) * 4 + reopen + take)
    for offset in (0, 8, 13, 16, 23, 24, 32, 39, 4096, 4104, 4112, 4140, 4200):
        write("spool", push * 3 + take + b"\1" + struct.pack(">HB", offset, 255) + take * 3 + push)


def frame_seeds(path):
    """One frame of each length of a pcap file, with its link type in front."""
    content = path.read_bytes()
    order = "<" if content[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    link = struct.unpack_from(order + "I", content, 20)[0] & 0xff
    at, seen = 24, set()
    while at + 16 <= len(content):
        length = struct.unpack_from(order + "I", content, at + 8)[0]
        frame = content[at + 16:at + 16 + length]
        at += 16 + length
        if length not in seen and len(seen) < 8:
            seen.add(length)
            write("frame", bytes([link]) + frame)
            for other, cut in ((12, 14), (101, 14), (228, 14)):  # raw IP
                write("frame", bytes([other]) + frame[cut:])


def main():
    golden_seeds(sys.argv[1])
    for string in STRINGS:
        write("json", string)
    for text in YAML + [(FIXTURES / "demo-context.yaml").read_bytes()]:
        write("context", text)
    for text in OPTIONS:
        write("option", text)
    for text in STATE:
        write("state", text)
    for path in sorted(FIXTURES.glob("*.mmdb")):
        write("geo", path.read_bytes())
    spool_seeds()
    fragment_seeds()
    frame_seeds(FIXTURES / "demo.pcap")


if __name__ == "__main__":
    main()
