#!/usr/bin/env python3
"""What operators ask of a running collector and enricher: pages over HTTP, -status, -allow,
-limit.flows, -sampling.default, the alarm of changed templates."""

import json
import os
import re
import signal
import socket
import sys
import tempfile
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import flow, netflow, process, promtool  # noqa: E402
from support.page import get, http_port, metrics  # noqa: E402

TEMPLATE = netflow.v9_template(256, [(netflow.SRC_ADDR, 4), (netflow.IN_BYTES, 4)])
OTHER_LAYOUT = netflow.v9_template(256, [(netflow.SRC_ADDR, 4), (netflow.DST_ADDR, 4),
                                         (netflow.IN_BYTES, 4)])
DOMAIN = 7
ENRICHMENT = (("what", "enrichment"),)
# goflow2's metrics, but for flow_dropped_bytes_total, which the kernel does not tell.
UPSTREAM = {
    "flow_dropped_packets_total", "flow_traffic_bytes_total", "flow_traffic_packets_total",
    "flow_traffic_size_bytes", "flow_decoding_time_seconds", "flow_decoder_error_total",
    "flow_process_nf_errors_total", "flow_process_nf_total", "flow_process_nf_flowset_total",
    "flow_process_nf_flowset_records_total", "flow_process_nf_delay_seconds",
    "flow_process_nf_templates_total", "flow_process_nf_template_added_timestamp_seconds",
    "flow_process_nf_template_updated_timestamp_seconds",
    "flow_process_nf_template_accessed_timestamp_seconds", "flow_process_sf_total",
    "flow_process_sf_samples_total", "flow_process_sf_samples_records_total",
}


def data(address="10.0.0.1", octets=1500):
    number = int.from_bytes(socket.inet_aton(address), "big")
    return netflow.v9_data(256, (number, 4), (octets, 4))


def check_metrics(test, port):
    if not promtool.THERE:
        process.left_out("promtool check metrics", "prometheus is not installed")
        return
    check = promtool.run("check", "metrics", text=get(port, "/metrics")[1])
    test.assertEqual((check.returncode, check.stdout), (0, ""))


