"""The ClickHouse engine as a library, which npm has: chdb, loaded into this process.

https://clickhouse.com/docs/chdb
"""

import ctypes
import glob
import json
import os

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
        sql = sql.encode()
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
