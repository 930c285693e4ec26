#!/usr/bin/env python3
"""What an enricher makes of a stream that is not left alone: each flow comes out once."""

import os
import signal
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import nats, nats_case, process  # noqa: E402
from support.nats_case import FEW  # noqa: E402

SMALL = "-transport.nats.batch.flows=30"


class SourceTest(nats_case.NatsCase):
    def consumer(self, server):
        with nats.Client(server) as client:
            return client.api("CONSUMER.INFO.goflow2.enricher")

    def wait_acknowledged(self, server):
        def settled():
            info = self.consumer(server)
            return info.get("num_pending") == 0 and info.get("num_ack_pending") == 0
        process.wait_until(settled, "every message to be acknowledged")

    def make_anew(self, server):
        with nats.Client(server) as client:
            config = client.api("STREAM.INFO.goflow2")["config"]
            self.assertTrue(client.api("STREAM.DELETE.goflow2")["success"])
            self.assertNotIn("error", client.api("STREAM.CREATE.goflow2", config))

    def test_a_stream_made_anew_unseen_by_one_of_two(self):
        """One enricher stands still meanwhile. Its sequences are those of other messages now."""
        server = self.server()
        collector = self.collector(server, SMALL)
        enrichers = [self.enricher(server, "-source.nats.fetch=4") for _ in range(2)]
        self.sender.send(collector.port, FEW)
        self.assert_once(server, "goflow2-enriched")
        self.wait_acknowledged(server)
        enrichers[0].send(signal.SIGSTOP)
        process.wait_until(lambda: self.consumer(server)["num_waiting"] == 1,
                           "its request to be forgotten")
        self.make_anew(server)
        process.wait_until(lambda: "config" in self.consumer(server), "a consumer")
        enrichers[0].send(signal.SIGCONT)
        process.wait_until(lambda: self.consumer(server)["num_waiting"] == 2, "both to ask")
        self.sender.send(collector.port, FEW)
        self.wait_acknowledged(server)
        self.assert_once(server, "goflow2-enriched")
        made = []
        for enricher in enrichers:
            self.assertEqual(enricher.stop(), 0)
            self.assert_books(enricher, failed=0, waiting=0)
            made.append(enricher.ledger()["flows"]["made"])
        self.assertEqual(sum(made), 2 * FEW)


if __name__ == "__main__":
    unittest.main()
