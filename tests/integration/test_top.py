# SPDX-License-Identifier: BSD-3-Clause
"""holdfastctl top in a terminal made up here, and in a pipe, beside a gateway with traffic.

Each test_* function is one behaviour. usage: test_top.py BUILD_FOLDER BEHAVIOUR
"""
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
from world import World, wait  # noqa: E402

try:
    import pyte
except ImportError:
    print("skipped: no python3-pyte here; scripts/setup installs it")
    sys.exit(77)

UP, DOWN, PAGE_DOWN, ENTER, ESCAPE, TAB = "\x1b[A", "\x1b[B", "\x1b[6~", "\r", "\x1b", "\t"
SESSIONS, RATE = 60, 50
NOBODY = 65534


class Terminal:
    """A terminal of its own, and holdfastctl top in it. pyte does what TERM=linux promises; of
    xterm it does not know how lines are scrolled."""

    def __init__(self, world, *words, user=None, **environment):
        self.screen = pyte.Screen(80, 24)
        self.stream = pyte.ByteStream(self.screen)
        self.bytes = b""
        self.master, self.slave = os.openpty()
        self.size(80, 24, tell=False)
        self.modes = self.stty()
        # The folder of the build may be closed to others: the program is handed over open.
        program = os.open(world.program("holdfastctl"), os.O_RDONLY)

        def become():
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            if user is not None:
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
        self.process = subprocess.Popen(
            [f"/proc/self/fd/{program}", "--socket", world.log("control.sock"), "top", *words],
            stdin=self.slave, stdout=self.slave, stderr=self.slave, pass_fds=(program, ),
            preexec_fn=become, env={"TERM": "linux", "LC_ALL": "C.UTF-8", **environment})
        os.close(program)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None:
            print("the screen was:", *self.screen.display, sep="\n")
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def stty(self):
        return subprocess.run(["stty", "-a"], stdin=self.slave, check=True, text=True,
                              capture_output=True).stdout

    def size(self, columns, rows, tell=True):
        if tell:
            self.screen.resize(rows, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, *keys):
        for key in keys:
            os.write(self.master, key.encode())

    def read(self, seconds):
        while select.select([self.master], [], [], seconds)[0]:
            data = os.read(self.master, 65536)
            self.bytes += data
            self.stream.feed(data)
            seconds = 0

    def text(self):
        return "\n".join(self.screen.display)

    def until(self, claim, text, seconds=10):
        """Reads until claim holds; claim is a text on the screen, or a function of the screen."""
        if isinstance(claim, str):
            wanted = claim
            claim = lambda shown: wanted in shown  # noqa: E731
        until = time.monotonic() + seconds
        while True:
            found = claim(self.text())
            if found:
                return found
            assert time.monotonic() < until, f"not within {seconds} s: {text}"
            assert self.process.poll() is None, f"top has ended: {text}"
            self.read(0.05)

    def selected(self):
        """The row that is shown in reverse, besides the title."""
        for row in range(1, self.screen.lines):
            if self.screen.buffer[row][1].reverse:
                return self.screen.display[row]
        return ""

    def ended(self):
        """Exit code, once all that was written is read; the terminal must be as it was."""
        until = time.monotonic() + 10
        while self.process.poll() is None:
            assert time.monotonic() < until, "top does not end"
            self.read(0.05)
        self.read(0.05)
        assert self.stty() == self.modes
        assert self.bytes.count(b"\x1b[?1049h") == self.bytes.count(b"\x1b[?1049l"), "other screen"
        shown, hidden = self.bytes.rfind(b"\x1b[?25h"), self.bytes.rfind(b"\x1b[?25l")
        assert shown > hidden or hidden < 0, "the cursor is still hidden"
        return self.process.returncode


def figure(label, column=0):
    """Reads a number of the line that begins with label."""
    def read(text):
        for line in text.splitlines():
            found = re.match(rf"\s{{1,3}}{label}\s(.*)", line)
            if found:
                numbers = re.findall(r"(\d[\d ]*\.?\d*)(?=\s|$)", found[1].replace("  ", " | "))
                return float(numbers[column].replace(" ", "")) if len(numbers) > column else None
        return None
    return read


def traffic(world, seconds):
    load = world.load("--sessions", SESSIONS, "--duration", seconds, "--rate", RATE)
    wait(lambda: world.call("stats.get")["gauges"]["sessions_connected"] == SESSIONS, 20,
         "connected")
    return load


def measured(world, terminal, seconds):
    """Packets and Mbit a second by stats.get, while the screen is kept up to date."""
    before, begun = world.call("stats.get"), time.monotonic()
    end = begun + seconds
    while time.monotonic() < end:
        terminal.read(0.05)
    after, passed = world.call("stats.get"), time.monotonic() - begun

    def rate(name):
        return (after["counters"][name] - before["counters"][name]) / passed
    return rate("received"), rate("sent"), rate("received_bytes") * 8 / 1e6, after


