"""What the ingest pipeline of Elastic's goflow2 integration makes of a line of JSON.

It is told here in our own words, rule by rule, with one difference: what the pipeline lets pass
although no index would take it (a port that is no number) is refused here as well. Looking up
places and networks, which needs databases of Elastic, is left out.
"""

import datetime
import ipaddress
import json

LONG_MAX = 2**63 - 1
NANOSECONDS_PER_MILLISECOND = 10**6

# The keys that the mapping of the integration's manual lists.
KEYS = ("type", "time_flow_start_ns", "sampler_address", "sequence_num", "in_if", "out_if",
        "src_addr", "dst_addr", "etype", "proto", "src_port", "dst_port", "src_vlan", "dst_vlan",
        "sampling_rate", "bytes")


class Refused(Exception):
    """The pipeline, or the index behind it, would fail here."""


def _number(key, value, most=LONG_MAX):
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Refused(f"{key}: {value!r} is no number of at most {most}")
    return value


def _address(key, value):
    try:
        return str(ipaddress.ip_address(value if isinstance(value, str) else None))
    except ValueError:
        raise Refused(f"{key}: {value!r} is no address") from None


def _word(key, value):
    if not isinstance(value, str):
        raise Refused(f"{key}: {value!r} cannot be put in lower case")
    return value.lower()


def _set(document, path, value):
    *parents, name = path.split(".")
    for parent in parents:
        document = document.setdefault(parent, {})
    document[name] = value


# key: where it goes, and how its value is read. What is absent or empty is passed over.
MOVED = {
    "type": ("event.action", lambda key, value: value),
    "sampler_address": ("observer.ip", lambda key, value: [_address(key, value)]),
    "sequence_num": ("sflow.sequence_num", _number),
    "in_if": ("observer.ingress.interface.id", lambda key, value: str(_number(key, value))),
    "out_if": ("observer.egress.interface.id", lambda key, value: str(_number(key, value))),
    "src_addr": ("source.ip", _address),
    "dst_addr": ("destination.ip", _address),
    "etype": ("network.type", _word),
    "proto": ("network.transport", _word),
    "src_port": ("source.port", lambda key, value: _number(key, value, 0xFFFF)),
    "dst_port": ("destination.port", lambda key, value: _number(key, value, 0xFFFF)),
    "src_vlan": ("observer.ingress.vlan.id", lambda key, value: str(_number(key, value))),
    "dst_vlan": ("observer.egress.vlan.id", lambda key, value: str(_number(key, value))),
    "sampling_rate": ("network.packets", _number),
    "bytes": ("sflow.bytes", _number),
}


def _timestamp(flow):
    """The start of the flow: it must be there, a number in nanoseconds."""
    milliseconds = _number("time_flow_start_ns", flow.pop("time_flow_start_ns", None)) // \
        NANOSECONDS_PER_MILLISECOND
    begin = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    try:
        return (begin + datetime.timedelta(milliseconds=milliseconds)).isoformat(
            timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        raise Refused(f"time_flow_start_ns: {milliseconds} ms is no date") from None


def ingest(line):
    """The document that is indexed; Refused when the pipeline fails."""
    try:
        flow = json.loads(line)
    except ValueError as error:
        raise Refused(f"no JSON: {error}") from None
    if not isinstance(flow, dict):
        raise Refused("not an object")
    document = {"event": {"kind": "event", "category": ["network"], "type": ["connection"]},
                "ecs": {"version": "8.16.0"}, "@timestamp": _timestamp(flow)}
    present = {key: value for key, value in flow.items() if value not in (None, "")}
    if "bytes" in present and "sampling_rate" in present:
        product = _number("bytes", present["bytes"]) * _number("rate", present["sampling_rate"])
        _set(document, "network.bytes", _number("bytes * sampling_rate", product))
    for key, (path, read) in MOVED.items():
        if key in present:
            _set(document, path, read(key, present[key]))
        flow.pop(key, None)
    for end in ("source", "destination"):
        address = document.get(end, {}).get("ip")
        if address is not None:
            document[end]["address"] = [address]
            document.setdefault("related", {}).setdefault("ip", []).append(address)
    if "packets" in document.get("network", {}):
        _set(document, "sflow.sample_rate", document["network"]["packets"])
    if flow:
        document["goflow2"] = flow
    return document
