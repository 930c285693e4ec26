"""What the writer of ClickHouse has to hold, whatever the server: the classes below are run against
Debian's server and against the current engine.

Every flow has a source address of its own, so that a test can say which ones arrived how often.
"""

import collections
import ipaddress
import os
import sys
import tempfile
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import clickhouse, clickhouse_row, flow, nats, process  # noqa: E402

FIXTURES = os.path.join(TESTS, "fixtures")
DEMO = os.path.join(FIXTURES, "demo.pcap")
ENRICHMENT = ("-context.config", os.path.join(FIXTURES, "demo-context.yaml"),
              "-db.asn", os.path.join(FIXTURES, "demo-asn.mmdb"),
              "-db.country", os.path.join(FIXTURES, "demo-country.mmdb"))
FIRST_ID = int(ipaddress.IPv4Address("10.0.0.0"))
FLOWS_IN_MESSAGE = 50
SAMPLING_RATE = 100
OCTETS = 1000
FIELD = {name: number for name, (number, _, _) in flow.FIELDS.items()}


def address(number):
    return ipaddress.IPv4Address(FIRST_ID + number).packed


def make_flow(number, received_ns=None):
    """A flow with an id of its own, received now unless told otherwise."""
    return flow.write_message([
        (FIELD["type"], flow.VARINT, flow.ENUMS["FlowType"]["IPFIX"]),
        (FIELD["sampling_rate"], flow.VARINT, SAMPLING_RATE),
        (FIELD["src_addr"], flow.BYTES, address(number)),
        (FIELD["bytes"], flow.VARINT, OCTETS),
        (FIELD["packets"], flow.VARINT, 1),
        (FIELD["time_received_ns"], flow.VARINT, received_ns or time.time_ns())])


def make_frames(first, count, received_ns=None):
    return flow.join_frames(make_flow(number, received_ns)
                            for number in range(first, first + count))


