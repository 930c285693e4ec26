#!/usr/bin/env python3
"""The writer of ClickHouse against the current engine: values at their ends, refusals, and tokens, by
which an insert that comes again changes no sum. What comes from streams is tests/stack's."""

import os
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from e2e import clickhouse_case as case  # noqa: E402
from support import chdb, clickhouse, process  # noqa: E402


class Server(chdb.Server):
    """The engine with what the cases ask of a server, and the settings of each insert."""

    def __init__(self, engine):
        super().__init__(engine)
        self.port = self.server_address[1]
        self.inserts = []

    def answer(self, query, settings, *rest):
        if query.startswith("INSERT"):
            self.inserts.append(settings)
        return super().answer(query, settings, *rest)

    def query(self, statement):
        with self.turn:
            return self.engine.query(statement).decode()

    def number(self, statement):
        return int(self.query(statement))


@unittest.skipIf(chdb.library() is None, "no chdb")
class EngineCase(case.Case):
    compressions = ("none", "gzip", "lz4", "zstd")

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="chdb-", ignore_cleanup_errors=True)
        cls.addClassCleanup(scratch.cleanup)
        cls.engine = chdb.Engine(os.path.join(scratch.name, "data"))
        cls.addClassCleanup(cls.engine.close)

    def make_server(self):
        self.engine.query("DROP DATABASE IF EXISTS flows")
        return self.enterContext(Server(self.engine))

    def refuse_addresses(self, addresses):
        refused = ", ".join(f"toIPv6('{clickhouse.mapped(value)}')" for value in addresses)
        self.server.query("ALTER TABLE flows.flows ADD CONSTRAINT allowed CHECK "
                          f"src_addr NOT IN ({refused})")


class TableTest(case.Table, EngineCase):
    def test_protocols_have_names(self):
        self.migrate()
        self.assertEqual(self.server.query("SELECT dictGet('flows.flows_protocol', 'name', "
                                           "toUInt64(17))").strip(), "UDP")


class DeliveryTest(case.Delivery, EngineCase):
    def test_the_same_block_carries_the_same_token(self):
        self.migrate()
        proxy = self.make_proxy()
        proxy.lose = 2
        self.insert(case.make_frames(0, 100), url=proxy.url)
        tokens = [settings["insert_deduplication_token"] for settings in self.server.inserts]
        self.assertEqual(len(tokens), 3)
        self.assertEqual(len(set(tokens)), 1)
        self.assert_once(100)
        self.assert_sums(100)

    def test_gathered_by_the_server(self):
        self.migrate()
        proxy = self.make_proxy()
        proxy.lose = 1
        log = self.insert(case.make_frames(0, 100), "-clickhouse.async", "-clickhouse.timeout=1s",
                          url=proxy.url)
        self.assert_books(log, made=100, delivered=100)
        self.assertEqual({settings["async_insert"] for settings in self.server.inserts}, {"1"})
        self.assert_once(100)


if __name__ == "__main__":
    if chdb.library() is None:
        process.left_out("the writer in the current ClickHouse engine", "npm has not installed chdb")
    unittest.main()
