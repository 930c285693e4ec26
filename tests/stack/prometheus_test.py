#!/usr/bin/env python3
"""compose/ncg's Prometheus: promtool accepts its files, alerts fire when they are to and are
silent otherwise, and whatever a dashboard or an alert asks for is served by running programs."""

import json
import os
import re
import socket
import sys
import tempfile
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


if __name__ == "__main__":
    if not promtool.THERE:
        process.left_out("alerts and Prometheus expressions", "promtool is not installed")
    unittest.main()
