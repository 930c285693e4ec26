#!/usr/bin/env python3
"""Reads public reports of wrong numbers, each as a capture, and compares with the right ones.

    run.py --collector BUILD/bin/goflow2plus [CASE...]

A case is a folder of the shared reports with case.pcap, expected.json (the fields that matter, flow
by flow) and, where a flag is needed, args (one argument a line; {dir} is the folder). What a folder
does not say itself stands in cases.json: flows that follow the expected ones (then), and more runs with their
arguments and flows (runs).

The reports are read in place, from the shared folder (GOFLOW_SHARED, default ../shared beside the
source tree); without it the run says so and passes.
"""

import argparse
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from support import flow, shared  # noqa: E402

TIMEOUT_SECONDS = 120
ICMP_NAMES = {"EchoRequest": "Echo"}  # the reports' word: ours

def read_json(path, default=None):
    if not os.path.exists(path):
        return default
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def arguments(folder):
    path = os.path.join(folder, "args")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [line.replace("{dir}", folder + os.sep) for line in file.read().splitlines() if line]


def is_same(name, got, right):
    """The texts of icmp_name stand for a type, not for a spelling."""
    if name == "icmp_name":
        return got in (right, ICMP_NAMES.get(right))
    return got == right


def check_flows(expected, flows):
    wrong = [] if len(flows) == len(expected) else [f"{len(flows)} flows, right are {len(expected)}"]
    for number, (right, got) in enumerate(zip(expected, flows)):
        wrong += [f"flow {number}: {name}: got {got.get(name)!r}, right is {value!r}"
                  for name, value in right.items() if not is_same(name, got.get(name), value)]
    return wrong


def runs_of(folder, more):
    """The arguments and the right flows of each run."""
    expected = read_json(os.path.join(folder, "expected.json"), []) + more.get("then", [])
    runs = [(arguments(folder), expected)] if expected else []
    for run in more.get("runs", []):
        flags = [flag.replace("{dir}", folder + os.sep) for flag in run.get("args", [])]
        runs.append((flags, run["flows"] * run.get("times", 1)))
    return runs


def check_run(collector, folder, flags, expected):
    done = subprocess.run([collector, "-read", os.path.join(folder, "case.pcap"), "-format=json",
                           "-addr=", *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=TIMEOUT_SECONDS, check=False)
    if done.returncode != 0:
        return [f"exit status {done.returncode}: {done.stderr.decode(errors='replace')[-800:]}"]
    return check_flows(expected, flow.read_json_lines(done.stdout.decode()))


def check_case(collector, folder, more, totals):
    runs = runs_of(folder, more)
    if not runs:
        return ["no expected flows, neither in the folder nor in cases.json"]
    wrong = []
    for flags, expected in runs:
        found = check_run(collector, folder, flags, expected)
        wrong += [f"{' '.join(flags)}: {line}" if flags else line for line in found]
        totals["runs"] += 1
        totals["fields"] += sum(len(right) for right in expected)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--collector", required=True)
    parser.add_argument("case", nargs="*")
    options = parser.parse_args()
    root = shared.find("reports")
    if not root:
        print(f"reports: LEFT OUT, all: {shared.missing('reports')}")
        return 0
    cases = read_json(os.path.join(HERE, "cases.json"))
    names = sorted(name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name)))
    totals = {"runs": 0, "fields": 0}
    failed = 0
    for name in sorted(set(cases) - set(names)):
        print(f"FAILED {name}: in cases.json, but there is no such report")
        failed += 1
    for name in options.case or names:
        wrong = check_case(options.collector, os.path.join(root, name), cases.get(name, {}), totals)
        failed += bool(wrong)
        for line in wrong:
            print(f"FAILED {name}: {line}")
    print(f"reports: {len(options.case or names)} reports, {totals['runs']} runs, "
          f"{totals['fields']} fields compared; {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
