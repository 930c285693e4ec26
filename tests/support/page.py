"""Pages that a daemon serves over HTTP."""

import http.client
import re

from support import process

SERIES = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def http_port(program):
    program.wait_for_log("starting HTTP server")
    return int(re.search(r'starting HTTP server".* port=(\d+)', program.log()).group(1))


def get(port, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=process.DEADLINE_SECONDS)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.getheader("Content-Type")
    finally:
        connection.close()


def metrics(port):
    """{name: {labels: value}} of the page of metrics."""
    values = {}
    for line in get(port, "/metrics")[1].splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = SERIES.match(line).groups()
        key = tuple(sorted(LABEL.findall(labels or "")))
        assert key not in values.setdefault(name, {}), f"twice: {line}"
        values[name][key] = float(value)
    return values
