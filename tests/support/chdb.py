"""The ClickHouse engine as a library, which npm has: chdb, loaded into this process.

https://clickhouse.com/docs/chdb
"""

import ctypes
import glob
import http.server
import json
import os
import re
import tempfile
import threading
import urllib.parse

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NPM = os.environ.get("GOFLOW_NPM", os.path.join(os.path.dirname(TESTS), ".cache", "stack"))


def library():
    """The path of the library, None when it is not installed."""
    found = glob.glob(os.path.join(NPM, "node_modules", "@chdb", "*", "libchdb.so"))
    return found[0] if found else None


class Error(Exception):
    """What the engine answers when it refuses a statement."""


class Engine:
    """One database in a folder. A process can have one at a time."""

    RESULT = (("buffer", ctypes.c_void_p), ("length", ctypes.c_size_t), ("error", ctypes.c_char_p),
              ("storage_rows_read", ctypes.c_uint64))

    def __init__(self, folder):
        self.library = ctypes.CDLL(library())
        self.library.chdb_connect.restype = ctypes.POINTER(ctypes.c_void_p)
        self.library.chdb_query_n.restype = ctypes.c_void_p
        self.library.chdb_query_n.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t,
                                              ctypes.c_char_p, ctypes.c_size_t]
        self.library.chdb_destroy_query_result.argtypes = [ctypes.c_void_p]
        for name, kind in self.RESULT:
            function = getattr(self.library, f"chdb_result_{name}")
            function.restype = kind
            function.argtypes = [ctypes.c_void_p]
        arguments = (ctypes.c_char_p * 2)(b"chdb", b"--path=" + folder.encode())
        self.connection = self.library.chdb_connect(len(arguments), arguments)
        self.rows_read = 0  # from tables, by the latest statement

    def close(self):
        self.library.chdb_close_conn(self.connection)

    def query(self, sql, output="TSV"):
        """The answer to one statement as bytes."""
        sql = sql if isinstance(sql, bytes) else sql.encode()
        result = self.library.chdb_query_n(self.connection.contents.value, sql, len(sql),
                                           output.encode(), len(output))
        try:
            error = self.library.chdb_result_error(result)
            if error:
                raise Error(error.decode("utf-8", "replace"))
            self.rows_read = self.library.chdb_result_storage_rows_read(result)
            length = self.library.chdb_result_length(result)
            return ctypes.string_at(self.library.chdb_result_buffer(result), length)
        finally:
            self.library.chdb_destroy_query_result(result)

    def rows(self, sql):
        """The answer as a list of dictionaries."""
        lines = self.query(f"{sql} SETTINGS output_format_json_quote_64bit_integers = 0",
                           "JSONEachRow")
        return [json.loads(line) for line in lines.splitlines()]

    def run(self, script):
        """Runs statements separated by semicolons at the ends of lines."""
        for statement in script.split(";\n"):
            if statement.strip():
                self.query(statement)


class Server(http.server.ThreadingHTTPServer):
    """ClickHouse's HTTP interface in front of an engine, as far as the enricher speaks it: a query
    in the URL or the body, settings in the URL, rows of an insert behind it.

    https://clickhouse.com/docs/interfaces/http
    """

    daemon_threads = True

    def __init__(self, engine):
        super().__init__(("127.0.0.1", 0), Handler)
        self.engine = engine
        self.turn = threading.Lock()  # the engine answers one at a time
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *failed):
        self.shutdown()
        self.server_close()

    def answer(self, query, settings, body, encoding):
        """What happens when a request comes; a test may put its own in place."""
        with self.turn:
            if not query.startswith("INSERT"):
                return self.engine.query(query or body)
            with tempfile.NamedTemporaryFile(suffix=ENDINGS[encoding]) as file:
                file.write(body)
                file.flush()
                return self.engine.query(self.insert(query, settings, file.name))

    @staticmethod
    def insert(query, settings, path):
        """The same insert with its rows in a file."""
        into, form = query.rsplit(" FORMAT ", 1)
        given = ", ".join(f"{name} = '{value}'" for name, value in settings.items()
                          if name != "query_id")
        return f"{into} FROM INFILE '{path}' SETTINGS {given} FORMAT {form}"


# What the engine knows a compressed file by.
ENDINGS = {None: "", "gzip": ".gz", "zstd": ".zst", "lz4": ".lz4"}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        settings = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        query = settings.pop("query", "")
        settings.pop("wait_end_of_query", None)
        try:
            self.reply(200, self.server.answer(query, settings, body,
                                               self.headers.get("Content-Encoding")))
        except (ConnectionAbortedError, BrokenPipeError):
            self.close_connection = True  # without an answer
        except Error as error:
            code = re.match(r"Code: (\d+)", str(error)).group(1)
            self.reply(500, str(error).encode(), {"X-ClickHouse-Exception-Code": code})

    def reply(self, status, body, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
