#!/usr/bin/env python3
"""compose/ncg in the current ClickHouse engine: the tables of enricher -clickhouse.schema, the view
behind the NATS engine, the sums and every query of the dashboards, on flows of the shipped capture
and against numbers computed from the same flows as JSON."""

import collections
import ipaddress
import itertools
import os
import re
import sys
import tempfile
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)

from stack import expected, shipped  # noqa: E402
from stack.shipped import HOUR  # noqa: E402
from support import chdb, flow, grafana, process  # noqa: E402

NATS_SQL = os.path.join(grafana.NCG, "nats-engine.sql")
SCHEMA = os.path.join(ROOT, "proto", "flow.proto")

CHOICES = {  # of each variable, what is chosen beside all
    "side": ["src", "dst"], "exporter": [grafana.ALL, ["192.0.2.202", "2001:db8:2::201"]],
    "group": [grafana.ALL, ["web-servers"]], "tag": ["owner", "application"],
    "address": ["", "10.1.20.12", "10.1.20.12/32", "192.0.2.0/24", "2001:db8:1::/48"],
    "port": ["", "443"], "asn": ["", "64496"], "protocol": [grafana.ALL, ["TCP", "ICMP"]],
}
INTERVALS = (60, 600, HOUR)  # each of another table of sums


def schema():
    status, output, log = process.run([process.ENRICHER, "-clickhouse.schema",
                                       "-clickhouse.profile=full"])
    if status != 0:
        raise AssertionError(log)
    return output.decode()


def nats_statements():
    """compose/ncg/nats-engine.sql with a table that keeps nothing for the engine, which chdb has
    not; _error and _raw_message are columns that the engine adds."""
    with open(NATS_SQL, encoding="utf-8") as file:
        text = re.sub(r"^ *--.*\n", "", file.read(), flags=re.M)
    nothing = ",\n    _error String,\n    _raw_message String\n)\nENGINE = Null;"
    text, engines = re.subn(r"\n\)\nENGINE = NATS\nSETTINGS[^;]*;", nothing, text)
    assert engines == 1
    return text


class Database:
    """Tables with the flows of the repeated capture, and these flows as JSON."""

    def __init__(self, folder):
        self.begin = shipped.hour_of_interest()
        self.end = self.begin + shipped.HOURS * HOUR
        self.engine = chdb.Engine(os.path.join(folder, "data"))
        self.engine.run(schema())
        self.engine.run(nats_statements())
        self.engine.query("USE flows")
        path = os.path.join(folder, "repeated.pcap")
        shipped.repeat_capture(path, self.begin)
        frames = process.read_capture(path, "-format=bin", "-transport.file.sep=")
        self.flows = flow.read_json_lines(shipped.enrich(frames).decode())
        self.frames = os.path.join(folder, "flows.bin")
        with open(self.frames, "wb") as file:
            file.write(shipped.enrich(frames, "-format=bin", "-transport.file.sep="))
        self.insert_frames()

    def insert_frames(self):
        self.engine.query(
            f"INSERT INTO flows_nats SELECT *, '', '' FROM file('{self.frames}', 'Protobuf', "
            f"'{self.structure()}') SETTINGS format_schema = '{SCHEMA}:FlowMessage'")

    def structure(self):
        return ", ".join(f"{row['name']} {row['type']}" for row in self.columns("flows_nats")
                         if not row["name"].startswith("_"))

    def columns(self, table):
        return self.engine.rows(f"DESCRIBE TABLE {table}")


