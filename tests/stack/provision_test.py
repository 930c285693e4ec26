#!/usr/bin/env python3
"""scripts/grafana-provision, against a server of this test that answers as Grafana documents it: no
Grafana can be installed where the tests run.

https://grafana.com/docs/grafana/latest/developers/http_api/
"""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)

from support import grafana, process  # noqa: E402

SCRIPT = os.path.join(ROOT, "scripts", "grafana-provision")
PASSWORD = 'quote " and \\ backslash'


class Grafana(http.server.ThreadingHTTPServer):
    """Keeps what it is sent; what has a uid that is known conflicts, as it does there."""

    def __init__(self, plugin=True):
        super().__init__(("127.0.0.1", 0), Handler)
        self.plugin = plugin
        self.sources, self.dashboards, self.folders, self.keys = {}, {}, {}, set()
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, method, path, body):
        if path == "/api/plugins/grafana-clickhouse-datasource/settings":
            return 200 if self.plugin else 404
        if (method, path) == ("POST", "/api/datasources"):
            return self.keep(self.sources, body, 409)
        if method == "PUT" and path.startswith("/api/datasources/uid/"):
            self.sources[path.rsplit("/", 1)[1]] = body
            return 200
        if (method, path) == ("POST", "/api/folders"):
            return self.keep(self.folders, body, 412)
        if (method, path) == ("POST", "/api/dashboards/db"):
            if body["dashboard"]["uid"] in self.dashboards and not body["overwrite"]:
                return 412
            self.dashboards[body["dashboard"]["uid"]] = body
            return 200
        return 404

    @staticmethod
    def keep(where, body, conflict):
        if body["uid"] in where:
            return conflict
        where[body["uid"]] = body
        return 200


class Handler(http.server.BaseHTTPRequestHandler):
    def handle_any(self):
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.keys.add(self.headers.get("Authorization"))
        status = self.server.answer(self.command, self.path, json.loads(data) if data else None)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b'{"message": "said by the test"}')

    do_GET = do_POST = do_PUT = handle_any

    def log_message(self, *_):
        pass


def provision(*arguments, **environment):
    return subprocess.run([SCRIPT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, env={**os.environ, **environment})


class ProvisionTest(unittest.TestCase):
    def start(self, **named):
        server = Grafana(**named)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def test_everything_is_put_and_again(self):
        server = self.start()
        for password in ("first", PASSWORD):
            done = provision(server.url + "/", "key-1", CLICKHOUSE_HOST="db.example",
                             CLICKHOUSE_READER_PASSWORD=password)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(server.keys, {"Bearer key-1"})
        self.assertEqual(set(server.folders), {"flows"})
        self.assertEqual({uid: body["dashboard"] for uid, body in server.dashboards.items()},
                         {dashboard["uid"]: dashboard for _, dashboard in grafana.dashboards()})
        self.assertEqual({body["folderUid"] for body in server.dashboards.values()}, {"flows"})
        source = server.sources["flows-clickhouse"]
        self.assertEqual(source["jsonData"]["host"], "db.example")
        self.assertEqual(source["secureJsonData"]["password"], PASSWORD)

    def test_sources_are_those_that_compose_provisions(self):
        server = self.start()
        self.assertEqual(provision(server.url, "key").returncode, 0)
        path = os.path.join(grafana.NCG, "grafana", "datasources.yml")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for name in ("name", "uid", "type"):
            self.assertEqual([source[name] for source in server.sources.values()],
                             re.findall(rf"^ +(?:- )?{name}: (\S+)$", text, re.M))
        version = re.search(r"version: (\S+)", text).group(1)
        self.assertEqual(server.sources["flows-clickhouse"]["jsonData"]["version"], version)

    def test_the_key_comes_from_a_file(self):
        server = self.start()
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("secret\n")
            file.flush()
            self.assertEqual(provision(server.url, "@" + file.name).returncode, 0)
        self.assertEqual(server.keys, {"Bearer secret"})

    def test_what_is_wrong_is_said(self):
        without = self.start(plugin=False)
        for arguments, status, said in (
                ((without.url, "key"), 1, "first install the plugin"),
                (("http://127.0.0.1:1", "key"), 1, "answered 000"),
                (("only-a-url",), 2, "usage:")):
            with self.subTest(said):
                done = provision(*arguments)
                self.assertEqual(done.returncode, status)
                self.assertIn(said, done.stderr)
        self.assertFalse(without.dashboards)


if __name__ == "__main__":
    if not shutil.which("curl"):
        process.left_out("grafana-provision", "curl is not installed")
        sys.exit(0)
    unittest.main()
