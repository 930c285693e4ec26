"""Overview: how much traffic there is, between which groups of networks, and of what kind."""

from panel import FLOWS, dashboard, row, sql, stat, table, timeseries, variable
from query import (BYTES, EXPORTER, OF_EXPORTER, RANKING_UNITS, RECEIVED, SECONDS, SHORTEST, SIDE,
                   named, over_time, protocol, ranking, total)

GROUP = "if(${side}_group = '', 'elsewhere', toString(${side}_group))"
BY_TAG = f"""
SELECT $__timeInterval(time_received_ns) AS time,
    {named("${side}_context[${tag:sqlstring}]")} AS series,
    {BYTES} * 8 / $__interval_s AS value
FROM flows
WHERE {RECEIVED} AND {OF_EXPORTER}
GROUP BY time, series
ORDER BY time, series"""
FAMILY = "multiIf(etype = 0x0800, 'IPv4', etype = 0x86dd, 'IPv6', 'other')"


def number(title, value, unit, **more):
    return stat(title, sql(total(value), "table"), unit, interval=SHORTEST, **more)


def by(title, key, **more):
    return timeseries(title, sql(over_time(key), "timeseries"), "bps", stacked=True,
                      interval=SHORTEST, **more)


DASHBOARD = dashboard(
    "flows-overview", "Flows: overview",
    "Traffic by group of the context, protocol and family; corrected for sampling.",
    [number("Traffic", f"sum(bytes) * 8 / {SECONDS}", "bps"),
     number("Packets", f"sum(packets) / {SECONDS}", "pps"),
     number("Flow records", f"sum(flows) / {SECONDS}", "cps"),
     number("Bytes", "sum(bytes)", "decbytes"),
     number("Exporters", "uniqExact(sampler_address)", "short"),
     number("Traffic without a group", "100 * sumIf(bytes, ${side}_group = '') / sum(bytes)",
            "percent", description="Addresses that context.yaml does not name."),
     row("Groups"),
     by("Traffic by group", GROUP, width=24, height=10),
     table("Between groups", sql(ranking((("From", named("src_group")),
                                          ("To", named("dst_group")))), "table"),
           RANKING_UNITS, width=12, interval=SHORTEST),
     timeseries("Traffic by tag", sql(BY_TAG, "timeseries"), "bps", height=10, stacked=True,
                interval=SHORTEST,
                description="The values of one tag of context.yaml, from flows as they came."),
     row("Kinds"),
     by("Traffic by protocol", protocol()),
     by("Traffic by family", FAMILY)],
    [SIDE, EXPORTER,
     variable("tag", "Tag", "SELECT DISTINCT arrayJoin(arrayConcat(mapKeys(src_context), "
              f"mapKeys(dst_context))) AS tag FROM flows WHERE {RECEIVED} ORDER BY tag", FLOWS,
              many=False)])
