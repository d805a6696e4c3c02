#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every command of holdfastctl, as people and as programs read it, with what it ends with.

Each test_* function is one behaviour in a world of its own. usage: test_operator.py BUILD_FOLDER NAME
"""
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from world import World, wait  # noqa: E402

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts")
ABSENT = "00112233445566778899aabbccddeeff"


def told(world, *words, status=0, stderr=""):
    """What a command says on stdout. Trouble is on stderr, and nowhere else."""
    done = world.control(*words)
    assert done.returncode == status, (words, done)
    assert stderr in done.stderr and bool(done.stderr) == bool(stderr), (words, done)
    return done.stdout


def read(world, *words):
    return json.loads(told(world, "--json", *words))


def refused(world, *words, text, status=1):
    assert told(world, *words, status=status, stderr=text) == "", words


def rows(text):
    """A table as a list of rows by heading; a cell may have single blanks in it."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    for line in lines[1:]:
        assert len(line) == len(lines[0]), text
    return [dict(zip(lines[0], line)) for line in lines[1:]]


def connected(world, count):
    return lambda: world.call("stats.get")["gauges"]["sessions_connected"] == count


def begin(world, *words, **fields):
    """A command that goes on until it is told to end."""
    process = subprocess.Popen([world.program("holdfastctl"), "--socket",
                                world.log("control.sock"), *words], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, **fields)
    world.processes.append(process)
    return process


def end(process, number=signal.SIGINT):
    """Ends it; whatever it had to say is there, and nothing is wrong."""
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 0 and err == "", (process.returncode, err)
    return out


