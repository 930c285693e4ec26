#!/usr/bin/env python3
"""The dashboards against Grafana's own types: npm's @grafana/schema, checked by TypeScript."""

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
# is an enumeration hold in JSON the text of one of its values. What only a panel's plugin
# understands has no type there.
HEAD = """import * as grafana from "@grafana/schema";
type Json<T> = T extends string ? `${T}` : T extends (infer U)[] ? Json<U>[]
    : T extends object ? { [K in keyof T]: Json<T[K]> } : T;
type Dashboard = Json<grafana.Dashboard>;
"""


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


class TypesTest(unittest.TestCase):
    def test_dashboards(self):
        sources = {name.replace(".json", ".ts"): literal(
            os.path.join(grafana.NCG, "grafana", "dashboards", name))
            for name, _ in grafana.dashboards()}
        self.assertTrue(sources)
        self.assertEqual(check(sources), "")

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
