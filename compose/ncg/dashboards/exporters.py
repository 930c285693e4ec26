"""Exporters and interfaces: which router reports how much, through which interfaces."""

from panel import dashboard, row, sql, table, timeseries
from query import (BYTES, EXPORTER, OF_EXPORTER, PACKETS, RANKING_UNITS, RECEIVED, SECONDS,
                   SHORTEST, address, over_time, ranking)

SAMPLER = address("sampler_address")
INTERFACE = "concat({sampler}, ' ', toString({column}))"
EXPORTERS = f"""
SELECT {SAMPLER} AS "Exporter", type AS "Protocol", observation_domain_id AS "Domain",
    {BYTES} * 8 / {SECONDS} AS "Traffic", {BYTES} AS "Bytes", {PACKETS} AS "Packets",
    count() AS "Flows", max(time_received_ns) AS "Latest",
    min(sampling_rate) AS "Sampling from", max(sampling_rate) AS "to",
    100 * countIf(sampling_rate = 0) / count() AS "Without rate"
FROM flows
WHERE {RECEIVED} AND {OF_EXPORTER}
GROUP BY "Exporter", "Protocol", "Domain"
ORDER BY "Bytes" DESC, "Exporter", "Protocol", "Domain"
LIMIT 500"""


def of_interface(column):
    return INTERFACE.format(sampler=SAMPLER, column=column)


def by(title, key, value="sum(bytes) * 8", unit="bps", width=12):
    return timeseries(title, sql(over_time(key, value), "timeseries"), unit, width=width,
                      stacked=True, interval=SHORTEST)


def interfaces(title, column):
    return table(title, sql(ranking((("Exporter", SAMPLER), ("Interface", column)), limit=500),
                            "table"), RANKING_UNITS, width=12, interval=SHORTEST)


DASHBOARD = dashboard(
    "flows-exporters", "Flows: exporters and interfaces",
    "What each exporter reports, and through which of its interfaces; corrected for sampling.",
    [by("Traffic by exporter", SAMPLER),
     by("Flow records by exporter", SAMPLER, "sum(flows)", "cps"),
     table("Exporters", sql(EXPORTERS, "table"), {**RANKING_UNITS, "Without rate": "percent",
                                                  "Latest": "dateTimeFromNow"},
           description="A rate of 0 is unknown: that traffic counts as if it were not sampled."),
     row("Interfaces, by the exporter's ifIndex"),
     by("Traffic in", of_interface("in_if")), by("Traffic out", of_interface("out_if")),
     interfaces("In", "in_if"), interfaces("Out", "out_if")],
    [EXPORTER])
