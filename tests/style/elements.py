#!/usr/bin/env python3
"""What docs/ says of information elements is what the tables of the decoder say.

    elements.py [--update]

docs/elements.md is made of element_name.def and element_vendor.def; --update writes it. The table
of docs/protocols.md must have each row of elements.def, with its name and field.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DECODE = ROOT / "collector/decode"
NAME = re.compile(r'^ELEMENT_NAME\("([^"]+)", (\w+), (\d+), (\w+)\)', re.M)
NTOP = re.compile(r'^ELEMENT_NAME_NTOP\("([^"]+)", (\d+), (\w+)\)', re.M)
ELEMENT = re.compile(r"^ELEMENT\((\d+), (\w+), (\w+), \w+\)", re.M)
ROW = re.compile(r"^\| (\d+) \| (\w+) \| ([^|]+) \|", re.M)
# Elements whose field is not the one that elements.def names.
FIELDS = {"TIME_START": "time_flow_start_ns", "TIME_END": "time_flow_end_ns",
          "SAMPLING": "sampling_rate", "ICMP": "icmp_type, icmp_code",
          "VLAN": "vlan_id, src_vlan", "FRAME_SIZE": "bytes, packets",
          "SECTION": "the packet's", "TIME_INIT": "the times"}
NTOP_PEN, NTOP_V9 = "35632", 57472

HEAD = """# Elements by name

The names that `field` of [mapping.yaml](mapping.md) knows: IANA's, which are the same in NetFlow v9 and IPFIX, and those of
vendors. Each of IANA's has one of the other direction in IPFIX: `reverseOctetDeltaCount` is `octetDeltaCount` of enterprise 29305
(RFC 5103). What is not here has a number: `{field: 123, penprovided: true, pen: 4567}`.

This file is made of the decoder's tables by `tests/style/elements.py --update`.
"""
TABLE = "| name | enterprise | number | value |\n| --- | --- | --- | --- |\n"


def rows(text):
    for line in text.splitlines():
        name, ntop = NAME.match(line), NTOP.match(line)
        if name:
            pen = {"0": "", "ELEMENT_V9": "v9 only"}.get(name[2], name[2])
            yield f"| {name[1]} | {pen} | {name[3]} | {name[4].lower()} |\n"
        elif ntop:
            number = f"{ntop[2]}; v9 {NTOP_V9 + int(ntop[2])}"
            yield f"| {ntop[1]} | {NTOP_PEN} | {number} | {ntop[3].lower()} |\n"


def make_elements():
    vendors = (DECODE / "mapping/element_vendor.def").read_text()
    text = HEAD
    for part in vendors.split("\n\n// ")[1:]:
        title, body = part.split("\n", 1)
        text += f"\n## {title}\n\n{TABLE}{''.join(rows(body))}"
    iana = "".join(rows((DECODE / "mapping/element_name.def").read_text()))
    return f"{text}\n## IANA\n\n{TABLE}{iana}"


def wanted_rows():
    names = {number: name for name, pen, number, _ in
             NAME.findall((DECODE / "mapping/element_name.def").read_text()) if pen == "0"}
    for number, operation, field in ELEMENT.findall((DECODE / "elements.def").read_text()):
        yield number, names[number], FIELDS.get(operation, field.lower())


def main():
    path = ROOT / "docs/elements.md"
    if sys.argv[1:] == ["--update"]:
        path.write_text(make_elements())
    wrong = 0
    if path.read_text() != make_elements():
        print("docs/elements.md: not as tests/style/elements.py --update writes it")
        wrong += 1
    wanted = set(wanted_rows())
    found = {(number, name, field.strip()) for number, name, field in
             ROW.findall((ROOT / "docs/protocols.md").read_text())}
    for row in sorted(wanted - found):
        print("docs/protocols.md: no row |", " | ".join(row), "|")
    for row in sorted(found - wanted):
        print("docs/protocols.md: not in elements.def: |", " | ".join(row), "|")
    if len(wanted) < 50:
        print(f"elements.def: only {len(wanted)} elements found: the check is broken")
        wrong += 1
    return 1 if wrong or wanted != found else 0


if __name__ == "__main__":
    sys.exit(main())
