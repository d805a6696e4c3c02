#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Behaviours of one gateway on the wire, told by endpoints that share no code with it.

Runs holdfastd on af_packet over a veth pair, in network namespaces of its own. Each test_* function
is one behaviour. usage: test_wire.py BUILD_FOLDER [WORKERS]
"""
import os
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import rpc  # noqa: E402
import wire  # noqa: E402

GATEWAY = ("192.0.2.10", 7400)
GATEWAY6 = ("2001:db8:1::10", 7400)
CLIENT, BACKEND, OTHER = "192.0.2.21", "192.0.2.31", "192.0.2.22"
CODES = {"VERSION_MISMATCH": 1, "MALFORMED": 2, "STATE_MISMATCH": 3, "UNKNOWN_SERVICE": 5,
         "NO_BACKEND": 6, "DRAINING": 8, "STALE_EPOCH": 9, "INVALID_TIMEOUT": 10, "EVICTED": 12,
         "EXPIRED": 13, "NORMAL": 15, "NAME_IN_USE": 17, "NOT_AUTHORIZED": 4}

CONFIG = """
[gateway]
name = wire
workers = {workers}
control = {folder}/control.sock
[port p0]
device = net_af_packet0,iface=gw0,qpairs={workers},framecnt=512
addresses = 192.0.2.10/24, 2001:db8:1::10/64
[backend]
listen = 192.0.2.10
from = 192.0.2.31/32
[session]
max = 1000
timeout_ms = 2000
grace_ms = 1500
[replay]
memory = 8M
[service echo]
backends = *
[service lonely]
backends = *
"""


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


class World:
    """One gateway in one namespace, everybody else in another."""

    def __init__(self, build, workers):
        self.build = build
        self.prefix = f"hf{os.getpid()}"
        self.folder = tempfile.TemporaryDirectory(prefix="holdfast-wire-")
        self.workers = workers
        self.process = None

    def __enter__(self):
        gateway, peers = self.prefix + "g", self.prefix + "p"
        for namespace in (gateway, peers):
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        run("ip", "link", "add", "gw0", "netns", gateway, "type", "veth", "peer", "name", "up0",
            "netns", peers)
        run("ip", "-n", gateway, "link", "set", "gw0", "arp", "off", "up")
        run("ip", "-n", peers, "link", "set", "up0", "up")
        for address in (CLIENT, BACKEND, OTHER):
            run("ip", "-n", peers, "addr", "add", address + "/24", "dev", "up0")
        run("ip", "-n", peers, "addr", "add", "2001:db8:1::21/64", "dev", "up0", "nodad")
        run("ip", "netns", "exec", peers, "ethtool", "-K", "up0", "tx", "off")
        self.gateway_namespace = gateway
        config = os.path.join(self.folder.name, "gateway.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(workers=self.workers, folder=self.folder.name))
        self.log = open(os.path.join(self.folder.name, "log"), "w+", encoding="utf-8")
        # This process lives among the peers from now on; the gateway is started next door.
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", gateway, os.path.join(self.build, "control", "holdfastd"),
             "--config", config], stderr=self.log)
        with open(f"/run/netns/{peers}", encoding="ascii") as file:
            os.setns(file.fileno(), os.CLONE_NEWNET) if hasattr(os, "setns") else setns(file)
        wait(lambda: self.call("hello", {}) is not None, 20, "the control socket answers")
        return self

    def __exit__(self, kind, error, trace):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if kind is not None:
            self.log.seek(0)
            sys.stdout.write(self.log.read())
        self.log.close()
        for namespace in (self.prefix + "g", self.prefix + "p"):
            subprocess.run(["ip", "netns", "del", namespace], check=False)
        self.folder.cleanup()

    def call(self, method, params):
        """A method of the control socket; None where nobody answers yet."""
        return rpc.call(os.path.join(self.folder.name, "control.sock"), method, params)

    def sessions(self):
        return self.call("session.list", {"limit": 1000})["sessions"]

    def session(self, client):
        try:
            return self.call("session.get", {"session": client.session.hex()})
        except RuntimeError:
            return None

    def conserved(self):
        """Nothing is lost between the counters, once all is quiet."""
        def balance():
            stats = self.call("stats.get", {})
            counters = stats["counters"]
            return (counters["received"] + counters["made"] - counters["sent"] -
                    counters["consumed"] - sum(stats["drops"].values()))
        wait(lambda: balance() == 0, 3, "received + made = sent + consumed + drops")


def setns(file):
    """os.setns() of newer Pythons."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(file.fileno(), 0x40000000) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def wait(claim, seconds, text):
    until = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < until, f"not within {seconds} s: {text}"
        time.sleep(0.02)


