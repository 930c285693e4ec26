"""The programs under test as child processes, and what they log.

GOFLOW_BIN names the folder of the binaries. Waiting is polling for a fact until it holds; the
deadline is for a test that hangs, and no test asserts how long anything took.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time

BIN = os.environ.get("GOFLOW_BIN", os.path.join("build", "bin"))
COLLECTOR = os.path.join(BIN, "goflow2plus")
ENRICHER = os.path.join(BIN, "enricher")
DEADLINE_SECONDS = 120
POLL_SECONDS = 0.02
LEDGER_LINE = re.compile(r'msg="ledger ([^"]+)" (.*)')


def left_out(what, why):
    """Says, where scripts/test picks it up, that a test could not run here."""
    print(f"LEFT OUT, {what}: {why}", flush=True)


def wait_until(holds, what):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {DEADLINE_SECONDS} s for {what}")
        time.sleep(POLL_SECONDS)


class Process:
    """One program; its log goes to a file, its output to a file unless a pipe is given.

    As a context manager it is killed at the end of the block if it has not ended by itself.
    """

    def __init__(self, arguments, stdin=subprocess.DEVNULL, stdout=None):
        self.log_file = tempfile.TemporaryFile()
        self.output_file = tempfile.TemporaryFile() if stdout is None else None
        self.process = subprocess.Popen(arguments, stdin=stdin, stderr=self.log_file,
                                        stdout=self.output_file if stdout is None else stdout)

    def __enter__(self):
        return self

    def __exit__(self, *failed):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if failed[0] is not None:
            sys.stderr.write(self.log())
        for file in (self.process.stdin, self.process.stdout, self.log_file, self.output_file):
            if file is not None:
                file.close()

    @staticmethod
    def _content(file):
        size = os.fstat(file.fileno()).st_size
        return os.pread(file.fileno(), size, 0)  # the child's file position stays where it is

    def log(self):
        return self._content(self.log_file).decode("utf-8", "replace")

    def output(self):
        return self._content(self.output_file)

    def wait_for_log(self, text, times=1):
        wait_until(lambda: self.log().count(text) >= times or self.process.poll() is not None,
                   f'"{text}" in the log')
        if self.log().count(text) < times:
            raise AssertionError(f'ended before it logged "{text}":\n{self.log()}')

    def send(self, number):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(timeout=DEADLINE_SECONDS)

    def stop(self, number=signal.SIGTERM):
        """Asks it to end; returns its exit status."""
        self.send(number)
        return self.wait()

    def ledger(self):
        """{line: {name: count}} of the books that it printed at its end."""
        return {name: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", rest)}
                for name, rest in LEDGER_LINE.findall(self.log())}


class Collector(Process):
    """A collector that listens on a free loopback port; `query` goes into its -listen URI.

    It serves no HTTP, unless -addr is among the arguments.
    """

    def __init__(self, *arguments, scheme="flow", query="", address="127.0.0.1", stdout=None):
        host = f"[{address}]" if ":" in address else address
        super().__init__([COLLECTOR, "-listen", f"{scheme}://{host}:0{query}", "-addr=", *arguments],
                         stdout=stdout)
        self.address = address
        try:
            self.wait_for_log("starting collection")
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        self.port = int(re.search(r'starting collection".* port=(\d+)', self.log()).group(1))


class Pipeline:
    """A listening collector piped into an enricher that writes JSON."""

    def __init__(self, *enricher_arguments, address="127.0.0.1"):
        reader, writer = os.pipe()
        try:
            self.collector = Collector("-format=bin", "-transport.file.sep=", address=address,
                                       stdout=writer)
            self.enricher = Process([ENRICHER, *enricher_arguments], stdin=reader)
        finally:
            os.close(reader)
            os.close(writer)
        self.port = self.collector.port

    def __enter__(self):
        return self

    def __exit__(self, *failed):
        self.collector.__exit__(*failed)
        self.enricher.__exit__(*failed)

    def stop(self):
        """The exit statuses of both after the collector was asked to end."""
        return self.collector.stop(), self.enricher.wait()


def run(arguments, stdin=b""):
    """A program that ends by itself: its exit status, output and log."""
    done = subprocess.run(arguments, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=DEADLINE_SECONDS)
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


def read_capture(path, *arguments):
    """What the collector makes of a capture."""
    status, output, log = run([COLLECTOR, "-read", path, *arguments])
    if status != 0:
        raise AssertionError(f"exit status {status}:\n{log}")
    return output
