#!/usr/bin/env python3
"""The dashboards of compose/ncg as files: written by their source, laid out without overlap, every
panel with a unit and a data source that is provisioned, every variable used and known."""

import os
import re
import subprocess
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import grafana  # noqa: E402

NCG = grafana.NCG
COLUMNS = 24
SCHEMA_VERSION_MIN = 39
PANELS = {"row", "timeseries", "stat", "table", "barchart", "piechart", "text"}
BUILT_IN = re.compile(r"^__")
VARIABLE = re.compile(r"\$\{?(\w+)")


def queries(panel):
    for target in panel.get("targets", ()):
        yield target.get("rawSql") or target["expr"]


def variable_texts(variable):
    query = variable.get("query", "")
    return [query["query"] if isinstance(query, dict) else query]


class DashboardTest(unittest.TestCase):
    def setUp(self):
        self.dashboards = list(grafana.dashboards())
        self.assertTrue(self.dashboards)

    def panels(self):
        for name, dashboard in self.dashboards:
            for panel in dashboard["panels"]:
                yield f'{name}: {panel["title"]}', panel

    def test_files_are_what_their_source_writes(self):
        done = subprocess.run([sys.executable, os.path.join(NCG, "dashboards", "make"), "--check"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_versions_and_names(self):
        uids = [dashboard["uid"] for _, dashboard in self.dashboards]
        self.assertEqual(len(set(uids)), len(uids))
        for name, dashboard in self.dashboards:
            self.assertGreaterEqual(dashboard["schemaVersion"], SCHEMA_VERSION_MIN, name)
            self.assertTrue(dashboard["description"], name)
            self.assertRegex(dashboard["uid"], r"^flows-\w+$")

    def test_panels_are_of_today_and_say_their_unit(self):
        for where, panel in self.panels():
            self.assertIn(panel["type"], PANELS, where)
            self.assertTrue(panel["title"], where)
            if panel["type"] not in ("row", "text"):
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"], where)
                self.assertTrue(list(queries(panel)), where)

    def test_numbers_are_unique_and_nothing_overlaps(self):
        for name, dashboard in self.dashboards:
            ids = [panel["id"] for panel in dashboard["panels"]]
            self.assertEqual(len(set(ids)), len(ids), name)
            taken = {}
            for panel in dashboard["panels"]:
                at = panel["gridPos"]
                self.assertLessEqual(at["x"] + at["w"], COLUMNS, panel["title"])
                for x in range(at["x"], at["x"] + at["w"]):
                    for y in range(at["y"], at["y"] + at["h"]):
                        self.assertNotIn((x, y), taken,
                                         f'{name}: {panel["title"]} on {taken.get((x, y))}')
                        taken[x, y] = panel["title"]

    def test_targets_have_letters_of_their_own(self):
        for where, panel in self.panels():
            letters = [target["refId"] for target in panel.get("targets", ())]
            self.assertEqual(len(set(letters)), len(letters), where)

    def test_data_sources_are_provisioned(self):
        with open(os.path.join(NCG, "grafana", "datasources.yml"), encoding="utf-8") as file:
            text = file.read()
        provisioned = dict(zip(re.findall(r"^ +uid: (\S+)$", text, re.M),
                               re.findall(r"^ +type: (\S+)$", text, re.M)))
        self.assertEqual(len(provisioned), text.count("- name:"))
        for where, panel in self.panels():
            sources = [panel["datasource"]] if panel["type"] not in ("row", "text") else []
            sources += [target["datasource"] for target in panel.get("targets", ())]
            for source in sources:
                self.assertEqual(provisioned.get(source["uid"]), source["type"], where)
        for name, dashboard in self.dashboards:
            for variable in dashboard["templating"]["list"]:
                if variable["type"] == "query":
                    source = variable["datasource"]
                    self.assertEqual(provisioned.get(source["uid"]), source["type"], name)

    def test_every_variable_is_used_and_every_use_is_known(self):
        for name, dashboard in self.dashboards:
            known = {variable["name"] for variable in dashboard["templating"]["list"]}
            texts = [text for panel in dashboard["panels"]
                     for text in (*queries(panel), panel["title"])]
            texts += [text for variable in dashboard["templating"]["list"]
                      for text in variable_texts(variable)]
            used = {word for text in texts for word in VARIABLE.findall(text)
                    if not BUILT_IN.match(word)}
            self.assertEqual(used, known, name)


if __name__ == "__main__":
    unittest.main()
