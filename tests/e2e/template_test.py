#!/usr/bin/env python3
"""What exporters announced outlives the collector: templates, sampling rates, start times."""

import json
import os
import random
import socket
import sys
import tempfile
import threading
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import flow, netflow, process  # noqa: E402

FIELDS = [(netflow.SRC_ADDR, 4), (netflow.DST_ADDR, 4), (netflow.IN_BYTES, 4)]
RECORD = [(0x0A000001, 4), (0xC000020A, 4), (1500, 4)]
SAMPLING_INTERVAL, SYSTEM_INIT_MS = 34, 160
KILLS = 25
SEED = 20240607

# As goflow2 writes it: bit 15 stays in the types of IPFIX options templates, padding became a
# template 0, a withdrawal one without fields.
UPSTREAM = """{"127.0.0.1:%d":{\
"10/7/0":{"template-id":0,"field-count":0,"fields":[]},\
"10/7/256":{"template-id":256,"field-count":3,"fields":[\
{"pen-provided":false,"type":8,"length":4,"pen":0},\
{"pen-provided":false,"type":12,"length":4,"pen":0},\
{"pen-provided":false,"type":1,"length":4,"pen":0}]},\
"10/7/257":{"template-id":257,"field-count":2,"scope-field-count":1,"options":[\
{"pen-provided":true,"type":32769,"length":4,"pen":9}],"scopes":[\
{"pen-provided":false,"type":144,"length":4,"pen":0}]},\
"10/7/258":{"template-id":258,"field-count":0,"fields":null}}}"""


class TemplateTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "made", "on", "the", "way", "templates.json")
        self.exporters = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for exporter in self.exporters:
            exporter.bind(("127.0.0.1", 0))
            self.addCleanup(exporter.close)

    def collector(self, *arguments, query=""):
        return process.Collector("-templates.json.path", self.path, *arguments, query=query)

    def write(self, text):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, suffix=""):
        with open(self.path + suffix, encoding="utf-8") as file:
            return json.load(file)

    def port(self, number):
        return self.exporters[number].getsockname()[1]

    def send(self, collector, number, payload):
        self.exporters[number].sendto(payload, ("127.0.0.1", collector.port))

    def announce(self, collector):
        self.send(collector, 0, netflow.v9(1, 7, netflow.v9_template(256, FIELDS),
                                           netflow.v9_options(257, [SAMPLING_INTERVAL], [1000])))
        self.send(collector, 1, netflow.ipfix(0, 7, netflow.ipfix_template(256, FIELDS),
                                              netflow.ipfix_options(257, [SAMPLING_INTERVAL],
                                                                    [64])))

    def first_flows(self, query=""):
        """What a new collector makes of data alone, and its ledger."""
        with self.collector(query=query) as collector:
            self.send(collector, 0, netflow.v9(2, 7, netflow.v9_data(256, *RECORD)))
            self.send(collector, 1, netflow.ipfix(1, 7, netflow.ipfix_data(256, *RECORD)))
            self.assertEqual(collector.stop(), 0, collector.log())
            flows = flow.read_json_lines(collector.output().decode())
            ledger = collector.ledger()
        return {(f["type"], f["src_addr"], f["bytes"], f["sampling_rate"]) for f in flows}, ledger

    WANTED = {("NETFLOW_V9", "10.0.0.1", 1500, 1000), ("IPFIX", "10.0.0.1", 1500, 64)}

    def test_a_restart_decodes_the_first_datagram(self):
        for query in ("", "?count=4", "?count=4&balance=packet", "?count=4&balance=address%2Bport"):
            query = query.replace("%2B", "+")
            with self.subTest(query=query):
                with self.collector(query=query) as collector:
                    self.announce(collector)
                    self.assertEqual(collector.stop(), 0, collector.log())
                flows, ledger = self.first_flows(query)
                self.assertEqual(flows, self.WANTED)
                self.assertEqual(ledger["sets and samples"],
                                 {"received": 2, "decoded": 2, "held": 0, "dropped": 0})
                os.remove(self.path)
                os.remove(self.path + ".sampling")

    def test_also_after_kill_9(self):
        with self.collector("-templates.json.interval=0") as collector:
            self.announce(collector)
            process.wait_until(
                lambda: os.path.exists(self.path + ".sampling") and
                len(self.read(".sampling")) == 2 and len(self.read()) == 2, "both files")
            collector.process.kill()
            collector.process.wait()
        self.assertEqual(self.first_flows()[0], self.WANTED)

    def test_the_file_is_as_goflow2_writes_it(self):
        with self.collector() as collector:
            self.send(collector, 0, netflow.v9(1, 7, netflow.v9_template(256, FIELDS[:1]),
                                               netflow.v9_options(257, [SAMPLING_INTERVAL], [9])))
            self.assertEqual(collector.stop(), 0, collector.log())
        field = '{"pen-provided":false,"type":%d,"length":4,"pen":0}'
        with open(self.path, encoding="utf-8") as file:
            self.assertEqual(
                file.read(),
                '{"127.0.0.1:%d":{"9/7/256":{"template-id":256,"field-count":1,"fields":[%s]},'
                '"9/7/257":{"template-id":257,"scope-length":4,"option-length":4,"scopes":[%s],'
                '"options":[%s]}}}' % (self.port(0), field % 8, field % 1, field % 34))
        self.assertEqual(self.read(".sampling"),
                         {f"127.0.0.1:{self.port(0)}": {"9/7": {"sampling-rate": 9}}})
        self.assertEqual(os.listdir(os.path.dirname(self.path)).count("templates.json_tmp"), 0)

    def test_goflow2s_file_is_read(self):
        self.write(UPSTREAM % self.port(1))
        with self.collector() as collector:
            collector.wait_for_log("templates=2 ")
            self.send(collector, 1, netflow.ipfix(1, 7, netflow.ipfix_data(256, *RECORD)))
            self.assertEqual(collector.stop(), 0, collector.log())
            self.assertEqual(len(flow.read_json_lines(collector.output().decode())), 1)

    def test_no_file_and_an_empty_one(self):
        with self.collector() as collector:
            self.assertEqual(collector.stop(), 0)
            self.assertNotIn("WARN", collector.log())
        self.assertFalse(os.path.exists(self.path))
        self.write("")
        with self.collector() as collector:
            self.assertEqual(collector.stop(), 0)
            self.assertNotIn("WARN", collector.log())

    def test_of_a_broken_file_nothing_is_loaded(self):
        good = UPSTREAM % self.port(1)
        for text, where in ((good[:-40], f"{self.path}:1:"), (good.replace("10/7/256", "10/7/x"),
                                                              "10/7/x"),
                            (good + "}", f"{self.path}:1:"), ("[]", self.path)):
            with self.subTest(text=text):
                self.write(text)
                with self.collector() as collector:
                    collector.wait_for_log("error preloading templates JSON")
                    self.assertIn(where, collector.log())
                    self.send(collector, 1, netflow.ipfix(1, 7, netflow.ipfix_data(256, *RECORD)))
                    self.assertEqual(collector.stop(), 0)
                    self.assertEqual(collector.ledger()["sets and samples"]["decoded"], 0)
                with open(self.path, encoding="utf-8") as file:
                    self.assertEqual(file.read(), text, "no template came, the file was replaced")

    def test_a_withdrawn_template_stays_withdrawn(self):
        for query in ("", "?count=4"):
            with self.collector(query=query) as collector:
                self.announce(collector)
                self.assertEqual(collector.stop(), 0)
            with self.collector(query=query) as collector:
                self.send(collector, 1, netflow.ipfix(1, 7, netflow.ipfix_template(256, [])))
                self.assertEqual(collector.stop(), 0)
            self.assertEqual(set(self.read()[f"127.0.0.1:{self.port(1)}"]), {"10/7/257"})

    def test_a_new_file_is_for_us_alone(self):
        for mask in (0, 0o277):
            before = os.umask(mask)
            try:
                with self.collector() as collector:
                    self.announce(collector)
                    self.assertEqual(collector.stop(), 0, collector.log())
            finally:
                os.umask(before)
            for suffix in ("", ".sampling"):
                self.assertEqual(os.stat(self.path + suffix).st_mode & 0o777, 0o600)
                os.unlink(self.path + suffix)

    def test_the_mode_of_a_file_stays(self):
        self.write("{}")
        os.chmod(self.path, 0o640)
        with self.collector() as collector:
            self.announce(collector)
            self.assertEqual(collector.stop(), 0, collector.log())
        self.assertIn("template-id", str(self.read()))
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o640)

    def test_a_file_that_cannot_be_written(self):
        """Is said once, and costs no flow."""
        with tempfile.NamedTemporaryFile() as in_the_way:
            self.path = os.path.join(in_the_way.name, "templates.json")
            with self.collector("-templates.json.interval=0") as collector:
                collector.wait_for_log("error preloading templates JSON")
                self.announce(collector)
                collector.wait_for_log("template persistence error")
                self.send(collector, 1, netflow.ipfix(1, 7, netflow.ipfix_data(256, *RECORD)))
                self.assertEqual(collector.stop(), 0)
                self.assertEqual(collector.log().count("template persistence error"), 1)
                self.assertEqual(collector.ledger()["flows"]["delivered"], 1)

    def test_expiry(self):
        with self.collector("-templates.ttl=1ms", "-templates.sweep-interval=1ms") as collector:
            self.announce(collector)
            process.wait_until(lambda: self.sweep(collector), "a sweep")
            self.assertEqual(collector.stop(), 0)
            self.assertIn("template_expired", collector.log())

    def sweep(self, collector):
        """Templates age with the datagrams that come; the second one finds those of the first."""
        self.announce(collector)
        self.swept = getattr(self, "swept", 0) + 1
        return self.swept > 5

    def test_kill_9_at_any_moment(self):
        """While templates change all the time and are saved as fast as it goes."""
        dice = random.Random(SEED)
        ended = threading.Event()
        current = []

        def announce_all():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                for number in range(1 << 30):
                    if ended.is_set():
                        return
                    sets = [netflow.ipfix_template(256 + number % 500 + i, FIELDS * (1 + number % 20))
                            for i in range(3)]
                    options = netflow.ipfix_options(1000, [SAMPLING_INTERVAL], [1 + number % 999])
                    out.sendto(netflow.ipfix(0, number % 3, *sets, options),
                               ("127.0.0.1", current[0]))
                    ended.wait(0.0005)

        thread = None
        saved = 0
        try:
            for _ in range(KILLS):
                with self.collector("-templates.json.interval=0") as collector:
                    current[:] = [collector.port]
                    if thread is None:
                        thread = threading.Thread(target=announce_all)
                        thread.start()
                    ended.wait(dice.uniform(0.05, 0.45))
                    collector.process.kill()
                    collector.process.wait()
                    self.assertNotIn("WARN", collector.log())
                for suffix in ("", ".sampling"):
                    if os.path.exists(self.path + suffix):
                        self.read(suffix)
                        saved += 1
        finally:
            ended.set()
            if thread is not None:
                thread.join()
        self.assertGreater(saved, KILLS, "hardly anything was saved: the test proves nothing")
        with self.collector() as collector:
            collector.wait_for_log("loaded what exporters announced before")
            self.assertNotIn("WARN", collector.log())
            self.assertEqual(collector.stop(), 0)


if __name__ == "__main__":
    unittest.main()
