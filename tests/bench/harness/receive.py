"""Processor time of a flow received, and the highest rate without loss."""

import os
import shlex
import subprocess
import tempfile
import time

from harness import process, program

LOSS_MAX = 0.001
DRAIN_MAX = 0.03         # of a probe's time: what waits longer at its end was too much
STEP = 1.02              # the search ends when its bounds are this close
RATE_FIRST, RATE_MAX = 20000, 2000000
BACKLOGS, BACKLOG_DATAGRAMS, BACKLOG_RATE = 5, 10000, 200000  # of a worker; sockets hold more


class Timing:
    """How long everything runs."""

    def __init__(self, quick, rate=20000):
        self.rate = rate  # datagrams a second while processor time is measured
        self.warm_seconds = 0.2 if quick else 0.5
        self.paced_seconds = 1.0 if quick else 3.0
        self.probe_seconds = 0.5 if quick else 1.6
        self.hold_seconds = 1.5 if quick else 6.0


def _warm(programs, options, timing, more_seconds=0.0):
    """Lets the program learn all templates and touch its memory."""
    sent = process.generate(programs, *options, f"-rate={timing.rate}",
                            f"-time={timing.warm_seconds + more_seconds}s")
    process.drain()
    return sent["flows"]


def _lost(sent, before):
    state = process.socket_state(process.PORT)
    return (state[1] - before[1]) / sent["datagrams"]


def paced(run, programs, options, timing):
    """(processor nanoseconds of a flow, share of datagrams lost, flows) at a rate it can take."""
    before, used = process.socket_state(process.PORT), run.processor_ns()
    sent = process.generate(programs, *options, "-announced", f"-rate={timing.rate}",
                            f"-time={timing.paced_seconds}s")
    process.drain()
    time.sleep(0.1)
    lost = _lost(sent, before)
    return (run.processor_ns() - used) / (sent["flows"] * (1 - lost)), lost, sent["flows"]


def _probe(programs, options, rate, seconds):
    """(it held, flows a second, the generator could not send so fast: not in three tries)"""
    for _ in range(3):
        held, flows, bound = _try(programs, options, rate, seconds)
        if not bound:
            break
    return held, flows, bound


def _try(programs, options, rate, seconds):
    before = process.socket_state(process.PORT)
    sent = process.generate(programs, *options, "-announced", f"-rate={rate}",
                            f"-time={seconds}s")
    late = process.drain() > DRAIN_MAX * seconds
    reached = sent["datagrams"] / sent["seconds"]
    held = _lost(sent, before) < LOSS_MAX and not late
    return held, sent["flows"] / sent["seconds"], reached < 0.97 * rate


def highest_rate(programs, options, timing, hint=None):
    """{"flows": a second without loss, "datagrams": the rate asked for, "generator_bound"}"""
    low, high = 0, None
    rate = hint * 0.9 if hint else RATE_FIRST
    while high is None or high / max(low, 1) > STEP:
        held, flows, bound = _probe(programs, options, int(rate), timing.probe_seconds)
        if held and bound:
            return {"flows": flows, "datagrams": int(rate), "generator_bound": True}
        if held:
            low = rate
        else:
            high = rate
        if high is not None and high < 500:
            return {"flows": 0, "datagrams": 0, "generator_bound": False}
        if high is None:
            rate = min(rate * (1.25 if hint else 2), RATE_MAX)
        else:
            rate = (low * high) ** 0.5 if low else high / 1.5
    return _hold(programs, options, low, timing)


def _hold(programs, options, rate, timing):
    """The rate found, held for longer; a little less until it holds."""
    for _ in range(8):
        held, flows, bound = _probe(programs, options, int(rate), timing.hold_seconds)
        if held:
            return {"flows": flows, "datagrams": int(rate), "generator_bound": bound}
        rate *= 0.95
    return {"flows": 0, "datagrams": 0, "generator_bound": False}


def _shown(command, folder):
    """As one would type it, without the folders of this run."""
    words = [os.path.basename(command[0]), *command[1:]]
    return " ".join(shlex.quote(word.replace(folder, "FOLDER")).replace("\n", "\\n")
                    for word in words)


