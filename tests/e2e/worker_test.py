#!/usr/bin/env python3
"""Several workers and several exporters at once: frames stay whole, exporters stay apart."""

import collections
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import flow, netflow, process  # noqa: E402

WORKERS = 4
EXPORTERS = 16
DATAGRAMS_OF_EACH = 120
ADDRESSES = 400  # so many that what is remembered of them is fetched ahead
SLOW_READ_BYTES = 4096  # less than a pipe holds: writes are partial again and again


def exporter_socket(port):
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.connect(("127.0.0.1", port))
    return out


class WorkerTest(unittest.TestCase):
    def test_one_pipe_and_a_slow_reader(self):
        """The reader begins when all is sent, and reads little at a time."""
        with process.Collector("-format=bin", "-transport.file.sep=", scheme="netflow",
                               query=f"?count={WORKERS}&workers={WORKERS}&balance=address+port",
                               stdout=subprocess.PIPE) as collector:
            sockets = [exporter_socket(collector.port) for _ in range(EXPORTERS)]
            sent = collections.Counter()
            for sequence in range(DATAGRAMS_OF_EACH):
                for number, out in enumerate(sockets):
                    sources = [f"10.{number}.{sequence}.{n}"
                               for n in range(netflow.RECORDS_MAX_V5)]
                    out.send(netflow.v5(sequence, sources))
                    sent.update(sources)
            collector.send(signal.SIGTERM)
            received = bytearray()
            while True:
                block = os.read(collector.process.stdout.fileno(), SLOW_READ_BYTES)
                if not block:
                    break
                received += block
            self.assertEqual(collector.wait(), 0, collector.log())
            for out in sockets:
                out.close()
            ledger = collector.ledger()
            bodies = flow.split_frames(bytes(received))
            self.assertEqual(ledger["flows"]["delivered"], len(bodies))
            self.assertEqual(ledger["flows"]["waiting"], 0)
            dropped = ledger.get("kernel", {}).get("dropped", 0)
            if dropped:
                process.left_out(self.id(), f"{dropped} datagrams that the kernel did not queue")
            self.assertEqual(ledger["datagrams"]["received"] + dropped,
                             EXPORTERS * DATAGRAMS_OF_EACH)
            number = flow.FIELDS["src_addr"][0]
            came = collections.Counter(
                ".".join(map(str, next(value for field, _, value in flow.read_message(body)
                                       if field == number))) for body in bodies)
            self.assertEqual(came - sent, collections.Counter())
            self.assertEqual(len(sent) - len(came), dropped * netflow.RECORDS_MAX_V5)

    def test_exporters_behind_one_address(self):
        """Same address, same domain, same template id, different layouts: the port tells them
        apart, also when each sends its data after the other announced its template."""
        layouts = [
            [(netflow.SRC_ADDR, 4), (netflow.DST_ADDR, 4), (netflow.IN_BYTES, 4)],
            [(netflow.IN_BYTES, 8), (netflow.PROTOCOL, 1), (netflow.SRC_ADDR, 4)],
            [(netflow.DST_PORT, 2), (netflow.SRC_PORT, 2), (netflow.SRC_ADDR, 4)],
        ]
        values = [
            [(0x0A000001, 4), (0x0A000002, 4), (1500, 4)],
            [(70000000000, 8), (6, 1), (0x0A000003, 4)],
            [(443, 2), (50000, 2), (0x0A000004, 4)],
        ]
        wanted = {
            ("10.0.0.1", "10.0.0.2", "HOPOPT", 0, 0, 1500),
            ("10.0.0.3", "", "TCP", 0, 0, 70000000000),
            ("10.0.0.4", "", "HOPOPT", 50000, 443, 0),
        }
        rounds = 5
        with process.Collector("-format=json", scheme="netflow") as collector:
            sockets = [exporter_socket(collector.port) for _ in layouts]
            for sequence in range(rounds):
                for out, layout in zip(sockets, layouts):
                    out.send(netflow.v9(2 * sequence, 7, netflow.v9_template(256, layout)))
                for out, record in zip(sockets, values):
                    out.send(netflow.v9(2 * sequence + 1, 7, netflow.v9_data(256, *record)))
            self.assertEqual(collector.stop(), 0)
            for out in sockets:
                out.close()
            flows = collections.Counter(
                (f["src_addr"], f["dst_addr"], f["proto"], f["src_port"], f["dst_port"], f["bytes"])
                for f in flow.read_json_lines(collector.output().decode()))
        self.assertEqual(flows, collections.Counter({row: rounds for row in wanted}))

    def test_many_addresses(self):
        """Each with templates of its own; datagrams in any order, batches of any size."""
        rounds = 6
        layouts = [
            [(netflow.SRC_ADDR, 4), (netflow.DST_ADDR, 4), (netflow.IN_BYTES, 4)],
            [(netflow.IN_BYTES, 8), (netflow.PROTOCOL, 1), (netflow.SRC_ADDR, 4)],
        ]
        order = random.Random(1)
        wanted = collections.Counter()
        with process.Collector("-format=bin", "-transport.file.sep=",
                               scheme="netflow") as collector, contextlib.ExitStack() as stack:
            sockets = []
            for number in range(ADDRESSES):
                out = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                out.bind((f"127.1.{number // 250}.{number % 250 + 1}", 0))
                out.connect(("127.0.0.1", collector.port))
                sockets.append(out)
            for sequence in range(rounds):
                for number in order.sample(range(ADDRESSES), ADDRESSES):
                    layout = layouts[number % 2]
                    address = 10 << 24 | sequence << 16 | number
                    values = {netflow.SRC_ADDR: address, netflow.IN_BYTES: number + 1}
                    record = [(values.get(element, 6), length) for element, length in layout]
                    sets = [netflow.v9_data(256, *record)]
                    if sequence == 0:
                        sets.insert(0, netflow.v9_template(256, layout))
                    sockets[number].send(netflow.v9(sequence, 7, *sets))
                    wanted[address.to_bytes(4, "big"), number + 1] += 1
            self.assertEqual(collector.stop(), 0)
            dropped = collector.ledger().get("kernel", {}).get("dropped", 0)
            bodies = flow.split_frames(collector.output())
        address_field, bytes_field = flow.FIELDS["src_addr"][0], flow.FIELDS["bytes"][0]
        came = collections.Counter()
        for body in bodies:
            fields = {field: value for field, _, value in flow.read_message(body)}
            came[bytes(fields[address_field]), fields[bytes_field]] += 1
        self.assertEqual(came - wanted, collections.Counter())
        if dropped:
            process.left_out(self.id(), f"{dropped} datagrams that the kernel did not queue")
        else:
            self.assertEqual(came, wanted)


if __name__ == "__main__":
    unittest.main()
