"""Prometheus' own check of files and metrics, from Debian's package prometheus: installed, or
unpacked where scripts/test puts it."""

import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROMTOOL = shutil.which("promtool") or os.path.join(ROOT, ".cache", "prometheus", "usr", "bin",
                                                    "promtool")
THERE = os.access(PROMTOOL, os.X_OK)


def run(*arguments, cwd=None, text=None):
    return subprocess.run([PROMTOOL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, cwd=cwd, input=text, check=False)
