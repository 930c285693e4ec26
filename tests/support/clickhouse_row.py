"""Rows of the table of flows as they should be, made from the bytes of the flows, and as a server
says they are: dictionaries of columns, addresses and other bytes as hexadecimal digits."""

import json
import re

from support import flow

TIME_MAX = 2**63 - 1  # of DateTime64
MAPPED = bytes(10) + b"\xff\xff"
ADDRESSES = ("mpls_ip", "ipv6_routing_header_addresses", *flow.ADDRESSES)
TYPES = {number: name for name, number in flow.ENUMS["FlowType"].items()}
with open(flow.SCHEMA, encoding="utf-8") as _file:
    CONTEXTS = {name: int(number) for name, number in
                re.findall(r"map<string, string> (\w+) = (\d+);", _file.read())}
ORIGIN = ("src_stream", "src_seq", "src_idx", "src_time_ns")
KNOWN = {*flow.FIELDS, *CONTEXTS, *ORIGIN}


def _address(value):
    mapped = MAPPED + value if len(value) == 4 else value if len(value) == 16 else bytes(16)
    return mapped.hex().upper()


def _entry(value):
    parts = {number: content for number, _, content in flow.read_message(value)}
    return parts.get(1, b"").decode(), parts.get(2, b"").decode()


def _numbers(packed):
    numbers, at = [], 0
    while at < len(packed):
        value, at = flow.read_varint(packed, at)
        numbers.append(value)
    return numbers


def _empty(name, kind, repeated):
    if repeated:
        return []
    if name in ADDRESSES:
        return bytes(16).hex()
    if kind == "FlowType":
        return TYPES[0]
    return "" if kind in ("string", "bytes") else 0


def expected(body):
    """The row of one flow, without where it came from."""
    row = {name: _empty(name, kind, repeated) for name, (_, kind, repeated) in flow.FIELDS.items()}
    row.update((name, {}) for name in CONTEXTS)
    names = {number: name for name, (number, _, _) in flow.FIELDS.items()}
    names.update((number, name) for name, number in CONTEXTS.items())
    for number, _, value in flow.read_message(body):
        name = names.get(number)
        if name is None:
            continue  # a custom field has no column
        if name in CONTEXTS:
            row[name].update([_entry(value)])
            continue
        _, kind, repeated = flow.FIELDS[name]
        if name in ADDRESSES:
            row[name] = row[name] + [_address(value)] if repeated else _address(value)
        elif repeated:
            row[name] = row[name] + _numbers(value)
        elif kind == "FlowType":
            row[name] = TYPES.get(value, str(value))
        elif name.startswith("time_"):
            row[name] = min(value, TIME_MAX)
        else:
            row[name] = value.decode() if isinstance(value, bytes) else value
    return row


def _shown(name, kind):
    """What to select so that JSON shows the column's value as it is."""
    if kind.startswith(("FixedString", "IPv6")):
        return f"hex({name}) AS {name}"
    if kind.startswith(("Array(FixedString", "Array(IPv6")):
        return f"arrayMap(x -> hex(x), {name}) AS {name}"
    if kind.startswith("DateTime64"):
        return f"toUnixTimestamp64Nano({name}) AS {name}"
    return f"{name} AS `{name}`"


def _numeric(kind, value):
    """64-bit numbers may be quoted."""
    return int(value) if isinstance(value, str) and kind.startswith(("UInt", "DateTime")) else value


def read(server, table="flows.flows"):
    """All rows of the table, in the order of where they came from, without columns of others."""
    database, name = table.split(".")
    lines = server.query("SELECT name, type FROM system.columns WHERE "
                         f"database = '{database}' AND table = '{name}' FORMAT TabSeparatedRaw")
    columns = [line.split("\t") for line in lines.splitlines()]
    columns = [(name, kind) for name, kind in columns if name.split(".")[0] in KNOWN]
    shown = ", ".join(_shown(*column) for column in columns)
    answer = server.query(f"SELECT {shown} FROM (SELECT * FROM {table} ORDER BY src_stream, src_seq,"
                          " src_idx) FORMAT JSONEachRow")
    return [_row(json.loads(line), columns) for line in answer.splitlines()]


def _row(values, columns):
    row = {name: _numeric(kind, values[name]) for name, kind in columns}
    for name in [name for name in row if name.endswith(".key")]:
        stem = name[:-len(".key")]
        row[stem] = dict(zip(row.pop(name), row.pop(f"{stem}.value")))
    return row
