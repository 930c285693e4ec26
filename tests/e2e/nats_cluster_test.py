#!/usr/bin/env python3
"""Three servers, two collectors, two enrichers; what dies at work is started again, a connection is
cut, the context changes.

Every flow must be in the enriched stream exactly once. NATS_TEST_FLOWS says how many there are
(a million unless given).
"""

import base64
import collections
import os
import signal
import sys
import tempfile
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import nats, nats_case, process, proxy  # noqa: E402

FLOWS = int(os.environ.get("NATS_TEST_FLOWS", "1000000"))
ROUNDS = 100
ANSWER_SECONDS = 2  # a cluster without a leader answers nothing: ask again
PAUSE_SECONDS = 0.02  # between rounds, so that the sockets lose nothing


def cluster():
    routes = [nats.free_port() for _ in range(3)]
    return [nats.Server(f"""server_name: n{i}
        cluster {{ name: c, no_advertise: true, listen: "127.0.0.1:{routes[i]}",
                   routes: [{", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)}] }}""")
            for i in range(3)]


@unittest.skipIf(nats.missing(), "no nats-server")
class ClusterTest(unittest.TestCase):
    def setUp(self):
        self.servers = cluster()
        for server in self.servers:
            server.start()
            self.addCleanup(server.__exit__)
        self.url = ",".join(server.url for server in self.servers)
        self.wires = [self.start(proxy.Proxy(server.port)) for server in self.servers]
        self.scratch = tempfile.TemporaryDirectory(prefix="nats-cluster-")
        self.addCleanup(self.scratch.cleanup)
        self.context = os.path.join(self.scratch.name, "context.yaml")
        self.write_context("before")

    def write_context(self, value):
        with open(self.context, "w", encoding="utf-8") as file:
            file.write(f"networks: [{{name: all, cidr: 10.0.0.0/8, context: {{t: {value}}}}}]\n")

    def start(self, made):
        made.__enter__()
        self.addCleanup(made.__exit__, None)
        return made

    def output(self, url=None):
        return ("-format=bin", "-transport=nats", "-transport.nats.servers", url or self.url,
                "-transport.nats.replicas=3")

    def collector(self, number, url=None):
        spool = os.path.join(self.scratch.name, f"spool{number}")
        return self.start(process.Collector(*self.output(url), "-transport.nats.spool", spool,
                                            "-drain=20s"))

    def enricher(self):
        return self.start(process.Process(
            [process.ENRICHER, "-source=nats", "-source.nats.servers", self.url,
             "-source.nats.ack-wait=5s", "-context.config", self.context, *self.output()]))

    def alive(self):
        return next(server for server in self.servers if server.process.poll() is None)

    def leader(self, stream):
        with nats.Client(self.alive()) as client:
            name = client.api(f"STREAM.INFO.{stream}")["cluster"]["leader"]
        return self.servers[int(name[1:])]

    def stored(self, stream):
        with nats.Client(self.alive()) as client:
            return collections.Counter(
                number for message in client.messages(stream)
                for number in nats_case.ids_of(base64.b64decode(message["data"])))

    def count(self, stream):
        try:
            with nats.Client(self.alive(), seconds=ANSWER_SECONDS) as client:
                return client.count(stream)
        except (AssertionError, OSError):
            return 0  # a leader is being elected

    def acknowledged(self):
        """Whether the enrichers have answered every message of their input."""
        try:
            with nats.Client(self.alive(), seconds=ANSWER_SECONDS) as client:
                info = client.api("CONSUMER.INFO.goflow2.enricher")
                return (info["num_pending"], info["num_ack_pending"]) == (0, 0)
        except (AssertionError, OSError, KeyError):
            return False

    def disturb(self, turn, enrichers):
        if turn == ROUNDS // 6:
            self.died = self.leader("goflow2")
            self.died.kill()
        elif turn == 2 * ROUNDS // 6:
            enrichers[0].send(signal.SIGKILL)
            enrichers[0].wait()
            self.write_context("something-longer-than-before")
            enrichers[1].send(signal.SIGHUP)
        elif turn == 3 * ROUNDS // 6:
            self.assertEqual(sum(wire.cut() for wire in self.wires), 1)
        elif turn == 4 * ROUNDS // 6:
            self.died.start()
            enrichers[0] = self.enricher()

    def test_each_flow_once_whatever_dies(self):
        collectors = [self.collector(0, ",".join(wire.url for wire in self.wires)),
                      self.collector(1)]
        enrichers = [self.enricher() for _ in range(2)]
        for one in (*collectors, *enrichers):
            one.wait_for_log("NATS connected")
        process.wait_until(lambda: self.count("goflow2") == 0 and
                           any("stream made" in c.log() for c in collectors), "the stream")
        sender = nats_case.Sender()
        for turn in range(ROUNDS):
            for collector in collectors:
                sender.send(collector.port, FLOWS // ROUNDS // 2)
            self.disturb(turn, enrichers)
            time.sleep(PAUSE_SECONDS)
        collectors[0].wait_for_log("NATS connection lost")
        for collector in collectors:
            self.assertEqual(collector.stop(), 0)
        books = [collector.ledger()["flows"] for collector in collectors]
        kernel = [collector.ledger()["kernel"]["dropped"] for collector in collectors]
        self.assertEqual(kernel, [0, 0], "paced too fast for this machine")
        self.assertEqual([b["failed"] + b["waiting"] for b in books], [0, 0])
        process.wait_until(self.acknowledged, "all to be enriched")
        wanted = collections.Counter(sender.sent)
        for stream in ("goflow2", "goflow2-enriched"):
            with self.subTest(stream):
                found = self.stored(stream)
                self.assertEqual(sum((wanted - found).values()), 0, "flows are missing")
                self.assertEqual(sum((found - wanted).values()), 0, "flows came twice")


if __name__ == "__main__":
    unittest.main()
