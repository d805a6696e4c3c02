#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Real programs on real sockets keep their sessions when the network does not.

Each test_* function is one behaviour in a world of its own. usage: test_life.py BUILD_FOLDER NAME
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from world import CLIENT_A, CLIENT_B, World, device_that_works, wait  # noqa: E402


def good(verdict):
    assert verdict["good"], verdict
    assert verdict["lost"] == verdict["doubled"] == verdict["damaged"] == 0, verdict
    assert verdict["delivered"] == verdict["sent"] > 0, verdict
    return verdict


def connected(world, count):
    return lambda: world.call("stats.get")["gauges"]["sessions_connected"] == count


def test_echo(build):
    with World(build) as world:
        verdict = good(world.verdict(world.load("--sessions", 50, "--messages", 200, "--rate", 100)))
        assert verdict["resumes"] == 0, verdict
        world.quiet()


def test_af_xdp(build):
    if device_that_works(build) != "af_xdp":
        print("skipped: this kernel does not let DPDK have an AF_XDP device")
        sys.exit(77)
    with World(build, device="af_xdp") as world:
        good(world.verdict(world.load("--sessions", 50, "--messages", 200, "--rate", 100)))
        world.quiet()


def test_large_messages(build):
    with World(build) as world:
        good(world.verdict(world.load("--sessions", 5, "--messages", 40, "--rate", 20,
                                      "--size", 65536)))
        world.quiet()


def test_ping(build):
    with World(build) as world:
        ping = world.start("c", world.program("holdfast-ping"), "--gateway", "192.0.2.10", "--count",
                           "20", "--interval", "20", "--json", stdout=subprocess.PIPE, text=True)
        out, _ = ping.communicate(timeout=30)
        told = json.loads(out)
        assert ping.returncode == 0 and told["sent"] == told["received"] == 20, told
        assert 0 < told["min_ms"] <= told["p50_ms"] <= told["max_ms"], told
        world.quiet()


def test_link_pulled(build):
    with World(build, timeout_ms=2000) as world:
        load = world.load("--sessions", 100, "--duration", 14, "--rate", 10)
        wait(connected(world, 100), 10, "all are connected")
        world.link("a", "down")
        wait(lambda: world.call("stats.get")["gauges"]["sessions_detached"] == 100, 8, "detached")
        world.link("a", "up")
        wait(connected(world, 100), 15, "all are back")
        verdict = good(world.verdict(load))
        assert verdict["resumes"] >= 100, verdict
        world.quiet()


def test_gateway_link_pulled(build):
    with World(build, timeout_ms=2000) as world:
        load = world.load("--sessions", 50, "--duration", 14, "--rate", 10)
        wait(connected(world, 50), 10, "all are connected")
        world.ip("r", "link", "set", "dev", "gateway", "down")
        wait(lambda: world.call("gateway.info")["ports"][0]["link"] == "down", 3, "link down")
        time.sleep(6)
        world.ip("r", "link", "set", "dev", "gateway", "up")
        wait(lambda: world.call("gateway.info")["ports"][0]["link"] == "up", 3, "link up")
        good(world.verdict(load))
        counters = world.call("stats.get")["counters"]
        # It was the gateway's own link: nobody's silence counted.
        assert counters["sessions_detached"] == 0, counters
        assert counters["control_backends_lost"] == 0, counters
        world.quiet()


def test_address_change(build):
    with World(build) as world:
        load = world.load("--sessions", 100, "--duration", 8, "--rate", 20,
                          bind=(CLIENT_A, CLIENT_B))
        wait(connected(world, 100), 10, "all are connected")
        load.send_signal(signal.SIGUSR1)
        wait(lambda: all(CLIENT_B in session["path"] for session in
                         world.call("session.list", limit=200)["sessions"]), 5, "all moved to B")
        verdict = good(world.verdict(load))
        assert verdict["resumes"] >= 100, verdict
        world.quiet()


def test_stop_and_continue(build):
    with World(build, timeout_ms=2000) as world:
        load = world.load("--sessions", 50, "--duration", 10, "--rate", 20)
        wait(connected(world, 50), 10, "all are connected")
        load.send_signal(signal.SIGSTOP)
        wait(lambda: world.call("stats.get")["gauges"]["sessions_detached"] == 50, 8, "detached")
        load.send_signal(signal.SIGCONT)
        good(world.verdict(load))
        world.quiet()


def test_evict(build):
    with World(build) as world:
        load = world.load("--sessions", 10, "--duration", 5, "--rate", 20)
        wait(connected(world, 10), 10, "all are connected")
        victim = world.call("session.list")["sessions"][0]["session"]
        told = world.control("session", "evict", victim, "test")
        assert told.returncode == 0, told
        verdict = world.verdict(load)
        assert verdict["good"] and verdict["evicted"] == 1, verdict
        assert (verdict["delivered"] + verdict["handed_back"] + verdict["unanswered"] ==
                verdict["sent"]), verdict
        world.quiet()


def test_gateway_killed_and_started_again(build):
    with World(build, timeout_ms=2000) as world:
        load = world.load("--sessions", 50, "--duration", 28, "--rate", 20)
        wait(connected(world, 50), 10, "all are connected")
        world.gateway.kill()
        world.gateway.wait()
        world.start_gateway()
        wait(connected(world, 50), 24, "all have new sessions")
        verdict = world.verdict(load)
        assert verdict["good"] and verdict["renewed"] == 50, verdict
        assert (verdict["delivered"] + verdict["handed_back"] + verdict["unanswered"] ==
                verdict["sent"]), f"something is silent: {verdict}"


