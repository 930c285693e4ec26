#!/usr/bin/env python3
"""Two enrichers between JetStream and Debian's clickhouse-server, each of them and the server killed
at work again and again: every flow is in the table exactly once."""

import os
import random
import sys
import threading
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from e2e import clickhouse_case as case  # noqa: E402
from support import clickhouse, nats, process  # noqa: E402

ROUNDS = 24
SEED = 7


@unittest.skipIf(clickhouse.missing() or nats.missing(), "no clickhouse-server or no nats-server")
class KillTest(case.FromStream):
    def make_server(self):
        server = clickhouse.Server().start()
        self.addCleanup(server.__exit__)
        return server

    def start_enricher(self):
        # Each insert makes hundreds of files, which take longer to remove than to make.
        return self.start(*self.source("-clickhouse.batch.rows=700", "-clickhouse.linger=200ms",
                                       "-source.nats.fetch=16"))

    def publish_until(self, stop):
        while not stop.is_set():
            self.publish(2)
            time.sleep(0.05)

    def test_killed_at_work_every_flow_is_inserted_once(self):
        chance = random.Random(SEED)
        stop = threading.Event()
        self.make_stream()
        enrichers = [self.start_enricher(), self.start_enricher()]
        publisher = threading.Thread(target=self.publish_until, args=(stop,))
        publisher.start()
        try:
            for _ in range(ROUNDS):
                time.sleep(chance.uniform(0.1, 1.5))
                victim = chance.randrange(3)
                if victim == 2:
                    self.server.kill()
                    time.sleep(chance.uniform(0, 1.5))
                    self.server.start()
                else:
                    enrichers[victim].process.kill()
                    enrichers[victim].wait()
                    enrichers[victim] = self.start_enricher()
        finally:
            stop.set()
            publisher.join()
        self.wait_acknowledged()
        for enricher in enrichers:
            self.assertEqual(enricher.stop(), 0, enricher.log())
        print(f"{self.published} flows, {ROUNDS} kills")
        found = self.server.query("SELECT count(), uniqExact(src_addr) FROM flows.flows")
        self.assertEqual([int(number) for number in found.split()], [self.published] * 2)


if __name__ == "__main__":
    if clickhouse.missing() or nats.missing():
        process.left_out("kills between JetStream and ClickHouse",
                         "clickhouse-server or nats-server is not installed")
    unittest.main()
