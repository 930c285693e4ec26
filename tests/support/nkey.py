"""Keys of NATS and the tokens that they sign, made by openssl: operators, accounts, users.

https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/jwt
"""

import base64
import binascii
import json
import os
import shutil
import subprocess
import time

OPERATOR, ACCOUNT, USER, SEED = 14 << 3, 0, 20 << 3, 18 << 3
UNLIMITED = {name: -1 for name in ("subs", "data", "payload", "imports", "exports", "conn", "leaf",
                                   "mem_storage", "disk_storage", "streams", "consumer")}


def missing():
    return shutil.which("openssl") is None


def _openssl(*arguments):
    return subprocess.run(["openssl", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True).stdout


def _encoded(data):
    checked = data + binascii.crc_hqx(data, 0).to_bytes(2, "little")
    return base64.b32encode(checked).decode().rstrip("=")


def _url_text(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Key:
    """A pair of keys of that kind, kept in a folder."""

    def __init__(self, folder, name, kind):
        self.path = os.path.join(folder, f"{name}.key")
        self.name = name
        _openssl("genpkey", "-algorithm", "ed25519", "-out", self.path)
        # The raw key stands at the end of the DER form.
        private = _openssl("pkey", "-in", self.path, "-outform", "DER")[-32:]
        public = _openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")[-32:]
        self.seed = _encoded(bytes([SEED | kind >> 5, (kind & 31) << 3]) + private)
        self.public = _encoded(bytes([kind]) + public)

    def sign(self, text):
        """The signature of a text; openssl wants to read it from a file."""
        path = f"{self.path}.text"
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return _openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", path)

    def token(self, issuer, kind, claims, seconds=3600):
        """What the issuer says of this key, a JWT that lasts so long."""
        now = int(time.time())
        body = {"jti": self.public, "iat": now, "exp": now + seconds, "iss": issuer.public,
                "name": self.name, "sub": self.public,
                "nats": {**claims, "type": kind, "version": 2}}
        text = ".".join(_url_text(json.dumps(part).encode())
                        for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, body))
        return f"{text}.{_url_text(issuer.sign(text))}"


def write_user(path, key):
    """The file of -transport.nats.nkey."""
    with open(path, "w", encoding="ascii") as file:
        file.write(f"{key.seed}\n{key.public}\n")


def write_credentials(path, key, token):
    """The file of -transport.nats.creds."""
    with open(path, "w", encoding="ascii") as file:
        for title, text in (("NATS USER JWT", token), ("USER NKEY SEED", key.seed)):
            file.write(f"-----BEGIN {title}-----\n{text}\n------END {title}------\n\n")


class Operator:
    """An operator with a system account and one for flows; the server's part of it as text."""

    def __init__(self, folder):
        self.folder = folder
        self.key = Key(folder, "operator", OPERATOR)
        self.account = Key(folder, "account", ACCOUNT)
        system = Key(folder, "system", ACCOUNT)
        claims = {"limits": {**UNLIMITED, "wildcards": True}}
        accounts = {self.account: claims, system: {"limits": {**UNLIMITED, "wildcards": True,
                                                              "mem_storage": 0, "disk_storage": 0}}}
        preload = "\n".join(f"{key.public}: {key.token(self.key, 'account', said)}"
                            for key, said in accounts.items())
        own = self.key.token(self.key, "operator", {"system_account": system.public})
        self.config = (f"operator: {own}\nsystem_account: {system.public}\nresolver: MEMORY\n"
                       f"resolver_preload: {{ {preload} }}")

    def user(self, name, issuer=None, **claims):
        """Credentials of a new user of the account, or one that another account says is."""
        key = Key(self.folder, name, USER)
        path = os.path.join(self.folder, f"{name}.creds")
        unlimited = {"subs": -1, "data": -1, "payload": -1}
        write_credentials(path, key, key.token(issuer or self.account, "user",
                                               {**unlimited, **claims}))
        return path
