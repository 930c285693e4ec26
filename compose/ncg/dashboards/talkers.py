"""Top talkers: addresses, conversations and services, from flows as they came."""

from panel import dashboard, sql, table, timeseries
from query import (BYTES, EXPORTER, GROUP, OF_EXPORTER, OF_GROUP, RANKING_UNITS, RECEIVED, SHORTEST,
                   SIDE, TOP, address, autonomous_system, named, protocol, ranking_of_flows)

LARGEST = f"""
WITH largest AS (
    SELECT ${{side}}_addr FROM flows WHERE {RECEIVED} AND {OF_EXPORTER} AND {OF_GROUP}
    GROUP BY ${{side}}_addr ORDER BY {BYTES} DESC, ${{side}}_addr LIMIT {TOP})
SELECT $__timeInterval(time_received_ns) AS time, {address("${side}_addr")} AS series,
    {BYTES} * 8 / $__interval_s AS value
FROM flows
WHERE {RECEIVED} AND {OF_EXPORTER} AND {OF_GROUP} AND ${{side}}_addr IN (SELECT * FROM largest)
GROUP BY time, series
ORDER BY time, series"""


def talkers(title, side):
    known = (("Group", named(f"any({side}_group)")), ("AS", f"any({autonomous_system(side)})"),
             ("Country", named(f"any({side}_country)")))
    query = ranking_of_flows([("Address", address(f"{side}_addr"))], known)
    return table(title, sql(query, "table"), RANKING_UNITS, width=12)


# The lower port is taken for the service's.
SERVICE = (("Protocol", protocol()), ("Port", "least(src_port, dst_port)"))
CONVERSATION = (("From", address("src_addr")), ("To", address("dst_addr")),
                ("Protocol", protocol()), ("Port", "dst_port"))

DASHBOARD = dashboard(
    "flows-talkers", "Flows: top talkers",
    "Who sends and receives most; corrected for sampling.",
    [timeseries("The largest talkers", sql(LARGEST, "timeseries"), "bps", width=24, height=9,
                stacked=True, interval=SHORTEST),
     talkers("Sources", "src"), talkers("Destinations", "dst"),
     table("Conversations", sql(ranking_of_flows(CONVERSATION, limit=100), "table"), RANKING_UNITS,
           width=14),
     table("Services", sql(ranking_of_flows(SERVICE), "table"), RANKING_UNITS, width=10,
           description="The lower port of a flow is taken for the service's.")],
    [SIDE, EXPORTER, GROUP])
