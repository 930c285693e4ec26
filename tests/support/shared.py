"""The shared folder of captures and vectors that may not be copied into this repository.

It lies beside the source tree (../shared), or where GOFLOW_SHARED says. Tests that need it say so
loudly and pass when it is not there.
"""

import os

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEFAULT = os.path.join(os.path.dirname(SOURCE), "shared")


def root():
    return os.environ.get("GOFLOW_SHARED") or DEFAULT


def find(name):
    """The path of one of its folders, or None."""
    path = os.path.join(root(), name)
    return path if os.path.isdir(path) else None


def missing(name):
    return f"no folder {os.path.join(root(), name)} (set GOFLOW_SHARED to where it is)"
