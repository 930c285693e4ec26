"""Traffic for exporters to look at: conversations between documentation and private addresses."""

import struct

from support import capture

IP_ICMP, IP_TCP, IP_UDP, IP_ICMPV6 = 1, 6, 17, 58
TCP_SYN, TCP_ACK, TCP_PUSH_ACK, TCP_FIN_ACK = 0x02, 0x10, 0x18, 0x11

# client, server, protocol, server port (or ICMP), exchanges, bytes of a request, bytes of an answer, vlan
CONVERSATIONS = [
    ("10.1.20.11", "192.0.2.10", IP_TCP, 443, 12, 310, 1400, None),
    ("10.1.20.12", "192.0.2.10", IP_TCP, 80, 6, 220, 900, None),
    ("10.1.20.13", "192.0.2.53", IP_UDP, 53, 2, 40, 180, None),
    ("10.1.30.21", "198.51.100.25", IP_TCP, 25, 8, 700, 90, None),
    ("10.1.30.22", "198.51.100.80", IP_TCP, 443, 20, 120, 1300, 30),
    ("10.2.0.5", "203.0.113.99", IP_UDP, 123, 3, 48, 48, None),
    ("10.2.0.6", "203.0.113.7", IP_TCP, 22, 15, 96, 160, 40),
    ("10.2.0.7", "10.1.20.11", IP_TCP, 5432, 9, 200, 800, None),
    ("192.168.7.2", "203.0.113.8", IP_UDP, 4500, 5, 500, 480, None),
    ("10.1.20.11", "198.51.100.1", IP_ICMP, 0, 4, 56, 56, None),
    ("203.0.113.200", "192.0.2.10", IP_TCP, 443, 7, 250, 1100, None),
    ("203.0.113.201", "192.0.2.11", IP_TCP, 8443, 3, 180, 640, None),
    ("2001:db8:1:20::11", "2001:db8:2::80", IP_TCP, 443, 11, 320, 1350, None),
    ("2001:db8:1:20::12", "2001:db8:2::53", IP_UDP, 53, 2, 44, 260, None),
    ("2001:db8:1:30::21", "2001:db8:a::25", IP_TCP, 587, 6, 800, 70, 30),
    ("2001:db8:1:20::11", "2001:db8:a::1", IP_ICMPV6, 0, 4, 56, 56, None),
    ("2001:db8:b::5", "2001:db8:2::80", IP_TCP, 80, 5, 190, 1000, None),
    ("2001:db8:b::6", "2001:db8:2::443", IP_UDP, 443, 10, 1200, 1200, None),
]


def _transport(source, destination, protocol, ports, payload, flags, sequence, is_request):
    if protocol == IP_UDP:
        return capture.udp_segment(source, destination, *ports, payload)
    if protocol == IP_TCP:
        header = struct.pack("!HHIIBBHHH", *ports, sequence, 1, 0x50, flags, 65535, 0, 0)
        at = 16
    else:
        echo = {(IP_ICMP, True): 8, (IP_ICMP, False): 0,
                (IP_ICMPV6, True): 128, (IP_ICMPV6, False): 129}[protocol, is_request]
        header = struct.pack("!BBHHH", echo, 0, 0, 77, sequence & 0xFFFF)
        at = 2
    pseudo = b"" if protocol == IP_ICMP else \
        capture.pseudo_header(source, destination, protocol, len(header) + len(payload))
    total = capture.checksum(pseudo + header + payload)
    return header[:at] + struct.pack("!H", total) + header[at + 2:] + payload


def _conversation(index, start_ns, conversation):
    client, server, protocol, server_port, exchanges, request_len, answer_len, vlan = conversation
    client_port = 40000 + 37 * index
    for exchange in range(exchanges):
        flags = TCP_SYN if exchange == 0 else \
            TCP_FIN_ACK if exchange == exchanges - 1 else TCP_PUSH_ACK
        for is_request in (True, False):
            source, destination = (client, server) if is_request else (server, client)
            ports = (client_port, server_port) if is_request else (server_port, client_port)
            payload = bytes(request_len if is_request else answer_len)
            segment = _transport(source, destination, protocol, ports, payload,
                                 flags if is_request else flags | TCP_ACK, exchange, is_request)
            packet = capture.ip_packet(source, destination, protocol, segment,
                                       ttl=63 if is_request else 57, identification=exchange)
            macs = ("020000000001", "020000000002")
            macs = macs if is_request else macs[::-1]
            yield (start_ns + exchange * 150_000_000 + (0 if is_request else 40_000_000),
                   capture.ethernet_frame(packet, vlan, *macs))


def frames(start_ns, ip_versions=(4, 6)):
    """All conversations as (time_ns, Ethernet frame), in the order of time."""
    made = []
    for index, conversation in enumerate(CONVERSATIONS):
        if (6 if ":" in conversation[0] else 4) in ip_versions:
            made.extend(_conversation(index, start_ns + index * 110_000_000, conversation))
    return sorted(made, key=lambda timed: timed[0])


def tuples(ip_versions=(4, 6)):
    """What really happened: {(source, destination, protocol, source port, destination port):
    (packets, bytes of the IP packets)}; ICMP has ports 0."""
    counted = {}
    for index, conversation in enumerate(CONVERSATIONS):
        client, server, protocol, server_port, exchanges, request_len, answer_len, _ = conversation
        version = 6 if ":" in client else 4
        if version not in ip_versions:
            continue
        overhead = (40 if version == 6 else 20) + (20 if protocol == IP_TCP else 8)
        client_port = 40000 + 37 * index if protocol in (IP_TCP, IP_UDP) else 0
        counted[client, server, protocol, client_port, server_port] = \
            (exchanges, exchanges * (overhead + request_len))
        counted[server, client, protocol, server_port, client_port] = \
            (exchanges, exchanges * (overhead + answer_len))
    return counted
