#!/usr/bin/env python3
"""How a NATS server is reached: every kind of credentials, right and wrong."""

import base64
import binascii
import os
import shutil
import sys
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import nats, nats_case, process  # noqa: E402


class AccessTest(nats_case.NatsCase):
    def test_wrong_credentials_are_said_and_tried_for_ever(self):
        server = self.server('authorization { token: "right" }')
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

    @unittest.skipIf(shutil.which("openssl") is None, "no openssl")
    def test_tls_with_client_certificates(self):
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

    def user_key(self):
        """Seed and public key of a user in the nkey encoding."""
        def derived(*arguments):
            status, out, _ = process.run(["openssl", *arguments, "-outform", "DER"])
            self.assertEqual(status, 0)
            return out[-32:]  # the raw key stands at the end

        def encoded(data):
            return base64.b32encode(
                data + binascii.crc_hqx(data, 0).to_bytes(2, "little")).decode().rstrip("=")
        private = self.path("user.key")
        process.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private])
        user, any_seed = 20 << 3, 18 << 3
        return (encoded(bytes([any_seed | user >> 5, (user & 31) << 3]) +
                        derived("pkey", "-in", private)),
                encoded(bytes([user]) + derived("pkey", "-in", private, "-pubout")))

    @unittest.skipIf(shutil.which("openssl") is None, "no openssl")
    def test_user_token_and_nkey(self):
        seed, public = self.user_key()
        nkey = self.path("user.nk")
        with open(nkey, "w", encoding="utf-8") as file:
            file.write(f"{seed}\n{public}\n")
        cases = {
            'token: "t"': ("-transport.nats.token=t", ""),
            'user: "u", password: "p"': ("", "u:p@"),
            f'users: [{{nkey: "{public}"}}]': (f"-transport.nats.nkey={nkey}", ""),
        }
        for config, (argument, login) in cases.items():
            with self.subTest(config):
                server = self.server(f"authorization {{ {config} }}")
                server.url = server.url.replace("//", f"//{login}")
                arguments = [argument] if argument else []
                collector = self.collector(server, *arguments)
                self.sender.send(collector.port, 30)
                self.assertEqual(collector.stop(), 0)
                self.assert_books(collector, made=30, delivered=30)
                self.assertNotIn("u:p", collector.log())


if __name__ == "__main__":
    unittest.main()
