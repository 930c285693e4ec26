#!/usr/bin/env python3
"""The order of a template's elements says nothing, and a zero replaces nothing: a law over records
of real exporters.

    run.py --order BUILD/tests/element_order

Takes templates and records out of the shipped capture and the golden vectors, makes random ones of
all elements that the decoder knows, and takes those of the shared captures (GOFLOW_SHARED, default
../shared beside the source tree), in place; without that folder the run says so. order.c does the
rest.
"""

import argparse
import glob
import json
import os
import random
import re
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))

from support import capture, shared  # noqa: E402

RECORDS_OF_TEMPLATE = 8  # of one capture
FIELDS_MAX = 120
VARIABLE = 65535
ELEMENT = re.compile(r"^ELEMENT\((\d+), (\d+), (\w+), (\w+), \d+, (\w+)\)", re.M)
MADE = 2500


def sets_of(message):
    """(set id, body) of a NetFlow v9 or IPFIX message."""
    at = 20 if message[1] == 9 else 16
    while at + 4 <= len(message):
        number, length = struct.unpack_from("!HH", message, at)
        if length < 4:
            return
        yield number, message[at + 4:at + length]
        at += length


def templates_of(body, version):
    at = 0
    while at + 4 <= len(body):
        number, count = struct.unpack_from("!HH", body, at)
        at += 4
        fields = []
        for _ in range(count):
            if at + 4 > len(body):
                return
            element, length = struct.unpack_from("!HH", body, at)
            at += 4
            enterprise = 0
            if version == 10 and element & 0x8000:
                if at + 4 > len(body):
                    return
                enterprise, = struct.unpack_from("!I", body, at)
                element &= 0x7FFF
                at += 4
            fields.append((enterprise, element, length))
        if number >= 256 and fields:
            yield number, fields


def value_of(body, at, length):
    """The value's bytes, with its length in front where that varies; None past the end."""
    end = at + length
    if length == VARIABLE:
        if at + 3 > len(body):
            return None
        end = at + 1 + body[at]
        if body[at] == 255:
            end = at + 3 + int.from_bytes(body[at + 1:at + 3], "big")
    return body[at:end] if end <= len(body) else None


def records_of(body, fields):
    at = 0
    while at < len(body):
        values = []
        start = at
        for _, _, length in fields:
            value = value_of(body, at, length)
            if value is None:
                return
            values.append(value)
            at += len(value)
        if at == start:
            return
        yield values


def line_of(version, fields, values):
    return f"{version}" + "".join(
        f" {enterprise}/{element}:{length}={value.hex()}"
        for (enterprise, element, length), value in zip(fields, values)) + "\n"


def lines_of(messages):
    """Records of each template, the first ones."""
    known = {}
    taken = {}
    lines = {}
    for source, message in messages:
        if len(message) < 20 or message[0] != 0 or message[1] not in (9, 10):
            continue
        version = message[1]
        domain = source, message[16:20] if version == 9 else message[12:16]
        for number, body in sets_of(message):
            if number == (0 if version == 9 else 2):
                for template, fields in templates_of(body, version):
                    known[domain, template] = fields
            fields = known.get((domain, number), [])
            if number < 256 or not fields or len(fields) > FIELDS_MAX:
                continue
            for values in records_of(body, fields):
                key = version, tuple(fields)
                if taken.get(key, 0) == RECORDS_OF_TEMPLATE:
                    break
                taken[key] = taken.get(key, 0) + 1
                lines[line_of(version, fields, values)] = None
    return list(lines)


def from_capture(path):
    try:
        datagrams = capture.read_datagrams(path)
        return lines_of([(datagram.source, datagram.payload) for datagram in datagrams])
    except (ValueError, struct.error):  # no such capture; collector and corpus test have their say
        return []


def from_vectors():
    lines = []
    with open(os.path.join(ROOT, "tests/golden/vectors.jsonl"), encoding="utf-8") as file:
        for line in file:
            packets = json.loads(line).get("packets", [])
            lines += lines_of([("", bytes.fromhex(packet)) for packet in packets])
    return lines


def from_table():
    """Random templates of the elements of elements.def, with random values and zeros."""
    with open(os.path.join(ROOT, "collector/decode/elements.def"), encoding="utf-8") as file:
        rows = ELEMENT.findall(file.read())
    draw = random.Random(12)
    lines = []
    for number in range(MADE):
        fields, values = [], []
        version = 9 + number % 2
        for enterprise, element, operation, field, argument in draw.sample(rows, draw.choice((5, 8, 12, 24))):
            if version == 9 and enterprise != "0":
                continue
            length = {"ADDRESS": argument, "HOP": argument, "LIST": argument, "MPLS_LABEL": 3,
                      "TIME_INIT": 8}.get(operation, draw.choice((1, 2, 4, 8)))
            if operation in ("TIME_START", "TIME_END"):
                length = 8 if argument in ("MILLI", "MICRO", "NANO") else 4
            if operation == "SECTION":
                length = 60
            if field.endswith("_MAC"):
                length = 6
            value = draw.choice((bytes(int(length)), draw.randbytes(int(length)),
                                 draw.randbytes(int(length))))
            if element == "4" and draw.random() < 0.5:
                length, value = 1, draw.choice((b"\1", b"\x3a"))
            fields.append((int(enterprise), int(element), int(length)))
            values.append(value)
        lines.append(line_of(version, fields, values))
    return lines


def from_shared():
    folder = shared.find("corpora")
    if folder is None:
        print(f"LEFT OUT: records of the shared captures: {shared.missing('corpora')}")
        return []
    lines = {}
    for path in sorted(glob.glob(os.path.join(folder, "*", "*", "*.pcap"))):
        lines.update(dict.fromkeys(from_capture(path)))
    return list(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--order", required=True, help="the program made of order.c")
    program = parser.parse_args().order
    status = 0
    sources = {"shipped capture": from_capture(os.path.join(ROOT, "tests/fixtures/demo.pcap")),
               "golden vectors": from_vectors(), "made of all elements": from_table(),
               "shared captures": from_shared()}
    for name, lines in sources.items():
        if not lines:
            if name != "shared captures":
                print(f"FAILED {name}: no records in it")
                status = 1
            continue
        done = subprocess.run([program], input="".join(lines), text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        print(f"{name}: {done.stdout.strip()}")
        print(done.stderr[:20000], end="")
        status |= done.returncode != 0
    return status


if __name__ == "__main__":
    sys.exit(main())
