#!/usr/bin/env python3
"""Measures our programs beside the floor and the peers that are installed; writes results as JSON.

One worker on one core, the generator on another, everything on loopback. Nothing is asserted: the
figures are this machine's, and only ratios within one run mean something elsewhere.
"""

import argparse
import datetime
import json
import os
import platform
import re
import signal
import subprocess
import sys

BENCH = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [BENCH, os.path.dirname(BENCH)]

from harness import clickhouse, enrich, jetstream, process, program, receive  # noqa: E402

PARTS = ("receive", "bursts", "workers", "curves", "enrich", "jetstream", "clickhouse",
         "lookup", "start")
RUN_SECONDS_MAX, QUICK_RUN_SECONDS_MAX = 2400, 300  # of one part
# Count, options of the generator, flags of the collector. One exporter may have a thousand templates
# or so, which is bounded on purpose; more come from several.
EXPORTERS = [(count, [f"-exporters={count}"], []) for count in (1, 10, 100, 1000, 10000, 100000)]
TEMPLATES = [(count, [f"-exporters={max(1, count // 1000)}", f"-templates={min(count, 1000)}"], [])
             for count in (1, 10, 100, 1000, 10000)]
MAPPED = (1, 10, 100)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", required=True, help="folder of goflow2plus, generator, ...")
    parser.add_argument("--cache", required=True, help="folder for generated input, kept")
    parser.add_argument("--out", required=True, help="file of results; parts not run are kept")
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--inputs", help="of " + "; ".join(program.INPUTS))
    parser.add_argument("--runs", type=int, help="of which the median counts; 5, quick 3")
    parser.add_argument("--quick", action="store_true",
                        help="all of it in a quarter of an hour: shorter runs, each rate once")
    parser.add_argument("--rate", type=int, default=20000,
                        help="datagrams a second while processor time is measured")
    parser.add_argument("--no-rate", action="store_true", help="without searching for rates")
    arguments = parser.parse_args()
    arguments.runs = arguments.runs or (3 if arguments.quick else 5)
    arguments.rate_runs = 0 if arguments.no_rate else 1 if arguments.quick else arguments.runs
    return arguments


def _output(*command):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _processor():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        found = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return found[0] if found else platform.machine()


def machine(programs):
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME"),
        "commit": _output("git", "-C", BENCH, "describe", "--always", "--dirty"),
        "programs": program.versions(programs),
    }


def run_part(part, arguments, timing, say):
    programs, cache, runs = arguments.programs, arguments.cache, arguments.runs
    rate_runs = arguments.rate_runs
    if part == "receive":
        inputs = arguments.inputs.split(";") if arguments.inputs else \
            [name for name in program.INPUTS if name != program.BURSTS]
        return receive.measure(programs, runs, timing, say, inputs, rate_runs)
    if part == "bursts":
        return receive.measure(programs, runs, timing, say, [program.BURSTS], rate_runs)
    if part == "workers":
        return receive.two_workers(programs, runs, timing, say)
    if part == "curves":
        mapped = [(count, [], [f"-mapping={receive.write_mapping(cache, count)}"])
                  for count in MAPPED]
        return {title: receive.curve(programs, title, steps, runs, timing, say)
                for title, steps in (("exporters", EXPORTERS), ("templates", TEMPLATES),
                                     ("mapping entries", mapped))}
    if part == "enrich":
        return {"file": enrich.measure(programs, cache, runs, say),
                "pipeline": enrich.pipeline(programs, cache, runs, say)}
    if part == "jetstream":
        return jetstream.measure(programs, cache, runs, say)
    if part == "clickhouse":
        return clickhouse.measure(programs, cache, runs, say)
    if part == "lookup":
        return enrich.lookups(programs, cache, runs, say)
    return enrich.start_up(programs, cache, runs)


def _out_of_time(*_):
    raise TimeoutError("took too long")


def _reason(error):
    """In a few words, without folders of this machine: all of it was printed."""
    if isinstance(error, subprocess.CalledProcessError):
        program_path = next((word for word in error.cmd if "/" in word), error.cmd[0])
        return f"{os.path.basename(program_path)} failed, exit {error.returncode}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return re.sub(r"\S*/", "", str(error)) or type(error).__name__


def try_part(part, arguments, timing, say):
    """The part's figures, or why there are none: the others are measured all the same."""
    signal.alarm((QUICK_RUN_SECONDS_MAX if arguments.quick else RUN_SECONDS_MAX) * arguments.runs)
    try:
        return run_part(part, arguments, timing, say)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError,
            subprocess.SubprocessError) as error:
        say(f"{part}: FAILED: {error}")
        return {"failed": _reason(error)}
    finally:
        signal.alarm(0)


def read_results(path):
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main():
    arguments = parse_arguments()
    unknown = set(arguments.only.split(",")) - set(PARTS)
    if unknown:
        sys.exit(f"--only: got {', '.join(sorted(unknown))}, wanted some of {', '.join(PARTS)}")
    if (os.cpu_count() or 1) < 2:
        sys.exit("two cores are needed: one for the generator, one for the program")
    os.makedirs(arguments.cache, exist_ok=True)
    results = read_results(arguments.out)
    timing = receive.Timing(arguments.quick, arguments.rate)
    signal.signal(signal.SIGALRM, _out_of_time)
    for part in arguments.only.split(","):
        measured = try_part(part, arguments, timing,
                            lambda text: print(text, file=sys.stderr, flush=True))
        results.setdefault("parts", {})[part] = {"machine": machine(arguments.programs),
                                                 "quick": arguments.quick,
                                                 "runs": arguments.runs, "figures": measured}
        with open(arguments.out, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
            file.write("\n")
    figures = [results["parts"][part]["figures"] for part in arguments.only.split(",")]
    return 1 if any(isinstance(one, dict) and "failed" in one for one in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
