"""UDP datagrams in capture files: write them, read them back, record them from live sockets."""

import ipaddress
import socket
import struct
import threading
import time
from typing import NamedTuple

MAGIC_NANOSECONDS = 0xA1B23C4D
MAGIC_MICROSECONDS = 0xA1B2C3D4
LINK_ETHERNET = 1
ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
IP_UDP = 17


class Datagram(NamedTuple):
    time_ns: int
    source: str
    source_port: int
    destination: str
    destination_port: int
    payload: bytes


def checksum(data):
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_packet(source, destination, protocol, payload, ttl=64, tos=0, identification=0):
    """An IPv4 or IPv6 packet around a transport payload whose checksum stays as it is."""
    source = ipaddress.ip_address(source)
    destination = ipaddress.ip_address(destination)
    if source.version == 6:
        return struct.pack("!IHBB", 0x60000000 | tos << 20, len(payload), protocol, ttl) + \
            source.packed + destination.packed + payload
    header = struct.pack("!BBHHHBBH4s4s", 0x45, tos, 20 + len(payload), identification, 0, ttl,
                         protocol, 0, source.packed, destination.packed)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def pseudo_header(source, destination, protocol, length):
    source = ipaddress.ip_address(source)
    destination = ipaddress.ip_address(destination)
    if source.version == 6:
        return source.packed + destination.packed + struct.pack("!II", length, protocol)
    return source.packed + destination.packed + struct.pack("!HH", protocol, length)


def udp_segment(source, destination, source_port, destination_port, payload):
    length = 8 + len(payload)
    header = struct.pack("!HHHH", source_port, destination_port, length, 0)
    total = checksum(pseudo_header(source, destination, IP_UDP, length) + header + payload)
    return header[:6] + struct.pack("!H", total or 0xFFFF) + payload


def ethernet_frame(packet, vlan=None, source="020000000001", destination="020000000002"):
    ethertype = ETHERTYPE_IPV6 if packet[0] >> 4 == 6 else ETHERTYPE_IPV4
    tag = struct.pack("!HH", 0x8100, vlan) if vlan else b""
    return bytes.fromhex(destination + source) + tag + struct.pack("!H", ethertype) + packet


def write_frames(path, frames):
    """Writes (time_ns, Ethernet frame) pairs as a pcap file with nanosecond times."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", MAGIC_NANOSECONDS, 2, 4, 0, 0, 0x40000, LINK_ETHERNET))
        for time_ns, frame in frames:
            out.write(struct.pack("<IIII", time_ns // 10**9, time_ns % 10**9, len(frame),
                                  len(frame)))
            out.write(frame)


def write_datagrams(path, datagrams):
    def frame(d):
        segment = udp_segment(d.source, d.destination, d.source_port, d.destination_port, d.payload)
        return ethernet_frame(ip_packet(d.source, d.destination, IP_UDP, segment))
    write_frames(path, [(d.time_ns, frame(d)) for d in datagrams])


def read_frames(path):
    """Yields (time_ns, frame) of a little-endian Ethernet pcap file, as written above."""
    with open(path, "rb") as file:
        data = file.read()
    magic, _, _, _, _, _, link = struct.unpack_from("<IHHiIII", data)
    if magic not in (MAGIC_NANOSECONDS, MAGIC_MICROSECONDS) or link != LINK_ETHERNET:
        raise ValueError(f"{path}: not a little-endian Ethernet pcap file")
    unit_ns = 1 if magic == MAGIC_NANOSECONDS else 1000
    at = 24
    while at < len(data):
        seconds, fraction, captured, _ = struct.unpack_from("<IIII", data, at)
        yield seconds * 10**9 + fraction * unit_ns, data[at + 16:at + 16 + captured]
        at += 16 + captured


def read_datagrams(path):
    """The UDP datagrams of a capture written by write_datagrams (no VLAN, no IP options)."""
    datagrams = []
    for time_ns, frame in read_frames(path):
        packet = frame[14:]
        if packet[0] >> 4 == 6:
            source, destination, segment = packet[8:24], packet[24:40], packet[40:]
        else:
            source, destination, segment = packet[12:16], packet[16:20], packet[20:]
        source_port, destination_port, length, _ = struct.unpack_from("!HHHH", segment)
        datagrams.append(Datagram(time_ns, str(ipaddress.ip_address(source)), source_port,
                                  str(ipaddress.ip_address(destination)), destination_port,
                                  segment[8:length]))
    return datagrams


class Recorder:
    """Receives datagrams on a free port of one loopback address until it is stopped, and sends
    them on to another port there if it is given one.

    As a context manager it stops at the end of the block, whatever happened there.
    """

    def __init__(self, address="127.0.0.1", forward_to=None):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((address, 0))
        self.socket.settimeout(0.1)
        self.address = address
        self.forward_to = forward_to
        self.port = self.socket.getsockname()[1]
        self.datagrams = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _run(self):
        while True:
            try:
                payload, source = self.socket.recvfrom(65535)
            except TimeoutError:
                if self.stopping.is_set():
                    return
                continue
            if self.forward_to is not None:
                self.socket.sendto(payload, (self.address, self.forward_to))
            self.datagrams.append(Datagram(time.time_ns(), source[0], source[1], self.address,
                                           self.port, payload))

    def stop(self):
        """Ends the recording once nothing has come in for a moment; returns the datagrams."""
        self.stopping.set()
        self.thread.join()
        self.socket.close()
        return self.datagrams
