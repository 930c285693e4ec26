#!/usr/bin/env python3
"""SIGTERM and SIGINT drain, SIGHUP reloads and reopens, and nothing is lost by either."""

import fcntl
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import flow, netflow, process  # noqa: E402

RECORDS = 25
DATAGRAMS = 40
FILLING = 1000  # datagrams whose flows are more than a pipe holds
FRAME = b"\x02\x08\x02"  # the shortest flow
FRAMES = 300_000
QUIET_MS = 200
RECEIVE_ERRORS = {socket.AF_INET: (socket.IPPROTO_IP, 11),  # IP_RECVERR
                  socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}  # IPV6_RECVERR
SET_PIPE_SIZE = 1031  # fcntl.F_SETPIPE_SZ
PIPE_BYTES = 1 << 20


def context_of(group):
    return f"networks:\n  - name: {group}\n    cidr: 10.0.0.0/8\n    context: {{owner: {group}}}\n"


BROKEN_CONTEXT = "networks:\n  - name: broken\n    cidr: 10.0.0.1/8\n"


def datagram(sequence):
    return netflow.v5(sequence, [f"10.0.{sequence}.{n}" for n in range(RECORDS)])


def send(port, *payloads):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for payload in payloads:
            out.sendto(payload, ("127.0.0.1", port))


