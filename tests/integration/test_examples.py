#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The programs that the documentation shows do what it says, against a real gateway.

Each test_* function is one behaviour in a world of its own. usage: test_examples.py BUILD NAME
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.join(HERE, "..", "..")
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import examples  # noqa: E402
from world import GATEWAY, World  # noqa: E402


def test_first_client(build, folder):
    with World(build) as world:
        client = world.start("c", os.path.join(folder, "first-client"), GATEWAY,
                             stdout=subprocess.PIPE, text=True)
        out, _ = client.communicate(timeout=30)
        assert (client.returncode, out) == (0, "hello\n"), (client.returncode, out)
        world.quiet()


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
