#!/usr/bin/env python3
"""How a NATS server is reached: every kind of credentials, right and wrong."""

import contextlib
import os
import re
import socket
import sys
import unittest
from unittest import mock

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import nats, nats_case, netflow, nkey, process  # noqa: E402


def documented_permissions():
    """{program: subjects to publish to} of the table in docs/jetstream.md, with its defaults."""
    with open(os.path.join(TESTS, "..", "docs", "jetstream.md"), encoding="utf-8") as file:
        rows = re.findall(r"^\| ([^|]+) \| ((?:`[^`]*`,? ?)+)\|$", file.read(), re.MULTILINE)
    return {title: re.findall(r"`([^`]*)`", subjects) for title, subjects in rows}


class AccessTest(nats_case.NatsCase):
    def test_wrong_credentials_are_said_and_tried_for_ever(self):
        server = self.server('authorization { token: "right" }')
        for token, wanted in (("right", 0), ("wrong", 1)):
            status, output, log = process.run(
                [process.COLLECTOR, "-check.connect", "-transport=nats", "-transport.nats.servers",
                 server.url, f"-transport.nats.token={token}"])
            self.assertEqual((status, "Authorization" in log), (wanted, bool(wanted)), log)
            self.assertEqual(b"  a server answers\n" in output, not wanted)
        collector = self.collector(server, "-transport.nats.token=wrong")
        collector.wait_for_log("NATS cannot be reached, trying again")
        self.assertIn("Authorization", collector.log())
        self.sender.send(collector.port, 30)
        server.kill()
        with open(server.config, encoding="utf-8") as file:
            config = file.read().replace('"right"', '"wrong"')
        with open(server.config, "w", encoding="utf-8") as file:
            file.write(config)
        server.start()
        collector.wait_for_log("NATS connected")
        self.assertEqual(collector.stop(), 0)
        self.assert_books(collector, made=30, delivered=30)

    def test_input_and_output_are_told_apart(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            servers = f"nats://127.0.0.1:{taken.getsockname()[1]}"
        with process.Process([process.ENRICHER, "-source=nats", "-source.nats.servers", servers,
                              "-transport=nats", "-transport.nats.servers", servers]) as enricher:
            for part in ("input", "output"):
                enricher.wait_for_log(f'trying again" connection={part} servers={servers}')
            enricher.stop()

    def certificate(self, name, issuer=None, *arguments):
        """A key and a certificate; its own issuer when there is no other."""
        key, pem = (os.path.join(self.scratch, f"{name}.{end}") for end in ("key", "pem"))
        by = ("-CA", self.path(f"{issuer}.pem"), "-CAkey", self.path(f"{issuer}.key")) \
            if issuer else ()
        status, _, log = process.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                      "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                                      "-out", pem, "-days", "2", "-subj", f"/CN={name}", *by,
                                      *arguments])
        self.assertEqual(status, 0, log)

    def test_tls_with_client_certificates(self):
        self.need_keys()
        self.certificate("ca")
        self.certificate("server", "ca", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")
        self.certificate("client", "ca")
        self.certificate("stranger")
        server = self.server(f"""tls {{ cert_file: "{self.path('server.pem')}"
            key_file: "{self.path('server.key')}", ca_file: "{self.path('ca.pem')}"
            verify: true }}""", scheme="tls")
        trust = ("-transport.nats.tls.ca", self.path("ca.pem"))

        def known_as(name):
            return ("-transport.nats.tls.cert", self.path(f"{name}.pem"),
                    "-transport.nats.tls.key", self.path(f"{name}.key"))
        cases = {"trusted": (True, (*trust, *known_as("client"))),
                 "server not looked at": (True, ("-transport.nats.tls.insecure",
                                                 *known_as("client"))),
                 "no certificate": (False, trust),
                 "a stranger's": (False, (*trust, *known_as("stranger"))),
                 "server not trusted": (False, ("-transport.nats.tls.ca",
                                                self.path("stranger.pem"), *known_as("client")))}
        for name, (connects, arguments) in cases.items():
            with self.subTest(name):
                collector = self.collector(server, *arguments, "-drain=3s")
                if connects:
                    collector.wait_for_log("NATS connected")
                    self.sender.send(collector.port, 30)
                    self.assertEqual(collector.stop(), 0)
                    self.assert_books(collector, made=30, delivered=30)
                else:
                    collector.wait_for_log("NATS cannot be reached, trying again")
                    self.assertNotIn("NATS connected", collector.log())

    def test_tls_in_the_url_alone_is_tls(self):
        """Of one server it holds for all. Whom the system's authorities do not know is refused."""
        self.need_keys()
        self.certificate("ca")
        self.certificate("server", "ca", "-addext", "subjectAltName=IP:127.0.0.1")
        server = self.server(f"""tls {{ cert_file: "{self.path('server.pem')}"
            key_file: "{self.path('server.key')}" }}""", scheme="tls")
        collector = self.collector(server, "-drain=0s")
        collector.wait_for_log("NATS cannot be reached, trying again")
        self.assertNotIn("NATS connected", collector.log())
        with mock.patch.dict(os.environ, {"SSL_CERT_FILE": self.path("ca.pem")}):
            self.assert_passes(server)

    def answers_without_tls(self, *arguments):
        """What a program says to somebody who answers in a server's place and offers no TLS."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        port = listener.getsockname()[1]
        program = self.start(process.Process([argument.replace("PORT", str(port))
                                              for argument in arguments]))
        said = b""
        for _ in range(2):  # it tries again
            client, _ = listener.accept()
            with client:
                client.sendall(b'INFO {"server_id":"x","version":"2.9.10","proto":1,'
                               b'"headers":true,"max_payload":1048576}\r\n')
                with contextlib.suppress(OSError):
                    while data := client.recv(4096):
                        said += data
                        client.shutdown(socket.SHUT_WR)
        program.wait_for_log("NATS cannot be reached, trying again")
        return said

    def test_who_answers_without_tls_hears_no_secret(self):
        bucket = (process.COLLECTOR, "-listen=flow://127.0.0.1:0", "-addr=",
                  "-templates.nats.bucket=templates")
        output = (process.COLLECTOR, "-listen=flow://127.0.0.1:0", "-addr=", "-transport=nats")
        cases = {
            "output": (*output, "-transport.nats.servers=tls://me:secret@localhost:PORT"),
            "token": (*output, "-transport.nats.servers=tls://localhost:PORT",
                      "-transport.nats.token=secret"),
            "mixed": (*output, "-transport.nats.servers="
                      "nats://me:secret@localhost:PORT,tls://me:secret@localhost:1"),
            "bucket": (*bucket, "-transport.nats.servers=tls://me:secret@localhost:PORT"),
            "input": (process.ENRICHER, "-source=nats",
                      "-source.nats.servers=tls://me:secret@localhost:PORT"),
        }
        for name, arguments in cases.items():
            with self.subTest(name):
                self.assertEqual(self.answers_without_tls(*arguments), b"")

    def test_a_comma_in_a_password(self):
        """It is refused without being shown, since it takes the list apart; escaped it passes."""
        for flag in ("-transport=nats -transport.nats.servers", "-templates.nats.bucket=b "
                     "-transport.nats.servers"):
            for check in ([], ["-check"]):
                status, output, log = process.run(
                    [process.COLLECTOR, "-listen=flow://127.0.0.1:0", "-addr=", *check,
                     *flag.split(), "nats://me:secret,more@127.0.0.1:1"])
                self.assertNotEqual(status, 0)
                self.assertIn("%2C", log)
                self.assertNotIn("secret", log + output.decode())
        server = self.server('authorization { user: "u", password: "secret,more" }')
        self.assert_passes(self.with_login(server, "u:secret%2Cmore"))

    def assert_passes(self, server, *credentials):
        """Flows go into the server and out of it with these, which are flags without prefix."""
        collector = self.collector(server, *(f"-transport.nats.{flag}" for flag in credentials))
        self.sender.send(collector.port, 30)
        self.assertEqual(collector.stop(), 0)
        self.assert_books(collector, made=30, delivered=30)
        enricher = self.start(process.Process(
            [process.ENRICHER, "-source=nats", "-source.nats.servers", server.url,
             *(f"-source.nats.{flag}" for flag in credentials), "-format=json"]))
        process.wait_until(lambda: enricher.output().count(b"\n") == 30, "the flows")
        self.assertEqual(enricher.stop(), 0)
        for ended in (collector, enricher):
            self.assertNotIn("secret", ended.log())

    def assert_refused(self, server, *credentials):
        collector = self.collector(server, *(f"-transport.nats.{flag}" for flag in credentials),
                                   "-drain=0s")
        enricher = self.start(process.Process(
            [process.ENRICHER, "-source=nats", "-source.nats.servers", server.url,
             *(f"-source.nats.{flag}" for flag in credentials), "-drain=0s"]))
        for program in (collector, enricher):
            program.wait_for_log("NATS cannot be reached, trying again")
            self.assertIn("Authorization Violation", program.log())
            self.assertNotIn("NATS connected", program.log())
            self.assertEqual(program.stop(), 0)
            self.assertNotIn("secret", program.log())

    def with_login(self, server, login):
        server.url = server.url.replace("//", f"//{login}@")
        return server

    def test_plain(self):
        self.assert_passes(self.server())

    def test_user_and_password(self):
        config = 'authorization { user: "u", password: "secret" }'
        self.assert_passes(self.with_login(self.server(config), "u:secret"))
        self.assert_refused(self.with_login(self.server(config), "u:secrets"))

    def test_token(self):
        server = self.server('authorization { token: "secret" }')
        self.assert_passes(server, "token=secret")
        self.assert_refused(server, "token=secrets")

    def need_keys(self):
        if nkey.missing():
            process.left_out(self.id(), "openssl is not installed")
            self.skipTest("no openssl")

    def test_nkey(self):
        self.need_keys()
        known, stranger = (nkey.Key(self.scratch, name, nkey.USER) for name in ("one", "another"))
        for key in (known, stranger):
            nkey.write_user(self.path(key.name), key)
        server = self.server(f'authorization {{ users: [{{nkey: "{known.public}"}}] }}')
        self.assert_passes(server, "nkey=" + self.path("one"))
        self.assert_refused(server, "nkey=" + self.path("another"))

    def test_credentials_file(self):
        self.need_keys()
        operator = nkey.Operator(self.scratch)
        other = nkey.Key(self.scratch, "other", nkey.ACCOUNT)
        server = self.server(operator.config)
        self.assert_passes(server, "creds=" + operator.user("one"))
        self.assert_refused(server, "creds=" + operator.user("another", issuer=other))

    def permitted(self, publish, subscribe=("_INBOX.>",)):
        """A server whose user may publish and subscribe to these; with a password for the rest."""
        def quoted(subjects):
            return ", ".join(f'"{subject}"' for subject in subjects)
        return self.with_login(self.server(f"""authorization {{ users: [
            {{user: "u", password: "p", permissions: {{publish: [{quoted(publish)}],
                                                      subscribe: [{quoted(subscribe)}]}}}},
            {{user: "admin", password: "secret"}}] }}"""), "u:p")

    def test_the_permissions_that_are_documented_are_enough(self):
        wanted = documented_permissions()
        self.assertEqual(len(wanted), 4)
        server = self.permitted(sum(wanted.values(), []))
        collectors = [self.collector(server, "-templates.nats.bucket=templates",
                                     "-loglevel=debug") for _ in range(2)]
        template = netflow.v9_template(256, [(netflow.SRC_ADDR, 4)])
        for collector in collectors:
            collector.wait_for_log("templates of other collectors are read")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(netflow.v9(0, 7, template), ("127.0.0.1", collectors[0].port))
            out.sendto(netflow.v9(1, 7, netflow.v9_data(256, (nats_case.FIRST_ID, 4))),
                       ("127.0.0.1", collectors[1].port))
        enricher = self.enricher(server)
        with nats.Client(server, {"user": "admin", "pass": "secret"}) as client:
            process.wait_until(lambda: client.count("goflow2-enriched") == 1, "the flow")
        for program in (*collectors, enricher):
            self.assertEqual(program.stop(), 0)
            self.assertNotIn("refuses", program.log())

    def test_what_permission_is_missing_is_said(self):
        cases = {"goflow2.messages": (("nothing",), ("_INBOX.>",)),
                 "_INBOX.": ((">",), ("nothing",))}
        for subject, permissions in cases.items():
            with self.subTest(subject):
                collector = self.collector(self.permitted(*permissions), "-drain=0s")
                self.sender.send(collector.port, 30)
                process.wait_until(lambda: re.search(f'Permissions Violation.*{subject}',
                                                     collector.log()), "the refusal in the log")
                self.assertEqual(collector.stop(), 0)
                self.assert_books(collector, made=30, delivered=0, failed=30)


if __name__ == "__main__":
    unittest.main()