def count_errors(out):
    """How many datagrams were refused; the kernel may take a moment to say so of the last ones."""
    count = 0
    errors = select.poll()
    errors.register(out, 0)
    while errors.poll(QUIET_MS):
        out.recvmsg(1, 512, socket.MSG_ERRQUEUE)
        count += 1
    return count


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class DrainTest(unittest.TestCase):
    def drains(self, number):
        """What a socket holds when the signal comes is still decoded and written."""
        with process.Collector("-format=json") as collector:
            send(collector.port, *(datagram(n) for n in range(DATAGRAMS)))
            self.assertEqual(collector.stop(number), 0, collector.log())
            flows = flow.read_json_lines(collector.output().decode())
            self.assertEqual({f["src_addr"] for f in flows},
                             {f"10.0.{s}.{n}" for s in range(DATAGRAMS) for n in range(RECORDS)})
            ledger = collector.ledger()
            self.assertEqual(ledger["datagrams"]["parsed"], DATAGRAMS)
            self.assertEqual(ledger["flows"]["delivered"], DATAGRAMS * RECORDS)
            self.assertEqual(ledger["flows"]["waiting"], 0)

    def test_sigterm(self):
        self.drains(signal.SIGTERM)

    def test_sigint(self):
        self.drains(signal.SIGINT)

    def test_each_datagram_until_nobody_listens(self):
        """Exporters do not stop for us: what the kernel has taken from them is in the books, and
        what comes later is refused, also while the output waits for its reader."""
        for listened, query, address in (("127.0.0.1", "", "127.0.0.1"),
                                         ("0.0.0.0", "?count=4", "127.0.0.1"),
                                         ("::1", "?count=2", "::1"), ("::", "", "::1"),
                                         ("::", "", "127.0.0.1")):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with self.subTest(listened=listened, address=address), \
                    process.Collector("-format=bin", "-drain=200ms", query=query, address=listened,
                                      stdout=subprocess.PIPE) as collector, \
                    socket.socket(family, socket.SOCK_DGRAM) as out:
                out.setsockopt(*RECEIVE_ERRORS[family], 1)
                out.connect((address, collector.port))
                sent = 0
                try:
                    while True:
                        out.send(datagram(sent % DATAGRAMS))
                        sent += 1
                        if sent == FILLING:
                            collector.send(signal.SIGTERM)
                except ConnectionRefusedError:
                    refused = count_errors(out)
                self.assertEqual(collector.wait(), 0, collector.log())
                ledger = collector.ledger()
                self.assertEqual(ledger["datagrams"]["received"] + ledger["kernel"]["dropped"],
                                 sent - refused, collector.log())

    def ends_with_a_full_pipe(self, *arguments):
        """What an enricher makes of a pipe that was filled before it was asked to end."""
        with process.Process([process.ENRICHER, "-format=bin", "-transport.file.sep=",
                              *arguments], stdin=subprocess.PIPE) as enricher:
            enricher.wait_for_log("starting enricher")
            pipe = enricher.process.stdin.fileno()
            fcntl.fcntl(pipe, SET_PIPE_SIZE, PIPE_BYTES)
            enricher.send(signal.SIGSTOP)
            os.write(pipe, FRAME * FRAMES)
            enricher.process.stdin.close()
            enricher.send(signal.SIGTERM)
            enricher.send(signal.SIGCONT)
            self.assertEqual(enricher.wait(), 0, enricher.log())
            delivered = enricher.ledger()["flows"]["delivered"]
            self.assertEqual(enricher.output(), FRAME * delivered)
            return delivered, enricher.log()

    def test_what_a_pipe_holds(self):
        """Ctrl-C ends both programs of a pipeline: the second one reads what the first has left."""
        delivered, log = self.ends_with_a_full_pipe()
        self.assertEqual(delivered, FRAMES)
        self.assertNotIn("unread_bytes", log)

    def test_a_pipe_that_there_is_no_time_for(self):
        delivered, log = self.ends_with_a_full_pipe("-drain=0s")
        unread = re.search(r"unread_bytes=(\d+)", log)
        unread = int(unread.group(1)) if unread else 0  # it may have read all before it was asked
        self.assertEqual(delivered + unread // len(FRAME), FRAMES, log)

    def test_both_at_once(self):
        with process.Collector("-format=bin", "-transport.file.sep=",
                               stdout=subprocess.PIPE) as collector, \
                process.Process([process.ENRICHER], stdin=collector.process.stdout) as enricher:
            collector.process.stdout.close()
            enricher.wait_for_log("starting enricher")
            send(collector.port, *(datagram(n) for n in range(DATAGRAMS)))
            collector.send(signal.SIGINT)
            enricher.send(signal.SIGINT)
            self.assertEqual((collector.wait(), enricher.wait()), (0, 0))
            self.assertEqual(collector.ledger()["flows"]["delivered"], DATAGRAMS * RECORDS)
            self.assertEqual(enricher.ledger()["flows"]["delivered"], DATAGRAMS * RECORDS)

    def test_an_idle_enricher_ends_at_once(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with process.Process([process.ENRICHER], stdin=subprocess.PIPE) as enricher:
                enricher.wait_for_log("starting enricher")
                self.assertEqual(enricher.stop(number), 0, enricher.log())


class ReloadTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.context = os.path.join(folder.name, "context.yaml")
        self.output = os.path.join(folder.name, "flows.json")
        write(self.context, context_of("before"))
        self.sent = 0

    def groups(self, reader, feed):
        """Feeds one more datagram's worth of flows; the groups that the newest flows have."""
        self.sent += 1
        feed(self.sent)
        process.wait_until(lambda: reader().count(b"\n") >= self.sent * RECORDS, "its flows")
        newest = flow.read_json_lines(reader().decode())[-RECORDS:]
        groups = {f["context"]["source_group"] for f in newest}
        self.assertEqual(len(groups), 1, "flows of one batch saw two snapshots")
        return groups

    def test_one_that_comes_before_the_settings_are_read(self):
        """It waits: the settings' file is a FIFO that nobody has written to yet."""
        config = self.context + ".fifo"
        os.mkfifo(config)
        for program, ready in (([process.COLLECTOR, "-listen=netflow://127.0.0.1:0", "-addr="],
                                "starting collection"), ([process.ENRICHER], "starting enricher")):
            with process.Process([*program, "-config", config, "-context.config", self.context],
                                 stdin=subprocess.PIPE) as started:
                with open(config, "w", encoding="utf-8") as file:  # returns when it is being read
                    started.send(signal.SIGHUP)
                    file.write("loglevel: info\n")
                started.wait_for_log(ready)
                started.wait_for_log("reloaded context and databases")
                self.assertEqual(started.stop(), 0, started.log())

    def check_reload(self, program, reader, feed):
        self.assertEqual(self.groups(reader, feed), {"before"})
        write(self.context, context_of("after"))
        program.send(signal.SIGHUP)
        program.wait_for_log("reloaded")  # the workers take it up between two batches
        process.wait_until(lambda: self.groups(reader, feed) == {"after"}, "the new snapshot")
        write(self.context, BROKEN_CONTEXT)
        program.send(signal.SIGHUP)
        program.wait_for_log("reload failed")
        self.assertIn(f"{self.context}:3: ", program.log())
        self.assertEqual(self.groups(reader, feed), {"after"})
        os.remove(self.context)
        program.send(signal.SIGHUP)
        program.wait_for_log("reload failed", times=2)
        self.assertEqual(self.groups(reader, feed), {"after"})

    def test_enricher(self):
        with process.Collector("-format=bin", "-transport.file.sep=",
                               stdout=subprocess.PIPE) as collector, \
                process.Process([process.ENRICHER, "-context.config", self.context],
                                stdin=collector.process.stdout) as enricher:
            enricher.wait_for_log("starting enricher")
            self.check_reload(enricher, enricher.output,
                              lambda n: send(collector.port, datagram(n)))
            self.assertEqual(collector.stop(), 0)
            self.assertEqual(enricher.wait(), 0)

    def test_collector(self):
        """Its stdout is no file that can be opened again: SIGHUP must not kill it."""
        status, help_text, log = process.run([process.COLLECTOR, "-h"])
        self.assertEqual(status, 0)
        self.assertIn("-context.config", help_text.decode() + log)
        with process.Collector("-format=json", "-context.config", self.context) as collector:
            self.check_reload(collector, collector.output,
                              lambda n: send(collector.port, datagram(n)))
            self.assertEqual(collector.stop(), 0)

    def test_broken_at_start(self):
        write(self.context, BROKEN_CONTEXT)
        for program in (process.ENRICHER, process.COLLECTOR):
            status, _, log = process.run([program, "-context.config", self.context])
            self.assertEqual(status, 1, log)
            self.assertIn(f"{self.context}:3: ", log)
            self.assertIn("10.0.0.0/8", log)

    def test_output_file_is_opened_again(self):
        moved = self.output + ".1"
        with process.Collector("-format=json", "-transport.file", self.output) as collector:
            send(collector.port, datagram(1))
            process.wait_until(lambda: os.path.getsize(self.output) > 0, "the first flows")
            os.rename(self.output, moved)
            collector.send(signal.SIGHUP)
            collector.wait_for_log("opened the output again")  # it exists before it is written to
            send(collector.port, datagram(2))
            self.assertEqual(collector.stop(), 0)
        for path, number in ((moved, 1), (self.output, 2)):
            with open(path, encoding="utf-8") as file:
                flows = flow.read_json_lines(file.read())
            self.assertEqual({f["src_addr"] for f in flows},
                             {f"10.0.{number}.{n}" for n in range(RECORDS)})


if __name__ == "__main__":
    unittest.main()
