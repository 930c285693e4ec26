"""The programs that are measured beside each other, and how each is started."""

import os
import shutil
import subprocess

from harness.process import PORT

RECEIVE_BYTES = 32 << 20
SYSTEM_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"

# What the generator sends, by the name that tables use.
INPUTS = {
    "v5": ["-protocol=v5"],
    "v9": ["-protocol=v9"],
    "ipfix": ["-protocol=ipfix"],
    "sflow": ["-protocol=sflow"],
    "v9, bursts of 16": ["-protocol=v9", "-segments=16", "-burst=64"],
}
BURSTS = "v9, bursts of 16"

PMACCT = """daemonize: false
{daemon}_ip: 127.0.0.1
{daemon}_port: {port}
plugin_pipe_size: 268435456
plugin_buffer_size: 262144
{daemon}_pipe_size: {receive}
plugins: print
aggregate: {aggregate}
print_refresh_time: 3600
print_output_file: /dev/null
"""
TUPLE = "src_host,dst_host,src_port,dst_port,proto"


def _is_sflow(name):
    return name == "sflow"


def _find(program):
    return shutil.which(program, path=SYSTEM_PATH)


def floor(programs, _name, _folder, gro=False):
    return [f"{programs}/floor", f"-listen=127.0.0.1:{PORT}", f"-rcvbuf={RECEIVE_BYTES}",
            f"-gro={'true' if gro else 'false'}"]


def collector(programs, name, _folder, form="bin", gro=False, count=1):
    scheme = "sflow" if _is_sflow(name) else "netflow"
    query = f"count={count}&rcvbuf={RECEIVE_BYTES}" + ("&gro=1" if gro else "")
    return [f"{programs}/goflow2plus", "-addr=", f"-listen={scheme}://127.0.0.1:{PORT}?{query}",
            f"-format={form}", "-transport.file=/dev/null",
            f"-transport.file.sep={'' if form == 'bin' else chr(10)}"]


def goflow2(_programs, name, _folder, form):
    """Debian does not have it: whoever has built it puts it into PATH. Its queue is taken away, so
    that what it cannot take is lost in the socket, where everyone's loss is counted."""
    program = _find("goflow2")
    scheme = "sflow" if _is_sflow(name) else "netflow"
    return program and [program, "-addr=127.0.0.1:0",
                        f"-listen={scheme}://127.0.0.1:{PORT}?count=1&blocking=true",
                        f"-format={form}", "-transport.file=/dev/null",
                        f"-transport.file.sep={'' if form == 'bin' else chr(10)}"]


def nfdump(_programs, name, folder):
    program = _find("sfcapd" if _is_sflow(name) else "nfcapd")
    return program and [program, "-b", "127.0.0.1", "-p", str(PORT), "-w", folder,
                        "-B", str(RECEIVE_BYTES), "-t", "3600"]


def pmacct(_programs, name, folder, aggregate):
    daemon = "sfacctd" if _is_sflow(name) else "nfacctd"
    program = _find(daemon)
    if program is None:
        return None
    config = os.path.join(folder, f"{daemon}.conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write(PMACCT.format(daemon=daemon, port=PORT, receive=RECEIVE_BYTES,
                                 aggregate=aggregate))
    return [program, "-f", config]


# Name in tables -> command of (folder of our programs, input, scratch folder); None: not installed.
RECEIVERS = {
    "floor": floor,
    "goflow2plus, bin": collector,
    "goflow2plus, json": lambda *where: collector(*where, form="json"),
    "goflow2, bin": lambda *where: goflow2(*where, form="bin"),
    "goflow2, json": lambda *where: goflow2(*where, form="json"),
    "nfcapd, sfcapd": nfdump,
    "nfacctd, sfacctd: by protocol": lambda *where: pmacct(*where, aggregate="proto"),
    "nfacctd, sfacctd: by 5-tuple": lambda *where: pmacct(*where, aggregate=TUPLE),
}
BURST_RECEIVERS = {
    "floor": floor,
    "floor, GRO": lambda *where: floor(*where, gro=True),
    "goflow2plus, bin": collector,
    "goflow2plus, bin, GRO": lambda *where: collector(*where, gro=True),
}


def receivers(name):
    return BURST_RECEIVERS if name == BURSTS else RECEIVERS


def _first_line(command):
    try:
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             timeout=10, check=False)
    except OSError:
        return None
    return next((line.strip() for line in run.stdout.splitlines() if line.strip()), None)


def versions(programs):
    """Of every program measured, what it says of itself; None when it is not installed."""
    asked = {name: [f"{programs}/{name}", "-v"] for name in ("goflow2plus", "enricher")}
    for name in ("nfcapd", "sfcapd", "nfacctd", "sfacctd"):
        asked[name] = [_find(name) or name, "-V"]
    asked["goflow2"] = [_find("goflow2") or "goflow2", "-v"]
    return {name: _first_line(command) for name, command in asked.items()}
