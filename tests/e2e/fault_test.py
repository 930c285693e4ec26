#!/usr/bin/env python3
"""What goes wrong around the programs, and what the books say of it: outputs that close, fill up or
stand still; databases that change under a running process; clocks that jump; input that is none.

Templates that are being saved when the process is killed: template_test.py. Context files that are
broken or gone on reload: signal_test.py.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import capture, flow, netflow, process  # noqa: E402

FIXTURES = os.path.join(TESTS, "fixtures")
DEMO = os.path.join(FIXTURES, "demo.pcap")
BIN = ("-format=bin", "-transport.file.sep=")
RING = "-transport.file.buffer=5MiB"  # the smallest there is: five MiB
RECORDS = netflow.RECORDS_MAX_V5
SECOND_NS = 10**9
YEAR_NS = 365 * 86400 * SECOND_NS
START_NS = 1700000000 * SECOND_NS
RING_FULL_DATAGRAMS = 4000  # much more than ring and pipe hold


def v5_capture(path, datagrams):
    capture.write_datagrams(path, [
        capture.Datagram(START_NS + n, "127.0.0.9", 4000, "127.0.0.1", 2055,
                         netflow.v5(n * RECORDS, [f"10.{n >> 8}.{n & 255}.{i}"
                                                  for i in range(RECORDS)]))
        for n in range(datagrams)])
    return datagrams * RECORDS


def waiting_bytes(port):
    """What the kernel holds for the UDP socket of that port."""
    with open("/proc/net/udp", encoding="ascii") as table:
        for line in table.readlines()[1:]:
            fields = line.split()
            if int(fields[1].split(":")[1], 16) == port:
                return int(fields[4].split(":")[1], 16)
    raise AssertionError(f"no UDP socket on port {port}")


class FaultTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.capture = os.path.join(self.folder, "flows.pcap")

    def check_flows(self, program, **wanted):
        """The third equation, and what these lines of the books say."""
        ledger = program.ledger()
        flows = ledger["flows"]
        self.assertEqual(flows["made"], flows["delivered"] + flows["filtered"] + flows["waiting"] +
                         flows["failed"], program.log())
        self.assertNotIn("does not balance", program.log())
        for name, count in wanted.items():
            self.assertEqual(flows[name], count, program.log())
        return flows

    def reasons(self, program):
        return {line.split("reason=")[1].split()[0] for line in program.log().splitlines()
                if "ledger reason" in line}

    # The output.

    def test_the_collectors_reader_goes_away(self):
        """It ends with 1; what was not written is counted as failed."""
        reader, writer = os.pipe()
        with process.Collector("-format=json", stdout=writer) as collector:
            os.close(writer)
            os.close(reader)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                out.sendto(netflow.v5(0, ["10.0.0.1"] * RECORDS), ("127.0.0.1", collector.port))
            self.assertEqual(collector.wait(), 1, collector.log())
            self.check_flows(collector, made=RECORDS, delivered=0, waiting=0, failed=RECORDS)
            self.assertEqual(self.reasons(collector) & {"output_failed"}, {"output_failed"})

    def test_a_captures_reader_goes_away(self):
        made = v5_capture(self.capture, RING_FULL_DATAGRAMS)
        with process.Process([process.COLLECTOR, "-read", self.capture, "-format=json"],
                             stdout=subprocess.PIPE) as collector:
            os.read(collector.process.stdout.fileno(), 1000)
            collector.process.stdout.close()
            self.assertEqual(collector.process.wait(process.DEADLINE_SECONDS), 1)
            flows = self.check_flows(collector, waiting=0)
            self.assertGreater(flows["failed"], 0)
            self.assertLessEqual(flows["made"], made)

    def test_the_enrichers_reader_goes_away(self):
        v5_capture(self.capture, RING_FULL_DATAGRAMS)
        frames = process.read_capture(self.capture, *BIN)
        with tempfile.TemporaryFile() as stdin:
            stdin.write(frames)
            stdin.seek(0)
            with process.Process([process.ENRICHER], stdin=stdin,
                                 stdout=subprocess.PIPE) as enricher:
                os.read(enricher.process.stdout.fileno(), 1000)
                enricher.process.stdout.close()
                self.assertEqual(enricher.process.wait(process.DEADLINE_SECONDS), 1)
                self.assertGreater(self.check_flows(enricher, waiting=0)["failed"], 0)
                self.assertEqual(enricher.log().count("output failed"), 1, enricher.log())
                self.assertEqual(enricher.log().count("ending, the output did not take"), 1)

    def test_a_disk_that_is_full_for_good(self):
        """A capture that does not go out whole ends with 1, every flow of it counted."""
        made = v5_capture(self.capture, 3)
        with process.Process([process.COLLECTOR, "-read", self.capture, "-format=json",
                              "-transport.file=/dev/full", "-drain=1s"]) as collector:
            self.assertEqual(collector.wait(), 1, collector.log())
            self.check_flows(collector, made=made, delivered=0, waiting=0, failed=made)
            self.assertIn("No space left", collector.log())

    def test_a_file_that_may_not_grow(self):
        """As for a full disk, and no signal ends it."""
        made = v5_capture(self.capture, 50)
        output = os.path.join(self.folder, "flows.json")
        shell = f'ulimit -f 20; exec "{process.COLLECTOR}" -read "{self.capture}" -format=json ' \
                f'-transport.file "{output}" -drain=1s'
        with process.Process(["/bin/sh", "-c", shell]) as collector:
            self.assertEqual(collector.wait(), 1, collector.log())
            flows = self.check_flows(collector, made=made, waiting=0)
            with open(output, "rb") as file:
                self.assertEqual(file.read().count(b"\n"), flows["delivered"])

    def test_a_disk_that_is_full_for_a_while(self):
        """Nothing is lost: what waited is written when there is space again."""
        disk = os.path.join(self.folder, "disk")
        os.mkdir(disk)
        if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk],
                stderr=subprocess.DEVNULL, check=False).returncode != 0:
            process.left_out(self.id(), "no tmpfs can be mounted here")
            self.skipTest("no mount")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=False)
        filler = os.path.join(disk, "filler")
        with open(filler, "wb") as file:
            file.write(bytes(900 << 10))
        datagrams = 10  # as JSON 0.3 MB
        output = os.path.join(disk, "flows.json")
        with process.Collector("-format=json", "-transport.file", output) as collector:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                for n in range(datagrams):
                    out.sendto(netflow.v5(n * RECORDS, ["10.0.0.1"] * RECORDS),
                               ("127.0.0.1", collector.port))
            collector.wait_for_log("No space left")
            os.remove(filler)
            collector.wait_for_log("output works again")
            self.assertEqual(collector.stop(), 0, collector.log())
            made = datagrams * RECORDS
            self.check_flows(collector, made=made, delivered=made, waiting=0, failed=0)
        with open(output, encoding="utf-8") as file:
            self.assertEqual(len(flow.read_json_lines(file.read())), made)

    def test_a_file_that_a_killed_process_left_torn(self):
        """What the next one appends can be read, all of it."""
        made = v5_capture(self.capture, 3)
        for arguments, lines in ((BIN, 0), (("-format=bin",), 0), (("-format=json",), 1)):
            with self.subTest(arguments):
                output = os.path.join(self.folder, "flows")
                command = [process.COLLECTOR, "-read", self.capture, *arguments,
                           "-transport.file", output]
                self.assertEqual(process.run(command)[0], 0)
                os.truncate(output, os.path.getsize(output) - 7)
                status, _, log = process.run(command)
                self.assertEqual(status, 0, log)
                self.assertIn("the file ended inside a flow", log)
                with open(output, "rb") as file:
                    content = file.read()
                os.remove(output)
                if not lines:
                    status, content, log = process.run([process.ENRICHER], content)
                    self.assertEqual(status, 0, log)
                found = content.splitlines()
                self.assertEqual(len(found), 2 * made - 1 + lines)
                whole = found[:made - 1] + found[made - 1 + lines:]
                self.assertEqual(len(flow.read_json_lines(b"\n".join(whole).decode())),
                                 2 * made - 1)

    @staticmethod
    def send_more_than_fits(port):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for n in range(RING_FULL_DATAGRAMS):
                out.sendto(netflow.v5(n * RECORDS, ["10.0.0.1"] * RECORDS), ("127.0.0.1", port))

    def blocked(self, query):
        """Flows for a reader that begins when all is decoded or stands still: the ledger and what
        was read."""
        with process.Collector(*BIN, RING, "-drain=60s", query=query,
                               stdout=subprocess.PIPE) as collector:
            self.send_more_than_fits(collector.port)
            if "blocking" not in query:  # nobody reads before all is decoded, however slow that is
                process.wait_until(lambda: waiting_bytes(collector.port) == 0, "all to be decoded")
            collector.send(signal.SIGTERM)
            received, _ = collector.process.communicate(timeout=process.DEADLINE_SECONDS)
            self.assertEqual(collector.process.returncode, 0, collector.log())
            flows = self.check_flows(collector, waiting=0)
            self.assertEqual(len(flow.split_frames(received)), flows["delivered"])
            datagrams = collector.ledger()["datagrams"]["received"]
            dropped = collector.ledger()["kernel"]["dropped"]
            self.assertEqual(datagrams + dropped, RING_FULL_DATAGRAMS)
            self.assertEqual(flows["made"], datagrams * RECORDS)
            return flows, self.reasons(collector), dropped

    def test_an_output_that_blocks(self):
        """Without blocking=true flows that do not fit are dropped whole and counted as such."""
        flows, reasons, dropped = self.blocked("")
        if dropped:
            process.left_out(self.id(), f"{dropped} datagrams that the kernel did not queue")
            return
        self.assertGreater(flows["failed"], 0)
        self.assertIn("output_blocked", reasons)

    def test_an_output_that_is_waited_for(self):
        """With blocking=true the kernel's buffer is the queue, and no flow is lost behind it."""
        flows, reasons, _ = self.blocked("?blocking=true")
        self.assertEqual(flows["failed"], 0)
        self.assertNotIn("output_blocked", reasons)

    def test_an_end_without_time(self):
        """What is in the sockets then cannot be decoded; it is counted."""
        with process.Collector(*BIN, RING, "-drain=100ms", query="?blocking=true",
                               stdout=subprocess.PIPE) as collector:
            self.send_more_than_fits(collector.port)
            self.assertGreater(waiting_bytes(collector.port), 0)
            self.assertEqual(collector.stop(), 0)  # and nobody has read
            flows = self.check_flows(collector, waiting=0)
            datagrams = collector.ledger()["datagrams"]
            dropped = collector.ledger()["kernel"]["dropped"]
            self.assertEqual(datagrams["received"] + dropped, RING_FULL_DATAGRAMS)
            self.assertEqual(datagrams["received"], datagrams["parsed"] + datagrams["refused"])
            self.assertEqual(flows["made"], datagrams["parsed"] * RECORDS)
            self.assertGreater(datagrams["refused"], 0)
            self.assertIn("datagram_unread", self.reasons(collector))

    def test_a_slow_reader_of_a_capture(self):
        made = v5_capture(self.capture, RING_FULL_DATAGRAMS)
        with process.Process([process.COLLECTOR, "-read", self.capture, *BIN, RING],
                             stdout=subprocess.PIPE) as collector:
            received = bytearray()
            while True:
                block = os.read(collector.process.stdout.fileno(), 5000)
                if not block:
                    break
                received += block
            self.assertEqual(collector.wait(), 0, collector.log())
            self.check_flows(collector, made=made, delivered=made, failed=0)
            self.assertEqual(len(flow.split_frames(bytes(received))), made)

    # Databases.

    def check_database(self, damage):
        """Flows before, during and after the damage have the same country and AS."""
        asn = os.path.join(self.folder, "asn.mmdb")
        country = os.path.join(self.folder, "country.mmdb")
        shutil.copy(os.path.join(FIXTURES, "demo-asn.mmdb"), asn)
        shutil.copy(os.path.join(FIXTURES, "demo-country.mmdb"), country)
        frames = process.read_capture(DEMO, *BIN)
        count = len(flow.split_frames(frames))
        with process.Process([process.ENRICHER, "-db.asn", asn, "-db.country", country],
                             stdin=subprocess.PIPE) as enricher:
            rounds = 0

            def again():
                nonlocal rounds
                rounds += 1
                enricher.process.stdin.write(frames)
                enricher.process.stdin.flush()
                process.wait_until(lambda: enricher.output().count(b"\n") == rounds * count,
                                   "its flows")
                lines = enricher.output().splitlines()
                return lines[-count:]

            wanted = again()
            self.assertTrue(any(f["src_country"] for f in
                                flow.read_json_lines(b"\n".join(wanted).decode())))
            damage(asn, country)
            self.assertEqual(again(), wanted)
            enricher.send(signal.SIGHUP)
            enricher.wait_for_log("reload failed")
            self.assertEqual(again(), wanted)
            shutil.copy(os.path.join(FIXTURES, "demo-asn.mmdb"), asn)
            shutil.copy(os.path.join(FIXTURES, "demo-country.mmdb"), country)
            enricher.send(signal.SIGHUP)
            enricher.wait_for_log("reloaded")
            self.assertEqual(again(), wanted)
            enricher.process.stdin.close()
            self.assertEqual(enricher.wait(), 0, enricher.log())
            self.check_flows(enricher, made=rounds * count, delivered=rounds * count, failed=0)

    def test_databases_cut_short_in_place(self):
        def cut(*paths):
            for path in paths:
                os.truncate(path, os.path.getsize(path) // 2)
        self.check_database(cut)

    def test_databases_emptied_in_place(self):
        self.check_database(lambda *paths: [os.truncate(path, 0) for path in paths])

    def test_databases_overwritten_in_place(self):
        def overwrite(*paths):
            for path in paths:
                with open(path, "r+b") as file:
                    file.write(random.Random(1).randbytes(os.path.getsize(path)))
        self.check_database(overwrite)

    def test_databases_deleted(self):
        self.check_database(lambda *paths: [os.remove(path) for path in paths])

    # Clocks.

    def test_a_clock_that_jumps(self):
        """Receive times go back and forth by a year, header times too: no flow is lost by it."""
        fields = [(netflow.SRC_ADDR, 4), (netflow.IN_BYTES, 4)]
        times = [0, -YEAR_NS, 5 * SECOND_NS, YEAR_NS, -YEAR_NS, SECOND_NS]
        export = [1700000000, 0, 2**32 - 1, 1, 1700000000, 2**31]
        datagrams = [(0, netflow.ipfix(0, 7, netflow.ipfix_template(256, fields)))]
        datagrams += [(jump, netflow.ipfix(n, 7, netflow.ipfix_data(256, (n, 4), (1, 4)),
                                           export_time=at))
                      for n, (jump, at) in enumerate(zip(times, export))]
        capture.write_datagrams(self.capture, [
            capture.Datagram(START_NS + jump, "192.0.2.1", 4739, "192.0.2.2", 4739, payload)
            for jump, payload in datagrams])
        with process.Process([process.COLLECTOR, "-read", self.capture, "-format=json",
                              "-templates.json.path",
                              os.path.join(self.folder, "templates.json")]) as collector:
            self.assertEqual(collector.wait(), 0, collector.log())
            flows = flow.read_json_lines(collector.output().decode())
            self.check_flows(collector, made=len(times), delivered=len(times), failed=0)
            self.assertEqual(collector.ledger()["sets and samples"],
                             {"received": 1 + len(times), "decoded": 1 + len(times), "held": 0,
                              "dropped": 0})
        self.assertEqual([f["time_received_ns"] for f in flows], [START_NS + t for t in times])

    def test_a_clock_set_back_while_data_waits(self):
        """Held data does not expire by it, and is decoded when its template comes."""
        fields = [(netflow.SRC_ADDR, 4)]
        capture.write_datagrams(self.capture, [
            capture.Datagram(START_NS + jump, "192.0.2.1", 4739, "192.0.2.2", 4739, payload)
            for jump, payload in (
                (0, netflow.ipfix(0, 7, netflow.ipfix_data(256, (1, 4)))),
                (-YEAR_NS, netflow.ipfix(1, 7, netflow.ipfix_data(256, (2, 4)))),
                (-YEAR_NS + 1, netflow.ipfix(2, 7, netflow.ipfix_template(256, fields))))])
        with process.Process([process.COLLECTOR, "-read", self.capture,
                              "-format=json"]) as collector:
            self.assertEqual(collector.wait(), 0, collector.log())
            self.check_flows(collector, made=2, delivered=2, failed=0)
            self.assertEqual(collector.ledger()["sets and samples"]["held"], 0)

    # Input that is none.

    def test_hostile_input_of_the_enricher(self):
        """One line that names the byte, exit status 1, and the whole flows before it written."""
        whole = flow.join_frames(flow.split_frames(process.read_capture(DEMO, *BIN))[:3])
        dice = random.Random(20240607)
        cases = [b"\xff" * 9, b"\xff" * 10 + b"\x01", b"\xff\xff\xff\xff\x0f" + bytes(100),
                 b"\x80" * 100000, b"\x05\x0a\xff\xff\xff\xff", b"\x02\x07\x07", b"\x03\x0d\x01\x02",
                 b"GET / HTTP/1.1\r\n\r\n", b"{\"type\":\"IPFIX\"}\n", b"\x1f\x8b\x08\x00"]
        cases += [dice.randbytes(dice.randrange(1, 3000)) for _ in range(20)]
        for case in cases:
            with self.subTest(case=case[:20]):
                status, output, log = process.run([process.ENRICHER, *BIN], whole + case)
                self.assertIn(status, (0, 1), log)  # killed by no signal
                self.assertTrue(output.startswith(whole))
                if status == 1:
                    self.assertRegex(log, r"byte \d+:")
                self.assertNotIn("does not balance", log)


if __name__ == "__main__":
    unittest.main()
