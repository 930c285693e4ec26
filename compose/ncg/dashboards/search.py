"""Flow search: single flows as they came."""

from panel import FLOWS, column, dashboard, sql, table, timeseries, variable
from query import (ADDRESS, BYTES, EXPORTER, GROUP, NUMBER, OF_EXPORTER, OF_GROUP, PORT, RECEIVED,
                   address, autonomous_system, named, protocol)

SHOWN = 500
# The first and last address of the network; a single address is one.
WITHIN = """
WITH splitByChar('/', ${address:sqlstring}) AS given,
    if(isIPv4String(given[1]), 96, 0) AS mapped,
    IPv6CIDRToRange(toIPv6OrDefault(given[1]),
        toUInt8(if(length(given) = 2, least(mapped + toUInt8OrZero(given[2]), 128), 128))) AS within
"""
MATCH = f"""{RECEIVED} AND {OF_EXPORTER} AND {OF_GROUP}
    AND $__conditionalAll((src_addr BETWEEN within.1 AND within.2
        OR dst_addr BETWEEN within.1 AND within.2), $address)
    AND $__conditionalAll((src_port = toUInt32OrZero(${{port:sqlstring}})
        OR dst_port = toUInt32OrZero(${{port:sqlstring}})), $port)
    AND $__conditionalAll((src_as = toUInt32OrZero(${{asn:sqlstring}})
        OR dst_as = toUInt32OrZero(${{asn:sqlstring}})), $asn)
    AND $__conditionalAll({protocol()} IN (${{protocol:sqlstring}}), $protocol)"""

COLUMNS = (
    ("Received", "time_received_ns"), ("Exporter", address("sampler_address")), ("Type", "type"),
    ("Source", address("src_addr")), ("Source port", "src_port"),
    ("Destination", address("dst_addr")), ("Destination port", "dst_port"),
    ("Protocol", protocol()), ("TCP flags", "tcp_flags"), ("Bytes", "bytes"),
    ("Packets", "packets"), ("Sampling", "sampling_rate"),
    ("Duration", "(toUnixTimestamp64Nano(time_flow_end_ns) - "
     "toUnixTimestamp64Nano(time_flow_start_ns)) / 1e9"),
    ("In", "in_if"), ("Out", "out_if"),
    ("Source group", named("src_group")), ("Destination group", named("dst_group")),
    ("Source AS", autonomous_system("src")), ("Destination AS", autonomous_system("dst")),
    ("Source country", "src_country"), ("Destination country", "dst_country"),
    ("Source tags", "toString(src_context)"), ("Destination tags", "toString(dst_context)"))
SELECTED = ",\n    ".join(f'{expression} AS "{title}"' for title, expression in COLUMNS)
FOUND = f"""{WITHIN}SELECT {SELECTED}
FROM flows
WHERE {MATCH}
ORDER BY time_received_ns DESC
LIMIT {SHOWN}"""


def over_time(title, value, name, unit):
    query = f"""{WITHIN}SELECT $__timeInterval(time_received_ns) AS time,
    {value} / $__interval_s AS {name}
FROM flows
WHERE {MATCH}
GROUP BY time
ORDER BY time"""
    return timeseries(title, sql(query, "timeseries"), unit, height=6, interval="10s")


DASHBOARD = dashboard(
    "flows-search", "Flows: search",
    "Flows as they came, by address or network, port, AS, protocol, group and exporter.",
    [over_time("Traffic that matches", f"{BYTES} * 8", "traffic", "bps"),
     over_time("Flow records that match", "count()", "flows", "cps"),
     table(f"The latest {SHOWN} flows", sql(FOUND, "table"),
           {"Bytes": "decbytes", "Packets": "short", "Duration": "s"}, height=20,
           description="Bytes and packets are as the exporter counted them, before sampling.",
           overrides=[column("Received", **{"custom.width": 190})])],
    [ADDRESS, PORT, NUMBER,
     variable("protocol", "Protocol", f"SELECT DISTINCT {protocol()} AS name FROM flows_1h "
              "WHERE time >= toStartOfHour($__fromTime) AND time <= $__toTime ORDER BY name",
              FLOWS),
     GROUP, EXPORTER], refresh="")
