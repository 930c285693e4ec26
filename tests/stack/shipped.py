"""Flows of the shipped capture for tests of tables: as frames, as JSON, and as rows read back."""

import collections
import decimal
import json
import os
import re
import sys
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from stack import expected  # noqa: E402
from support import capture, flow, process  # noqa: E402

FIXTURES = os.path.join(TESTS, "fixtures")
DEMO = os.path.join(FIXTURES, "demo.pcap")
ENRICHMENT = ("-context.config", os.path.join(FIXTURES, "demo-context.yaml"),
              "-db.asn", os.path.join(FIXTURES, "demo-asn.mmdb"),
              "-db.country", os.path.join(FIXTURES, "demo-country.mmdb"))
HOUR = 3600
HOURS = 3
# The capture is repeated at these minutes, so that sums of each grain have several rows.
REPEATED_AT_MINUTES = (0, 1, 4, 9, 58, 61, 125)
FLOWS = 418 * len(REPEATED_AT_MINUTES)
ORIGIN = {"src_stream", "src_seq", "src_idx", "src_time_ns"}  # columns that are not of the flow
PROTOCOLS = flow.protocol_names()
SIDES = (("src", "source"), ("dst", "destination"))


def hour_of_interest():
    """Some hours ago, within what every table keeps."""
    return int(time.time()) // HOUR * HOUR - (HOURS + 2) * HOUR


def repeat_capture(path, begin):
    frames = list(capture.read_frames(DEMO))
    first = frames[0][0]
    capture.write_frames(path, [(begin * 10**9 + minute * 60 * 10**9 + at - first, frame)
                                for minute in REPEATED_AT_MINUTES for at, frame in frames])


def enrich(frames, *arguments):
    status, output, log = process.run([process.ENRICHER, *ENRICHMENT, *arguments], frames)
    if status != 0:
        raise AssertionError(log)
    return output


def plain(value):
    if isinstance(value, str) and re.fullmatch(r"\d+\.\d{9}", value):
        return int(decimal.Decimal(value) * 10**9)
    if isinstance(value, str) and re.fullmatch(r"\d{10}", value):
        return int(value)
    return value


def select(engine, sql):
    """Rows as tuples; times are Unix times, of DateTime64 in nanoseconds."""
    lines = engine.query(f"{sql}\nSETTINGS date_time_output_format = 'unix_timestamp', "
                         "output_format_json_quote_64bit_integers = 0", "JSONCompactEachRow")
    return [tuple(map(plain, json.loads(line))) for line in lines.splitlines()]


def mapped(address):
    """An address as a column of type IPv6 holds it."""
    return address if ":" in address else f"::ffff:{address}"


def row_of(f):
    """The row of a flow: what JSON shows, as the columns have it."""
    row = {name: value for name, value in f.items() if name != "context"}
    for name in flow.ADDRESSES:
        many = isinstance(row[name], list)
        row[name] = [mapped(one) for one in row[name]] if many else of_address(row[name])
    for name in flow.MACS:
        row[name] = int(row[name].replace(":", ""), 16)
    for prefix, side in SIDES:
        row[f"{prefix}_net"] = int(row[f"{prefix}_net"].partition("/")[2] or 0)
        row[f"{prefix}_group"] = f["context"].get(f"{side}_group", "")
        row[f"{prefix}_context"] = f["context"].get(side, {})
    row["etype"] = flow.ETYPES.get(row["etype"], 0)
    row["proto"] = PROTOCOLS[row["proto"]]
    row["layer_stack"] = [flow.ENUMS["LayerStack"][name] for name in row["layer_stack"]]
    return row


def of_address(text):
    """JSON shows no address as nothing, the column as ::."""
    return mapped(text) if text else "::"


def count(rows):
    return collections.Counter(json.dumps(row, sort_keys=True) for row in rows)


def rows_in(engine, table):
    """The rows of a table of flows, counted, without where they came from."""
    names = [row["name"] for row in engine.rows(f"DESCRIBE TABLE {table}")]
    return count({name: value for name, value in zip(names, row) if name not in ORIGIN}
                 for row in select(engine, f"SELECT * FROM {table}"))


KEYS = ("sampler_address", "in_if", "out_if", "etype", "proto", "src_as", "dst_as", "src_country",
        "dst_country", "src_group", "dst_group")


def sums_of(flows, seconds):
    """{key: (bytes, packets, flows)} as a table of sums has it, of so many seconds."""
    found = collections.defaultdict(lambda: [0, 0, 0])
    for f in flows:
        row = row_of(f)
        at = f["time_received_ns"] // 10**9 // seconds * seconds
        key = (at, *(row[name] for name in KEYS))
        for i, value in enumerate((expected.octets(f), expected.packets(f), 1)):
            found[key][i] += value
    return {key: tuple(value) for key, value in found.items()}


def sums_in(engine, table):
    rows = select(engine, f"SELECT time, {', '.join(KEYS)}, sum(bytes), sum(packets), sum(flows) "
                          f"FROM {table} GROUP BY ALL")
    return {row[:-3]: row[-3:] for row in rows}
