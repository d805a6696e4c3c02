#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The faults, the sampling and the verdict of scripts/soak.

usage: soak.py BUILD_FOLDER [SECONDS] [--seed N] [--sessions N] [--rate R] [--out FOLDER]

Time goes by in rounds. In each a fresh holdfast-load opens sessions, faults come one after the other
in random order, then the load ends, every message is accounted for, and the gateway must be quiet:
no session, chunk, attempt or packet left.
"""
import argparse
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import CLIENT_A, CLIENT_B, World, device_that_works, wait  # noqa: E402

LOSS = (2, 1, 3)  # percent of packets lost, doubled, reordered, each way
ROUND_SECONDS = 300
SAMPLE_SECONDS = 5
TIMEOUT_MS = 2000
CAME_BACK_SECONDS = 40
CURVES = ("resident_mib", "chunks_used", "packets_free", "sessions_connected", "sessions_detached")


class Soak:
    """One world, and what is known of it."""

    def __init__(self, world, options, out):
        self.world, self.options, self.out = world, options, out
        self.random = random.Random(options.seed)
        self.begun = time.monotonic()
        self.faults = {}  # name -> how often
        self.totals = {}  # what the verdicts of all rounds sum up to
        self.wrong = []
        self.load = None
        self.next_sample = 0
        self.load_log = open(os.path.join(out, "load.log"), "w", encoding="utf-8")
        self.samples = open(os.path.join(out, "samples.csv"), "w", encoding="ascii", newline="")
        self.table = csv.writer(self.samples)
        self.table.writerow(("seconds", *CURVES))

    def now(self):
        return time.monotonic() - self.begun

    def say(self, text):
        print(f"{self.now():7.0f} s  {text}", flush=True)

    def gauges(self):
        stats = self.world.call("stats.get")
        return stats["gauges"] if stats else None

    def sample(self):
        gauges = self.gauges()
        if gauges is None or self.now() < self.next_sample:
            return
        self.next_sample = self.now() + SAMPLE_SECONDS
        with open(f"/proc/{self.world.gateway.pid}/status", encoding="ascii") as file:
            resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
        self.table.writerow((f"{self.now():.0f}", resident // 1024,
                             *(gauges[name] for name in CURVES[1:])))
        self.samples.flush()

    def pause(self, seconds):
        until = self.now() + seconds
        while self.now() < until:
            self.sample()
            time.sleep(min(0.5, max(until - self.now(), 0)))

    def connected(self):
        gauges = self.gauges()
        self.sample()
        return gauges is not None and gauges["sessions_connected"] >= self.expected

    # Each fault ends with the cause removed.

    def link_of_network_a_pulled(self):
        self.pulled("a")

    def link_of_network_b_pulled(self):
        self.pulled("b")

    def pulled(self, name):
        self.world.link(name, "down")
        self.pause(self.random.uniform(1, 7))
        self.world.link(name, "up")

    def link_of_the_gateway_pulled(self):
        self.world.ip("r", "link", "set", "dev", "gateway", "down")
        self.pause(self.random.uniform(1, 7))
        self.world.ip("r", "link", "set", "dev", "gateway", "up")

    def all_clients_move(self):
        self.load.send_signal(signal.SIGUSR1)
        self.pause(1)

    def stopped(self, process):
        process.send_signal(signal.SIGSTOP)
        self.pause(self.random.uniform(0.5, 7))
        process.send_signal(signal.SIGCONT)

    def clients_stopped_and_continued(self):
        self.stopped(self.load)

    def backend_stopped_and_continued(self):
        self.stopped(self.world.backend)

    def gateway_stopped_and_continued(self):
        self.stopped(self.world.gateway)

    def session_evicted(self):
        sessions = self.world.call("session.list", limit=100)["sessions"]
        victim = self.random.choice(sessions)["session"]
        told = self.world.call("session.evict", session=victim, reason="soak")
        self.expected -= told["evicted"]

    def configuration_read_anew(self):
        self.world.gateway.send_signal(signal.SIGHUP)
        self.pause(1)

    def gateway_killed_and_started_again(self):
        self.world.gateway.kill()
        self.world.gateway.wait()
        self.world.start_gateway()

    def backend_killed_and_started_again(self):
        self.world.backend.kill()
        self.world.backend.wait()
        self.world.start_backend()

    KINDS = (link_of_network_a_pulled, link_of_network_b_pulled, link_of_the_gateway_pulled,
             all_clients_move, clients_stopped_and_continued, backend_stopped_and_continued,
             gateway_stopped_and_continued, session_evicted, configuration_read_anew,
             gateway_killed_and_started_again, backend_killed_and_started_again)

    def fault(self, kind):
        name = kind.__name__.replace("_", " ")
        self.say(name)
        self.faults[name] = self.faults.get(name, 0) + 1
        kind(self)
        began = self.now()
        wait(self.connected, CAME_BACK_SECONDS, f"all sessions are connected after: {name}")
        self.say(f"    all {self.expected} connected again after {self.now() - began:.1f} s")
        self.pause(self.random.uniform(1, 4))

    def round(self, seconds):
        until = self.now() + seconds
        self.expected = self.options.sessions
        self.load = self.world.load("--sessions", self.options.sessions, "--rate", self.options.rate,
                                    "--duration", 10 * ROUND_SECONDS, bind=(CLIENT_A, CLIENT_B),
                                    log=self.load_log)
        wait(self.connected, CAME_BACK_SECONDS, "all sessions are connected")
        while self.now() < until:
            kinds = list(self.KINDS)
            self.random.shuffle(kinds)
            for kind in kinds:
                if self.now() >= until:
                    break
                self.fault(kind)
        self.load.terminate()
        self.account(self.world.verdict(self.load))
        self.world.quiet(30)
        self.pause(SAMPLE_SECONDS)

    def account(self, verdict):
        unreported = verdict["sent"] - verdict["delivered"] - verdict["handed_back"] - \
            verdict["unanswered"]
        verdict["unreported"] = unreported
        for key, value in verdict.items():
            if key == "longest_gap_ms":
                self.totals[key] = max(self.totals.get(key, 0), value)
            elif isinstance(value, int) and not isinstance(value, bool):
                self.totals[key] = self.totals.get(key, 0) + value
        self.say(f"round: {json.dumps(verdict)}")
        if unreported != 0 or not verdict["good"]:
            self.wrong.append(f"a round ended with {json.dumps(verdict)}")

    def run(self):
        while self.now() < self.options.seconds:
            self.round(min(ROUND_SECONDS, self.options.seconds - self.now()))

    def finish(self):
        self.samples.close()
        self.load_log.close()
        for name in ("gateway.log", "backend.log"):
            shutil.copy(self.world.log(name), self.out)
        self.totals["seconds"] = round(self.now())
        result = {"seed": self.options.seed, "sessions": self.options.sessions,
                  "rate": self.options.rate, "loss": LOSS, "totals": self.totals,
                  "faults": self.faults, "wrong": self.wrong}
        with open(os.path.join(self.out, "result.json"), "w", encoding="ascii") as file:
            json.dump(result, file, indent=1)
        plot(self.out)
        report(result)


def plot(out):
    """Curves over time: what grows without end would show."""
    lines = ["set terminal svg size 900,720 font 'sans,11' background rgb 'white'",
             f"set output '{out}/curves.svg'", "set datafile separator ','", "set grid",
             "set key outside right", "set yrange [0:*]", "set xlabel 'seconds'",
             "set multiplot layout 3,1"]
    for title, curves in (("memory of the gateway, MiB", {2: "resident"}),
                          ("chunks and packet buffers", {3: "chunks used", 4: "buffers free"}),
                          ("sessions", {5: "connected", 6: "detached"})):
        lines.append(f"set title '{title}'")
        lines.append("plot " + ", ".join(
            f"'{out}/samples.csv' every ::1 using 1:{column} with lines lw 1.5 title '{name}'"
            for column, name in curves.items()))
    subprocess.run(["gnuplot"], input="\n".join(lines) + "\nunset multiplot\n", check=True,
                   text=True)


def report(result):
    totals = result["totals"]
    print("\nverdict")
    for text, key in (("seconds", "seconds"), ("messages sent", "sent"),
                      ("delivered, echoed and checked", "delivered"), ("doubled", "doubled"),
                      ("lost", "lost"), ("damaged", "damaged"), ("unreported", "unreported"),
                      ("handed back (lost sessions)", "handed_back"),
                      ("taken, echo cut off (lost)", "unanswered"), ("resumes", "resumes"),
                      ("new sessions after a loss", "renewed"), ("evicted", "evicted"),
                      ("longest gap of a session, ms", "longest_gap_ms")):
        print(f"  {text:36} {totals.get(key, 0):12}")
    print("\nfaults, in random order, over a link that loses, doubles and reorders "
          f"{LOSS[0]}, {LOSS[1]} and {LOSS[2]} % of the packets each way")
    for name, count in sorted(result["faults"].items()):
        print(f"  {name:36} {count:12}")
    for text in result["wrong"]:
        print(f"  WRONG: {text}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("seconds", type=int, nargs="?", default=600)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--rate", type=float, default=10)
    parser.add_argument("--out")
    options = parser.parse_args()
    out = options.out or tempfile.mkdtemp(prefix="holdfast-soak-")
    os.makedirs(out, exist_ok=True)
    device = device_that_works(options.build)
    print(f"soak: {options.seconds} s on {device}, seed {options.seed}, results in {out}")
    with World(options.build, device=device, timeout_ms=TIMEOUT_MS, workers=2,
               loss=(*LOSS, options.seed % 1000)) as world:
        soak = Soak(world, options, out)
        try:
            soak.run()
        except AssertionError as error:
            soak.wrong.append(str(error))
            soak.say(f"WRONG: {error}")
            soak.say(f"the gauges are {json.dumps(soak.gauges())}; the load "
                     f"{'ran' if soak.load.poll() is None else 'had ended'}")
        soak.finish()
    print("\nnothing lost, doubled or unreported" if not soak.wrong else "\nFAILED",
          f"(results in {out})")
    return 1 if soak.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
