#!/usr/bin/env python3
"""The writer of ClickHouse against Debian's server, and what goes wrong: the server or the enricher
killed, a wrong password, a server that is away."""

import os
import shutil
import ssl
import sys
import time
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from e2e import clickhouse_case as case  # noqa: E402
from support import clickhouse, process  # noqa: E402


@unittest.skipIf(clickhouse.missing(), "no clickhouse-server")
class DebianCase(case.Case):
    def make_server(self):
        server = clickhouse.Server().start()
        self.addCleanup(server.__exit__)
        return server

    def refuse_addresses(self, addresses):
        """A column that throws, as an operator's own might."""
        refused = ", ".join(f"'{clickhouse.mapped(value)}'" for value in addresses)
        self.server.query("ALTER TABLE flows.flows ADD COLUMN allowed UInt8 MATERIALIZED "
                          f"throwIf(IPv6NumToString(src_addr) IN ({refused}))")


class TableTest(case.Table, DebianCase):
    pass


class DeliveryTest(case.Delivery, DebianCase):
    def test_a_wrong_password_is_told_and_waited_for(self):
        self.migrate()
        path = os.path.join(self.scratch, "password")
        with open(path, "w", encoding="utf-8") as file:
            file.write("wrong\n")
        flags = self.flags("-clickhouse.user=writer", "-clickhouse.password.file", path)
        enricher, _ = self.start_idle(*flags)
        enricher.wait_for_log("see -clickhouse.user and -clickhouse.password")
        with open(path, "w", encoding="utf-8") as file:
            file.write("it's \"secret\"\n")
        enricher.wait_for_log("ClickHouse answers again")

    def test_a_check_that_connects_finds_a_wrong_password(self):
        for password, status, said in (("it's \"secret\"", 0, ""), ("wrong", 1, "-clickhouse.url: ")):
            done = process.run([process.ENRICHER, "-check.connect", "-transport=clickhouse",
                                *self.flags("-clickhouse.user=writer",
                                            f"-clickhouse.password={password}")])
            self.assertEqual(done[0], status, done)
            self.assertIn(said, done[2])
            self.assertEqual(b"  the server answers: ClickHouse " in done[1], status == 0, done)

    def test_who_may_not_insert_is_told_once(self):
        self.migrate()
        enricher, pipe = self.start_idle(*self.flags("-clickhouse.user=reader", "-drain=100ms"))
        os.write(pipe, case.make_frames(0, 20))
        enricher.wait_for_log("GRANT the user INSERT and SELECT on the table")
        time.sleep(1)  # for several attempts
        enricher.stop()
        self.assertEqual(enricher.log().count("ClickHouse takes no flows"), 1)
        self.assertNotIn("ClickHouse answers again", enricher.log())
        self.assert_books(enricher.log(), made=20, delivered=0, failed=20)

    def test_a_server_that_is_away_is_waited_for(self):
        self.migrate()
        self.server.kill()
        with open(os.path.join(self.scratch, "flows"), "w+b") as file:
            file.write(case.make_frames(0, 1000))
            file.seek(0)
            enricher = self.start(*self.flags(), stdin=file)
        enricher.wait_for_log("ClickHouse does not answer as it should, trying again")
        self.server.start()
        self.assertEqual(enricher.wait(), 0, enricher.log())
        self.assert_once(1000)

    def test_a_process_that_ends_without_its_server_says_what_is_lost(self):
        self.migrate()
        enricher, pipe = self.start_idle(*self.flags("-drain=200ms"))
        enricher.wait_for_log("ClickHouse connected")
        self.server.kill()
        os.write(pipe, case.make_frames(0, 20))
        enricher.wait_for_log("trying again")
        enricher.stop()
        self.assert_books(enricher.log(), made=20, delivered=0, failed=20)


@unittest.skipIf(shutil.which("openssl") is None, "no openssl")
class TlsTest(DebianCase):
    def path(self, name):
        return os.path.join(self.scratch, name)

    def certificate(self, name, issuer=None):
        """A key and a certificate, of its own or signed by another."""
        by = ("-CA", self.path(f"{issuer}.pem"), "-CAkey", self.path(f"{issuer}.key")) \
            if issuer else ()
        status, _, log = process.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.pem"),
             "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", *by])
        self.assertEqual(status, 0, log)

    def test_both_sides_are_known_by_certificates(self):
        for name, issuer in (("ca", None), ("stranger", None), ("server", "ca"), ("client", "ca")):
            self.certificate(name, issuer)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path("server.pem"), self.path("server.key"))
        context.load_verify_locations(self.path("ca.pem"))
        context.verify_mode = ssl.CERT_REQUIRED
        proxy = clickhouse.Proxy(self.server.port, context)
        self.addCleanup(proxy.close)
        known = ("-clickhouse.tls.cert", self.path("client.pem"),
                 "-clickhouse.tls.key", self.path("client.key"))
        trusting = ("-clickhouse.tls.ca", self.path("ca.pem"))
        self.migrate()
        self.insert(case.make_frames(0, 100), *known, *trusting, url=proxy.url)
        self.insert(case.make_frames(100, 100), *known, "-clickhouse.tls.insecure", url=proxy.url)
        self.assert_once(200)
        for arguments in ((*known, "-clickhouse.tls.ca", self.path("stranger.pem")), trusting):
            enricher, _ = self.start_idle(*self.flags(*arguments, url=proxy.url))
            process.wait_until(lambda log=enricher.log: "level=ERROR" in log() or
                               "level=WARN" in log(), "a complaint")
            self.assertNotIn("ClickHouse connected", enricher.log())


class StreamTest(DebianCase, case.Stream):
    pass


if __name__ == "__main__":
    if clickhouse.missing():
        process.left_out("the writer of ClickHouse", "clickhouse-server is not installed")
    unittest.main()
