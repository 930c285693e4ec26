#!/usr/bin/env python3
"""Collector and enricher around real nats-servers: what goes wrong, and what arrives all the same.

Every flow carries an id of its own (its source address), so that a test can say which ones arrived
and how often.
"""

import base64
import binascii
import collections
import ipaddress
import json
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import flow, nats, netflow, process  # noqa: E402

SRC_ADDR = flow.FIELDS["src_addr"][0]
FIRST_ID = int(ipaddress.IPv4Address("10.0.0.0"))
FEW = 30 * netflow.RECORDS_MAX_V5


def ids_of(data):
    """The ids of the flows in one message."""
    return [next(value for number, _, value in flow.read_message(body) if number == SRC_ADDR)
            for body in flow.split_frames(data)]


def stored(server, stream):
    """{id: how often} of all flows in the stream."""
    with nats.Client(server) as client:
        return collections.Counter(
            number for message in client.messages(stream)
            for number in ids_of(base64.b64decode(message["data"])))


def output(server, *arguments, window=1024):
    return ("-format=bin", "-transport=nats", "-transport.nats.servers", server.url,
            "-transport.nats.window", str(window), "-transport.nats.linger=5ms", *arguments)


class Sender:
    """Sends flows with new ids to a collector, and waits until it has received them."""

    def __init__(self):
        self.sent = []

    def send(self, port, count):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while count > 0:
                some = min(count, netflow.RECORDS_MAX_V5)
                first = FIRST_ID + len(self.sent)
                sources = [str(ipaddress.IPv4Address(first + i)) for i in range(some)]
                out.sendto(netflow.v5(len(self.sent), sources), ("127.0.0.1", port))
                self.sent += [ipaddress.IPv4Address(source).packed for source in sources]
                count -= some


