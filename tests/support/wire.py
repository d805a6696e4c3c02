# SPDX-License-Identifier: BSD-3-Clause
"""The protocol spoken by hand: an endpoint of one UDP socket that shares no code with Holdfast.

What it knows comes from docs/protocol.md. Tests use it to say what a well-behaved library never
would, and to look at each frame.
"""
import os
import select
import socket
import struct
import time

import msgpack

NAMES = [
    None, "HELLO", "RETRY", "WELCOME", "REJECT", "OPEN", "OPEN_ACK", "DATA", "ACK", "NAK",
    "DATAGRAM", "HEARTBEAT", "HEARTBEAT_ACK", "EVENT", "EVENT_ACK", "CLOSE", "CLOSE_ACK",
    "UNKNOWN", "SLEEP", "CONFIRM",
]
TYPE = {name: number for number, name in enumerate(NAMES) if name}
RESUME, REPLAYED, MORE, BUNDLE = 0x08, 0x04, 0x01, 0x02
HEADER = struct.Struct(">BBBBHHQII")


class Frame:
    """One frame: its header's fields, its body, the bytes it came in."""

    def __init__(self, data):
        (self.version, self.number, self.flags, self.channel, self.window, self.aux, self.handle,
         self.seq, self.ack) = HEADER.unpack(data[:24])
        self.name = NAMES[self.number] if 0 < self.number < len(NAMES) else "?"
        self.body = data[24:]
        self.data = data

    def options(self, at):
        rest = self.body[at:]
        return msgpack.unpackb(rest, strict_map_key=False) if rest else {}

    @property
    def epoch(self):
        return struct.unpack(">I", self.body[16:20])[0]

    @property
    def triples(self):
        return [struct.unpack(">QQQ", self.body[40 + 24 * k:64 + 24 * k])
                for k in range(self.body[21])]

    @property
    def code(self):
        at = 20 if self.name == "REJECT" else 0
        return struct.unpack(">H", self.body[at:at + 2])[0]

    @property
    def standing(self):
        return struct.unpack(">I", self.body[28:32])[0]

    def __repr__(self):
        return (f"{self.name} handle={self.handle:x} channel={self.channel} seq={self.seq} "
                f"ack={self.ack} aux={self.aux} flags={self.flags:#x} {len(self.body)} bytes")


def encode(name, body=b"", flags=0, channel=0, window=0, aux=0, handle=0, seq=0, ack=0, version=1):
    number = TYPE[name] if isinstance(name, str) else name
    return HEADER.pack(version, number, flags, channel, window, aux, handle, seq & 0xffffffff,
                       ack & 0xffffffff) + body


def block(session, epoch, role=0, triples=((0, 0, 0),), lane=0, cookie=bytes(16)):
    return (session + struct.pack(">IBBH", epoch, role, len(triples), lane) + cookie +
            b"".join(struct.pack(">QQQ", *triple) for triple in triples))


