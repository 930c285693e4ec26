#!/usr/bin/env python3
"""What a flood of forged exporters costs the honest ones: processor time of an honest flow before it
and in it, and whether all of them came through.

Honest exporters send alone; then 200,000 addresses announce templates and send data; then these send
alone, which is what they cost; then both. What both take beyond the forged ones is the honest ones'
share. Each is measured several times, and the least counts: what else the machine does only adds.
Not part of the tests: it measures.
"""

import argparse
import glob
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import process  # noqa: E402
from bench.harness import process as sockets  # noqa: E402

GENERATOR = os.path.join(process.BIN, "generator")
HONEST_FIRST, HONEST_COUNT = "127.1.0.1", 16
FORGED_FIRST, FORGED_COUNT = "127.64.0.1", 200000
HISTORY_SECONDS = 62  # what makes an exporter one with a history, and a little more
HISTORY_RATE = 200


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5, help="of each measurement")
    parser.add_argument("--seconds", type=int, default=3, help="of each turn")
    parser.add_argument("--rate", type=int, default=20000, help="honest datagrams a second")
    parser.add_argument("--forged", type=int, default=5000, help="forged datagrams a second")
    parser.add_argument("--out", help="file for the figures, as JSON")
    return parser.parse_args()


class Target:
    """A collector and what it has used."""

    def __init__(self, collector, http):
        self.collector, self.http = collector, http
        self.to = f"-to=127.0.0.1:{collector.port}"

    def processor_ns(self):
        total = 0
        for path in glob.glob(f"/proc/{self.collector.process.pid}/task/*/schedstat"):
            with open(path, encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total

    def memory_kib(self):
        with open(f"/proc/{self.collector.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))

    def honest(self):
        """(flows decoded, datagrams lost) of the honest exporters."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/exporters", timeout=10) as page:
            rows = [row for row in json.load(page) if row["router"].startswith("127.1.")]
        return sum(row["flows"] for row in rows), sum(row["lost"] for row in rows)

    def wait_read(self):
        """Until all that was sent is read; its pages would cost as much as the flows."""
        sockets.drain(self.collector.port)
        time.sleep(0.2)

    def send(self, *loads):
        """(processor nanoseconds, what each of the generators sent), all of them at once."""
        used = self.processor_ns()
        senders = [subprocess.Popen([GENERATOR, self.to, *load], stdout=subprocess.PIPE)
                   for load in loads]
        sent = [json.loads(sender.communicate()[0]) for sender in senders]
        self.wait_read()
        return self.processor_ns() - used, sent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def loads(arguments):
    honest = ["-protocol=ipfix", f"-first={HONEST_FIRST}", f"-exporters={HONEST_COUNT}",
              f"-rate={arguments.rate}"]
    forged = ["-protocol=v9", f"-first={FORGED_FIRST}", f"-exporters={FORGED_COUNT}", "-seed=2",
              "-templates.every=1", f"-rate={arguments.forged}"]
    return honest, forged


def cost(target, load, turns):
    """(least processor nanoseconds of a datagram of the first load, flows and datagrams sent)"""
    found, flows, datagrams = [], 0, 0
    for _ in range(turns):
        used_ns, sent = target.send(*load)
        found.append(used_ns / sent[0]["datagrams"])
        flows += sent[0]["flows"]
        datagrams += sum(one["datagrams"] for one in sent)
    return min(found), flows, datagrams


def measure(arguments, target):
    honest, forged = loads(arguments)
    lasting = ["-announced", f"-time={arguments.seconds}s"]
    _, warm = target.send([*honest, f"-rate={HISTORY_RATE}", f"-time={HISTORY_SECONDS}s"])
    before_ns, before, datagrams = cost(target, [[*honest, *lasting]], arguments.turns)
    # Every address announces its template, then each sends data and the template again.
    _, flood = target.send([*forged, f"-count={FORGED_COUNT * 3}"])
    forged_ns, _, _ = cost(target, [[*forged, *lasting]], arguments.turns)
    both_ns, both, _ = cost(target, [[*honest, *lasting], [*forged, *lasting]], arguments.turns)
    # Both generators keep their pace, so the share of the forged ones is that of the rates.
    in_flood_ns = both_ns - forged_ns * arguments.forged / arguments.rate
    decoded, lost = target.honest()
    flows = before / datagrams  # of an honest datagram
    return {"before_ns": before_ns / flows, "in_flood_ns": in_flood_ns / flows,
            "ratio": in_flood_ns / before_ns, "forged_exporters": FORGED_COUNT,
            "forged_datagrams_at_first": flood[0]["datagrams"],
            "honest_flows": warm[0]["flows"] + before + both, "honest_decoded": decoded,
            "honest_datagrams_lost": lost, "memory_kib": target.memory_kib()}


def main():
    arguments = parse_arguments()
    http = free_port()
    with process.Collector("-format=bin", "-transport.file.sep=", "-transport.file=/dev/null",
                           f"-addr=127.0.0.1:{http}", query="?rcvbuf=33554432") as collector:
        figures = measure(arguments, Target(collector, http))
        collector.stop()
        figures["kernel_dropped"] = collector.ledger().get("kernel", {}).get("dropped", 0)
        figures["balanced"] = "does not balance" not in collector.log()
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
