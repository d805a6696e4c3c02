#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The control socket as a client in another language sees it: every method, and every abuse.

All test_* functions run in one world, in their order. usage: test_control.py BUILD_FOLDER [NAME...]
"""
import os
import re
import signal
import struct
import subprocess
import sys
import time

import msgpack

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from caller import Caller, Refused, refusal  # noqa: E402
from world import World, wait  # noqa: E402

HEADER = os.path.join(HERE, "..", "..", "include", "holdfast", "control.h")
FRAME_BYTES_MAX, CONNECTIONS_MAX, READERS_MAX, STRANGERS_MAX = 1 << 20, 64, 32, 4
HALF_REQUEST_S, EVENTS = 10, 256
SOON_S = 0.5  # for an answer while others misbehave; machines that run tests may stall

# Any numbers; the names are only there so that the settings can name them.
MEMBER = (70001, 2, [70001])  # group bin is its own
READER = (5, 70002, [])       # user games
READER_GROUP = (70003, 70003, [1, 70004])  # group daemon is one of its further ones
STRANGER = (70005, 70005, [70006])
MORE = f"""
[limits]
events = {EVENTS}
[control]
group = bin
readers = games, daemon
"""


ALONE = """[gateway]
control = {path}
[port p0]
device = net_ring0
addresses = 192.0.2.10/24
[session]
max = 100
[replay]
memory = 4M
[service echo]
backends = *
"""


class Control:
    """The world and what most tests need of it."""

    def __init__(self, world):
        self.world, self.path = world, world.log("control.sock")
        self.called = set()

    def caller(self, user=None):
        return Caller(self.path, user)

    def good(self, caller, method, **params):
        self.called.add(method)
        return caller.call(method, **params)

    def bad(self, caller, code, text, method, **params):
        refused = refusal(caller, method, **params)
        assert refused.code == code and text in refused.message, (method, params, str(refused))

    def counter(self, name):
        return self.world.call("stats.get")["counters"]["control_" + name]

    def counts(self, name, before, more):
        wait(lambda: self.counter(name) == before + more, 5,
             f"{name} counts {more} more than {before}")

    def sessions(self, count):
        wait(lambda: self.world.call("stats.get")["gauges"]["sessions_connected"] >= count, 20,
             f"{count} sessions")


def all_sessions(caller, **filters):
    """Every page of session.list."""
    found, after = [], 0
    while after is not None:
        page = caller.call("session.list", after=after, limit=1000, **filters)
        found += page["sessions"]
        after = page["next"]
    return found


def test_half_a_request(control):
    """Begun here, judged in test_half_a_request_is_over."""
    control.half = control.caller()
    control.half.send(msgpack.packb([0, 1, "hello", []])[:5])
    control.half_since = time.monotonic()


def test_every_method(control):
    world = control.world
    load = world.load("--sessions", 3, "--duration", 3, "--rate", 5)
    control.sessions(3)
    with control.caller() as caller:
        told = control.good(caller, "hello", version=1)
        assert told["version"] == 1 and told["program"].startswith("holdfastd "), told
        assert abs(told["started"] / 1000 - time.time()) < 60, told
        info = control.good(caller, "gateway.info")
        assert info["state"] == "running" and info["workers"] == 1, info
        assert info["ports"][0]["addresses"] == ["192.0.2.10", "2001:db8:1::10"], info
        listed = control.good(caller, "session.list", state="CONNECTED", service="echo",
                              backend="b1", idle_ms_min=0, limit=1000, after=0)
        assert len(listed["sessions"]) == 3 and listed["next"] is None, listed
        for filters in ({"state": "DETACHED"}, {"service": "none"}, {"backend": "none"},
                        {"client": "none"}, {"idle_ms_min": 4294967295}):
            assert control.good(caller, "session.list", **filters)["sessions"] == [], filters
        one = listed["sessions"][0]
        assert control.good(caller, "session.get", session=one["session"])["handle"] == one["handle"]
        got = control.good(caller, "session.get", handle=one["handle"])
        assert got["session"] == one["session"] and re.fullmatch("[0-9a-f]{32}", got["session"])
        assert got["channels"][0]["service"] == "echo", got
        assert set(got["channels"][0]["up"]) == {"acked", "next", "cached_frames", "cached_bytes"}
        control.bad(caller, "NOT_FOUND", "no such session", "session.get", session="0" * 32)
        control.bad(caller, "NOT_FOUND", "no such session", "session.get", handle=1)
        stats = control.good(caller, "stats.get")
        for key in ("counters", "drops", "gauges", "refused", "histograms", "workers"):
            assert stats[key], key
        assert "holdfast_received" in control.good(caller, "metrics.get")["text"]
        assert control.good(caller, "service.list")["services"][0]["service"] == "echo"
        assert control.good(caller, "config.get", key="session.max")["keys"][0]["value"] == "20000"
        told = control.good(caller, "config.set", key="limits.new_per_second", value=99999)
        assert told["changed"][0]["new"] == "99999", told
        assert control.good(caller, "config.reload")["changed"][0]["was_set"]
        control.good(caller, "stats.subscribe", interval_ms=3600000)
        assert caller.notification()[0] == "stats"
        control.good(caller, "events.subscribe", kinds=["session", "gateway.state"])
        assert control.good(caller, "session.evict", session=one["session"])["evicted"]
        # The same as a notification: done, and never answered.
        caller.send(msgpack.packb([2, "session.evict", [{"handle": listed["sessions"][1]["handle"]}]]))
        evicted = set()
        while len(evicted) < 2:
            event = caller.notification()[1]
            if event.get("reason") == "evicted":
                evicted.add(event["handle"])
        assert evicted == {session["handle"] for session in listed["sessions"][:2]}, evicted
        assert caller.call("hello")["version"] == 1
    load.terminate()
    load.wait(20)


def test_backends(control):
    world = control.world
    first = world.backend
    world.start_backend("b2")
    with control.caller() as caller:
        def state(name):
            told = control.good(caller, "backend.list", service="echo", backend=name)["backends"]
            return told[0]["state"] if told else None
        wait(lambda: state("b2") == "connected", 10, "b2 is there")
        control.bad(caller, "UNAVAILABLE", "drain it first", "backend.remove", service="echo",
                    backend="b2")
        assert control.good(caller, "backend.drain", service="echo", backend="b2")["started"]
        assert not control.good(caller, "backend.drain", service="echo", backend="b2")["started"]
        assert state("b2") == "draining"
        assert control.good(caller, "backend.remove", service="echo", backend="b2")["removed"]
        assert not control.good(caller, "backend.remove", service="echo", backend="b2")["removed"]
        for method in ("backend.drain", "backend.remove"):
            control.bad(caller, "NOT_FOUND", "no backend", method, service="echo", backend="b9")
            control.bad(caller, "INVALID_PARAMS", "service: ", method, backend="b1")
            control.bad(caller, "INVALID_PARAMS", "backend: ", method, service="echo")
        assert state("b1") == "connected"
    world.backend.terminate()
    world.backend.wait(10)
    world.backend = first


def test_bad_parameters(control):
    """Each is named in the error, nothing changes, and the connection goes on."""
    cases = {
        "hello": [{"version": "1"}, {"version": -1}],
        "gateway.drain": [{"deadline_ms": "1"}, {"deadline_ms": 86400001}],
        "gateway.shutdown": [{"deadline_ms": -1}, {"deadline_ms": 1.5}],
        "session.list": [{"limit": 0}, {"limit": 1001}, {"limit": "1"}, {"after": -1},
                         {"after": 1 << 32}, {"state": "connected"}, {"state": 1}, {"service": 1},
                         {"backend": [1]}, {"client": {}}, {"idle_ms_min": -1}],
        "session.get": [{"session": "0" * 31}, {"session": "g" * 32}, {"session": 5},
                        {"session": b"\0" * 16}],
        "session.evict": [{"session": "0" * 33}, {"session": True}],
        "backend.list": [{"service": 1}, {"backend": 1}, {"after": -1}],
        "config.get": [{"key": []}, {"key": "session\0max"}],
        "config.set": [{"key": "session.timeout_ms"}, {"value": "1"},
                       {"key": "session.timeout_ms", "value": {}}],
        "stats.subscribe": [{"interval_ms": 99}, {"interval_ms": 3600001}],
        "events.subscribe": [{"kinds": "session"}, {"kinds": ["sess"]}, {"kinds": []},
                             {"kinds": [1]}, {"from": 1 << 60}, {"from": -1}],
    }
    with control.caller() as caller:
        for method, wrong in cases.items():
            for params in wrong:
                told = refusal(caller, method, **params)
                names = list(params) + ["key", "value"] * (method == "config.set")
                assert told.code == "INVALID_PARAMS", (method, params, str(told))
                assert told.message.split(":")[0] in names, (method, params, str(told))
        for params in ({}, {"session": None}, {"handle": 0}, {"handle": 1, "session": ""}):
            for method in ("session.get", "session.evict"):
                assert refusal(caller, method, **params).code == "INVALID_PARAMS", params
        for method in methods():
            control.bad(caller, "INVALID_PARAMS", "colour: no such parameter", method, colour=1)
        control.bad(caller, "VERSION", "version 1", "hello", version=2)
        control.bad(caller, "NOT_FOUND", "no.key", "config.get", key="no.key")
        control.bad(caller, "NOT_FOUND", "no.key", "config.set", key="no.key", value=1)
        control.bad(caller, "RESTART_NEEDED", "session.max", "config.set", key="session.max",
                    value=5)
        for name in ("", "hell", "HELLO", "session", "x" * 70000):
            told = refusal(caller, name)
            assert told.code == "UNKNOWN_METHOD" and len(told.message) < 200, str(told)
        assert caller.call("gateway.info")["state"] == "running"


def methods():
    with open(HEADER, encoding="utf-8") as file:
        found = re.findall(r'^\tX\(\w+, "([a-z.]+)"', file.read(), re.MULTILINE)
    assert len(found) >= 18, found
    return found


def test_ids_and_writes(control):
    with control.caller() as caller:
        for number in (0, 1, 127, 128, 65535, 4294967295, 7, 7):
            caller.send(msgpack.packb([0, number, "hello", []]))
            assert caller.answer()[0] == number
        # Many requests in one write: each answered once, in order.
        caller.send(b"".join(msgpack.packb([0, number, ("hello", "no.method")[number % 3 == 0],
                                            [{}]]) for number in range(1000)))
        for number in range(1000):
            answered, error, _ = caller.answer()
            assert answered == number and (error is not None) == (number % 3 == 0), number
        # One request in as many writes as it has bytes.
        for byte in msgpack.packb([0, 9, "session.list", [{"limit": 5}]]):
            caller.send(bytes([byte]))
        assert caller.answer()[0] == 9
        # A notification is done and not answered; params may be absent, or nil.
        caller.send(msgpack.packb([2, "hello", []]) + msgpack.packb([2, "no.method", []]) +
                    msgpack.packb([0, 10, "hello", [None]]))
        assert caller.answer()[0] == 10


# What must close a connection, and no other.
def shapes():
    def request(*values):
        return msgpack.packb(list(values))
    yield "nil", b"\xc0"
    yield "a byte that msgpack does not have", b"\xc1"
    yield "a map", msgpack.packb({"id": 1})
    yield "no values", b"\x90"
    yield "three values", request(0, 1, "hello")
    yield "five values", request(0, 1, "hello", [], 1)
    yield "an answer", request(1, 1, None, None)
    yield "a type beyond", request(3, 1, "hello", [])
    yield "an id that is negative", request(0, -1, "hello", [])
    yield "an id that is too large", request(0, 1 << 32, "hello", [])
    yield "an id that is a text", request(0, "1", "hello", [])
    yield "a method that is a number", request(0, 1, 1, [])
    yield "a method that is bytes", request(0, 1, b"hello", [])
    yield "params that are a map", request(0, 1, "hello", {})
    yield "two params", request(0, 1, "hello", [{}, {}])
    yield "params of a number", request(0, 1, "hello", [1])
    yield "HTTP", b"GET / HTTP/1.0\r\n\r\n"
    yield "a text longer than a frame", b"\x94\x00\x01\xdb" + struct.pack(">I", FRAME_BYTES_MAX)
    yield "the longest text", b"\x94\x00\x01\xdb\xff\xff\xff\xff"
    yield "the longest array", b"\xdd\xff\xff\xff\xff"
    yield "the longest map", b"\xdf\xff\xff\xff\xff"
    yield "more values than are read", request(0, 1, "hello", [{"a": [0] * 5000}])
    yield "one level too deep", b"\x91" * 17 + b"\xc0"
    yield "a frame of 1 MiB and 1", request(0, 1, "x" * (FRAME_BYTES_MAX - 8), [])
    yield "a bomb of arrays", b"\x91" * FRAME_BYTES_MAX
    yield "a bomb of maps", b"\x81" * FRAME_BYTES_MAX
    yield "a bomb of map keys", b"\x81\xa0" * (FRAME_BYTES_MAX // 2)
    yield "a bomb of lengths", (b"\xdc\x0f\xff" * (FRAME_BYTES_MAX // 3))


def test_hostile_frames(control):
    largest = msgpack.packb([0, 1, "x" * (FRAME_BYTES_MAX - 9), []])
    assert len(largest) == FRAME_BYTES_MAX
    with control.caller() as other:
        before, count = control.counter("socket_malformed"), 0
        for what, data in shapes():
            with control.caller() as caller:
                try:
                    caller.send(data)
                except OSError:
                    pass  # closed while it was still being sent
                assert caller.closed(), f"{what}: not closed"
            count += 1
            began = time.monotonic()
            assert other.call("gateway.info")["state"] == "running", what
            assert time.monotonic() - began < SOON_S, what
        control.counts("socket_malformed", before, count)
        # The largest that is allowed, and the deepest.
        with control.caller() as caller:
            caller.send(largest)
            assert caller.answer()[1]["code"] == "UNKNOWN_METHOD"
            deep = 0
            for _ in range(13):  # the request, its params and their map are three more
                deep = [deep]
            caller.send(msgpack.packb([0, 2, "hello", [{"version": deep}]]))
            assert caller.answer()[1]["code"] == "INVALID_PARAMS"


def send_what_fits(caller, data):
    """Writes until nothing more is taken. Returns how many bytes were."""
    caller.socket.setblocking(False)
    sent, until = 0, time.monotonic() + 0.3
    while sent < len(data) and time.monotonic() < until:
        try:
            sent += caller.socket.send(data[sent:sent + 65536])
        except BlockingIOError:
            time.sleep(0.01)
    caller.socket.settimeout(5)
    return sent


def test_who_never_reads(control):
    """Answers stop, subscriptions leave out and say so; everybody else is answered in time."""
    with control.caller() as other, control.caller() as asker, control.caller() as subscriber:
        for _ in range(4):
            subscriber.call("stats.subscribe", interval_ms=100)
        refused = refusal(subscriber, "stats.subscribe", interval_ms=100)
        assert refused.code == "UNAVAILABLE" and "4" in refused.message, refused
        question = msgpack.packb([0, 1, "stats.get", []])
        sent = send_what_fits(asker, question * 200000)
        assert sent < len(question) * 200000, "all was taken"
        slowest, missed = 0, control.counter("subscriptions_missed")
        until = time.monotonic() + 10
        while control.counter("subscriptions_missed") <= missed and time.monotonic() < until:
            began = time.monotonic()
            other.call("gateway.info")
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.02)
        assert control.counter("subscriptions_missed") > missed, "nothing was left out"
        assert slowest < SOON_S, slowest
        # Who reads again gets the rest, the gap, and goes on.
        kinds = set()
        subscriber.socket.settimeout(5)
        until = time.monotonic() + 10
        while "gap" not in kinds and time.monotonic() < until:
            kind, params = subscriber.notification()
            kinds.add(kind)
            assert kind == "stats" or params["missed"] >= 1, params
        assert kinds == {"stats", "gap"}, kinds
        # Every whole question is answered.
        whole = sent // len(question)
        for _ in range(min(whole, 50)):
            assert asker.answer()[0] == 1


def test_more_connections_than_allowed(control):
    before = control.counter("socket_refused")
    opened, refused = [], 0
    try:
        for user, most in ((STRANGER, STRANGERS_MAX), (READER, READERS_MAX - STRANGERS_MAX),
                           (None, CONNECTIONS_MAX - READERS_MAX - 1)):
            for _ in range(most):
                opened.append(control.caller(user))
                assert opened[-1].call("hello")["version"] == 1
            if user is not None:
                with control.caller(user) as one_more:
                    refused += 1
                    assert one_more.closed(), user
        # One place is the half request's: all are taken.
        with control.caller() as one_more:
            refused += 1
            assert one_more.closed()
        opened.pop().socket.close()
        wait(lambda: control.world.call("hello"), 5, "the place is free again")
        control.counts("socket_refused", before, refused)
    finally:
        for caller in opened:
            caller.socket.close()
    wait(lambda: control.caller(STRANGER).call("hello"), 5, "strangers have their places again")


def test_rights(control):
    wanted = control.counter("socket_forbidden")
    steering = {"gateway.drain", "gateway.shutdown", "session.evict", "backend.drain",
                "backend.remove", "config.set", "config.reload", "bench.preload"}
    for user, look in ((STRANGER, False), (READER, True), (READER_GROUP, True)):
        with control.caller(user) as caller:
            for method in methods():
                if method == "hello" or (look and method not in steering):
                    params = {"handle": 1} if method == "session.get" else {}
                    try:
                        caller.call(method, **params)
                    except Refused as refused:
                        assert refused.code == "NOT_FOUND" and method == "session.get", refused
                else:
                    right = "steer" if method in steering else "look"
                    control.bad(caller, "FORBIDDEN", f"{method} needs the right to {right}", method)
                    wanted += 1
    control.counts("socket_forbidden", wanted, 0)
    with control.caller(MEMBER) as caller:
        assert caller.call("session.evict", session="0" * 32) == {"evicted": False}
        assert caller.call("config.reload")["changed"] == []


def test_two_operators(control):
    """Both evict every session at the same time, while a third lists."""
    load = control.world.load("--sessions", 200, "--duration", 20, "--rate", 1, "--no-renew")
    control.sessions(200)
    with control.caller() as left, control.caller() as right, control.caller() as third:
        sessions = all_sessions(third, state="CONNECTED")
        assert len(sessions) == 200, len(sessions)
        before = control.counter("evicted")
        for caller in (left, right):
            caller.send(b"".join(
                msgpack.packb([0, number, "session.evict", [{"session": session["session"]}]])
                for number, session in enumerate(sessions)))
        assert len(all_sessions(third)) <= 200
        told = []
        for caller in (left, right):
            answers = {}
            for _ in sessions:
                number, error, result = caller.answer()
                assert error is None and number not in answers, (number, error)
                answers[number] = result["evicted"]
            told.append(answers)
        for number in range(200):
            assert told[0][number] + told[1][number] == 1, (number, told[0], told[1])
        control.counts("evicted", before, 200)
        gone = sessions[0]
        assert third.call("session.evict", session=gone["session"]) == {"evicted": False}
        assert third.call("session.evict", handle=gone["handle"]) == {"evicted": False}
    load.terminate()
    load.wait(20)


def test_cursor_over_a_changing_table(control):
    """What lives all the time is in each turn once, whatever comes and goes between two pages."""
    world = control.world
    standing = world.load("--sessions", 150, "--duration", 30, "--rate", 1)
    control.sessions(150)
    with control.caller() as caller, control.caller() as steering:
        stay = {session["session"] for session in all_sessions(caller, state="CONNECTED")}
        assert len(stay) == 150, len(stay)
        changing = world.load("--sessions", 60, "--duration", 30, "--rate", 1)
        control.sessions(200)
        evicted = pages = seen_others = 0
        for turn in range(6):
            seen, after = [], 0
            while after is not None:
                page = caller.call("session.list", limit=5, after=after)
                after = page["next"]
                seen += [session["session"] for session in page["sessions"]]
                for session in page["sessions"][-1:]:
                    if session["session"] not in stay:
                        evicted += steering.call("session.evict",
                                                 session=session["session"])["evicted"]
                pages += 1
            lived = [session for session in seen if session in stay]
            assert len(lived) == 150 and set(lived) == stay, (turn, len(lived))
            seen_others += len(seen) - len(lived)
        assert pages > 6 * 30 and evicted > 10 and seen_others > 60, (pages, evicted, seen_others)
    for load in (standing, changing):
        load.terminate()
        load.wait(20)


def test_events_from_an_offset(control):
    """Who comes back goes on where it was; what is not there any more is told as one gap."""
    world = control.world

    def told(caller, count):
        return [caller.notification() for _ in range(count)]

    with control.caller() as caller:
        begun = caller.call("events.subscribe", kinds=["session"])["next"]
        verdict = world.verdict(world.load("--sessions", 20, "--messages", 1, "--rate", 50))
        assert verdict["good"], verdict
        events = told(caller, 60)  # created, connected, ended
        offsets = [event["offset"] for _, event in events]
        assert offsets == sorted(set(offsets)) and offsets[0] >= begun, offsets
        assert {kind for kind, _ in events} == {"event"}
        kinds = [event["kind"] for _, event in events]
        assert all(kinds.count("session." + kind) == 20 for kind in (
            "created", "connected", "ended")), kinds
        ended = [event for _, event in events if event["kind"] == "session.ended"][0]
        assert re.fullmatch("[0-9a-f]{32}", ended["session"]), ended
        assert abs(ended["time"] / 1000 - time.time()) < 60, ended
    with control.caller() as caller:
        middle = offsets[30]
        answer = caller.call("events.subscribe", **{"from": middle, "kinds": ["session"]})
        number = {"subscription": answer["subscription"]}
        assert told(caller, 30) == [(kind, {**event, **number}) for kind, event in events[30:]]
    # As many events as the ring has, and more.
    gaps = control.counter("subscriptions_gaps")
    verdict = world.verdict(world.load("--sessions", 150, "--messages", 1, "--rate", 50))
    assert verdict["good"], verdict
    with control.caller() as caller:
        answer = caller.call("events.subscribe", **{"from": middle})
        kind, gap = caller.notification()
        assert kind == "gap" and gap["from"] == middle and gap["to"] >= answer["first"], gap
        assert gap["to"] > offsets[-1], gap
        kind, event = caller.notification()
        assert kind == "event" and event["offset"] == gap["to"], event
        assert answer["next"] - answer["first"] == EVENTS, answer
    control.counts("subscriptions_gaps", gaps, 1)


def test_preload(control):
    """Sessions by rule, as good as any other, while everybody else is answered in time."""
    count, seed, first = 5000, 0x1122334455667788, (1 << 32) - 1
    wanted = {"count": count, "service": "echo", "seed": seed, "first": first,
              "client": "198.18.255.0:4000"}
    with control.caller() as caller, control.caller() as other:
        created = control.world.call("stats.get")["counters"]["sessions_created"]
        number = caller.ask("bench.preload", wanted)
        control.called.add("bench.preload")
        second = caller.ask("bench.preload", {**wanted, "seed": 1})
        slowest = 0
        for _ in range(20):
            began = time.monotonic()
            other.call("gateway.info")
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < SOON_S, slowest
        answers = {answer[0]: answer[1:] for answer in (caller.answer(), caller.answer())}
        assert "under way" in answers[second][0]["message"], answers[second]
        assert answers[number][0] is None, answers[number]
        told = answers[number][1]
        assert told["created"] == count and told["refused"] == 0, told["refused"]
        assert len(set(told["handles"])) == count and 0 not in told["handles"]
        sessions = {session["session"]: session for session in all_sessions(caller, client="bench")}
        assert len(sessions) == count, len(sessions)
        for n, handle in enumerate(told["handles"]):
            session = sessions[f"{seed:016x}{n:016x}"]
            assert session["handle"] == handle and session["state"] == "CONNECTED", session
            assert session["path"] == f"198.{18 + (n + 0xff00 >> 16)}." \
                f"{(n + 0xff00 >> 8) & 255}.{n & 255}:4000", (n, session)
            channel = session["channels"][0]
            assert channel["service"] == "echo" and channel["backend"] == "b1", channel
            assert channel["up"]["acked"] == channel["down"]["next"] == first, channel
        assert control.world.call("stats.get")["counters"]["sessions_created"] == created + count
        # Their ids are known now; more than [session] max are not begun.
        again = caller.call("bench.preload", **wanted)
        assert again == {"created": 0, "refused": count, "handles": [0] * count}, again["created"]
        control.bad(caller, "UNAVAILABLE", "session.max is 20000", "bench.preload", count=20000,
                    service="echo")
        for params, text in (({}, "count: "), ({"count": 0}, "count: "), ({"count": 65537}, "count: "),
                             ({"count": 1}, "service: "), ({"count": 1, "worker": 1}, "worker: "),
                             ({"count": 1, "seed": -1}, "seed: "),
                             ({"count": 1, "first": (1 << 62) + 1}, "first: "),
                             ({"count": 1, "service": "echo", "client": "x"}, "client: "),
                             ({"count": 1, "service": "echo", "client": "10.0.0.1:0"}, "client: "),
                             ({"count": 2, "service": "echo", "client": "255.255.255.255:1"},
                              "client: ")):
            control.bad(caller, "INVALID_PARAMS", text, "bench.preload", **params)
        control.bad(caller, "NOT_FOUND", "no service", "bench.preload", count=1, service="none")
        for begin in range(0, count, 500):
            some = told["handles"][begin:begin + 500]
            for handle in some:
                caller.ask("session.evict", {"handle": handle})
            assert all(caller.answer()[2] == {"evicted": True} for _ in some)


def test_preload_is_for_load_tests_only(control):
    world = control.world
    path = world.log("alone.sock")
    with open(world.log("alone.conf"), "w", encoding="ascii") as file:
        file.write(ALONE.format(path=path))
    fields = {**os.environ, "HOLDFAST_BENCH": "0"}
    alone = world.start("c", world.program("holdfastd"), "--config", world.log("alone.conf"), "--",
                        "--file-prefix", world.prefix + "alone", env=fields,
                        stderr=subprocess.DEVNULL)
    wait(lambda: os.path.exists(path), 20, "another gateway is there")
    with Caller(path) as caller:
        refused = refusal(caller, "bench.preload", count=1, service="echo")
        assert refused.code == "UNAVAILABLE" and "--bench" in refused.message, str(refused)
        caller.call("gateway.shutdown")
    assert alone.wait(20) == 0


def test_half_a_request_is_over(control):
    left = HALF_REQUEST_S - (time.monotonic() - control.half_since)
    assert control.half.closed(max(left, 0) + 3), "half a request stands for ever"
    assert time.monotonic() - control.half_since >= HALF_REQUEST_S - 1.5
    assert control.counter("socket_half") == 1


def test_the_end(control):
    world = control.world
    world.quiet()
    load = world.load("--sessions", 1, "--duration", 30, "--rate", 1)
    control.sessions(1)
    load.send_signal(signal.SIGSTOP)  # it does not leave when it is told that the gateway drains
    with control.caller() as caller:
        caller.call("events.subscribe", kinds=["gateway"])
        assert control.good(caller, "gateway.drain", deadline_ms=60000)["started"]
        kind, event = caller.notification()
        assert kind == "event" and event["state"] == "draining", event
        assert not control.good(caller, "gateway.drain", deadline_ms=60000)["started"]
        assert caller.call("gateway.info")["state"] == "draining"
        assert control.good(caller, "gateway.shutdown", deadline_ms=1000)["started"]
        states = []
        while "stopped" not in states:  # the last that is told before the connection is closed
            states.append(caller.notification()[1]["state"])
        assert states == ["stopping", "stopped"], states
    assert world.gateway.wait(20) == 0
    load.kill()
    load.wait(10)
    assert not os.path.exists(control.path), "the socket file stays"
    missing = set(methods()) - control.called
    assert not missing, f"never called: {missing}"


def main():
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        return 77
    wanted = sys.argv[2:]
    failed = 0
    os.environ["HOLDFAST_BENCH"] = "1"
    with World(os.path.abspath(sys.argv[1]), more=MORE) as world:
        os.chmod(world.folder.name, 0o755)  # so that others come as far as the socket
        control = Control(world)
        for name, test in list(globals().items()):
            if not name.startswith("test_") or (wanted and name[5:] not in wanted):
                continue
            began = time.monotonic()
            try:
                test(control)
                print(f"ok    {name[5:].replace('_', ' ')}, {time.monotonic() - began:.1f} s",
                      flush=True)
            except (AssertionError, OSError, EOFError, RuntimeError, Refused, KeyError, TypeError,
                    subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"FAIL  {name[5:].replace('_', ' ')}: {error!r}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
