"""Operations: what the programs say about themselves, from Prometheus."""

from panel import OPERATIONS, column, dashboard, prometheus, row, stat, table, timeseries, variable

RED_ABOVE_ZERO = ((0.000001, "red"),)
HERE = '{instance=~"$instance"}'
OF_EXPORTER = '{instance=~"$instance", exporter=~"$exporter"}'


def metric(name, of=HERE):
    return f"goflow2plus_{name}{of}"


def rate(name, of=HERE):
    return f"sum(rate({metric(name, of)}[$__rate_interval]))"


def in_range(name):
    return f"sum(increase({metric(name)}[$__range]))"


def by_reason(name):
    return prometheus(f"sum by (job, reason) (rate({metric(name)}[$__rate_interval])) > 0",
                      "{{job}}: {{reason}}")


def by_instance(name):
    return prometheus(f"sum by (job, instance) (rate({metric(name)}[$__rate_interval]))",
                      "{{job}} {{instance}}")


def gauge(name):
    return prometheus(f"sum by (job, instance) ({metric(name)})", "{{job}} {{instance}}")


LOST = [
    stat("Datagrams", prometheus(rate("datagrams_received_total")), "pps"),
    stat("Flows collected", prometheus(rate("flows_made_total", '{instance=~"$instance", '
                                            'job="collector"}')), "cps"),
    stat("Flows lost", prometheus(in_range("flows_failed_total")), "short",
         thresholds=RED_ABOVE_ZERO, description="By either program, in the time shown."),
    stat("Datagrams lost by the kernel", prometheus(in_range("kernel_drops_total")), "short",
         thresholds=RED_ABOVE_ZERO, description="The receive buffers were full."),
    stat("Flows waiting", prometheus(f"sum({metric('flows_waiting')})"), "short",
         description="For NATS or ClickHouse to confirm them."),
    stat("Outputs or sources down", prometheus(
        f"count({metric('output_up')} == 0 or {metric('source_up')} == 0) or vector(0)"),
         "short", thresholds=RED_ABOVE_ZERO),
]

BOOKS = [
    timeseries("Flows by what became of them", [
        prometheus(f"sum by (job) (rate({metric(name)}[$__rate_interval]))", "{{job}}: " + text)
        for name, text in (("flows_made_total", "made"), ("flows_delivered_total", "delivered"),
                           ("flows_filtered_total", "filtered"), ("flows_failed_total", "failed"))],
        "cps"),
    timeseries("Flows lost, by reason", by_reason("flows_failed_total"), "cps", noValue="none"),
    timeseries("Flows waiting", gauge("flows_waiting"), "short",
               description="Growing steadily: what they go to is too slow."),
    timeseries("Worth knowing, by reason", by_reason("notes_total"), "cps", noValue="nothing",
               description="Nothing that is counted here was lost; docs/metrics.md."),
]

DELIVERING = [
    timeseries("From collectors to enrichers", [
        prometheus(rate("flows_delivered_total", '{job="collector"}'), "into the stream"),
        prometheus(rate("flows_made_total", '{job="enricher"}'), "out of it")], "cps",
        description="Out below in for long: enrichers or ClickHouse are too slow."),
    timeseries("Messages that the stream holds for enrichers", [
        prometheus(f"max({metric('source_behind_messages')})", "to be given"),
        prometheus(f"max({metric('source_unacknowledged_messages')})", "given, not acknowledged")],
        "short", description="What is to be given grows: enrichers or ClickHouse are too slow."),
    timeseries("Rows of ClickHouse", prometheus(
        f"sum by (result) (rate({metric('clickhouse_rows_total')}[$__rate_interval]))",
        "{{result}}"), "cps", description="present: a flow came again, and was there already."),
    timeseries("Time of an insert", prometheus(
        f"sum by (instance) (rate({metric('clickhouse_insert_seconds_sum')}[$__rate_interval])) / "
        f"sum by (instance) (rate({metric('clickhouse_insert_seconds_count')}[$__rate_interval]))",
        "{{instance}}"), "s"),
    timeseries("Inserts of ClickHouse", prometheus(
        f"sum by (attempt) (rate({metric('clickhouse_inserts_total')}[$__rate_interval]))",
        "{{attempt}}"), "ops", description="again: the outcome of the first one was not known."),
]

RECEIVING = [
    timeseries("Datagrams received", by_instance("datagrams_received_total"), "pps"),
    timeseries("Bytes received", by_instance("received_bytes_total"), "Bps"),
    timeseries("Datagrams lost by the kernel, by worker",
               prometheus(f"sum by (instance, worker) (rate({metric('kernel_drops_total')}"
                          "[$__rate_interval]))", "{{instance}} worker {{worker}}"), "pps"),
    timeseries("Datagrams refused, by reason", by_reason("datagrams_refused_total"), "pps",
               noValue="none"),
    timeseries("Sets and samples dropped, by reason", by_reason("units_dropped_total"), "cps",
               noValue="none"),
    timeseries("Sets that wait for their template", gauge("units_held"), "short"),
]

