"""Debian roots in which nothing of this project or of this machine is installed.

Made by debootstrap once for a build folder, and copied for each use. Wants root and the network.
"""

import os
import shutil
import subprocess
import tempfile

RELEASE = "bookworm"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# A /proc of the root's own; what runs inside is a direct child, so that signals reach it.
ENTER = 'mount -t proc proc "$0/proc" && exec chroot "$@"'


def missing():
    """Why there can be none here, or None."""
    if os.geteuid() != 0:
        return "not run by root"
    for tool in ("debootstrap", "unshare", "chroot"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    if subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        return "nothing may be mounted here"
    return None


def base(folder):
    """The path of the root that is copied, or None where no mirror of Debian can be reached."""
    path = os.path.join(folder, "clean-root")
    if not os.path.exists(path):
        unfinished = path + ".unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        if subprocess.run(["debootstrap", "--variant=minbase", RELEASE, unfinished],
                          stdout=subprocess.DEVNULL).returncode != 0:
            return None
        os.rename(unfinished, path)
    return path


class Root:
    """One copy, removed at the end of the block."""

    def __init__(self, origin):
        self.origin = origin

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="clean-root-")
        self.path = os.path.join(self.folder.name, "root")
        subprocess.run(["cp", "-a", self.origin, self.path], check=True)
        for name in ("resolv.conf", "hosts"):
            shutil.copy(os.path.join("/etc", name), os.path.join(self.path, "etc", name))
        return self

    def __exit__(self, *failed):
        self.folder.cleanup()

    def inside(self, path):
        return os.path.join(self.path, path.lstrip("/"))

    def command(self, *words, user="0:0", folder="/", settings=None):
        """What runs words in this root, for any way of starting a process."""
        settings = {"PATH": PATH, "HOME": "/", "TERM": "dumb", "DEBIAN_FRONTEND": "noninteractive",
                    **(settings or {})}
        return ["unshare", "--mount", "sh", "-c", ENTER, self.path, "--userspec=" + user, self.path,
                "env", "-i", "-C", folder, *(f"{name}={value}" for name, value in settings.items()),
                *words]

    def run(self, *words, **how):
        """Output and errors together; CalledProcessError says them."""
        done = subprocess.run(self.command(*words, **how), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(words)}: exit status {done.returncode}\n"
                                 f"{done.stdout[-8000:]}")
        return done.stdout