def test_screen(build):
    """Figures agree with stats.get; keys lead to sessions, drops and back; every size is drawn."""
    more = "[control]\nreaders = nobody\n"
    with World(build, workers=2, more=more) as world:
        load = traffic(world, 60)
        with Terminal(world, "--interval", "0.5") as terminal:
            terminal.until(figure("in"), "a rate")
            terminal.until(lambda text: figure("in")(text) > 100, "traffic")
            packets_in, packets_out, mbit, stats = measured(world, terminal, 2)
            shown = terminal.text()
            # Both are means over a short time of traffic that is nearly even.
            assert abs(figure("in")(shown) - packets_in) < 0.3 * packets_in, (shown, packets_in)
            assert abs(figure("out")(shown) - packets_out) < 0.3 * packets_out, (shown, packets_out)
            assert abs(figure("in", 1)(shown) - mbit) < 0.3 * mbit, (shown, mbit)
            assert f"CONNECTED         {SESSIONS}" in shown and "running" in shown, shown
            drops = sum(stats["drops"].values())
            terminal.press(TAB, TAB)
            all_drops = terminal.until(lambda text: "because" in text and figure("all", 1)(text),
                                       "the drops")
            later = sum(world.call("stats.get")["drops"].values())
            assert drops <= all_drops <= later, (drops, all_drops, later)
            names = sorted(stats["drops"])
            terminal.press("s", "s")
            terminal.until(lambda text: text.find(names[0]) < text.find(names[1]) and
                           "by name" in text, "drops by name")
            terminal.press("s", TAB)
            terminal.until("SERVICE by number", "the overview again")
            keys_of_sessions(world, terminal)
            sizes(terminal)
            terminal.press("q")
            assert terminal.ended() == 0
            assert b"\x1b[31m" in terminal.bytes or b"\x1b[32m" in terminal.bytes, "no colour"
        not_allowed(world)
        load.kill()
        world.gateway.kill()  # it would wait for the sessions


def keys_of_sessions(world, terminal):
    known = {one["session"]: one for one in world.call("session.list", limit=1000)["sessions"]}
    # Enter on the one service opens its sessions.
    terminal.press(ENTER)
    terminal.until(f"sessions 1 to {SESSIONS} of echo", "the service's sessions")
    terminal.press("s", "s", "s", "s")
    terminal.until("by id", "another order")
    order = sorted(known)
    terminal.until(lambda _: terminal.selected().split()[:1] and
                   order[0].startswith(terminal.selected().split()[0]), "the first is selected")
    terminal.press(DOWN, DOWN, UP)
    terminal.until(lambda _: order[1].startswith(terminal.selected().split()[0]), "the second")
    terminal.press(PAGE_DOWN)
    terminal.until(lambda _: order[21].startswith(terminal.selected().split()[0]), "a screen on")
    terminal.press(ENTER)
    terminal.until(f"SESSION {order[21]}", "the session opens")
    session = world.call("session.get", session=order[21])
    for wanted in (session["path"], str(session["handle"]), f"worker {session['owner']}"):
        terminal.until(wanted, wanted)
    before = terminal.until(figure("up"), "numbers")
    terminal.until(lambda text: figure("up")(text) > before, "numbers grow")
    rate = terminal.until(lambda text: re.search(r"up, down\s+([\d.]+), ([\d.]+) frames/s", text),
                          "rates")
    assert 0.5 * RATE < float(rate[1]) < 1.5 * RATE, rate
    # A pause stops the screen; the numbers go on behind it.
    terminal.press("p")
    terminal.until("PAUSED", "paused")
    stopped = figure("up")(terminal.text())
    terminal.until(lambda _, end=time.monotonic() + 1: time.monotonic() > end, "a while")
    assert figure("up")(terminal.text()) == stopped
    terminal.press("p")
    terminal.until(lambda text: figure("up")(text) > stopped, "it goes on")
    # Only y evicts.
    terminal.press("e")
    terminal.until(f"evict {order[21]}?", "a question")
    terminal.press("n")
    terminal.until(lambda text: "evict " + order[21] not in text, "no is no")
    assert world.call("session.get", session=order[21]) is not None
    terminal.press("e", "y")
    terminal.until(f"{order[21]} is evicted", "told so")
    terminal.until("gone; as it was last", "the session is gone")
    assert world.call("stats.get")["counters"]["control_evicted"] == 1
    terminal.press("?")
    terminal.until("next view", "help")
    terminal.press(ESCAPE)
    terminal.until("gone; as", "back from help")
    terminal.press(ESCAPE)
    terminal.until("of echo", "back to the sessions")
    terminal.press(ESCAPE)
    terminal.until("SERVICE by", "back to the overview")


def sizes(terminal):
    for columns, rows, wanted in ((40, 10, " up, 0 detached"), (39, 10, "too small: 39x10"),
                                  (80, 9, "too small: 80x9"), (300, 70, "heartbeats"),
                                  (80, 24, "q quit")):
        terminal.size(columns, rows)
        terminal.until(wanted, f"{columns}x{rows}")
        # Drawn for this size, to its last line.
        if "small" not in wanted:
            terminal.until(lambda _, last=columns - 1: "q quit" in terminal.screen.display[-1] and
                           terminal.screen.buffer[0][last].reverse, "title and status line")


