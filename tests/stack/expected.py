"""What the panels of the dashboards are to show, computed from flows as JSON.

Nothing here knows SQL: flows are dictionaries, as the enricher prints them. A panel's answer is a
list of rows in the order of its columns.
"""

import collections

TOP = 10
GRAINS = ((3600, 3600), (300, 300), (0, 60))  # from this interval on, sums of so many seconds


class View:
    """What a dashboard looks at: flows that pass its variables, its time range and interval."""

    def __init__(self, flows, values, begin, end, interval):
        self.flows = flows
        self.side = {"src": "source", "dst": "destination"}.get(values.get("side"))
        self.prefix = values.get("side")
        self.tag = values.get("tag")
        self.seconds = end - begin
        self.interval = interval

    def bucket(self, flow):
        return flow["time_received_ns"] // 10**9 // self.interval * self.interval


def octets(flow):
    return flow["bytes"] * max(flow["sampling_rate"], 1)


def packets(flow):
    return flow["packets"] * max(flow["sampling_rate"], 1)


def bits(flow):
    return octets(flow) * 8


def one(_):
    return 1


def sums(flows, key, value):
    found = collections.Counter()
    for flow in flows:
        found[key(flow)] += value(flow)
    return found


def group(flow, side):
    return flow["context"].get(f"{side}_group", "")


def group_or(side, nothing):
    return lambda flow: group(flow, side) or nothing


def autonomous_system(prefix):
    def name(flow):
        number = flow[f"{prefix}_as"]
        return f'AS{number} {flow[f"{prefix}_as_name"]}'.rstrip() if number else "unknown"
    return name


def country(prefix):
    return lambda flow: flow[f"{prefix}_country"] or "unknown"


def field(name):
    return lambda flow: flow[name]


def family(flow):
    return flow["etype"] if flow["etype"] in ("IPv4", "IPv6") else "other"


def interface(column):
    return lambda flow: f'{flow["sampler_address"]} {flow[column]}'


def series(view, key, value=bits, top=TOP):
    """The largest keys over time and the others as one; rates by second."""
    totals = sums(view.flows, key, value)
    largest = {k for k, _ in sorted(totals.items(), key=lambda kv: (-kv[1], kv[0]))[:top]}
    found = sums(view.flows, lambda f: (view.bucket(f), key(f) if key(f) in largest else "other"),
                 value)
    return [(*k, v / view.interval) for k, v in sorted(found.items())]


def largest_talkers(view):
    rows = series(view, field(f"{view.prefix}_addr"))
    return [row for row in rows if row[1] != "other"]


def all_series(view, key, value=bits):
    return series(view, key, value, top=len(view.flows))


def ranking(view, *keys, known=(), limit=50, flows=None):
    """The largest rows by bytes: keys, what is known of them, rate, bytes, packets, flows."""
    groups = collections.defaultdict(list)
    for flow in view.flows if flows is None else flows:
        groups[tuple(key(flow) for key in keys)].append(flow)
    rows = []
    for key, members in groups.items():
        total = sum(map(octets, members))
        rows.append((*key, *(k(members[0]) for k in known), total * 8 / view.seconds, total,
                     sum(map(packets, members)), len(members)))
    at = len(keys) + len(known) + 1
    rows.sort(key=lambda row: (-row[at], row[:len(keys)]))
    return rows[:limit]


def total(value, by_second=True):
    return lambda view: [(sum(map(value, view.flows)) / (view.seconds if by_second else 1),)]


def without_group(view):
    return [(100 * sum(octets(f) for f in view.flows if not group(f, view.side)) /
             sum(map(octets, view.flows)),)]


def by_country(view):
    found = sums(view.flows, country(view.prefix), octets)
    return sorted(found.items(), key=lambda kv: (-kv[1], kv[0]))[:2 * TOP]


def talkers(prefix, side):
    return lambda view: ranking(view, field(f"{prefix}_addr"), known=(
        group_or(side, "unknown"), autonomous_system(prefix), country(prefix)))


