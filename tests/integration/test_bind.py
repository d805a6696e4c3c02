#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/bind says and refuses, on a made-up /sys in namespaces of its own.

A real device is in tests/machine. Here nothing moves when a file is written, so that a driver never
takes a device; all before that is as it is. Each test_* function is one claim.
usage: test_bind.py [NAME...]
"""
import json
import os
import subprocess
import sys
import tempfile

BIND = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
                    "scripts/bind")
DEVICE, OTHER, NODE = "0000:03:00.0", "0000:03:00.1", "/devices/system/node/node{}/hugepages"
UNSAFE = "/module/vfio/parameters/enable_unsafe_noiommu_mode"
NAMESPACE = f"hb{os.getpid()}"


class Computer:
    """A folder that stands for /sys, and a network namespace with the interface eth9."""

    def __init__(self, folder):
        self.sys = folder
        for driver in ("e1000e", "vfio-pci"):
            self.put(f"/bus/pci/drivers/{driver}/unbind", "")
        self.put("/bus/pci/drivers_probe", "")
        for node in (0, 1):
            self.put(NODE.format(node) + "/hugepages-2048kB/nr_hugepages", "10\n")
        self.device(DEVICE, "e1000e", interface="eth9")
        self.put(UNSAFE, "N\n")

    def put(self, path, text):
        os.makedirs(os.path.dirname(self.sys + path), exist_ok=True)
        with open(self.sys + path, "w", encoding="ascii") as file:
            file.write(text)

    def get(self, path):
        with open(self.sys + path, encoding="ascii") as file:
            return file.read().strip()

    def link(self, path, target):
        os.makedirs(os.path.dirname(self.sys + path), exist_ok=True)
        os.symlink(target, self.sys + path)

    def device(self, address, driver, interface=None, kind="0x020000", group=None):
        base = f"/bus/pci/devices/{address}"
        for name, text in (("class", kind), ("vendor", "0x8086"), ("device", "0x10d3"),
                           ("numa_node", "1"), ("driver_override", "")):
            self.put(f"{base}/{name}", text + "\n")
        self.link(f"{base}/driver", f"/sys/bus/pci/drivers/{driver}")
        if interface:
            self.put(f"{base}/net/{interface}/carrier", "1\n")
            self.link(f"/class/net/{interface}", f"/sys{base}/net/{interface}")
            self.link(f"{base}/net/{interface}/device", f"/sys{base}")
        if group:
            self.link(f"{base}/iommu_group", f"/sys/kernel/iommu_groups/{group}")
            self.link(f"/kernel/iommu_groups/{group}/devices/{address}", f"/sys{base}")

    def bind(self, *words, status=0, text="", ssh=None):
        """What it says, both ways."""
        environment = {"PATH": os.environ["PATH"], **({"SSH_CONNECTION": ssh} if ssh else {})}
        told = subprocess.run(
            ["ip", "netns", "exec", NAMESPACE, "unshare", "-m", "sh", "-c",
             'mount -t tmpfs none /run && mount --bind "$0" /sys && exec "$@"', self.sys, BIND,
             *words], check=False, capture_output=True, text=True, timeout=60, env=environment)
        said = told.stdout + told.stderr
        assert told.returncode == status, f"{words}: {told}"
        assert text in said, f"no '{text}' in {said}"
        return told.stdout if status == 0 else said


def ip(*words):
    subprocess.run(["ip", "-n", NAMESPACE, *words], check=True)


def test_a_dry_run_writes_nothing(computer):
    computer.bind("--hugepages", "1G", DEVICE, text="would write: 'vfio-pci' to "
                  f"/sys/bus/pci/devices/{DEVICE}/driver_override")
    assert computer.get(f"/bus/pci/devices/{DEVICE}/driver_override") == ""
    assert computer.get(NODE.format(1) + "/hugepages-2048kB/nr_hugepages") == "10"
    assert computer.get(UNSAFE) == "N"


def test_a_device_without_an_iommu_is_said_loudly(computer):
    computer.bind(DEVICE, text="WARNING: no IOMMU stands before")
    computer.bind("--yes", DEVICE, status=1, text="did not take it")
    assert computer.get(UNSAFE) == "0", "the mode stays on for nobody"
    assert computer.get("/bus/pci/drivers/e1000e/unbind") == DEVICE


def test_a_kernel_without_that_mode_is_named(computer):
    os.remove(computer.sys + UNSAFE)
    computer.bind("--yes", DEVICE, status=1, text="CONFIG_VFIO_NOIOMMU")
    assert computer.get(f"/bus/pci/devices/{DEVICE}/driver_override") == ""


def test_an_iommu_needs_no_warning(computer):
    computer.device(OTHER, "e1000e", interface="eth8", group=7)
    assert "WARNING" not in computer.bind(OTHER, text="nothing was changed")


def test_a_group_is_taken_as_a_whole(computer):
    computer.device(OTHER, "e1000e", interface="eth8", group=7)
    computer.device("0000:03:00.2", "snd_hda", kind="0x040300", group=7)
    computer.bind(OTHER, status=1, text="shares IOMMU group 7 with 0000:03:00.2 (snd_hda)")


def test_what_is_in_use_is_refused(computer):
    ip("addr", "add", "192.0.2.5/24", "dev", "eth9")
    said = computer.bind("--yes", "eth9", status=1, text="eth9 carries the address 192.0.2.5/24")
    assert "default route" not in said
    ip("route", "add", "default", "via", "192.0.2.1")
    computer.bind("eth9", status=1, text="eth9 carries a default route (IPv4)")
    computer.bind("eth9", status=1, ssh="198.51.100.9 1 192.0.2.5 22",
                  text="eth9 is the way this shell came in")
    computer.bind("--force", DEVICE, text="is in use and taken by --force")
    assert computer.get(f"/bus/pci/devices/{DEVICE}/driver_override") == ""


def test_what_is_stacked_upon_it_counts(computer):
    # A bond or VLAN, for the kernel; eth8 stands for it.
    ip("addr", "add", "2001:db8::5/64", "dev", "eth8")
    computer.put("/class/net/eth8/carrier", "1\n")
    computer.link(f"/bus/pci/devices/{DEVICE}/net/eth9/upper_eth8", "/sys/class/net/eth8")
    computer.bind(DEVICE, status=1, text="eth8 carries the address 2001:db8::5/64")


def test_what_cannot_be_seen_counts(computer):
    computer.device(OTHER, "e1000e")
    computer.bind(OTHER, status=1, text="another network namespace")
    computer.device("0000:04:00.0", "e1000e", interface="gone0")
    computer.bind("gone0", status=1, text="gone0: its addresses cannot be read")


def test_hugepages(computer):
    file = "/hugepages-2048kB/nr_hugepages"
    computer.bind("--yes", "--hugepages", "64M@0,100@1")
    assert computer.get(NODE.format(0) + file) == "32" and computer.get(NODE.format(1) + file) == "100"
    computer.bind("--yes", "--hugepages", "5", text="has 32 hugepages of 2 MiB already")
    assert computer.get(NODE.format(0) + file) == "32", "never fewer"
    computer.bind("--yes", "--hugepages", "200")
    assert computer.get(NODE.format(0) + file) == computer.get(NODE.format(1) + file) == "200"
    computer.bind("--hugepages", "300", "--force", DEVICE,
                  text=f"'300' to /sys{NODE.format(1)}{file}")
    computer.bind("--hugepages", "5@3", status=1, text="NUMA node 3: no such node")
    for words in (("--hugepages", "0"), ("--hugepages", "1T"), ("--hugepages", "x@1"),
                  ("--hugepages", "5@x"), ("--hugepages",)):
        computer.bind(*words, status=2, text="--help")


def test_list(computer):
    computer.device(OTHER, "vfio-pci")
    computer.device("0000:00:1f.0", "snd_hda", kind="0x040300")
    ip("addr", "add", "192.0.2.5/24", "dev", "eth9")
    told = json.loads(computer.bind("--list", "--json", ssh="198.51.100.9 1 192.0.2.5 22"))
    assert [(d["address"], d["driver"], d["interface"], d["link"], d["way_in"]) for d in told] == [
        (DEVICE, "e1000e", "eth9", "up", True), (OTHER, "vfio-pci", None, None, False)], told
    assert OTHER in computer.bind("--list")


def test_what_is_no_such_thing(computer):
    computer.device("0000:00:1f.0", "snd_hda", kind="0x040300")
    computer.bind("0000:09:00.0", status=1, text="0000:09:00.0: no such PCI device or interface")
    computer.bind("lo", status=1, text="lo")
    computer.bind("00:1f.0", status=1, text="is no network device")
    computer.bind("--user", "no-such-user", DEVICE, status=1, text="no such user")
    for words in ((), ("--nonsense",), ("--json",), ("--driver", "e1000e", DEVICE)):
        computer.bind(*words, status=2, text="--help")
    computer.bind("--help", text="usage:")
    computer.bind("--undo", DEVICE, text="is with its kernel driver e1000e already")


def main():
    if os.geteuid() != 0:
        print("skipped: namespaces need root")
        return 77
    failed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_") or (sys.argv[1:] and name[5:] not in sys.argv[1:]):
            continue
        with tempfile.TemporaryDirectory(prefix="holdfast-bind-") as folder:
            subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
            try:
                ip("link", "add", "eth9", "type", "veth", "peer", "name", "eth8")
                for interface in ("eth9", "eth8"):
                    ip("link", "set", interface, "up")
                test(Computer(folder))
                print(f"ok    {name[5:].replace('_', ' ')}", flush=True)
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                failed += 1
                print(f"FAIL  {name[5:].replace('_', ' ')}: {error!r}", flush=True)
            finally:
                subprocess.run(["ip", "netns", "del", NAMESPACE], check=False)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
