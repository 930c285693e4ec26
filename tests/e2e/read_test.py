#!/usr/bin/env python3
"""-read: captures in every form, fragments in them, and files that are none."""

import gzip
import ipaddress
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import capture, flow, netflow, process  # noqa: E402

DEMO = os.path.join(TESTS, "fixtures", "demo.pcap")
TEMPLATE = netflow.ipfix_template(300, [(netflow.SRC_ADDR, 4), (netflow.SRC_PORT, 2)])
RECORDS = 1000
NOW_NS = 1700000000 * 10**9
SECOND_NS = 10**9


def datagram(source="192.0.2.1", records=RECORDS, base=0x0A000000):
    """A UDP datagram of some kilobytes: its IP packet's payload."""
    data = [(base + i, 4) for i in range(records)]
    fields = [field for address in data for field in (address, (443, 2))]
    target = "2001:db8::2" if ":" in source else "192.0.2.2"
    return capture.udp_segment(source, target, 50000, 2055,
                               netflow.ipfix(0, 1, TEMPLATE, netflow.ipfix_data(300, *fields)))


def ipv4_parts(segment, identification, step=1480, source="192.0.2.1"):
    parts = []
    for at in range(0, len(segment), step):
        packet = bytearray(capture.ip_packet(source, "192.0.2.2", capture.IP_UDP,
                                             segment[at:at + step], identification=identification))
        more = 0x2000 if at + step < len(segment) else 0
        packet[6:8] = struct.pack("!H", at // 8 | more)
        parts.append(bytes(packet))
    return parts


def ipv6_parts(segment, identification, step=1432, source="2001:db8::1"):
    parts = []
    for at in range(0, len(segment), step):
        word = at | (at + step < len(segment))
        head = struct.pack("!BBHI", capture.IP_UDP, 0, word, identification)
        parts.append(capture.ip_packet(source, "2001:db8::2", 44, head + segment[at:at + step]))
    return parts


def addresses(output):
    return [int(ipaddress.ip_address(one["src_addr"])) - 0x0A000000
            for one in flow.read_json_lines(output.decode())]


def to_pcapng(path, out):
    """The frames of a capture in pcapng, big-endian, nanoseconds."""
    def block(kind, body):
        body += bytes(-len(body) % 4)
        length = struct.pack(">I", len(body) + 12)
        return struct.pack(">I", kind) + length + body + length
    with open(out, "wb") as file:
        file.write(block(0x0A0D0D0A, struct.pack(">IHHq", 0x1A2B3C4D, 1, 0, -1)))
        file.write(block(1, struct.pack(">HHIHHBxxxHH", 1, 0, 0, 9, 1, 9, 0, 0)))
        for time_ns, frame in capture.read_frames(path):
            head = struct.pack(">IIIII", 0, time_ns >> 32, time_ns & 0xFFFFFFFF, len(frame),
                               len(frame))
            file.write(block(6, head + frame))


class ReadTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, packets, step_ns=1000):
        path = self.path(name)
        capture.write_frames(path, [(NOW_NS + i * step_ns, capture.ethernet_frame(packet))
                                    for i, packet in enumerate(packets)])
        return path

    def read(self, *arguments, status=0):
        got, output, log = process.run([process.COLLECTOR, "-format=json", "-read", *arguments])
        self.assertEqual(got, status, log)
        return output, log

    def packed(self, path):
        """The file in each compression: {name: path}."""
        with open(path, "rb") as file:
            content = file.read()
        files = {"gzip": path + ".gz", "gzip under another name": path + ".capture",
                 "two gzip members": path + ".2.gz"}
        for name in ("gzip", "gzip under another name"):
            with open(files[name], "wb") as out:
                out.write(gzip.compress(content))
        with open(files["two gzip members"], "wb") as out:
            out.write(gzip.compress(content[:1000]) + gzip.compress(content[1000:]))
        if shutil.which("zstd"):
            files["zstd"] = path + ".zst"
            subprocess.run(["zstd", "-q", path, "-o", files["zstd"]], check=True)
        else:
            process.left_out("zstd", "the program is not installed")
        return files

    def test_compressed_captures_read_as_the_others(self):
        plain = self.read(DEMO)[0]
        ours, other = self.path("demo.pcap"), self.path("demo.pcapng")
        shutil.copy(DEMO, ours)
        to_pcapng(DEMO, other)
        self.assertEqual(self.read(other)[0], plain)
        for path in (ours, other):
            for name, packed in self.packed(path).items():
                with self.subTest(name, path=path):
                    self.assertEqual(self.read(packed)[0], plain)
        with open(ours + ".gz", "rb") as file:
            status, output, log = process.run([process.COLLECTOR, "-format=json", "-read", "-"],
                                              file.read())
        self.assertEqual((status, output), (0, plain), log)

    def test_what_is_in_front_of_damage_is_kept(self):
        plain = self.read(DEMO)[0].splitlines()
        path = self.path("demo.pcap")
        shutil.copy(DEMO, path)
        for name, packed in self.packed(path).items():
            with open(packed, "rb") as file:
                content = file.read()
            cut, damaged = packed + ".cut", packed + ".damaged"
            with open(cut, "wb") as out:
                out.write(content[:len(content) // 2])
            with open(damaged, "wb") as out:
                out.write(content[:-4] + bytes(byte ^ 0x55 for byte in content[-4:]))
            with self.subTest(name):
                output, log = self.read(cut, status=1)
                lines = output.splitlines()
                self.assertEqual(lines, plain[:len(lines)])
                self.assertLess(0 if "zstd" not in name else -1, len(lines))
                self.assertIn(f"file={cut}", log)
                self.assertIn("data ends early", log)
                output, log = self.read(damaged, status=1)
                lines = output.splitlines()
                self.assertEqual(lines, plain[:len(lines)])
                self.assertRegex(log, "error=\"damaged (gzip|Zstandard) data: ")

    def test_what_is_no_capture_is_named(self):
        wanted = ", wanted a capture: pcap or pcapng, plain or compressed with gzip or Zstandard"
        for content, got in ((b"", "an empty file"), (b"\xfd7zXZ\0\0", "xz data"),
                             (b"BZh91AY&SY", "bzip2 data"), (b"PK\3\4....", "a zip archive"),
                             (b"snoop\0\0\0\0\0\0\2", "a snoop capture"), (b"\4\"M\x18", "LZ4 data"),
                             (b"\xd4\xc3", "a file that begins with d4 c3"),
                             (b"hello, world", "a file that begins with 68 65 6c 6c 6f 2c 20 77"),
                             (gzip.compress(b"hello"), "a file that begins with 68 65 6c 6c 6f"),
                             (gzip.compress(gzip.compress(b"x")), "gzip data in compressed data"),
                             (gzip.compress(b""), "an empty file")):
            with self.subTest(got), open(self.path("x"), "wb") as out:
                out.write(content)
                out.flush()
                self.assertIn(f"error=\"got {got}{wanted}\"",
                              self.read(self.path("x"), status=1)[1])

    def test_fragments_are_put_together(self):
        for name, segment, parts in (
                ("IPv4", datagram(), ipv4_parts), ("IPv6", datagram("2001:db8::1"), ipv6_parts)):
            whole = parts(segment, 7)
            self.assertGreater(len(whole), 4)
            for order, packets in (("in order", whole), ("backwards", whole[::-1]),
                                   ("twice each", [p for p in whole for _ in range(2)][:-1]),
                                   ("mixed", whole[1::2] + whole[::2])):
                with self.subTest(name, order=order):
                    output, log = self.read(self.write("parts.pcap", packets))
                    self.assertEqual(addresses(output), list(range(RECORDS)))
                    self.assertNotIn("capture_", log)
                    ns = flow.read_json_lines(output.decode())[0]["time_received_ns"]
                    self.assertEqual(ns, NOW_NS + 1000 * (len(packets) - 1))

    def test_exporters_and_files_do_not_mix(self):
        one = ipv4_parts(datagram(), 7)
        other = ipv4_parts(datagram("192.0.2.9", base=0x0A000000 + RECORDS), 7, source="192.0.2.9")
        packets = [packet for pair in zip(one, other) for packet in pair]
        first = self.write("1.pcap", packets[:5])
        second = self.write("2.pcap", packets[5:])
        output, log = self.read(f"{first},{second}")
        self.assertEqual(sorted(addresses(output)), list(range(2 * RECORDS)))
        self.assertNotIn("capture_", log)

    def test_what_stays_incomplete_is_counted(self):
        parts = ipv4_parts(datagram(), 7)
        whole = ipv4_parts(datagram(records=100), 8)
        for missing in range(len(parts)):
            packets = parts[:missing] + parts[missing + 1:] + whole
            output, log = self.read(self.write("parts.pcap", packets))
            self.assertEqual(addresses(output), list(range(100)))
            self.assertRegex(log, f"reason=capture_fragment count={len(parts) - 1} "
                                  "what=\"captured IP fragment of a datagram that stays incomplete")
        # Fragments that are more than 30 seconds apart are of two datagrams.
        output, log = self.read(self.write("parts.pcap", parts, step_ns=16 * SECOND_NS))
        self.assertEqual(output, b"")
        self.assertIn(f"reason=capture_fragment count={len(parts)} ", log)

    def test_overlaps_are_given_up(self):
        parts = ipv4_parts(datagram(), 7)
        changed = bytearray(parts[2])
        changed[-1] ^= 1
        output, log = self.read(self.write("parts.pcap", [*parts[:3], bytes(changed), *parts[3:]]))
        self.assertEqual(output, b"")
        self.assertIn(f"reason=capture_overlap count={len(parts) + 1} ", log)

    def test_the_filter_is_asked_about_the_first_fragment(self):
        parts = ipv4_parts(datagram(), 7)
        for order in (parts, parts[::-1]):
            path = self.write("parts.pcap", order)
            output, log = self.read(path, "-read.filter=udp port 2055")
            self.assertEqual(addresses(output), list(range(RECORDS)))
            output, log = self.read(path, "-read.filter=not udp port 2055")
            self.assertEqual(output, b"")
            self.assertNotIn("capture_", log)
        output, log = self.read(self.write("parts.pcap", parts[:-1]), "-read.filter=port 9995")
        self.assertNotIn("capture_", log)


if __name__ == "__main__":
    unittest.main()