def exporters(view):
    found = collections.defaultdict(list)
    for flow in view.flows:
        found[flow["sampler_address"], flow["type"], flow["observation_domain_id"]].append(flow)
    rows = []
    for key, members in found.items():
        rates = [f["sampling_rate"] for f in members]
        rows.append((*key, sum(map(bits, members)) / view.seconds, sum(map(octets, members)),
                     sum(map(packets, members)), len(members),
                     max(f["time_received_ns"] for f in members), min(rates), max(rates),
                     100 * rates.count(0) / len(rates)))
    return sorted(rows, key=lambda row: (-row[4], row[:3]))


def tags(context):
    return "{" + ",".join(f"'{k}':'{v}'" for k, v in context.items()) + "}"


def found_flow(f):
    context = f["context"]
    return (f["time_received_ns"], f["sampler_address"], f["type"], f["src_addr"], f["src_port"],
            f["dst_addr"], f["dst_port"], f["proto"], f["tcp_flags"], f["bytes"], f["packets"],
            f["sampling_rate"], (f["time_flow_end_ns"] - f["time_flow_start_ns"]) / 1e9, f["in_if"],
            f["out_if"], context.get("source_group", "") or "unknown",
            context.get("destination_group", "") or "unknown", autonomous_system("src")(f),
            autonomous_system("dst")(f), f["src_country"], f["dst_country"],
            tags(context.get("source", {})), tags(context.get("destination", {})))


def latest(view):
    """More than are shown have the same time: any order among them is right."""
    return sorted(map(found_flow, view.flows), key=lambda row: -row[0])


def over_time(value):
    return lambda view: [(at, rate) for at, _, rate in all_series(view, one, value)]


PANELS = {
    "flows-overview": {
        "Traffic": total(bits), "Packets": total(packets), "Flow records": total(one),
        "Bytes": total(octets, by_second=False),
        "Exporters": lambda v: [(len({f["sampler_address"] for f in v.flows}),)],
        "Traffic without a group": without_group,
        "Traffic by group": lambda v: series(v, group_or(v.side, "elsewhere")),
        "Between groups": lambda v: ranking(v, group_or("source", "unknown"),
                                            group_or("destination", "unknown")),
        "Traffic by tag": lambda v: all_series(
            v, lambda f: f["context"].get(v.side, {}).get(v.tag, "") or "unknown"),
        "Traffic by protocol": lambda v: series(v, field("proto")),
        "Traffic by family": lambda v: series(v, family),
    },
    "flows-talkers": {
        "The largest talkers": largest_talkers,
        "Sources": talkers("src", "source"), "Destinations": talkers("dst", "destination"),
        "Conversations": lambda v: ranking(v, field("src_addr"), field("dst_addr"), field("proto"),
                                           field("dst_port"), limit=100),
        "Services": lambda v: ranking(v, field("proto"),
                                      lambda f: min(f["src_port"], f["dst_port"])),
    },
    "flows-geography": {
        "Traffic by AS": lambda v: series(v, autonomous_system(v.prefix)),
        "Traffic by country": lambda v: series(v, country(v.prefix)),
        "Autonomous systems": lambda v: ranking(v, autonomous_system(v.prefix), country(v.prefix)),
        "Countries": by_country,
        "Between systems": lambda v: ranking(v, autonomous_system("src"),
                                             autonomous_system("dst")),
        "Systems by interface": lambda v: ranking(
            v, autonomous_system(v.prefix), field("sampler_address"), field("in_if"),
            field("out_if"), limit=200),
    },
    "flows-exporters": {
        "Traffic by exporter": lambda v: series(v, field("sampler_address")),
        "Flow records by exporter": lambda v: series(v, field("sampler_address"), one),
        "Exporters": exporters,
        "Traffic in": lambda v: series(v, interface("in_if")),
        "Traffic out": lambda v: series(v, interface("out_if")),
        "In": lambda v: ranking(v, field("sampler_address"), field("in_if"), limit=500),
        "Out": lambda v: ranking(v, field("sampler_address"), field("out_if"), limit=500),
    },
    "flows-search": {
        "Traffic that matches": over_time(bits), "Flow records that match": over_time(one),
        "The latest 500 flows": latest,
    },
}
