#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The acts of scripts/demo. usage: demo.py BUILD_FOLDER [--sessions N] [--rate R] [--json]"""
import argparse
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import CLIENT_A, CLIENT_B, World, device_that_works, wait  # noqa: E402


class Demo:
    """Prints a line a second while acts go on."""

    def __init__(self, world, sessions, quiet):
        self.world, self.sessions, self.quiet = world, sessions, quiet
        self.begun = time.monotonic()
        self.before = None
        self.act = ""

    def say(self, text):
        if not self.quiet:
            print(text, flush=True)

    def line(self):
        stats = self.world.call("stats.get")
        if stats is None:
            self.say(f"{time.monotonic() - self.begun:5.0f} s  the gateway is gone")
            return None
        gauges, counters = stats["gauges"], stats["counters"]
        before = self.before or counters
        self.before = counters
        rate = max(counters["forwarded"] - before["forwarded"], 0)
        self.say(f"{time.monotonic() - self.begun:5.0f} s  connected {gauges['sessions_connected']:4}"
                 f"  detached {gauges['sessions_detached']:4}  frames/s {rate:7}"
                 f"  resumed {counters['sessions_resumed']:5}  replayed {counters['replayed']:6}"
                 f"  drops {sum(stats['drops'].values()):6}")
        return gauges

    def title(self, text):
        self.say(f"\n-- {text}")

    def seconds(self, count):
        for _ in range(count):
            time.sleep(1)
            self.line()

    def until(self, claim, most):
        """Lines until a claim on the gauges holds; false when it does not in time."""
        for _ in range(most):
            time.sleep(1)
            gauges = self.line()
            if gauges is not None and claim(gauges):
                return True
        return False


def play(demo, load):
    """The acts. Returns what went wrong, by name."""
    world, everyone = demo.world, lambda g: g["sessions_connected"] >= demo.sessions
    wrong = []

    def expect(done, text):
        if not done:
            wrong.append(text)

    demo.title(f"{demo.sessions} clients in network A open sessions and send")
    expect(demo.until(everyone, 15), "not all sessions opened")
    demo.seconds(3)
    demo.title("the link of network A is pulled for 6 seconds (time-out: 2 s)")
    world.link("a", "down")
    demo.seconds(6)
    world.link("a", "up")
    demo.title("and back")
    expect(demo.until(everyone, 15), "not all sessions came back after the link")
    demo.seconds(1)
    demo.title("all clients move to network B: new addresses, same sessions")
    load.send_signal(signal.SIGUSR1)
    demo.seconds(4)
    expect(any(CLIENT_B in s["path"] for s in world.call("session.list", limit=5)["sessions"]),
           "the clients did not move")
    demo.title("the clients' process is stopped for 5 seconds, like a sleeping laptop")
    load.send_signal(signal.SIGSTOP)
    demo.seconds(5)
    load.send_signal(signal.SIGCONT)
    demo.title("and continued")
    expect(demo.until(everyone, 15), "not all sessions came back after the stop")
    demo.title("an operator evicts one session")
    victim = world.call("session.list", limit=1)["sessions"][0]["session"]
    told = world.control("session", "evict", victim, "demo")
    demo.say(f"     holdfastctl session evict {victim}: {told.stdout.strip()}")
    expect(told.returncode == 0, "the eviction was refused")
    demo.seconds(3)
    return wrong


def report(verdict, wrong, quiet):
    if quiet:
        return
    rows = (("messages sent", "sent"), ("delivered, echoed and checked", "delivered"),
            ("doubled", "doubled"), ("lost", "lost"), ("damaged", "damaged"),
            ("handed back (evicted session)", "handed_back"),
            ("taken, echo cut off (evicted)", "unanswered"), ("resumes", "resumes"),
            ("evicted", "evicted"), ("longest gap of a session, ms", "longest_gap_ms"))
    print("\nverdict")
    for text, key in rows:
        print(f"  {text:32} {verdict[key]:10}")
    for text in wrong:
        print(f"  WRONG: {text}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--rate", type=float, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    device = device_that_works(options.build)
    with World(options.build, device=device, timeout_ms=2000) as world:
        demo = Demo(world, options.sessions, options.json)
        demo.say(f"demo: gateway on {device}, backend and clients in namespaces {world.prefix}*")
        load = world.load("--sessions", options.sessions, "--rate", options.rate, "--duration", 600,
                          bind=(CLIENT_A, CLIENT_B))
        wrong = play(demo, load)
        demo.title("the clients stop sending and wait for what is outstanding")
        load.terminate()
        verdict = world.verdict(load)
        accounted = verdict["delivered"] + verdict["handed_back"] + verdict["unanswered"]
        if accounted != verdict["sent"]:
            wrong.append(f"{verdict['sent'] - accounted} messages are unaccounted for")
        if not verdict["good"] or verdict["evicted"] != 1:
            wrong.append("messages were lost, doubled or damaged, or the eviction was not told")
        try:
            world.quiet()
        except AssertionError as error:
            wrong.append(str(error))
    report(verdict, wrong, options.json)
    if options.json:
        print(json.dumps({**verdict, "wrong": wrong}))
    else:
        print("\nevery message exactly once and in order" if not wrong else "\nFAILED")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
