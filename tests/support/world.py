# SPDX-License-Identifier: BSD-3-Clause
"""A small world of network namespaces around one gateway, for tests and the demo.

    clients ── net A 198.51.100.0/24 ──┐
       └────── net B 203.0.113.0/24  ──┼─ router ── 192.0.2.0/24 ──(lossy)── gateway 192.0.2.10
    backend ── 10.77.0.0/24 ───────────┘

Everything that it makes has the process id in its name and goes when the world is left; only what
it started is ended.
"""
import json
import os
import signal
import subprocess
import tempfile
import time

import rpc

GATEWAY = "192.0.2.10"
CLIENT_A, CLIENT_B, BACKEND = "198.51.100.2", "203.0.113.2", "10.77.0.2"

CONFIG = """
[gateway]
name = world
workers = {workers}
control = {folder}/control.sock
[port p0]
device = {device}
addresses = 192.0.2.10/24, 2001:db8:1::10/64
[backend]
listen = 192.0.2.10
from = 10.77.0.0/24
[session]
max = 20000
timeout_ms = {timeout_ms}
grace_ms = {grace_ms}
[replay]
memory = 64M
[limits]
new_per_source = 20000
[service echo]
backends = *
"""

DEVICES = {
    "af_packet": "net_af_packet0,iface=gw0,qpairs=1,framecnt=2048,qdisc_bypass=1",
    "af_xdp": "net_af_xdp0,iface=gw0,start_queue=0,busy_budget=0",
}


def run(*words, check=True):
    return subprocess.run(words, check=check, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def wait(claim, seconds, text):
    until = time.monotonic() + seconds
    while True:
        found = claim()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds} s: {text}")
        time.sleep(0.05)


def device_that_works(build):
    """AF_XDP where this kernel lets DPDK have it, else af_packet. Any other failure is one."""
    try:
        with World(build, device="af_xdp"):
            return "af_xdp"
    except AssertionError as error:
        if "DPDK could not make this device" not in str(error):
            raise
        return "af_packet"


