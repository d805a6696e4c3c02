# SPDX-License-Identifier: BSD-3-Clause
"""A client of the control socket as anybody would write one: a Unix socket and stock msgpack."""
import os
import socket
import time

import msgpack

RESPONSE, NOTIFICATION = 1, 2


class Refused(Exception):
    """An answer with an error."""

    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']}")
        assert set(error) == {"code", "message"}, error
        self.code, self.message = error["code"], error["message"]


class Caller:
    """One connection. user: (user id, group id, further group ids) that it is made as."""

    def __init__(self, path, user=None, seconds=5):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
        self.notifications = []
        self.last = 0
        if user is None:
            self.socket.connect(path)
            return
        # The kernel notes who connects at the time of the call.
        groups = os.getgroups()
        os.setgroups(user[2])
        os.setegid(user[1])
        os.seteuid(user[0])
        try:
            self.socket.connect(path)
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, method, *params):
        """Sends a request; its id is the result."""
        self.last += 1
        self.send(msgpack.packb([0, self.last, method, list(params)]))
        return self.last

    def message(self):
        """The next message. EOFError where the gateway has closed the connection."""
        while True:
            for message in self.unpacker:
                return message
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            if not data:
                raise EOFError
            self.unpacker.feed(data)

    def answer(self):
        """The next answer: (id, error, result)."""
        while True:
            message = self.message()
            if message[0] == RESPONSE:
                assert len(message) == 4, message
                return tuple(message[1:])
            assert message[0] == NOTIFICATION and len(message) == 3 and len(message[2]) == 1
            self.notifications.append((message[1], message[2][0]))

    def call(self, method, **params):
        number = self.ask(method, params) if params else self.ask(method)
        answered, error, result = self.answer()
        assert answered == number, (answered, number)
        if error is not None:
            assert result is None, result
            raise Refused(error)
        return result

    def notification(self):
        """The next notification: (method, params)."""
        if not self.notifications:
            message = self.message()
            assert message[0] == NOTIFICATION and len(message[2]) == 1, message
            return message[1], message[2][0]
        return self.notifications.pop(0)

    def closed(self, seconds=5):
        """Whether the gateway closes the connection within this time, whatever it still says."""
        self.socket.settimeout(0.2)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                if not self.socket.recv(1 << 20):
                    return True
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                return True
        return False


def refusal(caller, method, **params):
    """The error of a call that must have one."""
    try:
        result = caller.call(method, **params)
    except Refused as refused:
        return refused
    raise AssertionError(f"{method} {params} was not refused: {result}")
