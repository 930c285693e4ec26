#!/usr/bin/env python3
"""docs/schema.md must name every field of proto/flow.proto with its number and type, and no other."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIELD = re.compile(r"^  ((?:repeated )?[\w<>, ]+?) (\w+) = (\d+);", re.M)
ROW = re.compile(r"^\| (\w+) \| (\d+) \| ([^|]+) \|", re.M)


def main():
    proto = (ROOT / "proto/flow.proto").read_text()
    proto = re.sub(r"  enum \w+ \{.*?\n  \}\n", "", proto, flags=re.S)
    schema = {(name, number, kind) for kind, name, number in FIELD.findall(proto)}
    rows = {(name, number, kind.strip()) for name, number, kind in ROW.findall(
        (ROOT / "docs/schema.md").read_text())}
    for name, number, kind in sorted(schema - rows):
        print(f"docs/schema.md: no row for {kind} {name} = {number}")
    for name, number, kind in sorted(rows - schema):
        print(f"docs/schema.md: {kind} {name} = {number} is not in proto/flow.proto")
    if len(schema) < 50:
        print(f"proto/flow.proto: only {len(schema)} fields found: the check is broken")
        return 1
    return 0 if schema == rows else 1


if __name__ == "__main__":
    sys.exit(main())
