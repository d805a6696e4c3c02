#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What an operator gets wrong when he starts a gateway, and what he is told.

Each test_* function is one mistake. All gateways are in one network namespace with two
interfaces, and see a /run of their own. usage: test_start.py BUILD_FOLDER [NAME...]
"""
import os
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import behaviours  # noqa: E402

NAMESPACE = f"hs{os.getpid()}"
CONFIG = """[gateway]
control = {control}
[port p0]
device = net_af_packet0,iface={interface},framecnt=512
addresses = 192.0.2.10/24
[session]
max = 100
[replay]
memory = 4M
[service echo]
backends = *
"""


def inside(*words):
    """Words to run in the namespace. /run is empty there, and /run/holdfast is missing."""
    return ["ip", "netns", "exec", NAMESPACE, "sh", "-c",
            'mount -t tmpfs none /run && exec "$@"', "sh", *words]


class Operator:
    """Starts gateways and reads what they say."""

    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        self.running = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def program(self, name):
        return os.path.join(self.build, "control", name)

    def config(self, name="gateway.conf", text=CONFIG, control=None, interface="one"):
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text.format(control=control or self.path("control.sock"),
                                   interface=interface))
        return self.path(name)

    def start(self, *words):
        """A gateway that is to stay. Returns it when it is ready, with its log's name."""
        log = self.path(f"log{len(self.running)}")
        with open(log, "w", encoding="utf-8") as file:
            gateway = subprocess.Popen(inside(self.program("holdfastd"), *words), stderr=file)
        self.running.append(gateway)
        until = time.monotonic() + 30
        while " ready: " not in read(log):
            assert gateway.poll() is None, f"it stopped: {read(log)}"
            assert time.monotonic() < until, f"not ready within 30 s: {read(log)}"
            time.sleep(0.05)
        return gateway, log

    def fails(self, *words, status=1, text, program="holdfastd"):
        """It ends with this status, and its last line says this."""
        told = subprocess.run(inside(self.program(program), *words), check=False,
                              capture_output=True, text=True, timeout=60)
        assert told.returncode == status, f"{words}: {told}"
        assert text in (told.stderr.splitlines() or [""])[-1], f"no '{text}' in {told.stderr}"
        assert "Sanitizer" not in told.stderr, told.stderr
        return told

    def answers(self, control=None):
        told = subprocess.run([self.program("holdfastctl"), "--socket",
                               control or self.path("control.sock"), "info"], check=False,
                              capture_output=True, text=True, timeout=30)
        return told.returncode == 0

    def end(self):
        for gateway in self.running:
            if gateway.poll() is None:
                gateway.send_signal(signal.SIGTERM)
        for gateway in self.running:
            try:
                gateway.wait(20)
            except subprocess.TimeoutExpired:
                gateway.kill()
                gateway.wait()


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_a_control_socket_that_another_gateway_has(operator):
    first, _ = operator.start("--config", operator.config())
    operator.fails("--config", operator.config("second.conf", interface="two"),
                   text="another gateway answers there")
    assert first.poll() is None and operator.answers(), "the first one suffers"


def test_a_socket_that_a_killed_gateway_left(operator):
    first, _ = operator.start("--config", operator.config())
    first.kill()
    first.wait()
    assert os.path.exists(operator.path("control.sock")) and not operator.answers()
    operator.start("--config", operator.config())
    assert operator.answers()


def test_two_ports_of_one_device(operator):
    text = CONFIG.replace("[session]", "[port p1]\ndevice = net_af_packet0,iface=two\n"
                          "addresses = 192.0.2.11/24\n[session]")
    told = operator.fails("--config", operator.config(text=text), text="net_af_packet0")
    assert "p0" in told.stderr.splitlines()[-1] or "p1" in told.stderr.splitlines()[-1], told.stderr


def test_one_interface_for_two_gateways(operator):
    """AF_PACKET gives each what comes; nothing tells the second. The first must not suffer."""
    first, _ = operator.start("--config", operator.config())
    operator.start("--config", operator.config("second.conf", control=operator.path("second.sock")))
    assert first.poll() is None
    assert operator.answers() and operator.answers(operator.path("second.sock"))


