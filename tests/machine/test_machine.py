#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A gateway on a PCI network device: in a virtual machine, with the device that QEMU makes.

The machine boots Debian's kernel and tests/machine/guest, which gives its NIC to DPDK with
scripts/bind, runs holdfastd on it and gives it back. Backend and client run here, in a network
namespace with a tap device that is the other end of the machine's cable.

usage: test_machine.py BUILD_FOLDER iommu|uio NIC
"""
import glob
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
NAMESPACE = f"hm{os.getpid()}"
GATEWAY, BACKEND, CLIENT = "192.0.2.10", "192.0.2.1", "192.0.2.2"
PINGS = 20
SECONDS = 170
KINDS = {
    # An IOMMU as Intel's; vfio-pci, and the gateway as an ordinary user.
    "iommu": ("vfio-pci", ["-device", "intel-iommu,caching-mode=on"], "intel_iommu=on"),
    # None; Debian's kernel has no no-IOMMU mode of VFIO, which bind must say.
    "uio": ("uio_pci_generic", [], ""),
}


def skipped(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def there(*words):
    """Words to run at the other end of the cable."""
    return ["ip", "netns", "exec", NAMESPACE, *words]


class Machine:
    """QEMU, whose console is read line by line."""

    def __init__(self, kind, nic, kernel, image):
        driver, devices, append = KINDS[kind]
        words = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-M", "q35", "-cpu", "max",
                 "-smp", "2", "-m", "2048", "-nodefaults", "-nographic", "-no-reboot",
                 "-serial", "stdio", "-kernel", kernel, "-initrd", image, "-append",
                 f"console=ttyS0 quiet panic=-1 {append} HOLDFAST_NIC={nic} "
                 f"HOLDFAST_DRIVER={driver}", *devices,
                 "-netdev", "tap,id=cable,ifname=cable,script=no,downscript=no",
                 "-device", f"{nic},netdev=cable,mac=02:00:00:00:00:10,romfile="]
        self.until = time.monotonic() + SECONDS
        self.lines = queue.Queue()
        self.log = []
        self.process = subprocess.Popen(there(*words), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, errors="replace")
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip())
        self.lines.put(None)

    def reaches(self, wanted):
        """Waits for a line; the machine must neither fail, end nor take too long before it."""
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, self.until - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not {wanted} within {SECONDS} s") from None
            assert line is not None, f"the machine ended before {wanted}"
            self.log.append(line)
            if line.startswith("STEP"):
                print(f"{SECONDS - self.until + time.monotonic():5.0f} s  {line[5:]}", flush=True)
            assert not line.startswith("FAILED"), line
            if line == wanted:
                return

    def go_on(self):
        self.process.stdin.write("go on\n")
        self.process.stdin.flush()

    def end(self):
        self.process.kill()
        self.process.wait()


def sessions(build):
    """A backend and a client, through the machine."""
    endpoint = os.path.join(build, "endpoint")
    echo = subprocess.Popen(there(os.path.join(endpoint, "holdfast-echo"), "--gateway", GATEWAY,
                                  "--bind", BACKEND), stdout=subprocess.DEVNULL)
    try:
        ping = subprocess.run(there(os.path.join(endpoint, "holdfast-ping"), "--gateway", GATEWAY,
                                    "--bind", CLIENT, "--count", str(PINGS), "--interval", "100",
                                    "--json"),
                              check=False, capture_output=True, text=True, timeout=60)
    finally:
        echo.terminate()
        echo.wait(10)
    print(f"       holdfast-ping: {ping.stdout.strip()}", flush=True)
    assert ping.returncode == 0, f"holdfast-ping ended with {ping.returncode}: {ping.stderr}"
    told = json.loads(ping.stdout.strip().splitlines()[-1])
    assert told["received"] == told["sent"] == PINGS, told


def main():
    build, kind, nic = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3]
    for program in ("qemu-system-x86_64", "cpio", "busybox", "modprobe"):
        if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
            skipped(f"{program} is missing: scripts/setup machine")
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        skipped("a tap device in a network namespace needs root and /dev/net/tun")
    kernel = subprocess.run([os.path.join(HERE, "kernel"), os.path.join(build, "machine")],
                            check=False, capture_output=True, text=True)
    if kernel.returncode == 77:
        skipped(kernel.stderr.strip())
    assert kernel.returncode == 0, kernel.stderr
    tree = kernel.stdout.strip()
    machine = None
    with tempfile.TemporaryDirectory(prefix="holdfast-machine-") as folder:
        image = os.path.join(folder, "image")
        run(os.path.join(HERE, "image"), tree, build, TREE, image)
        run("ip", "netns", "add", NAMESPACE)
        try:
            run("ip", "-n", NAMESPACE, "tuntap", "add", "cable", "mode", "tap")
            run(*there("ethtool", "-K", "cable", "tx", "off"))
            for address in (BACKEND, CLIENT):
                run("ip", "-n", NAMESPACE, "addr", "add", address + "/24", "dev", "cable")
            run("ip", "-n", NAMESPACE, "link", "set", "cable", "up")
            machine = Machine(kind, nic, glob.glob(tree + "/boot/vmlinuz-*")[0], image)
            machine.reaches("SERVING")
            sessions(build)
            machine.go_on()
            machine.reaches("DONE")
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            print("\n".join(machine.log if machine else []))
            while machine and not machine.lines.empty():
                print(machine.lines.get())
            print(f"FAIL  {kind} {nic}: {error}")
            return 1
        finally:
            if machine:
                machine.end()
            run("ip", "netns", "del", NAMESPACE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
