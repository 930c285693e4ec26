#!/usr/bin/env python3
"""Feeds upstream's golden vectors to the collector and compares what both print, byte for byte.

    run.py --collector BUILD/bin/goflow2plus [CASE...]

The JSON is compared a second time with the mapping that upstream ships, and what -produce raw
prints as JSON and as text (raw.py). The partition keys of that
mapping are compared by the unit tests of the format.

The vectors are those in vectors.jsonl beside this file and, where the shared folder is there
(GOFLOW_SHARED, default ../shared beside the source tree), its golden/goflow2.jsonl. Where this
project differs on purpose, differences.json says why and in exactly which fields; all else must be
equal, and an entry that changes nothing is an error too.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import raw

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path.insert(0, TESTS)

from support import capture, flow, shared  # noqa: E402

FORMATS = ("json", "text", "bin")
MAPPED = "json_default_mapping"  # json again, with goflow2's mapping
RAW = {"raw_json": "json", "raw_text": "text"}
OUTPUTS = (*FORMATS, MAPPED, *RAW)
COLLECTOR_PORT = 2055


class Stale(Exception):
    """An entry of differences.json that does not change what upstream printed."""


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def load_vectors():
    vectors = {case["name"]: case for case in read_lines(os.path.join(HERE, "vectors.jsonl"))}
    folder = shared.find("golden")
    if folder:
        for case in read_lines(os.path.join(folder, "goflow2.jsonl")):
            copy = vectors.setdefault(case["name"], case)
            if copy != case:
                raise SystemExit(f"vectors.jsonl: {case['name']} differs from the shared folder's")
    return vectors


def write_capture(path, case):
    address, port = case["src"].rsplit(":", 1)
    write = [capture.Datagram(case["time_received_ns"], address.strip("[]"), int(port),
                              "2001:db8::1" if "[" in address else "198.51.100.1", COLLECTOR_PORT,
                              bytes.fromhex(packet)) for packet in case["packets"]]
    capture.write_datagrams(path, write)


def with_defaults(sparse):
    """A whole flow of the default columns: what is not said is what upstream prints for zero."""
    zeros = {"type": "FLOWUNKNOWN", "proto": "HOPOPT", "src_mac": "00:00:00:00:00:00",
             "dst_mac": "00:00:00:00:00:00", "src_net": "", "dst_net": "", "etype": ""}
    whole = {}
    for name in DEFAULT_COLUMNS:
        _, kind, repeated = flow.FIELDS[name]
        zero = [] if repeated else "" if kind in ("bytes", "string") else 0
        whole[name] = sparse.get(name, zeros.get(name, zero))
    unknown = set(sparse) - set(whole)
    if unknown:
        raise Stale(f"unknown columns {sorted(unknown)}")
    return whole


DEFAULT_COLUMNS = []  # the names and their order, as upstream's first flow has them
MAPPED_COLUMNS = ["type", "time_received_ns", "sequence_num", "sampling_rate", "flow_direction",
                  "sampler_address", "time_flow_start_ns", "time_flow_end_ns", "bytes", "packets",
                  "src_addr", "src_net", "dst_addr", "dst_net", "etype", "proto", "src_port",
                  "dst_port", "in_if", "out_if", "src_mac", "dst_mac", "icmp_name", "csum"]


def rfc3339(time_ns):
    seconds, fraction = divmod(time_ns, 10**9)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{fraction:09}".rstrip("0").rstrip(".") + "Z"


def in_mapped_order(mapped):
    return {name: mapped[name] for name in MAPPED_COLUMNS if mapped.get(name) is not None}


def as_mapped(whole):
    """What the mapping prints of a flow with the default columns; custom ones are left out."""
    mapped = {name: whole[name] for name in MAPPED_COLUMNS if name in whole}
    mapped["time_received_ns"] = rfc3339(whole["time_received_ns"])
    mapped["icmp_name"] = "unknown"
    return in_mapped_order(mapped)


def apply_mapped(difference, mapped, flows):
    """The same difference to the flows that the mapping prints, after `flows` had it. What only
    they show differently stands under "mapped"; null is a column that is not there."""
    own = difference.get("mapped", {})
    if "change" in difference:
        index = difference["flow"]
        for name, value in own.items():
            if mapped[index].get(name) == value:
                raise Stale(f"{name} of flow {index} with the mapping is {value!r} upstream too")
        common = {name: value for name, value in difference["change"].items()
                  if name in mapped[index]}
        mapped[index] = in_mapped_order({**mapped[index], **common, **own})
    elif "remove" in difference:
        for index in sorted(difference["remove"], reverse=True):
            del mapped[index]
    else:
        like = difference["add"].get("like")
        base = as_mapped(flows[difference["at"]]) if like is None else mapped[like]
        mapped.insert(difference["at"], in_mapped_order({**base, **own}))


def changed_body(body, before, after, protocols):
    """Upstream's protobuf message with the fields that differ between two JSON flows replaced.
    A network that is shown without its prefix keeps the length that it has."""
    changed = {name: value for name, value in after.items() if value != before[name]
               and not (name in ("src_net", "dst_net") and "/" not in value)}
    numbers = {flow.FIELDS[name][0] for name in changed}
    kept = [field for field in flow.read_message(body) if field[0] not in numbers]
    replaced = flow.read_message(flow.from_json(changed, protocols))
    return flow.write_message(sorted(kept + replaced, key=lambda field: field[0]))


def apply(difference, flows, bodies, protocols):
    if "change" in difference:
        index = difference["flow"]
        before = flows[index]
        for name, value in difference["change"].items():
            if before[name] == value:
                raise Stale(f"{name} of flow {index} is {value!r} upstream too")
        after = {**before, **difference["change"]}
        bodies[index] = changed_body(bodies[index], before, after, protocols)
        flows[index] = after
    elif "remove" in difference:
        for index in sorted(difference["remove"], reverse=True):
            del flows[index], bodies[index]
    else:
        added = difference["add"]
        if "like" in added:
            whole, body = dict(flows[added["like"]]), bodies[added["like"]]
        else:
            whole = with_defaults(added)
            body = flow.from_json(whole, protocols)
        flows.insert(difference["at"], whole)
        bodies.insert(difference["at"], body)


def as_text(value):
    return f"[{','.join(map(str, value))}]" if isinstance(value, list) else str(value)


def expected_outputs(case, differences, protocols):
    """{format: bytes} that the collector must print for the case."""
    flows = [json.loads(line) for line in case["json"]]
    mapped = [json.loads(line) for line in case[MAPPED]]
    bodies = flow.split_frames(b"".join(bytes.fromhex(h) for h in case["bin_delimited_hex"]))
    for difference in differences:
        apply(difference, flows, bodies, protocols)
        apply_mapped(difference, mapped, flows)
    lines = {"json": [json.dumps(f, separators=(",", ":"), ensure_ascii=False) for f in flows],
             MAPPED: [json.dumps(f, separators=(",", ":"), ensure_ascii=False) for f in mapped],
             "text": [" ".join(f"{k}={as_text(v)}" for k, v in f.items()) for f in flows]}
    if not differences:  # then it is upstream's own output, to the byte, and not our rendering
        assert all(lines[name] == case[name] for name in lines), case["name"]
    outputs = {name: "".join(line + "\n" for line in lines[name]).encode() for name in lines}
    outputs["bin"] = flow.join_frames(bodies)
    return outputs


def flags(name):
    if name == MAPPED:
        return ["-format=json", "-mapping", os.path.join(TESTS, "fixtures", "default-mapping.yaml")]
    if name in RAW:
        return ["-produce=raw", f"-format={RAW[name]}"]
    return [f"-format={name}", *(["-transport.file.sep="] if name == "bin" else [])]


def run_collector(collector, path, name):
    run = subprocess.run([collector, "-read", path, *flags(name)],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    if run.returncode != 0:
        raise RuntimeError(f"exit status {run.returncode}: {run.stderr.decode()[-2000:]}")
    return run.stdout


def describe(name, want, got):
    if name == "bin":
        want = [flow.read_message(body) for body in flow.split_frames(want)]
        got = [flow.read_message(body) for body in flow.split_frames(got)]
    else:
        want, got = want.decode().splitlines(), got.decode().splitlines()
    if len(want) != len(got):
        return f"{len(want)} flows wanted, {len(got)} came"
    for index, (a, b) in enumerate(zip(want, got)):
        if a == b:
            continue
        if name in ("json", "raw_json", MAPPED):
            a, b = json.loads(a), json.loads(b)
            fields = [f"{key}: {a.get(key)!r} wanted, got {b.get(key)!r}"
                      for key in {**a, **b} if a.get(key) != b.get(key)]
            return f"flow {index}: " + ("; ".join(fields) or "same values, other spelling")
        return f"flow {index}:\n    wanted {a}\n    got    {b}"
    return "same flows, other bytes"


def check(case, differences, general, collector, folder, protocols):
    """A list of what is wrong with the case, and how often a general rule took effect."""
    of_flows = [difference for difference in differences if "raw" not in difference]
    of_raw = [difference for difference in differences if "raw" in difference]
    try:
        wanted = expected_outputs(case, of_flows, protocols)
        wanted_raw, count = raw.expected(case, of_raw, general)
        wanted.update(wanted_raw)
    except (Stale, raw.Stale) as error:
        return [f"differences.json is stale: {error}"], 0
    path = os.path.join(folder, "case.pcap")
    write_capture(path, case)
    wrong = []
    for name in OUTPUTS:
        try:
            got = run_collector(collector, path, name)
            if got != wanted[name]:
                wrong.append(f"{name}: {describe(name, wanted[name], got)}")
        except (RuntimeError, subprocess.TimeoutExpired, flow.FrameError) as error:
            wrong.append(f"{name}: {error}")
    return wrong, count


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--collector", required=True)
    parser.add_argument("case", nargs="*")
    options = parser.parse_args()
    vectors = load_vectors()
    with open(os.path.join(HERE, "differences.json"), encoding="utf-8") as file:
        differences = json.load(file)
    DEFAULT_COLUMNS.extend(json.loads(vectors["v5_basic"]["json"][0]))
    protocols = flow.protocol_names()
    failed = 0
    applied = 0
    general = differences.pop("*")
    for name in sorted(set(differences) - set(vectors)):
        if shared.find("golden") or not name.startswith("upstream_test_"):
            print(f"FAILED {name}: in differences.json, but there is no such case")
            failed += 1
    names = options.case or list(vectors)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            wrong, count = check(vectors[name], differences.get(name, []), general,
                                 options.collector, folder, protocols)
            applied += count
            failed += bool(wrong)
            for line in wrong:
                print(f"FAILED {name}: {line}")
    listed = sum(name in differences for name in names)
    if not options.case and not applied:
        print("FAILED: the general rule of differences.json changes nothing")
        failed += 1
    print(f"golden: {len(names)} cases in {', '.join(OUTPUTS)}: {len(names) - listed} equal to "
          f"upstream, {listed} with listed differences, {failed} failed")
    if not shared.find("golden"):
        print(f"golden: LEFT OUT, upstream's own test vectors: {shared.missing('golden')}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
