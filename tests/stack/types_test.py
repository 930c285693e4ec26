#!/usr/bin/env python3
"""The dashboards against Grafana's own types: npm's @grafana/schema, checked by TypeScript."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import chdb, grafana, process  # noqa: E402

COMPILER = os.path.join(chdb.NPM, "node_modules", "typescript", "bin", "tsc")
# A dashboard is a literal, so that unknown members and wrong values are errors. Members whose type
# is an enumeration hold in JSON the text of one of its values. What a panel's plugin alone
# understands has types of its own.
HEAD = """import * as grafana from "@grafana/schema";
type Json<T> = T extends string ? `${T}` : T extends (infer U)[] ? Json<U>[]
    : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
type Dashboard = Json<grafana.Dashboard>;
"""
PLUGINS = {"timeseries": "TimeSeries", "stat": "Stat", "table": "Table", "barchart": "BarChart"}


def check(sources):
    """What the compiler says about files of TypeScript: {name: text}."""
    with tempfile.TemporaryDirectory(dir=chdb.NPM, prefix="types-") as folder:
        for name, text in sources.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(HEAD + text)
        done = subprocess.run(
            ["node", COMPILER, "--noEmit", "--strict", "--skipLibCheck", "--target", "es2022",
             "--module", "nodenext", "--moduleResolution", "nodenext",
             *(os.path.join(folder, name) for name in sources)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout


def literal(path):
    with open(path, encoding="utf-8") as file:
        return f"export const made: Dashboard = {file.read()};\n"


def import_plugin(kind):
    where = f"@grafana/schema/dist/esm/raw/composable/{kind}/panelcfg/x/{PLUGINS[kind]}PanelCfg"
    return f'import * as {kind} from "{where}_types.gen";\n'


def literal_panel(number, kind, options, custom):
    """What a panel's plugin is told; what is left out is as the plugin has it by itself."""
    made = f"export const options{number}: Partial<Json<{kind}.Options>> = {json.dumps(options)};\n"
    if custom:
        made += (f"export const custom{number}: Partial<Json<{kind}.FieldConfig>> = "
                 f"{json.dumps(custom)};\n")
    return made


class TypesTest(unittest.TestCase):
    def test_dashboards(self):
        sources = {name.replace(".json", ".ts"): literal(
            os.path.join(grafana.NCG, "grafana", "dashboards", name))
            for name, _ in grafana.dashboards()}
        self.assertTrue(sources)
        self.assertEqual(check(sources), "")

    def test_what_panels_tell_their_plugins(self):
        sources = {}
        for name, dashboard in grafana.dashboards():
            panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
            kinds = sorted({panel["type"] for panel in panels})
            sources[name.replace(".json", ".ts")] = "".join(
                [*map(import_plugin, kinds),
                 *(literal_panel(panel["id"], panel["type"], panel["options"],
                                 panel["fieldConfig"]["defaults"]["custom"]) for panel in panels)])
        self.assertEqual(check(sources), "")

    def test_the_check_finds_what_is_wrong_there(self):
        said = check({"wrong0.ts": import_plugin("stat") +
                      literal_panel(0, "stat", {"colourMode": "value"}, None),
                      "wrong1.ts": import_plugin("timeseries") +
                      literal_panel(0, "timeseries", {}, {"drawStyle": "circles"})})
        for name in ("wrong0.ts(", "wrong1.ts("):
            self.assertIn(name, said)

    def test_the_check_finds_what_is_wrong(self):
        color = "panels: [{ type: 'stat', fieldConfig: { overrides: [], defaults: { color: " \
            "{ mode: 'rainbow' } } } }]"
        wrong = ("schemaVersion: '42'", "schemaVersion: 42, tittle: 'a'",
                 "schemaVersion: 42, panels: [{ type: 3 }]", f"schemaVersion: 42, {color}")
        said = check({f"wrong{i}.ts": f"export const made: Dashboard = {{ {text} }};\n"
                      for i, text in enumerate(wrong)})
        for i, text in enumerate(wrong):
            self.assertIn(f"wrong{i}.ts(", said, text)


if __name__ == "__main__":
    if not os.path.exists(COMPILER):
        process.left_out("dashboards against Grafana's types",
                         "npm's typescript is not installed (scripts/test full)")
        sys.exit(0)
    unittest.main()
