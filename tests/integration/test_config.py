#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What an operator changes while the gateway runs, and what he is told.

Each test_* function is one behaviour in a world of its own. usage: test_config.py BUILD_FOLDER NAME
"""
import json
import os
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from world import World, wait  # noqa: E402


def good(verdict):
    assert verdict["good"], verdict
    assert verdict["lost"] == verdict["doubled"] == verdict["damaged"] == 0, verdict
    assert verdict["delivered"] == verdict["sent"] > 0, verdict
    return verdict


def connected(world, count):
    return lambda: world.call("stats.get")["gauges"]["sessions_connected"] == count


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def edit(world, old, new):
    text = read(world.log("gateway.conf"))
    assert old in text, text
    with open(world.log("gateway.conf"), "w", encoding="ascii") as file:
        file.write(text.replace(old, new))


def lines(world, text):
    return [line for line in read(world.log("gateway.log")).splitlines() if text in line]


def value(world, key):
    return world.call("config.get", key=key)["keys"][0]


def refused(world, *words, status=1, text):
    told = world.control(*words)
    assert told.returncode == status and text in told.stderr and not told.stdout, (words, told)


def test_sighup_under_load(build):
    """Limits change under traffic, again and again; nothing is lost, and the new limit holds."""
    with World(build, workers=2) as world:
        load = world.load("--sessions", 100, "--duration", 8, "--rate", 50)
        wait(connected(world, 100), 10, "all are connected")
        before = world.call("stats.get")["counters"]["forwarded"]
        for limit in range(20000, 20040, 2):
            edit(world, f"new_per_source = {limit}", f"new_per_source = {limit + 2}")
            world.gateway.send_signal(signal.SIGHUP)
            wait(lambda: value(world, "limits.new_per_source")["value"] == str(limit + 2), 5,
                 "the limit is in force")
        edit(world, "new_per_source = 20040", "new_per_source = 5")
        world.gateway.send_signal(signal.SIGHUP)
        wait(lambda: lines(world, "limits.new_per_source: 20040 -> 5"), 5, "the log tells it")
        assert world.call("stats.get")["counters"]["forwarded"] > before
        good(world.verdict(load))
        # Twenty at once from one address: five a second.
        good(world.verdict(world.load("--sessions", 20, "--messages", 5, "--rate", 10)))
        assert lines(world, "refused: OVERLOADED"), read(world.log("gateway.log"))
        assert len(lines(world, "configuration read anew")) == 21
        world.quiet()


def test_broken_file(build):
    with World(build) as world:
        before = world.call("config.get")
        edit(world, "grace_ms = 60000", "grace_ms = 5\ngrace = 6")
        refused(world, "config", "reload",
                text='INVALID_CONFIG: ' + world.log("gateway.conf") + ':16: [session] has no key "grace"; did you mean grace_ms?')
        world.gateway.send_signal(signal.SIGHUP)
        wait(lambda: len(lines(world, "reload refused, nothing is changed")) == 2, 5, "it is logged")
        assert world.call("config.get") == before
        os.remove(world.log("gateway.conf"))
        refused(world, "config", "reload", text="No such file")
        assert world.call("config.get") == before
        good(world.verdict(world.load("--sessions", 5, "--messages", 10, "--rate", 20)))


def test_set(build):
    """A new session sees it, an old one does not; a dead key is refused; a reload puts it back."""
    with World(build) as world:
        first = world.load("--sessions", 1, "--duration", 6, "--rate", 10)
        wait(connected(world, 1), 10, "one is connected")
        told = world.control("config", "set", "session.timeout_ms", "7000")
        assert told.returncode == 0 and "10000" in told.stdout and "7000" in told.stdout, told
        second = world.load("--sessions", 1, "--duration", 4, "--rate", 10)
        wait(connected(world, 2), 10, "two are connected")
        sessions = [world.call("session.get", handle=session["handle"])
                    for session in world.call("session.list")["sessions"]]
        assert sorted(session["timeout_ms"] for session in sessions) == [7000, 10000], sessions
        assert value(world, "session.timeout_ms") == {
            "key": "session.timeout_ms", "value": "7000", "default": "10000", "source": "set",
            "live": True}
        refused(world, "config", "set", "session.max", "5",
                text="RESTART_NEEDED: session.max needs a restart: change it in "
                f"{world.log('gateway.conf')} and restart")
        refused(world, "config", "set", "session.timout_ms", "5", text="did you mean timeout_ms?")
        refused(world, "config", "set", "session.timeout_ms", "5", text="from 100 to 300000")
        refused(world, "config", "set", "session.timeout_ms", status=2, text="VALUE is missing")
        refused(world, "config", "get", "no.key", text="NOT_FOUND")
        told = json.loads(world.control("--json", "config", "reload").stdout)
        assert told == {"changed": [{"key": "session.timeout_ms", "old": "7000", "new": "10000",
                                     "was_set": True}], "pending": []}, told
        good(world.verdict(first))
        good(world.verdict(second))


def test_restart_wanted(build):
    with World(build) as world:
        edit(world, "max = 20000", "max = 21000")
        told = world.control("config", "reload")
        assert told.returncode == 0 and "nothing has changed" in told.stdout, told
        assert "AFTER A RESTART" in told.stdout and "21000" in told.stdout, told
        assert value(world, "session.max")["pending"] == "21000"
        assert value(world, "session.max")["value"] == "20000"
        table = world.control("config", "get").stdout.splitlines()
        row = [line for line in table if line.startswith("session.max ")][0]
        assert "20000" in row and "pending: 21000" in row, row
        world.gateway.send_signal(signal.SIGTERM)
        assert world.gateway.wait(20) == 0
        world.start("g", world.program("holdfastd"), "--config", world.log("gateway.conf"),
                    stderr=subprocess.DEVNULL)
        wait(lambda: world.call("hello"), 20, "it is there again")
        assert "pending" not in value(world, "session.max")
        assert value(world, "session.max")["value"] == "21000"


def test_services(build):
    """One comes, is served, is kept while it is, and goes."""
    with World(build) as world:
        with open(world.log("gateway.conf"), "a", encoding="ascii") as file:
            file.write("[service chat]\nbackends = c1\n")
        told = json.loads(world.control("--json", "config", "reload").stdout)
        assert [change["key"] for change in told["changed"]] == [
            "service.chat.backends", "service.chat.lost"], told
        backend = world.start("b", world.program("holdfast-echo"), "--gateway", "192.0.2.10",
                              "--service", "chat", "--name", "c1", stdout=subprocess.DEVNULL)
        wait(lambda: len(world.call("backend.list", service="chat")["backends"]) == 1, 10, "c1")
        wait(lambda: world.call("backend.list", service="chat")["backends"][0]["state"] ==
             "connected", 10, "c1 is connected")
        good(world.verdict(world.load("--service", "chat", "--sessions", 5, "--messages", 10,
                                      "--rate", 20)))
        edit(world, "[service chat]\nbackends = c1\n", "")
        refused(world, "config", "reload", text="[service chat] is missing, but backend c1 is")
        backend.terminate()
        backend.wait(10)
        wait(lambda: world.control("config", "reload").returncode == 0, 20, "chat may go")
        assert [service["service"] for service in world.call("service.list")["services"]] == ["echo"]
        good(world.verdict(world.load("--sessions", 5, "--messages", 10, "--rate", 20)))
        world.quiet()


def test_check(build):
    """No gateway is needed to look at a file; both programs say the same."""
    with tempfile.TemporaryDirectory(prefix="holdfast-config-") as folder:
        path = os.path.join(folder, "gw.conf")
        text = ("[port p0]\ndevice = net_null0\naddresses = 192.0.2.10/24\n[backend]\n"
                "listen = 192.0.2.10\nfrom = 10.0.0.0/8\n[session]\ntimeout_ms = 4000\n"
                "[service lonely]\n[replay]\nmemory = 1024G\n[gateway]\nworkers = 16\n")

        def programs(*words):
            for program in (["holdfastd", "--config", path, "--check"],
                            ["holdfastctl", "config", "check", path]):
                yield subprocess.run([os.path.join(build, "control", program[0]), *words,
                                      *program[1:]], check=False, capture_output=True, text=True)

        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        for told in programs():
            assert told.returncode == 0, told
            assert f"timeout_ms = 4000 ; {path}:8" in " ".join(told.stdout.split()), told.stdout
            assert "grace_ms = 60000 ; default" in " ".join(told.stdout.split()), told.stdout
            assert "[service lonely] backends is not set" in told.stderr, told.stderr
            assert "[replay] memory: 1048576M, this machine has" in told.stderr, told.stderr
            if os.cpu_count() < 16:
                assert "workers = 16: this machine has" in told.stderr, told.stderr
        for told in programs("--json"):
            told = json.loads(told.stdout)
            assert told["good"] and len(told["warnings"]) >= 2 and told["file"] == path, told
            assert {"key": "session.timeout_ms", "value": "4000", "default": "10000", "live": True,
                    "source": f"{path}:8"} in told["keys"], told
        # What is printed is a file again.
        shown = next(programs()).stdout
        with open(path, "w", encoding="ascii") as file:
            file.write(shown)
        again = next(programs())
        assert again.returncode == 0, again
        strip = [[line.split(";")[0].rstrip() for line in text.splitlines()]
                 for text in (shown, again.stdout)]
        assert strip[0] == strip[1]
        with open(path, "w", encoding="ascii") as file:
            file.write(text.replace("timeout_ms", "timout_ms"))
        for told in programs():
            assert told.returncode == 1 and not told.stdout, told
            assert told.stderr == (f'{path}:8: [session] has no key "timout_ms"; '
                                   "did you mean timeout_ms?\n"), told
        for told in programs("--json"):
            assert told.returncode == 1 and not json.loads(told.stdout)["good"], told
            assert "did you mean" in json.loads(told.stdout)["error"], told


def main():
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        return 77
    globals()["test_" + sys.argv[2]](os.path.abspath(sys.argv[1]))
    print("ok", sys.argv[2])
    return 0


if __name__ == "__main__":
    sys.exit(main())