class World:
    """The namespaces, and the programs in them."""

    def __init__(self, build, workers=1, device="af_packet", timeout_ms=10000, grace_ms=60000,
                 loss=None, more=""):
        self.more = more  # lines behind the configuration
        self.build, self.workers, self.device = build, workers, device
        self.timeout_ms, self.grace_ms, self.loss = timeout_ms, grace_ms, loss
        self.prefix = f"hf{os.getpid()}"
        self.processes = []
        self.gateway = self.backend = None

    def name(self, short):
        return self.prefix + short

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="holdfast-world-")
        try:
            self.network()
            self.start_gateway()
            self.start_backend()
        except BaseException:
            self.leave()
            raise
        return self

    def __exit__(self, kind, error, trace):
        self.leave()

    def leave(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for short in "grcbl":
            run("ip", "netns", "del", self.name(short), check=False)
        self.folder.cleanup()

    def ip(self, short, *words):
        run("ip", "-n", self.name(short), *words)

    def veth(self, left, left_name, right, right_name):
        run("ip", "link", "add", left_name, "netns", self.name(left), "type", "veth", "peer", "name",
            right_name, "netns", self.name(right))
        for short, interface in ((left, left_name), (right, right_name)):
            # Checksums of packets between namespaces are never filled in otherwise.
            run("ip", "netns", "exec", self.name(short), "ethtool", "-K", interface, "tx", "off",
                "gso", "off", "gro", "off")
            self.ip(short, "link", "set", "dev", interface, "up")

    def network(self):
        for short in "grcbl":
            run("ip", "netns", "add", self.name(short))
            self.ip(short, "link", "set", "dev", "lo", "up")
        if self.loss:
            self.veth("g", "gw0", "l", "right")
            self.veth("l", "left", "r", "gateway")
            self.lossy = self.start("l", os.path.join(self.build, "tests/support/lossy-link"),
                                    "left", "right", *map(str, self.loss), stdout=subprocess.PIPE)
        else:
            self.veth("g", "gw0", "r", "gateway")
        self.ip("g", "link", "set", "dev", "gw0", "arp", "off")
        self.veth("r", "ra", "c", "a")
        self.veth("r", "rb", "c", "b")
        self.veth("r", "backend", "b", "up")
        for address, interface in (("192.0.2.1/24", "gateway"), ("198.51.100.1/24", "ra"),
                                   ("203.0.113.1/24", "rb"), ("10.77.0.1/24", "backend")):
            self.ip("r", "addr", "add", address, "dev", interface)
        run("ip", "netns", "exec", self.name("r"), "sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.ip("b", "addr", "add", BACKEND + "/24", "dev", "up")
        self.ip("b", "route", "add", "default", "via", "10.77.0.1")
        # A socket bound to an address of A leaves by A, one of B by B; unbound ones by A.
        for address, interface, router, table in ((CLIENT_A, "a", "198.51.100.1", "100"),
                                                  (CLIENT_B, "b", "203.0.113.1", "200")):
            self.ip("c", "addr", "add", address + "/24", "dev", interface)
            self.ip("c", "rule", "add", "from", address, "table", table)
            self.ip("c", "route", "add", "default", "via", router, "dev", interface, "table", table)
        self.ip("c", "route", "add", "default", "via", "198.51.100.1")

    def start(self, short, *words, **fields):
        # `ip netns exec` becomes the program: its id is the program's.
        process = subprocess.Popen(["ip", "netns", "exec", self.name(short), *words], **fields)
        self.processes.append(process)
        return process

    def program(self, name):
        folder = "control" if name in ("holdfastd", "holdfastctl") else "endpoint"
        return os.path.join(self.build, folder, name)

    def log(self, name):
        return os.path.join(self.folder.name, name)

    def start_gateway(self):
        with open(self.log("gateway.conf"), "w", encoding="ascii") as file:
            file.write(CONFIG.format(workers=self.workers, folder=self.folder.name,
                                     device=DEVICES[self.device], timeout_ms=self.timeout_ms,
                                     grace_ms=self.grace_ms) + self.more)
        with open(self.log("gateway.log"), "a", encoding="utf-8") as log:
            self.gateway = self.start("g", self.program("holdfastd"), "--config",
                                      self.log("gateway.conf"), stderr=log)

        def ready():
            if self.gateway.poll() is not None:
                raise AssertionError("holdfastd: " + open(self.log("gateway.log"),
                                                          encoding="utf-8").read())
            return self.call("hello") is not None
        wait(ready, 20, "the gateway answers on its control socket")

    def start_backend(self, name="b1"):
        with open(self.log("backend.log"), "a", encoding="utf-8") as log:
            self.backend = self.start("b", self.program("holdfast-echo"), "--gateway", GATEWAY,
                                      "--name", name, stdout=log)
        wait(lambda: any(b["state"] == "connected"
                         for b in self.call("backend.list")["backends"]), 20, "the backend is there")

    def load(self, *words, bind=(CLIENT_A,), log=None):
        binds = [word for address in bind for word in ("--bind", address)]
        return self.start("c", self.program("holdfast-load"), "--gateway", GATEWAY, *binds,
                          "--json", *map(str, words), stdout=subprocess.PIPE,
                          stderr=log or subprocess.DEVNULL, text=True)

    @staticmethod
    def verdict(process, seconds=120):
        out, _ = process.communicate(timeout=seconds)
        return json.loads(out.strip().splitlines()[-1])

    def control(self, *words):
        return subprocess.run([self.program("holdfastctl"), "--socket", self.log("control.sock"),
                               *words], check=False, capture_output=True, text=True)

    def call(self, method, **params):
        """A method of the control socket; None where nobody answers."""
        return rpc.call(self.log("control.sock"), method, params)

    def link(self, interface, state):
        self.ip("r", "link", "set", "dev", "r" + interface, state)

    def quiet(self, seconds=10):
        """Conservation, and nothing left behind once all sessions are gone."""
        def gone():
            gauges = self.call("stats.get")["gauges"]
            return not any(gauges[name] for name in (
                "sessions_opening", "sessions_connected", "sessions_detached", "sessions_closing",
                "chunks_used", "attempts"))

        def balance():
            stats = self.call("stats.get")
            counters = stats["counters"]
            return (counters["received"] + counters["made"] - counters["sent"] -
                    counters["consumed"] - sum(stats["drops"].values())) == 0
        wait(gone, seconds, "no session, chunk or attempt left")
        wait(balance, 5, "received + made = sent + consumed + drops")
