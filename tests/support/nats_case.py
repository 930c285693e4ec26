"""Tests around real nats-servers: every flow carries an id of its own (its source address), so that
a test can say which ones arrived and how often.
"""

import base64
import collections
import ipaddress
import json
import os
import socket
import tempfile
import unittest

from support import flow, nats, netflow, process

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


def in_file(path):
    """{id: how often} of the flows in a file of JSON, but for a last line that is being written."""
    with open(path, encoding="ascii") as file:
        return collections.Counter(ipaddress.IPv4Address(json.loads(line)["src_addr"]).packed
                                   for line in file if line.endswith("\n"))


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


class NatsCase(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        if nats.missing():
            process.left_out(self.id(), "nats-server is not installed")
            self.skipTest("no nats-server")
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

    def file_writer(self, server, path, *arguments, durable="file"):
        """An enricher that writes JSON to a file, with a consumer of its own."""
        return self.start(process.Process(
            [process.ENRICHER, "-source=nats", "-source.nats.servers", server.url,
             "-source.nats.ack-wait=2s", "-source.nats.durable", durable, "-format=json",
             "-transport.file", path, *arguments]))

    def consumer(self, server, durable="enricher"):
        with nats.Client(server) as client:
            return client.api(f"CONSUMER.INFO.goflow2.{durable}")

    def wait_acknowledged(self, server, durable="enricher"):
        def settled():
            info = self.consumer(server, durable)
            return info.get("num_pending") == 0 and info.get("num_ack_pending") == 0
        process.wait_until(settled, "every message to be acknowledged")

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

    def path(self, name):
        return os.path.join(self.scratch, name)