def not_allowed(world):
    """Who may only look sees everything, and is told what he may not; without colour."""
    os.chmod(world.folder.name, 0o755)
    with Terminal(world, user=NOBODY, NO_COLOR="1") as terminal:
        terminal.until("SERVICE by", "the overview")
        terminal.press(TAB)
        terminal.until(lambda _: "CONNECTED" in terminal.selected(), "sessions")
        terminal.press("e")
        terminal.until("? y evicts", "a question")
        terminal.press("y")
        terminal.until("FORBIDDEN", "refused")
        terminal.press("e")
        terminal.until("you may look, not evict", "not asked again")
        terminal.press("q")
        assert terminal.ended() == 0
        assert not re.search(rb"\x1b\[[\d;]*(?:3[0-7]|4[0-7]|[34]8;)[\d;]*m", terminal.bytes)
    assert world.call("stats.get")["counters"]["control_evicted"] == 1


def test_ways_out(build):
    """The gateway goes and comes back; the terminal is what it was, however top ends."""
    with World(build) as world:
        with Terminal(world, "--interval", "0.2") as terminal:
            terminal.until("running", "the gateway")
            terminal.until("SERVICE by", "figures")
            world.gateway.kill()
            world.gateway.wait()
            terminal.until("trying again every second", "it is gone")
            terminal.until("gone  up", "the title says so, too")
            terminal.press(TAB)
            terminal.until(" sessions  every", "keys work meanwhile")
            world.start_gateway()
            terminal.until(lambda text: "running" in text and "again" not in text, "it is back")
            terminal.press(TAB, TAB)
            terminal.until(lambda text: figure("in")(text) is not None, "rates again")
            world.gateway.send_signal(signal.SIGSTOP)
            terminal.until("has told nothing for", "a gateway that hangs", 15)
            world.gateway.send_signal(signal.SIGCONT)
            terminal.until("q quit", "it goes on")
            terminal.press("\x03")
            assert terminal.ended() == 0
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            with Terminal(world, TERM="xterm-256color") as terminal:
                terminal.until("running", "the gateway")
                assert b"\x1b[?1049h" in terminal.bytes, "a screen besides the shell's"
                terminal.process.send_signal(number)
                assert terminal.ended() == 0, number
        with Terminal(world, TERM="no-such-terminal") as terminal:
            assert terminal.ended() == 1
            assert b"--plain" in terminal.bytes, terminal.bytes
        with Terminal(world, "--plain", "--once", "--interval", "0.1") as terminal:
            assert terminal.ended() == 0
            assert b"\x1b" not in terminal.bytes and b"TRAFFIC" in terminal.bytes


def test_plain(build):
    """In a pipe it is text: a block an interval until it is ended, or one."""
    with World(build) as world:
        load = traffic(world, 30)
        once = world.control("top", "--once", "--interval", "0.5")
        assert once.returncode == 0 and not once.stderr, once
        assert abs(figure("in")(once.stdout) - 2 * SESSIONS * RATE) < SESSIONS * RATE, once.stdout
        assert all(line == line.rstrip() and len(line) <= 80 and line.isascii()
                   for line in once.stdout.splitlines()), once.stdout
        assert once.stdout.count("TRAFFIC") == 1

        piped = subprocess.Popen([world.program("holdfastctl"), "--socket",
                                  world.log("control.sock"), "top", "--interval", "0.2"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        begun = time.monotonic()
        titles = 0
        while titles < 5:
            titles += "TRAFFIC" in piped.stdout.readline()
        assert 0.6 < time.monotonic() - begun < 5
        load.kill()
        world.gateway.kill()
        world.gateway.wait()
        time.sleep(0.3)
        world.start_gateway()
        titles = 0
        while titles < 5:
            titles += "TRAFFIC" in piped.stdout.readline()
        piped.send_signal(signal.SIGINT)
        out, errors = piped.communicate(timeout=10)
        assert piped.returncode == 0
        assert "again every second" in errors and errors.endswith("the gateway is back\n"), errors
        assert not re.search(r"-\d", out), out

        # A reader that has enough ends it.
        head = subprocess.run(f"{world.program('holdfastctl')} --socket "
                              f"{world.log('control.sock')} top --interval 0.1 | head -3",
                              shell=True, check=True, capture_output=True, text=True, timeout=10)
        assert head.stdout.count("\n") == 3 and not head.stderr, head

        for words, said in ((("--interval", "0"), "0.1 to 60 seconds"),
                            (("--interval", "61"), "0.1 to 60 seconds"),
                            (("--interval", "fast"), "0.1 to 60 seconds"),
                            (("--once", "--plain", "now"), "now"),
                            (("--json",), "stats --json")):
            wrong = world.control("top", *words)
            assert wrong.returncode == 2 and said in wrong.stderr, wrong
        world.gateway.terminate()
        world.gateway.wait()
        away = world.control("top", "--once")
        assert away.returncode == 3 and "no gateway at" in away.stderr, away


def main():
    build, name = sys.argv[1:]
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        sys.exit(77)
    globals()["test_" + name](build)


if __name__ == "__main__":
    main()
