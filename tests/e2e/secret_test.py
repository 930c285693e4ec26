#!/usr/bin/env python3
"""No output of the programs repeats a secret, whatever is wrong with it and wherever it is given."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from support import process  # noqa: E402

SECRET = "S3CRET"
# {} is where the port of a server that refuses stands.
VALUES = (
    SECRET, f"u:{SECRET}@127.0.0.1:{{}}", f"nats://u:{SECRET}@127.0.0.1:{{}}",
    f"tls://{SECRET}@127.0.0.1:{{}}", f"nats://u:{SECRET}@127.0.0.1:abc",
    f"nats://u:{SECRET}@x@127.0.0.1:{{}}", f"nats://u:{SECRET}/x@127.0.0.1:{{}}",
    f"nats://u:{SECRET},more@127.0.0.1:{{}}", f"nats://u:a,{SECRET}@127.0.0.1:{{}}",
    f"nats://a:1 nats://u:{SECRET}@127.0.0.1:{{}}", f"http://u:{SECRET}@127.0.0.1:{{}}",
    f"http://u:a?{SECRET}@127.0.0.1:{{}}", f"http://u:a#{SECRET}@127.0.0.1:{{}}",
    f"http://127.0.0.1:{{}}/?user=u&password={SECRET}", f"http://127.0.0.1:{{}}/?password=a@{SECRET}",
    f"http://127.0.0.1:{{}}/?password=a,{SECRET}", f"\x1b[2J{SECRET}\n",
)
PROGRAMS = {
    "goflow2plus": (process.COLLECTOR, "GOFLOW2PLUS_", ["-listen=netflow://127.0.0.1:0", "-addr="],
                    {"transport.nats.": ["-transport=nats"]}),
    "enricher": (process.ENRICHER, "ENRICHER_", [],
                 {"transport.nats.": ["-transport=nats"], "source.nats.": ["-source=nats"],
                  "clickhouse.": ["-transport=clickhouse"]}),
}


def secret_options(binary):
    """Those whose help says that NAME.file reads them from a file."""
    text = process.run([binary, "-h"])[2]
    return sorted(set(re.findall(r"-([a-z.]+)\.file\b", text)) - {"transport"})


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class SecretTest(unittest.TestCase):
    def run_with(self, arguments, environment=None):
        done = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=process.DEADLINE_SECONDS,
                              env={**os.environ, **(environment or {})})
        self.assertIn(done.returncode, (0, 1, 2), (arguments, environment, done.stdout))
        self.assertNotIn(SECRET.encode(), done.stdout, (arguments, environment))
        return done.stdout

    def each(self):
        for binary, prefix, arguments, transports in PROGRAMS.values():
            names = secret_options(binary)
            self.assertGreaterEqual(len(names), 3)
            for name in names:
                more = next((value for start, value in transports.items()
                             if name.startswith(start)), [])
                yield binary, prefix, [binary, *arguments, *more], name

    def test_the_list_has_all_of_them(self):
        known = [name for *_, name in self.each()]
        for name in ("transport.nats.servers", "transport.nats.token", "source.nats.servers",
                     "source.nats.token", "clickhouse.url", "clickhouse.password"):
            self.assertIn(name, known)

    def test_check_and_refusals(self):
        with tempfile.TemporaryDirectory() as folder:
            secret_file = os.path.join(folder, "one")
            config = os.path.join(folder, "config.yaml")
            for _, prefix, program, name in self.each():
                variable = prefix + name.upper().replace(".", "_").replace("-", "_")
                for value in VALUES:
                    if not re.search("[@?]", value) and name.endswith(("servers", "url")):
                        continue  # that is the name of a host
                    value = value.format(1)
                    with open(secret_file, "w", encoding="utf-8") as file:
                        file.write(value)
                    with open(config, "w", encoding="utf-8") as file:
                        file.write(f"{name}: '{value}'\n".replace("\x1b", ""))
                    program = [*program[:1], "-check", *[a for a in program[1:] if a != "-check"]]
                    self.run_with([*program, f"-{name}={value}"])
                    self.run_with([*program, f"-{name}.file={secret_file}"])
                    self.run_with([*program, f"-config={config}"])
                    self.run_with(program, {variable: value})

    def test_what_stands_behind_it(self):
        for _, _, program, name in self.each():
            self.run_with([*program, "-check", f"-{name}", "some", SECRET])
            self.run_with([*program, "-check", f"-{name}:{SECRET}"])

    def test_while_the_server_is_away(self):
        port = free_port()
        waits = "nats://u:{0}@127.0.0.1:{1}".format(SECRET, port)
        for arguments in (
                [process.COLLECTOR, "-listen=netflow://127.0.0.1:0", "-addr=", "-transport=nats",
                 "-loglevel=debug", "-transport.nats.servers", waits],
                [process.ENRICHER, "-source=nats", "-loglevel=debug", "-source.nats.servers", waits],
                [process.ENRICHER, "-transport=clickhouse", "-loglevel=debug",
                 f"-clickhouse.url=http://127.0.0.1:{port}", "-clickhouse.user=u",
                 "-clickhouse.password", SECRET]):
            with process.Process(arguments, stdin=subprocess.PIPE) as program:
                process.wait_until(lambda: "WARN" in program.log() or "ERROR" in program.log() or
                                   program.process.poll() is not None, "a word of the server")
                with open(f"/proc/{program.process.pid}/cmdline", "rb") as file:
                    self.assertNotIn(SECRET.encode(), file.read())
                program.send(signal.SIGKILL)
                program.wait()
                self.assertNotIn(SECRET, program.log())
                self.assertNotIn(SECRET.encode(), program.output())


if __name__ == "__main__":
    unittest.main()