EXPORTER_COLUMNS = (
    ("Flows a second", "cps", f"sum by (exporter, protocol, domain) "
     f"(rate({metric('exporter_flows_total', OF_EXPORTER)}[5m]))"),
    ("Last seen", "s", f"time() - max by (exporter, protocol, domain) "
     f"({metric('exporter_last_seen_timestamp_seconds', OF_EXPORTER)})"),
    ("Lost on the way", "short", f"sum by (exporter, protocol, domain) "
     f"({metric('exporter_lost', OF_EXPORTER)})"),
    ("Sampling", "short", f"max by (exporter, protocol, domain) "
     f"({metric('exporter_sampling_rate', OF_EXPORTER)})"),
    ("Clock ahead", "s", f"max by (exporter, protocol, domain) "
     f"({metric('exporter_clock_ahead_seconds', OF_EXPORTER)})"),
    ("Sets held", "short", f"sum by (exporter, protocol, domain) "
     f"({metric('exporter_sets_held', OF_EXPORTER)})"),
    ("Dropped", "short", f"sum by (exporter, protocol, domain) "
     f"({metric('exporter_units_dropped_total', OF_EXPORTER)})"),
    ("Restarts", "short", f"sum by (exporter, protocol, domain) "
     f"({metric('exporter_resets_total', OF_EXPORTER)})"),
)
LETTERS = "ABCDEFGHIJKLMNOP"

EXPORTERS = [
    table("Exporters", [prometheus(expression, instant=True)
                        for _, _, expression in EXPORTER_COLUMNS],
          {name: unit for name, unit, _ in EXPORTER_COLUMNS},
          description="Sampling 0: unknown. Lost and dropped: since the exporter was first seen.",
          transformations=[
              {"id": "merge", "options": {}},
              {"id": "organize", "options": {
                  "excludeByName": {"Time": True}, "indexByName": {},
                  "renameByName": {"exporter": "Exporter", "protocol": "Protocol",
                                   "domain": "Domain",
                                   **{f"Value #{LETTERS[i]}": name for i, (name, _, _)
                                      in enumerate(EXPORTER_COLUMNS)}}}}],
          overrides=[column("Last seen", thresholds={"mode": "absolute", "steps": [
              {"value": None, "color": "green"}, {"value": 300, "color": "red"}]},
              **{"custom.cellOptions": {"type": "color-text"}})]),
    timeseries("Flows by exporter, the twenty largest", prometheus(
        f"topk(20, sum by (exporter, protocol) "
        f"(rate({metric('exporter_flows_total', OF_EXPORTER)}[$__rate_interval])))",
        "{{exporter}} {{protocol}}"), "cps"),
    timeseries("Lost on the way, by exporter", prometheus(
        f"sum by (exporter, protocol) (delta({metric('exporter_lost', OF_EXPORTER)}"
        "[$__rate_interval])) > 0", "{{exporter}} {{protocol}}"), "short", noValue="none",
        description="Gaps in sequence numbers: datagrams, of NetFlow v5 and IPFIX records."),
]

PROGRAMS = [
    timeseries("Processor time", prometheus(
        f"rate(process_cpu_seconds_total{HERE}[$__rate_interval])", "{{job}} {{instance}}"),
        "percentunit", description="100%: one core."),
    timeseries("Memory", prometheus(f"process_resident_memory_bytes{HERE}",
                                    "{{job}} {{instance}}"), "bytes"),
    stat("Networks in the context", prometheus(f"max({metric('context_networks')})"), "short",
         width=6),
    stat("Age of the databases", prometheus(
        f"time() - min by (database) ({metric('database_build_timestamp_seconds')})",
        "{{database}}"), "s", width=6, thresholds=((60 * 86400, "red"),)),
    stat("Reloads", prometheus(in_range("reloads_total")), "short", width=6, decimals=0),
    stat("Reloads failed", prometheus(in_range("reloads_failed_total")), "short", width=6,
         decimals=0, thresholds=RED_ABOVE_ZERO,
         description="The old context and databases stay in use; the log says what is wrong."),
]

DASHBOARD = dashboard(
    "flows-operations", "Flows: operations",
    "Whether collectors and enrichers are well, and what was lost where.",
    [row("Is anything lost?"), *LOST, row("The books"), *BOOKS, row("Delivering"), *DELIVERING,
     row("Receiving"), *RECEIVING, row("Exporters"), *EXPORTERS, row("Programs"), *PROGRAMS],
    [variable("instance", "Program", "label_values(goflow2plus_output_up, instance)", OPERATIONS),
     variable("exporter", "Exporter", "label_values(goflow2plus_exporter_flows_total, exporter)",
              OPERATIONS)],
    refresh="30s")
