"""NetFlow datagrams made by hand."""

import ipaddress
import struct

IN_BYTES, PROTOCOL, SRC_PORT, SRC_ADDR, DST_ADDR, DST_PORT = 1, 4, 7, 8, 12, 11
RECORDS_MAX_V5 = 30


def v5(sequence, sources):
    """A NetFlow v5 datagram with one record for each IPv4 source address."""
    header = struct.pack("!HHIIIIBBH", 5, len(sources), 60000, 1700000000, 0, sequence, 0, 0, 0)
    records = b"".join(
        struct.pack("!4s4s4sHHIIIIHHBBBBHHBBH", ipaddress.IPv4Address(source).packed,
                    bytes([192, 0, 2, 10]), bytes(4), 1, 2, 3, 1500, 1000, 2000, 40000, 443, 0,
                    0x1B, 6, 0, 0, 0, 0, 0, 0)
        for source in sources)
    return header + records


def v9(sequence, domain, *sets):
    header = struct.pack("!HHIIII", 9, len(sets), 60000, 1700000000, sequence, domain)
    return header + b"".join(sets)


def v9_template(template_id, fields):
    """A template set; fields are (element, length) pairs."""
    body = struct.pack("!HH", template_id, len(fields)) + \
        b"".join(struct.pack("!HH", *field) for field in fields)
    return struct.pack("!HH", 0, 4 + len(body)) + body


def v9_data(template_id, *values):
    """A data set of one record; values are (number, length) pairs in the template's order."""
    body = b"".join(value.to_bytes(length, "big") for value, length in values)
    body += bytes(-len(body) % 4)
    return struct.pack("!HH", template_id, 4 + len(body)) + body


def _padded(body):
    return body + bytes(-len(body) % 4)


def v9_options(template_id, elements, values):
    """An options template of one scope (system, 4 bytes) and elements of 4 bytes, and its data."""
    template = struct.pack("!HHHHH", template_id, 4, 4 * len(elements), 1, 4) + \
        b"".join(struct.pack("!HH", element, 4) for element in elements)
    record = bytes(4) + b"".join(struct.pack("!I", value) for value in values)
    return b"".join(struct.pack("!HH", number, 4 + len(body)) + body
                    for number, body in ((1, _padded(template)), (template_id, record)))


def ipfix(sequence, domain, *sets, export_time=1700000000):
    body = b"".join(sets)
    return struct.pack("!HHIII", 10, 16 + len(body), export_time, sequence, domain) + body


def ipfix_template(template_id, fields):
    """A template set; fields are (element, length) or (element, length, enterprise)."""
    body = struct.pack("!HH", template_id, len(fields))
    for element, length, *enterprise in fields:
        body += struct.pack("!HH", element | (0x8000 if enterprise else 0), length)
        body += b"".join(struct.pack("!I", number) for number in enterprise)
    return struct.pack("!HH", 2, 4 + len(body)) + body


ipfix_data = v9_data


def ipfix_options(template_id, elements, values):
    """An options template of one scope (exportingProcessId, 4 bytes), elements of 4 bytes; data."""
    template = struct.pack("!HHHHH", template_id, 1 + len(elements), 1, 144, 4) + \
        b"".join(struct.pack("!HH", element, 4) for element in elements)
    record = bytes(4) + b"".join(struct.pack("!I", value) for value in values)
    return b"".join(struct.pack("!HH", number, 4 + len(body)) + body
                    for number, body in ((3, template), (template_id, record)))
