"""AS and country: where traffic comes from and goes to."""

from panel import bars, dashboard, sql, table, timeseries
from query import (EXPORTER, OF_EXPORTER, RANKING_UNITS, SHORTEST, SIDE, SUMS, TOP,
                   autonomous_system, named, over_time, ranking)

AS = autonomous_system("${side}")
COUNTRY = named("${side}_country")
BY_COUNTRY = f"""
SELECT {COUNTRY} AS "Country", sum(bytes) AS "Bytes"
FROM {SUMS}
WHERE {OF_EXPORTER}
GROUP BY "Country"
ORDER BY "Bytes" DESC, "Country"
LIMIT {2 * TOP}"""
INTERFACES = (("AS", AS), ("Exporter", "replaceOne(toString(sampler_address), '::ffff:', '')"),
              ("In", "in_if"), ("Out", "out_if"))


def by(title, key):
    return timeseries(title, sql(over_time(key), "timeseries"), "bps", height=9, stacked=True,
                      interval=SHORTEST)


DASHBOARD = dashboard(
    "flows-geography", "Flows: AS and country",
    "By autonomous system and country of the chosen side; corrected for sampling.",
    [by("Traffic by AS", AS), by("Traffic by country", COUNTRY),
     table("Autonomous systems", sql(ranking((("AS", AS), ("Country", COUNTRY))), "table"),
           RANKING_UNITS, width=12, interval=SHORTEST),
     bars("Countries", sql(BY_COUNTRY, "table"), "decbytes", height=10, interval=SHORTEST),
     table("Between systems", sql(ranking((("From", autonomous_system("src")),
                                           ("To", autonomous_system("dst")))), "table"),
           RANKING_UNITS, width=12, interval=SHORTEST),
     table("Systems by interface", sql(ranking(INTERFACES, limit=200), "table"), RANKING_UNITS,
           width=12, interval=SHORTEST, description="Which interfaces carry an AS: for peering.")],
    [SIDE, EXPORTER])
