#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A gateway as a service: what it tells its manager, and how little it must be allowed.

Each test_* function is one claim. The test plays systemd: its own socket is NOTIFY_SOCKET, and
setpriv makes an ordinary user with the capabilities of one row of the table in
docs/operations.md. usage: test_service.py BUILD_FOLDER [NAME...]
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import behaviours  # noqa: E402

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMESPACE = f"hv{os.getpid()}"
NOBODY = 65534
CONFIG = """[gateway]
control = {folder}/run/control.sock
[port p0]
device = {device}
addresses = 192.0.2.10/24
[session]
max = 100
[replay]
memory = 4M
[limits]
openings = 1024
[service echo]
backends = *
"""
# Kind of port, as the table in docs/operations.md has it: a device, and all that it needs.
PORTS = {
    "ring": ("net_ring0", []),
    "memif": ("net_memif0,role=server,id=0,socket={folder}/run/memif.sock,socket-abstract=no", []),
    "tap": ("net_tap0,iface=hftap", ["net_admin"]),
    "af_packet": ("net_af_packet0,iface=one,framecnt=512", ["net_admin", "net_raw"]),
    "af_xdp": ("net_af_xdp0,iface=one,start_queue=0,busy_budget=0",
               ["ipc_lock", "net_admin", "net_raw", "sys_admin"]),
}


class Manager:
    """Starts gateways, hears what they say, and ends them."""

    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        self.gateway = None
        # In a folder that an ordinary user may look into.
        shutil.copy(os.path.join(build, "control", "holdfastd"), folder)
        os.chmod(folder, 0o755)

    def start(self, device, capabilities=None, environment=None):
        """With capabilities: as an ordinary user that has these and no others."""
        run_folder = os.path.join(self.folder, "run")
        shutil.rmtree(run_folder, ignore_errors=True)
        os.mkdir(run_folder)
        config = os.path.join(self.folder, "gateway.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(folder=self.folder,
                                     device=device.format(folder=self.folder)))
        words = ["ip", "netns", "exec", NAMESPACE]
        if capabilities is not None:
            os.chown(run_folder, NOBODY, NOBODY)
            allowed = ",".join(["-all"] + ["+" + name for name in capabilities])
            words += ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
                      f"--inh-caps={allowed}", f"--ambient-caps={allowed}",
                      f"--bounding-set={allowed}", "--no-new-privs"]
        words += [os.path.join(self.folder, "holdfastd"), "--config", config]
        with open(self.log(), "w", encoding="utf-8") as log:
            self.gateway = subprocess.Popen(words, stderr=log, stdout=log,
                                            env={**os.environ, **(environment or {})})

    def log(self):
        return os.path.join(self.folder, "log")

    def said(self):
        with open(self.log(), encoding="utf-8", errors="replace") as file:
            return file.read()

    def starts(self, device, capabilities):
        """Whether a gateway gets ready; it is ended again."""
        self.start(device, capabilities)
        until = time.monotonic() + 30
        while " ready: " not in self.said() and self.gateway.poll() is None:
            assert time.monotonic() < until, f"neither ready nor ended: {self.said()}"
            time.sleep(0.05)
        ready = " ready: " in self.said()
        self.end()
        return ready

    def answers(self):
        told = subprocess.run([os.path.join(self.build, "control", "holdfastctl"), "--socket",
                               os.path.join(self.folder, "run/control.sock"), "info"],
                              check=False, capture_output=True, timeout=30)
        return told.returncode == 0

    def end(self):
        if self.gateway is None or self.gateway.poll() is not None:
            return
        self.gateway.send_signal(signal.SIGCONT)
        self.gateway.terminate()
        try:
            self.gateway.wait(20)
        except subprocess.TimeoutExpired:
            self.gateway.kill()
            self.gateway.wait()


def hear(manager, seconds):
    """The next thing said, or None."""
    manager.settimeout(seconds)
    try:
        return manager.recv(4096).decode().split("\n")
    except socket.timeout:
        return None


def beats(manager, seconds):
    """How many beats of the watchdog come in a time."""
    until, count = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        said = hear(manager, max(0.001, until - time.monotonic()))
        count += said is not None and "WATCHDOG=1" in said
    return count


def ports(kind):
    def test(manager):
        device, needed = PORTS[kind]
        if not manager.starts(device, needed):
            if kind == "af_xdp" and not manager.starts(device, None):
                return "this kernel has none"
            raise AssertionError(f"with {needed}: {manager.said()}")
        for name in needed:
            fewer = [other for other in needed if other != name]
            assert not manager.starts(device, fewer), f"it starts without {name}"
        return ", ".join(needed) or "nothing"
    return test


for port_kind in PORTS:
    globals()[f"test_port_{port_kind}"] = ports(port_kind)


def test_the_table_in_the_manual_says_the_same(_):
    with open(os.path.join(TREE, "docs/operations.md"), encoding="utf-8") as file:
        text = file.read()
    for kind, (device, needed) in PORTS.items():
        row = re.search(rf"^\| `net_{kind}`[^|]*\|([^|]*)\|", text, re.M)
        assert row, f"docs/operations.md has no row for net_{kind} ({device})"
        named = sorted(re.findall(r"CAP_(\w+)", row.group(1)))
        assert named == sorted(name.upper() for name in needed), f"{kind}: {named}"


def test_what_the_manager_hears(manager):
    path = os.path.join(manager.folder, "notify.sock")
    own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    own.bind(path)
    manager.start("net_ring0", None, {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "1000000"})
    first = hear(own, 30)
    assert first and first[0] == "READY=1", f"{first}, {manager.said()}"
    assert "STATUS=running, 0 sessions, 0 backends" in first, first
    assert manager.answers(), "READY, but the control socket does not answer"
    found = beats(own, 4)
    assert 5 <= found <= 9, f"{found} beats in 4 s, each half a second wanted"
    manager.gateway.send_signal(signal.SIGSTOP)
    beats(own, 0.5)
    found = beats(own, 2)
    assert found == 0, f"{found} beats of a gateway that is stopped"
    manager.gateway.send_signal(signal.SIGCONT)
    assert beats(own, 3) >= 3, "no beats after SIGCONT"
    manager.gateway.terminate()
    said = []
    while True:
        line = hear(own, 15)
        assert line is not None, f"no STOPPING: {said}"
        said.append(line)
        if "STOPPING=1" in line:
            break
    assert manager.gateway.wait(20) == 0, manager.said()
    own.close()


def test_nobody_asked(manager):
    environment = {"NOTIFY_SOCKET": os.path.join(manager.folder, "none.sock")}
    assert manager.starts("net_ring0", None), manager.said()
    manager.start("net_ring0", None, environment)
    time.sleep(1)
    assert manager.gateway.poll() is None and manager.answers(), manager.said()
    assert manager.said().count("service manager cannot be told") <= 11, manager.said()


def main():
    build = os.path.abspath(sys.argv[1])
    return behaviours.run_all(globals(), NAMESPACE, lambda folder: Manager(build, folder),
                              sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
