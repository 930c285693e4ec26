"""Flows as the programs write them: length-prefixed protobuf frames and JSON lines.

The protobuf reader knows no schema: a message is a list of (field number, wire type, value), which
is enough to compare, to change and to write it again. `from_json` says with the schema's numbers
what a JSON flow looks like on the wire.
"""

import ipaddress
import json
import os
import re

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
SCHEMA = os.path.join(os.path.dirname(__file__), "..", "..", "proto", "flow.proto")
FIELD_LINE = re.compile(r"^\s*(repeated\s+)?(\w+)\s+(\w+)\s*=\s*(\d+)\s*;")
ENUM_LINE = re.compile(r"^\s*(\w+)\s*=\s*(\d+)\s*;")

ADDRESSES = {"sampler_address", "src_addr", "dst_addr", "next_hop", "bgp_next_hop", "mpls_ip",
             "ipv6_routing_header_addresses"}
MACS = {"src_mac", "dst_mac"}
ETYPES = {"IPv4": 0x0800, "IPv6": 0x86DD, "ARP": 0x0806}


class FrameError(ValueError):
    """What is wrong with a stream, and at which byte."""


def write_varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise FrameError(f"varint cut short or too long at byte {at}")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def split_frames(data):
    """The bodies of length-prefixed frames."""
    bodies, at = [], 0
    while at < len(data):
        length, start = read_varint(data, at)
        if start + length > len(data):
            raise FrameError(f"frame of {length} bytes at byte {at} passes the end")
        bodies.append(bytes(data[start:start + length]))
        at = start + length
    return bodies


def join_frames(bodies):
    return b"".join(write_varint(len(body)) + body for body in bodies)


def read_message(body):
    fields, at = [], 0
    while at < len(body):
        key, at = read_varint(body, at)
        number, wire_type = key >> 3, key & 7
        if number == 0:
            raise FrameError(f"field number 0 before byte {at}")
        if wire_type == VARINT:
            value, at = read_varint(body, at)
        elif wire_type in (BYTES, FIXED64, FIXED32):
            length = {FIXED64: 8, FIXED32: 4}.get(wire_type)
            if length is None:
                length, at = read_varint(body, at)
            value, at = body[at:at + length], at + length
            if at > len(body):
                raise FrameError(f"field {number} passes the end")
        else:
            raise FrameError(f"wire type {wire_type} before byte {at}")
        fields.append((number, wire_type, value))
    return fields


def write_message(fields):
    out = bytearray()
    for number, wire_type, value in fields:
        out += write_varint(number << 3 | wire_type)
        if wire_type == VARINT:
            out += write_varint(value)
        elif wire_type == BYTES:
            out += write_varint(len(value)) + value
        else:
            out += value
    return bytes(out)


def _read_schema():
    """({field: (number, type, repeated)}, {enum: {name: number}}) of proto/flow.proto."""
    fields, enums, inside = {}, {}, None
    with open(SCHEMA, encoding="utf-8") as file:
        for line in file:
            block = re.match(r"^\s*(message|enum)\s+(\w+)", line)
            if block:
                inside = block.group(2)
                if block.group(1) == "enum":
                    enums[inside] = {}
            elif inside in enums:
                value = ENUM_LINE.match(line)
                if value:
                    enums[inside][value.group(1)] = int(value.group(2))
                elif line.strip() == "}":
                    inside = None
            else:
                field = FIELD_LINE.match(line)
                if field:
                    repeated, kind, name, number = field.groups()
                    fields[name] = (int(number), kind, bool(repeated))
    return fields, enums


FIELDS, ENUMS = _read_schema()


def protocol_names():
    """{name: number} of the protocol names that JSON shows."""
    path = os.path.join(os.path.dirname(SCHEMA), "..", "common", "flow", "protocol.def")
    with open(path, encoding="utf-8") as file:
        return {name: int(number)
                for number, name in re.findall(r'PROTOCOL\((\d+), "([^"]*)"\)', file.read())}


def _number(name, kind, value, protocols):
    """A JSON value as the number or the bytes that the wire carries."""
    if kind in ENUMS:
        return ENUMS[kind][value]
    if name in ADDRESSES:
        return ipaddress.ip_address(value).packed if value else b""
    if name in MACS:
        return int(value.replace(":", ""), 16)
    if name == "etype":
        return ETYPES.get(value, 0)
    if name == "proto":
        return protocols[value]
    if name in ("src_net", "dst_net"):
        return int(value.rsplit("/", 1)[1]) if "/" in value else 0
    return value.encode() if isinstance(value, str) else value


def from_json(flow, protocols):
    """The wire form of a flow in the default JSON: ascending numbers, zeros left out, numeric
    lists packed. What JSON does not show (an etype without a name) is lost."""
    fields = []
    for name, value in flow.items():
        number, kind, repeated = FIELDS[name]
        values = [_number(name, kind, v, protocols) for v in (value if repeated else [value])]
        if repeated and values and isinstance(values[0], int):
            fields.append((number, BYTES, b"".join(write_varint(v) for v in values)))
            continue
        fields.extend((number, VARINT if isinstance(v, int) else BYTES, v)
                      for v in values if repeated or v)
    return write_message(sorted(fields, key=lambda field: field[0]))


def read_json_lines(text):
    return [json.loads(line) for line in text.splitlines()]
