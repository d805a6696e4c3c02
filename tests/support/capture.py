# SPDX-License-Identifier: BSD-3-Clause
"""Captures: pcap files written and read, and what tshark with the dissector says of them."""
import os
import struct
import subprocess
import xml.etree.ElementTree as ElementTree

import packets

PORT = 7400
GLOBAL = struct.Struct("<IHHiIII")
RECORD = struct.Struct("<IIII")
FRAME_AT = 14 + 20 + 8  # Ethernet, IPv4, UDP
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts/holdfast.lua")


def packet(source, target, payload):
    """A frame in UDP, IPv4 and Ethernet. source, target: (address, port)."""
    udp = packets.udp(source[0], target[0], source[1], target[1], payload)
    return packets.ethernet(bytes(6), bytes(6), packets.IPV4,
                            packets.ipv4(source[0], target[0], udp))


def write(path, rows):
    """rows: (seconds, bytes, how many of them were captured or None)."""
    with open(path, "wb") as file:
        file.write(GLOBAL.pack(0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for seconds, data, captured in rows:
            kept = data if captured is None else data[:captured]
            micro = round(seconds * 1e6)
            file.write(RECORD.pack(micro // 1000000, micro % 1000000, len(kept), len(data)) + kept)


def read(path):
    """Yields (number, source, target, UDP payload) of each packet, all being IPv4 in Ethernet."""
    with open(path, "rb") as file:
        data = file.read()
    assert GLOBAL.unpack_from(data)[0] in (0xa1b2c3d4, 0xa1b23c4d), "not a pcap file"
    at, number = GLOBAL.size, 0
    while at < len(data):
        _, _, captured, length = RECORD.unpack_from(data, at)
        at, number = at + RECORD.size, number + 1
        frame = data[at:at + captured]
        at += captured
        assert captured == length and frame[12:14] == b"\x08\x00" and frame[14] == 0x45
        address = [".".join(map(str, frame[k:k + 4])) for k in (26, 30)]
        ports = struct.unpack_from(">HHH", frame, 34)
        yield (number, (address[0], ports[0]), (address[1], ports[1]),
               frame[FRAME_AT:34 + ports[2]])


def tshark(path, folder, *words):
    """What tshark prints. Nothing but its warning about root may go to standard error, and no
    fault of the script may stand in what it prints. folder: where it finds no settings of others."""
    done = subprocess.run(["tshark", "-X", "lua_script:" + SCRIPT, "-n", "-r", path, *words],
                          check=False, capture_output=True, timeout=240,
                          env={**os.environ, "WIRESHARK_CONFIG_DIR": folder, "HOME": folder})
    said = [line for line in done.stderr.decode(errors="replace").splitlines()
            if line and not line.startswith("Running as user")]
    assert done.returncode == 0 and not said, (done.returncode, said[:10])
    out = done.stdout.decode(errors="replace")
    at = out.find("Lua Error")
    assert at < 0, out[max(at - 300, 0):at + 300]
    return out


def columns(path, folder, names, *words):
    """name -> {packet: text} of these fields, for the packets that have them. One run of tshark
    serves them all: it takes its time."""
    asked = [word for name in ("frame.number", *names) for word in ("-e", name)]
    found = {name: {} for name in names}
    for line in tshark(path, folder, "-T", "fields", *asked, *words).splitlines():
        number, *texts = line.split("\t")
        for name, text in zip(names, texts, strict=True):
            if text:
                found[name][int(number)] = text
    return found


def details(path, folder):
    """For each packet the elements <field> of Holdfast, in order and at any depth."""
    tree = ElementTree.fromstring(tshark(path, folder, "-T", "pdml"))
    for one in tree.iter("packet"):
        proto = [proto for proto in one.iter("proto") if proto.get("name") == "holdfast"]
        yield list(proto[0].iter("field")) if proto else []
