"""Flow exporters of Debian, run over a capture of traffic and sending to one loopback port.

Each function blocks until the exporter has read the whole capture and ended. The exporters run in
the foreground as children of this process; nothing else on the machine is touched.
"""

import os
import shutil
import subprocess
import tempfile

SOFTFLOWD_VERSIONS = {"netflow5": "5", "netflow9": "9", "ipfix": "10"}
PMACCT_VERSIONS = {"netflow5": "5", "netflow9": "9", "ipfix": "10"}
PMACCT_AGGREGATE = "src_host,dst_host,src_port,dst_port,proto,tos,tcpflags,vlan,src_mac,dst_mac"


def find(program):
    """The exporter's path; Debian puts them into /usr/sbin, which users do not search."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def _target(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def softflowd(protocol, traffic, address, port, *options, timeout=60):
    """Returns what softflowd printed: its statistics of packets and flows."""
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [find("softflowd"), "-d", "-a", "-r", traffic, "-v", SOFTFLOWD_VERSIONS[protocol],
             "-n", _target(address, port), "-p", f"{folder}/pid", "-c", "none",
             *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout)
    if run.returncode != 0:
        raise RuntimeError(f"softflowd ended with {run.returncode}: {run.stdout}")
    return run.stdout


def _pmacctd(config, timeout):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "pmacctd.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write("daemonize: false\n" + config)
        run = subprocess.run([find("pmacctd"), "-f", path], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, timeout=timeout)
    # At the end of a capture its process and its plugin stop each other: either may be first.
    if run.returncode != 0 and "no more plugins active" not in run.stdout:
        raise RuntimeError(f"pmacctd ended with {run.returncode}: {run.stdout}")
    return run.stdout


def nfprobe(protocol, traffic, address, port, timeout=60):
    return _pmacctd(f"pcap_savefile: {traffic}\n"
                    f"aggregate: {PMACCT_AGGREGATE}\n"
                    "plugins: nfprobe\n"
                    f"nfprobe_receiver: {_target(address, port)}\n"
                    f"nfprobe_version: {PMACCT_VERSIONS[protocol]}\n", timeout)


def sfprobe(traffic, address, port, agent="192.0.2.254", sampling_rate=1, timeout=60):
    return _pmacctd(f"pcap_savefile: {traffic}\n"
                    f"aggregate: {PMACCT_AGGREGATE}\n"
                    "plugins: sfprobe\n"
                    f"sfprobe_receiver: {_target(address, port)}\n"
                    f"sfprobe_agentip: {agent}\n"
                    f"sampling_rate: {sampling_rate}\n", timeout)
