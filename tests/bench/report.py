#!/usr/bin/env python3
"""Writes the tables of docs/performance.md, between their marks, and its plots from results."""

import argparse
import json
import os
import re
import statistics
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import plot  # noqa: E402

FLOOR = "floor"


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "| " + " | ".join("---" for _ in heads) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def spread(values, form="{:.0f}"):
    """The median, and in brackets the least and the most."""
    low, high = form.format(min(values)), form.format(max(values))
    median = form.format(statistics.median(values))
    return median if low == high else f"{median} ({low}–{high})"


def _rate(runs):
    rates = [run["rate"] for run in runs if run["rate"]]
    if not rates:
        return "not measured"
    if not any(rate["flows"] for rate in rates):
        return "none without loss"
    text = spread([rate["flows"] / 1e6 for rate in rates], "{:.2f}")
    bound = any(rate["generator_bound"] for rate in rates)
    return f"{text}, all that the generator sends" if bound else text


def _costs(row):
    return [run["processor_ns"] for run in row["runs"]]


def receive(figures):
    floors = {row["input"]: statistics.median(_costs(row))
              for row in figures if row["program"] == FLOOR}
    rows = []
    for row in figures:
        lost = max(run["lost"] for run in row["runs"])
        cost = spread(_costs(row)) + (f", {100 * lost:.1f}% lost" if lost > 0.001 else "")
        floor = floors.get(row["input"])
        ratio = f"{statistics.median(_costs(row)) / floor:.1f}" if floor else "floor not measured"
        memory = statistics.median(run["memory_kib"] for run in row["runs"]) / 1024
        rows.append([row["input"], row["program"], cost, ratio, _rate(row["runs"]),
                     f"{memory:.0f}"])
    return table(["input", "program", "ns a flow", "times the floor", "million flows/s", "MiB"],
                 rows)


def workers(figures):
    one = statistics.median(figures[0]["processor_ns"])
    return table(["workers", "ns a flow", "against one"],
                 [[str(row["workers"]), spread(row["processor_ns"]),
                   f"{statistics.median(row['processor_ns']) / one:.2f}"] for row in figures])


def curves(figures):
    rows = []
    for title, steps in figures.items():
        for step in steps:
            rows.append([title, f"{step['count']:,}", spread(step["processor_ns"]),
                         f"{statistics.median(step['memory_kib']) / 1024:.1f}",
                         f"{100 * min(step['decoded']):.1f}%"])
    return table(["", "count", "ns a flow", "MiB", "decoded"], rows)


def enrich(figures):
    file = figures["file"]
    rows = [["cat", spread(file["floor_ns"]), ""]]
    for title, runs in file["rows"].items():
        memory = statistics.median(run["memory_kib"] for run in runs) / 1024
        rows.append([title, spread([run["processor_ns"] for run in runs]), f"{memory:.0f}"])
    rows.append(["loading, once, in ms", spread([1000 * s for s in file["loading_seconds"]]), ""])
    rates = spread([rate / 1e6 for rate in figures["pipeline"]], "{:.2f}")
    return table(["program", "ns a flow", "MiB"], rows) + (
        f"\n\nCapture → collector → pipe → enricher → JSON on two cores: {rates} million flows/s.")


def jetstream(figures):
    if figures is None:
        return "Not measured: no nats-server."
    rates = {title: [run["rate"] for run in runs] for title, runs in figures["rows"].items()}
    rows = [[title, spread([rate / 1e6 for rate in rates[title]], "{:.2f}"),
             *(spread([run[f"{who}_ns"] for run in runs])
               for who in ("publisher", "server", "consumer"))]
            for title, runs in figures["rows"].items()]
    median, best = ([of(values) for values in rates.values()] for of in (statistics.median, max))
    return table(["", "million flows/s", "publisher, ns a flow", "server", "consumer"], rows) + (
        f"\n\nOurs against the bare one, on {figures['cores']} cores: "
        f"{100 * median[1] / median[0]:.0f}% (best against best {100 * best[1] / best[0]:.0f}%).")


def clickhouse(figures):
    if figures is None:
        return "Not measured: no clickhouse-server."
    rates = {title: [run["rate"] for run in runs] for title, runs in figures["rows"].items()}
    rows = [[title, spread([rate / 1e3 for rate in rates[title]]),
             spread([run["processor_ns"] for run in runs]),
             f"{statistics.median(run['memory_kib'] for run in runs) / 1024:.0f}"]
            for title, runs in figures["rows"].items()]
    ours, theirs = (statistics.median(values) for values in rates.values())
    return table(["", "thousand rows/s", "ns of its own a row", "MiB"], rows) + (
        f"\n\nOurs against the client, on {figures['cores']} cores: {100 * ours / theirs:.0f}%.")