def send(port, *payloads, source="127.0.0.1"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind((source, 0))
        for payload in payloads:
            out.sendto(payload, ("127.0.0.1", port))
        return out.getsockname()[1]


class Collector(process.Collector):
    """One that serves HTTP on a free port."""

    def __init__(self, *arguments, **more):
        super().__init__("-addr=127.0.0.1:0", *arguments, **more)
        self.http = http_port(self)

    def exporters(self):
        return json.loads(get(self.http, "/exporters")[1])

    def wait_for_datagrams(self, count):
        process.wait_until(
            lambda: metrics(self.http)["goflow2plus_datagrams_received_total"][()] >= count,
            f"{count} datagrams")


class PageTest(unittest.TestCase):
    def test_pages(self):
        with Collector() as collector:
            self.assertEqual(get(collector.http, "/__health"),
                             (200, "OK\n", "text/plain; charset=utf-8"))
            self.assertEqual(get(collector.http, "/nothing")[:2], (404, "404 page not found\n"))
            self.assertEqual(get(collector.http, "/metrics", "POST")[0], 405)
            self.assertEqual(get(collector.http, "/templates"), (200, "{}", "application/json"))
            self.assertEqual(collector.exporters(), [])
            self.assertEqual(collector.stop(), 0, collector.log())

    def test_templates_elsewhere_or_nowhere(self):
        with Collector("-templates.path=/t") as collector:
            self.assertEqual(get(collector.http, "/t")[0], 200)
            self.assertEqual(get(collector.http, "/templates")[0], 404)
        with Collector("-templates.path=") as collector:
            self.assertEqual(get(collector.http, "/templates")[0], 404)
        with Collector(scheme="sflow") as collector:
            self.assertEqual(get(collector.http, "/templates")[:2], (404, "Not Found\n"))

    def test_templates_look_like_goflow2s(self):
        with Collector() as collector:
            port = send(collector.port, netflow.v9(1, DOMAIN, TEMPLATE),
                        netflow.ipfix(1, 9, netflow.ipfix_options(300, [34], [100])))
            collector.wait_for_datagrams(2)
            text = get(collector.http, "/templates")[1]
            field = {"pen-provided": False, "length": 4, "pen": 0}
            templates = {
                f"127.0.0.1:{port}": {
                    "10/9/300": {"template-id": 300, "field-count": 2, "scope-field-count": 1,
                                 "options": [{**field, "type": 34}],
                                 "scopes": [{**field, "type": 144}]},
                    f"9/{DOMAIN}/256": {"template-id": 256, "field-count": 2,
                                        "fields": [{**field, "type": 8}, {**field, "type": 1}]}}}
            self.assertEqual(json.loads(text), templates)
            # The order of members is goflow2's.
            ordered = json.dumps(json.loads(text), indent=2)
            self.assertEqual(text, ordered)
            self.assertLess(text.index("10/9/300"), text.index(f"9/{DOMAIN}/256"))
            self.assertLess(text.index('"pen-provided"'), text.index('"type"'))

    def test_a_dead_output_is_not_healthy(self):
        with Collector("-transport.file=/dev/full") as collector:
            send(collector.port, netflow.v5(1, ["10.0.0.1"]))
            process.wait_until(lambda: get(collector.http, "/__health")[0] == 503, "503")
            self.assertEqual(get(collector.http, "/__health")[1],
                             "Not OK: output_down (/dev/full: No space left on device)\n")
            status, _, log = process.run([process.COLLECTOR, "-health",
                                          f"-addr=127.0.0.1:{collector.http}"])
            self.assertEqual((status, "503" in log), (1, True))
            self.assertEqual(metrics(collector.http)["goflow2plus_output_up"][()], 0)

    def test_a_stopped_reader_does_not_silence_the_pages(self):
        reader, writer = os.pipe()
        try:
            with Collector("-transport.file.buffer=5MiB", query="?blocking=true",
                           stdout=writer) as collector:
                for n in range(400):
                    send(collector.port, netflow.v5(n, ["10.0.0.1"] * 30))
                process.wait_until(lambda: metrics(collector.http)["goflow2plus_flows_waiting"][()],
                                   "flows to wait")
                self.assertEqual(len(collector.exporters()), 1)
                os.close(reader)
                reader = None
                self.assertEqual(collector.wait(), 1)
        finally:
            os.close(writer)
            if reader is not None:
                os.close(reader)


class MetricsTest(unittest.TestCase):
    def setUp(self):
        self.collector = Collector().__enter__()
        self.addCleanup(self.collector.__exit__, None)
        send(self.collector.port, netflow.v9(1, DOMAIN, TEMPLATE, data()), b"\xde\xad\xbe\xef",
             netflow.v9(2, DOMAIN, data(), data("10.0.0.2")),
             netflow.v9(2, DOMAIN, netflow.v9_data(999, (1, 4))))
        send(self.collector.port, netflow.v5(1, ["10.0.0.1"] * 3), source="127.0.0.2")
        self.collector.wait_for_datagrams(5)

    def test_names_and_types_are_goflow2s(self):
        page = get(self.collector.http, "/metrics")
        self.assertEqual(page[2], "text/plain; version=0.0.4; charset=utf-8")
        types = dict(re.findall(r"^# TYPE goflow2_(\w+) (\w+)$", page[1], re.MULTILINE))
        self.assertEqual(set(types), UPSTREAM)
        self.assertEqual({name for name, kind in types.items() if kind == "summary"},
                         {"flow_traffic_size_bytes", "flow_decoding_time_seconds",
                          "flow_process_nf_delay_seconds"})
        self.assertEqual({name for name, kind in types.items() if kind == "gauge"},
                         {name for name in UPSTREAM if "timestamp" in name})

    def test_values(self):
        values = metrics(self.collector.http)
        port = str(self.collector.port)

        def traffic(router):
            return (("local_ip", "127.0.0.1"), ("local_port", port), ("remote_ip", router),
                    ("type", "flow"))

        self.assertEqual(values["goflow2_flow_traffic_packets_total"],
                         {traffic("127.0.0.1"): 4, traffic("127.0.0.2"): 1})
        self.assertEqual(values["goflow2_flow_traffic_size_bytes_count"][traffic("127.0.0.1")], 4)
        self.assertEqual(values["goflow2_flow_decoder_error_total"],
                         {(("name", "flow"), ("router", "127.0.0.1")): 1})
        self.assertEqual(values["goflow2_flow_process_nf_total"],
                         {(("router", "127.0.0.1"), ("version", "9")): 3,
                          (("router", "127.0.0.2"), ("version", "5")): 1})
        self.assertEqual(values["goflow2_flow_process_nf_errors_total"],
                         {(("error", "template_not_found"), ("router", "127.0.0.1")): 1})
        self.assertEqual(values["goflow2_flow_process_nf_flowset_total"],
                         {(("router", "127.0.0.1"), ("type", "DataFlowSet"), ("version", "9")): 3,
                          (("router", "127.0.0.1"), ("type", "TemplateFlowSet"),
                           ("version", "9")): 1,
                          (("router", "127.0.0.2"), ("type", "DataFlowSet"), ("version", "5")): 3})
        self.assertEqual(sum(values["goflow2_flow_process_nf_templates_total"].values()), 1)
        self.assertEqual(sum(values["goflow2_flow_decoding_time_seconds_count"].values()), 5)

    def test_the_ledger_is_there_and_balances(self):
        values = metrics(self.collector.http)

        def total(name):
            return sum(values[f"goflow2plus_{name}"].values())

        self.assertEqual(total("datagrams_received_total"),
                         total("datagrams_parsed_total") + total("datagrams_refused_total"))
        self.assertEqual(total("units_received_total"),
                         total("units_decoded_total") + total("units_held") +
                         total("units_dropped_total"))
        self.assertEqual(total("flows_made_total"),
                         total("flows_delivered_total") + total("flows_filtered_total") +
                         total("flows_waiting") + total("flows_failed_total"))
        self.assertEqual(total("flows_made_total"), 6)
        self.assertEqual(total("units_held"), 1)

    def test_promtool_accepts_them(self):
        check_metrics(self, self.collector.http)

    def test_health_is_the_exit_code(self):
        asked = [process.COLLECTOR, "-health", f"-addr=127.0.0.1:{self.collector.http}"]
        self.assertEqual(process.run(asked), (0, b"", ""))
        self.collector.stop()
        status, output, log = process.run(asked)
        self.assertEqual((status, output), (1, b""))
        self.assertIn("Connection refused", log)

    def test_status_prints_the_exporters(self):
        process.wait_until(lambda: "protocol_unknown" in get(self.collector.http, "/status")[1],
                           "the look of that second")
        status, output, _ = process.run([process.COLLECTOR, "-status",
                                         f"-addr=127.0.0.1:{self.collector.http}"])
        self.assertEqual(status, 0)
        above, lines = output.decode().split("\n\n")
        lines = lines.splitlines()
        self.assertRegex(above, r"^goflow2plus \d")
        self.assertRegex(above, rf"(?m)^input   flow://127\.0\.0\.1:{self.collector.port} up, .* "
                                r"0 dropped by the kernel, 1 refused since the start$")
        self.assertRegex(above, r"(?m)^total   [\d.]+ datagrams/s, [\d.]+ k?bit/s, [\d.]+ flows/s$")
        self.assertRegex(above, r"(?m)^output  file up, [\d.]+ flows/s delivered, 0 waiting, 0 failed")
        self.assertEqual(len(lines), 3)
        self.assertRegex(lines[0], "^EXPORTER .* VERDICT$")
        self.assertRegex(lines[1], r"^127\.0\.0\.1 +NetFlow v9 +7 ")
        self.assertIn("some data without template", lines[1])
        self.assertRegex(lines[2], r"^127\.0\.0\.2 +NetFlow v5 ")
        self.collector.stop()
        status, output, log = process.run([process.COLLECTOR, "-status",
                                           f"-addr=127.0.0.1:{self.collector.http}"])
        self.assertEqual((status, output), (1, b""))
        self.assertIn("no collector answers", log)


class ExporterTest(unittest.TestCase):
    def test_what_is_said_of_exporters(self):
        now = int(time.time())
        with Collector() as collector:
            send(collector.port, netflow.v9(1, DOMAIN, data(), data()))
            collector.wait_for_datagrams(1)
            one, = collector.exporters()
            self.assertEqual((one["exporter"], one["protocol"], one["domain"]),
                             ("127.0.0.1", "NetFlow v9", DOMAIN))
            self.assertEqual((one["datagrams"], one["flows"], one["held_sets"], one["templates"]),
                             (1, 0, 2, 0))
            self.assertRegex(one["verdict"], r"^data but no template for \d+ s \(.*\); clock \d+ d behind \(")
            self.assertEqual([fault["reason"] for fault in one["faults"]],
                             ["no_template", "clock"])
            self.assertIn("-templates.json.path", one["faults"][0]["cure"])
            # Of 1 to 19, 13 is lost, 15 comes twice, 14 late.
            sequence = [*range(1, 13), 15, 15, 14, *range(16, 20)]
            template = netflow.ipfix_template(256, [(8, 4), (1, 4), (34, 4), (9999, 4)])
            for number in sequence:
                record = netflow.ipfix_data(256, (1, 4), (1, 4), (50, 4), (0, 4))
                send(collector.port, netflow.ipfix(number, DOMAIN, template, record,
                                                   export_time=now), source="127.0.0.3")
            collector.wait_for_datagrams(1 + len(sequence))
            other = collector.exporters()[1]
            self.assertEqual((other["lost"], other["duplicates"], other["reordered"]), (1, 1, 1))
            self.assertEqual((other["sampling_rate"], other["sampling_source"]), (50, "record"))
            self.assertEqual((other["elements_unused"], other["templates"] >= 1), (1, True))
            self.assertEqual(other["elements_not_used"], [{"element": 9999, "enterprise": 0}])
            self.assertIn("losing", other["verdict"])
            self.assertNotIn("clock", other["verdict"])

    def test_a_changed_template_is_said_once(self):
        with Collector() as collector:
            for n in range(5):
                send(collector.port, *(netflow.v9(n, DOMAIN, layout)
                                       for layout in (TEMPLATE, OTHER_LAYOUT)))
            collector.wait_for_log("template changed")
            # Another exporter has an alarm of its own.
            send(collector.port, netflow.v9(1, 99, TEMPLATE), netflow.v9(2, 99, OTHER_LAYOUT))
            collector.wait_for_log("template changed", 2)
            self.assertEqual(collector.stop(), 0)
            self.assertEqual(collector.log().count("template changed"), 2)
            self.assertIn("exporter=127.0.0.1", collector.log())

    def test_alarms_are_muted(self):
        with Collector("-err.cnt=3", "-err.int=1h") as collector:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                out.connect(("127.0.0.1", collector.port))
                for n in range(10):
                    out.send(netflow.v9(1, n, TEMPLATE))
                    out.send(netflow.v9(2, n, OTHER_LAYOUT))
            collector.wait_for_log("muting")
            self.assertEqual(collector.log().count("template changed"), 3)


class SenderTest(unittest.TestCase):
    def test_only_those_allowed_are_taken(self):
        with Collector("-allow=127.0.0.2,192.0.2.0/24") as collector:
            send(collector.port, netflow.v5(1, ["10.0.0.1"]))
            send(collector.port, netflow.v5(1, ["10.0.0.2"]), source="127.0.0.2")
            collector.wait_for_datagrams(2)
            values = metrics(collector.http)
            self.assertEqual(len(collector.exporters()), 1)
            self.assertEqual(len(values["goflow2_flow_traffic_packets_total"]), 1)
            self.assertEqual(collector.stop(), 0)
            flows = flow.read_json_lines(collector.output().decode())
            self.assertEqual([f["src_addr"] for f in flows], ["10.0.0.2"])
            self.assertIn("reason=source_refused count=1", collector.log())

    def test_a_file_of_networks_is_read_again(self):
        with tempfile.NamedTemporaryFile("w", suffix=".list") as networks:
            networks.write("127.0.0.2 # the lab\n")
            networks.flush()
            with Collector(f"-allow=@{networks.name}") as collector:
                send(collector.port, netflow.v5(1, ["10.0.0.1"]))
                networks.write("300.0.0.0/8\n")
                networks.flush()
                collector.send(signal.SIGHUP)
                collector.wait_for_log(f"{networks.name}:2: got")
                networks.seek(0)
                networks.truncate()
                networks.write("127.0.0.0/24\n")
                networks.flush()
                collector.send(signal.SIGHUP)
                collector.wait_for_log("reloaded the allow-list")
                collector.wait_for_datagrams(1)
                send(collector.port, netflow.v5(1, ["10.0.0.2"]))
                collector.wait_for_datagrams(2)
                self.assertEqual(collector.stop(), 0)
                flows = flow.read_json_lines(collector.output().decode())
                self.assertEqual([f["src_addr"] for f in flows], ["10.0.0.2"])

    def test_a_bad_list_does_not_start(self):
        for text, exit_status, wanted in (("10.0.0.1/8", 2, "wanted 10.0.0.0/8"),
                                          ("@/nowhere", 1, "/nowhere: ")):
            status, _, log = process.run([process.COLLECTOR, "-listen=netflow://127.0.0.1:0",
                                          "-addr=", f"-allow={text}"])
            self.assertEqual(status, exit_status)
            self.assertIn(wanted, log)

    def test_the_limit_keeps_totals_right(self):
        count = 200
        with Collector("-limit.flows=100") as collector:
            for n in range(count):
                send(collector.port, netflow.v5(n * 10, ["10.0.0.1"] * 10))
            collector.wait_for_datagrams(count)
            # After a whole second without flows each is due, and stands for those left out before.
            time.sleep(2.1)
            send(collector.port, netflow.v5(count * 10, ["10.0.0.1"]))
            collector.wait_for_datagrams(count + 1)
            one, = collector.exporters()
            self.assertEqual(collector.stop(), 0)
            flows = flow.read_json_lines(collector.output().decode())
            ledger = collector.ledger()["flows"]
            self.assertGreater(one["flows_limited"], 0)
            self.assertEqual(ledger["made"], 10 * count + 1)
            self.assertEqual(ledger["made"], ledger["delivered"] + ledger["filtered"])
            self.assertEqual(len(flows), ledger["delivered"])
            self.assertEqual(sum(max(f["sampling_rate"], 1) for f in flows), 10 * count + 1)

    def test_rates_by_default(self):
        with Collector("-sampling.default=127.0.0.0/8=10,127.0.0.2=20") as collector:
            send(collector.port, netflow.v5(1, ["10.0.0.1"]))
            send(collector.port, netflow.v5(1, ["10.0.0.2"]), source="127.0.0.2")
            collector.wait_for_datagrams(2)
            self.assertEqual([(one["sampling_rate"], one["sampling_source"])
                              for one in collector.exporters()],
                             [(10, "default"), (20, "default")])


class EnricherTest(unittest.TestCase):
    def test_pages(self):
        reader, writer = os.pipe()
        with process.Process([process.ENRICHER, "-addr=127.0.0.1:0"], stdin=reader) as enricher:
            os.close(reader)
            port = http_port(enricher)
            self.assertEqual(get(port, "/__health")[:2], (200, "OK\n"))
            self.assertEqual(get(port, "/templates")[0], 404)
            self.assertEqual(process.run([process.ENRICHER, "-health",
                                          f"-addr=127.0.0.1:{port}"]), (0, b"", ""))
            os.write(writer, b"\x02\x08\x02" * 5)
            process.wait_until(
                lambda: metrics(port)["goflow2plus_flows_delivered_total"][()] == 5, "5 flows")
            enricher.send(signal.SIGHUP)
            process.wait_until(lambda: metrics(port)["goflow2plus_reloads_total"][ENRICHMENT] == 1,
                               "the reload")
            check_metrics(self, port)
            os.close(writer)
            self.assertEqual(enricher.wait(), 0, enricher.log())

    def test_no_server_unless_asked_for(self):
        status, _, log = process.run([process.ENRICHER])
        self.assertEqual(status, 0)
        self.assertNotIn("HTTP", log)


if __name__ == "__main__":
    unittest.main()
