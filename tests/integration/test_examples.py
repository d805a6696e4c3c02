#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The programs and commands that the documentation shows do what it says, with a real gateway.

Each test_* function is one page in a world of its own. usage: test_examples.py BUILD NAME
"""
import os
import re
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import examples  # noqa: E402
from world import GATEWAY, World, wait  # noqa: E402


def test_first_client(build, folder):
    with World(build) as world:
        client = world.start("c", os.path.join(folder, "first-client"), GATEWAY,
                             stdout=subprocess.PIPE, text=True)
        out, _ = client.communicate(timeout=30)
        assert (client.returncode, out) == (0, "hello\n"), (client.returncode, out)
        client = world.start("c", os.path.join(folder, "loop-client"), GATEWAY,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = "".join(f"line {i}\n" for i in range(1000))
        out, _ = client.communicate(said, timeout=30)
        assert (client.returncode, out) == (0, said), (client.returncode, out[-100:])
        world.quiet()


class Afternoon:
    """docs/first-steps.md, done in a namespace of its own, in a folder with the programs."""

    def __init__(self, build, folder):
        self.page = examples.read(TREE, "docs/first-steps.md")
        self.folder, self.namespace = folder, f"hf{os.getpid()}f"
        self.processes, self.logs = [], {}
        os.environ["PKG_CONFIG_PATH"] = os.path.join(build, "meson-uninstalled")
        os.environ["PATH"] = ":".join([os.path.join(build, "control"),
                                       os.path.join(build, "endpoint"), os.environ["PATH"]])

    def __enter__(self):
        self.ip("netns", "add", self.namespace)
        with open(os.path.join(self.folder, "first.conf"), "w", encoding="ascii") as file:
            file.write(examples.blocks(self.page, "ini")[0])
        return self

    def __exit__(self, kind, error, trace):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        if kind is not None or os.environ.get("SHOW"):
            for name in self.logs:
                print(f"{name}:\n{self.said(name)}")
        self.ip("netns", "del", self.namespace)

    @staticmethod
    def ip(*words):
        subprocess.run(["ip", *words], check=True)

    def shell_block(self, text):
        """The one shell block with a text in it."""
        found = [body for body in examples.blocks(self.page, "sh") if text in body]
        assert len(found) == 1, f"{len(found)} blocks with {text}"
        return found[0]

    def do(self, text):
        """Runs the shell block with a text in it. Returns what it prints."""
        return subprocess.run(["ip", "netns", "exec", self.namespace, "sh", "-e", "-c",
                               self.shell_block(text)], check=True, cwd=self.folder,
                              stdout=subprocess.PIPE, text=True, timeout=60).stdout

    def start(self, name, *words):
        log = self.logs[name] = os.path.join(self.folder, name + ".log")
        with open(log, "a", encoding="utf-8") as file:
            self.processes.append(subprocess.Popen(
                ["ip", "netns", "exec", self.namespace, *words], cwd=self.folder, stdout=file,
                stderr=file))
        return self.processes[-1]

    def start_gateway(self):
        return self.start("gateway", *self.shell_block("holdfastd --config").split())

    def said(self, name):
        with open(self.logs[name], encoding="utf-8") as file:
            return file.read()

    def told(self, name, pattern, seconds):
        """Waits until a program's output has a pattern. Returns the match."""
        return wait(lambda: re.search(pattern, self.said(name), re.MULTILINE | re.DOTALL), seconds,
                    f"{name} says {pattern}")


def test_first_steps(build, folder):
    with Afternoon(build, folder) as afternoon:
        afternoon.do("cc first-backend.c")
        afternoon.do("ip link add gw0")
        gateway = afternoon.start_gateway()
        afternoon.start("echo", "holdfast-echo", "--gateway", GATEWAY)
        backend = afternoon.start("backend", "./first-backend")
        session = afternoon.start("session", "./first-session")
        afternoon.told("session", r"-- connected\n1: message 1\n2: message 2\n", 30)
        afternoon.told("echo", "registered", 20)
        hello = subprocess.run(["ip", "netns", "exec", afternoon.namespace, "./first-client"],
                               cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
        assert hello.stdout == "hello\n", hello
        assert "CONNECTED" in afternoon.do("session list")

        session.send_signal(signal.SIGSTOP)
        afternoon.told("backend", "detached", 15)
        session.send_signal(signal.SIGCONT)
        resumed = afternoon.told(
            "session", r"-- disconnected.*-- resumed\n.*?(\d+): message (\d+)$", 20)
        assert resumed[1] == resumed[2], "the count went on"
        afternoon.do("hf0 down")
        resumed = afternoon.told(
            "session", r"-- resumed.*-- resumed\n.*?(\d+): message (\d+)$", 30)
        assert resumed[1] == resumed[2], "the count went on again"
        assert "lost" not in afternoon.said("session")

        gateway.kill()
        gateway.wait()
        again = afternoon.start_gateway()
        afternoon.told("session", r"-- session lost.*-- connected\n1: message \d+$", 40)
        assert backend.poll() is None and session.poll() is None
        for process in (session, backend, again):
            process.terminate()
            process.wait(15)
        afternoon.do("ip link del")


def main():
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        return 77
    build, name = sys.argv[1:3]
    os.environ["LD_LIBRARY_PATH"] = os.path.join(build, "endpoint")
    with tempfile.TemporaryDirectory(prefix="holdfast-examples-") as folder:
        examples.compile_all(TREE, build, folder)
        globals()["test_" + name](build, folder)
    print("ok", name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
