"""A systemd of its own for a test: process 1 of its own namespaces (also of the network), over a
copy of this system in memory. Needs root; nothing of the machine is touched but a control group,
which is removed again.
"""

import os
import shutil
import signal
import subprocess
import tempfile

from support import process

BOOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "systemd_boot.sh")
SYSTEMD = "/lib/systemd/systemd"
NEEDED = ("unshare", "nsenter", "pivot_root", "chroot", "systemctl", "ip", "cmake",
          "systemd-sysusers")
SEARCH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


class Absent(Exception):
    """Why there can be none here."""


def _control_groups():
    with open("/proc/mounts", encoding="ascii", errors="replace") as file:
        for line in file:
            words = line.split()
            if words[2] == "cgroup2" and "rw" in words[3].split(","):
                return words[1]
    raise Absent("no control groups of version 2")


def _check():
    if os.geteuid() != 0:
        raise Absent("not root")
    for program in NEEDED:
        if shutil.which(program, path=SEARCH) is None:
            raise Absent(f"{program} is not installed")
    if not os.path.exists(SYSTEMD):
        raise Absent("systemd is not installed")


class Systemd:
    """Boots with what a build folder installs; raises Absent where that is not possible."""

    def __init__(self, build):
        _check()
        try:
            self._group = tempfile.mkdtemp(prefix="goflow2plus-test-", dir=_control_groups())
        except OSError as why:
            raise Absent(f"no control group can be made: {why}") from None
        self._folder = tempfile.TemporaryDirectory()
        self._log = tempfile.TemporaryFile()
        self._pid = None
        self._process = subprocess.Popen(
            ["sh", "-c", f'echo $$ >"{self._group}/cgroup.procs" && exec "$@"', "sh",
             "unshare", "--mount", "--pid", "--fork", "--kill-child", "--cgroup", "--uts", "--ipc",
             "--net", BOOT, self._folder.name, build],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)

    def __enter__(self):
        try:
            process.wait_until(lambda: self._process.poll() is not None or self._is_up(),
                               "systemd to boot")
        except AssertionError as why:
            self.__exit__()
            raise Absent(f"it does not boot here: {why}") from None
        if self._process.poll() is not None:
            why = os.pread(self._log.fileno(), 4096, 0).decode("utf-8", "replace").strip()
            self.__exit__()
            raise Absent(f"it does not boot here: {why}")
        return self

    def _is_up(self):
        path = f"/proc/{self._process.pid}/task/{self._process.pid}/children"
        try:
            with open(path, encoding="ascii") as file:
                self._pid = int(file.read().split()[0])
            if os.path.basename(os.readlink(f"/proc/{self._pid}/exe")) != "systemd":
                return False
        except (OSError, IndexError):
            return False  # it has not begun, or is gone
        state = self.run("systemctl", "is-system-running").stdout.strip()
        return state in ("running", "degraded")

    def __exit__(self, *_):
        if self._pid is not None and self._process.poll() is None:
            os.kill(self._pid, signal.SIGKILL)  # and with it all of its namespace
        self._process.kill()
        self._process.wait()
        process.wait_until(self._leave_group, "what was killed to be gone")
        self._folder.cleanup()
        self._log.close()

    def _leave_group(self):
        for folder, _, _ in os.walk(self._group, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                pass  # it is still leaving
        return not os.path.exists(self._group)

    def run(self, *command, stdin=b""):
        """The command inside of it, to its end; its output is text."""
        done = subprocess.run(
            ["nsenter", "-t", str(self._pid), "--mount", "--pid", "--net", "--cgroup",
             f"--root=/proc/{self._pid}/root", "--wd=/", *command],
            input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=process.DEADLINE_SECONDS, cwd="/")
        done.stdout = done.stdout.decode("utf-8", "replace")
        return done

    def show(self, unit, name):
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip()
