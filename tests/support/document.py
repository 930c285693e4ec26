"""The Markdown of this tree: headings, links, code."""

import glob
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*)$", re.M)


def paths():
    """All documents, from the root."""
    found = []
    for pattern in ("*.md", "docs/*.md", "tests/**/*.md", "compose/**/*.md"):
        found += glob.glob(os.path.join(ROOT, pattern), recursive=True)
    return sorted(os.path.relpath(path, ROOT) for path in found if "node_modules" not in path)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def links(text):
    return LINK.findall(SPAN.sub("", FENCED.sub("", text)))


def spans(text):
    """What stands in `code`, a line break in it being a space."""
    return [" ".join(span.split()) for span in SPAN.findall(FENCED.sub("", text))]


def anchors(text):
    """Of its headings, as code hosts make them."""
    found = []
    for heading in HEADING.findall(FENCED.sub("", text)):
        words = re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "]", heading).lower())
        found.append(words.strip().replace(" ", "-"))
    return found


def blocks(text):
    """The examples in order: (language, text); indented ones have no language."""
    found = [(match.start(), match.group(1), match.group(2)) for match in FENCED.finditer(text)]
    bare = FENCED.sub(lambda match: re.sub(r"[^\n]", "x", match.group(0)), text)
    for match in re.finditer(r"(?:^|\n)\n((?:    .*\n(?:\n(?=    ))?)+)", bare):
        found.append((match.start(), "", re.sub(r"(?m)^    ", "", match.group(1))))
    return [(language, block) for _, language, block in sorted(found)]


def commands(text):
    """Shell commands of the examples, lines that go on put together."""
    for language, block in blocks(text):
        if language not in ("", "sh", "shell", "console"):
            continue
        joined = re.sub(r"\\\n\s*", "", block)
        joined = re.sub(r"\|\n\s*", "| ", joined)
        for line in joined.splitlines():
            line = re.sub(r"\s+#.*$", "", line).strip()
            if line:
                yield line
