# SPDX-License-Identifier: BSD-3-Clause
"""The code that README.md and docs/ show, taken out as it stands there, for tests to compile and
run."""
import os
import re
import subprocess

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FLAGS = ["-std=gnu17", "-Wall", "-Wextra", "-Werror"]


def read(tree, path):
    with open(os.path.join(tree, path), encoding="utf-8") as file:
        return file.read()


def blocks(text, language):
    """The texts of all fenced blocks of a language."""
    return [body for kind, body in FENCE.findall(text) if kind == language]


def header_example(text):
    """The program in a header's first comment: what is one tab behind the slashes."""
    return "".join(line[3:] if line.startswith("//\t") else "\n"
                   for line in re.findall(r"^//(?:\t.*)?\n", text, re.MULTILINE)).strip("\n") + "\n"


def displays(text):
    """The displays of a man page, with what stands for a backslash as one."""
    return [body.replace("\\e", "\\") for body in
            re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", text, re.MULTILINE | re.DOTALL)]


def programs(tree):
    """Name -> source of each C program that the documentation shows."""
    found = {}
    shown = {path: blocks(read(tree, path), "c") for path in ("README.md", "docs/first-steps.md")}
    page = "docs/man/libholdfast.3"
    shown[page] = [body for body in displays(read(tree, page)) if "#include" in body]
    for path, bodies in shown.items():
        for body in bodies:
            name = re.match(r"// ([a-z-]+)\.c\b", body)
            assert name, f"{path}: a program does not begin with its name: {body[:40]!r}"
            assert found.setdefault(name[1], body) == body, f"two different {name[1]}.c"
    return found


def compile_all(tree, build, folder):
    """Compiles and links every program into a folder, as the documentation says to."""
    environment = {**os.environ, "PKG_CONFIG_PATH": os.path.join(build, "meson-uninstalled")}
    told = subprocess.run(["pkg-config", "--cflags", "--libs", "libholdfast"], check=True,
                          capture_output=True, text=True, env=environment).stdout.split()
    for name, source in programs(tree).items():
        path = os.path.join(folder, name)
        with open(path + ".c", "w", encoding="utf-8") as file:
            file.write(source)
        subprocess.run(["cc", *FLAGS, path + ".c", "-o", path, *told], check=True)
    return sorted(programs(tree))
