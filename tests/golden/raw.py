"""What -produce raw must print of a golden vector: upstream's raw_json and raw_text with the
differences of differences.json.

An entry with "raw" is about that message of the case (a number; to "add" one it stands before that
one), and "change" has the new values by their path in the message: {"flow-sets.0.records.1": null}
leaves a record out, a path to the item behind a list's last one adds one. The entry of the case "*"
holds for all: its "rule" is a function here.
"""

import base64
import json


class Stale(Exception):
    """An entry that does not change what upstream printed."""


def dump(message):
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False)


def cut_headers(node):
    """Cuts sampled headers to their own length; how many it cut."""
    if isinstance(node, list):
        return sum(cut_headers(child) for child in node)
    if not isinstance(node, dict):
        return 0
    count = sum(cut_headers(child) for child in node.values())
    if "header-data" in node:
        data = base64.b64decode(node["header-data"])[:node["original-length"]]
        text = base64.b64encode(data).decode()
        count += text != node["header-data"]
        node["header-data"] = text
    return count


RULES = {"header-data ends with the header": cut_headers}


def change(message, path, value):
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    node = message["message"]
    for step in way:
        node = node[step]
    if isinstance(node, list) and last == len(node):
        node.append(value)
    elif node[last] == value:
        raise Stale(f"{path} is {value!r} upstream too")
    elif value is None:
        del node[last]
    else:
        node[last] = value


def apply(difference, messages, texts):
    if "add" in difference:
        added = difference["add"]
        like = {**messages[added["like"]]} if "like" in added else {}
        messages.insert(difference["raw"], {**like, **json.loads(json.dumps(added["json"]))})
        texts.insert(difference["raw"], added["text"])
        return
    for path, value in difference["change"].items():
        change(messages[difference["raw"]], path, value)


def expected(case, differences, general):
    """{format: bytes} of the case, and how often a general rule took effect."""
    messages = [json.loads(line) for line in case["raw_json"]]
    texts = list(case["raw_text"])
    count = sum(RULES[rule["rule"]](messages) for rule in general)
    for difference in differences:
        apply(difference, messages, texts)
    lines = [dump(message) for message in messages]
    if not differences and not count:  # then it is upstream's own output, to the byte
        assert lines == case["raw_json"], case["name"]
    return {"raw_json": "".join(line + "\n" for line in lines).encode(),
            "raw_text": "".join(line + "\n" for line in texts).encode()}, count
