#!/usr/bin/env python3
"""A loss shows while it happens where an operator looks: in the log, -status, /__health and
/metrics. Each test makes one happen for real, and asks all four."""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import flow, nats, nats_case, netflow, page, process  # noqa: E402

RECORDS = netflow.RECORDS_MAX_V5
RING = "-transport.file.buffer=5MiB"
BIN = ("-format=bin", "-transport.file.sep=")


def send(port, *payloads, source="127.0.0.1"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind((source, 0))
        for payload in payloads:
            out.sendto(payload, ("127.0.0.1", port))


def flood(port, datagrams=4000):
    """Much more than ring, pipe and receive buffer hold."""
    send(port, *(netflow.v5(n * RECORDS, ["10.0.0.1"] * RECORDS) for n in range(datagrams)))


class Daemon:
    """What an operator sees of a daemon that serves HTTP."""

    def __init__(self, program, binary):
        self.program = program
        self.binary = binary
        self.port = page.http_port(program)

    def health(self):
        return page.get(self.port, "/__health")[:2]

    def status(self):
        """As -status prints it."""
        code, output, log = process.run([self.binary, "-status", f"-addr=127.0.0.1:{self.port}"])
        assert code == 0, log
        return output.decode()

    def page(self):
        return json.loads(page.get(self.port, "/status")[1])

    def losses(self):
        return {loss["reason"]: loss for loss in self.page()["losses"]}

    def metric(self, name, **labels):
        return page.metrics(self.port).get(name, {}).get(tuple(sorted(labels.items())))

    def wait_for_loss(self, reason):
        process.wait_until(lambda: self.losses().get(reason, {}).get("current"),
                           f"{reason} to be seen")

    def ask_health(self):
        """As -health does: exit status and what it prints."""
        code, _, log = process.run([self.binary, "-health", f"-addr=127.0.0.1:{self.port}"])
        return code, log

    def warnings(self, text):
        return [line for line in self.program.log().splitlines()
                if "level=WARN" in line and text in line]


class LossTest(unittest.TestCase):
    def assert_seen(self, daemon, reason, health, status=r"\d+ \w+ lost since "):
        """In all four places, with how many, since when, why and what to do."""
        daemon.wait_for_loss(reason)
        loss = daemon.losses()[reason]
        code, text = daemon.health()
        self.assertEqual((code, text.split(":")[0]), health)
        printed = daemon.status()
        self.assertIn("LOST NOW\n", printed)
        self.assertRegex(printed, rf"(?m)^  {reason}: {status}")
        warnings = daemon.warnings(f"reason={reason} ")
        self.assertEqual(len(warnings), 1, daemon.program.log())
        self.assertRegex(warnings[0], r" count=[1-9]\d* since=\d{4}-\S+Z why=.* do=")
        self.assertGreater(loss["count"], 0)
        self.assertEqual(daemon.metric("goflow2plus_loss_current", reason=reason), 1)
        self.assertGreater(daemon.metric("goflow2plus_loss_first_timestamp_seconds",
                                         reason=reason), 0)
        self.assertGreaterEqual(
            daemon.metric("goflow2plus_loss_last_timestamp_seconds", reason=reason),
            daemon.metric("goflow2plus_loss_first_timestamp_seconds", reason=reason))
        return loss

    def assert_down(self, daemon, state, detail):
        """A state with its cause."""
        daemon.wait_for_loss(state)
        code, text = daemon.health()
        self.assertEqual(code, 503)
        self.assertIn(state, text)
        self.assertIn(detail, text)
        printed = daemon.status()
        self.assertRegex(printed, rf"(?m)^  {state}: since ")
        self.assertIn(detail, printed)
        self.assertEqual(len(daemon.warnings(f"state={state} ")), 1, daemon.program.log())

    def collector(self, *arguments, **more):
        program = process.Collector("-addr=127.0.0.1:0", *arguments, **more).__enter__()
        self.addCleanup(program.__exit__, None)
        return program, Daemon(program, process.COLLECTOR)

    def pipe(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        return reader, writer

    def test_the_advice_names_flags_that_there_are(self):
        with open(os.path.join(os.path.dirname(TESTS), "common", "base", "loss.def"),
                  encoding="utf-8") as file:
            named = set(re.findall(r"(?<![\w-])-([a-z][a-z.]+[a-z])", file.read()))
        self.assertIn("transport.file.buffer", named)
        known = {flag for binary in (process.COLLECTOR, process.ENRICHER)
                 for flag in re.findall(r"(?m)^ +-([a-z.]+)", process.run([binary, "-h"])[2])}
        self.assertEqual(named - known, set())

    def test_nothing_is_lost(self):
        program, daemon = self.collector()
        send(program.port, netflow.v5(0, ["10.0.0.1"] * RECORDS))
        process.wait_until(lambda: daemon.metric("goflow2plus_flows_delivered_total") == RECORDS,
                           "flows")
        self.assertEqual(daemon.health(), (200, "OK\n"))
        self.assertIn("nothing is lost now, and nothing was since the start", daemon.status())
        self.assertEqual(daemon.ask_health(), (0, ""))
        self.assertEqual(daemon.losses(), {})
        self.assertEqual(daemon.warnings(""), [])
        self.assertIsNone(daemon.metric("goflow2plus_loss_last_timestamp_seconds",
                                        reason="output_blocked"))

    def test_the_reader_of_the_output_stands_still(self):
        reader, writer = self.pipe()
        program, daemon = self.collector(RING, stdout=writer)
        while not daemon.losses().get("output_blocked"):
            flood(program.port, 500)
        self.assert_down(daemon, "output_down", "the reader of stdout has taken nothing for")
        self.assert_seen(daemon, "output_blocked", (503, "Not OK"))
        self.assertEqual(daemon.metric("goflow2plus_output_up"), 0)
        self.assertRegex(daemon.status(), r"(?m)^output  file DOWN, .* [1-9]\d* waiting, "
                                          r"[1-9]\d* failed .* buffer 5\.0 MiB of 5\.0 MiB$")
        # The reader goes on: that is said, and what was lost remains to be seen for a minute.
        with open(reader, "rb", closefd=False) as pipe:
            process.wait_until(lambda: pipe.read1() and "over: the output takes nothing" in
                               program.log(), "the end to be logged")
        self.assertEqual(daemon.metric("goflow2plus_output_up"), 1)
        self.assertEqual(daemon.health()[0], 200)
        self.assertRegex(daemon.health()[1], "^degraded: .*output_blocked")

    def test_a_collector_that_waits_for_its_reader(self):
        """With blocking=true no flow is lost behind the socket, and it is not well all the same."""
        _, writer = self.pipe()
        program, daemon = self.collector(RING, query="?blocking=true", stdout=writer)
        flood(program.port)
        self.assert_down(daemon, "output_down", "the reader of stdout has taken nothing for")
        self.assertNotIn("output_blocked", daemon.losses())
        code, said = daemon.ask_health()
        self.assertEqual(code, 1)
        self.assertIn("503: Not OK: output_down", said)

    def test_the_kernel_drops_datagrams(self):
        program, daemon = self.collector(query="?rcvbuf=4096")
        program.send(signal.SIGSTOP)
        flood(program.port, 1000)
        program.send(signal.SIGCONT)
        loss = self.assert_seen(daemon, "kernel_drops", (200, "degraded"))
        self.assertEqual(loss["detail"], f"flow://127.0.0.1:{program.port}")
        self.assertRegex(daemon.status(), rf"(?m)^input   flow://127\.0\.0\.1:{program.port} up, "
                                          rf".* {loss['total']} dropped by the kernel, 0 refused")
        code, said = daemon.ask_health()
        self.assertEqual(code, 0)
        self.assertIn("200: degraded: kernel_drops", said)
        self.assertEqual(daemon.metric("goflow2plus_kernel_drops_total", worker="0"),
                         loss["total"])

    def test_the_disk_is_full(self):
        """What has been written is more than the file may hold: as a full disk, without one."""
        path = self.id() + ".json"
        self.addCleanup(os.remove, path)
        with process.Collector("-addr=127.0.0.1:0", RING, "-transport.file", path) as program:
            resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (65536, 65536))
            daemon = Daemon(program, process.COLLECTOR)
            while not daemon.losses().get("output_failed"):
                flood(program.port, 500)
            self.assert_down(daemon, "output_down", "File too large")
            self.assert_seen(daemon, "output_failed", (503, "Not OK"))

    def test_datagrams_of_no_protocol(self):
        """Any stranger can send them: /__health does not change."""
        program, daemon = self.collector()
        send(program.port, b"<34>Oct 11 22:14:15 router su: failed")
        self.assert_seen(daemon, "protocol_unknown", (200, "OK\n"), "1 datagrams refused since ")
        self.assertRegex(daemon.status(), r"(?m)^input   .* 1 refused")

    def test_senders_that_are_no_exporters_are_named(self):
        sflow_port = nats.free_port(socket.SOCK_DGRAM)
        program, daemon = self.collector("-allow=127.0.0.0/8", scheme="netflow",
                                         query=f",sflow://127.0.0.1:{sflow_port}")
        v9 = netflow.v9(1, 7, netflow.v9_template(256, [(netflow.SRC_ADDR, 4)]))
        send(sflow_port, *[v9] * 30)
        send(program.port, bytes((0, 0, 0, 5)) + bytes(24), source="127.0.0.2")
        send(program.port, b"<34>Oct 11 22:14:15 router su: failed", source="127.0.0.3")
        send(program.port, bytes((0, 99)) + bytes(70), source="127.0.0.4")
        send(program.port, v9[:10], source="127.0.0.5")
        wanted = [
            f"127.0.0.1: 30 datagrams of NetFlow v9 at sflow port {sflow_port}: "
            f"send them to port {program.port}",
            f"127.0.0.2: 1 datagram of sFlow v5 at netflow port {program.port}: "
            f"send them to port {sflow_port}",
            f"127.0.0.3: 1 datagram of syslog at netflow port {program.port}: "
            "not flows: send elsewhere",
            f"127.0.0.4: 1 datagram of no known protocol at netflow port {program.port}: "
            "not flows: send elsewhere",
            f"127.0.0.5: 1 datagram of NetFlow v9 at netflow port {program.port}: "
            "cut short or malformed"]
        process.wait_until(lambda: all(line in daemon.status() for line in wanted), "all of them")
        self.assertIn("\nSENDERS REFUSED, the latest first\n", daemon.status())
        refused = {one["sender"]: one for one in daemon.page()["senders_refused"]}
        self.assertEqual(
            {key: refused["127.0.0.1"][key] for key in ("sends", "scheme", "port", "datagrams",
                                                        "why", "do")},
            {"sends": "NetFlow v9", "scheme": "sflow", "port": sflow_port, "datagrams": 30,
             "why": "protocol not taken here", "do": f"send them to port {program.port}"})
        daemon.wait_for_loss("header_short")
        warned = daemon.warnings("reason=protocol_unknown ") + daemon.warnings("header_short ")
        self.assertEqual(len(warned), 2, program.log())
        self.assertTrue(any(line in warned[0] for line in wanted), program.log())
        self.assertIn(wanted[4], warned[1])
        self.assertEqual(daemon.health(), (200, "OK\n"))

    def test_new_exporters_are_told_of(self):
        program, _ = self.collector("-loglevel=debug")
        send(program.port, netflow.v9(1, 7, netflow.v9_template(256, [(netflow.SRC_ADDR, 4)])))
        program.wait_for_log("exporter is new")
        self.assertRegex(program.log(), r'level=INFO msg="exporter is new" exporter=127\.0\.0\.1 '
                                        r'port=\d+ protocol="NetFlow v9" domain=7 templates=1')
        send(program.port, netflow.v9(2, 7, netflow.v9_template(257, [(netflow.SRC_ADDR, 4)])))
        program.wait_for_log("exporter has more templates")

    def test_senders_that_are_not_allowed_are_named(self):
        program, daemon = self.collector("-allow=192.0.2.0/24")
        send(program.port, netflow.v5(0, ["10.0.0.1"]))
        self.assert_seen(daemon, "source_refused", (200, "OK\n"), "1 datagrams refused since ")
        line = (f"127.0.0.1: 1 datagram of NetFlow v5 at flow port {program.port}: "
                "-allow does not name the sender")
        self.assertIn(line, daemon.status())
        self.assertIn(line, daemon.warnings("reason=source_refused ")[0])

    def test_the_enrichers_reader_stands_still(self):
        _, writer = self.pipe()
        with process.Process([process.ENRICHER, "-addr=127.0.0.1:0", RING, *BIN],
                             stdin=subprocess.PIPE, stdout=writer) as program:
            daemon = Daemon(program, process.ENRICHER)
            self.assertRegex(daemon.status(), r"(?m)^input   stdin, 0\.0 flows/s$")
            frames = flow.join_frames([b"\x08\x01" + bytes([0x32, 100]) + bytes(100)] * 100000)
            os.set_blocking(program.process.stdin.fileno(), False)
            while not daemon.losses().get("output_down"):
                try:
                    frames = frames[os.write(program.process.stdin.fileno(), frames):]
                except BlockingIOError:
                    pass
            self.assert_down(daemon, "output_down", "the reader of stdout has taken nothing for")


class NatsTest(nats_case.NatsCase, LossTest):
    def test_the_spool_is_full(self):
        server = self.server()
        spool = self.path("spool")
        collector = self.collector_of(server, "-transport.nats.spool", spool,
                                      "-transport.nats.spool.bytes=1MiB", window=1)
        daemon = Daemon(collector, process.COLLECTOR)
        self.sender.send(collector.port, 30)
        self.wait_stored(server, "goflow2", self.sender.sent)
        server.kill()
        while not daemon.losses().get("spool_full"):
            self.sender.send(collector.port, 3000)
        self.assert_down(daemon, "output_down", f"127.0.0.1:{server.port}")
        self.assert_seen(daemon, "spool_full", (503, "Not OK"))
        self.assertRegex(daemon.status(), r"(?m)^output  nats DOWN, .* spool .* of 1\.0 MiB$")
        self.assertEqual(daemon.metric("goflow2plus_spool_limit_bytes"), 1 << 20)
        self.assertGreater(daemon.metric("goflow2plus_spool_bytes"), 1 << 18)

    def collector_of(self, server, *arguments, **named):
        return self.start(process.Collector(
            "-addr=127.0.0.1:0", *nats_case.output(server, *arguments, **named)))

    def test_the_source_is_gone(self):
        server = self.server()
        enricher = self.start(process.Process(
            [process.ENRICHER, "-addr=127.0.0.1:0", "-source=nats", "-source.nats.servers",
             server.url, "-format=json"]))
        daemon = Daemon(enricher, process.ENRICHER)
        self.assert_down(daemon, "source_down", "")  # there is no stream yet
        self.assertRegex(daemon.status(), r"(?m)^input   nats DOWN, ")


# The cases of the base are its own.
for name in [name for name in dir(LossTest) if name.startswith("test_")]:
    setattr(NatsTest, name, None)


if __name__ == "__main__":
    unittest.main()