def measure_once(programs, name, start, timing, hint, with_rate):
    """One run of one program on one input; None when it is not installed."""
    options = program.INPUTS[name]
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        command = start(programs, name, folder)
        if command is None:
            return None
        with process.Program(command) as run:
            run.wait_for_port()
            _warm(programs, options, timing)
            cost, lost, _ = paced(run, programs, options, timing)
            found = highest_rate(programs, options, timing, hint) if with_rate else None
            return {"processor_ns": cost, "lost": lost, "rate": found,
                    "memory_kib": run.memory_kib(), "command": _shown(command, folder)}


def measure(programs, runs, timing, say, inputs, rate_runs):
    """All programs on all inputs, `runs` times in turn, so that a slow moment meets everyone. The
    rate is searched for in the last `rate_runs` of them. A program that fails is left out."""
    rows = []
    for name in inputs or program.INPUTS:
        made = {title: [] for title in program.receivers(name)}
        for turn in range(runs):
            for title, start in program.receivers(name).items():
                last = made[title][-1]["rate"] if made[title] else None
                hint = last["datagrams"] if last else None
                with_rate = turn >= runs - rate_runs
                try:
                    once = measure_once(programs, name, start, timing, hint, with_rate)
                except (RuntimeError, subprocess.SubprocessError, ZeroDivisionError) as error:
                    say(f"{name}: {title}: FAILED: {error}")
                    continue
                if once is not None:
                    made[title].append(once)
                    say(f"{name}: {title}: run {turn + 1}: {once['processor_ns']:.0f} ns")
        rows += [{"input": name, "program": title, "runs": found}
                 for title, found in made.items() if found]
    return rows


def backlog(run, programs, options, workers):
    """Processor nanoseconds of a flow that waits in the sockets, the sender having gone."""
    used, flows = 0, 0
    for _ in range(BACKLOGS):
        run.pause()
        before, spent = process.socket_state(process.PORT), run.processor_ns()
        sent = process.generate(programs, *options, "-announced", f"-rate={BACKLOG_RATE}",
                                f"-time={BACKLOG_DATAGRAMS * workers / BACKLOG_RATE}s")
        run.resume()
        process.drain()
        time.sleep(0.1)
        flows += sent["flows"] * (1 - _lost(sent, before))
        used += run.processor_ns() - spent
    return used / flows


def two_workers(programs, runs, timing, say):
    """Processor time of a backlog with one worker and with two, 64 exporters. Two cores are not
    alike: the kernel gives what it lent to a datagram back on the core that sent it, at the expense
    of who runs there. So one worker is measured on either."""
    options = [*program.INPUTS["v9"], "-exporters=64"]
    costs = {1: [], 2: []}
    for _ in range(runs):
        for workers, cores in ((1, (0,)), (1, (1,)), (2, (0, 1))):
            command = program.collector(programs, "v9", None, count=workers)
            with process.Program(command, cores) as run:
                run.wait_for_port()
                _warm(programs, options, timing)
                costs[workers].append(backlog(run, programs, options, workers))
        costs[1].append((costs[1].pop() + costs[1].pop()) / 2)
    for workers, values in costs.items():
        say(f"{workers} workers: {sorted(values)[len(values) // 2]:.0f} ns")
    return [{"workers": workers, "processor_ns": values} for workers, values in costs.items()]


def curve(programs, title, steps, runs, timing, say):
    """Processor time and memory as a count grows (v9 to bin): steps are (count, options of the
    generator, flags of the collector)."""
    rows = []
    for count, added, flags in steps:
        options = [*program.INPUTS["v9"], *added]
        costs, memory, decoded = [], [], []
        for _ in range(runs):
            with process.Program([*program.collector(programs, "v9", None), *flags]) as run:
                run.wait_for_port()
                sent = _warm(programs, options, timing, more_seconds=2 * count / timing.rate)
                cost, _, flows = paced(run, programs, options, timing)
                memory.append(run.memory_kib())
            costs.append(cost)
            decoded.append(run.flows_delivered() / (sent + flows))
        say(f"{count} {title}: {sorted(costs)[len(costs) // 2]:.0f} ns, "
            f"{100 * min(decoded):.1f}% decoded")
        rows.append({"count": count, "processor_ns": costs, "memory_kib": memory,
                     "decoded": decoded})
    return rows


def write_mapping(folder, count):
    """A mapping of that many elements, none of which the generator sends: its path."""
    path = os.path.join(folder, f"mapping-{count}.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.write("formatter:\n  protobuf: [{name: custom, index: 2000, type: varint}]\n"
                   "netflowv9:\n  mapping:\n")
        for number in range(count):
            file.write(f"    - {{field: {500 + number}, destination: custom}}\n")
    return path
