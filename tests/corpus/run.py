#!/usr/bin/env python3
"""Reads every capture of the shared corpora with the collector and compares what comes out.

    run.py --collector BUILD/bin/goflow2plus [CASE...]

For each capture: the collector ends with status 0, its ledger balances and nothing is left waiting,
the number of flows is the one that the independent decoders counted, and the flows have the values
that they printed. deviations.json lists, case by case and with the reason, where the decoders
disagree with each other or with us on purpose; an entry that is not needed is an error too.

The corpora are read in place, from the shared folder (GOFLOW_SHARED, default ../shared beside the
source tree); without it the run says so and passes.
"""

import argparse
import collections
import glob
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import golden  # noqa: E402
from support import flow, shared  # noqa: E402

CAPTURES = ("*.pcap", "*.pcapng", "*.cap")
LEDGER = re.compile(r'msg="ledger (datagrams|sets and samples|flows)" (.*)')
SHOWN_DIFFERENCES = 3
TIMEOUT_SECONDS = 120
EXIT_STATUS_OF_A_SANITIZER = 99


class Run(collections.namedtuple("Run", "status flows ledger log")):
    """One run of the collector: its JSON flows, its ledger's lines, all it logged."""


def run_collector(collector, captures):
    sanitizers = {name: f"exitcode={EXIT_STATUS_OF_A_SANITIZER}"
                  for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")}
    done = subprocess.run([collector, "-read", ",".join(captures), "-format=json"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_SECONDS,
                          env={**os.environ, **sanitizers})
    log = done.stderr.decode("utf-8", "replace")
    ledger = {name: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", rest)}
              for name, rest in LEDGER.findall(log)}
    return Run(done.returncode, flow.read_json_lines(done.stdout.decode()), ledger, log)


def check_ledger(run):
    if len(run.ledger) != 3:
        return ["no ledger in the log:\n" + run.log[-2000:]]
    datagrams, units, flows = (run.ledger[name] for name in ("datagrams", "sets and samples",
                                                             "flows"))
    equations = {
        "datagrams": datagrams["received"] == datagrams["parsed"] + datagrams["refused"],
        "sets and samples":
            units["received"] == units["decoded"] + units["held"] + units["dropped"],
        "flows": flows["made"] == sum(flows[name] for name in ("delivered", "filtered", "waiting",
                                                               "failed")),
        "delivered flows": flows["delivered"] == len(run.flows),
        "waiting flows": flows["waiting"] == 0,
    }
    wrong = [f"ledger: {name} do not add up: {run.ledger}"
             for name, holds in equations.items() if not holds]
    if "does not balance" in run.log:
        wrong.append("the collector says that its ledger does not balance")
    return wrong


def counts(oracle, options):
    """{decoder: flows that it counted}. nfdump prints no JSON at all when it has no flow."""
    made = {}
    tshark = oracle.get("tshark")
    if tshark:
        netflow = tshark["v5_pdus"] + tshark["flows"] - options
        made["tshark"] = netflow + tshark["sflow_flow_samples"]
    dumped = [oracle[name]["records"] for name in ("nfcapd", "sfcapd") if name in oracle]
    if dumped:
        made["nfdump"] = sum(n for n in dumped if isinstance(n, int))
    if "sflowtool" in oracle and not (tshark and tshark["cflow_msgs"]):
        made["sflowtool"] = oracle["sflowtool"]["flow"]
    return made


def check_count(case, run, deviations):
    name = case["id"]
    counted = counts(case.get("oracle", {}), deviations["option_records"].get(name, 0))
    listed = deviations["flows"].get(name)
    if listed is None:
        if set(counted.values()) != {len(run.flows)}:
            return [f"{len(run.flows)} flows; counted by others: {counted}"]
        return []
    if set(counted.values()) == {listed["flows"]}:
        return [f"deviations.json is stale: all agree on {listed['flows']} flows"]
    if listed["flows"] != len(run.flows):
        return [f"{len(run.flows)} flows, {listed['flows']} listed: {listed['reason']}"]
    return []


def compare_values(name, wanted, flows, protocols):
    """What the other decoder has and we have not; flows are told apart by all common columns."""
    groups = collections.defaultdict(collections.Counter)
    for row in wanted:
        columns = tuple(sorted(row))
        groups[columns][tuple(row[column] for column in columns)] += 1
    wrong = []
    for columns, rows in groups.items():
        ours = collections.Counter(
            tuple(protocols[f[c]] if c == "proto" else f[c] for c in columns) for f in flows)
        for row, count in (rows - ours).items():
            wrong.append(f"{name}: {count} x {dict(zip(columns, row))} not among ours")
    return wrong


def check_values(case, folder, run, deviations, protocols, compared):
    listed = deviations["values"].get(case["id"], {})
    wrong = []
    for name, wanted in golden.read(folder).items():
        differences = compare_values(name, wanted, run.flows, protocols)
        if name in listed:
            if not differences:
                wrong.append(f"deviations.json is stale: {name} agrees")
            continue
        compared[name] += len(wanted)
        wrong += differences[:SHOWN_DIFFERENCES]
        if len(differences) > SHOWN_DIFFERENCES:
            wrong.append(f"{name}: and {len(differences) - SHOWN_DIFFERENCES} more")
    return wrong


def check_case(case, root, collector, deviations, protocols, totals):
    folder = os.path.join(root, case["id"])
    captures = sorted(path for kind in CAPTURES for path in glob.glob(os.path.join(folder, kind)))
    if not captures:
        return [f"no capture in {folder}"]
    run = run_collector(collector, captures)
    totals["captures"] += len(captures)
    totals["flows"] += len(run.flows)
    status = deviations["status"].get(case["id"], {"status": 0})["status"]
    if run.status != status:
        return [f"exit status {run.status}, wanted {status}:\n{run.log[-2000:]}"]
    return check_ledger(run) + check_count(case, run, deviations) + \
        check_values(case, folder, run, deviations, protocols, totals["values"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--collector", required=True)
    parser.add_argument("case", nargs="*")
    options = parser.parse_args()
    root = shared.find("corpora")
    if not root:
        print(f"corpus: LEFT OUT, all captures: {shared.missing('corpora')}")
        return 0
    with open(os.path.join(HERE, "deviations.json"), encoding="utf-8") as file:
        deviations = json.load(file)
    with open(os.path.join(root, "cases.json"), encoding="utf-8") as file:
        cases = json.load(file)
    known = {case["id"] for case in cases}
    failed = 0
    for name in sorted({name for part in deviations.values() for name in part} - known):
        print(f"FAILED {name}: in deviations.json, but there is no such case")
        failed += 1
    if options.case:
        cases = [case for case in cases if case["id"] in options.case]
    protocols = flow.protocol_names()
    totals = {"captures": 0, "flows": 0, "values": collections.Counter()}
    for case in cases:
        wrong = check_case(case, root, options.collector, deviations, protocols, totals)
        failed += bool(wrong)
        for line in wrong:
            print(f"FAILED {case['id']}: {line}")
    print(f"corpus: {totals['captures']} captures of {len(cases)} cases, {totals['flows']} flows; "
          f"values of {sum(totals['values'].values())} flows compared ("
          + ", ".join(f"{name} {count}" for name, count in sorted(totals["values"].items()))
          + f"); {failed} cases failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
