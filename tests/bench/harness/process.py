"""A program pinned to cores, and what the operating system says it used."""

import glob
import json
import os
import re
import resource
import signal
import subprocess
import tempfile
import time

GENERATOR_CORE, PROGRAM_CORE = 0, 1
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 5
DRAIN_SECONDS_MAX = 30
PORT = 29055


def cores_text(cores):
    return ",".join(str(core) for core in cores)


def pinned(command, cores):
    return ["taskset", "-c", cores_text(cores), *command]


def _read(path):
    """The text of a file of /proc, or nothing when its process is gone."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def socket_state(port):
    """(bytes that wait, datagrams dropped) of all UDP sockets of that port; None without any."""
    waiting, dropped, found = 0, 0, False
    for path in ("/proc/net/udp", "/proc/net/udp6"):
        for line in _read(path).splitlines()[1:]:
            words = line.split()
            if int(words[1].rsplit(":", 1)[1], 16) == port:
                waiting += int(words[4].split(":")[1], 16)
                dropped += int(words[-1])
                found = True
    return (waiting, dropped) if found else None


class Program:
    """One that runs until it is stopped; with all processes that it starts itself."""

    def __init__(self, command, cores=(PROGRAM_CORE,)):
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(pinned(command, cores), stdin=subprocess.DEVNULL,
                                         stdout=self._log, stderr=self._log,
                                         start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def wait_for_port(self, port=PORT):
        end = time.monotonic() + START_SECONDS_MAX
        while socket_state(port) is None:
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{' '.join(self._process.args)}: does not listen on {port}")
            time.sleep(0.01)
        time.sleep(0.2)

    def _pids(self):
        """Processes of the session that the program leads."""
        for path in glob.glob("/proc/[0-9]*/stat"):
            words = _read(path).rpartition(")")[2].split()
            if len(words) > 3 and int(words[3]) == self._process.pid:
                yield path.split("/")[2]

    def processor_ns(self):
        """User and system time of all its threads."""
        return sum(int(_read(path).split()[0]) for pid in self._pids()
                   for path in glob.glob(f"/proc/{pid}/task/*/schedstat") if _read(path))

    def memory_kib(self):
        """The largest resident size so far, summed over its processes."""
        return sum(int(line.split()[1]) for pid in self._pids()
                   for line in _read(f"/proc/{pid}/status").splitlines()
                   if line.startswith("VmHWM:"))

    def pause(self):
        for pid in self._pids():
            os.kill(int(pid), signal.SIGSTOP)

    def resume(self):
        for pid in self._pids():
            os.kill(int(pid), signal.SIGCONT)

    def stop(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in list(self._pids()):
            os.kill(int(pid), signal.SIGKILL)

    def flows_delivered(self):
        """What our collector said when it ended; None of other programs."""
        self._log.seek(0)
        found = re.search(rb'"ledger flows".* delivered=(\d+)', self._log.read())
        return found and int(found.group(1))


def generate(programs, *options):
    """Runs the generator on its core; what it says that it sent."""
    run = subprocess.run(
        pinned([f"{programs}/generator", f"-to=127.0.0.1:{PORT}", *options], (GENERATOR_CORE,)),
        stdout=subprocess.PIPE, check=True)
    return json.loads(run.stdout)


def drain(port=PORT):
    """Waits until the sockets are empty; how many seconds that took."""
    begun = time.monotonic()
    while True:
        state = socket_state(port)
        spent = time.monotonic() - begun
        if state is None or state[0] == 0 or spent > DRAIN_SECONDS_MAX:
            return spent
        time.sleep(0.002)


def run_to_end(command, cores=(PROGRAM_CORE,), stdin=None, stdout=subprocess.DEVNULL):
    """(user and system seconds, seconds by the clock, KiB) of a program that ends by itself."""
    begun = time.monotonic()
    process = subprocess.Popen(pinned(command, cores), stdin=stdin or subprocess.DEVNULL,
                               stdout=stdout, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {process.returncode}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - begun, usage.ru_maxrss


def raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
