#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What is counted is the same for whoever reads it: stats.get, Prometheus, DPDK's telemetry.

Each test_* function is one reader in a world of its own. usage: test_metrics.py BUILD_FOLDER NAME
"""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import scrape  # noqa: E402
from world import World, wait  # noqa: E402

LISTEN = "127.0.0.1:9464"
METRICS = f"\n[metrics]\nlisten = {LISTEN}\n"
DASHBOARD = os.path.join(HERE, "..", "..", "scripts", "grafana-dashboard.json")
PROMETHEUS = """
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: holdfast
    static_configs:
      - targets: ['{listen}']
"""
ALONE = """[gateway]
control = {folder}/control.sock
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


def http(world):
    return scrape.fetch(world.name("g"), f"http://{LISTEN}/metrics").decode()


def ctl(world):
    told = world.control("metrics")
    assert told.returncode == 0, told.stderr
    return told.stdout


def family(name, series):
    """The family of a counter of stats.get, and by what its numbers are to be multiplied."""
    for end, parts in (("_ms", 1000), ("_us", 1_000_000)):
        if name.endswith(end):
            return f"holdfast_{name[:-3]}_seconds_total", parts
    found = [f"holdfast_{name}{unit}_total" for unit in ("", "_packets", "_frames")]
    found = [one for one in found if any(key[0] == one for key in series)]
    assert len(found) == 1, (name, found)
    return found[0], 1


def flat(stats, series):
    """stats.get as {series of the text: number}, for what only grows."""
    told = {}
    for worker, own in enumerate(stats["workers"]):
        for name, value in own["counters"].items():
            name, scale = family(name, series)
            told[name, (("worker", str(worker)),)] = value / scale
        for reason, value in own["drops"].items():
            told["holdfast_dropped_packets_total",
                 (("reason", reason), ("worker", str(worker)))] = value
    for name, value in stats["counters"].items():
        if name.startswith("control_"):
            name, scale = family(name, series)
            told[name, ()] = value / scale
    for code, value in stats["refused"].items():
        told["holdfast_control_refused_handshakes_total", (("code", code),)] = value
    for name, histogram in stats["histograms"].items():
        name, below = f"holdfast_{name}_seconds", 0
        for bound, count in zip(histogram["bounds_us"], histogram["counts"]):
            below += count
            told[f"{name}_bucket", (("le", f"{bound / 1e6:g}"),)] = below
        told[f"{name}_bucket", (("le", "+Inf"),)] = sum(histogram["counts"])
        told[f"{name}_count", ()] = sum(histogram["counts"])
        told[f"{name}_sum", ()] = histogram["sum_us"] / 1e6
    return told


def grows(key):
    return re.search(r"_(total|bucket|count|sum)$", key[0]) is not None


def test_text(build):
    """Texts lie between what stats.get said before and after; series stay; nothing goes back."""
    with World(build, workers=2, more=METRICS) as world:
        load = world.load("--sessions", 40, "--duration", 8, "--rate", 50)
        wait(lambda: world.call("stats.get")["gauges"]["sessions_connected"] == 40, 20, "connected")
        texts, last = [], None
        for read in (http, ctl, http, ctl):
            before = world.call("stats.get")
            text = read(world)
            after = world.call("stats.get")
            series = scrape.parse(text)
            before, after = flat(before, series), flat(after, series)
            assert before.keys() == {key for key in series if grows(key)}
            for key, low in before.items():
                # The text rounds nothing, but a float of seconds is not exact.
                assert low - 1e-9 <= series[key] <= after[key] + 1e-9, (key, low, series[key])
                assert last is None or last[key] <= series[key], key
            assert last is None or last.keys() == series.keys()
            assert series["holdfast_sessions", (("state", "CONNECTED"),)] == 40
            texts.append(re.sub(r" [0-9.]+$", " N", text, flags=re.M))
            last = series
        assert len(set(texts)) == 1, "HTTP and holdfastctl differ in more than numbers"
        verdict = world.verdict(load)
        assert verdict["good"], verdict
        assert last["holdfast_handshake_duration_seconds_count", ()] == 40
        world.quiet()
        # What is about sessions and their frames stands still now: the same bytes.
        still = re.compile(r"^holdfast_(?:sessions|forwarded|replayed|cached|chunks|handshake)[^#]*",
                           re.M)
        texts = [still.findall(read(world)) for read in (http, ctl)]
        assert texts[0] == texts[1] and len(texts[0]) >= 10, texts


def test_timings(build):
    """Resumes, heartbeats of lanes and ticks are measured as what they are."""
    with World(build, workers=2, timeout_ms=2500) as world:
        load = world.load("--sessions", 20, "--duration", 8, "--rate", 5)

        def measured():
            told = world.call("stats.get")["histograms"]
            return {name: sum(one["counts"]) for name, one in told.items()}
        wait(lambda: measured()["handshake_duration"] == 20, 20, "handshakes")
        assert measured()["resume_duration"] == 0
        load.send_signal(signal.SIGUSR1)
        wait(lambda: measured()["resume_duration"] >= 20, 20, "resumes")
        wait(lambda: measured()["lane_round_trip"] > 0, 20, "a lane's heartbeat")
        wait(lambda: measured()["control_tick_duration"] > 100, 20, "ticks")
        assert world.verdict(load)["good"]
        stats = world.call("stats.get")
        assert measured()["handshake_duration"] == stats["counters"]["sessions_connected"] == 20
        assert measured()["resume_duration"] == stats["counters"]["sessions_resumed"]
        world.quiet()


