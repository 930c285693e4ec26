"""What enriching costs: from a file, beside cat; what loading and looking up cost."""

import json
import os
import subprocess
import time

from harness import process

FLOWS = 2000000
NETWORKS, PREFIXES = 100000, 400000
FORMS = ("bin", "json")
CURVE = (10, 100, 1000, 10000, 100000, 1000000)


def _make(path, command):
    """Runs the command unless its file is there already: the cache outlives a run. What the command
    prints stands beside the file."""
    if not os.path.exists(path):
        with open(f"{path}.json", "wb") as said:
            subprocess.run(command, check=True, stdout=said, stderr=subprocess.DEVNULL)
    return path


def context(programs, cache, networks):
    path = os.path.join(cache, f"context-{networks}.yaml")
    return _make(path, [f"{programs}/make_geography", f"-networks={networks}", f"-context={path}"])


def databases(programs, cache):
    found = {}
    for kind in ("asn", "country"):
        path = os.path.join(cache, f"{kind}-{PREFIXES}.mmdb")
        found[kind] = _make(path, [f"{programs}/make_geography", f"-prefixes={PREFIXES}",
                                   f"-{kind}={path}"])
    return found


def capture(programs, cache, flows=FLOWS):
    path = os.path.join(cache, f"v9-{flows}.pcap")
    return _make(path, [f"{programs}/generator", "-protocol=v9", "-pool=100000",
                        f"-count={flows // 23}", f"-pcap={path}"])


def frames(programs, cache):
    """A file of binary flows, made of the capture; and how many flows it has."""
    path = os.path.join(cache, f"v9-{FLOWS}.bin")
    packets = capture(programs, cache)
    _make(path, [f"{programs}/goflow2plus", f"-read={packets}", "-format=bin",
                 f"-transport.file={path}", "-transport.file.sep="])
    with open(f"{packets}.json", encoding="utf-8") as said:
        return path, json.load(said)["flows"]


def _options(programs, cache):
    found = databases(programs, cache)
    return [f"-context.config={context(programs, cache, NETWORKS)}", f"-db.asn={found['asn']}",
            f"-db.country={found['country']}"]


def _enrich(programs, options, form, path):
    command = [f"{programs}/enricher", *options, f"-format={form}", "-transport.file=/dev/null",
               f"-transport.file.sep={'' if form == 'bin' else chr(10)}"]
    with open(path, "rb") as flows:
        return process.run_to_end(command, stdin=flows)


def measure(programs, cache, runs, say):
    """Processor time of a flow from a file to /dev/null; loading, measured on its own by an empty
    file in the same turn, is taken off."""
    path, count = frames(programs, cache)
    options = _options(programs, cache)
    rows = {f"enricher, {form}": [] for form in FORMS}
    floor, loading = [], []
    for turn in range(runs):
        with open(path, "rb") as flows, open(os.devnull, "wb") as nothing:
            floor.append(process.run_to_end(["cat"], stdin=flows, stdout=nothing)[0] / count * 1e9)
        loading.append(_enrich(programs, options, "bin", os.devnull)[0])
        for form in FORMS:
            used, _, memory = _enrich(programs, options, form, path)
            rows[f"enricher, {form}"].append({"processor_ns": (used - loading[-1]) / count * 1e9,
                                              "memory_kib": memory})
            say(f"enricher, {form}: run {turn + 1}: "
                f"{rows[f'enricher, {form}'][-1]['processor_ns']:.0f} ns")
    return {"flows": count, "floor_ns": floor, "loading_seconds": loading, "rows": rows}


def pipeline(programs, cache, runs, say):
    """Flows a second from a capture through the pipe to JSON, on two cores, by the clock."""
    _, count = frames(programs, cache)
    packets = capture(programs, cache)
    options = _options(programs, cache)
    rates = []
    for _ in range(runs):
        enricher = subprocess.Popen(
            process.pinned([f"{programs}/enricher", *options, "-format=json",
                            "-transport.file=/dev/null"], (process.PROGRAM_CORE,)),
            stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        time.sleep(2)  # it loads
        begun = time.monotonic()
        process.run_to_end([f"{programs}/goflow2plus", f"-read={packets}", "-format=bin",
                            "-transport.file.sep="], (process.GENERATOR_CORE,),
                           stdout=enricher.stdin)
        enricher.stdin.close()
        if enricher.wait() != 0:
            raise RuntimeError("the enricher failed")
        rates.append(count / (time.monotonic() - begun))
        say(f"capture to JSON: {rates[-1]:.0f} flows/s")
    return rates


def lookups(programs, cache, runs, say):
    """Load time, memory and look-up time of context.yaml, and of both databases."""
    found = databases(programs, cache)
    cases = [(f"{count} networks", count, [f"-context={context(programs, cache, count)}"])
             for count in CURVE]
    cases.append(("databases", 2 * PREFIXES,
                  [f"-asn={found['asn']}", f"-country={found['country']}"]))
    rows = []
    for title, count, options in cases:
        command = process.pinned([f"{programs}/bench_lookup", *options], (process.PROGRAM_CORE,))
        answers = [json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
                   for _ in range(runs)]
        say(f"{title}: {answers[0]['lookup_ns']:.0f} ns a look-up")
        rows.append({"title": title, "count": count, "runs": answers})
    return rows


def start_up(programs, cache, runs):
    """Seconds from exec to the end of a capture of one datagram of flows."""
    path = os.path.join(cache, "one.pcap")
    _make(path, [f"{programs}/generator", "-protocol=v5", "-count=1", f"-pcap={path}"])
    command = [f"{programs}/goflow2plus", f"-read={path}", "-format=bin"]
    return [process.run_to_end(command)[1] for _ in range(4 * runs)]