def terminal(world, *words, columns=80, **environment):
    """What a command writes to a terminal of so many columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([world.program("holdfastctl"), "--socket",
                                world.log("control.sock"), *words], stdout=slave,
                               env={"TERM": "xterm", **environment})
    os.close(slave)
    out = b""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        out += data
    os.close(master)
    assert process.wait(10) == 0, out
    return out.decode().replace("\r\n", "\n")


def ended(load):
    """The clients close their sessions, so that the gateway need not wait for them."""
    load.terminate()
    load.communicate(timeout=20)


def sessions_listed(world):
    listed = world.call("session.list", limit=100)["sessions"]
    ids = sorted(session["session"] for session in listed)
    table = rows(told(world, "session", "list"))
    assert sorted(row["SESSION"] for row in table) == ids and len(ids) == 12, table
    assert all(row["STATE"] == "CONNECTED" and row["SERVICE"] == "echo" and row["BACKEND"] == "b1"
               for row in table), table
    assert sorted(session["session"] for session in read(world, "session", "list")) == ids
    for words, count in ((("CONNECTED",), 12), (("DETACHED",), 0), (("--state", "DETACHED"), 0),
                         (("--service=echo",), 12), (("--service", "other"), 0),
                         (("--backend", "b1"), 12), (("--backend", "b2"), 0),
                         (("--client", "load"), 12), (("--client", "nobody"), 0),
                         (("--idle", "0"), 12), (("--idle", "600000"), 0),
                         (("--limit", "5"), 5), (("--limit", "12"), 12)):
        assert len(rows(told(world, "session", "list", *words))) == count, words
        assert len(read(world, "session", "list", *words)) == count, words
    return listed


def one_session(world, session):
    name, handle = session["session"], str(session["handle"])
    for word in (name, name.upper(), handle):
        assert read(world, "session", "show", word)["session"] == name, word
    text = told(world, "session", "show", name)
    assert re.search(r"^timeout +10\.0 s$", text, re.M) and f"handle                  {handle}" in text
    assert told(world, "session", "evict", name, "abuse report 77") == "evicted\n"
    refused(world, "session", "evict", name, text=f"{name}: not here, or ending already")
    assert json.loads(told(world, "--json", "session", "evict", handle, status=1,
                           stderr="not here")) == {"evicted": False}
    wait(connected(world, 11), 5, "one is gone")
    refused(world, "session", "show", ABSENT, text="NOT_FOUND: no such session here")
    refused(world, "session", "evict", ABSENT, text="not here")


def backends(world):
    table = rows(told(world, "backend", "list"))
    assert len(table) == 1 and table[0]["BACKEND"] == "b1" and table[0]["LANES"] == "1", table
    assert table[0]["STATE"] == "connected" and table[0]["CAPACITY"] == "1000000", table
    assert read(world, "backend", "list", "--backend", "b1")[0]["state"] == "connected"
    assert read(world, "backend", "list", "--service", "none") == []
    table = rows(told(world, "service", "list"))
    assert table[0]["SERVICE"] == "echo" and table[0]["BACKENDS"] == "1", table
    assert read(world, "service", "list")[0]["service"] == "echo"
    refused(world, "backend", "remove", "echo", "b1", text="UNAVAILABLE: it is connected")
    refused(world, "backend", "drain", "echo", "b9", text="NOT_FOUND: no backend of that")
    assert "draining" in told(world, "backend", "drain", "echo", "b1")
    assert told(world, "backend", "drain", "echo", "b1") == "draining already\n"
    assert rows(told(world, "backend", "list"))[0]["STATE"] == "draining"
    assert read(world, "backend", "remove", "echo", "b1") == {"removed": True}


def wrong(world):
    """Usage is told before a gateway is asked, and with what is near."""
    for words, text in ((("sesion", "list"), "no such command: sesion; did you mean session?"),
                        (("session", "lst"), "did you mean session list?"),
                        (("evict", ABSENT), "did you mean session evict?"),
                        (("session",), "there is session list, session show, session evict"),
                        (("session", "list", "--stat", "x"), "did you mean --state?"),
                        (("session", "list", "A", "--state", "B"), "a state twice"),
                        (("session", "show"), "SESSION|HANDLE is missing"),
                        (("session", "show", "xyz"), "neither 32 hex digits nor a handle: xyz"),
                        (("session", "list", "--limit", "0"), "--limit: a number from 1"),
                        (("events", "sesion.ended"), "did you mean session.ended?"),
                        (("events", "xyzzy"), "no such kind of event: xyzzy"),
                        (("stats", "--watch", "0"), "0.1 to 3600 seconds are wanted, not 0"),
                        (("drain", "soon"), "a number of milliseconds, not soon"),
                        ((), "no command")):
        refused(world, *words, status=2, text=text)
    refused(world, "session", "list", "ASLEEP", text="INVALID_PARAMS: state")
    refused(world, "events", "--from", "99999999", text="INVALID_PARAMS: from")
    refused(world, "--socket", world.log("none.sock"), "info", status=3, text="no gateway at")


def outputs(world):
    """A reader that has enough is no failure; a stdout that cannot be written is one."""
    command = f"{world.program('holdfastctl')} --socket {world.log('control.sock')} "
    for words in ("session list", "--json session list", "stats", "config keys", "events"):
        done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}{words} | true"],
                              check=False, capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == "", (words, done)
    for target, reason in (("/dev/full", "No space left"), ("&-", "Bad file descriptor")):
        done = subprocess.run(["bash", "-c", f"{command}session list >{target}"], check=False,
                              capture_output=True, text=True)
        assert done.returncode == 1 and reason in done.stderr, (target, done)
    wide = terminal(world, "session", "list", "--limit", "2", columns=200)
    assert "\x1b[1mSESSION" in wide and "\x1b[32mCONNECTED\x1b[0m" in wide and "AGE" in wide, wide
    for columns in (80, 60, 20):
        narrow = terminal(world, "session", "list", "--limit", "2", columns=columns, NO_COLOR="1")
        assert "\x1b" not in narrow and "SESSION" in narrow and "AGE" not in narrow, narrow
        assert max(len(line) for line in narrow.splitlines()) <= columns, narrow
    assert "\x1b" not in told(world, "session", "list")


def test_commands(build):
    with World(build) as world:
        load = world.load("--sessions", 12, "--duration", 60, "--rate", 5)
        wait(connected(world, 12), 10, "all are connected")
        listed = sessions_listed(world)
        outputs(world)
        wrong(world)
        info = read(world, "info")
        assert info["state"] == "running" and info["workers"] == 1, info
        assert re.search(r"^state +running$", told(world, "info"), re.M)
        assert re.search(r"^  sessions_created +12$", told(world, "stats"), re.M)
        assert read(world, "stats")["counters"]["sessions_created"] == 12
        created = re.compile(r"^holdfast_sessions_created_total(\{.*\})? 12$", re.M)
        assert created.search(told(world, "metrics"))
        assert created.search(read(world, "metrics")["text"])
        assert re.match(r"holdfastctl \d+\.\d+\.\d+, control interface 1\n", told(world, "version"))
        assert read(world, "version")["version"] == 1
        assert read(world, "config", "get", "session.grace_ms")[0]["value"] == "60000"
        assert "session list" in told(world, "--help") and "--idle MS" in told(world, "session",
                                                                               "list", "--help")
        one_session(world, listed[0])
        backends(world)
        ended(load)
        assert read(world, "drain", "0")["started"], "drain begins"
        world.gateway.wait(20)
        refused(world, "info", status=3, text="no gateway at")


def test_shutdown(build):
    with World(build) as world:
        assert re.match(r"started +true\n", told(world, "shutdown", "100"))
        assert world.gateway.wait(20) == 0


def test_events(build):
    with World(build) as world:
        load = world.load("--sessions", 5, "--duration", 60, "--rate", 5)
        wait(connected(world, 5), 10, "all are connected")
        kept = [json.loads(line) for line in told(world, "--json", "events").splitlines()]
        assert [event["offset"] for event in kept] == list(range(len(kept))), kept
        assert sum(event["kind"] == "session.connected" for event in kept) == 5, kept
        assert len(rows(told(world, "events"))) == len(kept)
        assert len(rows(told(world, "events", "session.connected", "backend"))) == 6
        assert rows(told(world, "events", "--from", str(len(kept)))) == []
        table = begin(world, "events", "--follow", "session.ended")
        lines = begin(world, "--json", "events", "--follow")
        again = begin(world, "--json", "events", "--follow", "--from", "0", "gateway")
        wait(lambda: world.call("stats.get")["counters"]["control_subscriptions"] == 7, 5,
             "all subscribed")
        victim = world.call("session.list")["sessions"][0]["session"]
        assert told(world, "session", "evict", victim) == "evicted\n"
        wait(connected(world, 4), 5, "one is gone")
        time.sleep(0.2)  # an event is told within 5 ms
        seen = rows(end(table))
        assert len(seen) == 1 and seen[0]["KIND"] == "session.ended", seen
        assert victim in seen[0]["WHAT"] and "reason evicted" in seen[0]["WHAT"], seen
        seen = [json.loads(line) for line in end(lines, signal.SIGTERM).splitlines()]
        assert [event["session"] for event in seen if event["kind"] == "session.ended"] == [victim]
        states = [json.loads(line) for line in end(again).splitlines()]
        assert [event["state"] for event in states] == ["running"], states
        follower = begin(world, "events", "--follow")
        wait(lambda: world.call("stats.get")["counters"]["control_subscriptions"] == 8, 5, "it is")
        ended(load)
        world.gateway.kill()
        _, err = follower.communicate(timeout=10)
        assert follower.returncode == 3 and "closed the connection" in err, (follower, err)


def test_gap(build):
    """What the ring does not have any more is told, not passed over."""
    with World(build, more="[limits]\nevents = 64\n") as world:
        load = world.load("--sessions", 60, "--duration", 60, "--rate", 1)
        wait(connected(world, 60), 10, "all are connected")
        first = [json.loads(line) for line in told(world, "--json", "events").splitlines()]
        assert len(first) == 64 and "gap" not in first[0], first[0]
        lines = [json.loads(line)
                 for line in told(world, "--json", "events", "--from", "3").splitlines()]
        assert lines[0] == {"gap": {"from": 3, "to": lines[1]["offset"]}}, lines[:2]
        assert len(lines) == 65, len(lines)
        text = told(world, "events", "--from", "3").splitlines()
        assert text[1].startswith("gap: ") and "from offset 3, were overwritten" in text[1], text[1]
        ended(load)


def block_rate(block):
    """Total and rate of forwarded frames in a block of text, and the seconds of the rate."""
    total = re.search(r"^  forwarded +(\d+)(?: +(\d+\.\d))?$", block, re.M)
    seconds = re.search(r", rates over (\d+\.\d) s$", block, re.M)
    return int(total[1]), float(total[2] or 0), float(seconds[1]) if seconds else 0


def test_watch(build):
    """Rates fit the traffic: 20 sessions, 20 messages a second each, echoed."""
    with World(build) as world:
        load = world.load("--sessions", 20, "--duration", 60, "--rate", 20)
        wait(connected(world, 20), 10, "all are connected")
        first = world.call("stats.get")["counters"]["forwarded"]
        watch, text = begin(world, "--json", "stats", "--watch"), begin(world, "stats", "--watch=1")
        time.sleep(3.5)
        samples = [json.loads(line) for line in end(watch).splitlines()]
        blocks = [block_rate(block) for block in end(text).split("\n\n")]
        last = world.call("stats.get")["counters"]["forwarded"]
        ended(load)
    assert samples[0]["counter_rates"] is None and samples[0]["seconds"] is None, samples[0]
    assert len(samples) > 2 and len(blocks) > 2, (len(samples), len(blocks))
    seconds = sum(sample["seconds"] for sample in samples[1:])
    counts = [sample["counters"]["forwarded"] for sample in samples]
    assert first <= counts[0] < counts[-1] <= last, (first, counts, last)
    rated = sum(sample["counter_rates"]["forwarded"] * sample["seconds"] for sample in samples[1:])
    assert abs(rated - (counts[-1] - counts[0])) < 1, (rated, counts)
    # Each message is forwarded twice: 800 frames a second, and acknowledgements. Fewer where the
    # machine does not keep up.
    assert 200 < rated / seconds < 2000, (rated, seconds)
    assert "drop_rates" in samples[1] and "sessions_connected" in samples[1]["gauges"]
    assert first <= blocks[0][0] and blocks[0][1:] == (0, 0), blocks
    counted = blocks[-1][0] - blocks[0][0]
    rated = sum(rate * seconds for _, rate, seconds in blocks)
    assert 0.8 < rated / counted < 1.2, blocks


COMPLETE = """
. "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_holdfastctl
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(program, *words):
    done = subprocess.run(["bash", "-c", COMPLETE, "bash", os.path.join(SCRIPTS, "holdfastctl.bash"),
                           program, *words], check=True, capture_output=True, text=True)
    assert done.stderr == "", done
    return set(done.stdout.split("\n")) - {""}