@unittest.skipIf(nats.missing(), "no nats-server")
class NatsTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="nats-test-")
        self.addCleanup(scratch.cleanup)
        self.scratch = scratch.name
        self.sender = Sender()

    def server(self, *arguments, **named):
        server = nats.Server(*arguments, **named).start()
        self.addCleanup(server.__exit__)
        return server

    def start(self, made):
        made.__enter__()
        self.addCleanup(made.__exit__, None)
        return made

    def collector(self, server, *arguments, **named):
        return self.start(process.Collector(*output(server, *arguments, **named)))

    def enricher(self, server, *arguments):
        return self.start(process.Process(
            [process.ENRICHER, "-source=nats", "-source.nats.servers", server.url,
             "-source.nats.ack-wait=2s", *output(server), *arguments]))

    def wait_stored(self, server, stream, ids):
        def all_there():
            self.found = stored(server, stream)
            return set(ids) <= set(self.found)
        process.wait_until(all_there, f"{len(set(ids))} flows in {stream}")

    def assert_once(self, server, stream):
        self.wait_stored(server, stream, self.sender.sent)
        self.assertEqual(self.found, collections.Counter(self.sender.sent))

    def assert_books(self, ended, **wanted):
        books = ended.ledger()["flows"]
        self.assertEqual(books["made"], books["delivered"] + books["filtered"] + books["waiting"] +
                         books["failed"])
        self.assertEqual({key: books[key] for key in wanted}, wanted)

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
            order = [number for message in client.messages("goflow2")
                     for number in ids_of(base64.b64decode(message["data"]))]
        self.assertEqual(order, self.sender.sent)
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
        self.assertEqual(collector.stop(), 0)
        books = collector.ledger()
        lost = books["flows"]["failed"]
        self.assertGreater(lost, 0)
        self.assertIn(f"reason=spool_full count={lost} ", collector.log())
        server.start()
        again = self.collector(server, "-transport.nats.spool", os.path.join(self.scratch, "s"),
                               "-transport.nats.spool.bytes=1MiB")
        kept = books["flows"]["waiting"]
        process.wait_until(lambda: sum(stored(server, "goflow2").values()) == kept, "the rest")
        self.assertEqual(again.stop(), 0)
        self.assert_books(again, made=kept, delivered=kept, failed=0, waiting=0)

    def test_frozen_and_killed_server_loses_nothing(self):
        server = self.server()
        collector = self.collector(server, "-transport.nats.batch.flows=30")
        self.sender.send(collector.port, FEW)
        self.assert_once(server, "goflow2")
        server.send(signal.SIGSTOP)
        self.sender.send(collector.port, FEW)
        server.kill()
        server.start()
        self.assert_once(server, "goflow2")

    def test_outage_longer_than_the_duplicates_window(self):
        server = self.server()
        collector = self.collector(server, "-transport.nats.batch.flows=30",
                                   "-transport.nats.duplicates=2s")
        self.sender.send(collector.port, 30)
        self.assert_once(server, "goflow2")
        server.send(signal.SIGSTOP)
        self.sender.send(collector.port, FEW)
        time.sleep(4)  # the outage
        server.kill()
        server.start()
        self.wait_stored(server, "goflow2", self.sender.sent)
        self.assertEqual(collector.stop(), 0)
        self.assert_books(collector, made=FEW + 30, delivered=FEW + 30)
        found = re.search(r"reason=delivery_uncertain count=(\d+)", collector.log())
        uncertain = int(found.group(1)) if found else 0
        twice = sum(stored(server, "goflow2").values()) - FEW - 30
        self.assertLessEqual(twice, uncertain)
        self.assertGreater(uncertain, 0)

    def test_wrong_credentials_are_said_and_tried_for_ever(self):
        server = self.server('authorization { token: "right" }')
        collector = self.collector(server, "-transport.nats.token=wrong")
        collector.wait_for_log("NATS cannot be reached, trying again")
        self.assertIn("Authorization", collector.log())
        self.sender.send(collector.port, 30)
        server.kill()
        with open(server.config, encoding="utf-8") as file:
            config = file.read().replace('"right"', '"wrong"')
        with open(server.config, "w", encoding="utf-8") as file:
            file.write(config)
        server.start()
        collector.wait_for_log("NATS connected")
        self.assertEqual(collector.stop(), 0)
        self.assert_books(collector, made=30, delivered=30)

    def certificate(self, name, issuer=None, *arguments):
        """A key and a certificate; its own issuer when there is no other."""
        key, pem = (os.path.join(self.scratch, f"{name}.{end}") for end in ("key", "pem"))
        by = ("-CA", self.path(f"{issuer}.pem"), "-CAkey", self.path(f"{issuer}.key")) \
            if issuer else ()
        status, _, log = process.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                      "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                                      "-out", pem, "-days", "2", "-subj", f"/CN={name}", *by,
                                      *arguments])
        self.assertEqual(status, 0, log)

    def path(self, name):
        return os.path.join(self.scratch, name)

    @unittest.skipIf(shutil.which("openssl") is None, "no openssl")
    def test_tls_with_client_certificates(self):
        self.certificate("ca")
        self.certificate("server", "ca", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
        self.certificate("client", "ca")
        self.certificate("stranger")
        server = self.server(f"""tls {{ cert_file: "{self.path('server.pem')}"
            key_file: "{self.path('server.key')}", ca_file: "{self.path('ca.pem')}"
            verify: true }}""", scheme="tls")
        trust = ("-transport.nats.tls.ca", self.path("ca.pem"))

        def known_as(name):
            return ("-transport.nats.tls.cert", self.path(f"{name}.pem"),
                    "-transport.nats.tls.key", self.path(f"{name}.key"))
        cases = {"trusted": (True, (*trust, *known_as("client"))),
                 "server not looked at": (True, ("-transport.nats.tls.insecure",
                                                 *known_as("client"))),
                 "no certificate": (False, trust),
                 "a stranger's": (False, (*trust, *known_as("stranger"))),
                 "server not trusted": (False, ("-transport.nats.tls.ca",
                                                self.path("stranger.pem"), *known_as("client")))}
        for name, (connects, arguments) in cases.items():
            with self.subTest(name):
                collector = self.collector(server, *arguments, "-drain=3s")
                if connects:
                    collector.wait_for_log("NATS connected")
                    self.sender.send(collector.port, 30)
                    self.assertEqual(collector.stop(), 0)
                    self.assert_books(collector, made=30, delivered=30)
                else:
                    collector.wait_for_log("NATS cannot be reached, trying again")
                    self.assertNotIn("NATS connected", collector.log())

    def user_key(self):
        """Seed and public key of a user in the nkey encoding."""
        def derived(*arguments):
            status, out, _ = process.run(["openssl", *arguments, "-outform", "DER"])
            self.assertEqual(status, 0)
            return out[-32:]  # the raw key stands at the end

        def encoded(data):
            return base64.b32encode(
                data + binascii.crc_hqx(data, 0).to_bytes(2, "little")).decode().rstrip("=")
        private = self.path("user.key")
        process.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private])
        user, any_seed = 20 << 3, 18 << 3
        return (encoded(bytes([any_seed | user >> 5, (user & 31) << 3]) +
                        derived("pkey", "-in", private)),
                encoded(bytes([user]) + derived("pkey", "-in", private, "-pubout")))

    @unittest.skipIf(shutil.which("openssl") is None, "no openssl")
    def test_user_token_and_nkey(self):
        seed, public = self.user_key()
        nkey = self.path("user.nk")
        with open(nkey, "w", encoding="utf-8") as file:
            file.write(f"{seed}\n{public}\n")
        cases = {
            'token: "t"': ("-transport.nats.token=t", ""),
            'user: "u", password: "p"': ("", "u:p@"),
            f'users: [{{nkey: "{public}"}}]': (f"-transport.nats.nkey={nkey}", ""),
        }
        for config, (argument, login) in cases.items():
            with self.subTest(config):
                server = self.server(f"authorization {{ {config} }}")
                server.url = server.url.replace("//", f"//{login}")
                arguments = [argument] if argument else []
                collector = self.collector(server, *arguments)
                self.sender.send(collector.port, 30)
                self.assertEqual(collector.stop(), 0)
                self.assert_books(collector, made=30, delivered=30)
                self.assertNotIn("u:p", collector.log())

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

    def test_enricher_killed_at_work(self):
        server = self.server()
        collector = self.collector(server, "-transport.nats.batch.flows=30")
        for _ in range(3):
            enricher = self.enricher(server)
            self.sender.send(collector.port, FEW)
            process.wait_until(lambda: stored(server, "goflow2-enriched"), "some flows")
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

    def shared(self, server, *arguments, **named):
        return self.start(process.Collector(
            "-format=json", "-transport.nats.servers", server.url,
            "-templates.nats.bucket=templates", *arguments, **named))

    def count_of(self, server):
        with nats.Client(server) as client:
            return client.count("KV_templates")

    def test_a_template_is_announced_to_one_collector_and_known_to_all(self):
        for address in ("127.0.0.1", "::1"):
            server = self.server()
            announced = self.shared(server, address=address)
            other = self.shared(server, address=address)
            template = netflow.v9_template(256, [(netflow.SRC_PORT, 2), (netflow.IN_BYTES, 4)])
            data = netflow.v9_data(256, (4711, 2), (99, 4))
            with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                               socket.SOCK_DGRAM) as out:
                out.sendto(netflow.v9(1, 7, data), (address, other.port))  # held until then
                out.sendto(netflow.v9(0, 7, template), (address, announced.port))
                process.wait_until(lambda: b"4711" in other.output(), "the held flow")
                late = self.shared(server, address=address)  # finds it in the bucket
                process.wait_until(lambda: "NATS connected" in late.log(), "the bucket")
                out.sendto(netflow.v9(2, 7, data), (address, late.port))
                process.wait_until(lambda: b"4711" in late.output(), "the flow")
            self.assertEqual(late.stop(), 0)
            self.assertEqual(late.ledger()["flows"]["delivered"], 1)

    def test_what_the_exporter_announces_itself_counts_more_than_the_bucket(self):
        server = self.server()
        collector = self.shared(server)
        forger = self.shared(server)
        right = netflow.v9_template(256, [(netflow.SRC_PORT, 2), (netflow.IN_BYTES, 4)])
        wrong = netflow.v9_template(256, [(netflow.IN_BYTES, 4), (netflow.SRC_PORT, 2)])
        data = netflow.v9_data(256, (4711, 2), (99, 4))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(netflow.v9(0, 7, right), ("127.0.0.1", collector.port))
            process.wait_until(lambda: self.count_of(server) == 1, "the template in the bucket")
            out.sendto(netflow.v9(0, 7, wrong), ("127.0.0.1", forger.port))
            # Each of the other domain arrives behind it.
            out.sendto(netflow.v9(0, 8, wrong), ("127.0.0.1", forger.port))
            process.wait_until(lambda: self.count_of(server) == 2, "the forged ones")
            out.sendto(netflow.v9(1, 8, data), ("127.0.0.1", collector.port))
            process.wait_until(lambda: b'"observation_domain_id":8' in collector.output(),
                               "the forged one to have come")
            out.sendto(netflow.v9(1, 7, data), ("127.0.0.1", collector.port))
            process.wait_until(lambda: b'"src_port":4711' in collector.output(), "the right flow")

    def test_broken_entries_are_passed_over(self):
        server = self.server()
        collector = self.shared(server)
        with nats.Client(server) as client:
            process.wait_until(lambda: "config" in client.api("STREAM.INFO.KV_templates"),
                               "the bucket")
            for i, junk in enumerate((b"", b"\x01", os.urandom(100), b"\x01" + bytes(40),
                                      b"\x01" + bytes(18) + b"\x04" + bytes(16) + b"\0\x09")):
                client.publish(f"$KV.templates.7f000001.1.9.7.0.{i}", junk)
            process.wait_until(lambda: self.count_of(server) == 5, "the entries")
        template = netflow.v9_template(256, [(netflow.SRC_PORT, 2)])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(netflow.v9(0, 7, template), ("127.0.0.1", collector.port))
            out.sendto(netflow.v9(1, 7, netflow.v9_data(256, (4711, 2))),
                       ("127.0.0.1", collector.port))
            process.wait_until(lambda: b"4711" in collector.output(), "the flow")
        self.assertEqual(collector.stop(), 0)


if __name__ == "__main__":
    unittest.main()
