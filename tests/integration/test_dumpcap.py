#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""DPDK's own capture program reads the packets of a running gateway.

usage: test_dumpcap.py BUILD_FOLDER. It takes hugepages for its gateway and gives them back.
"""
import contextlib
import os
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import capture  # noqa: E402
from world import BACKEND, CLIENT_A, GATEWAY, World, run, wait  # noqa: E402

PAGES, FOLDER = "/proc/sys/vm/nr_hugepages", "/dev/hugepages"
WANTED = 400  # pages of 2 MiB: what the gateway of the test's world takes, with room to spare
PACKETS = 400


def pages(count=None):
    if count is not None:
        with open(PAGES, "w", encoding="ascii") as file:
            file.write(str(count))
    with open(PAGES, encoding="ascii") as file:
        return int(file.read())


@contextlib.contextmanager
def hugepages():
    """Yields whether there are hugepages, and files of them, for as long as it lasts."""
    before, made, mounted = pages(), not os.path.isdir(FOLDER), not os.path.ismount(FOLDER)
    os.makedirs(FOLDER, exist_ok=True)
    if mounted and run("mount", "-t", "hugetlbfs", "none", FOLDER, check=False).returncode != 0:
        mounted = False
    try:
        yield os.path.ismount(FOLDER) and pages(before + WANTED) == before + WANTED
    finally:
        pages(before)
        if mounted:
            run("umount", FOLDER)
        if made:
            os.rmdir(FOLDER)


def files_of(pid):
    return [name for name in os.listdir(FOLDER) if name.startswith(f"holdfast{pid}map_")]


def capture_some(world, path):
    """Takes PACKETS packets of live traffic, which begins once the capture stands."""
    with subprocess.Popen(["dpdk-dumpcap", f"--file-prefix=holdfast{world.gateway.pid}",
                           "-i", "net_af_packet0", "-c", str(PACKETS), "-a", "duration:30",
                           "-w", path], stderr=subprocess.PIPE, text=True) as dumpcap:
        said = [""]
        while said[-1] is not None and not said[-1].startswith("File:"):
            said.append(dumpcap.stderr.readline() or None)
        load = world.load("--sessions", 10, "--messages", 200, "--rate", 100)
        assert dumpcap.wait(60) == 0 and said[-1], said
    verdict = world.verdict(load)
    assert verdict["delivered"] == verdict["sent"] == 2000 and verdict["lost"] == 0, verdict
    assert verdict["doubled"] == 0, verdict


def check_capture(path, folder):
    """Both directions, and each frame understood."""
    found = capture.columns(path, folder, ("ip.src", "frame.len", "holdfast.type",
                                           "holdfast.malformed"))
    assert PACKETS <= len(found["frame.len"]) < PACKETS + 64, len(found["frame.len"])  # by bursts
    sources = {found["ip.src"][number] for number in found["holdfast.type"]}
    assert len(found["holdfast.type"]) > PACKETS * 0.9, found["ip.src"]
    assert not found["holdfast.malformed"]
    assert {CLIENT_A, BACKEND, GATEWAY} <= sources, sources


def kill_leaves_nothing(world):
    """The memory of a gateway that was killed comes back when the next one starts."""
    old = world.gateway.pid
    assert files_of(old)
    world.gateway.send_signal(signal.SIGKILL)
    world.gateway.wait()
    assert files_of(old), "nothing that could be left behind: the test claims nothing"
    world.start_gateway()
    assert not files_of(old) and files_of(world.gateway.pid)


def main():
    if os.geteuid() != 0:
        print("skipped: hugepages and network namespaces need root")
        return 77
    with hugepages() as there:
        if not there:
            print("skipped: this machine has not", WANTED, "hugepages to give")
            return 77
        with tempfile.TemporaryDirectory() as folder, World(sys.argv[1]) as world:
            path = os.path.join(folder, "gateway.pcapng")
            assert files_of(world.gateway.pid)
            capture_some(world, path)
            check_capture(path, folder)
            kill_leaves_nothing(world)
            gateway = world.gateway.pid
            world.gateway.terminate()
            world.gateway.wait(30)
            wait(lambda: not files_of(gateway), 5, "a gateway that stops gives its hugepages back")
            assert not os.path.exists(f"/var/run/dpdk/holdfast{gateway}")
    print("ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
