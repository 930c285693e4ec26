"""Capture -> collector -> JetStream -> enricher -> file, beside the same messages from a bare
publisher to a bare consumer over the same server; on all cores, as each is free to use them."""

import contextlib
import os
import time

from harness import enrich, process
from support import nats

# As the daemons have them by default; but the bare window is so large that nothing ever waits for it.
BATCH_BYTES, WINDOW, FETCH, ACK_PENDING = 15 << 10, 4096, 256, 8192
POLL_SECONDS = 0.01
# A stream that keeps all of a run; the daemons and the bare programs get it alike.
STREAM = {"retention": "limits", "storage": "file", "max_msgs": -1, "max_bytes": -1, "max_age": 0,
          "num_replicas": 1, "discard": "old", "duplicate_window": 120 * 10**9}


class Way:
    """Programs from one file into a stream and out of it again."""

    def __init__(self, stream, subject, durable, publisher, consumer):
        self.stream, self.subject, self.durable = stream, subject, durable
        self.publisher, self.consumer = publisher, consumer


def ways(programs, cache, server):
    frames, _ = enrich.frames(programs, cache)
    collector = [f"{programs}/goflow2plus", f"-read={enrich.capture(programs, cache)}",
                 "-format=bin", "-transport=nats", f"-transport.nats.servers={server.url}"]
    enricher = [f"{programs}/enricher", "-source=nats", f"-source.nats.servers={server.url}",
                "-format=bin", "-transport.file=/dev/null", "-transport.file.sep="]
    publisher = [f"{programs}/bare_publisher", f"-server={server.url}", f"-file={frames}",
                 f"-batch={BATCH_BYTES}", f"-window={WINDOW}"]
    consumer = [f"{programs}/bare_consumer", f"-server={server.url}", f"-fetch={FETCH}",
                f"-max-ack-pending={ACK_PENDING}"]
    return {"bare": Way("bare", "bare", "bare", publisher, consumer),
            "collector, enricher": Way("goflow2", "goflow2.messages", "enricher", collector,
                                       enricher)}


def _wait(holds, what):
    end = time.monotonic() + process.START_SECONDS_MAX
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(f"waited in vain for {what}")
        time.sleep(POLL_SECONDS)


def _left(client, way):
    """(messages not delivered, messages not acknowledged) of the consumer; None without one."""
    info = client.api(f"CONSUMER.INFO.{way.stream}.{way.durable}")
    return (info["num_pending"], info["num_ack_pending"]) if "num_pending" in info else None


def _processor_ns(pid):
    """User and system time of a process that runs."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) * 10**9 // os.sysconf("SC_CLK_TCK")


def _run(way, server, client, count):
    """Flows a second by the clock, until the last is acknowledged, and where the time went."""
    cores = range(os.cpu_count())
    client.api(f"STREAM.CREATE.{way.stream}",
               {"name": way.stream, "subjects": [way.subject], **STREAM})
    with process.Program(way.consumer, cores) as consumer:
        _wait(lambda: _left(client, way) is not None, "the consumer")
        before, begun = _processor_ns(server.process.pid), time.monotonic()
        used, published, _ = process.run_to_end(way.publisher, cores)
        _wait(lambda: _left(client, way) == (0, 0), "the last message to be acknowledged")
        seconds = time.monotonic() - begun
        run = {"rate": count / seconds, "published_rate": count / published,
               "publisher_ns": used / count * 1e9, "consumer_ns": consumer.processor_ns() / count,
               "server_ns": (_processor_ns(server.process.pid) - before) / count,
               "messages": client.count(way.stream)}
    client.api(f"STREAM.DELETE.{way.stream}")
    return run


def measure(programs, cache, runs, say):
    if nats.missing():
        say("jetstream: left out, nats-server is not installed")
        return None
    _, count = enrich.frames(programs, cache)
    rows = {}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(nats.Server())
        client = stack.enter_context(nats.Client(server))
        for turn in range(runs):
            for title, way in ways(programs, cache, server).items():
                run = _run(way, server, client, count)
                rows.setdefault(title, []).append(run)
                say(f"{title}: run {turn + 1}: {run['rate']:.0f} flows/s; ns a flow: "
                    f"publisher {run['publisher_ns']:.0f}, server {run['server_ns']:.0f}, "
                    f"consumer {run['consumer_ns']:.0f}")
    return {"flows": count, "cores": os.cpu_count(), "rows": rows}
