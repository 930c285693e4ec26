#!/usr/bin/env python3
"""compose/ncg's Prometheus: promtool accepts its files, alerts fire when they are to and are
silent otherwise, and whatever a dashboard or an alert asks for is served by running programs."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)

from support import grafana, netflow, process, promtool  # noqa: E402

NCG = grafana.NCG

ALERTS = os.path.join(NCG, "prometheus", "alerts.yml")
CASES = os.path.join(TESTS, "stack", "alerts.yaml")
OURS = re.compile(r"\b(?:goflow2plus|goflow2|process)_\w+")
SELECTORS = re.compile(r"\b((?:goflow2plus|process)_\w+)\{([^}]*)\}")
RANGES = {"$__rate_interval": "1m", "$__range": "1h", "$__interval": "15s"}
NEEDS_PROMTOOL = unittest.skipUnless(promtool.THERE, "no promtool")


def dashboard_expressions():
    """Every Prometheus query of the dashboards, with their variables as Grafana sets them."""
    for dashboard, panel, target in grafana.targets("prometheus"):
        yield f'{dashboard["uid"]}: {panel["title"]}', expand(target["expr"])


def expand(expression):
    for name, value in RANGES.items():
        expression = expression.replace(name, value)
    return re.sub(r"\$\w+", ".*", expression)


def variables():
    for _, dashboard in grafana.dashboards():
        for variable in dashboard["templating"]["list"]:
            if isinstance(variable["query"], dict):
                yield variable["query"]["query"]


def page(program):
    program.wait_for_log("starting HTTP server")
    port = re.search(r'starting HTTP server".* port=(\d+)', program.log()).group(1)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return answer.read().decode()


class FilesTest(unittest.TestCase):
    @NEEDS_PROMTOOL
    def test_rules_and_configuration(self):
        for arguments in (("check", "rules", ALERTS),
                          ("check", "config", os.path.join(NCG, "prometheus", "prometheus.yml"))):
            done = promtool.run(*arguments)
            self.assertEqual(done.returncode, 0, done.stdout)

    @NEEDS_PROMTOOL
    def test_alerts_fire_when_they_are_to(self):
        done = promtool.run("test", "rules", CASES, cwd=os.path.join(TESTS, "stack"))
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_every_alert_has_a_case(self):
        with open(ALERTS, encoding="utf-8") as file:
            alerts = re.findall(r"- alert: (\w+)", file.read())
        with open(CASES, encoding="utf-8") as file:
            self.assertEqual(re.findall(r'alertname="(\w+)"', file.read()), alerts)

    @NEEDS_PROMTOOL
    def test_the_dashboards_expressions_are_well_formed(self):
        """promtool parses expressions as rules."""
        rules = [f"    - {{record: 'x{i}', expr: {json.dumps(expression)}}}" for i, (_, expression)
                 in enumerate(dashboard_expressions())]
        self.assertTrue(rules)
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            file.write("groups:\n- name: dashboards\n  rules:\n" + "\n".join(rules) + "\n")
            file.flush()
            done = promtool.run("check", "rules", file.name)
        self.assertEqual(done.returncode, 0, done.stdout)


class ServedTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with process.Collector("-addr=127.0.0.1:0") as collector, \
                process.Process([process.ENRICHER, "-addr=127.0.0.1:0", *cls.enrichment(),
                                 "-source=nats", "-source.nats.servers=nats://127.0.0.1:1",
                                 "-transport=clickhouse", "-clickhouse.url=http://127.0.0.1:1"]
                                ) as enricher:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                out.sendto(netflow.v5(0, ["10.0.0.1"]), ("127.0.0.1", collector.port))
            process.wait_until(lambda: "exporter_flows_total{" in page(collector), "an exporter")
            cls.pages = page(collector) + page(enricher)
        cls.served = set(re.findall(r"^(\w+)(?:\{.*\})? \S+$", cls.pages, re.M))

    @staticmethod
    def enrichment():
        fixtures = os.path.join(TESTS, "fixtures")
        return ("-context.config", os.path.join(fixtures, "demo-context.yaml"),
                "-db.asn", os.path.join(fixtures, "demo-asn.mmdb"),
                "-db.country", os.path.join(fixtures, "demo-country.mmdb"))

    def assert_served(self, where, expression):
        names = set(OURS.findall(expression))
        self.assertEqual(names - self.served, set(), where)
        for name, selectors in SELECTORS.findall(expression):
            labels = set(re.findall(r"(\w+)\s*[=!]", selectors)) - {"instance", "job"}
            series = re.search(rf"^{name}\{{(.*)\}}", self.pages, re.M)
            has = set(re.findall(r'(\w+)="', series.group(1))) if series else set()
            self.assertEqual(labels - has, set(), f"{where}: labels of {name}")

    def test_dashboards(self):
        expressions = list(dashboard_expressions())
        self.assertTrue(expressions)
        for where, expression in expressions:
            self.assertTrue(OURS.search(expression), where)
            self.assert_served(where, expression)

    def test_variables(self):
        for query in variables():
            self.assert_served(query, query)
            name, label = re.match(r"label_values\((\w+), (\w+)\)", query).groups()
            self.assertTrue(label == "instance" or
                            re.search(rf'^{name}\{{.*{label}="', self.pages, re.M), query)

    def test_alerts(self):
        with open(ALERTS, encoding="utf-8") as file:
            text = file.read()
        for expression in re.split(r"- alert: ", text)[1:]:
            self.assert_served(expression.split("\n", 1)[0], expression)


class RealTest(unittest.TestCase):
    """The alerts over what running programs serve: promtool is given their pages as series, of
    counters with the pace at which they grew from one page to the next."""

    MINUTES = 120
    SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")

    def samples(self, text):
        return {(name, labels or ""): float(value) for name, labels, value in
                (self.SAMPLE.match(line).groups() for line in text.splitlines()
                 if not line.startswith("#"))}

    def series(self, job, before, after, later_seconds=0):
        """Times count from the beginning of the test's: those of the pages are put on its end, or
        so much before it."""
        earlier = self.samples(before)
        grows = {name for name, kind in re.findall(r"(?m)^# TYPE (\w+) (\w+)$", after)
                 if kind == "counter"} | {"goflow2plus_flows_waiting"}
        for (name, labels), value in self.samples(after).items():
            if value != value:  # NaN: a quantile of nothing
                continue
            pace = value - earlier.get((name, labels), 0) if name in grows else 0
            if name.endswith("timestamp_seconds"):
                value -= time.time() + later_seconds - 60 * self.MINUTES
            labels = ", ".join(filter(None, (labels, f'job="{job}", instance="{job}:8080"')))
            yield {"series": f"{name}{{{labels}}}",
                   "values": f"{value:f}{pace:+f}x{self.MINUTES}"}
        yield {"series": f'up{{job="{job}", instance="{job}:8080"}}',
               "values": f"1x{self.MINUTES}"}

    def firing(self, *series):
        """The names of the alerts that fire at the end."""
        case = {"rule_files": [ALERTS], "evaluation_interval": "1m",
                "tests": [{"interval": "1m", "input_series": [s for part in series for s in part],
                           "promql_expr_test": [{
                               "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                               "eval_time": f"{self.MINUTES}m", "exp_samples": [
                                   {"labels": '{alertname="None"}', "value": 1}]}]}]}
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump(case, file)
            file.flush()
            done = promtool.run("test", "rules", file.name)
        got = done.stdout.split("got:", 1)
        self.assertEqual(len(got), 2, done.stdout)
        return set(re.findall(r'alertname="(\w+)"', got[1]))

    @NEEDS_PROMTOOL
    def test_a_fresh_install_fires_nothing(self):
        """Without databases, context and flows."""
        with process.Collector("-addr=127.0.0.1:0") as collector, \
                process.Process([process.ENRICHER, "-addr=127.0.0.1:0"],
                                stdin=subprocess.PIPE) as enricher:
            pages = {"collector": page(collector), "enricher": page(enricher)}
            self.assertNotIn("database_build_timestamp_seconds{", pages["enricher"])
            self.assertEqual(self.firing(*(self.series(job, text, text)
                                           for job, text in pages.items())), set())

    @NEEDS_PROMTOOL
    def test_what_goes_wrong_fires(self):
        """A reader that stands still, strangers, a broken mapping; no stream, an old database."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        mapping = tempfile.NamedTemporaryFile("w", suffix=".yaml")
        self.addCleanup(mapping.close)
        mapping.write("formatter: {}\n")
        mapping.flush()
        with process.Collector("-addr=127.0.0.1:0", "-transport.file.buffer=5MiB", "-mapping",
                               mapping.name, stdout=writer) as collector, \
                process.Process([process.ENRICHER, "-addr=127.0.0.1:0", *ServedTest.enrichment(),
                                 "-source=nats", "-source.nats.servers=nats://127.0.0.1:1"]
                                ) as enricher:
            before = page(collector)
            mapping.write("broken: [\n")
            mapping.flush()
            collector.send(signal.SIGHUP)
            collector.wait_for_log("mapping not reloaded")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                while "goflow2plus_output_up 0" not in page(collector):
                    for n in range(500):
                        out.sendto(netflow.v5(30 * n, ["10.0.0.1"] * 30),
                                   ("127.0.0.1", collector.port))
                    out.sendto(b"<34>syslog", ("127.0.0.1", collector.port))
            other = page(enricher)
            fired = self.firing(self.series("collector", before, page(collector)),
                                self.series("enricher", other, other))
            self.assertNotIn("DatabaseOld", fired)
            fired |= self.firing(self.series("enricher", other, other, 61 * 86400))
        self.assertGreaterEqual(fired, {"OutputDown", "FlowsLost", "DatagramsRefused",
                                        "ReloadFailed", "SourceDown", "DatabaseOld"})
        self.assertEqual(fired & {"ProgramDown", "ListenerDown", "RowsRefused", "BooksDoNotBalance"}, set())


if __name__ == "__main__":
    if not promtool.THERE:
        process.left_out("alerts and Prometheus expressions", "promtool is not installed")
    unittest.main()
