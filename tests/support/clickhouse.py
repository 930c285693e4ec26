"""Debian's ClickHouse server, which is of 2018, on a free loopback port, and a proxy before a server
that loses answers.

https://clickhouse.com/docs/interfaces/http
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request

from support import nats, process

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin",
                          os.path.join(ROOT, ".cache", "clickhouse", "usr", "sbin")))
SERVER = shutil.which("clickhouse-server", path=PLACES)

CONFIG = """<yandex>
<logger><level>information</level><log>{folder}/log</log><errorlog>{folder}/errors</errorlog></logger>
<http_port>{port}</http_port><tcp_port>{native}</tcp_port><listen_host>127.0.0.1</listen_host>
<path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path>
<users_config>{folder}/users.xml</users_config><mark_cache_size>67108864</mark_cache_size>
<default_profile>default</default_profile><default_database>default</default_database>
</yandex>
"""

USERS = """<yandex><profiles><default></default><readonly><readonly>1</readonly></readonly></profiles>
<quotas><default></default></quotas><users>
<default><password></password><networks><ip>::/0</ip></networks><profile>default</profile>
<quota>default</quota></default>
<writer><password>it's "secret"</password><networks><ip>::/0</ip></networks><profile>default</profile>
<quota>default</quota></writer>
<reader><password></password><networks><ip>::/0</ip></networks><profile>readonly</profile>
<quota>default</quota></reader></users></yandex>
"""


def missing():
    return SERVER is None


class Error(Exception):
    """What the server answers when it refuses a statement."""


def post(port, statement):
    """The answer to one statement as bytes."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", statement.encode(),
                                    process.DEADLINE_SECONDS) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise Error(error.read().decode("utf-8", "replace")) from None


class Server:
    """Debian's server; it can be stopped, killed and started again on the same port and data."""

    def __init__(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="clickhouse-", ignore_cleanup_errors=True)
        self.folder = self.scratch.name
        self.process = None
        self.started = False
        self._choose_ports()

    def _choose_ports(self):
        self.port = nats.free_port()
        self.native_port = nats.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        for name, text in (("config.xml", CONFIG), ("users.xml", USERS)):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(text.format(folder=self.folder, port=self.port,
                                       native=self.native_port))

    def start(self):
        """A free port may be another's a moment later: the first start may choose anew."""
        for tries_left in (0,) if self.started else (4, 3, 2, 1, 0):
            try:
                self._start()
                break
            except AssertionError:
                if tries_left == 0 or self.process.poll() is None:
                    raise
                self._choose_ports()
        self.started = True
        return self

    def _start(self):
        with open(os.path.join(self.folder, "output"), "ab") as output:
            self.process = subprocess.Popen(
                [SERVER, f"--config-file={self.folder}/config.xml"], cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        process.wait_until(self._answers, "clickhouse-server")

    def _answers(self):
        if self.process.poll() is not None:
            with open(os.path.join(self.folder, "output"), encoding="utf-8") as output:
                raise AssertionError(output.read())
        try:
            return post(self.port, "SELECT 1") == b"1\n"
        except OSError:
            return False

    def kill(self, number=signal.SIGKILL):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait()

    def query(self, statement):
        return post(self.port, statement).decode()

    def number(self, statement):
        return int(self.query(statement))

    def __enter__(self):
        return self.start()

    def __exit__(self, *failed):
        self.kill()
        self.scratch.cleanup()


class Proxy:
    """Stands before a server. While `lose` is positive each answer to an insert is thrown away,
    with its connection, after the server has given it; with `cut` nothing passes after the first."""

    def __init__(self, port, tls=None):
        self.target = port
        self.tls = tls  # a context: it speaks TLS to who comes
        self.lose = 0
        self.cut = False
        self.lost = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            self._pass(client if self.tls is None else self.tls.wrap_socket(client, server_side=True))
        except OSError:
            client.close()  # who is not known here

    def _pass(self, client):
        with client, client.makefile("rb") as requests:
            while (request := self._read(requests)) is not None:
                answer = None if self.cut and self.lost > 0 else self._ask(request)
                if answer is None:
                    return
                if request.startswith(b"POST") and b"query=INSERT" in request and self.lose > 0:
                    self.lose -= 1
                    self.lost += 1
                    return
                client.sendall(answer)

    def _ask(self, request):
        try:
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                server.sendall(request)
                with server.makefile("rb") as answers:
                    return self._read(answers)
        except OSError:
            return None

    @staticmethod
    def _read(file):
        """One request or answer, whole."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = file.readline()
            if not line:
                return None
            head += line
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if length is not None:
            return head + file.read(int(length[1]))
        if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head) is None:
            return head
        while True:
            size = file.readline()
            head += size + file.read(int(size, 16) + 2)
            if int(size, 16) == 0:
                return head


def mapped(address):
    """The text of an IPv4 address as the column has it."""
    return "::ffff:" + ".".join(map(str, address))
