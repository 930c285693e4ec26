#!/usr/bin/env python3
"""Instructions that each datagram of the hostile corpus costs to decode.

usage: cost.py PROGRAM CASES DOCUMENT

Runs PROGRAM (hostile_cost) over the directory CASES under valgrind's callgrind, which counts
instructions: the same on any machine, however busy. Fails when a datagram costs more than the bound
that DOCUMENT states in a line of this form, A and B being numbers:

    instructions <= A + B * bytes
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

SHOWN = 12


def bound(document):
    with open(document, encoding="utf-8") as file:
        match = re.search(r"instructions <= ([\d,]+) \+ ([\d,]+) \* bytes", file.read())
    if match is None:
        sys.exit(f"{document}: no line \"instructions <= A + B * bytes\"")
    return [int(number.replace(",", "")) for number in match.groups()]


def count(program, cases):
    """What was decoded: name, bytes, flows, instructions."""
    with tempfile.TemporaryDirectory() as directory:
        out = os.path.join(directory, "out")
        lines = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--dump-line=no",
             "--collect-atstart=no", "--toggle-collect=decoder_run", "--dump-after=decoder_run",
             program, cases],
            check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        ).stdout.split("\n")
        decoded = [line.split() for line in lines if line]
        dumps = glob.glob(glob.escape(out) + ".*")
        if len(dumps) != len(decoded):
            sys.exit(f"{len(decoded)} datagrams, {len(dumps)} counts")
        for number, (name, size, flows) in enumerate(decoded, 1):
            with open(f"{out}.{number}", encoding="utf-8") as file:
                total = re.search(r"^(?:summary|totals): (\d+)", file.read(), re.MULTILINE)
            yield name, int(size), int(flows), int(total.group(1))


def main():
    program, cases, document = sys.argv[1:]
    fixed, per_byte = bound(document)
    costs = sorted(count(program, cases), key=lambda c: -c[3] / (fixed + per_byte * c[1]))
    print(f"{len(costs)} datagrams; bound: {fixed} + {per_byte} * bytes; nearest to it:")
    for name, size, flows, instructions in costs[:SHOWN]:
        share = instructions / (fixed + per_byte * size)
        print(f"{share:6.1%} {instructions:10} instructions {size:6} bytes {flows:5} flows  {name}")
    over = [c for c in costs if c[3] > fixed + per_byte * c[1]]
    if over:
        sys.exit(f"{len(over)} datagrams cost more than the bound")


if __name__ == "__main__":
    main()
