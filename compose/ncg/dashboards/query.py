"""What the queries of ClickHouse have in common.

Sums by minute, five minutes and hour (flows_1m, flows_5m, flows_1h) answer what they can; flows as
they came are read for addresses, ports and tags. Sums are corrected for sampling, flows are not.
"""

from panel import FLOWS, choice, textbox, variable

# The grain that the interval asks for; of the other two tables nothing is read.
SUMS = """(
    SELECT time AS begin, * FROM flows_1m
    WHERE $__timeFilter(time) AND $__interval_s < 300
    UNION ALL
    SELECT time AS begin, * FROM flows_5m
    WHERE $__timeFilter(time) AND $__interval_s >= 300 AND $__interval_s < 3600
    UNION ALL
    SELECT time AS begin, * FROM flows_1h
    WHERE $__timeFilter(time) AND $__interval_s >= 3600
)"""
SHORTEST = "1m"  # interval of a panel over sums

SECONDS = "greatest(dateDiff('second', $__fromTime, $__toTime), 1)"
BYTES = "sum(bytes * greatest(sampling_rate, 1))"
PACKETS = "sum(packets * greatest(sampling_rate, 1))"
RECEIVED = "$__timeFilter(time_received_ns)"
OF_EXPORTER = "$__conditionalAll(sampler_address IN (${exporter:sqlstring}), $exporter)"
OF_GROUP = ("$__conditionalAll((src_group IN (${group:sqlstring}) "
            "OR dst_group IN (${group:sqlstring})), $group)")
TOP = 10


def address(column):
    """IPv4 as it is written, of which the tables hold the mapped form."""
    return f"replaceOne(toString({column}), '::ffff:', '')"


def protocol(column="proto"):
    return f"dictGet('flows_protocol', 'name', toUInt64({column}))"


def named(column):
    """A name, or what stands for none."""
    return f"if({column} = '', 'unknown', toString({column}))"


def autonomous_system(side):
    return (f"if({side}_as = 0, 'unknown', "
            f"trimRight(concat('AS', toString({side}_as), ' ', {side}_as_name)))")


def over_time(key, value="sum(bytes) * 8", where=OF_EXPORTER):
    """The largest values of a key as series, all others as one."""
    return f"""
WITH sums AS (SELECT {key} AS key, * FROM {SUMS} WHERE {where}),
    largest AS (SELECT key FROM sums GROUP BY key ORDER BY {value} DESC, key LIMIT {TOP})
SELECT $__timeInterval(begin) AS time,
    if(key IN (SELECT key FROM largest), key, 'other') AS series,
    {value} / $__interval_s AS value
FROM sums
GROUP BY time, series
ORDER BY time, series"""


def total(value, where=OF_EXPORTER):
    """One number for the whole range."""
    return f"SELECT {value} AS value FROM {SUMS} WHERE {where}"


def ranking(keys, where=OF_EXPORTER, limit=50):
    """The largest rows by bytes: keys are (column title, expression)."""
    return rank(keys, (), f"{SUMS}\nWHERE {where}", "sum(bytes)", "sum(packets)", "sum(flows)",
                limit)


def ranking_of_flows(keys, companions=(), limit=50):
    """The same from flows as they came; companions are columns that go with the keys."""
    return rank(keys, companions, f"flows\nWHERE {RECEIVED} AND {OF_EXPORTER} AND {OF_GROUP}",
                BYTES, PACKETS, "count()", limit)


def rank(keys, companions, source, octets, packets, flows, limit):
    names = ", ".join(f'"{title}"' for title, _ in keys)
    columns = ",\n    ".join(f'{expression} AS "{title}"'
                             for title, expression in (*keys, *companions))
    return f"""
SELECT {columns},
    {octets} * 8 / {SECONDS} AS "Traffic",
    {octets} AS "Bytes",
    {packets} AS "Packets",
    {flows} AS "Flows"
FROM {source}
GROUP BY {names}
ORDER BY "Bytes" DESC, {names}
LIMIT {limit}"""


RANKING_UNITS = {"Traffic": "bps", "Bytes": "decbytes", "Packets": "short", "Flows": "short"}

SIDE = choice("side", "Side", (("Source", "src"), ("Destination", "dst")))
EXPORTER = variable(
    "exporter", "Exporter",
    f"SELECT DISTINCT {address('sampler_address')} AS exporter FROM flows_1h "
    "WHERE time >= toStartOfHour($__fromTime) AND time <= $__toTime ORDER BY exporter", FLOWS)
GROUP = variable(
    "group", "Group",
    "SELECT DISTINCT arrayJoin([src_group, dst_group]) AS name FROM flows_1h "
    "WHERE time >= toStartOfHour($__fromTime) AND time <= $__toTime AND name != '' ORDER BY name",
    FLOWS)
ADDRESS = textbox("address", "Address or network", "Of either side: 192.0.2.7 or 2001:db8::/32")
PORT = textbox("port", "Port", "Of either side")
NUMBER = textbox("asn", "AS", "Number of either side's autonomous system")
