#!/usr/bin/env python3
"""compose/ncg/native as a user runs it, with Debian's servers: every flow of the example traffic is
in ClickHouse once, with its context, and everything ends on Ctrl-C."""

import os
import re
import signal
import sys
import tempfile
import unittest
import urllib.parse
import urllib.request

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from stack import shipped  # noqa: E402
from support import clickhouse, nats, process  # noqa: E402

NATIVE = os.path.join(os.path.dirname(TESTS), "compose", "ncg", "native")
PORTS = ("NATS_PORT", "CLICKHOUSE_PORT", "COLLECTOR_PORT", "NETFLOW_PORT", "IPFIX_PORT",
         "SFLOW_PORT")
FLOWS_OF_A_ROUND = shipped.FLOWS // len(shipped.REPEATED_AT_MINUTES)
LEDGER = re.compile(r'msg="ledger flows" made=(\d+) delivered=(\d+)')


class NativeTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="native-test-")
        self.addCleanup(scratch.cleanup)
        self.folder = os.path.join(scratch.name, "stack")
        self.ports = {name: str(nats.free_port()) for name in PORTS}
        self.metrics = [str(nats.free_port()) for _ in range(2)]

    def start(self, *arguments):
        environment = {**os.environ, **self.ports, "LISTEN": "127.0.0.1",
                       "METRICS_PORTS": " ".join(self.metrics),
                       "PATH": os.pathsep.join([os.path.abspath(process.BIN), os.environ["PATH"],
                                                os.path.dirname(clickhouse.SERVER)])}
        return process.Process(["env", *(f"{k}={v}" for k, v in environment.items()), NATIVE,
                                self.folder, *arguments])

    def query(self, sql):
        url = f'http://127.0.0.1:{self.ports["CLICKHOUSE_PORT"]}/?query={urllib.parse.quote(sql)}'
        try:
            with urllib.request.urlopen(url) as answer:
                return answer.read().decode().split()
        except OSError:
            return ["0"]

    def count(self):
        return int(self.query("SELECT count() FROM flows.flows")[0])

    def ledgers(self, name):
        """(made, delivered), added up over the logs whose names begin so."""
        found = [LEDGER.search(self.log(file)) for file in os.listdir(self.folder)
                 if file.startswith(name) and file.endswith(".log")]
        return tuple(sum(int(match.group(i)) for match in found) for i in (1, 2))

    def log(self, file):
        with open(os.path.join(self.folder, file), encoding="utf-8") as log:
            return log.read()

    def test_flows_arrive_once_and_everything_ends(self):
        with self.start("traffic") as native:
            process.wait_until(lambda: self.count() >= FLOWS_OF_A_ROUND, "a round of flows")
            count, places, groups = self.query(
                "SELECT count(), uniqExact(src_seq, src_idx), uniqExact(src_group) "
                "FROM flows.flows")
            self.assertEqual(count, places)
            self.assertEqual(groups, self.query("SELECT uniqExact(src_group) FROM flows.flows_1m"
                                                )[0])
            native.send(signal.SIGINT)
            self.assertEqual(native.wait(), 0, native.log())
            started = re.findall(r"process (\d+)", native.output().decode())
        self.assertEqual(len(started), 6)
        self.assertEqual([one for one in started if os.path.exists(f"/proc/{one}")], [])
        self.assertEqual(self.ledgers("collector")[0], self.ledgers("collector")[1])
        self.assertEqual(self.ledgers("enricher")[0], self.ledgers("enricher")[1])
        self.restart(self.ledgers("enricher")[1])

    def restart(self, delivered):
        """What was delivered is there, and what the stream still held comes now."""
        made = self.ledgers("collector")[0]
        self.assertLessEqual(delivered, made)
        with self.start() as native:
            process.wait_until(lambda: self.count() >= made, "every flow")
            self.assertEqual(self.count(), made)
            self.assertEqual(self.query("SELECT sum(flows) FROM flows.flows_1h"), [str(made)])
            native.send(signal.SIGTERM)
            self.assertEqual(native.wait(), 0, native.log())

    def test_a_port_that_is_taken_is_told(self):
        with nats.Server(port=int(self.ports["NATS_PORT"])), self.start() as native:
            self.assertEqual(native.wait(), 1)
            self.assertIn(f'port {self.ports["NATS_PORT"]} is taken', native.log())


if __name__ == "__main__":
    if clickhouse.missing() or nats.missing():
        process.left_out("the stack without containers",
                         "clickhouse-server or nats-server is not installed")
        sys.exit(0)
    unittest.main()
