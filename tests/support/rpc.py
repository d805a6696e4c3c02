# SPDX-License-Identifier: BSD-3-Clause
"""The control socket as a test asks it: one request, one connection."""
import socket

import msgpack


def call(path, method, params=None, seconds=5):
    """The result of a method; None where nobody answers. RuntimeError with what is refused."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(seconds)
        try:
            control.connect(path)
            control.sendall(msgpack.packb([0, 1, method, [params or {}]]))
            unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
            while True:
                data = control.recv(65536)
                if not data:
                    return None
                unpacker.feed(data)
                for _, _, error, result in unpacker:
                    if error is not None:
                        raise RuntimeError(error)
                    return result
        except OSError:
            return None
