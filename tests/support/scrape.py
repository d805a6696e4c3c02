# SPDX-License-Identifier: BSD-3-Clause
"""Reading Prometheus' text format, and asking for it from inside a network namespace."""
import re
import subprocess
import sys

SERIES = re.compile(r'([a-z_]+)(?:\{(.*)\})? ([0-9.e+-]+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')

FETCH = """
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=20) as answer:
    sys.stdout.buffer.write(answer.read())
"""


def parse(text):
    """{(name, ((label, value), ...)): number}; every line must be one that the format has."""
    series = {}
    for line in text.splitlines():
        if line.startswith(("# HELP ", "# TYPE ")):
            continue
        match = SERIES.fullmatch(line)
        assert match, line
        name, labels, number = match.groups()
        key = (name, tuple(LABEL.findall(labels or "")))
        assert key not in series, line
        series[key] = float(number)
    return series


def families(text):
    """{name: (type, help)}"""
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.M))
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    assert helps.keys() == types.keys()
    return {name: (types[name], helps[name]) for name in helps}


def fetch(namespace, url, seconds=30):
    """The bytes at url as a program in the namespace gets them."""
    return subprocess.run(["ip", "netns", "exec", namespace, sys.executable, "-c", FETCH, url],
                          check=True, capture_output=True, timeout=seconds).stdout
