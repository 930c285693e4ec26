#!/usr/bin/env python3
"""Flows of the shipped capture through the enricher's ClickHouse sink into the current engine: rows
are those of JSON, and no redelivery changes a sum, repeated or regrouped. The engine is npm's chdb
behind a small HTTP server, because Debian's clickhouse-server is of 2018. What the sink does with
each kind of trouble is tested in tests/e2e."""

import os
import signal
import sys
import tempfile
import threading
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from stack import shipped  # noqa: E402
from support import chdb, flow, nats, process  # noqa: E402

GRAINS = (("1m", 60), ("5m", 300), ("1h", shipped.HOUR))
MEMORY_LIMIT_EXCEEDED = 241
NEEDS_NATS = unittest.skipIf(nats.missing(), "no nats-server")


class WriterTest(unittest.TestCase):
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="writer-test-")
        cls.addClassCleanup(scratch.cleanup)
        cls.engine = chdb.Engine(os.path.join(scratch.name, "data"))
        cls.addClassCleanup(cls.engine.close)
        cls.capture = os.path.join(scratch.name, "repeated.pcap")
        shipped.repeat_capture(cls.capture, shipped.hour_of_interest())
        cls.frames = process.read_capture(cls.capture, "-format=bin", "-transport.file.sep=")
        cls.flows = flow.read_json_lines(shipped.enrich(cls.frames).decode())

    def setUp(self):
        self.engine.query("DROP DATABASE IF EXISTS flows")
        self.clickhouse = chdb.Server(self.engine)
        self.enterContext(self.clickhouse)
        status, _, log = process.run(
            [process.ENRICHER, "-clickhouse.migrate", "-clickhouse.url", self.clickhouse.url])
        self.assertEqual(status, 0, log)

    def arguments(self, *more):
        return [process.ENRICHER, *shipped.ENRICHMENT, "-transport=clickhouse",
                "-clickhouse.url", self.clickhouse.url, "-clickhouse.linger=50ms",
                "-clickhouse.timeout=1s", *more]

    def assert_once(self):
        """Every flow is there once, and so are the sums."""
        there = shipped.rows_in(self.engine, "flows.flows")
        wanted = shipped.count(map(shipped.row_of, self.flows))
        self.assertEqual((list(there - wanted)[:1], list(wanted - there)[:1]), ([], []))
        self.assertEqual(self.count(), len(self.flows))
        for grain, seconds in GRAINS:
            self.assertEqual(shipped.sums_in(self.engine, f"flows.flows_{grain}"),
                             shipped.sums_of(self.flows, seconds), grain)

    def count(self):
        with self.clickhouse.turn:
            return int(self.engine.query("SELECT count() FROM flows.flows"))

    def test_rows_are_what_json_says(self):
        for compression in ("none", "gzip", "lz4", "zstd"):
            with self.subTest(compression):
                self.engine.query("TRUNCATE TABLE flows.flows")
                for grain, _ in GRAINS:
                    self.engine.query(f"TRUNCATE TABLE flows.flows_{grain}")
                status, _, log = process.run(
                    self.arguments("-clickhouse.compression", compression), self.frames)
                self.assertEqual(status, 0, log)
                self.assert_once()

    def stream(self):
        """A server whose stream holds the flows, many messages of them."""
        server = nats.Server().start()
        self.addCleanup(server.__exit__)
        status, _, log = process.run(
            [process.COLLECTOR, "-read", self.capture, "-format=bin", "-transport=nats",
             "-transport.nats.servers", server.url, "-transport.nats.batch.flows=64"])
        self.assertEqual(status, 0, log)
        return server

    def enricher(self, server, *more):
        enricher = process.Process(self.arguments(
            "-source=nats", "-source.nats.servers", server.url, "-source.nats.ack-wait=2s", *more))
        enricher.__enter__()
        self.addCleanup(enricher.__exit__, None)
        return enricher

    def wait_acknowledged(self, server):
        def settled():
            with nats.Client(server) as client:
                info = client.api("CONSUMER.INFO.goflow2.enricher")
            return info.get("num_pending") == 0 and info.get("num_ack_pending") == 0
        process.wait_until(settled, "every message to be acknowledged")

    @NEEDS_NATS
    def test_from_a_stream_every_row_says_where_it_came_from(self):
        server = self.stream()
        enricher = self.enricher(server)
        self.wait_acknowledged(server)
        self.assertEqual(enricher.stop(), 0)
        self.assert_once()
        places = shipped.select(self.engine, "SELECT uniqExact(src_stream), "
                                "uniqExact(src_stream, src_seq, src_idx), max(src_idx) "
                                "FROM flows.flows")
        self.assertEqual(places, [(1, len(self.flows), 63)])

    @NEEDS_NATS
    def test_an_answer_that_never_comes_is_asked_for_again(self):
        """The rows are in, but the enricher does not hear of it: three times."""
        deaf = DeafServer(self.clickhouse, times=3)
        self.clickhouse.answer = deaf.answer
        server = self.stream()
        enricher = self.enricher(server)
        self.wait_acknowledged(server)
        self.assertEqual(enricher.stop(), 0)
        self.assertEqual(deaf.times, 0)
        self.assert_once()

    @NEEDS_NATS
    def test_killed_between_insert_and_acknowledgement(self):
        """Others then get the messages again, and cut their inserts elsewhere."""
        server = self.stream()
        for rows in (1000, 700, 333):
            died = threading.Event()
            deaf = DeafServer(self.clickhouse, times=1, heard=died)
            self.clickhouse.answer = deaf.answer
            enricher = self.enricher(server, f"-clickhouse.batch.rows={rows}")
            process.wait_until(died.is_set, "an insert")
            enricher.send(signal.SIGKILL)
            enricher.wait()
        self.assertGreater(self.count(), 0)
        last = self.enricher(server, "-clickhouse.batch.rows=450")
        self.wait_acknowledged(server)
        self.assertEqual(last.stop(), 0)
        self.assert_once()

    @NEEDS_NATS
    def test_a_view_that_fails_is_filled_by_the_next_try(self):
        """The flows are in their table then, but not in all of the sums."""
        view = self.engine.query("SHOW CREATE TABLE flows.flows_1h_view", "TSVRaw").decode()
        self.engine.query("SET allow_custom_error_code_in_throwif = 1")
        self.put_view(view.replace("count()", f"count() + throwIf(1, 'made to fail', "
                                              f"toInt16({MEMORY_LIMIT_EXCEEDED}))"))
        server = self.stream()
        enricher = self.enricher(server)
        process.wait_until(lambda: "made to fail" in enricher.log(), "a refusal")
        self.assertGreater(self.count(), 0)
        with self.clickhouse.turn:
            self.put_view(view)
        self.wait_acknowledged(server)
        self.assertEqual(enricher.stop(), 0)
        self.assert_once()

    def put_view(self, statement):
        self.engine.query("DROP TABLE flows.flows_1h_view")
        self.engine.query(statement)


class DeafServer:
    """Inserts, but says nothing, so many times."""

    def __init__(self, server, times, heard=None):
        self.forward = type(server).answer.__get__(server)
        self.times = times
        self.heard = heard or threading.Event()

    def answer(self, query, *rest):
        answer = self.forward(query, *rest)
        if query.startswith("INSERT") and self.times > 0:
            self.times -= 1
            self.heard.set()
            raise ConnectionAbortedError
        return answer


if __name__ == "__main__":
    if not chdb.library():
        process.left_out("the ClickHouse sink against a current engine",
                         "npm's chdb library is not installed (scripts/test full)")
        sys.exit(0)
    unittest.main()
