# SPDX-License-Identifier: BSD-3-Clause
"""Runs the functions test_* of a module in a namespace with two interfaces."""
import os
import subprocess
import tempfile


def run_all(functions, namespace, make, wanted):
    """Each test gets what make(folder) returns, which must have end(); what a test returns is shown.
    Only those in wanted (without test_), or all. Returns the exit code."""
    if os.geteuid() != 0:
        print("skipped: network namespaces and other users need root")
        return 77
    failed = 0
    subprocess.run(["ip", "netns", "add", namespace], check=True)
    try:
        subprocess.run(["ip", "-n", namespace, "link", "add", "one", "type", "veth", "peer", "name",
                        "two"], check=True)
        for name in ("one", "two"):
            subprocess.run(["ip", "-n", namespace, "link", "set", name, "up"], check=True)
        for name, test in list(functions.items()):
            if name.startswith("test_") and (not wanted or name[5:] in wanted):
                failed += not run_one(name[5:].replace("_", " "), test, make)
    finally:
        subprocess.run(["ip", "netns", "del", namespace], check=False)
    return 1 if failed else 0


def run_one(title, test, make):
    with tempfile.TemporaryDirectory(prefix="holdfast-test-") as folder:
        subject = make(folder)
        try:
            told = test(subject)
            print(f"ok    {title}{': ' + told if told else ''}", flush=True)
            return True
        except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
            print(f"FAIL  {title}: {error!r}", flush=True)
            return False
        finally:
            subject.end()