def test_a_control_path_that_cannot_be(operator):
    os.mkdir(operator.path("folder"))
    with open(operator.path("file"), "w", encoding="ascii") as file:
        file.write("precious")
    for control, text in ((operator.path("folder"), "a file that is no socket stands there"),
                          (operator.path("file"), "a file that is no socket stands there"),
                          (operator.path("file/control.sock"), "Not a directory"),
                          (operator.path("no/such/control.sock"), "make the directories above it first"),
                          ("/proc/holdfast.sock", "control socket /proc/holdfast.sock: ")):
        operator.fails("--config", operator.config(control=control), text=text)
    assert read(operator.path("file")) == "precious"
    operator.fails("--config", operator.config(control="/tmp/" + "x" * 103), text=":2: control: ")


def test_a_config_that_cannot_be_read(operator):
    operator.fails("--config", operator.path("none.conf"), text="none.conf: No such file")
    operator.fails("--config", operator.folder, text=f"{operator.folder}: Is a directory")
    operator.fails("--config", operator.path("none.conf"), "--check", text="No such file")
    operator.fails("--config", status=2, text="try holdfastd --help")
    operator.fails("one", status=2, text="one: no such argument")
    for name, data in (("empty.conf", b""), ("zeros.conf", bytes(4096)),
                       ("random.conf", bytes(range(128, 256)) * 64), ("long.conf", b"x" * 100000)):
        with open(operator.path(name), "wb") as file:
            file.write(data)
        operator.fails("--config", operator.path(name), "--check", text=name)


def test_a_config_that_makes_no_sense(operator):
    for text, line, wrong in (
            ("x = 1\n", 1, "x: before any [section]"),
            ("[gateway]\nname\n", 2, "neither [section], key = value nor a comment"),
            ("[gateway]\nport = 0\n", 2, "port = 0"),
            ("[gateway]\nport = 65536\n", 2, "port = 65536"),
            ("[gateway]\nport = 99999999999999999999\n", 2, "port = "),
            ("[gateway]\nworkers = -1\n", 2, "workers = -1"),
            ("[gateway]\nworkers = 1x\n", 2, "workers = 1x"),
            ("[gateway]\nworkers =\n", 2, "workers"),
            ("[replay]\nmemory = 1E\n", 2, "memory = 1E"),
            ("[port p0]\naddresses = 192.0.2.10/33\n", 2, "addresses"),
            ("[port p0]\naddresses = localhost\n", 2, "addresses"),
            ("[port p0]\nvlan = 4095\n", 2, "vlan = 4095"),
            ("\n\n[nonsense]\nx = 1\n", 3, "nonsense")):
        path = operator.config(text=text)
        told = operator.fails("--config", path, "--check", text=f"{path}:{line}: ")
        assert wrong in told.stderr.splitlines()[-1], told.stderr


def test_no_hugepages_is_said_once(operator):
    with open("/proc/sys/vm/nr_hugepages", encoding="ascii") as file:
        if int(file.read()) > 0:
            return
    _, log = operator.start("--config", operator.config())
    lines = [line for line in read(log).splitlines() if "hugepage" in line.lower()]
    assert len(lines) == 1 and "running on ordinary memory" in lines[0], read(log)


def test_holdfastctl_without_a_gateway(operator):
    for control in (operator.path("none.sock"), operator.path("no/such.sock"), operator.folder):
        operator.fails("--socket", control, "info", program="holdfastctl", status=3,
                       text=f"no gateway at {control}")
    operator.fails("info", program="holdfastctl", status=3, text="/run/holdfast/control.sock")
    left = socket.socket(socket.AF_UNIX)
    left.bind(operator.path("left.sock"))
    left.close()
    operator.fails("--socket", operator.path("left.sock"), "info", program="holdfastctl", status=3,
                   text="no gateway at")
    operator.fails("no-such-command", program="holdfastctl", status=2, text="")


def test_no_arguments_at_all(operator):
    """A first look: a TAP device that the gateway makes itself, a control socket at its place."""
    if not os.path.exists("/dev/net/tun"):
        return
    gateway, log = operator.start()
    assert "control socket /run/holdfast/control.sock" in read(log), read(log)
    words = ["ip", "-n", NAMESPACE, "link", "show", "holdfast0"]
    assert subprocess.run(words, check=False, stdout=subprocess.DEVNULL).returncode == 0
    gateway.terminate()
    assert gateway.wait(20) == 0, read(log)
    assert "Sanitizer" not in read(log), read(log)


def main():
    build = os.path.abspath(sys.argv[1])
    return behaviours.run_all(globals(), NAMESPACE, lambda folder: Operator(build, folder),
                              sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
