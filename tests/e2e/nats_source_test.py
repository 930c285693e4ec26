#!/usr/bin/env python3
"""What an enricher makes of a stream that is not left alone: each flow comes out once."""

import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest
import urllib.request

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import nats, nats_case, process  # noqa: E402
from support.nats_case import FEW  # noqa: E402

SMALL = "-transport.nats.batch.flows=30"


class SourceTest(nats_case.NatsCase):
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

    def metric(self, enricher, name):
        enricher.wait_for_log("starting HTTP server")
        port = re.search(r'starting HTTP server".* port=(\d+)', enricher.log()).group(1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics",
                                    timeout=process.DEADLINE_SECONDS) as page:
            found = re.search(rf"^goflow2plus_{re.escape(name)} (\S+)$", page.read().decode(),
                              re.MULTILINE)
        return int(found.group(1))

    def test_a_consumer_deleted_while_no_request_is_open(self):
        """The output is away, so the queue is full and nothing is asked for. Nobody says that the
        consumer is gone; it is made again all the same, before there is room."""
        server = self.server()
        collector = self.collector(server, SMALL)
        self.sender.send(collector.port, FEW)
        self.assert_once(server, "goflow2")
        away = nats.Server()
        self.addCleanup(away.__exit__)
        enricher = self.start(process.Process(
            [process.ENRICHER, "-source=nats", "-source.nats.servers", server.url,
             "-source.nats.fetch=4", *nats_case.output(away)]))
        process.wait_until(lambda: self.consumer(server).get("num_ack_pending") == 8 and
                           self.consumer(server)["num_waiting"] == 0, "a full queue")
        with nats.Client(server) as client:
            self.assertTrue(client.api("CONSUMER.DELETE.goflow2.enricher")["success"])
        enricher.wait_for_log("the consumer cannot be had any more")
        enricher.wait_for_log("consumer made", times=2)
        away.start()
        self.wait_acknowledged(server)
        self.assert_once(away, "goflow2-enriched")
        self.assertEqual(enricher.stop(), 0)
        self.assert_books(enricher, made=FEW, delivered=FEW, failed=0, waiting=0)

    def test_a_stream_that_is_gone_is_told(self):
        server = self.server()
        collector = self.collector(server, SMALL)
        enricher = self.enricher(server, "-addr=127.0.0.1:0")
        self.sender.send(collector.port, FEW)
        self.assert_once(server, "goflow2-enriched")
        self.assertEqual(collector.stop(), 0)
        self.assertEqual(self.metric(enricher, "source_up"), 1)
        with nats.Client(server) as client:
            client.api("STREAM.DELETE.goflow2")
        enricher.wait_for_log("the input's stream is not there, waiting for it")
        process.wait_until(lambda: self.metric(enricher, "source_up") == 0, "it to be down")
        collector = self.collector(server, SMALL)
        self.sender.send(collector.port, FEW)
        self.assert_once(server, "goflow2-enriched")
        self.assertEqual(self.metric(enricher, "source_up"), 1)

    def test_a_server_that_stands_still_is_told(self):
        server = self.server()
        collector = self.collector(server, SMALL)
        enricher = self.enricher(server, "-addr=127.0.0.1:0")
        self.sender.send(collector.port, FEW)
        self.assert_once(server, "goflow2-enriched")
        server.send(signal.SIGSTOP)
        process.wait_until(lambda: self.metric(enricher, "source_up") == 0, "it to be down")
        server.send(signal.SIGCONT)
        process.wait_until(lambda: self.metric(enricher, "source_up") == 1, "it to be up")
        self.sender.send(collector.port, FEW)
        self.assert_once(server, "goflow2-enriched")

    def test_what_was_written_is_not_written_again(self):
        """A new consumer delivers the whole stream as for the first time, twice."""
        server = self.server()
        collector = self.collector(server, SMALL)
        path = self.path("flows.json")
        enricher = self.file_writer(server, path, "-addr=127.0.0.1:0")
        for known in (0, 1, 3):
            self.sender.send(collector.port, FEW)
            self.wait_stored(server, "goflow2", self.sender.sent)
            self.wait_acknowledged(server, "file")
            self.assertEqual(nats_case.in_file(path), collections.Counter(self.sender.sent))
            self.assertEqual(self.metric(enricher, 'source_answers_total{answer="known"}'),
                             known * FEW // 30)
            with nats.Client(server) as client:
                client.api("CONSUMER.DELETE.goflow2.file")
        self.assertEqual(enricher.stop(), 0)
        self.assert_books(enricher, made=3 * FEW, delivered=3 * FEW, failed=0, waiting=0)

    def test_a_server_killed_at_work_makes_no_line_twice(self):
        """Killed, it forgets what was acknowledged."""
        server = self.server()
        collector = self.collector(server, SMALL)
        path = self.path("flows.json")
        enricher = self.file_writer(server, path)
        for round_ in range(5):
            self.sender.send(collector.port, FEW)
            process.wait_until(
                lambda least=round_ * FEW: os.path.exists(path) and
                len(nats_case.in_file(path)) > least, "flows of this round")
            server.kill()
            server.start()
        self.wait_stored(server, "goflow2", self.sender.sent)
        process.wait_until(lambda: len(nats_case.in_file(path)) == len(self.sender.sent),
                           "all flows")
        self.wait_acknowledged(server, "file")
        self.assertEqual(nats_case.in_file(path), collections.Counter(self.sender.sent))
        self.assertEqual(enricher.stop(), 0)
        self.assert_books(enricher, made=5 * FEW, delivered=5 * FEW, failed=0, waiting=0)

    def test_what_comes_again_too_late_is_counted(self):
        """Another took the messages, wrote their flows and died. The stream of the output has
        forgotten it when they come to this one."""
        server = self.server()
        collector = self.collector(server, SMALL)
        self.sender.send(collector.port, FEW)
        first = self.enricher(server, "-transport.nats.duplicates=1s")
        self.assert_once(server, "goflow2-enriched")
        self.wait_acknowledged(server)
        self.assertEqual(first.stop(), 0)
        with nats.Client(server) as client:
            made = client.api("CONSUMER.DURABLE.CREATE.goflow2.other", {
                "stream_name": "goflow2", "config": {
                    "durable_name": "other", "ack_policy": "explicit", "ack_wait": 10**9,
                    "max_ack_pending": 1000}})
            self.assertNotIn("error", made)
            client.publish("$JS.API.CONSUMER.MSG.NEXT.goflow2.other",
                           json.dumps({"batch": FEW // 30}).encode(), client.inbox)
            for _ in range(FEW // 30):
                self.assertTrue(client.next()[1])
        time.sleep(1.5)  # longer than the window
        second = self.enricher(server, "-source.nats.durable=other")
        self.wait_acknowledged(server, "other")
        self.assertEqual(second.stop(), 0)
        found = nats_case.stored(server, "goflow2-enriched")
        self.assertEqual(found, collections.Counter(2 * self.sender.sent))
        self.assert_books(second, made=FEW, delivered=FEW, failed=0, waiting=0)
        self.assertIn(f"reason=delivery_uncertain count={FEW} ", second.log())

    def small_disk(self, size):
        disk = self.path("disk")
        os.mkdir(disk)
        if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk],
                stderr=subprocess.DEVNULL, check=False).returncode != 0:
            process.left_out(self.id(), "no tmpfs can be mounted here")
            self.skipTest("no mount")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=False)
        return disk

    def test_a_full_disk_is_waited_for(self):
        """Nothing is answered meanwhile, so nothing comes again; and the file ends with a line."""
        disk = self.small_disk("256k")
        path = os.path.join(disk, "flows.json")
        server = self.server()
        collector = self.collector(server, SMALL)
        enricher = self.file_writer(server, path, "-addr=127.0.0.1:0")
        self.sender.send(collector.port, 2 * FEW)
        enricher.wait_for_log("No space left on device")
        self.sender.send(collector.port, FEW)
        self.wait_stored(server, "goflow2", self.sender.sent)
        time.sleep(1)  # ten of its tries
        with open(path, "rb") as file:
            self.assertTrue(file.read().endswith(b"}\n"))
        self.assertEqual(enricher.log().count("output failed"), 1)
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        self.wait_acknowledged(server, "file")
        self.assertEqual(nats_case.in_file(path), collections.Counter(self.sender.sent))
        for answer in ("again", "left", "known"):
            self.assertEqual(self.metric(enricher, f'source_answers_total{{answer="{answer}"}}'), 0)
        self.assertEqual(enricher.stop(), 0)
        self.assert_books(enricher, made=3 * FEW, delivered=3 * FEW, failed=0, waiting=0)

    def test_stopped_while_the_disk_is_full(self):
        """What is not in the file comes to the next process. The file holds whole lines."""
        disk = self.small_disk("256k")
        path = os.path.join(disk, "flows.json")
        server = self.server()
        collector = self.collector(server, SMALL)
        enricher = self.file_writer(server, path, "-drain=200ms")
        self.sender.send(collector.port, 2 * FEW)
        enricher.wait_for_log("No space left on device")
        enricher.stop()
        with open(path, "rb") as file:
            self.assertTrue(file.read().endswith(b"}\n"))
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        self.file_writer(server, path)
        self.wait_acknowledged(server, "file")
        self.assertEqual(set(nats_case.in_file(path)), set(self.sender.sent))


if __name__ == "__main__":
    unittest.main()
