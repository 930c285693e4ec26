#!/usr/bin/env python3
"""The house rules that a machine can hold: what may include what, sizes, banned calls, layout.

    check.py [--compiler gcc]
"""

import argparse
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = (".ci", "cmake", "collector", "common", "compose", "docs", "enricher", "library",
           "packaging", "proto", "scripts", "tests")
TEXT = (".c", ".h", ".def", ".py", ".pl", ".sh", ".md", ".txt", ".cmake", ".yaml", ".proto", ".json")

WITHOUT_ENDING = (".ci", "scripts")

# A file may include what stands in its own row and in the rows above that it names.
MAY_INCLUDE = {
    "proto": (),
    "common/base": (),
    "common/flow": ("proto", "common/base"),
    "common/enrich": ("proto", "common/base", "common/flow"),
    "common/sink": ("proto", "common/base", "common/flow"),
    "collector/decode": ("proto", "common/base", "common/flow"),
    "collector": ("proto", "common/base", "common/flow", "common/enrich", "common/sink",
                  "collector/decode"),
    "enricher": ("proto", "common/base", "common/flow", "common/enrich", "common/sink"),
}
SOURCE_LINES_MAX = 650  # one idea, not two
HEADER_LINES_MAX = 120
FUNCTION_LINES_MAX = 60
# Files that are allowed to be longer, and how long: they may shrink, not grow.
LONGER = {
    "common/base/cursor.h": 114,  # the reader is inline: it is the hot path
    "common/flow/flow.h": 161,  # so are the setters
    "common/sink/sink.h": 197,  # the contract of every sink
}
STRING = re.compile(r'"(?:\\.|[^"\\])*"')
LOG_NUMBER = re.compile(r"\blog_(?:number|unsigned)\(")
BANNED = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|strtok|atoi|gets|alloca)\s*\(")
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(work|home|root|Users)/\w")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def files():
    """The text files of the source tree, by their paths from the root."""
    for name in sorted(os.listdir()):
        if os.path.isfile(name) and name.endswith(TEXT):
            yield name
    for folder in FOLDERS:
        for where, folders, names in os.walk(folder):
            folders[:] = sorted(f for f in folders if not f.startswith(("build", "__")))
            for name in sorted(names):
                if name.endswith(TEXT) or where in WITHOUT_ENDING:
                    yield os.path.join(where, name)


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return file.read().splitlines()


def room(path):
    """The row of MAY_INCLUDE that the file stands in; None for tests."""
    rooms = [name for name in MAY_INCLUDE if path.startswith(name + "/")]
    return max(rooms, key=len) if rooms else None


def check_includes(path, lines):
    here = room(path)
    included = [(number, match.group(1)) for number, line in enumerate(lines, start=1)
                if (match := INCLUDE.match(line))]
    own_header = path[:-2] + ".h"
    if path.endswith(".c") and os.path.exists(own_header):
        if not included or included[0][1] != own_header:
            yield 1, f'its own header "{own_header}" comes first'
    for number, name in included:
        there = room(name)
        if there is None and "/" not in name:
            yield number, f'"{name}" is not a path from the root'
        if here and there and there != here and there not in MAY_INCLUDE[here]:
            yield number, f"{here} must not include {there}"


def check_functions(lines):
    """The opening brace of a function stands alone in the first column, and so does its end."""
    begin = None
    for number, line in enumerate(lines, start=1):
        if line == "{":
            begin = number - 1
            while begin > 1 and lines[begin - 2].strip() and not lines[begin - 2].startswith(
                    ("//", "#", "}", " *", "*/")):
                begin -= 1
        elif line == "}" and begin is not None:
            if number - begin + 1 > FUNCTION_LINES_MAX:
                yield begin, f"function of {number - begin + 1} lines, most {FUNCTION_LINES_MAX}"
            begin = None


def check_code(path, lines):
    most = HEADER_LINES_MAX if path.endswith(".h") else SOURCE_LINES_MAX
    most = LONGER.get(path, most)
    if len(lines) > most:
        yield 1, f"{len(lines)} lines, most {most}"
    if path.endswith(".h"):
        if "#pragma once" not in lines:
            yield 1, "no #pragma once"
        if not lines or not lines[0].startswith("//"):
            yield 1, "a header begins with what it is"
    for number, line in enumerate(lines, start=1):
        called = BANNED.search(line.split("//")[0])
        if called:
            yield number, f"{called.group(1)} is banned"
    if not path.startswith("common/base/log."):
        yield from check_log_numbers(lines)
    yield from check_includes(path, lines)
    yield from check_functions(lines)


def check_log_numbers(lines):
    """They are marked as numbers, for the log alone."""
    text = "\n".join(STRING.sub('""', line).split("//")[0] for line in lines)
    for found in LOG_NUMBER.finditer(text):
        depth, at = 0, found.start()
        while at > 0 and (depth < 1 or text[at] not in "("):
            at -= 1
            if text[at] in ";{}":
                break
            depth += (text[at] == "(") - (text[at] == ")")
        before = text[max(0, at - 80):at] if text[at] == "(" else text[at:found.start()]
        if re.search(r"\b(\w*printf|metrics_\w+|buf_\w+|json_\w+|check_\w+)$", before) or \
                (text[at] != "(" and not re.search(r"struct log_text \w+ = $", before)):
            yield text.count("\n", 0, found.start()) + 1, "a number of the log outside of the log"


def check_text(lines):
    for number, line in enumerate(lines, start=1):
        if "\t" in line:
            yield number, "a tab"
        if line != line.rstrip():
            yield number, "a space at the end of the line"
        found = MACHINE_PATH.search(line)
        if found:
            yield number, f"{found.group(0)}…: a path of one machine"


def check_alone(headers, compiler):
    for header in headers:
        done = subprocess.run([compiler, "-std=c11", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall",
                               "-Wextra", "-I", ".", "-include", header, "-x", "c", os.devnull],
                              stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            yield header, 1, "does not compile alone: " + done.stderr.strip().split("\n")[0]


def check_format(sources):
    if not shutil.which("clang-format"):
        print("style: LEFT OUT, the layout of the code: clang-format is not installed")
        return
    done = subprocess.run(["clang-format", "--dry-run", *sources],
                          stderr=subprocess.PIPE, text=True)
    badly = {line.split(":")[0]: line.split(":")[1] for line in reversed(done.stderr.splitlines())
             if "[-Wclang-format-violations]" in line}
    for path, number in badly.items():
        yield path, number, "not as clang-format writes it"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--compiler", default="cc")
    options = parser.parse_args()
    os.chdir(ROOT)
    wrong, code = [], []
    checked = 0
    for path in files():
        checked += 1
        lines = read_lines(path)
        wrong += [(path, *finding) for finding in check_text(lines)]
        if path.endswith((".c", ".h")):
            code.append(path)
            wrong += [(path, *finding) for finding in check_code(path, lines)]
    wrong += check_alone([path for path in code if path.endswith(".h")], options.compiler)
    wrong += check_format(code)
    for path, number, what in wrong:
        print(f"{path}:{number}: {what}")
    print(f"style: {checked} files, {len(code)} of them C; {len(wrong)} findings")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