class Played:
    """A backend played by a thread: opens every session, answers heartbeats and closes."""

    def __init__(self, backend):
        self.backend, self.stop, self.frames = backend, False, []
        self.accept = True
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    def loop(self):
        while not self.stop:
            frame = self.backend.receive(0.05)
            if frame is None:
                continue
            if frame.name == "OPEN" and self.accept:
                oldest, following, expected = frame.triples[0]
                self.backend.open_ack(frame, triple=(expected, expected, following)
                                      if frame.flags & wire.RESUME else (0, 0, 0))
            elif frame.name == "EVENT":
                self.backend.send("EVENT_ACK", handle=frame.handle, aux=frame.aux)
            elif frame.name == "CLOSE":
                self.backend.send("CLOSE_ACK", handle=frame.handle, channel=frame.channel)
            self.frames.append(frame)

    def end(self):
        self.stop = True
        self.thread.join()

    def of(self, name, handle=None):
        return [f for f in self.frames if f.name == name and handle in (None, f.handle)]


def test_hello_without_cookie_keeps_nothing(world, played):
    client = wire.Client(GATEWAY, bind=CLIENT)
    client.socket.send(wire.encode("HELLO", wire.block(client.session, 1)))
    retry = client.expect("RETRY")
    assert len(retry.data) <= 64, "the answer is longer than the question"
    assert world.sessions() == []


def test_garbage_is_met_with_silence(world, played):
    client = wire.Client(GATEWAY, bind=CLIENT)
    for data in (b"", b"\0", os.urandom(23), os.urandom(24), b"\xff" * 1200,
                 wire.encode(0), wire.encode(20), wire.encode("HELLO", b"short"),
                 wire.encode("DATA", handle=0), wire.encode("DATA", handle=1, flags=0x40),
                 wire.encode("DATA", handle=1, channel=8), wire.encode("NAK", b"odd", handle=1)):
        client.socket.send(data)
    assert client.receive(0.4) is None


def test_a_new_session_opens_and_its_id_is_echoed(world, played):
    client = wire.Client(GATEWAY, bind=CLIENT)
    welcome = client.open()
    assert welcome.body[:16] == client.session
    assert welcome.options(64)["backends"] == ["b1"]
    assert welcome.options(64)["resumed"] is False
    assert world.session(client)["state"] == "CONNECTED"


def test_a_new_session_opens_over_ipv6(world, played):
    client = wire.Client(GATEWAY6)
    client.open()
    assert "2001:db8:1::21" in world.session(client)["path"]


def test_data_goes_both_ways(world, played):
    client = wire.Client(GATEWAY, bind=CLIENT)
    client.open()
    client.data(0, b"up")
    wait(lambda: played.of("DATA", client.handle), 2, "the backend got it")
    assert played.of("DATA", client.handle)[0].body == b"up"
    played.backend.send("DATA", b"down", handle=client.handle, seq=0, ack=1, window=256)
    assert client.expect("DATA").body == b"down"
    view = world.session(client)["channels"][0]
    assert (view["up"]["acked"], view["up"]["next"]) == (1, 1)
    assert (view["down"]["acked"], view["down"]["next"], view["down"]["cached_frames"]) == (0, 1, 1)


def test_a_repeated_hello_has_one_session_and_one_answer(world, played):
    client = wire.Client(GATEWAY, bind=CLIENT)
    first = client.attempt()
    client.hello(client.session, 1, client.options, cookie=client.cookie)
    again = client.expect("WELCOME")
    assert again.handle == first.handle
    assert len([s for s in world.sessions() if s["session"] == client.session.hex()]) == 1