@unittest.skipUnless(chdb.library(), "no chdb")
class ClickHouseTest(unittest.TestCase):
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="clickhouse-test-")
        cls.addClassCleanup(scratch.cleanup)
        cls.database = Database(scratch.name)
        cls.addClassCleanup(cls.database.engine.close)
        cls.flows = cls.database.flows

    def select(self, sql):
        return shipped.select(self.database.engine, sql)

    def test_every_flow_is_there(self):
        self.assertEqual(len(self.flows), shipped.FLOWS)
        self.assertEqual(self.select("SELECT count() FROM flows"), [(shipped.FLOWS,)])

    def test_the_nats_table_has_the_fields_of_the_schema(self):
        columns = [row["name"] for row in self.database.columns("flows_nats")]
        with open(SCHEMA, encoding="utf-8") as file:
            text = re.sub(r"enum \w+ \{[^}]*\}", "", file.read())
        fields = re.findall(r"^  (?:repeated )?[\w<>, ]+ (\w+) = \d+;", text, re.M)
        self.assertEqual([name for name in columns if not name.startswith("_")], fields)

    def test_its_view_fills_every_column(self):
        filled = {row["name"] for row in self.database.columns("flows_nats_view")}
        wanted = {row["name"] for row in self.database.columns("flows")}
        self.assertEqual(wanted - filled, shipped.ORIGIN)
        self.assertEqual(filled - wanted, set())

    def test_columns_hold_what_json_says(self):
        self.assertEqual(shipped.rows_in(self.database.engine, "flows"),
                         shipped.count(map(shipped.row_of, self.flows)))

    def test_sums_are_those_of_the_flows(self):
        for grain, seconds in (("1m", 60), ("5m", 300), ("1h", HOUR)):
            with self.subTest(grain):
                self.assertEqual(shipped.sums_in(self.database.engine, f"flows_{grain}"),
                                 shipped.sums_of(self.flows, seconds))

    def test_of_the_sums_one_table_is_read(self):
        panel = next(target["rawSql"] for dashboard, panel, target in
                     grafana.targets("grafana-clickhouse-datasource")
                     if dashboard["uid"] == "flows-overview" and panel["title"] == "Bytes")
        for interval, grain in ((60, "1m"), (300, "5m"), (HOUR, "1h")):
            sql = self.expand(panel, {"exporter": grafana.ALL, "side": "src"}, interval)
            rows = self.select(f"SELECT count() FROM flows_{grain}")[0][0]
            self.assertEqual(self.select(sql), [(sum(map(expected.octets, self.flows)),)])
            self.assertEqual(self.database.engine.rows_read, rows)

    def test_the_statements_of_the_document(self):
        """docs/clickhouse.md: sums are as before when they are made anew, twice; all others run."""
        with open(os.path.join(ROOT, "docs", "clickhouse.md"), encoding="utf-8") as file:
            blocks = re.findall(r"```sql\n(.*?)```", file.read(), re.S)
        anew = [block for block in blocks if "DROP PARTITION" in block]
        self.assertEqual(len(anew), 1)
        month = time.strftime("%Y%m", time.gmtime(self.database.begin))
        for _ in range(2):
            self.database.engine.run(re.sub(r"\b20\d{4}\b", month, anew[0]))
            self.assertEqual(shipped.sums_in(self.database.engine, "flows_1h"),
                             shipped.sums_of(self.flows, HOUR))
        for block in blocks:
            if block not in anew and not block.startswith("CREATE USER"):
                self.database.engine.run(block)

    def expand(self, sql, values, interval):
        return grafana.expand(sql, values, self.database.begin, self.database.end, interval)

    def test_every_query_of_a_dashboard_gives_what_json_says(self):
        asked = collections.Counter()
        for dashboard, panel, target in grafana.targets("grafana-clickhouse-datasource"):
            answer = expected.PANELS[dashboard["uid"]][panel["title"]]
            names = [variable["name"] for variable in dashboard["templating"]["list"]]
            for interval, values in itertools.product(INTERVALS, choices(names)):
                where = f'{dashboard["uid"]}: {panel["title"]}, {interval} s, {values}'
                rows = self.select(self.expand(target["rawSql"], values, interval))
                wanted = answer(expected.View(self.chosen(values), values, self.database.begin,
                                              self.database.end, interval))
                self.compare(rows, wanted, where)
                asked[dashboard["uid"], panel["title"]] += bool(rows)
        wanted = {(uid, title) for uid, panels in expected.PANELS.items() for title in panels}
        self.assertEqual({panel for panel, times in asked.items() if times}, wanted)

    def compare(self, rows, wanted, where):
        rows, wanted = list(map(rounded, rows)), list(map(rounded, wanted))
        latest = re.search(r"The latest (\d+)", where)
        if latest:  # of those that were received at the same time, any
            first = wanted[:int(latest.group(1))]
            self.assertEqual([row[0] for row in rows], [row[0] for row in first], where)
            rows = sorted(rows)
            wanted = sorted((collections.Counter(rows) & collections.Counter(wanted)).elements())
        self.assertEqual(rows, wanted, where)

    def chosen(self, values):
        """The flows that pass the variables."""
        return [f for f in self.flows if passes(f, values)]

    def test_every_variable_offers_what_the_flows_have(self):
        offered = {}
        for _, dashboard in grafana.dashboards():
            for variable in dashboard["templating"]["list"]:
                if variable["type"] == "query" and isinstance(variable["query"], str):
                    rows = self.select(self.expand(variable["query"], {}, 60))
                    offered[variable["name"]] = [value for value, in rows]
        groups = {f["context"].get(f"{side}_group", "") for f in self.flows
                  for side in ("source", "destination")} - {""}
        tags = {tag for f in self.flows for side in ("source", "destination")
                for tag in f["context"].get(side, ())}
        self.assertEqual({name: set(values) for name, values in offered.items()}, {
            "exporter": {f["sampler_address"] for f in self.flows}, "group": groups, "tag": tags,
            "protocol": {f["proto"] for f in self.flows}})


def choices(names):
    """All variables at their first choice, and each of them at every other one."""
    first = {name: CHOICES[name][0] for name in names}
    yield first
    for name in names:
        for choice in CHOICES[name][1:]:
            yield {**first, name: choice}


def within(text, network):
    address, network = ipaddress.ip_address(text), ipaddress.ip_network(network)
    return address.version == network.version and address in network


def passes(f, values):
    def chosen(name, *of):
        value = values.get(name, grafana.ALL)
        return value in ("", grafana.ALL) or any(one in value for one in of)

    address = values.get("address", "")
    return (chosen("exporter", f["sampler_address"]) and chosen("protocol", f["proto"]) and
            chosen("group", f["context"].get("source_group", ""),
                   f["context"].get("destination_group", "")) and
            (not values.get("port") or values["port"] in (str(f["src_port"]), str(f["dst_port"])))
            and (not values.get("asn") or values["asn"] in (str(f["src_as"]), str(f["dst_as"])))
            and (not address or within(f["src_addr"], address) or within(f["dst_addr"], address)))


def rounded(row):
    """Rates are fractions: equal to nine digits is equal."""
    return tuple(float(f"{value:.9g}") if isinstance(value, float) else value for value in row)


if __name__ == "__main__":
    if not chdb.library():
        process.left_out("tables, sums and dashboards in ClickHouse's engine",
                         "npm's chdb library is not installed (scripts/test full)")
        sys.exit(0)
    unittest.main()