def lookup(figures):
    rows = []
    for row in figures:
        runs = row["runs"]
        rows.append([row["title"], spread([1000 * run["load_seconds"] for run in runs]),
                     f"{runs[0]['bytes'] / row['count']:.0f}",
                     spread([run["lookup_ns"] for run in runs])])
    return table(["", "load, ms", "bytes of a network or prefix", "ns a look-up"], rows)


def start(figures):
    return (f"From exec to the end of a capture of one datagram: "
            f"{spread([1000 * seconds for seconds in figures], '{:.1f}')} ms.")


TABLES = {"receive": receive, "bursts": receive, "workers": workers, "curves": curves,
          "enrich": enrich, "jetstream": jetstream, "clickhouse": clickhouse,
          "lookup": lookup, "start": start}


def origin(part):
    machine = part["machine"]
    runs = f"{part['runs']} short runs" if part.get("quick") else f"{part['runs']} runs"
    return f"*{machine['date']}, commit {machine['commit']}, medians of {runs}.*"


def show(name, part, folder):
    """The part's tables and plots; of one that failed, why."""
    figures = part["figures"]
    if isinstance(figures, dict) and "failed" in figures:
        return f"Not measured: {figures['failed']}"
    return TABLES[name](figures) + plots(name, figures, folder)


def machine(parts):
    """The newest machine, what was measured on it, and how each program was started."""
    newest = max((part["machine"] for part in parts.values()), key=lambda found: found["date"])
    lines = [f"{newest['processor']}, {newest['cores']} cores, {newest['system']}, kernel "
             f"{newest['kernel']}.", ""]
    rows = [[name, text.rpartition("Version: ")[2]]
            for name, text in newest["programs"].items() if text]
    lines += [table(["program", "version"], rows)]
    commands = [row["runs"][0]["command"] for name in ("receive", "bursts")
                if isinstance(parts.get(name, {}).get("figures"), list)
                for row in parts[name]["figures"]]
    if commands:
        lines += ["", "```sh", *dict.fromkeys(commands), "```"]
    return "\n".join(lines)


def fill(text, name, made):
    mark = re.compile(f"(<!-- begin: {name} -->\n).*?(<!-- end: {name} -->)", re.DOTALL)
    if not mark.search(text):
        sys.exit(f"no marks for {name} in the document")
    return mark.sub(lambda found: f"{found.group(1)}\n{made}\n\n{found.group(2)}", text)


def plots(name, figures, folder):
    """{file name: what it shows} of the plots written for a part."""
    made = {}
    if name == "receive":
        for put in dict.fromkeys(row["input"] for row in figures):
            values = [(row["program"], statistics.median(_costs(row))) for row in figures
                      if row["input"] == put]
            made[f"receive-{put}"] = plot.bars(f"{put}: ns a flow", values)
    if name == "curves":
        lines = {title: [(step["count"], statistics.median(step["processor_ns"])) for step in steps]
                 for title, steps in figures.items()}
        made["curves"] = plot.curves("v9 to bin: ns a flow", "count", lines)
    if name == "lookup":
        points = [(row["count"], statistics.median(run["lookup_ns"] for run in row["runs"]))
                  for row in figures if row["title"].endswith("networks")]
        made["lookup"] = plot.curves("ns a look-up", "networks", {"context.yaml": points})
    if made:
        os.makedirs(folder, exist_ok=True)
    for title, document in made.items():
        plot.write(f"{folder}/{title}.svg", document)
    return "".join(f"\n\n![{title}]({os.path.basename(folder)}/{title}.svg)" for title in made)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results")
    parser.add_argument("document")
    arguments = parser.parse_args()
    with open(arguments.results, encoding="utf-8") as file:
        parts = json.load(file)["parts"]
    with open(arguments.document, encoding="utf-8") as file:
        text = file.read()
    folder = os.path.splitext(arguments.document)[0]
    for name, part in parts.items():
        text = fill(text, name, f"{show(name, part, folder)}\n\n{origin(part)}")
    text = fill(text, "machine", machine(parts))
    with open(arguments.document, "w", encoding="utf-8") as file:
        file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