class Case(unittest.TestCase):
    """`self.server` answers to query and number, and has a url and a port."""

    maxDiff = None
    compressions = ("none", "gzip")

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="clickhouse-test-")
        self.addCleanup(scratch.cleanup)
        self.scratch = scratch.name
        self.server = self.make_server()

    def make_server(self):
        raise NotImplementedError

    def flags(self, *more, url=None):
        return ("-clickhouse.url", url or self.server.url, "-clickhouse.timeout=5s",
                "-clickhouse.linger=50ms", *more)

    def migrate(self, *more):
        status, _, log = process.run([process.ENRICHER, *self.flags("-clickhouse.migrate", *more)])
        self.assertEqual(status, 0, log)
        return log

    def insert(self, frames, *more, **named):
        """The frames through an enricher that ends by itself; its log."""
        status, _, log = process.run(
            [process.ENRICHER, "-transport=clickhouse", *self.flags(*more, **named)], frames)
        self.assertEqual(status, 0, log)
        return log

    def start(self, *arguments, **named):
        made = process.Process([process.ENRICHER, "-transport=clickhouse", *arguments], **named)
        made.__enter__()
        self.addCleanup(made.__exit__, None)
        return made

    def make_proxy(self):
        proxy = clickhouse.Proxy(self.server.port)
        self.addCleanup(proxy.close)
        return proxy

    def start_idle(self, *arguments):
        """With a pipe into it that stays open."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, writer)
        enricher = self.start(*arguments, stdin=reader)
        os.close(reader)
        return enricher, writer

    def counts(self):
        """How often each id is there."""
        return collections.Counter(row["src_addr"] for row in clickhouse_row.read(self.server))

    def wanted(self, count):
        return collections.Counter((clickhouse_row.MAPPED + address(number)).hex().upper()
                                   for number in range(count))

    def assert_once(self, count):
        self.assertEqual(self.counts(), self.wanted(count))

    def assert_sums(self, count):
        for table in ("flows_1m", "flows_5m", "flows_1h"):
            sums = self.server.query(f"SELECT sum(flows), sum(packets), sum(bytes) FROM flows.{table}")
            self.assertEqual([int(value) for value in sums.split()],
                             [count, count * SAMPLING_RATE, count * SAMPLING_RATE * OCTETS], table)

    def assert_books(self, log, **wanted):
        made = process.LEDGER_LINE.findall(log)
        books = {name: int(value) for line, rest in made if line == "flows"
                 for name, value in (word.split("=") for word in rest.split())}
        self.assertEqual(books["made"], books["delivered"] + books["filtered"] + books["waiting"] +
                         books["failed"])
        self.assertEqual({name: books[name] for name in wanted}, wanted)


class Table:
    """Cases of tables and values."""

    def test_every_column_holds_what_the_flow_says(self):
        self.migrate()
        raw = process.read_capture(DEMO, "-format=bin", "-transport.file.sep=")
        status, enriched, log = process.run(
            [process.ENRICHER, *ENRICHMENT, "-format=bin", "-transport.file.sep="], raw)
        self.assertEqual(status, 0, log)
        self.insert(raw, *ENRICHMENT)
        self.assert_rows(list(flow.split_frames(enriched)))

    def test_columns_take_the_largest_and_the_strangest(self):
        bodies = [flow.write_message(list(strange_fields(number))) for number in range(4)]
        bodies.append(flow.write_message([(FIELD["time_received_ns"], flow.VARINT, time.time_ns())]))
        self.migrate()
        self.insert(flow.join_frames(bodies))
        self.assert_rows(bodies)

    def assert_rows(self, bodies):
        rows = clickhouse_row.read(self.server)
        self.assertEqual(len(rows), len(bodies))
        for row, body in zip(rows, bodies):
            for name in clickhouse_row.ORIGIN:
                del row[name]
            self.assertEqual(row, clickhouse_row.expected(body))

    def test_migration_may_be_done_again_and_by_several(self):
        together = [self.start(*self.flags("-clickhouse.migrate")) for _ in range(3)]
        for process_ in together:
            self.assertEqual(process_.wait(), 0, process_.log())
        self.assertNotIn("migrated", self.migrate())
        versions = self.server.query("SELECT DISTINCT version FROM flows.schema_version "
                                     "ORDER BY version").split()
        self.assertEqual(versions, [str(n + 1) for n in range(len(versions))])
        self.assertGreaterEqual(len(versions), 10)
        self.assertEqual(self.server.number("SELECT count() FROM flows.flows_protocol_name "
                                            "WHERE number = 6 AND name = 'TCP'") > 0, True)

    def test_migration_adds_columns_that_are_new(self):
        self.migrate()
        self.server.query("ALTER TABLE flows.flows DROP COLUMN forwarding_status")
        self.insert_while_broken("has no column forwarding_status", self.migrate)

    def test_a_table_that_is_missing_is_waited_for(self):
        self.insert_while_broken("there is no table flows.flows", self.migrate)

    def insert_while_broken(self, complaint, mend):
        with open(os.path.join(self.scratch, "flows"), "w+b") as file:
            file.write(make_frames(0, 10))
            file.seek(0)
            enricher = self.start(*self.flags(), stdin=file)
        enricher.wait_for_log(complaint)
        self.assertIn("enricher -clickhouse.migrate", enricher.log())
        mend()
        self.assertEqual(enricher.wait(), 0, enricher.log())
        self.assert_once(10)

    def test_a_column_of_another_type_is_told(self):
        self.migrate()
        self.server.query("ALTER TABLE flows.flows DROP COLUMN src_mac")
        self.server.query("ALTER TABLE flows.flows ADD COLUMN src_mac String")
        enricher, _ = self.start_idle(*self.flags())
        enricher.wait_for_log("column src_mac: got String, wanted UInt64")

    def test_sums_are_of_what_was_sampled(self):
        self.migrate()
        self.insert(make_frames(0, 500))
        self.assert_once(500)
        self.assert_sums(500)

    def test_compressed(self):
        self.migrate()
        for number, compression in enumerate(self.compressions):
            self.insert(make_frames(100 * number, 100), "-clickhouse.compression", compression)
        self.assert_once(100 * len(self.compressions))

    def test_a_refused_row_costs_only_itself(self):
        self.migrate()
        self.refuse_addresses([address(7), address(123)])
        log = self.insert(make_frames(0, 300))
        self.assert_books(log, made=300, delivered=298, failed=2)
        self.assertEqual(log.count("ClickHouse refuses a flow"), 1)
        self.assertIn("reason=row_refused count=2", log)
        wanted = self.wanted(300)
        for number in (7, 123):
            del wanted[(clickhouse_row.MAPPED + address(number)).hex().upper()]
        self.assertEqual(self.counts(), wanted)


def strange_fields(number):
    """Every field once, and numbers at their ends."""
    for field in clickhouse_row.CONTEXTS.values():
        for key in ("", "zone", "länge")[:number]:
            entry = flow.write_message([(1, flow.BYTES, key.encode()), (2, flow.BYTES, b"v" * 300)])
            yield field, flow.BYTES, entry
    for name, (field, kind, repeated) in flow.FIELDS.items():
        if name in clickhouse_row.ADDRESSES:
            for _ in range(number if repeated else 1):
                yield field, flow.BYTES, bytes(range((0, 4, 16, 5)[number]))
        elif repeated:
            yield field, flow.BYTES, b"".join(map(flow.write_varint, (0, 1, 2**32 - 1)[:number]))
        elif kind in flow.ENUMS:
            yield field, flow.VARINT, (1, 4, 5, 99)[number]
        elif kind in ("string", "bytes"):
            yield field, flow.BYTES, ("", "ä", "x" * 200, "\t'\\\n")[number].encode()
        elif name == "time_received_ns":
            yield field, flow.VARINT, time.time_ns()  # what is old is not kept
        else:
            most = 2**64 - 1 if kind == "uint64" else 2**32 - 1
            yield field, flow.VARINT, (1, most, most // 2, 255)[number]


class Delivery:
    """Cases of outcomes that are not known."""

    def test_a_lost_answer_inserts_nothing_twice(self):
        self.migrate()
        proxy = self.make_proxy()
        proxy.lose = 3
        log = self.insert(make_frames(0, 300), url=proxy.url)
        self.assertGreater(proxy.lost, 0)
        self.assert_books(log, made=300, delivered=300, failed=0)
        self.assert_once(300)
        self.assert_sums(300)


class FromStream(Case):
    """Flows from JetStream."""

    ACK_WAIT = "-source.nats.ack-wait=2s"

    def make_stream(self):
        self.nats = nats.Server().start()
        self.addCleanup(self.nats.__exit__)
        self.migrate()
        self.published = 0
        with nats.Client(self.nats) as client:
            client.api("STREAM.CREATE.goflow2", {"name": "goflow2", "subjects": ["goflow2.>"]})

    def publish(self, messages, received_ns=None):
        with nats.Client(self.nats) as client:
            for _ in range(messages):
                frames = make_frames(self.published, FLOWS_IN_MESSAGE, received_ns)
                client.publish("goflow2.flows", frames, client.inbox)
                client.next()
                self.published += FLOWS_IN_MESSAGE

    def source(self, *more, url=None):
        return ("-source=nats", "-source.nats.servers", self.nats.url, self.ACK_WAIT,
                *self.flags(*more, url=url), "-clickhouse.timeout=1s")

    def wait_acknowledged(self):
        def done():
            with nats.Client(self.nats) as client:
                info = client.api("CONSUMER.INFO.goflow2.enricher")
            return info.get("num_pending") == 0 and info.get("num_ack_pending") == 0
        process.wait_until(done, "all messages acknowledged")


@unittest.skipIf(nats.missing(), "no nats-server")
class Stream(FromStream):
    """Cases of flows from JetStream, each exactly once."""

    def test_every_flow_of_a_stream_is_inserted_once(self):
        self.make_stream()
        self.publish(40)
        enricher = self.start(*self.source())
        self.wait_acknowledged()
        self.publish(10)
        self.wait_acknowledged()
        self.assertEqual(enricher.stop(), 0, enricher.log())
        self.assert_once(self.published)
        self.assert_sums(self.published)
        self.assert_books(enricher.log(), made=self.published, delivered=self.published, failed=0)
        places = self.server.query("SELECT DISTINCT src_seq, src_idx FROM flows.flows").split("\n")
        self.assertEqual(len(places) - 1, self.published)

    def test_streams_of_one_name_are_told_apart(self):
        """Of two servers, or made anew: the same sequences at the same times. What an enricher
        reads first is asked for."""
        self.make_stream()
        received_ns = time.time_ns()
        for _ in range(2):
            self.publish(20, received_ns)
            enricher = self.start(*self.source())
            self.wait_acknowledged()
            self.assertEqual(enricher.stop(), 0, enricher.log())
            self.assertNotIn("reason=row_present", enricher.log())
            with nats.Client(self.nats) as client:
                client.api("STREAM.DELETE.goflow2")
                client.api("STREAM.CREATE.goflow2", {"name": "goflow2", "subjects": ["goflow2.>"]})
        self.assert_once(self.published)

    def test_what_is_delivered_again_is_not_inserted_again(self):
        """The first enricher inserts and is killed before it, and so the stream, hears of it."""
        self.make_stream()
        proxy = self.make_proxy()
        proxy.lose, proxy.cut = 1, True
        self.publish(20)
        first = self.start(*self.source(url=proxy.url))
        process.wait_until(lambda: proxy.lost > 0, "an answer lost")
        first.process.kill()
        first.wait()
        second = self.start(*self.source("-clickhouse.batch.rows=130"))
        self.wait_acknowledged()
        self.assertEqual(second.stop(), 0, second.log())
        self.assert_once(self.published)
        self.assert_sums(self.published)
        self.assertIn("reason=row_present", second.log())

    def test_what_is_under_way_at_the_end_comes_to_another(self):
        self.make_stream()
        proxy = self.make_proxy()
        proxy.lose, proxy.cut = 1, True
        self.publish(20)
        first = self.start(*self.source("-drain=100ms", url=proxy.url))
        process.wait_until(lambda: proxy.lost > 0, "an answer lost")
        first.stop()
        second = self.start(*self.source())
        self.wait_acknowledged()
        self.assertEqual(second.stop(), 0, second.log())
        self.assert_once(self.published)
        self.assert_sums(self.published)

    def test_a_consumer_made_anew_inserts_nothing_again(self):
        """Once while the enricher runs, once between two of them."""
        self.make_stream()
        self.publish(30)
        first = self.start(*self.source("-clickhouse.batch.rows=100"))
        self.wait_acknowledged()
        self.forget_consumer()
        self.publish(10)
        self.wait_acknowledged()
        self.assertEqual(first.stop(), 0, first.log())
        self.assert_once(self.published)
        self.forget_consumer()
        self.publish(10)
        second = self.start(*self.source("-clickhouse.batch.rows=170"))
        self.wait_acknowledged()
        self.assertEqual(second.stop(), 0, second.log())
        self.assert_once(self.published)
        self.assert_sums(self.published)

    def forget_consumer(self):
        with nats.Client(self.nats) as client:
            self.assertTrue(client.api("CONSUMER.DELETE.goflow2.enricher")["success"])
