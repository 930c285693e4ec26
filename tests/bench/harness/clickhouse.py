"""Flows from a file into ClickHouse, beside the same rows from a file by clickhouse-client, into the
same tables of the same server; on all cores, as each is free to use them."""

import os
import shutil
import subprocess

from harness import enrich, process
from support import clickhouse

CLIENT = shutil.which("clickhouse-client")
TABLES = ("flows", "flows_1m", "flows_5m", "flows_1h")


def _empty(server):
    for table in TABLES:
        server.query(f"TRUNCATE TABLE flows.{table}")


def _run(server, command, path, count):
    """Rows a second by the clock, and what the program that sends used."""
    _empty(server)
    with open(path, "rb") as rows, open(os.devnull, "wb") as nothing:
        used, seconds, memory = process.run_to_end(command, range(os.cpu_count()), stdin=rows,
                                                   stdout=nothing)
    found = server.number("SELECT count() FROM flows.flows")
    if found != count:
        raise RuntimeError(f"{command[0]}: {found} rows of {count}")
    return {"rate": count / seconds, "processor_ns": used / count * 1e9, "memory_kib": memory}


def _write_rows(client, path):
    """The rows that are there, to a file."""
    with open(path, "wb") as file:
        subprocess.run([*client, "--query", "SELECT * FROM flows.flows FORMAT RowBinary"],
                       stdout=file, check=True)


def measure(programs, cache, runs, say):
    if clickhouse.missing() or CLIENT is None:
        say("clickhouse: left out, clickhouse-server or clickhouse-client is not installed")
        return None
    frames, count = enrich.frames(programs, cache)
    rows = os.path.join(cache, "flows.rows")
    figures = {"enricher": [], "clickhouse-client": []}
    with clickhouse.Server() as server:
        url = f"-clickhouse.url={server.url}"
        client = [CLIENT, "--host=127.0.0.1", f"--port={server.native_port}"]
        ways = {"enricher": ([f"{programs}/enricher", "-transport=clickhouse", url], frames),
                "clickhouse-client": ([*client, "--query",
                                       "INSERT INTO flows.flows FORMAT RowBinary"], rows)}
        subprocess.run([f"{programs}/enricher", "-clickhouse.migrate", url], check=True,
                       stderr=subprocess.DEVNULL)
        for turn in range(runs):
            for title, (command, path) in ways.items():
                run = _run(server, command, path, count)
                figures[title].append(run)
                say(f"{title}: run {turn + 1}: {run['rate']:.0f} rows/s, "
                    f"{run['processor_ns']:.0f} ns a row")
                if not os.path.exists(rows):
                    _write_rows(client, rows)
    os.remove(rows)
    return {"flows": count, "cores": os.cpu_count(), "rows": figures}