def test_lossy_link(build):
    with World(build, loss=(5, 2, 10, 7)) as world:
        load = world.load("--sessions", 100, "--messages", 300, "--rate", 15, "--move-every", 1000,
                          bind=(CLIENT_A, CLIENT_B))
        verdict = good(world.verdict(load, 240))
        assert verdict["sent"] == 100 * 300, verdict
        assert verdict["resumes"] > 5, verdict
        world.quiet()


def test_lossy_link_full(build):
    """The whole of it: 1000 sessions, 10 000 000 messages each way. A quarter of an hour and more;
    suite `soak`."""
    with World(build, loss=(5, 2, 10, 7), grace_ms=20000) as world:
        load = world.load("--sessions", 1000, "--messages", 10000, "--rate", 12,
                          "--move-every", 1000, bind=(CLIENT_A, CLIENT_B), log=sys.stderr)
        verdict = good(world.verdict(load, 3400))
        print(json.dumps(verdict))
        print(json.dumps(world.call("stats.get")))
        assert verdict["sent"] == verdict["delivered"] == 10_000_000, verdict
        assert verdict["resumes"] > 100, verdict
        world.quiet(40)


def test_drain(build):
    """SIGTERM among live sessions: nothing ends before the deadline, nobody new comes in, all are
    told, and what is left is let go, so that clients find the next gateway."""
    with World(build, timeout_ms=2000) as world:
        load = world.load("--sessions", 30, "--duration", 32, "--rate", 20)
        wait(connected(world, 30), 10, "all are connected")
        world.gateway.terminate()
        wait(lambda: world.call("gateway.info")["state"] == "draining", 3, "draining")
        late = world.load("--sessions", 1, "--duration", 1, "--no-renew")
        time.sleep(3)
        stats = world.call("stats.get")
        assert stats["gauges"]["sessions_connected"] == 30, stats["gauges"]
        assert stats["counters"]["event_sent"] >= 60, stats["counters"]  # both ends of each
        assert stats["refused"]["DRAINING"] > 0, stats["refused"]
        assert world.gateway.wait(15) == 0
        world.start_gateway()
        wait(connected(world, 30), 24, "all have new sessions")
        verdict = world.verdict(load)
        assert verdict["good"] and verdict["renewed"] == 30, verdict
        assert (verdict["delivered"] + verdict["handed_back"] + verdict["unanswered"] ==
                verdict["sent"]), f"something is silent: {verdict}"
        world.verdict(late)


def test_second_signal(build):
    with World(build) as world:
        world.load("--sessions", 10, "--duration", 30, "--no-renew")
        wait(connected(world, 10), 10, "all are connected")
        world.gateway.terminate()
        wait(lambda: world.call("gateway.info")["state"] == "draining", 3, "draining")
        world.gateway.terminate()
        begun = time.monotonic()
        assert world.gateway.wait(10) == 0
        assert time.monotonic() - begun < 5, "the second signal did not end it at once"


def test_unknown_service(build):
    with World(build) as world:
        load = world.load("--sessions", 2, "--duration", 2, "--service", "nope")
        verdict = world.verdict(load)
        assert verdict["failed"] == 2 and load.returncode == 1, verdict


def test_backend_stopped_and_continued(build):
    with World(build) as world:
        load = world.load("--sessions", 20, "--duration", 8, "--rate", 20)
        wait(connected(world, 20), 10, "all are connected")
        world.backend.send_signal(signal.SIGSTOP)
        time.sleep(2)
        world.backend.send_signal(signal.SIGCONT)
        good(world.verdict(load))
        world.quiet()


def test_bad_configuration(build):
    sound = ("[gateway]\ncontrol = {folder}/control.sock\n[port p0]\n"
             "device = net_af_packet0,iface=nosuch0\naddresses = 192.0.2.10/24\n"
             "[service echo]\nbackends = *\n")
    cases = (("[gateway]\nworker = 2\n", ':2: [gateway] has no key "worker"; did you mean workers?'),
             ("[session]\nwindow = 63\n", ":2: window = 63: a whole number from 64 to 4096"),
             (sound, "[port p0] device = net_af_packet0,iface=nosuch0: DPDK could not make"))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "gateway.conf")
        for text, error in cases:
            with open(path, "w", encoding="ascii") as file:
                file.write(text.format(folder=folder))
            told = subprocess.run([os.path.join(build, "control/holdfastd"), "--config", path],
                                  check=False, capture_output=True, text=True, timeout=60)
            assert told.returncode == 1, told
            assert error in told.stderr.splitlines()[-1], told.stderr
        told = subprocess.run([os.path.join(build, "control/holdfastd"), "--nonsense"],
                              check=False, capture_output=True, text=True, timeout=60)
        assert told.returncode == 2, told


def test_two_backends_of_one_name(build):
    with World(build) as world:
        with open(world.log("second.log"), "w", encoding="utf-8") as log:
            second = world.start("b", world.program("holdfast-echo"), "--gateway", "192.0.2.10",
                                 "--name", "b1", stdout=log)
        wait(lambda: "refused" in open(world.log("second.log"), encoding="utf-8").read(), 10,
             "the second is refused")
        assert len(world.call("backend.list")["backends"]) == 1
        good(world.verdict(world.load("--sessions", 10, "--messages", 50, "--rate", 50)))
        second.terminate()
        world.quiet()


def main():
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        return 77
    globals()["test_" + sys.argv[2]](sys.argv[1])
    print("ok", sys.argv[2])
    return 0


if __name__ == "__main__":
    sys.exit(main())
