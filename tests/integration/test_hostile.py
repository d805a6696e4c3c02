#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Honest sessions lose nothing while a stranger on their network sends what he likes.

holdfastd on af_packet, holdfast-echo and holdfast-load on one switch with an attacker, each in a
network namespace of its own. Each test_* function is one way to be hostile; after each the honest
sessions are the same, have lost and doubled nothing, and the counters agree.
usage: test_hostile.py BUILD_FOLDER [NAME...]
"""
import collections
import contextlib
import ctypes
import json
import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import msgpack

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import packets  # noqa: E402
import rpc  # noqa: E402
import wire  # noqa: E402

# The gateway's address for clients, that for backends, and the one of IPv6.
GATEWAY, LISTEN, GATEWAY6, PORT = "192.0.2.10", "192.0.2.11", "2001:db8:1::10", 7400
CLIENT, BACKEND = "192.0.2.21", "192.0.2.31"
# The attacker's: with a kernel behind it, and without; the second of each may register backends.
PROVEN, PROVEN_BACKEND = "192.0.2.65", "192.0.2.129"
BARE, BARE_BACKEND, BARE6 = "192.0.2.66", "192.0.2.130", "2001:db8:1::66"
# Where a packet comes from and goes to: at clients' and at backends' side, and over IPv6.
SIDES = ((BARE, GATEWAY), (BARE_BACKEND, LISTEN), (BARE6, GATEWAY6))
SEED = 20260101
MTU = 1500
EVERYTHING = socket.htons(3)  # ETH_P_ALL
BUFFER_FORCE = 33  # SO_RCVBUFFORCE
HANDSHAKE_OPTIONS = msgpack.packb({"services": ["echo"]})

CONFIG = """
[gateway]
name = hostile
control = {folder}/control.sock
[port p0]
device = net_af_packet0,iface=gw0,framecnt=2048
addresses = 192.0.2.10/24, 192.0.2.11/24, 2001:db8:1::10/64
[backend]
listen = 192.0.2.11
from = 192.0.2.31/32, 192.0.2.128/25
[session]
max = 2000
timeout_ms = 10000
grace_ms = 1500
[replay]
memory = 16M
[limits]
openings = 256
[service echo]
backends = b1
[service evil]
backends = x1
"""


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def wait(claim, seconds, text):
    until = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < until, f"not within {seconds} s: {text}"
        time.sleep(0.02)


def enter(path):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path, encoding="ascii") as file:
        if libc.setns(file.fileno(), 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def inside(namespace):
    """Sockets made here are in a namespace, and stay there."""
    with open("/proc/thread-self/ns/net", encoding="ascii") as home:
        enter(f"/run/netns/{namespace}")
        try:
            yield
        finally:
            enter(f"/proc/thread-self/fd/{home.fileno()}")


def raw_socket(interface):
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, EVERYTHING)
    raw.setsockopt(socket.SOL_SOCKET, BUFFER_FORCE, 64 << 20)
    raw.bind((interface, 0))
    raw.setblocking(False)
    return raw


class Attacker:
    """Sends any packet; weighs what goes out from and what comes back to each address."""

    def __init__(self, gateway_mac, own_mac):
        self.gateway_mac, self.mac = gateway_mac, own_mac
        self.raw = raw_socket("x0")
        self.sent, self.got = collections.Counter(), collections.Counter()
        self.packets = 0
        self.pause = None  # called now and then, so that the port's ring does not run over

    def send(self, frame, source=None):
        while True:
            try:
                self.raw.send(frame)
                break
            except (BlockingIOError, OSError) as error:
                if getattr(error, "errno", 0) not in (11, 105):  # EAGAIN, ENOBUFS
                    raise
                time.sleep(0.001)
        self.sent[source] += len(frame)
        self.packets += 1
        if self.packets % 64 == 0:
            self.drain()
        if self.packets % 512 == 0 and self.pause:
            self.pause()

    def drain(self):
        while True:
            try:
                frame, origin = self.raw.recvfrom(9000)
            except BlockingIOError:
                return
            if origin[2] != socket.PACKET_OUTGOING and frame[6:12] == self.gateway_mac:
                self.got[packets.destination_of(frame)] += len(frame)

    def ip(self, source, destination, payload, **fields):
        if ":" in source:
            inner, kind = packets.ipv6(source, destination, payload, **fields), packets.IPV6
        else:
            inner, kind = packets.ipv4(source, destination, payload, **fields), packets.IPV4
        self.send(packets.ethernet(self.gateway_mac, self.mac, kind, inner), source)

    def udp(self, source, destination, payload, port=40000, **fields):
        self.ip(source, destination, packets.udp(source, destination, port, PORT, payload,
                                                 **fields))

    def ethernet(self, kind, payload, source=None):
        self.send(packets.ethernet(self.gateway_mac, self.mac, kind, payload), source)

    def amplified(self):
        """Addresses that got more bytes than they sent, but for those that a kernel answers for."""
        self.drain()
        return {address: (got, self.sent[address]) for address, got in self.got.items()
                if got > self.sent[address] and
                address not in (PROVEN, PROVEN_BACKEND, CLIENT, BACKEND)}


class Recorder:
    """The last UDP packets that the honest sent, from the Ethernet header on."""

    def __init__(self, interface):
        self.raw = raw_socket(interface)
        self.honest = (socket.inet_aton(CLIENT), socket.inet_aton(BACKEND))
        self.kept = collections.deque(maxlen=3000)
        self.stop = False
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    def loop(self):
        while not self.stop:
            if select.select([self.raw], [], [], 0.1)[0]:
                frame = self.raw.recv(9000)
                if (len(frame) >= 14 + 20 + 8 + 24 and frame[12:14] == b"\x08\0" and
                        frame[23] == packets.UDP and frame[26:30] in self.honest):
                    self.kept.append(frame)

    def end(self):
        self.stop = True
        self.thread.join()

    def from_honest(self):
        return list(self.kept)


class World:
    """A switch with a gateway, the honest and the attacker."""

    def __init__(self, build):
        self.build = build
        self.prefix = f"hh{os.getpid()}"
        self.folder = tempfile.TemporaryDirectory(prefix="holdfast-hostile-")
        self.processes = []
        self.random = random.Random(SEED)
        self.recorder = self.load = None

    def name(self, short):
        return self.prefix + short

    def __enter__(self):
        try:
            self.network()
            self.start_programs()
        except BaseException:
            self.leave()
            raise
        return self

    def network(self):
        for short in "sghx":
            run("ip", "netns", "add", self.name(short))
            # A kernel that looks for routers on its own would be counted as an attacker.
            run("ip", "netns", "exec", self.name(short), "sysctl", "-qw",
                "net.ipv6.conf.default.disable_ipv6=1")
        run("ip", "-n", self.name("s"), "link", "add", "br0", "type", "bridge")
        run("ip", "-n", self.name("s"), "link", "set", "br0", "up")
        for short, interface in (("g", "gw0"), ("h", "h0"), ("x", "x0")):
            run("ip", "link", "add", interface, "netns", self.name(short), "type", "veth", "peer",
                "name", short + "s", "netns", self.name("s"))
            run("ip", "-n", self.name("s"), "link", "set", short + "s", "master", "br0", "up")
            run("ip", "netns", "exec", self.name(short), "ethtool", "-K", interface, "tx", "off",
                "gso", "off", "gro", "off")
        # The switch does not believe what the attacker says his hardware address is.
        run("ip", "netns", "exec", self.name("s"), "bridge", "link", "set", "dev", "xs", "learning",
            "off")
        run("ip", "-n", self.name("g"), "link", "set", "gw0", "arp", "off", "up")
        for short, interface, addresses in (("h", "h0", (CLIENT, BACKEND)),
                                            ("x", "x0", (PROVEN, PROVEN_BACKEND))):
            run("ip", "-n", self.name(short), "link", "set", interface, "up")
            for address in addresses:
                run("ip", "-n", self.name(short), "addr", "add", address + "/24", "dev", interface)

    def mac(self, short, interface):
        out = subprocess.run(["ip", "-n", self.name(short), "-j", "link", "show", interface],
                             check=True, capture_output=True, text=True).stdout
        return packets.mac(json.loads(out)[0]["address"])

    def start(self, short, *words, **fields):
        process = subprocess.Popen(["ip", "netns", "exec", self.name(short), *words], **fields)
        self.processes.append(process)
        return process

    def program(self, name):
        folder = "control" if name == "holdfastd" else "endpoint"
        return os.path.join(self.build, folder, name)

    def start_programs(self):
        config = os.path.join(self.folder.name, "gateway.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(folder=self.folder.name))
        with open(os.path.join(self.folder.name, "log"), "w", encoding="utf-8") as log:
            self.gateway = self.start("g", self.program("holdfastd"), "--config", config,
                                      stderr=log)
        wait(lambda: self.call("hello") is not None, 20, "the control socket answers")
        with inside(self.name("h")):
            self.recorder = Recorder("h0")
        self.start("h", self.program("holdfast-echo"), "--gateway", LISTEN, "--name", "b1",
                   "--bind", BACKEND, stdout=subprocess.DEVNULL)
        wait(lambda: any(b["state"] == "connected" for b in self.call("backend.list")["backends"]),
             20, "the backend is there")
        macs = self.mac("g", "gw0"), self.mac("x", "x0")
        with inside(self.name("x")):
            self.attacker = Attacker(*macs)
        self.attacker.pause = self.pause
        self.paused = (0, 0)

    def leave(self):
        if self.recorder:
            self.recorder.end()
            self.recorder = None
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for short in "sghx":
            subprocess.run(["ip", "netns", "del", self.name(short)], check=False,
                           stderr=subprocess.DEVNULL)

    def __exit__(self, kind, error, trace):
        self.leave()
        if kind is not None:
            sys.stdout.write(self.said())
        self.folder.cleanup()

    def said(self):
        """The gateway's log."""
        with open(os.path.join(self.folder.name, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def connect(self):
        control = socket.socket(socket.AF_UNIX)
        control.connect(os.path.join(self.folder.name, "control.sock"))
        control.settimeout(10)
        return control

    def call(self, method, **params):
        """A method of the control socket; None where nobody answers."""
        return rpc.call(os.path.join(self.folder.name, "control.sock"), method, params, 10)

    def stats(self):
        stats = self.call("stats.get")
        assert stats is not None, f"the gateway is gone: {self.gateway.poll()}"
        return stats

    def honest(self):
        """Handle, epoch and state of each honest session."""
        return {session["session"]: (session["handle"], session["epoch"], session["state"])
                for session in self.call("session.list", limit=1000)["sessions"]
                if session["path"].startswith(CLIENT)}

    def start_load(self):
        wait(lambda: not self.honest(), 30, "the honest of before have closed their sessions")
        self.load = self.start("h", self.program("holdfast-load"), "--gateway", GATEWAY, "--bind",
                               CLIENT, "--sessions", "8", "--rate", "40", "--duration", "120",
                               "--no-renew", "--json", "--quiet", stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
        wait(lambda: [s[2] for s in self.honest().values()] == ["CONNECTED"] * 8, 20,
             "the honest are connected")

    def end_load(self):
        self.load.send_signal(signal.SIGTERM)
        out, _ = self.load.communicate(timeout=100)
        verdict = json.loads(out.strip().splitlines()[-1])
        assert verdict["good"] and verdict["delivered"] == verdict["sent"] > 0, verdict
        for name in ("lost", "doubled", "damaged", "handed_back", "unanswered", "renewed",
                     "evicted", "failed"):
            assert verdict[name] == 0, verdict

    def balanced(self):
        """Nothing is lost between the counters, once all is quiet."""
        def balance():
            stats = self.stats()
            counters = stats["counters"]
            return (counters["received"] + counters["made"] - counters["sent"] -
                    counters["consumed"] - sum(stats["drops"].values())) == 0
        wait(balance, 10, "received + made = sent + consumed + drops")

    def pause(self):
        """Waits a while until the gateway has received most of what was sent since the last one."""
        sent, received = self.paused
        until = time.monotonic() + 1.0
        while True:
            now = self.stats()["counters"]["received"]
            if now - received >= 0.9 * (self.attacker.packets - sent) or time.monotonic() > until:
                break
            time.sleep(0.002)
        self.paused = (self.attacker.packets, now)

    def settled(self):
        """All that the attacker sent has been taken from the port."""
        last = [-1, 0]

        def same():
            last[0], last[1] = last[1], self.stats()["counters"]["received"]
            return last[1] - last[0] < 100
        wait(same, 10, "the gateway has caught up")


@contextlib.contextmanager
def moved(world, *names):
    """These drop reasons count while it lasts."""
    before = world.stats()["drops"]
    yield
    wait(lambda: all(world.stats()["drops"][name] > before[name] for name in names), 5,
         f"all of {names} count; those that did not: "
         f"{[n for n in names if world.stats()['drops'][n] == before[n]]}")


def full_frames(handle, epoch=1):
    """One well-formed frame of each type under a handle: name, body, fields."""
    block = wire.block(bytes(range(16)), epoch)
    reason = msgpack.packb({"reason": "so"})
    return (
        ("HELLO", block + HANDSHAKE_OPTIONS, {}),
        ("RETRY", bytes(36), {}),
        ("WELCOME", block + reason, {"handle": handle}),
        ("REJECT", bytes(16) + struct.pack(">IHBBII", epoch, 5, 0, 0, 0, 0) + reason,
         {"handle": handle}),
        ("OPEN", block + reason, {"handle": handle}),
        ("OPEN_ACK", struct.pack(">HHIQQQ", 0, 0, epoch, 0, 0, 0), {"handle": handle}),
        ("DATA", b"0123456789", {"handle": handle, "window": 256}),
        ("ACK", b"", {"handle": handle, "window": 256, "aux": 1}),
        ("NAK", struct.pack(">4I", 0, 4, 9, 2), {"handle": handle}),
        ("DATAGRAM", b"0123456789", {"handle": handle}),
        ("HEARTBEAT", bytes(8), {"handle": handle, "aux": 1}),
        ("HEARTBEAT_ACK", bytes(8), {"handle": handle, "aux": 1}),
        ("EVENT", reason, {"handle": handle, "aux": 1}),
        ("EVENT_ACK", b"", {"handle": handle, "aux": 1}),
        ("CLOSE", struct.pack(">HH", 15, 0) + reason, {"handle": handle}),
        ("CLOSE_ACK", b"", {"handle": handle}),
        ("UNKNOWN", b"", {"handle": handle}),
        ("SLEEP", b"", {"handle": handle}),
        ("CONFIRM", struct.pack(">I", epoch), {"handle": handle}),
    )


def handles_to_try(world):
    """Good ones of a session and of a link, one that never was, none."""
    link = next(b["handle"] for b in world.call("backend.list")["backends"] if b["backend"] == "b1")
    return min(world.honest().values())[0], link, world.random.getrandbits(64), 0


HEADER_FIELDS = (("version", 8), ("number", 8), ("flags", 8), ("channel", 8), ("window", 16),
                 ("aux", 16), ("handle", 64), ("seq", 32), ("ack", 32))


def mutations(handle):
    """Each frame with each header field at 0, 1 and its largest, and each single flag."""
    for name, body, fields in full_frames(handle):
        for field, bits in HEADER_FIELDS:
            values = [0, 1, (1 << bits) - 1]
            values += [1 << bit for bit in range(1, 8)] if field == "flags" else []
            for value in values:
                if field == "number":
                    yield wire.encode(value, body, **fields)
                else:
                    yield wire.encode(name, body, **{**fields, field: value})


def test_truncated_frames(world):
    with moved(world, "frame_short", "frame_body", "frame_handle", "wrong_side", "unknown_handle",
               "not_on_path"):
        for handle in handles_to_try(world):
            for name, body, fields in full_frames(handle):
                data = wire.encode(name, body, **fields)
                for length in range(len(data) + 1):
                    for source, destination in SIDES:
                        world.attacker.udp(source, destination, data[:length])
        padded = wire.encode("HELLO", wire.block(bytes(16), 1) + HANDSHAKE_OPTIONS).ljust(1200, b"\0")
        for length in range(100, 1201, 50):
            world.attacker.udp(BARE, GATEWAY, padded[:length])


def test_header_fields_at_their_bounds(world):
    with moved(world, "frame_version", "frame_type", "frame_flags", "frame_channel",
               "frame_handle", "wrong_side", "unknown_handle", "not_on_path"):
        for handle in handles_to_try(world)[:3]:
            for data in mutations(handle):
                for source, destination in SIDES:
                    world.attacker.udp(source, destination, data)


def test_random_bytes(world):
    dice, good = world.random, handles_to_try(world)
    with moved(world, "frame_short", "frame_version", "frame_type", "frame_flags"):
        for _ in range(4000):
            source, destination = dice.choice(SIDES)
            room = MTU - (48 if ":" in source else 28)
            world.attacker.udp(source, destination, dice.randbytes(dice.randint(0, room)))
            data = wire.HEADER.pack(1, dice.randint(1, 19), dice.choice((0, 0, 1, 4, 8)),
                                    dice.randint(0, 7), dice.getrandbits(16), dice.getrandbits(16),
                                    dice.choice(good), dice.getrandbits(32), dice.getrandbits(32))
            world.attacker.udp(source, destination,
                               data + dice.randbytes(dice.choice((0, 4, 8, 32, 40, 64, 200, room - 24))))
    with moved(world, "not_ip", "bad_ip"):
        for kind in (packets.IPV4, packets.IPV6, packets.ARP, packets.VLAN, 0x88cc, 0, 0xffff):
            for _ in range(500):
                world.attacker.ethernet(kind, dice.randbytes(dice.randint(0, MTU)))


def hello_to(source, destination, **fields):
    data = wire.encode("HELLO", wire.block(bytes(16), 1) + HANDSHAKE_OPTIONS)
    return packets.udp(source, destination, 40000, PORT, data, **fields)


def test_malformed_ipv4(world):
    ip, good = world.attacker.ip, hello_to(BARE, GATEWAY)
    # A fan-out of AF_PACKET puts IPv4 fragments together, or keeps them: none is seen to be dropped.
    for fragment in (0x2000, 0x2001, 1, 0x1fff, 0x3fff):
        ip(BARE, GATEWAY, good, fragment=fragment)
    with moved(world, "bad_checksum"):
        for wrong in (1, 0x100, 0x8000):
            ip(BARE, GATEWAY, good, wrong_by=wrong)
            ip(BARE, GATEWAY, hello_to(BARE, GATEWAY, wrong_by=wrong))
            ip(BARE, GATEWAY, packets.echo(b"ping", wrong_by=wrong), protocol=packets.ICMP)
    with moved(world, "bad_ip"):
        for fields in ({"version": 6}, {"version": 0}, {"header": 0}, {"header": 4}, {"header": 15},
                       {"total": 0}, {"total": 19}, {"total": 20}, {"total": 27}, {"total": 28},
                       {"total": 9999}, {"total": 65535}):
            for length in (0, 7, 8, 9, len(good)):
                ip(BARE, GATEWAY, good[:length], **fields)
        for length in (0, 7, 65535, len(good) + 1):
            ip(BARE, GATEWAY, hello_to(BARE, GATEWAY, length=length))
        whole = packets.ipv4(BARE, GATEWAY, good)
        for length in range(len(whole)):
            world.attacker.ethernet(packets.IPV4, whole[:length], BARE)
        for length in range(8):
            ip(BARE, GATEWAY, packets.echo(b"")[:length], protocol=packets.ICMP)
    with moved(world, "not_ours"):
        for protocol in (0, 2, 6, 41, 50, 89, 132, 255):
            ip(BARE, GATEWAY, good, protocol=protocol)
        ip(BARE, "192.0.2.99", good)
        ip(BARE, GATEWAY, packets.udp(BARE, GATEWAY, 1, PORT + 1, b"x"))
    with moved(world, "bad_source"):
        for source in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", GATEWAY):
            ip(source, GATEWAY, hello_to(source, GATEWAY))
        ip(BARE, GATEWAY, packets.udp(BARE, GATEWAY, 0, PORT, b"x"))
    before = world.stats()["counters"]["retry_sent"]
    for options in (b"\1" * 4, b"\0" * 40, b"\x44\4" + b"\0" * 2, b"\x83\xff" + b"\0" * 2):
        ip(BARE, GATEWAY, good, options=options)
    ip(BARE, GATEWAY, hello_to(BARE, GATEWAY, none=True))
    wait(lambda: world.stats()["counters"]["retry_sent"] >= before + 5, 5,
         "HELLO behind IPv4 options and without a checksum is answered")


def test_malformed_ipv6_and_neighbours(world):
    ip, good = world.attacker.ip, hello_to(BARE6, GATEWAY6)
    with moved(world, "fragment"):
        ip(BARE6, GATEWAY6, b"\x11\0\0\1" + bytes(4) + good, following=44)
    with moved(world, "not_ours"):
        for following in (0, 43, 50, 51, 59, 60, 135, 255):
            ip(BARE6, GATEWAY6, b"\x11\0" + bytes(6) + good, following=following)
        ip(BARE6, "2001:db8:1::99", good)
    with moved(world, "bad_checksum"):
        ip(BARE6, GATEWAY6, hello_to(BARE6, GATEWAY6, none=True))
        ip(BARE6, GATEWAY6, hello_to(BARE6, GATEWAY6, wrong_by=1))
    with moved(world, "bad_ip"):
        for length in (0, 7, len(good) - 1, len(good) + 1, 65535):
            ip(BARE6, GATEWAY6, good, length=length)
        whole = packets.ipv6(BARE6, GATEWAY6, good)
        for length in range(len(whole)):
            world.attacker.ethernet(packets.IPV6, whole[:length], BARE6)
    with moved(world, "bad_source"):
        for source in ("::", "::1", "ff02::1", GATEWAY6):
            ip(source, GATEWAY6, hello_to(source, GATEWAY6))
    for kind in (0, 1, 3, 128, 129, 133, 134, 135, 136, 137, 255):
        for length in (0, 4, 19, 20, 21, 28, 36, 60):
            body = (bytes(4) + packets.packed(GATEWAY6) +
                    world.random.choice((b"\1\1", b"\1\0", b"\1\xff", b"\xff\0")) + bytes(64))[:length]
            for source in (BARE6, "::"):
                for wrong in (0, 1):
                    ip(source, GATEWAY6, packets.icmpv6(source, GATEWAY6, kind, body, wrong),
                       following=packets.ICMPV6)
    mac = world.attacker.mac
    with moved(world, "bad_ip"):
        for fields in ({"kind": 0}, {"protocol": 0}, {"hardware_bytes": 255},
                       {"protocol_bytes": 255}, {"hardware_bytes": 0}):
            world.attacker.ethernet(packets.ARP, packets.arp(1, mac, BARE, GATEWAY, **fields), BARE)
        request = packets.arp(1, mac, BARE, GATEWAY)
        for length in range(len(request)):
            world.attacker.ethernet(packets.ARP, request[:length], BARE)
    # Lies about the honest: answers and announcements that nobody asked for.
    for operation in (0, 1, 2, 3, 65535):
        for sender in (CLIENT, BACKEND, GATEWAY):
            world.attacker.ethernet(packets.ARP, packets.arp(operation, mac, sender, sender), sender)


def test_vlan_tags(world):
    inner = packets.ipv4(BARE, GATEWAY, hello_to(BARE, GATEWAY))
    with moved(world, "vlan"):
        for tag in (1, 7, 4094, 4095, 0xffff):
            for kind in (packets.IPV4, packets.IPV6, packets.ARP, packets.VLAN, 0):
                world.attacker.ethernet(packets.VLAN, packets.vlan(tag, kind, inner), BARE)
        for length in range(5):
            world.attacker.ethernet(packets.VLAN, packets.vlan(7, packets.IPV4, b"")[:length], BARE)
        double = packets.vlan(7, packets.VLAN, packets.vlan(7, packets.IPV4, inner))
        world.attacker.ethernet(packets.VLAN, double, BARE)
        world.attacker.ethernet(0x88a8, double, BARE)


def flipped(world, frame, first):
    data = bytearray(frame)
    for _ in range(world.random.choice((1, 1, 1, 3))):
        bit = world.random.randrange(8 * first, 8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
    return bytes(data)


def test_recorded_frames_flipped(world):
    wait(lambda: len(world.recorder.kept) >= 600, 20, "enough is recorded")
    recorded = world.random.sample(world.recorder.from_honest(), 300)
    with moved(world, "bad_checksum", "not_on_path"):
        for frame in recorded:
            for _ in range(3):
                # From the honest address, the checksum as it was: one to three bits never fit it.
                world.attacker.send(flipped(world, frame, 42), CLIENT)
            for source, destination in SIDES:
                world.attacker.udp(source, destination, flipped(world, frame[42:], 0))
            for source in (BARE, BARE_BACKEND):
                world.attacker.udp(source, GATEWAY, frame[42:])


def test_old_frames_again(world):
    """Word by word what the honest said, from their own addresses and from others'."""
    wait(lambda: len(world.recorder.kept) >= 600, 20, "enough is recorded")
    old = world.recorder.from_honest()
    with moved(world, "duplicate", "not_on_path"):
        for again in range(2):
            for frame in old if again == 0 else reversed(old):
                world.attacker.send(frame, CLIENT)
        for frame in old:
            source, destination = world.random.choice(SIDES)
            world.attacker.udp(source, destination, frame[42:])
    # The same through another door: from his own hardware address.
    for frame in old[:200]:
        world.attacker.send(frame[:6] + world.attacker.mac + frame[12:], CLIENT)


def bombs():
    """Options that no reader should take, and some that only look so."""
    def text(content):
        return msgpack.packb(content)
    good = text("services") + text(["echo"])
    yield b"\x91" * 200 + b"\xc0"
    yield b"\x91" * 899
    for head in (b"\x81\xa1a", b"\x81\xc0", b"\x92"):
        yield head * 290
    for claim in (b"\xdf\xff\xff\xff\xff", b"\xde\xff\xff", b"\xdd\xff\xff\xff\xff", b"\xdc\xff\xff",
                  b"\xdb\xff\xff\xff\xff", b"\xda\xff\xff", b"\xd9\xff", b"\xc6\xff\xff\xff\xff",
                  b"\xc9\xff\xff\xff\xff\1", b"\xc1", b"\xdb\x80\0\0\0", b"\xdf\x80\0\0\0"):
        yield claim
        yield b"\x82" + good + text("x") + claim
        yield b"\x81" + text("services") + claim
        yield b"\x81" + claim + b"\xc0"
    yield b"\x82" + good + good
    yield b"\x8f" + good * 15
    yield b"\xde\0\x32" + (text("u") + b"\xc0") * 50
    yield b"\x81" + text("services") + text(["x" * 880])
    yield b"\x81" + text("services") + text([""])
    yield b"\x81" + text("services") + text(["a\0b"])
    yield b"\x81" + text("services") + text(["echo"] * 150)
    yield b"\x81" + text("services") + text([b"\xff\xfe\xfd".decode("latin-1")])
    yield b"\x81" + text("services") + b"\x91\xa2\xff\xfe"
    yield b"\x81" + text("x" * 890) + b"\xc0"
    yield b"\xde\x01\x90" + (b"\xa1a" + b"\xc0") * 290
    for wish in (-1, 0, 1 << 63, (1 << 64) - 1, 1.5, float("nan"), None, True, "9", [], {}):
        for key in ("timeout_ms", "grace_ms", "services", "backend", "instance", "capacity"):
            yield b"\x82" + good + text(key) + text(wish)
            yield b"\x81" + text(key) + text(wish)


def test_bombs_in_hello_options(world):
    for bind, gateway, role in ((PROVEN, GATEWAY, 0), (PROVEN_BACKEND, LISTEN, 1)):
        with inside(world.name("x")):
            peer = wire.Endpoint((gateway, PORT), bind=bind)
        session, counters = os.urandom(16), world.stats()["counters"]
        said = 0
        peer.hello(session, 1, {"services": ["nope"]} if role == 0 else {}, role=role)
        peer.expect("REJECT")
        for bomb in bombs():
            triples = () if role == 1 else ((0, 0, 0),)
            for count in {0, 1, 8} if role == 0 else {0}:
                data = wire.encode("HELLO", wire.block(session, 1, role, triples * count,
                                                       cookie=peer.cookie) + bomb)
                peer.socket.send(data[:1200].ljust(1200, b"\0"))
                said += 1
        wait(lambda: world.stats()["counters"]["hello_received"] >=
             counters["hello_received"] + said, 10, "each HELLO counts")
        assert world.stats()["counters"]["reject_sent"] > counters["reject_sent"] + 100
        peer.close()
    mine = [s for s in world.call("session.list", limit=1000)["sessions"] if PROVEN in s["path"]]
    for session in mine:
        world.call("session.evict", handle=session["handle"])


def ended(control):
    """The gateway has hung up."""
    try:
        return control.recv(65536) == b""
    except ConnectionError:
        return True


def test_bombs_on_the_control_socket(world):
    for bomb in (b"\x91" * 100, b"\x91" * 200000, b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff",
                 b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xc9\xff\xff\xff\xff\0",
                 b"\xdb\x00\x20\0\0" + bytes(1 << 20), b"\xdc\xff\xff" + b"\xc0" * 65535, b"\xc1",
                 b"GET / HTTP/1.1\r\n\r\n", world.random.randbytes(4096), b"\xc0" * 100000,
                 msgpack.packb([0, 1]), msgpack.packb([0, 1, 2, 3]), msgpack.packb([3, 1, "x", []]),
                 msgpack.packb([0, 1, "stats.get", [{}, {}]]), msgpack.packb([0, -1, "hello", []])):
        with world.connect() as control:
            try:
                control.sendall(bomb)
            except ConnectionError:
                pass
            control.shutdown(socket.SHUT_WR)
            while not ended(control):
                pass
    for bomb in ({"limit": 1 << 63}, {"limit": -1}, {"limit": "all"}, {"session": "x" * 100000},
                 {"session": "zz" * 16}, {"handle": 1 << 64 - 1}, {"x" * 1000: 1}, {"session": None}):
        for method in ("session.list", "session.get", "session.evict", "stats.get", "backend.list",
                       "no.such.method", ""):
            try:
                world.call(method, **bomb)
            except RuntimeError:
                pass
    request = msgpack.packb([0, 1, "stats.get", [{}]])
    for length in range(len(request)):  # cut off, each; some stay open meanwhile
        with world.connect() as control:
            control.sendall(request[:length])
    silent = [world.connect() for _ in range(20)]
    for control in silent:
        control.sendall(request[:-1])
    # One who asks and never reads gets no more memory than two answers.
    greedy = world.connect()
    greedy.settimeout(0.5)
    try:
        for _ in range(20000):
            greedy.sendall(request)
    except (ConnectionError, TimeoutError):
        pass
    assert world.call("hello") is not None, "nobody else is served"
    crowd = []
    for _ in range(100):
        crowd.append(world.connect())
    for control in crowd + silent + [greedy]:
        control.close()
    wait(lambda: world.call("hello") is not None, 5, "the control socket answers again")


def addresses(world, count):
    return [f"198.18.{world.random.randrange(256)}.{world.random.randrange(1, 255)}"
            for _ in range(count)]


def flood(world, make, count=30000):
    """Packets of made-up addresses, as fast as this machine makes and takes them."""
    ready, before = [], world.stats()["counters"]["received"]
    for source in addresses(world, 500):
        payload = make()
        inner = packets.ipv4(source, GATEWAY, packets.udp(source, GATEWAY, 40000, PORT, payload))
        ready.append((packets.ethernet(world.attacker.gateway_mac, world.attacker.mac, packets.IPV4,
                                       inner), source))
    for k in range(count):
        world.attacker.send(*ready[k % len(ready)])
    world.settled()
    taken = world.stats()["counters"]["received"] - before
    assert taken > count / 2, f"only {taken} of {count} packets got as far as the gateway"


def test_flood_of_hello(world):
    before = world.stats()
    flood(world, lambda: wire.encode("HELLO", wire.block(os.urandom(16), 1) + HANDSHAKE_OPTIONS))
    after = world.stats()
    assert after["counters"]["hello_received"] > before["counters"]["hello_received"]
    assert after["counters"]["retry_sent"] > before["counters"]["retry_sent"]
    assert after["gauges"]["attempts"] <= before["gauges"]["attempts"], "something was kept"


def test_flood_of_the_shortest_hello(world):
    dice = world.random
    flood(world, lambda: wire.encode("HELLO", wire.block(os.urandom(16), 1, triples=()),
                                     version=dice.choice((0, 1, 2, 255))))


def test_flood_of_unknown_handles(world):
    dice = world.random
    with moved(world, "unknown_handle"):
        flood(world, lambda: wire.encode(dice.choice(("DATA", "ACK", "SLEEP", "CLOSE_ACK", "EVENT_ACK")),
                                         handle=dice.getrandbits(64)))


def test_flood_of_malformed_frames(world):
    dice = world.random
    with moved(world, "frame_version", "frame_short"):
        flood(world, lambda: dice.randbytes(dice.choice((0, 1, 23, 24, 64, 200))))


def test_a_member_who_turns_hostile(world):
    """A client with a session, and a backend with a link, of their own."""
    with inside(world.name("x")):
        backend = wire.Backend((LISTEN, PORT), service="evil", name="x1", bind=PROVEN_BACKEND)
        client = wire.Client((GATEWAY, PORT), service="evil", bind=PROVEN)
    assert backend.register().name == "WELCOME"
    sessions = [handle for handle, _, _ in world.honest().values()]

    def open_one():
        for peer in (client, backend):  # what came for what was said before
            while peer.receive(0.05):
                pass
        client.session, client.epoch = os.urandom(16), 1
        client.hello(client.session, 1, client.options)
        backend.answer_open()
        client.handle = client.expect("WELCOME").handle
        client.confirm(client.handle, 1)
        client.expect("ACK")

    def alive():
        return any(s["handle"] == wanted and s["state"] == "CONNECTED"
                   for wanted in (client.handle, f"{client.handle:016x}")
                   for s in world.call("session.list", limit=1000)["sessions"])
    ending = ("CLOSE", "UNKNOWN", "SLEEP", "CLOSE_ACK")
    ends = {wire.TYPE[name] for name in ending}
    for speaker in (client, backend):
        open_one()
        for name, body, fields in full_frames(client.handle):
            for length in range(24, 24 + len(body) + 1):
                data = wire.encode(name, body, **fields)[:length]
                if data[1] not in ends:
                    speaker.socket.send(data)
        for data in mutations(client.handle):
            if data[1] not in ends:
                speaker.socket.send(data)
        for handle in sessions:  # the honest ones, from an address that may be a backend's
            for name, body, fields in full_frames(handle):
                speaker.send(name, body, **fields)
        for _ in range(500):
            speaker.socket.send(wire.HEADER.pack(
                1, world.random.choice((6, 7, 8, 9, 10, 12, 14, 19)), 0, 0,
                world.random.getrandbits(16), world.random.getrandbits(16), client.handle,
                world.random.getrandbits(32), world.random.getrandbits(32)) +
                world.random.randbytes(world.random.choice((0, 4, 8, 32, 36, 256))))
        world.settled()
        assert alive(), f"frames of {'client' if speaker is client else 'backend'} ended a session"
        for name in ending:
            speaker.send(name, struct.pack(">HH", 15, 0) if name == "CLOSE" else b"",
                         handle=client.handle)
        world.settled()
    backend.send("CLOSE", struct.pack(">HH", 15, 0), handle=backend.handle)
    backend.close()
    client.close()


def test_flood_of_hardware_addresses(world):
    """Made-up senders on the link itself fill no table: the last of them is answered like the
    first."""
    inner = packets.ipv4(BARE, GATEWAY, hello_to(BARE, GATEWAY))
    before = world.stats()["counters"]["retry_sent"]
    for k in range(40000):
        source = b"\x02\x01" + struct.pack(">I", k)
        world.attacker.send(packets.ethernet(world.attacker.gateway_mac, source, packets.IPV4,
                                             inner), BARE)
    world.settled()
    answered = world.stats()["counters"]["retry_sent"] - before
    assert answered == 40000, answered


def main():
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        return 77
    wanted = sys.argv[2:]
    tests = [(name, test) for name, test in globals().items()
             if name.startswith("test_") and (not wanted or name[5:] in wanted)]
    failed = 0
    with World(sys.argv[1]) as world:
        for name, test in tests:
            began = time.monotonic()
            try:
                world.start_load()
                before = world.honest()
                test(world)
                world.settled()
                assert world.gateway.poll() is None, "the gateway is gone"
                after = world.honest()
                assert after == before, f"the honest were {before}, are {after}"
                world.end_load()
                world.balanced()
                assert not world.attacker.amplified(), world.attacker.amplified()
                assert world.stats()["counters"]["illegal_edges"] == 0
                print(f"ok    {name[5:].replace('_', ' ')}, {time.monotonic() - began:.1f} s",
                      flush=True)
            except (AssertionError, OSError, RuntimeError, TypeError, KeyError, ValueError,
                    subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"FAIL  {name[5:].replace('_', ' ')}: {error!r}", flush=True)
                if world.load and world.load.poll() is None:
                    world.load.kill()
                    world.load.communicate()
                if world.gateway.poll() is not None:
                    break
        world.leave()
        for word in ("Sanitizer", "runtime error", "assert"):
            if word in world.said():
                failed += 1
                print(f"FAIL  the gateway says {word}", flush=True)
        if failed:
            raise SystemExit(1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