def test_completion(build):
    with World(build) as world:
        load = world.load("--sessions", 5, "--duration", 60, "--rate", 5)
        wait(connected(world, 5), 10, "all are connected")
        program, there = world.program("holdfastctl"), ("--socket", world.log("control.sock"))
        nouns = completed(program, "")
        assert {"session", "backend", "events", "config", "version"} <= nouns, nouns
        assert completed(program, "se") == {"session", "service"}
        assert completed(program, "session", "") == {"list", "show", "evict"}
        assert completed(program, "session", "list", "--s") == {"--state", "--service", "--socket"}
        assert completed(program, "session", "list", "--state", "DE") == {"DETACHED"}
        assert completed(program, "session", "list", "--state", "=", "C") == {"CONNECTED", "CLOSING"}
        assert "session.ended" in completed(program, "events", "--follow", "session.")
        ids = {session["session"] for session in world.call("session.list")["sessions"]}
        assert completed(program, *there, "session", "show", "") == ids
        one = sorted(ids)[0]
        assert completed(program, *there, "session", "evict", one[:31]) == {one}
        assert completed(program, *there, "backend", "drain", "") == {"echo"}
        assert completed(program, *there, "backend", "drain", "echo", "") == {"b1"}
        assert completed(program, *there, "backend", "drain", "other", "") == set()
        assert completed(program, *there, "session", "list", "--backend", "") == {"b1"}
        assert completed(program, *there, "config", "get", "session.g") == {"session.grace_ms"}
        found = completed(program, "config", "check", world.log("gateway."))
        assert found == {world.log("gateway.conf"), world.log("gateway.log")}, found
        # None runs there: nothing, and no word about it.
        assert completed(program, "--socket", world.log("none"), "session", "show", "") == set()
        # What the shell would run is neither run nor offered.
        stub, trace = world.log("stub"), world.log("ran")
        with open(stub, "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\nprintf 'SERVICE\\n$(touch%s{trace})\\n`id`\\ngood\\n' '${{IFS}}'\n")
        os.chmod(stub, 0o755)
        assert completed(stub, "service", "") == {"list"}
        assert completed(stub, "backend", "drain", "") == {"good"}
        assert not os.path.exists(trace)
        ended(load)


def main():
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        return 77
    globals()["test_" + sys.argv[2]](os.path.abspath(sys.argv[1]))
    print("ok", sys.argv[2])
    return 0


if __name__ == "__main__":
    sys.exit(main())
