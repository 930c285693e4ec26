"""What independent decoders say about a capture, in the columns of our JSON.

Each reader yields one dictionary a flow with the columns that it is sure of: src_addr, dst_addr,
proto (a number), src_port, dst_port, bytes, packets, sampling_rate.
"""

import gzip
import ipaddress
import json
import os

# ICMP and ICMPv6, and 0 where a record has no protocol: type and code may stand in the ports.
WITHOUT_PORTS = (0, 1, 58)

IPFIX_COLUMNS = {
    "sourceIPv4Address": "src_addr", "destinationIPv4Address": "dst_addr",
    "sourceIPv6Address": "src_addr", "destinationIPv6Address": "dst_addr",
    "sourceTransportPort": "src_port", "destinationTransportPort": "dst_port",
    "protocolIdentifier": "proto", "octetDeltaCount": "bytes", "packetDeltaCount": "packets",
    "postOctetDeltaCount": "bytes", "postPacketDeltaCount": "packets",
}
LOGSTASH_COLUMNS = {
    "ipv4_src_addr": "src_addr", "ipv4_dst_addr": "dst_addr",
    "ipv6_src_addr": "src_addr", "ipv6_dst_addr": "dst_addr",
    "l4_src_port": "src_port", "l4_dst_port": "dst_port", "protocol": "proto",
    "in_bytes": "bytes", "in_pkts": "packets", **IPFIX_COLUMNS,
}
LOGSTASH_COLUMNS_WRITTEN_LATER = {"out_bytes", "out_pkts", "postOctetDeltaCount",
                                  "postPacketDeltaCount"}


def _lines(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as file:
        for line in file:
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue  # sflowtool breaks off within a line when a datagram does


def _address(text):
    return str(ipaddress.ip_address(text))


def netgauze(path):
    """NetGauze: every message with all its records; those with a scope are options."""
    for message in _lines(path):
        for flow_set in next(iter(message.values()))["sets"]:
            for record in flow_set.get("Data", {}).get("records", []):
                if not record.get("scope_fields"):
                    yield from _netgauze_record(record["fields"])


def _netgauze_record(fields):
    made = {}
    for field in fields:
        for name, value in field.items():
            column = IPFIX_COLUMNS.get(name)
            if column in ("src_addr", "dst_addr"):
                if column not in made or ipaddress.ip_address(value).packed.strip(b"\0"):
                    made[column] = _address(value)
            elif column and isinstance(value, int):
                made[column] = value
    if any("dataLinkFrameSection" in f or "ipHeaderPacketSection" in f for f in fields):
        made = {name: made[name] for name in ("src_addr", "dst_addr") if name in made}
    yield made


def _nfdump_address(text):
    """Of a template with room for both families nfdump shows an IPv4 address in the low bytes of
    an IPv6 one, or none at all."""
    address = ipaddress.ip_address(text)
    if address.version == 6 and int(address) == 0:
        return None
    if address.version == 6 and 0xFFFF < int(address) <= 0xFFFFFFFF:
        return str(ipaddress.IPv4Address(int(address)))
    return str(address)


def nfdump(path):
    """nfdump: complete, without options; it multiplies the counters of sampled flows."""
    for row in _lines(path):
        made = {"proto": row.get("proto", 0)}
        for column, names in (("src_addr", ("src4_addr", "src6_addr")),
                              ("dst_addr", ("dst4_addr", "dst6_addr"))):
            for name in names:
                if name in row:
                    made[column] = _nfdump_address(row[name])
        made = {name: value for name, value in made.items() if value is not None}
        if made["proto"] not in WITHOUT_PORTS and "src_port" in row:
            made["src_port"], made["dst_port"] = row["src_port"], row["dst_port"]
        if not row["sampled"] and "in_bytes" in row:
            made["bytes"], made["packets"] = row["in_bytes"], row["in_packets"]
        yield made


def logstash(path):
    """The Logstash codec's specification: some of the events, with all their fields."""
    with open(path, encoding="utf-8") as file:
        events = json.load(file)
    for event in events:
        event = event.get("netflow", {})
        made = {}
        if LOGSTASH_COLUMNS_WRITTEN_LATER & set(event):
            event = {name: value for name, value in event.items()
                     if LOGSTASH_COLUMNS.get(name) not in ("bytes", "packets")}
        for name, value in event.items():
            column = LOGSTASH_COLUMNS.get(name)
            if column in ("src_addr", "dst_addr"):
                value = _address(value)
            if column:
                made[column] = value
        if "src_addr" in made:
            yield made


def sflowtool(path):
    """sflowtool: each flow sample; of its headers the sizes, which need no interpretation."""
    for datagram in _lines(path):
        for sample in datagram.get("samples", []):
            if "FLOWSAMPLE" not in sample.get("sampleType", ""):
                continue
            made = {"sampling_rate": int(sample["meanSkipCount"])}
            for element in sample.get("elements", []):
                if "sampledPacketSize" in element:
                    made["bytes"] = int(element["sampledPacketSize"])
            yield made


READERS = {
    "netgauze-flow.jsonl": netgauze,
    "nfcapd-nfdump.jsonl.gz": nfdump,
    "expected-events.json": logstash,
    "sflowtool.jsonl.gz": sflowtool,
}


def read(folder):
    """{file name: its flows} of the case."""
    return {name: list(reader(os.path.join(folder, name))) for name, reader in READERS.items()
            if os.path.exists(os.path.join(folder, name))}