def test_each_refusal_has_its_code(world, played):
    def refused(client, epoch=1, **fields):
        options = fields.pop("options", client.options)
        client.hello(client.session, epoch, options, **fields)
        return client.expect("REJECT", "WELCOME").code

    for options, fields, code in (
            ({"services": ["nope"]}, {}, "UNKNOWN_SERVICE"),
            ({"services": ["lonely"]}, {}, "NO_BACKEND"),
            ({"services": ["echo"], "timeout_ms": 1999}, {}, "INVALID_TIMEOUT"),
            ({"services": ["echo"], "timeout_ms": 300001}, {}, "INVALID_TIMEOUT"),
            ({"services": ["echo", "echo"]}, {}, "MALFORMED"),
            ({}, {}, "MALFORMED"),
            ({"services": ["echo"]}, {"version": 2}, "VERSION_MISMATCH"),
            ({"services": ["echo"]}, {"flags": wire.RESUME}, "STATE_MISMATCH"),
            ({"services": ["echo"]}, {"triples": ((0, 5, 3),)}, "STATE_MISMATCH"),
            ({"services": ["echo"]}, {"triples": ((5, 4, 0),)}, "MALFORMED")):
        client = wire.Client(GATEWAY, bind=CLIENT)
        got = refused(client, options=options, **fields)
        assert got == CODES[code], f"{options} {fields}: {got}, not {code}"
        assert world.session(client) is None


def test_a_wrong_cookie_gets_another_retry(world, played):
    client = wire.Client(GATEWAY, bind=CLIENT)
    client.hello(client.session, 1, client.options, cookie=os.urandom(16))
    client.expect("RETRY")
    stranger = wire.Client(GATEWAY, bind=OTHER)
    client.hello(client.session, 1, client.options, cookie=None)
    client.expect("WELCOME")
    stranger.hello(client.session, 2, client.options, cookie=client.cookie)
    stranger.expect("RETRY")


def test_an_unconfirmed_attempt_leaves_no_mark(world, played):
    client = wire.Client(GATEWAY, bind=CLIENT)
    client.open()
    before = world.session(client)
    other = wire.Client(GATEWAY, bind=OTHER)
    other.hello(client.session, 2, client.options, flags=wire.RESUME)
    other.expect("WELCOME")
    client.data(0, b"still here")
    wait(lambda: played.of("DATA", client.handle), 2, "the old path still counts")
    after = world.session(client)
    assert (after["path"], after["epoch"]) == (before["path"], before["epoch"])
    time.sleep(2.3)
    assert world.session(client)["path"] == before["path"]


def test_a_resume_takes_over_from_a_path_that_looks_alive(world, played):
    client = wire.Client(GATEWAY, bind=CLIENT)
    client.open()
    handle, old = client.handle, client.socket
    client.socket = old.dup()
    client.fresh_socket(OTHER)
    welcome = client.open(resume=True)
    assert welcome.handle == handle and welcome.options(64)["resumed"] is True
    assert OTHER in world.session(client)["path"]
    old.send(wire.encode("DATA", b"late", handle=handle))
    assert wire.Frame(old.recv(2000)).name == "UNKNOWN"
    wait(lambda: [f for f in played.of("OPEN", handle) if f.epoch == 2], 2, "OPEN with epoch 2")


def test_a_lower_epoch_is_stale(world, played):
    client = wire.Client(GATEWAY, bind=CLIENT)
    client.epoch = 4
    client.open()
    client.hello(client.session, 3, client.options, flags=wire.RESUME)
    reject = client.expect("REJECT")
    assert (reject.code, reject.standing) == (CODES["STALE_EPOCH"], 5)
    other = wire.Client(GATEWAY, bind=OTHER)
    other.hello(client.session, 5, client.options, flags=wire.RESUME)
    assert other.expect("REJECT").code == CODES["STALE_EPOCH"]


