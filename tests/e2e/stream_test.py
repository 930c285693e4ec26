#!/usr/bin/env python3
"""The stream between the two programs, and their command lines."""

import json
import os
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import flow, process  # noqa: E402

FIXTURES = os.path.join(TESTS, "fixtures")
DEMO = os.path.join(FIXTURES, "demo.pcap")
DEMO_CONTEXT = os.path.join(FIXTURES, "demo-context.yaml")
DEMO_FLOWS = 418
WITHOUT_SEPARATOR = ("-format=bin", "-transport.file.sep=")


class StreamTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.frames = process.read_capture(DEMO, *WITHOUT_SEPARATOR)
        cls.bodies = flow.split_frames(cls.frames)

    def enrich(self, stdin, *arguments, status=0):
        got, output, log = process.run([process.ENRICHER, *arguments], stdin)
        self.assertEqual(got, status, log)
        return output, log

    def test_json_of_both_programs_agrees(self):
        """Without any source of enrichment the enricher prints what the collector prints, and its
        own columns."""
        own = flow.read_json_lines(process.read_capture(DEMO, "-format=json").decode())
        piped = flow.read_json_lines(self.enrich(self.frames)[0].decode())
        self.assertEqual(len(own), DEMO_FLOWS)
        for ours, theirs in zip(own, piped):
            self.assertEqual(theirs, {**ours, "src_country": "", "dst_country": ""})

    def test_frames_pass_unchanged(self):
        self.assertEqual(self.enrich(self.frames, *WITHOUT_SEPARATOR)[0], self.frames)

    def test_newlines_are_recognised_and_warned_about_once(self):
        with_newlines = process.read_capture(DEMO, "-format=bin")
        self.assertEqual(with_newlines,
                         b"".join(flow.join_frames([body]) + b"\n" for body in self.bodies))
        output, log = self.enrich(with_newlines, *WITHOUT_SEPARATOR)
        self.assertEqual(output, self.frames)
        self.assertEqual(log.count("-transport.file.sep="), 1)
        self.assertNotIn("-transport.file.sep=", self.enrich(self.frames)[1])

    def test_a_broken_frame_is_left_out_and_said_to_the_byte(self):
        whole = flow.join_frames(self.bodies[:5])
        output, log = self.enrich(whole + b"\x05hello" + self.frames, *WITHOUT_SEPARATOR, status=1)
        self.assertEqual(output, whole + self.frames)
        self.assertIn(f"byte {len(whole)}:", log)
        self.assertIn("-format=bin", log)
        self.assertIn(f"from={len(whole)} bytes=6\n", log)

    def test_a_cut_frame_is_an_error_too(self):
        whole = flow.join_frames(self.bodies[:5])
        output, log = self.enrich(whole + flow.join_frames(self.bodies[5:6])[:-1],
                                  *WITHOUT_SEPARATOR, status=1)
        self.assertEqual(output, whole)
        self.assertIn(f"byte {len(whole)}:", log)

    def test_json_is_no_input(self):
        _, log = self.enrich(process.read_capture(DEMO, "-format=json"), status=1)
        self.assertIn("byte 0:", log)

    def test_empty_input(self):
        self.assertEqual(self.enrich(b"")[0], b"")

    def test_unknown_fields_survive(self):
        """Of any wire type, before and behind those that the enricher writes."""
        strange = [(2, flow.VARINT, 2**64 - 1), (999, flow.BYTES, b"kept"),
                   (1500, flow.FIXED32, b"\x01\x02\x03\x04"), (3000, flow.FIXED64, b"12345678"),
                   (536870911, flow.BYTES, b"\x00\xff")]
        made = [flow.write_message(flow.read_message(body) + strange) for body in self.bodies]
        plain = flow.split_frames(self.enrich(self.frames, *WITHOUT_SEPARATOR, "-context.config",
                                              DEMO_CONTEXT)[0])
        output, _ = self.enrich(flow.join_frames(made), *WITHOUT_SEPARATOR, "-context.config",
                                DEMO_CONTEXT)
        bodies = flow.split_frames(output)
        self.assertEqual(len(bodies), DEMO_FLOWS)
        for before, after in zip(plain, bodies):
            kept = [field for field in flow.read_message(after) if field in strange]
            rest = [field for field in flow.read_message(after) if field not in strange]
            self.assertEqual(kept, strange)
            self.assertEqual(rest, flow.read_message(before))

    def test_enriching_twice_gives_the_second_answer(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "context.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write("networks:\n  - {name: only, cidr: 192.0.2.0/24, context: {a: b}}\n")
            first, _ = self.enrich(self.frames, *WITHOUT_SEPARATOR, "-context.config", DEMO_CONTEXT)
            twice, _ = self.enrich(first, "-context.config", path)
            once, _ = self.enrich(self.frames, "-context.config", path)
        self.assertEqual(twice, once)
        groups = {f["context"].get("source_group") for f in flow.read_json_lines(once.decode())}
        self.assertEqual(groups, {None, "only"})

    def test_context_is_always_there(self):
        output, _ = self.enrich(self.frames, "-context.config", DEMO_CONTEXT)
        for line in output.decode().splitlines():
            self.assertIn("context", json.loads(line))


class CommandLineTest(unittest.TestCase):
    def test_unknown_flag(self):
        for program in (process.COLLECTOR, process.ENRICHER):
            status, output, log = process.run([program, "-fromat=json"])
            self.assertEqual((status, output), (2, b""))
            self.assertEqual(len(log.splitlines()), 1, log)
            self.assertIn("fromat", log)
            self.assertIn("-format", log)

    def test_bad_value(self):
        for program in (process.COLLECTOR, process.ENRICHER):
            status, output, log = process.run([program, "-drain=soon"])
            self.assertEqual((status, output), (2, b""))
            self.assertEqual(len(log.splitlines()), 1, log)
            self.assertIn("drain", log)

    def test_three_spellings(self):
        wanted = process.read_capture(DEMO, "-format=text")
        self.assertTrue(wanted.startswith(b"type=NETFLOW_V5 "))
        for spelling in (("-format", "text"), ("--format=text",), ("--format", "text")):
            self.assertEqual(process.read_capture(DEMO, *spelling), wanted)

    def test_version_and_help(self):
        for program, name in ((process.COLLECTOR, b"GoFlow2+ "), (process.ENRICHER, b"Enricher ")):
            status, output, _ = process.run([program, "-v"])
            self.assertEqual(status, 0)
            self.assertTrue(output.startswith(name), output)
            self.assertEqual(process.run([program, "-h"])[0], 0)

    def test_unreadable_capture(self):
        status, _, log = process.run([process.COLLECTOR, "-read", os.path.join(FIXTURES, "absent")])
        self.assertEqual(status, 1)
        self.assertIn("absent", log)


if __name__ == "__main__":
    unittest.main()
