"""nats-server processes on free loopback ports, and a client of their text protocol.

https://docs.nats.io/reference/reference-protocols/nats-protocol
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile

from support import process

SERVER = shutil.which("nats-server") or "/usr/sbin/nats-server"


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def missing():
    return not os.access(SERVER, os.X_OK)


class Server:
    """One server that can be stopped, frozen, killed and started again on the same port."""

    def __init__(self, config="", directory=None, port=None, scheme="nats"):
        self.port = port or free_port()
        self.scratch = tempfile.TemporaryDirectory(prefix="nats-")
        self.directory = directory or self.scratch.name
        self.config = os.path.join(self.scratch.name, "server.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f'listen: "127.0.0.1:{self.port}"\n'
                       f'jetstream {{ store_dir: "{self.directory}/js" }}\n{config}\n')
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        with open(os.path.join(self.scratch.name, "log"), "ab") as log:
            self.process = subprocess.Popen([SERVER, "-c", self.config], stdout=log, stderr=log)
        process.wait_until(self._answers, "nats-server")
        return self

    def _answers(self):
        if self.process.poll() is not None:
            with open(os.path.join(self.scratch.name, "log"), encoding="utf-8") as log:
                raise AssertionError(log.read())
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def send(self, number):
        """A server that is to freeze has frozen when this returns."""
        self.process.send_signal(number)
        if number == signal.SIGSTOP:
            process.wait_until(self._is_frozen, "the server to freeze")

    def _is_frozen(self):
        folder = f"/proc/{self.process.pid}/task"
        states = []
        for task in os.listdir(folder):
            with open(f"{folder}/{task}/stat", encoding="ascii") as file:
                states.append(file.read().rpartition(")")[2].split()[0])
        return set(states) == {"T"}

    def unread(self):
        """Bytes that wait at its connections: a frozen server reads none."""
        with open("/proc/net/tcp", encoding="ascii") as file:
            rows = [line.split() for line in file][1:]
        return sum(int(row[4].split(":")[1], 16) for row in rows
                   if int(row[1].split(":")[1], 16) == self.port and row[3] == "01")

    def kill(self, number=signal.SIGKILL):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            if number != signal.SIGKILL:  # that needs no waking, and a frozen one is to stay so
                self.process.send_signal(signal.SIGCONT)
            self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *failed):
        self.kill()
        self.scratch.cleanup()


class Client:
    """One connection: requests to the JetStream API, publishing, and reading a stream."""

    def __init__(self, server, options=None, seconds=process.DEADLINE_SECONDS):
        self.socket = socket.create_connection(("127.0.0.1", server.port), seconds)
        self.file = self.socket.makefile("rb")
        self.info = json.loads(self.file.readline().split(b" ", 1)[1])
        connect = {"verbose": False, "headers": True, "no_responders": True, **(options or {})}
        self._write(b"CONNECT " + json.dumps(connect).encode() + b"\r\n")
        self.inbox = f"_INBOX.{os.urandom(8).hex()}"
        self._write(f"SUB {self.inbox} 1\r\n".encode())

    def __enter__(self):
        return self

    def __exit__(self, *failed):
        self.file.close()
        self.socket.close()

    def _write(self, data):
        self.socket.sendall(data)

    def publish(self, subject, data, reply=""):
        self._write(f"PUB {subject} {reply} {len(data)}\r\n".encode() + data + b"\r\n")

    def next(self):
        """(headers, data) of the next message."""
        while True:
            line = self.file.readline()
            words = line.split()
            if not words:
                raise AssertionError("connection closed")
            if words[0] == b"PING":
                self._write(b"PONG\r\n")
            elif words[0] == b"-ERR":
                raise AssertionError(line)
            elif words[0] in (b"MSG", b"HMSG"):
                body = self.file.read(int(words[-1]) + 2)[:-2]
                head = int(words[-2]) if words[0] == b"HMSG" else 0
                return body[:head], body[head:]

    def request(self, subject, value=None):
        self.publish(subject, b"" if value is None else json.dumps(value).encode(), self.inbox)
        return self.next()

    def api(self, subject, value=None):
        head, data = self.request(f"$JS.API.{subject}", value)
        if not data:
            raise AssertionError(head)
        return json.loads(data)

    def count(self, stream):
        """Messages in the stream, 0 when it is not there."""
        return self.api(f"STREAM.INFO.{stream}").get("state", {}).get("messages", 0)

    def messages(self, stream):
        """The data of all messages, in order, as (subject, headers, data)."""
        state = self.api(f"STREAM.INFO.{stream}").get("state")
        if not state or not state["messages"]:
            return []
        found = []
        for sequence in range(state["first_seq"], state["last_seq"] + 1):
            answer = self.api(f"STREAM.MSG.GET.{stream}", {"seq": sequence})
            if "message" in answer:
                found.append(answer["message"])
        return found