def test_listener(build):
    """Who asks badly is told so and harms nobody; what cannot be listened on is said clearly."""
    with World(build, more=METRICS) as world:
        load = world.load("--sessions", 20, "--duration", 6, "--rate", 20)
        idle = world.start("g", sys.executable, "-c", f"""
import socket, time
idle = [socket.create_connection(("127.0.0.1", 9464)) for _ in range(40)]
time.sleep(60)
""")
        wait(lambda: world.call("stats.get")["counters"]["control_scrapes_refused"] >= 30, 10,
             "connections beyond the limit are closed")
        # Idle ones are closed in their turn, and there is room again.
        wait(lambda: subprocess.run(
            ["ip", "netns", "exec", world.name("g"), sys.executable, "-c", scrape.FETCH,
             f"http://{LISTEN}/metrics"], check=False, capture_output=True).returncode == 0,
            15, "a scrape after the idle ones")
        idle.terminate()
        assert world.verdict(load)["good"]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "second.conf")

            def refused(more):
                with open(path, "w", encoding="ascii") as file:
                    file.write(ALONE.format(folder=folder) + more)
                second = subprocess.run(["ip", "netns", "exec", world.name("g"),
                                         world.program("holdfastd"), "--config", path],
                                        check=False, capture_output=True, text=True, timeout=60)
                assert second.returncode == 1, second
                return second.stderr
            said = refused(METRICS)
            assert f"listen = {LISTEN}: Address already in use; choose another" in said, said
            said = refused("[metrics]\nlisten = 0.0.0.0:9465\n")
            assert "public = yes" in said and "second.conf" in said, said
            said = refused("[metrics]\nlisten = 9464\n")
            assert "as in 127.0.0.1:9464" in said, said
        world.quiet()


# ---- Telemetry ---------------------------------------------------------------------------------

def telemetry(pid, *commands, base="/var/run"):
    """Answers of DPDK's telemetry: by its own program, or by its protocol where that is missing."""
    prefix = f"holdfast{pid}"
    program = shutil.which("dpdk-telemetry.py")
    if program is not None:
        told = subprocess.run([program, "-f", prefix], input="\n".join(commands) + "\n", text=True,
                              env=dict(os.environ, RUNTIME_DIRECTORY=base), check=True,
                              capture_output=True, timeout=20)
        answers = [json.loads(line) for line in told.stdout.splitlines()]
    else:
        answers = []
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asked:
            asked.settimeout(20)
            asked.connect(f"{base}/dpdk/{prefix}/dpdk_telemetry.v2")
            asked.recv(1024)
            for command in commands:
                asked.send(command.encode())
                answers.append(json.loads(asked.recv(16384)))
    assert len(answers) == len(commands), answers
    return [answer[command.split(",")[0]] for answer, command in zip(answers, commands)]


def test_telemetry(build):
    with World(build, workers=2) as world:
        pid = world.gateway.pid
        load = world.load("--sessions", 30, "--duration", 6, "--rate", 50)
        wait(lambda: world.call("stats.get")["gauges"]["sessions_connected"] == 30, 20, "connected")
        for worker in (None, 0, 1):
            before = world.call("stats.get")
            told, = telemetry(pid, "/holdfast/stats" + (f",{worker}" if worker is not None else ""))
            after = world.call("stats.get")
            if worker is not None:
                before, after = before["workers"][worker], after["workers"][worker]
            for name, low in before["counters"].items():
                if not name.startswith("control_"):
                    assert low <= told[name] <= after["counters"][name], name
            for name, low in before["drops"].items():
                assert low <= told[f"drop_{name}"] <= after["drops"][name], name
        states, = telemetry(pid, "/holdfast/sessions")
        assert states == {"OPENING": 0, "CONNECTED": 30, "DETACHED": 0, "CLOSING": 0}, states
        for known in world.call("session.list", limit=5)["sessions"]:
            by_handle, by_id = telemetry(pid, f"/holdfast/session,{known['handle']}",
                                         f"/holdfast/session,{known['session']}")
            for one in (by_handle, by_id):
                for key in ("session", "handle", "state", "epoch", "owner", "path"):
                    assert one[key] == known[key], (key, one, known)
                assert one["channel0_service"] == "echo" and one["channel0_backend"] == "b1", one
        gone = telemetry(pid, "/holdfast/session,1", "/holdfast/session,x", "/holdfast/stats,2")
        assert gone == [None, None, None], gone
        # A second gateway beside it, as an ordinary user, and one that finds no place for a socket.
        with tempfile.TemporaryDirectory() as folder:
            os.chown(folder, 65534, 65534)
            beside(world, folder, ["setpriv", "--reuid", "65534", "--regid", "65534",
                                   "--clear-groups", "--inh-caps=-all"], folder)
            beside(world, folder, [], "/proc")
        assert telemetry(pid, "/holdfast/stats")[0]["received"] > 0
        assert world.verdict(load)["good"]
        world.quiet()
    assert not os.path.exists(f"/var/run/dpdk/holdfast{pid}")


