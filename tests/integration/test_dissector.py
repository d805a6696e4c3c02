#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Wireshark shows Holdfast's frames as they are, whatever they are.

Each test_* function is one behaviour. usage: test_dissector.py BUILD_FOLDER NAME
"""
import collections
import importlib.machinery
import importlib.util
import itertools
import json
import os
import random
import shutil
import signal
import struct
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import capture  # noqa: E402
import packets  # noqa: E402
import wire  # noqa: E402
from world import CLIENT_A, CLIENT_B, GATEWAY, World, wait  # noqa: E402

CLIENT, SERVER = (CLIENT_A, 50000), (GATEWAY, capture.PORT)
PATH = os.path.join(TREE, "tests/lint/check-protocol-doc")
LOADER = importlib.machinery.SourceFileLoader("check_protocol_doc", PATH)
doc = importlib.util.module_from_spec(importlib.util.spec_from_loader(LOADER.name, LOADER))
LOADER.exec_module(doc)

# What docs/protocol.md calls a field -> its name in the dissector, where that is another.
NAMES = {"session id": "session", "epoch refused": "epoch", "epoch that stands": "epoch_standing",
         "retry after ms": "retry_after", "oldest": "triple.oldest", "next": "triple.next",
         "expected": "triple.expected", "first": "nak.first", "count": "nak.count",
         "to be returned": "heartbeat", "returned": "heartbeat", "length": "message.length"}
MARKS = tuple("holdfast.analysis." + name for name in (
    "retransmission", "replayed", "duplicate", "out_of_order", "out_of_window", "ack_beyond", "nak"))
FAULTS = ("holdfast.malformed", "holdfast.cut", "holdfast.rest", "_ws.lua.error", "_ws.malformed",
          "_ws.short")


def examples():
    """(title of the frame, its bytes) of each frame in docs/protocol.md."""
    for _, _, text in doc.BLOCK.findall(doc.read(TREE, "docs/protocol.md")):
        title, lines = doc.read_block(text)
        yield title, b"".join(line[1] for line in lines)


def ends_of(title):
    return (title[2], int(title[3])), (title[4], int(title[5]))


def check_field(offset, size, name, value, data, shown):
    """One documented field is among the shown ones: its place, its bytes, its value."""
    called = NAMES.get(name, name)
    found = shown.get((f"holdfast.{called}", capture.FRAME_AT + offset))
    if found is None:  # a key of the options, or a message of no bytes
        found = shown.get(("holdfast.option", capture.FRAME_AT + offset))
        assert found is not None, f"{name} at {offset} is not shown"
        assert found.get("show") == f"{name} {value}", (found.get("show"), name, value)
        inner = [field.get("show").replace(":", "") for key, field in shown.items()
                 if key[0] == f"holdfast.option.{name}"]
        plain = value if name in ("meta", "token") else json.loads(value)
        plain = plain if isinstance(plain, list) else [plain]
        assert inner == [str(int(v) if isinstance(v, bool) else v) for v in plain], (name, inner)
    raw = data[offset:offset + size]
    assert int(found.get("size")) == size, (name, found.attrib)
    assert bytes.fromhex(found.get("value")) == raw, (name, found.attrib)
    if called == "options":
        assert value == f"map of {found.get('show')}", (value, found.attrib)
    elif found.get("name") != "holdfast.option":
        number = found.get("show").replace(":", "")
        if size <= 8 and called not in ("message", "heartbeat", "padding"):
            assert int(number, 0) == int.from_bytes(raw, "big"), (name, found.attrib)
        else:
            assert bytes.fromhex(number) == raw, (name, found.attrib)


def check_meaning(name, data, shown):
    """What the dissector makes of parts of fields."""
    only = {key[0].removeprefix("holdfast."): field for key, field in shown.items()}
    frame = wire.Frame(data)
    for flag, bit in doc.FLAGS.items():
        assert (only["flags." + flag.lower()].get("show") == "1") == bool(frame.flags & bit)
    assert int(only["handle.slot"].get("show")) == frame.handle >> 32
    assert int(only["handle.tag"].get("show"), 0) == frame.handle & 0xffffffff
    assert f"{name} ({frame.number})" in only["type"].get("showname")
    if name == "ACK":
        assert (only["aux.asks"].get("show") == "1") == bool(frame.aux & 1)
        assert int(only["aux.holes"].get("show")) == frame.aux >> 1
    elif name in ("EVENT", "EVENT_ACK"):
        assert int(only["aux.event"].get("show")) == frame.aux
    elif name in ("HEARTBEAT", "HEARTBEAT_ACK"):
        assert int(only["aux.asked"].get("show")) == frame.aux
    elif name in ("REJECT", "CLOSE"):
        codes = doc.codes_of(TREE)
        assert f"{codes[frame.code]} ({frame.code})" in only["code"].get("showname")


def test_documented(_, folder):
    """Each field of each frame in docs/protocol.md."""
    path, all_examples = os.path.join(folder, "doc.pcap"), list(examples())
    capture.write(path, [(float(title[1]), capture.packet(*ends_of(title), data), None)
                         for title, data in all_examples])
    codes, seen = doc.codes_of(TREE), set()
    for (title, data), fields in zip(all_examples, capture.details(path, folder), strict=True):
        shown = {(field.get("name"), int(field.get("pos"))): field for field in fields}
        name, documented = doc.decode(data, codes)
        try:
            for offset, size, what, value in documented:
                check_field(offset, size, what, value, data, shown)
            check_meaning(name, data, shown)
        except AssertionError as error:
            raise AssertionError(f"{title[0]}: {error}") from error
        seen.add(name)
    assert seen == set(wire.TYPE), set(wire.TYPE) - seen
    found = capture.columns(path, folder, (*FAULTS, "_ws.col.Info"))
    info = found.pop("_ws.col.Info").values()
    assert not any(found.values()), found
    for line in ("HELLO client epoch 2 with cookie services [\"echo\"] client \"sensor-7\" [resume]",
                 "RETRY epoch 1", "DATA #0 ack 1 5 bytes", "DATA #1 ack 1 10 bytes in 2 messages "
                 "[bundle]", "ACK 1 next #1", "CLOSE NORMAL \"closed\"", "OPEN_ACK OK epoch 1",
                 "EVENT #1 \"peer_detached\"", "NAK ack 4 asks for #4 [ack beyond]",
                 "REJECT UNKNOWN_SERVICE epoch 1 \"no such service\""):
        assert line in info, (line, info)


def random_frames(seed):
    """Bytes that nobody sent: noise, noise behind a good beginning, good frames with faults."""
    dice = random.Random(seed)
    good = [data for _, data in examples()]
    for _ in range(1500):
        yield dice.randbytes(dice.randrange(1, 200))
    for _ in range(3000):
        number = dice.randrange(0, 24)
        flags = dice.choice((0, 0, 1, 2, 4, 8))
        head = struct.pack(">BBBBHHQII", 1, number, flags, dice.choice((0, 0, 1, 9)),
                           *(dice.getrandbits(bits) for bits in (16, 16, 64, 32, 32)))
        # Options are likely to be reached where what stands before them is likely to be good.
        body = bytes(dice.choice((0, 0, 1, dice.getrandbits(8))) for _ in range(40))
        yield head + dice.choice((b"", body)) + bytes(
            dice.choice((0x81, 0x91, 0xa1, 0xc4, 0xdf, 0xdd, 0xcf, dice.getrandbits(8)))
            for _ in range(dice.randrange(0, 120)))
    for _ in range(4000):
        data = bytearray(dice.choice(good))
        for _ in range(dice.randrange(1, 6)):
            data[dice.randrange(min(len(data), 260))] = dice.getrandbits(8)
        yield bytes(data)
    yield wire.encode("EVENT", b"\x81" + b"\xa1k" + b"\x91" * 800, handle=1)  # a deep nest
    yield wire.encode("EVENT", b"\xdf\xff\xff\xff\xff", handle=1)
    yield wire.encode("EVENT", b"\x83\xa1k\xc7\x01\x05x\xa1l\xcb" + bytes(8) + b"\xa1m\xd3" +
                      b"\xff" * 8, handle=1)
    yield wire.encode("NAK", struct.pack(">II", 0xffffffff, 0xffffffff) * 32, handle=1)


def test_hostile(_, folder):
    """Frames of any bytes and of any length: never a fault of the script, and what a gateway would
    not understand is marked."""
    path = os.path.join(folder, "hostile.pcap")
    rows, expected, cut = [], set(), set()
    clock = (k / 1e3 for k in itertools.count())
    codes = doc.codes_of(TREE)
    for title, data in examples():
        for length in range(1, min(len(data), 400)):
            part = data[:length]
            rows.append((next(clock), capture.packet(*ends_of(title), part), None))
            try:
                name, _ = doc.decode(part, codes)
                good = name != "NAK" or length > 24
            except doc.Fault:
                good = False
            if not good:
                expected.add(len(rows))
        whole = capture.packet(*ends_of(title), data)
        for length in range(capture.FRAME_AT + 1, min(len(whole), 400)):
            rows.append((next(clock), whole, length))
            cut.add(len(rows))
    truncated = len(rows)
    for data in random_frames(4):
        rows.append((next(clock), capture.packet(CLIENT, SERVER, data), None))
    for levels in (3, 4):  # of arrays, below the map: as deep as may be, and deeper
        nest = wire.encode("EVENT", b"\x81\xa1k" + b"\x91" * levels + b"\x01", handle=1)
        rows.append((next(clock), capture.packet(SERVER, CLIENT, nest), None))
    # A frame quoted by an ICMP error is not a frame, and is cut off.
    inner = capture.packet(CLIENT, SERVER, wire.encode("DATA", bytes(900), handle=3, seq=5))[14:]
    error = struct.pack(">BBHI", 3, 3, 0, 0) + inner[:548]
    error = packets.ipv4(GATEWAY, CLIENT_A, error, packets.ICMP)
    rows.append((next(clock), packets.ethernet(bytes(6), bytes(6), packets.IPV4, error), None))
    capture.write(path, rows)

    # In full, so that every line is made; then in two passes.
    assert capture.tshark(path, folder, "-V").count("Malformed") > 1000
    names = (*FAULTS, "holdfast.number")
    found = capture.columns(path, folder, names)
    malformed = set(found["holdfast.malformed"])
    wrong = {n for n in malformed if n <= truncated} ^ expected
    assert not wrong, sorted(wrong)[:10]
    assert {n for n in found["holdfast.cut"] if n <= truncated} == cut
    assert len(rows) - 1 in malformed and len(rows) - 2 not in malformed
    assert len(rows) not in malformed and len(rows) not in found["holdfast.number"]
    assert set(found["_ws.malformed"]) <= malformed, "Wireshark itself found the end too early"
    assert not found["_ws.lua.error"] and not found["_ws.short"]
    assert capture.columns(path, folder, names, "-2") == found


def data(n, flags=0, ack=0, **fields):
    return wire.encode("DATA", b"x", flags=flags, seq=n, ack=ack, window=64, handle=7, **fields)


def ack(number, next_number=0, window=64, **fields):
    return wire.encode("ACK", seq=next_number, ack=number, window=window, handle=7, **fields)


def test_marks(_, folder):
    """A story in which each mark has its place, across 2^32 and a change of address."""
    moved, stranger, top = (CLIENT_B, 50001), ("203.0.113.9", 50002), 1 << 32
    triples = ((top - 3, top - 3, top - 2),)
    welcome = wire.encode("WELCOME", wire.block(bytes(16), 2, triples=triples), handle=7)
    nak = wire.encode("NAK", struct.pack(">II", 2, 2), handle=7, ack=2)
    up, down = (CLIENT, SERVER), (SERVER, CLIENT)
    story = [
        (down, welcome, ""),  # backend: oldest = next = 2^32 - 3, expects 2^32 - 2
        (up, data(top - 2, ack=top - 3), ""),
        (up, data(top - 1, ack=top - 3), ""),
        (up, data(top - 1, ack=top - 3), "duplicate"),
        (down, ack(top - 1, top - 3), ""),
        (up, data(top + 1, ack=top - 3), ""),
        (up, data(top, ack=top - 3), "out_of_order"),
        (up, data(top, wire.REPLAYED, ack=top - 3), "replayed retransmission"),
        (up, data(top - 3, ack=top - 3), "duplicate"),  # below what is acknowledged
        (up, data(top + 62, ack=top - 3), ""),
        (up, data(top + 63, ack=top - 3), "out_of_window"),
        (down, data(top - 3, ack=top + 2), ""),
        (up, ack(top - 1, top + 3), "ack_beyond"),
        (up, ack(top - 2, top + 64), ""),
        (down, nak, "nak"),  # asks for 2^32 + 2 and the one after
        (up, data(top + 3, wire.REPLAYED, ack=top - 2), "replayed"),  # first time here
        (down, ack(top - 1, top - 2), ""),  # late: takes nothing back
        (up, data(top + 64, ack=top - 2), ""),
        (up, data(0, channel=1), ""),  # another channel
        (up, data(top - 1, channel=1), ""),  # nothing lies below 0
        ((stranger, SERVER), data(top + 1, ack=5), ""),  # not of the session
        (down[:1] + (moved,), welcome, ""),
        ((moved, SERVER), data(top + 1, wire.REPLAYED, ack=top - 2), "replayed retransmission"),
    ]
    path = os.path.join(folder, "story.pcap")
    capture.write(path, [(k / 10, capture.packet(*ends, frame), None)
                         for k, (ends, frame, _) in enumerate(story)])
    names = [f"holdfast.{name}" for name in ("number", "analysis.first_in", "analysis.asked_in")]
    for passes in ((), ("-2",)):  # the second pass shows what the first has found
        found = capture.columns(path, folder, (*MARKS, *names), *passes)
        for mark in MARKS:
            name = mark.rsplit(".", 1)[1]
            expected = {k for k, (_, _, marks) in enumerate(story, 1) if name in marks.split()}
            assert set(found[mark]) == expected, (mark, found[mark], expected)
        number, first_in, asked_in = (found[name] for name in names)
        assert [number[k] for k in (7, 20, 23)] == [str(n) for n in (top, top - 1, top + 1)], number
        assert first_in == {4: "3", 8: "7", 23: "6"}, first_in
        assert asked_in == {16: "15"}, asked_in
    moved_port = capture.columns(path, folder, names, "-o", "holdfast.port:7401")
    assert not any(moved_port.values()), moved_port


class Flow:
    """One way of one leg of a channel, as the capture tells it."""

    def __init__(self):
        self.seen, self.top, self.acked, self.sent = set(), -1, 0, 0


def judge(path):
    """What the test itself finds in a capture: mark -> packets, and how many frames of each type.
    Numbers stay far below 2^32, and addresses tell who is who."""
    flows, marks, types = collections.defaultdict(Flow), collections.defaultdict(set), \
        collections.Counter()
    for number, source, target, payload in capture.read(path):
        frame, up = wire.Frame(payload), target == SERVER
        types[frame.name] += 1
        leg = (frame.handle, frame.channel,
               (source if up else target)[0] in (CLIENT_A, CLIENT_B))
        flow, back = flows[leg, up], flows[leg, not up]
        if frame.name in ("DATA", "ACK", "NAK"):
            if frame.ack > back.sent:
                marks["ack_beyond"].add(number)
            else:
                back.acked = max(back.acked, frame.ack)
        if frame.name == "ACK":
            flow.sent = max(flow.sent, frame.seq)
        elif frame.name == "NAK":
            marks["nak"].add(number)
        elif frame.name == "DATA":
            again, replayed = frame.seq in flow.seen, frame.flags & wire.REPLAYED
            if replayed:
                marks["replayed"].add(number)
            if again and replayed:
                marks["retransmission"].add(number)
            elif again or frame.seq < flow.acked:
                marks["duplicate"].add(number)
            elif frame.seq < flow.top and not replayed:
                marks["out_of_order"].add(number)
            flow.seen.add(frame.seq)
            flow.top, flow.sent = max(flow.top, frame.seq), max(flow.sent, frame.seq + 1)
    return marks, types


def record(build, path):
    """Traffic over the lossy link, between it and the router, with clients that move."""
    with World(build, loss=(5, 2, 10, 7)) as world:
        dump = world.start("r", "dumpcap", "-q", "-P", "-B", "32", "-i", "gateway", "-w", path,
                           "-f", "udp port 7400", stderr=open(world.log("dumpcap"), "wb"))
        wait(lambda: os.path.exists(path) and os.path.getsize(path) >= 24, 10, "dumpcap listens")
        verdict = world.verdict(world.load("--sessions", 20, "--messages", 250, "--rate", 80,
                                           "--move-every", 400, bind=(CLIENT_A, CLIENT_B)))
        assert verdict["good"] and verdict["resumes"] > 2, verdict
        time.sleep(0.5)
        dump.send_signal(signal.SIGINT)
        assert dump.wait(10) == 0, open(world.log("dumpcap"), encoding="utf-8").read()
        return verdict


def test_lossy_link(build, folder):
    """Real traffic: all of it understood, and the marks those that the test counts itself."""
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        sys.exit(77)
    path = os.path.join(folder, "lossy.pcap")
    verdict = record(build, path)
    marks, types = judge(path)
    print({name: len(found) for name, found in sorted(marks.items())}, dict(types))
    assert types["DATA"] > 2 * verdict["sent"], types
    for mark in ("retransmission", "replayed", "duplicate", "out_of_order", "nak"):
        assert len(marks[mark]) > 3, f"the capture has no {mark} to speak of"
    assert not marks["ack_beyond"], sorted(marks["ack_beyond"])[:10]
    whole = ("holdfast.number", "holdfast.ack_number", "holdfast.handle.tag", "holdfast.window",
             "holdfast.message")
    names = (*FAULTS, *MARKS, *whole, "holdfast.type")
    found = capture.columns(path, folder, names)
    assert not any(found[name] for name in FAULTS), {name: found[name] for name in FAULTS}
    for mark in MARKS:
        expected = marks[mark.rsplit(".", 1)[1]]
        assert set(found[mark]) == expected, (mark, sorted(set(found[mark]) ^ expected)[:10])
    told = collections.Counter(wire.NAMES[int(n)] for n in found["holdfast.type"].values())
    assert told == types, (told, types)
    data_packets = {k for k, n in found["holdfast.type"].items() if int(n) == wire.TYPE["DATA"]}
    for name in whole:
        assert data_packets <= set(found[name]), name
    assert capture.columns(path, folder, names, "-2") == found


def main():
    if shutil.which("tshark") is None:
        print("skipped: no tshark")
        return 77
    with tempfile.TemporaryDirectory(prefix="holdfast-dissector-") as folder:
        os.chmod(folder, 0o755)
        globals()["test_" + sys.argv[2]](sys.argv[1], folder)
    print("ok", sys.argv[2])
    return 0


if __name__ == "__main__":
    sys.exit(main())
