#!/usr/bin/env python3
"""Counts the instructions that each path takes for a flow, and compares them with baseline.json.

Callgrind counts a run over few datagrams and one over many; the difference, divided by the flows
between them, is what a flow costs. The counts hold for one compiler and one kind of processor: with
another the check is skipped (exit 77). A path that grew by more than 5% fails the check; who means
it runs the check with --update and commits the baseline with the change.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

FEW, MANY = 100, 300
GROWTH_MAX = 0.05
NETWORKS, PREFIXES = 2000, 10000
SKIPPED = 77
BASELINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "baseline.json")

PATHS = {f"{protocol} {form}": ["bench_collect", f"-protocol={protocol}", f"-format={form}"]
         for protocol in ("v5", "v9", "ipfix", "sflow") for form in ("bin", "json")}
PATHS.update({f"enrich {form}": ["bench_enrich", "-protocol=ipfix", f"-format={form}"]
              for form in ("bin", "json")})


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", required=True, help="folder of the benches' programs")
    parser.add_argument("--build", required=True, help="build type and sanitizers")
    parser.add_argument("--machine", required=True, help="processor and compiler")
    parser.add_argument("--update", action="store_true", help="write the baseline")
    parser.add_argument("--only", default="", help="paths whose name holds this text")
    return parser.parse_args()


def make_geography(programs, folder):
    files = {name: os.path.join(folder, name) for name in ("context", "asn", "country")}
    options = [f"-{name}={path}" for name, path in files.items()]
    subprocess.run([f"{programs}/make_geography", f"-networks={NETWORKS}",
                    f"-prefixes={PREFIXES}", *options], check=True)
    return options


def run(command, datagrams, folder):
    """The instructions of a run, and its flows."""
    # What memcpy and its like cost must not depend on the processor that valgrind happens to see.
    plain = dict(os.environ, GLIBC_TUNABLES="glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-ERMS,-FSRM")
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/callgrind.out",
         *command, f"-datagrams={datagrams}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=plain, check=False)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or collected is None:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return int(collected.group(1)), int(done.stdout)


def count(command, folder):
    few_instructions, few_flows = run(command, FEW, folder)
    many_instructions, many_flows = run(command, MANY, folder)
    if many_flows == few_flows:
        sys.exit(f"{' '.join(command)}: no flow came out")
    return (many_instructions - few_instructions) / (many_flows - few_flows)


def count_all(programs, only):
    counts = {}
    with tempfile.TemporaryDirectory() as folder:
        geography = make_geography(programs, folder)
        for name, (program, *options) in PATHS.items():
            if only in name:
                added = geography if program == "bench_enrich" else []
                command = [f"{programs}/{program}", *options, *added]
                counts[name] = round(count(command, folder), 1)
    return counts


def compare(counts, baseline):
    """Prints the table; returns the paths that grew too much."""
    grown = []
    print(f"{'instructions of a flow':24} {'now':>8} {'baseline':>9} {'change':>8}")
    for name, now in counts.items():
        before = baseline.get(name)
        if before is None:
            print(f"{name:24} {now:8.1f} {'none':>9}")
            grown.append(name)
            continue
        print(f"{name:24} {now:8.1f} {before:9.1f} {100 * (now / before - 1):+7.1f}%")
        if now > before * (1 + GROWTH_MAX):
            grown.append(name)
    return grown


def reason_to_skip(arguments, baseline):
    if shutil.which("valgrind") is None:
        return "valgrind is not installed"
    if arguments.build != "Release":
        return f"the build is {arguments.build or 'of no type'}, the baseline is of a Release build"
    if not arguments.update and arguments.machine != baseline["machine"]:
        return f"this is {arguments.machine}, the baseline is of {baseline['machine']}"
    return None


def read_baseline():
    if not os.path.exists(BASELINE):
        return {"machine": "none", "instructions": {}}
    with open(BASELINE, encoding="utf-8") as file:
        return json.load(file)


def main():
    arguments = parse_arguments()
    baseline = read_baseline()
    reason = reason_to_skip(arguments, baseline)
    if reason is not None:
        print(f"LEFT OUT: instructions: {reason}")
        return SKIPPED
    counts = count_all(arguments.programs, arguments.only)
    grown = compare(counts, baseline["instructions"])
    if arguments.update:
        with open(BASELINE, "w", encoding="utf-8") as file:
            json.dump({"machine": arguments.machine,
                       "instructions": {**baseline["instructions"], **counts}}, file, indent=2)
            file.write("\n")
        return 0
    if grown:
        print(f"more than {100 * GROWTH_MAX:.0f}% over the baseline, or not in it: "
              f"{', '.join(grown)}\nWhen that is meant: run again with --update, and commit "
              "baseline.json with the change.")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