def beside(world, folder, run_as, base):
    """Starts a gateway that keeps to itself; looks whether base is good for telemetry; stops it."""
    path = os.path.join(folder, "alone.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(ALONE.format(folder=folder))
    log = os.path.join(folder, "log")
    with open(log, "w", encoding="ascii") as errors:
        # The build folder may be closed to others: the program is handed over open.
        program = os.open(world.program("holdfastd"), os.O_RDONLY)
        process = subprocess.Popen([*run_as, f"/proc/self/fd/{program}", "--config", path],
                                   stderr=errors, pass_fds=(program,),
                                   env=dict(os.environ, RUNTIME_DIRECTORY=base))
        os.close(program)
    try:
        def ready():
            with open(log, encoding="utf-8") as file:
                said = file.read()
            assert process.poll() is None, said
            return " ready: " in said
        wait(ready, 20, "the second gateway")
        if base == "/proc":
            assert not os.path.exists(f"/var/run/dpdk/holdfast{process.pid}/dpdk_telemetry.v2")
        else:
            states, stats = telemetry(process.pid, "/holdfast/sessions", "/holdfast/stats",
                                      base=base)
            assert states["CONNECTED"] == 0 and stats["forwarded"] == 0, (states, stats)
    finally:
        process.terminate()
        process.wait(20)
    assert process.returncode == 0, process.returncode
    assert not os.path.exists(f"{base}/dpdk/holdfast{process.pid}")


# ---- Prometheus --------------------------------------------------------------------------------

def expressions():
    """(panel, expression) of the dashboard, its variables replaced as Grafana would."""
    with open(DASHBOARD, encoding="utf-8") as file:
        dashboard = json.load(file)
    found = [(panel["title"], target["expr"])
             for panel in dashboard["panels"] for target in panel.get("targets", ())]
    return [(title, expr.replace("$__rate_interval", "5s").replace("$instance", ".*"))
            for title, expr in found]


def test_prometheus(build):
    """A Prometheus server takes what it is told, and answers every question of the dashboard."""
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        print("skipped: no prometheus here; scripts/setup installs it")
        sys.exit(77)
    with World(build, workers=2, more=METRICS) as world:
        good = subprocess.run(["promtool", "check", "metrics"], input=ctl(world), text=True,
                              check=False, capture_output=True, timeout=60)
        assert good.returncode == 0 and not good.stdout and not good.stderr, good
        with open(world.log("prometheus.yml"), "w", encoding="ascii") as file:
            file.write(PROMETHEUS.format(listen=LISTEN))
        with open(world.log("prometheus.log"), "w", encoding="ascii") as log:
            world.start("g", "prometheus", "--config.file", world.log("prometheus.yml"),
                        "--storage.tsdb.path", world.log("data"),
                        "--web.listen-address", "127.0.0.1:9090", stderr=log, stdout=log)
        load = world.load("--sessions", 50, "--duration", 20, "--rate", 20)

        def ask(expr):
            told = subprocess.run(["ip", "netns", "exec", world.name("g"), "promtool", "query",
                                   "instant", "-o", "json", "http://127.0.0.1:9090", expr],
                                  check=False, capture_output=True, text=True, timeout=60)
            return json.loads(told.stdout) if told.returncode == 0 else None

        def number(expr):
            told = ask(expr)
            return float(told[0]["value"][1]) if told else 0
        wait(lambda: number("up") == 1, 30, "up")
        wait(lambda: number('holdfast_sessions{state="CONNECTED"}') == 50, 30, "sessions")
        wait(lambda: number("min_over_time(up[5s])") == 1, 30, "never down")
        wait(lambda: number("sum(rate(holdfast_forwarded_frames_total[5s]))") > 100, 30, "rates")
        low = sum(w["counters"]["received"] for w in world.call("stats.get")["workers"])
        wait(lambda: number("sum(holdfast_received_packets_total)") >= low, 30, "counters")
        assert number("sum(holdfast_received_packets_total)") <= sum(
            w["counters"]["received"] for w in world.call("stats.get")["workers"])
        assert number("count(resets(holdfast_received_packets_total[1m]) > 0)") == 0
        for title, expr in expressions():
            told = ask(expr)
            assert told is not None, (title, expr)
            # What is only there in trouble may be absent; the rest has an answer.
            assert told or "> 0" in expr, (title, expr)
        assert world.verdict(load)["good"]


def main():
    build, name = sys.argv[1:]
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        sys.exit(77)
    globals()["test_" + name](build)


if __name__ == "__main__":
    main()
