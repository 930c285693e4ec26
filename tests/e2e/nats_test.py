#!/usr/bin/env python3
"""Collector and enricher around real nats-servers: what goes wrong, and what arrives all the same."""

import base64
import collections
import ipaddress
import json
import os
import re
import signal
import sys
import time
import unittest
import urllib.request

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import nats, nats_case, netflow, process, proxy  # noqa: E402
from support.nats_case import FEW  # noqa: E402


PAUSE_SECONDS = 0.01


def order_in(client, stream):
    return [number for message in client.messages(stream)
            for number in nats_case.ids_of(base64.b64decode(message["data"]))]


class NatsTest(nats_case.NatsCase):
    def test_every_flow_is_stored_once(self):
        server = self.server()
        collector = self.collector(server)
        self.sender.send(collector.port, FEW)
        self.assert_once(server, "goflow2")
        self.assertEqual(collector.stop(), 0)
        self.assert_books(collector, made=FEW, delivered=FEW, failed=0)

    def test_one_flow_a_message_and_subjects_by_field(self):
        server = self.server()
        collector = self.collector(server, "-transport.nats.batch.flows=1",
                                   "-transport.nats.subject=flows.{type}.{sampler_address}")
        self.sender.send(collector.port, 60)
        self.assert_once(server, "goflow2")
        with nats.Client(server) as client:
            messages = client.messages("goflow2")
            config = client.api("STREAM.INFO.goflow2")["config"]
        self.assertEqual(len(messages), 60)
        self.assertEqual({m["subject"] for m in messages}, {"flows.NETFLOW_V5.127-0-0-1"})
        self.assertEqual(config["subjects"], ["flows.*.*"])

    def test_starts_without_server_and_keeps_what_it_can(self):
        server = nats.Server()
        self.addCleanup(server.__exit__)
        collector = self.collector(server, window=FEW)
        self.sender.send(collector.port, FEW)
        collector.wait_for_log("NATS cannot be reached")
        server.start()
        self.assert_once(server, "goflow2")

    def test_server_away_fills_the_spool_which_drains_in_order(self):
        server = self.server()
        spool = os.path.join(self.scratch, "spool")
        collector = self.collector(server, "-transport.nats.spool", spool,
                                   "-transport.nats.batch.flows=30", window=4)
        self.sender.send(collector.port, FEW)
        self.assert_once(server, "goflow2")
        server.kill(signal.SIGTERM)
        self.sender.send(collector.port, FEW)
        process.wait_until(lambda: os.path.getsize(os.path.join(spool, "goflow2.spool")) > 50000,
                           "the spool to fill")
        server.start()
        self.assert_once(server, "goflow2")
        with nats.Client(server) as client:
            self.assertEqual(order_in(client, "goflow2"), self.sender.sent)
        self.assertEqual(collector.stop(), 0)
        self.assert_books(collector, made=2 * FEW, delivered=2 * FEW, failed=0, waiting=0)

    def wait_settled(self, path):
        """Until the file has not grown for a while: what is to be written there is."""
        sizes = [-1]

        def settled():
            sizes.append(os.path.getsize(path))
            time.sleep(0.5)
            return sizes[-1] == sizes[-2]
        process.wait_until(settled, "the file to settle")

    def test_spool_outlives_kill_and_orderly_end(self):
        server = nats.Server()
        self.addCleanup(server.__exit__)
        arguments = ("-transport.nats.spool", os.path.join(self.scratch, "spool"),
                     "-transport.nats.batch.flows=30", "-drain=100ms")
        collector = self.collector(server, *arguments, window=1)
        self.sender.send(collector.port, FEW)
        spool = os.path.join(self.scratch, "spool", "goflow2.spool")
        process.wait_until(lambda: os.path.getsize(spool) > 4096 + 29 * 1000, "the spool to fill")
        self.wait_settled(spool)
        collector.send(signal.SIGKILL)
        collector.wait()
        second = self.collector(server, *arguments, window=1)
        self.assertIn("flows of an earlier run", second.log())
        self.sender.send(second.port, FEW)
        process.wait_until(lambda: os.path.getsize(spool) > 4096 + 59 * 1000, "the spool to grow")
        self.wait_settled(spool)
        self.assertEqual(second.stop(), 0)
        self.assert_books(second, delivered=0, failed=0)
        left = second.ledger()["flows"]["waiting"]
        lost = 2 * FEW - left  # what the window of the process that was killed held
        self.assertLessEqual(lost, 30)
        server.start()
        third = self.collector(server, *arguments, window=1)
        self.wait_stored(server, "goflow2", self.sender.sent[lost:])
        self.assertEqual(third.stop(), 0)
        self.assert_books(third, made=left, delivered=left, waiting=0)
        self.assertEqual(max(self.found.values()), 1)

    def test_spool_too_small_counts_exactly_what_it_could_not_hold(self):
        server = nats.Server()
        self.addCleanup(server.__exit__)
        collector = self.collector(server, "-transport.nats.spool", os.path.join(self.scratch, "s"),
                                   "-transport.nats.spool.bytes=1MiB",
                                   "-transport.nats.batch.flows=1", "-drain=2s", window=8)
        for _ in range(20):
            self.sender.send(collector.port, FEW)
            time.sleep(PAUSE_SECONDS)
        self.assertEqual(collector.stop(), 0)
        books = collector.ledger()
        self.assertEqual(books["kernel"]["dropped"], 0, "paced too fast for this machine")
        lost = books["flows"]["failed"]
        self.assertGreater(lost, 0)
        self.assert_books(collector, made=20 * FEW, delivered=0, waiting=20 * FEW - lost)
        self.assertIn(f"reason=spool_full count={lost} ", collector.log())
        server.start()
        again = self.collector(server, "-transport.nats.spool", os.path.join(self.scratch, "s"),
                               "-transport.nats.spool.bytes=1MiB")
        kept = books["flows"]["waiting"]
        process.wait_until(lambda: nats_case.stored(server, "goflow2").total() >= kept, "the rest")
        self.assertEqual(again.stop(), 0)
        found = nats_case.stored(server, "goflow2")
        self.assertEqual((found.total(), max(found.values())), (kept, 1))
        self.assertLessEqual(set(found), set(self.sender.sent))
        self.assert_books(again, made=kept, delivered=kept, failed=0, waiting=0)

    def test_cut_connections_lose_and_double_nothing(self):
        """Also when the server stored what it could not acknowledge any more."""
        server = self.server()
        wire = self.start(proxy.Proxy(server.port))
        collector = self.collector(wire, "-transport.nats.batch.flows=30")
        enricher = self.enricher(wire)
        for program in (collector, enricher):
            program.wait_for_log("NATS connected")
        for turn in range(1, 5):
            self.sender.send(collector.port, FEW)
            wire.deaf = turn % 2 == 0
            self.sender.send(collector.port, FEW)
            if wire.deaf:
                self.wait_stored(server, "goflow2", self.sender.sent)
            # Of the collector, of the enricher's input and of its output.
            self.assertEqual(wire.cut(), 3)
            wire.deaf = False
            for program, links in ((collector, 1), (enricher, 2)):
                program.wait_for_log("NATS connected again", turn * links)
        for stream in ("goflow2", "goflow2-enriched"):
            self.assert_once(server, stream)
        self.assertEqual(collector.stop(), 0)
        self.assert_books(collector, made=8 * FEW, delivered=8 * FEW, failed=0, waiting=0)
        self.assertEqual(enricher.stop(), 0)

    def test_frozen_and_killed_server_loses_nothing(self):
        server = self.server()
        collector = self.collector(server, "-transport.nats.batch.flows=30")
        self.sender.send(collector.port, FEW)
        self.assert_once(server, "goflow2")
        server.send(signal.SIGSTOP)
        self.sender.send(collector.port, FEW)
        process.wait_until(lambda: server.unread() > 0, "something published")
        server.kill()
        server.start()
        self.assert_once(server, "goflow2")

    def assert_uncertain(self, server, collector):
        """What came more than once was counted; returns how many flows that were."""
        self.assertEqual(collector.stop(), 0)
        count = len(self.sender.sent)
        self.assert_books(collector, made=count, delivered=count)
        # In the closing report; warnings before it tell of a part each.
        counted = re.findall(r"reason=delivery_uncertain count=(\d+)", collector.log())
        found = nats_case.stored(server, "goflow2")
        self.assertEqual(set(found), set(self.sender.sent))
        self.assertLessEqual(found.total() - count, int(counted[-1]))
        return found.total() - count

    def test_outage_longer_than_the_duplicates_window(self):
        server = self.server()
        collector = self.collector(server, "-transport.nats.batch.flows=30",
                                   "-transport.nats.duplicates=5s")
        self.sender.send(collector.port, 30)
        self.assert_once(server, "goflow2")
        server.send(signal.SIGSTOP)
        self.sender.send(collector.port, FEW)
        time.sleep(6)  # the outage
        server.kill()
        server.start()
        self.wait_stored(server, "goflow2", self.sender.sent)
        self.assert_uncertain(server, collector)

    def test_acknowledgements_lost_for_longer_than_the_duplicates_window(self):
        server = self.server()
        wire = self.start(proxy.Proxy(server.port))
        collector = self.collector(wire, "-transport.nats.batch.flows=30",
                                   "-transport.nats.duplicates=2s")
        self.sender.send(collector.port, 30)
        self.assert_once(server, "goflow2")
        wire.deaf = True
        self.sender.send(collector.port, FEW)
        # Sent again after five seconds, and again at the new connection: each time too late.
        process.wait_until(
            lambda: nats_case.stored(server, "goflow2").total() == 2 * FEW + 30, "all, twice")
        time.sleep(2.5)
        wire.cut()
        wire.deaf = False
        self.assertEqual(self.assert_uncertain(server, collector), 2 * FEW)

    def test_order_outlives_an_orderly_end(self):
        """What the window held when it ended, read from the spool or not, goes before the rest."""
        server = self.server("""authorization { users: [{user: "all", password: "p"},
            {user: "mute", password: "p", permissions: {publish: {deny: "goflow2.messages"}}}] }""")
        address = server.url
        arguments = ("-transport.nats.batch.flows=30", "-drain=100ms",
                     "-transport.nats.spool", self.path("spool"))
        away = nats.Server()
        self.addCleanup(away.__exit__)
        first = self.collector(away, *arguments, window=1)
        self.sender.send(first.port, 5 * 30)
        self.assertEqual(first.stop(), 0)
        server.url = address.replace("//", "//mute:p@")
        second = self.collector(server, *arguments, window=10)
        second.wait_for_log("Permissions Violation")  # it has read the spool
        self.sender.send(second.port, 10 * 30)
        self.assertEqual(second.stop(), 0)
        self.assert_books(second, made=15 * 30, waiting=15 * 30, failed=0)
        server.url = address.replace("//", "//all:p@")
        third = self.collector(server, *arguments, window=10)
        with nats.Client(server, {"user": "all", "pass": "p"}) as client:
            process.wait_until(lambda: client.count("goflow2") == 15, "all messages")
            self.assertEqual(order_in(client, "goflow2"), self.sender.sent)
        self.assertEqual(third.stop(), 0)

    def make_stream(self, server, **config):
        with nats.Client(server) as client:
            made = client.api("STREAM.CREATE.goflow2", {
                "name": "goflow2", "subjects": ["goflow2.messages"], "retention": "limits",
                "storage": "file", "num_replicas": 1, **config})
        self.assertIn("config", made)

    def test_what_does_not_fit_is_said(self):
        made_smaller = "messages are made smaller than -transport.nats.batch.bytes"
        cases = [("max_payload: 8192", {}, made_smaller),
                 ("", {"max_msg_size": 4096}, made_smaller),
                 ("", {"duplicate_window": 10 * 10**9}, "the stream forgets ids sooner")]
        for config, stream, said in cases:
            with self.subTest(said, stream=stream):
                self.sender = nats_case.Sender()
                server = self.server(config)
                self.make_stream(server, **stream)
                collector = self.collector(server)
                collector.wait_for_log("NATS connected")
                self.sender.send(collector.port, FEW)
                self.assert_once(server, "goflow2")
                collector.wait_for_log(said)
                self.assertEqual(collector.stop(), 0)
                self.assert_books(collector, made=FEW, delivered=FEW, failed=0)

    def test_a_stream_takes_smaller_messages_from_now_on(self):
        """What was made before that is known goes in parts."""
        server = self.server()
        self.make_stream(server)
        collector = self.collector(server, "-transport.nats.linger=200ms")
        self.sender.send(collector.port, netflow.RECORDS_MAX_V5)
        self.assert_once(server, "goflow2")
        with nats.Client(server) as client:
            config = client.api("STREAM.INFO.goflow2", {})["config"]
            changed = client.api("STREAM.UPDATE.goflow2", {**config, "max_msg_size": 2048})
        self.assertEqual(changed["config"]["max_msg_size"], 2048)
        self.sender.send(collector.port, FEW)
        self.assert_once(server, "goflow2")
        collector.wait_for_log("messages are made smaller")
        self.sender.send(collector.port, FEW)
        self.assert_once(server, "goflow2")
        self.assertEqual(collector.stop(), 0)
        made = netflow.RECORDS_MAX_V5 + 2 * FEW
        self.assert_books(collector, made=made, delivered=made, failed=0)

    def test_a_stream_that_takes_no_flow(self):
        """Each is refused alone, counted, and holds nothing up."""
        server = self.server()
        self.make_stream(server, max_msg_size=64)
        collector = self.collector(server)
        self.sender.send(collector.port, FEW)
        collector.wait_for_log("message size exceeds maximum allowed")
        self.assertEqual(collector.stop(), 0)
        self.assert_books(collector, made=FEW, delivered=0, waiting=0, failed=FEW)
        self.assertRegex(collector.log(), f"reason=output_too_large count={FEW} ")

    def test_a_stream_that_is_not_bound_to_the_subject(self):
        server = self.server()
        self.make_stream(server, subjects=["goflow2.other"])
        collector = self.collector(server, "-drain=1s")
        collector.wait_for_log("the stream is not bound to all subjects")
        self.sender.send(collector.port, FEW)
        collector.wait_for_log("no stream takes the subject")
        self.assertEqual(collector.stop(), 0)
        self.assert_books(collector, made=FEW, delivered=0, failed=FEW)

    def test_a_stream_that_is_to_be_waited_for(self):
        server = self.server()
        collector = self.collector(server, "-transport.nats.create=false")
        self.sender.send(collector.port, FEW)
        collector.wait_for_log("the stream is not there, waiting for it")
        enricher = self.enricher(server)
        enricher.wait_for_log("the input's stream is not there, waiting for it")
        self.make_stream(server)
        for stream in ("goflow2", "goflow2-enriched"):
            self.assert_once(server, stream)

    def test_a_full_work_queue_loses_nothing(self):
        """It refuses what it has no room for until an enricher has taken something."""
        server = self.server()
        collector = self.collector(server, "-transport.nats.retention=workqueue",
                                   "-transport.nats.discard=new", "-transport.nats.max-bytes=64KiB",
                                   "-transport.nats.spool", self.path("spool"), window=4)
        self.sender.send(collector.port, 2 * FEW)
        collector.wait_for_log("messages are not stored, trying again")
        enrichers = [self.enricher(server) for _ in range(2)]
        self.assert_once(server, "goflow2-enriched")
        self.assertEqual(collector.stop(), 0)
        self.assert_books(collector, made=2 * FEW, delivered=2 * FEW, failed=0, waiting=0)
        with nats.Client(server) as client:
            process.wait_until(lambda: client.count("goflow2") == 0, "the queue to be empty")
        for enricher in enrichers:
            self.assertEqual(enricher.stop(), 0)

    def test_refuses_at_start(self):
        cases = {
            "-transport.nats.subject=a.{src_group}": "src_group",
            "-transport.nats.window=0": "window",
            "-transport.nats.storage=tape": "storage",
            "-transport.nats.nkey=/nowhere": "nkey",
            "-transport.nats.creds=/nowhere": "creds",
            "-transport.nats.tls.ca=/nowhere": "tls.ca",
        }
        for argument, wanted in cases.items():
            with self.subTest(argument):
                status, _, log = process.run([process.COLLECTOR, "-transport=nats", "-listen",
                                              "flow://127.0.0.1:0", argument])
                self.assertNotEqual(status, 0)
                self.assertIn(wanted, log)

    def test_enrichers_share_a_durable(self):
        server = self.server()
        collector = self.collector(server, "-transport.nats.batch.flows=30")
        enrichers = [self.enricher(server) for _ in range(2)]
        self.sender.send(collector.port, FEW)
        self.assert_once(server, "goflow2-enriched")
        for enricher in enrichers:
            self.assertEqual(enricher.stop(), 0)
        made = [enricher.ledger()["flows"]["made"] for enricher in enrichers]
        self.assertEqual(sum(made), FEW)
        with nats.Client(server) as client:
            info = client.api("CONSUMER.INFO.goflow2.enricher")
        self.assertEqual((info["num_ack_pending"], info["num_pending"]), (0, 0))

    def test_redelivery_after_a_reload_makes_no_duplicates(self):
        server = self.server()
        collector = self.collector(server, "-transport.nats.batch.flows=30")
        self.sender.send(collector.port, FEW)
        self.assert_once(server, "goflow2")
        context = os.path.join(self.scratch, "context.yaml")

        def tag(value):
            with open(context, "w", encoding="utf-8") as file:
                file.write(f"networks: [{{name: all, cidr: 10.0.0.0/8, context: {{t: {value}}}}}]\n")

        tag("short")
        first = self.enricher(server, "-context.config", context)
        self.assert_once(server, "goflow2-enriched")
        first.send(signal.SIGKILL)
        first.wait()
        # Nothing of it is remembered: every message comes again.
        with nats.Client(server) as client:
            client.api("CONSUMER.DELETE.goflow2.enricher")
        tag("a-text-that-is-quite-a-bit-longer")
        second = self.enricher(server, "-context.config", context)
        with nats.Client(server) as client:
            process.wait_until(
                lambda: client.api("CONSUMER.INFO.goflow2.enricher").get("ack_floor", {})
                .get("stream_seq") == client.count("goflow2"), "all to be acknowledged")
        self.assertEqual(second.stop(), 0)
        self.assertEqual(second.ledger()["flows"]["delivered"], FEW)
        self.assert_once(server, "goflow2-enriched")

    def test_what_is_filtered_is_acknowledged(self):
        """Messages of which all flows, some and none are kept; and the same when they come again."""
        server = self.server()
        collector = self.collector(server, "-transport.nats.batch.flows=30",
                                   "-filter=src_addr not in 10.0.0.0/28")
        self.sender.send(collector.port, FEW)
        kept = self.sender.sent[16:256]
        self.wait_stored(server, "goflow2", self.sender.sent[16:])
        for _ in range(2):
            enricher = self.enricher(server, "-filter=src_addr in 10.0.0.0/24")
            with nats.Client(server) as client:
                process.wait_until(
                    lambda: client.api("CONSUMER.INFO.goflow2.enricher").get("ack_floor", {})
                    .get("stream_seq") == client.count("goflow2"), "all to be acknowledged")
                self.assertEqual(enricher.stop(), 0)
                client.api("CONSUMER.DELETE.goflow2.enricher")
            self.assert_books(enricher, made=FEW - 16, delivered=240, filtered=FEW - 16 - 240)
            self.wait_stored(server, "goflow2-enriched", kept)
            self.assertEqual(self.found, collections.Counter(kept))
        self.assertEqual(collector.stop(), 0)
        self.assert_books(collector, made=FEW, delivered=FEW - 16, filtered=16)

    def test_enricher_killed_at_work(self):
        server = self.server()
        collector = self.collector(server, "-transport.nats.batch.flows=30")
        for _ in range(3):
            enricher = self.enricher(server)
            self.sender.send(collector.port, FEW)
            process.wait_until(lambda: nats_case.stored(server, "goflow2-enriched"), "some flows")
            enricher.send(signal.SIGKILL)
            enricher.wait()
        self.enricher(server)
        self.assert_once(server, "goflow2-enriched")

    def test_poison_is_given_up_alone(self):
        server = self.server()
        collector = self.collector(server, "-transport.nats.batch.flows=30")
        self.sender.send(collector.port, 60)
        self.assert_once(server, "goflow2")
        with nats.Client(server) as client:
            client.request("goflow2.messages", {"type": "no protobuf"})
        self.sender.send(collector.port, 60)
        enricher = self.enricher(server)
        self.assert_once(server, "goflow2-enriched")
        with nats.Client(server) as client:
            process.wait_until(
                lambda: client.api("CONSUMER.INFO.goflow2.enricher")["num_ack_pending"] == 0,
                "the poison to be given up")
        self.assertEqual(enricher.stop(), 0)
        self.assertIn("reason=message_invalid count=1 ", enricher.log())

    def source_metrics(self, program):
        program.wait_for_log("starting HTTP server")
        port = re.search(r'starting HTTP server".* port=(\d+)', program.log()).group(1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics",
                                    timeout=process.DEADLINE_SECONDS) as page:
            return dict(re.findall(r"^goflow2plus_source_(\S+) (\S+)$", page.read().decode(),
                                   re.MULTILINE))

    def test_what_the_source_says_of_itself(self):
        server = self.server()
        collector = self.collector(server, "-transport.nats.batch.flows=30")
        self.sender.send(collector.port, FEW)
        self.assert_once(server, "goflow2")
        with nats.Client(server) as client:
            client.request("goflow2.messages", {"type": "no protobuf"})
        enricher = self.enricher(server, "-addr=127.0.0.1:0")
        enricher.wait_for_log("NATS connected")
        wanted = {"up": "1", "messages_total": str(FEW // 30 + 1),
                  'answers_total{answer="done"}': str(FEW // 30),
                  'answers_total{answer="again"}': "0", 'answers_total{answer="left"}': "0",
                  'answers_total{answer="bad"}': "1", 'answers_total{answer="known"}': "0",
                  "behind_messages": "0", "unacknowledged_messages": "0"}
        process.wait_until(lambda: self.source_metrics(enricher) == wanted, str(wanted))
        server.kill()
        process.wait_until(lambda: self.source_metrics(enricher)["up"] == "0", "it to be down")

    def test_what_no_enricher_takes_is_behind(self):
        server = self.server()
        collector = self.collector(server, "-transport.nats.batch.flows=1")
        self.sender.send(collector.port, FEW)
        self.assert_once(server, "goflow2")
        away = nats.Server()
        self.addCleanup(away.__exit__)
        enricher = self.start(process.Process(
            [process.ENRICHER, "-source=nats", "-source.nats.servers", server.url,
             "-source.nats.fetch=16", "-source.nats.max-ack-pending=32", "-addr=127.0.0.1:0",
             *nats_case.output(away)]))
        enricher.wait_for_log("NATS connected")
        wanted = {"behind_messages": str(FEW - 32), "unacknowledged_messages": "32"}
        process.wait_until(lambda: wanted.items() <= self.source_metrics(enricher).items(),
                           str(wanted))

    def test_plain_subject_with_a_queue_group(self):
        server = self.server()
        enrichers = [self.start(process.Process(
            [process.ENRICHER, "-source=nats", "-source.nats.servers", server.url,
             "-source.nats.subject=goflow2.messages", "-source.nats.queue=q", "-format=json"]))
            for _ in range(2)]
        for enricher in enrichers:
            enricher.wait_for_log("NATS connected")
        collector = self.collector(server, "-transport.nats.batch.flows=30")
        self.sender.send(collector.port, FEW)

        def sources():
            return collections.Counter(
                ipaddress.IPv4Address(json.loads(line)["src_addr"]).packed
                for enricher in enrichers for line in enricher.output().splitlines(True)
                if line.endswith(b"\n"))
        process.wait_until(lambda: sum(sources().values()) >= FEW, "all flows")
        self.assertEqual(sources(), collections.Counter(self.sender.sent))


if __name__ == "__main__":
    unittest.main()
