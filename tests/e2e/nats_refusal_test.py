#!/usr/bin/env python3
"""What a NATS server refuses: one message costs itself alone, all of them are held and said."""

import collections
import ipaddress
import os
import re
import socket
import sys
import unittest
import urllib.error
import urllib.request

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import nats, nats_case, netflow, process  # noqa: E402
from support.nats_case import FEW  # noqa: E402


FORGED_ID = int(ipaddress.IPv4Address("172.16.0.1"))
WINDOW = 16  # fewer messages than are sent behind the one that is refused


def page(program, path):
    """(status, text) of a page of its own."""
    program.wait_for_log("starting HTTP server")
    port = re.search(r'starting HTTP server".* port=(\d+)', program.log()).group(1)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}",
                                    timeout=process.DEADLINE_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


class RefusalTest(nats_case.NatsCase):
    def make_stream(self, server, name="goflow2", login=None, **config):
        with nats.Client(server, login) as client:
            made = client.api(f"STREAM.CREATE.{name}", {
                "name": name, "retention": "limits", "storage": "file", "num_replicas": 1,
                **config})
        self.assertIn("config", made)

    def change_stream(self, server, name="goflow2", **changes):
        with nats.Client(server) as client:
            config = client.api(f"STREAM.INFO.{name}")["config"]
            changed = client.api(f"STREAM.UPDATE.{name}", {**config, **changes})
        self.assertNotIn("error", changed)

    def forge(self, port, count=1):
        """A datagram of somebody else, of another protocol than the honest ones."""
        template = netflow.v9_template(256, [(netflow.SRC_ADDR, 4)])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for sequence in range(count):
                out.sendto(netflow.v9(sequence, 7, template,
                                      netflow.v9_data(256, (FORGED_ID + sequence, 4))),
                           ("127.0.0.1", port))

    def wait_health(self, program, status):
        process.wait_until(lambda: page(program, "/__health")[0] == status, f"health {status}")
        self.assertRegex(page(program, "/metrics")[1],
                         rf"(?m)^goflow2plus_output_up {int(status == 200)}$")

    def assert_forged_costs_itself(self, collector, server, login=None, forged=1):
        """Honest flows before and behind it are stored, more of them than the window holds."""
        self.send_in_pieces(collector, server, login)
        self.forge(collector.port, forged)
        self.send_in_pieces(collector, server, login)
        collector.wait_for_log("messages of this subject are not stored while others are")
        self.wait_health(collector, 200)
        self.assertEqual(collector.stop(), 0)
        made = len(self.sender.sent) + forged
        self.assert_books(collector, made=made, delivered=made - forged, failed=forged, waiting=0)
        self.assertIn(f"reason=subject_refused count={forged} ", collector.log())

    def wait_honest(self, server, login=None, stream="goflow2"):
        def all_there():
            with nats.Client(server, login) as client:
                return client.count(stream) * self.batch == len(self.sender.sent)
        process.wait_until(all_there, "the honest flows")

    def send_in_pieces(self, collector, server, login=None):
        """More messages than the window has slots, never more at a time than it has room for, also
        when those before were stored and their acknowledgements are on their way."""
        for _ in range(12):
            self.sender.send(collector.port, WINDOW // 4 * self.batch)
            self.wait_honest(server, login)

    def assert_honest_once(self, server, stream="goflow2"):
        self.wait_stored(server, stream, self.sender.sent)
        self.assertEqual(self.found, collections.Counter(self.sender.sent))

    batch = netflow.RECORDS_MAX_V5  # flows of a message

    def collect(self, server, *arguments):
        return self.collector(server, "-transport.nats.subject=flows.{type}", "-addr=127.0.0.1:0",
                              f"-transport.nats.batch.flows={self.batch}", *arguments,
                              window=WINDOW)

    def test_a_subject_that_the_stream_does_not_take(self):
        for spool in ((), ("-transport.nats.spool", self.path("spool"))):
            with self.subTest(spool=spool != ()):
                self.sender = nats_case.Sender()
                server = self.server()
                self.make_stream(server, subjects=["flows.NETFLOW_V5"])
                collector = self.collect(server, *spool)
                self.assert_forged_costs_itself(collector, server)
                self.assertIn("subject=flows.NETFLOW_V9", collector.log())
                self.assert_honest_once(server)

    def test_a_subject_that_the_user_may_not_publish_to(self):
        server = self.server("""authorization { users: [{user: "all", password: "p"},
            {user: "some", password: "p", permissions: {subscribe: ["_INBOX.>"],
             publish: ["flows.NETFLOW_V5", "$JS.API.STREAM.INFO.goflow2"]}}] }""")
        login = {"user": "all", "pass": "p"}
        self.make_stream(server, subjects=["flows.*"], login=login)
        server.url = server.url.replace("//", "//some:p@")
        self.assert_forged_costs_itself(self.collect(server), server, login)

    def test_a_subject_that_somebody_else_takes(self):
        """Then there is no answer at all. Several of them do not wait for long."""
        server = self.server()
        self.make_stream(server, subjects=["flows.NETFLOW_V5"])
        with nats.Client(server) as subscriber:
            subscriber._write(b"SUB flows.NETFLOW_V9 2\r\n")
            self.batch = 1
            collector = self.collect(server)
            self.assert_forged_costs_itself(collector, server, forged=WINDOW // 8 + 1)
        self.assert_honest_once(server)

    def test_a_subject_whose_quota_is_used_up(self):
        server = self.server()
        self.make_stream(server, subjects=["flows.*"], discard="new", max_msgs_per_subject=1,
                         discard_new_per_subject=True)
        collector = self.collector(server, "-transport.nats.subject=flows.{src_addr}",
                                   "-transport.nats.batch.flows=1", window=WINDOW)
        self.batch = 1
        self.send_in_pieces(collector, server)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            first = str(ipaddress.IPv4Address(self.sender.sent[0]))
            out.sendto(netflow.v5(0, [first]), ("127.0.0.1", collector.port))
        self.send_in_pieces(collector, server)
        collector.wait_for_log("messages of this subject are not stored while others are")
        self.assertEqual(collector.stop(), 0)
        self.assert_once(server, "goflow2")
        sent = len(self.sender.sent)
        self.assert_books(collector, made=sent + 1, delivered=sent, failed=1)
        self.assertIn("reason=subject_refused count=1 ", collector.log())

    def republished(self, server, login):
        """An enricher whose output stream takes some subjects only."""
        self.make_stream(server, "goflow2-enriched", login, subjects=["enriched.*"])
        url = server.url
        server.url = url.replace("//", "//some:p@")
        enricher = self.enricher(server, "-transport.nats.subject=enriched.{type}",
                                 "-addr=127.0.0.1:0")
        server.url = url.replace("//", "//all:p@")
        return enricher

    def test_an_enricher_goes_on(self):
        """Also when the message that is refused is all that there is: what comes later passes."""
        permitted = '"enriched.NETFLOW_V5", "$JS.>"'
        server = self.server(f"""authorization {{ users: [{{user: "all", password: "p"}},
            {{user: "some", password: "p", permissions: {{subscribe: ["_INBOX.>"],
             publish: [{permitted}]}}}}] }}""")
        login = {"user": "all", "pass": "p"}
        enricher = self.republished(server, login)
        collector = self.collector(server, "-transport.nats.batch.flows=30")
        self.forge(collector.port)
        process.wait_until(lambda: "no right to publish" in enricher.log(), "the refusal")
        self.sender.send(collector.port, FEW)
        self.wait_honest(server, login, "goflow2-enriched")
        with nats.Client(server, login) as client:
            process.wait_until(
                lambda: client.api("CONSUMER.INFO.goflow2.enricher").get("ack_floor", {})
                .get("stream_seq") == client.count("goflow2"), "all to be acknowledged")
        self.assertEqual(enricher.stop(), 0)
        self.assertRegex(enricher.log(), "reason=subject_refused count=1 ")
        self.assertEqual(enricher.ledger()["flows"]["delivered"], FEW)
        self.assertEqual(enricher.ledger()["flows"]["waiting"], 0)

    def test_an_enricher_whose_output_stream_leaves_a_subject_out(self):
        server = self.server()
        self.make_stream(server, "goflow2-enriched", subjects=["enriched.NETFLOW_V5"])
        collector = self.collector(server, "-transport.nats.batch.flows=30")
        enricher = self.enricher(server, "-transport.nats.subject=enriched.{type}")
        self.forge(collector.port)
        enricher.wait_for_log("messages of this subject are not stored while others are")
        self.sender.send(collector.port, FEW)
        self.forge(collector.port)
        self.sender.send(collector.port, FEW)
        self.assert_honest_once(server, "goflow2-enriched")
        self.assertEqual(enricher.stop(), 0)
        self.assert_books(enricher, made=2 * FEW + 2, delivered=2 * FEW, failed=2)

    def assert_held(self, server, collector, said, mend):
        """What is refused of all is held and said, also to who looks at the health alone."""
        self.sender.send(collector.port, FEW)
        collector.wait_for_log(said)
        self.wait_health(collector, 503)
        process.wait_until(lambda: said in page(collector, "/status")[1], "the reason in -status")
        mend()
        self.assert_honest_once(server)
        self.wait_health(collector, 200)
        self.assertEqual(collector.stop(), 0)
        self.assert_books(collector, made=FEW, delivered=FEW, failed=0, waiting=0)

    def test_a_stream_that_is_unbound_for_a_while(self):
        server = self.server()
        self.make_stream(server, subjects=["else.where"])
        self.assert_held(server, self.collect(server, "-transport.nats.spool", self.path("s")),
                         "no stream takes the subject",
                         lambda: self.change_stream(server, subjects=["flows.*"]))

    def test_a_full_stream(self):
        server = self.server()
        self.make_stream(server, subjects=["flows.*"], discard="new", max_msgs=3)
        self.assert_held(server, self.collect(server, "-transport.nats.spool", self.path("s")),
                         "maximum messages exceeded",
                         lambda: self.change_stream(server, max_msgs=-1))

    def test_a_user_who_may_not_publish(self):
        users = """authorization {{ users: [{{user: "some", password: "p", permissions:
            {{subscribe: ["_INBOX.>"], publish: [{}"$JS.>"]}}}}] }}"""
        server = self.server(users.format(""))
        self.make_stream(server, subjects=["flows.*"], login={"user": "some", "pass": "p"})
        server.url = server.url.replace("//", "//some:p@")
        collector = self.collect(server, "-transport.nats.spool", self.path("s"))
        self.sender.send(collector.port, FEW)
        collector.wait_for_log("no right to publish")
        self.wait_health(collector, 503)
        with open(server.config, encoding="utf-8") as file:
            config = file.read().replace('publish: ["$JS', 'publish: ["flows.>", "$JS')
        server.kill()
        with open(server.config, "w", encoding="utf-8") as file:
            file.write(config)
        server.start()
        self.wait_health(collector, 200)
        self.assertEqual(collector.stop(), 0)
        self.assert_books(collector, made=FEW, delivered=FEW, failed=0, waiting=0)

    def test_a_stream_that_is_deleted_is_made_again(self):
        server = self.server()
        collector = self.collect(server, "-transport.nats.spool", self.path("s"))
        self.sender.send(collector.port, FEW)
        self.assert_honest_once(server)
        with nats.Client(server) as client:
            self.assertTrue(client.api("STREAM.DELETE.goflow2")["success"])
        self.sender.sent.clear()
        self.sender.send(collector.port, FEW)
        collector.wait_for_log("stream made", 2)
        self.assert_honest_once(server)
        self.wait_health(collector, 200)
        self.assertEqual(collector.stop(), 0)
        self.assert_books(collector, made=2 * FEW, delivered=2 * FEW, failed=0, waiting=0)

    def test_a_stream_that_is_deleted_and_not_ours_to_make(self):
        server = self.server()
        self.make_stream(server, subjects=["flows.*"])
        collector = self.collect(server, "-transport.nats.create=false",
                                 "-transport.nats.spool", self.path("s"))
        self.sender.send(collector.port, FEW)
        self.assert_honest_once(server)
        with nats.Client(server) as client:
            client.api("STREAM.DELETE.goflow2")
        self.sender.sent.clear()
        self.sender.send(collector.port, FEW)
        collector.wait_for_log("the stream is not there, waiting for it")
        self.wait_health(collector, 503)
        self.make_stream(server, subjects=["flows.*"])
        self.wait_health(collector, 200)
        self.assertEqual(collector.stop(), 0)
        self.assert_books(collector, delivered=2 * FEW, failed=0, waiting=0)


if __name__ == "__main__":
    unittest.main()