class Endpoint:
    """A socket towards the gateway. Answers HEARTBEATs, unless told not to."""

    def __init__(self, gateway, bind=None):
        family = socket.AF_INET6 if ":" in gateway[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        if bind:
            self.socket.bind((bind, 0))
        self.socket.connect(gateway)
        self.alive = True
        self.seen = []

    def close(self):
        self.socket.close()

    def send(self, name, body=b"", **fields):
        self.socket.send(encode(name, body, **fields))

    def receive(self, timeout=1.0):
        """The next frame, or None."""
        until = time.monotonic() + timeout
        while True:
            left = until - time.monotonic()
            if left < 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            try:
                frame = Frame(self.socket.recv(9000))
            except ConnectionRefusedError:
                continue
            self.seen.append(frame.name)
            if frame.name == "HEARTBEAT" and self.alive:
                self.send("HEARTBEAT_ACK", frame.body, handle=frame.handle, aux=frame.aux)
            return frame

    def expect(self, *names, timeout=2.0):
        """The next frame of one of these types; others are passed over."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            frame = self.receive(until - time.monotonic())
            if frame is not None and frame.name in names:
                return frame
        raise AssertionError(f"no {' or '.join(names)}; seen {self.seen[-12:]}")

    def none_of(self, *names, timeout=0.4):
        """Nothing of these types comes for a while."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            frame = self.receive(until - time.monotonic())
            assert frame is None or frame.name not in names, f"unexpected {frame}"

    def hello(self, session, epoch, options, role=0, triples=((0, 0, 0),), lane=0, flags=0,
              cookie=None, version=1):
        """HELLO, and with the cookie of the RETRY again. Returns the answer to that."""
        packed = msgpack.packb(options)
        triples = () if role == 1 else triples

        def say(with_cookie):
            data = encode("HELLO", block(session, epoch, role, triples, lane, with_cookie) + packed,
                          flags=flags, version=version)
            self.socket.send(data.ljust(1200, b"\0"))

        if cookie is None:
            say(bytes(16))
            cookie = self.expect("RETRY").body[20:36]
        self.cookie = cookie
        say(cookie)

    def confirm(self, handle, epoch):
        self.send("CONFIRM", struct.pack(">I", epoch), handle=handle)


class Client(Endpoint):
    """A client with one session of one channel."""

    def __init__(self, gateway, service="echo", bind=None, **wishes):
        super().__init__(gateway, bind)
        self.session = os.urandom(16)
        self.epoch = 0
        self.options = {"services": [service], **wishes}
        self.handle = 0
        self.bind = bind
        self.gateway = gateway

    def attempt(self, triple=(0, 0, 0), resume=False):
        """One attempt up to WELCOME or REJECT, which it returns."""
        self.epoch += 1
        self.hello(self.session, self.epoch, self.options, triples=(triple,),
                   flags=RESUME if resume else 0)
        return self.expect("WELCOME", "REJECT", timeout=3.0)

    def open(self, triple=(0, 0, 0), resume=False):
        """One attempt, confirmed."""
        welcome = self.attempt(triple, resume)
        assert welcome.name == "WELCOME", f"rejected with {welcome.code}"
        self.handle = welcome.handle
        self.confirm(self.handle, self.epoch)
        self.expect("ACK")
        return welcome

    def data(self, seq, body, ack=0, window=256, flags=0):
        self.send("DATA", body, seq=seq, ack=ack, window=window, flags=flags, handle=self.handle)

    def fresh_socket(self, bind=None):
        self.socket.close()
        Endpoint.__init__(self, self.gateway, bind or self.bind)


class Backend(Endpoint):
    """A backend with one lane. It opens what it is asked to; the test plays the rest."""

    def __init__(self, gateway, service="echo", name="b1", instance=7, bind=None):
        super().__init__(gateway, bind)
        self.session = os.urandom(16)
        self.options = {"service": service, "backend": name, "instance": instance, "capacity": 0}
        self.epoch = 0
        self.opened = {}

    def register(self):
        self.epoch += 1
        self.hello(self.session, self.epoch, self.options, role=1)
        answer = self.expect("WELCOME", "REJECT")
        if answer.name == "WELCOME":
            self.handle = answer.handle
            self.confirm(self.handle, self.epoch)
            self.expect("ACK")
        return answer

    def answer_open(self, code=0, triple=(0, 0, 0), timeout=2.0):
        frame = self.expect("OPEN", timeout=timeout)
        self.opened[frame.handle] = frame.epoch
        self.open_ack(frame, code, triple)
        return frame

    def open_ack(self, frame, code=0, triple=(0, 0, 0), epoch=None):
        self.send("OPEN_ACK", struct.pack(">HHI", code, 0, epoch or frame.epoch) +
                  struct.pack(">QQQ", *triple), channel=frame.channel, handle=frame.handle,
                  window=256)
