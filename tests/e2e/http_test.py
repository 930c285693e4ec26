#!/usr/bin/env python3
"""The HTTP server under clients of bad intent, and -status and -health before servers of bad intent.

What the server holds for how many is in http_guard_test; here are the programs with real sockets.
"""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import netflow, process  # noqa: E402
from e2e.monitor_test import Collector, get, http_port, send  # noqa: E402

CLIENTS = 100  # more than are served at a time
TEMPLATES = 2000
FIELDS = [(netflow.SRC_ADDR, 4), (netflow.IN_BYTES, 4)] * 40


def connect(port, request, receive_bytes=None):
    client = socket.socket()
    if receive_bytes is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.settimeout(process.DEADLINE_SECONDS)
    client.connect(("127.0.0.1", port))
    client.sendall(request)
    return client


def is_closed(client):
    try:
        while client.recv(65536, socket.MSG_DONTWAIT):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def health(port):
    return process.run([process.COLLECTOR, "-health", "-addr", f"127.0.0.1:{port}"])[0]


class SlowClientTest(unittest.TestCase):
    def check(self, request, keep):
        """Clients that keep their connections fail no health check, and lose them."""
        with Collector() as collector, contextlib.ExitStack() as clients:
            crowd = [clients.enter_context(connect(collector.http, request))
                     for _ in range(CLIENTS)]
            for _ in range(5):
                self.assertEqual(health(collector.http), 0)
            for client in crowd:
                with contextlib.suppress(OSError):
                    keep(client)
            process.wait_until(lambda: all(map(is_closed, crowd)), "the slow ones to be closed")
            self.assertEqual(health(collector.http), 0)
            self.assertEqual(collector.stop(), 0, collector.log())

    def test_headers_that_never_end(self):
        self.check(b"GET /metrics HTTP/1.1\r\nX: ", lambda client: client.sendall(b"a"))

    def test_connections_kept_for_more(self):
        request = b"GET /__health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        self.check(request, lambda client: client.sendall(request))


class LargePageTest(unittest.TestCase):
    def fill(self, collector):
        """Templates of which the page is some twenty megabytes: more than sockets take over."""
        for first in range(0, TEMPLATES, 4):
            sets = [netflow.v9_template(256 + i, FIELDS) for i in range(first, first + 4)]
            send(collector.port, netflow.v9(first, 7, *sets))
            if first % 400 == 0:
                collector.wait_for_datagrams(first // 4 + 1)
        collector.wait_for_datagrams(TEMPLATES // 4)

    def test_templates_are_sent_to_one_at_a_time(self):
        with Collector("-templates.scope=address") as collector:
            self.fill(collector)
            with connect(collector.http, b"GET /templates HTTP/1.0\r\n\r\n", 4096) as slow:
                self.assertEqual(slow.recv(12), b"HTTP/1.1 200")
                connection = http.client.HTTPConnection("127.0.0.1", collector.http)
                connection.request("GET", "/templates")
                answer = connection.getresponse()
                self.assertEqual(answer.status, 503)
                self.assertEqual(answer.getheader("Retry-After"), "5")
                connection.close()
                self.assertEqual(get(collector.http, "/exporters")[0], 200)
            process.wait_until(lambda: get(collector.http, "/templates")[0] == 200,
                               "the page to be free again")
            status, text, _ = get(collector.http, "/templates")
            self.assertEqual(status, 200)
            (router, templates), = json.loads(text).items()
            self.assertEqual(len(templates), TEMPLATES)
            self.assertEqual({len(one["fields"]) for one in templates.values()}, {len(FIELDS)})
            self.assertTrue(router.startswith("127.0.0.1:"), router)
            self.assertEqual(collector.stop(), 0, collector.log())


class HostTest(unittest.TestCase):
    def ask(self, port, host, path="/exporters"):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def test_a_page_of_another_site_reads_nothing(self):
        with Collector("-addr.names=flows.example") as collector:
            for path in ("/exporters", "/templates", "/metrics", "/__health"):
                status, body = self.ask(collector.http, "attacker.example", path)
                self.assertEqual((status, b"-addr.names" in body), (403, True), path)
            for host in ("localhost", "127.0.0.1:8080", "collector", "flows.example"):
                self.assertEqual(self.ask(collector.http, host)[0], 200, host)

    def test_the_enricher_as_well(self):
        with process.Process([process.ENRICHER, "-addr=127.0.0.1:0", "-addr.names=flows.example"],
                             stdin=subprocess.PIPE) as enricher:
            port = http_port(enricher)
            self.assertEqual(self.ask(port, "attacker.example", "/metrics")[0], 403)
            self.assertEqual(self.ask(port, "flows.example", "/metrics")[0], 200)


@contextlib.contextmanager
def foreign_server(answer):
    """One that answers each connection so; yields its address."""
    stopped = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve_one(client):
        with client, contextlib.suppress(OSError):
            client.recv(4096)
            answer(client, stopped)

    def serve():
        with contextlib.suppress(OSError):
            while not stopped.is_set():
                threading.Thread(target=serve_one, args=(server.accept()[0],)).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        stopped.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()


class ForeignServerTest(unittest.TestCase):
    def test_what_it_sends_does_not_govern_the_terminal(self):
        body = (b"\x1b]0;owned\x07\x1b[2J\x9b31mhello\n" + "\u009b2J\u202etxt\u2066\n".encode() +
                "münchen ok\r\n".encode())
        with foreign_server(lambda client, _: client.sendall(
                b"HTTP/1.0 200 OK\r\n\r\n" + body)) as address:
            status, output, _ = process.run([process.COLLECTOR, "-status", "-addr", address])
        self.assertEqual(status, 0)
        page = "?]0;owned??[2J?31mhello\n?2J?txt?\nmünchen ok?\n"
        self.assertEqual(output.decode(), page + "\n" + page)  # /status and /exporters

    def test_one_that_drips_is_given_up(self):
        def drip(client, stopped):
            client.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
            while not stopped.wait(1):
                client.sendall(b".")

        with foreign_server(drip) as address:
            asked = [process.Process([process.COLLECTOR, flag, "-addr", address])
                     for flag in ("-status", "-health")]
            for program in asked:
                with program:
                    self.assertEqual(program.wait(), 1)
                    self.assertIn("timed out", program.log())

    def test_one_without_end_is_given_up(self):
        def flood(client, stopped):
            client.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
            while not stopped.is_set():
                client.sendall(b"A" * 65536)

        with foreign_server(flood) as address:
            for flag in ("-status", "-health"):
                self.assertEqual(process.run([process.COLLECTOR, flag, "-addr", address])[0], 1)


if __name__ == "__main__":
    unittest.main()
