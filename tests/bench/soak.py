#!/usr/bin/env python3
"""Four honest exporters at a steady rate and the hostile corpus beside them, collector | enricher, a
SIGHUP a second to both: the books must balance, no honest flow may be lost, memory must stay flat.
Then a reader that stands still for a second at 300,000 flows a second: nothing may be lost.

Not part of the tests: how long, and how fast this machine is, are for who runs it to choose.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import process  # noqa: E402

PROTOCOLS = ("v5", "v9", "ipfix", "sflow")
HONEST_ADDRESS = "127.1.0.1"  # the generator's first
FIXTURES = os.path.join(TESTS, "fixtures")
FRAMES = ("-format=bin", "-transport.file.sep=")
STALL_FLOWS = 300000
STALL_SECONDS = (2, 1, 2)  # before, during and after the stall
WARM_UP = 0.3  # of the time: tables fill up
GROWTH_MOST = 1.05
GROWTH_FREE_KIB = 4096  # what an allocator may keep for itself


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seconds", nargs="?", type=int, default=600, help="default: 10 minutes")
    parser.add_argument("--rate", type=int, default=200, help="datagrams a second of each exporter")
    parser.add_argument("--hostile", type=int, default=500, help="hostile datagrams a second")
    parser.add_argument("--cases", default=os.path.join(TESTS, "hostile", "case"))
    parser.add_argument("--out", help="file for the figures, as JSON")
    return parser.parse_args()


def start(command):
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def result(sender):
    output, _ = sender.communicate()
    if sender.returncode != 0:
        raise RuntimeError(f"{' '.join(sender.args)}: exit {sender.returncode}")
    return json.loads(output)


def resident_kib(program):
    with open(f"/proc/{program.process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def wait_still(program):
    """Until the collector has read all that was sent."""
    before = None
    while True:
        time.sleep(1)
        now = exporters(program)
        counts = sorted(one["datagrams"] for one in now)
        if counts == before:
            return now
        before = counts


def exporters(program):
    with urllib.request.urlopen(f"http://127.0.0.1:{program.http}/exporters", timeout=10) as answer:
        return json.load(answer)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def check(faults, holds, what):
    if not holds:
        faults.append(what)


def check_books(faults, name, program):
    ledger = program.ledger()
    flows = ledger["flows"]
    check(faults, "does not balance" not in program.log(), f"{name}: books do not balance")
    check(faults, flows["made"] == flows["delivered"] and flows["failed"] == 0 and
          flows["waiting"] == 0, f"{name}: flows made and delivered differ: {flows}")
    check(faults, ledger.get("kernel", {}).get("dropped", 0) == 0,
          f"{name}: the kernel dropped datagrams: {ledger.get('kernel')}")
    return flows


def growth(samples):
    """The largest of the last half against the largest just after warming up, of (KiB, KiB)."""
    begin = int(len(samples) * WARM_UP)
    middle = (begin + len(samples)) // 2
    return [(max(s[i] for s in samples[begin:middle]), max(s[i] for s in samples[middle:]))
            for i in range(2)]


def run_soak(arguments):
    """(figures, faults)"""
    faults = []
    reader, writer = os.pipe()
    enrichment = ("-context.config", os.path.join(FIXTURES, "demo-context.yaml"),
                  "-db.asn", os.path.join(FIXTURES, "demo-asn.mmdb"),
                  "-db.country", os.path.join(FIXTURES, "demo-country.mmdb"))
    http = free_port()
    with process.Collector(*FRAMES, f"-addr=127.0.0.1:{http}", stdout=writer) as collector, \
            process.Process([process.ENRICHER, *enrichment, "-addr=",
                             "-transport.file=/dev/null"], stdin=reader) as enricher:
        os.close(reader)
        os.close(writer)
        collector.http = http
        to = f"-to=127.0.0.1:{collector.port}"
        senders = [start([os.path.join(process.BIN, "generator"), to, f"-protocol={protocol}",
                          f"-rate={arguments.rate}", f"-time={arguments.seconds}s"])
                   for protocol in PROTOCOLS]
        attack = start([os.path.join(process.BIN, "hostile"), to, f"-rate={arguments.hostile}",
                        f"-time={arguments.seconds}s", "-cases", arguments.cases])
        samples = []
        while any(sender.poll() is None for sender in senders):
            time.sleep(1)
            samples.append((resident_kib(collector), resident_kib(enricher)))
            collector.send(signal.SIGHUP)
            enricher.send(signal.SIGHUP)
        sent = [result(sender) for sender in senders]
        hostile = result(attack)
        seen = wait_still(collector)
        check(faults, collector.stop() == 0, "collector: its exit status")
        check(faults, enricher.wait() == 0, "enricher: its exit status")
        made = check_books(faults, "collector", collector)
        enriched = check_books(faults, "enricher", enricher)
        log = collector.log()
    check(faults, made["delivered"] == enriched["made"], "flows were lost between the two")
    honest = sorted((one["flows"], one["lost"]) for one in seen
                    if one["router"] == HONEST_ADDRESS)
    wanted = sorted((one["flows"], 0) for one in sent)
    check(faults, honest == wanted, f"honest flows: sent {wanted}, decoded {honest}")
    kib = growth(samples)
    for name, (before, after) in zip(("collector", "enricher"), kib):
        check(faults, after <= before * GROWTH_MOST + GROWTH_FREE_KIB,
              f"{name}: grew from {before} to {after} KiB")
    figures = {"seconds": arguments.seconds, "honest_flows": sum(one["flows"] for one in sent),
               "hostile_datagrams": hostile["datagrams"], "hostile_cases": hostile["cases"],
               "flows": made["delivered"], "reloads": len(samples),
               "collector_kib": kib[0], "enricher_kib": kib[1],
               "reasons": log.count("ledger reason")}
    return figures, faults


def run_stall():
    """(figures, faults): the reader of the collector's output stands still for a second."""
    faults = []
    before, during, after = STALL_SECONDS
    generator = os.path.join(process.BIN, "generator")
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as cat, \
            process.Collector(*FRAMES, "-addr=", stdout=cat.stdin) as collector:
        cat.stdin.close()
        to = f"-to=127.0.0.1:{collector.port}"
        one = result(start([generator, to, "-protocol=v9", "-count=100", "-rate=1000"]))
        rate = round(STALL_FLOWS * one["datagrams"] / one["flows"])
        sender = start([generator, to, "-protocol=v9", f"-rate={rate}", "-burst=16",
                        f"-time={sum(STALL_SECONDS)}s"])
        time.sleep(before)
        cat.send_signal(signal.SIGSTOP)
        time.sleep(during)
        cat.send_signal(signal.SIGCONT)
        time.sleep(after)
        sent = result(sender)
        check(faults, collector.stop() == 0, "stall: the collector's exit status")
        flows = check_books(faults, "stall", collector)
        check(faults, flows["made"] == sent["flows"] + one["flows"],
              f"stall: sent {sent['flows'] + one['flows']} flows, made {flows['made']}")
    seconds = sent.get("seconds", sum(STALL_SECONDS))
    return {"flows": flows["made"], "flows_a_second": round(sent["flows"] / seconds)}, faults


def main():
    arguments = parse_arguments()
    stall, faults = run_stall()
    soak, more = run_soak(arguments)
    figures = {"soak": soak, "stall": stall, "faults": faults + more}
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    return 1 if faults + more else 0


if __name__ == "__main__":
    sys.exit(main())