def test_numbers_that_do_not_fit_are_refused_and_change_nothing(world, played):
    client = wire.Client(GATEWAY, bind=CLIENT)
    client.open()
    client.data(0, b"a")
    client.data(1, b"b")
    wait(lambda: len(played.of("DATA", client.handle)) == 2, 2, "both arrived")
    played.backend.send("ACK", handle=client.handle, seq=0, ack=1, window=256)
    client.expect("ACK")
    for name, triple in (("client forgot", (2, 2, 0)), ("claims what was never sent", (1, 2, 1)),
                         ("acknowledged what was never sent", (0, 0, 0))):
        client.hello(client.session, client.epoch + 1, client.options, triples=(triple,),
                     flags=wire.RESUME)
        assert client.expect("REJECT").code == CODES["STATE_MISMATCH"], name
    assert world.session(client)["state"] == "CONNECTED"
    assert world.session(client)["epoch"] == client.epoch
    client.open((1, 2, 0), resume=True)


def test_what_came_while_detached_is_replayed_in_order(world, played):
    client = wire.Client(GATEWAY, bind=CLIENT)
    client.open()
    client.send("SLEEP", handle=client.handle)
    client.expect("ACK")
    wait(lambda: world.session(client)["state"] == "DETACHED", 1, "SLEEP detaches")
    wait(lambda: played.of("EVENT", client.handle), 2, "the backend is told")
    for seq in range(40):
        played.backend.send("DATA", b"%d" % seq, handle=client.handle, seq=seq, window=256)
    wait(lambda: world.session(client)["channels"][0]["down"]["cached_frames"] == 40, 2, "kept")
    client.open(resume=True)
    got = []
    while len(got) < 40:
        frame = client.expect("DATA")
        assert frame.flags & wire.REPLAYED
        got.append(int(frame.body))
        client.send("ACK", handle=client.handle, seq=0, ack=len(got), window=256)
    assert got == list(range(40))
    wait(lambda: world.session(client)["channels"][0]["down"]["cached_frames"] == 0, 2, "freed")


def test_a_nak_is_served_from_the_cache_and_the_rest_passed_on(world, played):
    client = wire.Client(GATEWAY, bind=CLIENT)
    client.open()
    for seq in (0, 1, 3):
        played.backend.send("DATA", b"%d" % seq, handle=client.handle, seq=seq, window=256)
        client.expect("DATA")
    client.send("NAK", (1).to_bytes(4, "big") + (3).to_bytes(4, "big"), handle=client.handle)
    got = sorted(int(client.expect("DATA").body) for _ in range(2))
    assert got == [1, 3]
    wait(lambda: played.of("NAK", client.handle), 2, "the hole is asked of the backend")
    assert played.of("NAK", client.handle)[0].body == (2).to_bytes(4, "big") + (1).to_bytes(4, "big")


def test_a_nak_of_a_tail_that_never_came_is_passed_on(world, played):
    """The backend learns from an ACK that there is more than the gateway has seen."""
    client = wire.Client(GATEWAY, bind=CLIENT)
    client.open()
    client.data(0, b"0")
    client.send("ACK", handle=client.handle, seq=3, window=256)
    wait(lambda: [f for f in played.of("ACK", client.handle) if f.seq == 3], 2, "three were sent")
    played.backend.send("NAK", struct.pack(">4I", 0, 3, 300, 2), handle=client.handle)
    assert client.expect("NAK").body == struct.pack(">2I", 1, 2), "beyond the window is passed on"
    wait(lambda: len(played.of("DATA", client.handle)) == 2, 2, "the first is served from the cache")


def test_the_window_has_its_edges(world, played):
    client = wire.Client(GATEWAY, bind=CLIENT)
    client.open()
    client.data(255, b"last")
    wait(lambda: played.of("DATA", client.handle), 2, "the last number of the window")
    before = world.call("stats.get", {})["drops"]
    client.data(256, b"beyond")
    wait(lambda: world.call("stats.get", {})["drops"]["beyond_window"] == before["beyond_window"] + 1,
         2, "one beyond is dropped")
    played.backend.send("ACK", handle=client.handle, ack=5, window=256)
    client.expect("ACK")
    client.data(4, b"old")
    assert client.expect("ACK").ack == 5
    client.data(7, b"x", ack=1)
    wait(lambda: world.call("stats.get", {})["drops"]["ack_beyond"] == before["ack_beyond"] + 1, 2,
         "an ack of what was never sent")


