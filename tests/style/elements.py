#!/usr/bin/env python3
"""What docs/ says of information elements is what the tables of the decoder say.

    elements.py [--update]

docs/elements.md is made of element_name.def and element_vendor.def, the table of elements in
docs/protocols.md of elements.def, as is what stands below it of IANA's other elements; --update
writes all of it. What that table says in its last column is
written by hand and kept.
"""
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
DECODE = ROOT / "collector/decode"
NAME = re.compile(r'^ELEMENT_NAME\("([^"]+)", (\w+), (\d+), (\w+)\)', re.M)
NTOP = re.compile(r'^ELEMENT_NAME_NTOP\("([^"]+)", (\d+), (\w+)\)', re.M)
ELEMENT = re.compile(r"^(ELEMENT|ALSO)\((\d+), (\d+), (\w+), (\w+), (\d+), (\w+)\)", re.M)
ROW = re.compile(r"^\| ([\d/]+) \| [\w.]+ \| [^|]+ \| [^|]* \| ([^|]*) \|$", re.M)
TABLE_OF_FIELDS = re.compile(r"^\| element \| name \| field \|.*?\n\n", re.M | re.S)
REVERSE = re.compile(r"^REVERSE\((\d+), (\d+)\)", re.M)
LATER = re.compile(r"^LATER\(0, (\d+)\)", re.M)
DECISIONS = re.compile(r"^What \[comes back\].*?\n\n", re.M | re.S)
FIELDS_HEAD = "| element | name | field | rank | how |\n| --- | --- | --- | --- | --- |\n"
# Elements that fill no field of their own.
FIELDS = {"SECTION": "the packet's", "TIME_INIT": "the times", "DURATION": "the times"}
# Elements of these may stand beside each other.
SIDE_BY_SIDE = {"SAMPLING", "MPLS_LABEL", "TIME_INIT"}
# Those of these that have one rank are taken together.
TOGETHER = {"UNION"}
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


def read_elements():
    """The rows of elements.def: {(enterprise, number): [(operation, field, rank)]}."""
    elements = {}
    text = (DECODE / "elements.def").read_text()
    for macro, enterprise, number, operation, field, rank, _ in ELEMENT.findall(text):
        key = int(enterprise), int(number)
        if (macro == "ALSO") != (key in elements):
            sys.exit(f"elements.def: {macro} of {key} is not the right macro")
        elements.setdefault(key, []).append((operation, FIELDS.get(operation, field.lower()),
                                             int(rank)))
    return elements


def find_disorder(elements):
    """Elements that are not in order, and ranks that several elements of one field have."""
    ranks = {}
    keys = list(elements)
    if keys != sorted(keys):
        yield "elements.def: not in ascending order"
    for key, rows in elements.items():
        for operation, field, rank in rows:
            if operation in SIDE_BY_SIDE:
                continue
            place = field, operation == "TIME_START", rank
            other, known = ranks.get(place, (None, None))
            if known is not None and (operation != other or operation not in TOGETHER):
                yield f"elements.def: {key} has the rank of {known} for {field}"
            ranks[place] = operation, key


def ranges(numbers):
    """1, 2, 3, 7 as "1 to 3, 7"."""
    runs = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else
                     f"{first}{', ' if last == first + 1 else ' to '}{last}"
                     for first, last in runs)


def make_decisions(elements):
    """What becomes of the elements of IANA's registry that have no field."""
    names = {int(number): name for name, pen, number, _ in
             NAME.findall((DECODE / "mapping/element_name.def").read_text()) if pen == "0"}
    table = (DECODE / "elements.def").read_text()
    later = {int(number) for number in LATER.findall(table)}
    reverse = {int(number): int(forward) for number, forward in REVERSE.findall(table)}
    known = {number for pen, number in elements if pen == 0} | set(reverse)
    unknown = later - set(names) | known & later | set(reverse.values()) - known
    if unknown:
        sys.exit(f"elements.def: LATER of {sorted(unknown)}: not IANA's, or there already")
    raw = set(names) - later - known
    back = " and ".join(f"{number} {names[number]} (as {forward})"
                        for number, forward in sorted(reverse.items()))
    waiting = ", ".join(f"{number} {names[number]}" for number in sorted(later))
    text = f"What [comes back](#both-directions) is counted by {back}. Of IANA's other elements these wait " \
           f"for a field of their own: {waiting}. The rest are " \
           f"shown [raw](raw.md) and can be [mapped](mapping.md): {ranges(raw)}."
    return textwrap.fill(text, 139, break_long_words=False, break_on_hyphens=False) + "\n\n"


def make_fields(elements, protocols):
    names = {}
    for file in ("element_name.def", "element_vendor.def"):
        for name, pen, number, _ in NAME.findall((DECODE / "mapping" / file).read_text()):
            if pen.isdigit():
                names[int(pen), int(number)] = name
    hows = dict(ROW.findall(protocols))
    text = FIELDS_HEAD
    for (enterprise, number), filled in elements.items():
        label = str(number) if enterprise == 0 else f"{enterprise}/{number}"
        ranked = [str(rank + 1) for operation, _, rank in filled if operation not in SIDE_BY_SIDE]
        fields = ", ".join(dict.fromkeys(field for _, field, _ in filled))
        rank = ", ".join(dict.fromkeys(ranked))
        text += f"| {label} | {names[enterprise, number]} | {fields} | {rank} | " \
                f"{hows.get(label, '')} |\n"
    return text + "\n"


def main():
    wrong = 0
    elements = read_elements()
    protocols = (ROOT / "docs/protocols.md").read_text()
    fields = make_fields(elements, protocols)
    decisions = make_decisions(elements)
    protocols = TABLE_OF_FIELDS.sub(lambda _: fields, protocols)
    made = {"docs/elements.md": make_elements(),
            "docs/protocols.md": DECISIONS.sub(lambda _: decisions, protocols)}
    for name, text in made.items():
        if sys.argv[1:] == ["--update"]:
            (ROOT / name).write_text(text)
        if (ROOT / name).read_text() != text:
            print(f"{name}: not as tests/style/elements.py --update writes it")
            wrong += 1
    if fields not in made["docs/protocols.md"] or decisions not in made["docs/protocols.md"]:
        print("docs/protocols.md: no table of elements, or nothing of the other ones")
        wrong += 1
    for line in find_disorder(elements):
        print(line)
        wrong += 1
    if len(elements) < 50:
        print(f"elements.def: only {len(elements)} elements found: the check is broken")
        wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
