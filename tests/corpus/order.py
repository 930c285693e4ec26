#!/usr/bin/env python3
"""Holds sFlow's records to their law: any order of them makes the same flow.

    order.py --collector BUILD/bin/goflow2plus

The sFlow datagrams of the golden vectors and of the shared corpora are read as they are, with the
records of each flow sample backwards, from another one on, and with records in front and behind
that say nothing or that the agent does not know. The flows must be the same, field by field.

The corpora are read in place, from the shared folder (GOFLOW_SHARED, default ../shared beside the
source tree); without it the golden vectors of this tree are all there is, and the run says so.
"""

import argparse
import glob
import json
import os
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path.insert(0, TESTS)

from support import capture, shared  # noqa: E402

SFLOW_5 = b"\0\0\0\5"
HEAD_LEN = {1: 28, 2: 40}  # of a datagram, by the type of its agent's address
FIXED_LEN = {1: 28, 3: 40}  # of a flow sample, by its format, in front of the count of records
UNKNOWN = b"\xff\xff\xff\xff"
NOTHING = [(1, bytes(16)), (1, bytes(3) + b"\1" + UNKNOWN * 2 + bytes(4)), (2, bytes(24)),
           (2, UNKNOWN + bytes(12) + UNKNOWN), (3, bytes(32)),
           (3, UNKNOWN * 2 + bytes(8) + UNKNOWN * 4), (4, bytes(56)), (1001, UNKNOWN * 4),
           (1001, bytes(16)), (1002, bytes(4) + UNKNOWN * 2)]
ORDERS = {
    "backwards": lambda records: records[::-1],
    "from the second on": lambda records: records[1:] + records[:1],
    "behind records that say nothing": lambda records: NOTHING + records,
    "in front of records that say nothing": lambda records: records + NOTHING,
    "between records that say nothing": lambda records: NOTHING[::2] + records[::-1] + NOTHING[1::2],
}


def split(data, count):
    """`count` pairs of a format and its bytes, or None where they do not fill the data."""
    items = []
    at = 0
    for _ in range(count):
        if len(data) - at < 8:
            return None
        kind, length = struct.unpack_from("!II", data, at)
        if length > len(data) - at - 8:
            return None
        items.append((kind, data[at + 8:at + 8 + length]))
        at += 8 + (length + 3) // 4 * 4
    return items if at >= len(data) else None


def join(items):
    return b"".join(struct.pack("!II", kind, len(body)) + body + bytes(-len(body) % 4)
                    for kind, body in items)


def reorder_sample(kind, body, order):
    fixed = FIXED_LEN.get(kind)
    if fixed is None or len(body) < fixed + 4:
        return body
    records = split(body[fixed + 4:], struct.unpack_from("!I", body, fixed)[0])
    if not records:
        return body
    records = order(records)
    return body[:fixed] + struct.pack("!I", len(records)) + join(records)


def reorder(payload, order):
    """The datagram with its records in that order; as it is where it is not well-formed."""
    head = HEAD_LEN.get(int.from_bytes(payload[4:8], "big"))
    if payload[:4] != SFLOW_5 or head is None or len(payload) < head:
        return payload
    samples = split(payload[head:], struct.unpack_from("!I", payload, head - 4)[0])
    if samples is None:
        return payload
    return payload[:head] + join([(kind, reorder_sample(kind, body, order))
                                  for kind, body in samples])


def golden_datagrams():
    paths = [os.path.join(TESTS, "golden", "vectors.jsonl")]
    if shared.find("golden"):
        paths.append(os.path.join(shared.find("golden"), "goflow2.jsonl"))
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for case in map(json.loads, file):
                yield from (bytes.fromhex(packet) for packet in case["packets"])


def corpus_datagrams(folder):
    for path in sorted(glob.glob(os.path.join(folder, "*", "*", "*.pcap"))):
        try:
            yield from (one.payload for one in capture.read_datagrams(path))
        except (ValueError, IndexError, struct.error):
            continue  # not a capture that this reader knows: other tests read it


def flows(collector, payloads):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "order.pcap")
        capture.write_datagrams(path, [
            capture.Datagram(1700000000 * 10**9 + i, "192.0.2.1", 50000, "192.0.2.2", 6343, payload)
            for i, payload in enumerate(payloads)])
        done = subprocess.run([collector, "-read", path, "-format=json"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120, check=True)
    return done.stdout.splitlines()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--collector", required=True)
    collector = parser.parse_args().collector
    root = shared.find("corpora")
    if not root:
        print(f"order: LEFT OUT, the corpora: {shared.missing('corpora')}")
    payloads = [*golden_datagrams(), *(corpus_datagrams(root) if root else ())]
    payloads = [payload for payload in payloads if payload[:4] == SFLOW_5]
    right = flows(collector, payloads)
    failed = 0
    for name, order in ORDERS.items():
        changed = [reorder(payload, order) for payload in payloads]
        got = flows(collector, changed)
        wrong = [(a, b) for a, b in zip(right, got) if a != b]
        if len(got) != len(right):
            print(f"FAILED {name}: {len(got)} flows, {len(right)} as they are")
        for a, b in wrong[:3]:
            print(f"FAILED {name}:\n  {a.decode()}\n  {b.decode()}")
        failed += bool(wrong) or len(got) != len(right)
        count = sum(a != b for a, b in zip(payloads, changed))
        print(f"order: {name}: {count} of {len(payloads)} datagrams changed, {len(got)} flows")
        if count == 0:
            print(f"FAILED {name}: nothing was changed")
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