def test_a_silent_client_is_detached_in_time_then_expires(world, played):
    client = wire.Client(GATEWAY, bind=CLIENT)
    client.open()
    client.alive = False
    silent = time.monotonic()
    wait(lambda: world.session(client)["state"] == "DETACHED", 6, "detached")
    found = time.monotonic() - silent
    assert 1.9 <= found <= 4.2, f"found after {found:.2f} s, not in [T, T + interval]"
    wait(lambda: world.session(client) is None, 4, "grace is over")
    assert 1.3 <= time.monotonic() - silent - found <= 2.5
    client.hello(client.session, 2, client.options, flags=wire.RESUME)
    assert client.expect("REJECT").code == CODES["EXPIRED"]


def test_an_idle_client_that_answers_stays_connected(world, played):
    client = wire.Client(GATEWAY, bind=CLIENT)
    client.open()
    until = time.monotonic() + 5
    while time.monotonic() < until:
        client.receive(0.2)
    assert world.session(client)["state"] == "CONNECTED"
    assert "HEARTBEAT" in client.seen


def test_an_evicted_session_is_not_reopened_by_a_library(world, played):
    client = wire.Client(GATEWAY, bind=CLIENT)
    client.open()
    assert world.call("session.evict", {"session": client.session.hex()}) == {"evicted": True}
    assert client.expect("CLOSE").code == CODES["EVICTED"]
    client.send("CLOSE_ACK", handle=client.handle)
    wait(lambda: world.session(client) is None, 2, "gone")
    assert world.call("session.evict", {"session": client.session.hex()}) == {"evicted": False}
    client.hello(client.session, 2, client.options, flags=wire.RESUME)
    assert client.expect("REJECT").code == CODES["EVICTED"]
    assert played.of("CLOSE", client.handle)


def test_a_close_ends_the_session_at_both_ends(world, played):
    client = wire.Client(GATEWAY, bind=CLIENT)
    client.open()
    client.send("CLOSE", (15).to_bytes(2, "big") + bytes(2), handle=client.handle)
    client.expect("CLOSE_ACK")
    wait(lambda: played.of("CLOSE", client.handle), 2, "the backend is told")
    wait(lambda: world.session(client) is None, 2, "gone")


def test_a_name_of_a_live_backend_is_in_use(world, played):
    other = wire.Backend(GATEWAY, instance=8, bind=BACKEND)
    assert other.register().code == CODES["NAME_IN_USE"]
    stranger = wire.Backend(GATEWAY, name="b9", bind=CLIENT)
    assert stranger.register().code == CODES["NOT_AUTHORIZED"]


def test_nothing_stays_behind(world, played):
    for session in world.sessions():
        world.call("session.evict", {"handle": session["handle"]})
    wait(lambda: not world.sessions(), 4, "all sessions gone")
    wait(lambda: world.call("stats.get", {})["gauges"]["chunks_used"] == 0, 2, "no chunk held")
    wait(lambda: world.call("stats.get", {})["gauges"]["attempts"] == 0, 4, "no attempt held")
    assert world.call("stats.get", {})["counters"]["illegal_edges"] == 0


def main():
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        return 77
    build, workers = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    failed = 0
    with World(build, workers) as world:
        backend = wire.Backend(GATEWAY, bind=BACKEND)
        assert backend.register().name == "WELCOME"
        played = Played(backend)
        for name, test in tests:
            try:
                test(world, played)
                world.conserved()
                print(f"ok    {name[5:].replace('_', ' ')}", flush=True)
            except (AssertionError, OSError, RuntimeError, TypeError, KeyError) as error:
                failed += 1
                print(f"FAIL  {name[5:].replace('_', ' ')}: {error!r}", flush=True)
        played.end()
        if failed:
            raise SystemExit(1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
