#!/usr/bin/env python3
"""Sends a capture of exports again and again, each exporter from an address of its own.

    replay.py CAPTURE HOST [--once] [--speed N] [--port FROM=TO]...

The times in the datagrams' headers become the present, and with them those of the flows that are
relative to them (NetFlow). Each round looks as if every exporter had restarted: its sequence
numbers begin elsewhere, so that nothing counts as lost or as sent twice.
"""

import argparse
import itertools
import os
import socket
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [HERE, os.path.join(HERE, "..", "..", "..", "tests", "support")]

import capture  # noqa: E402

V5, V9, IPFIX, SFLOW = 5, 9, 10, 5
SEQUENCE_STEP = 1 << 25  # a jump that no loss explains
PAUSE_SECONDS = 1


def put_time(payload, at, now):
    struct.pack_into("!I", payload, at, int(now))


def put_sequence(payload, at, rounds):
    number, = struct.unpack_from("!I", payload, at)
    struct.pack_into("!I", payload, at, (number + rounds * SEQUENCE_STEP) & 0xFFFFFFFF)


def renew(payload, now, rounds):
    """The datagram as if it had been made now."""
    payload = bytearray(payload)
    version, = struct.unpack_from("!H", payload)
    if version == 0 and payload[3] == SFLOW:
        put_sequence(payload, 16 if payload[7] == 1 else 28, rounds)  # behind the agent's address
    elif version in (V5, V9):
        put_time(payload, 8, now)
        put_sequence(payload, 16 if version == V5 else 12, rounds)
    elif version == IPFIX:
        put_time(payload, 4, now)
        put_sequence(payload, 8, rounds)
    return bytes(payload)


def open_sockets(datagrams):
    """A socket for each exporter, which is an address and a port of the capture."""
    sources = sorted({datagram.source for datagram in datagrams})
    addresses = {source: f"127.0.1.{number}" for number, source in enumerate(sources, start=1)}
    sockets = {}
    for datagram in datagrams:
        key = datagram.source, datagram.source_port
        if key not in sockets:
            sockets[key] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sockets[key].bind((addresses[datagram.source], 0))
    return sockets


def send(datagrams, sockets, options, rounds):
    begin = time.monotonic()
    first = datagrams[0].time_ns
    for datagram in datagrams:
        due = begin + (datagram.time_ns - first) / 1e9 / options.speed
        time.sleep(max(0, due - time.monotonic()))
        port = options.port.get(datagram.destination_port, datagram.destination_port)
        try:
            sockets[datagram.source, datagram.source_port].sendto(
                renew(datagram.payload, time.time(), rounds), (options.host, port))
        except ConnectionRefusedError:
            pass  # the collector is not there yet, or restarts


def port_pair(text):
    given, wanted = text.split("=")
    return int(given), int(wanted)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("capture")
    parser.add_argument("host", help="of the loopback network")
    parser.add_argument("--once", action="store_true", help="one round")
    parser.add_argument("--speed", type=float, default=1, help="times as fast as captured")
    parser.add_argument("--port", type=port_pair, action="append", default=[],
                        help="what went to one port goes to another: 2055=12055")
    options = parser.parse_args()
    options.port = dict(options.port)
    datagrams = capture.read_datagrams(options.capture)
    sockets = open_sockets(datagrams)
    for rounds in itertools.count():
        send(datagrams, sockets, options, rounds)
        if options.once:
            return
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
