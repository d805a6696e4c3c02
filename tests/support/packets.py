# SPDX-License-Identifier: BSD-3-Clause
"""Packets made and read byte by byte, for tests that send what no kernel would.

Frames from the Ethernet header on. Every header field can be given, so that it can be wrong.
"""
import ipaddress
import socket
import struct

IPV4, IPV6, ARP, VLAN = 0x0800, 0x86dd, 0x0806, 0x8100
UDP, ICMP, ICMPV6 = 17, 1, 58


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def packed(address):
    return ipaddress.ip_address(address).packed


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ethernet(destination, source, kind, payload):
    return destination + source + struct.pack(">H", kind) + payload


def vlan(tag, kind, payload):
    return struct.pack(">HH", tag, kind) + payload


def ipv4(source, destination, payload, protocol=UDP, options=b"", fragment=0, version=4,
         header=None, total=None, wrong_by=0):
    """header: the header's length in words that it claims; total: the length that it claims."""
    words = 5 + len(options) // 4
    total = 4 * words + len(payload) if total is None else total
    head = struct.pack(">BBHHHBBH4s4s", version << 4 | (words if header is None else header), 0,
                       total, 1, fragment, 64, protocol, 0, packed(source),
                       packed(destination)) + options
    good = (checksum(head) + wrong_by) & 0xffff
    return head[:10] + struct.pack(">H", good) + head[12:] + payload


def ipv6(source, destination, payload, following=UDP, length=None, version=6):
    return struct.pack(">IHBB", version << 28, len(payload) if length is None else length,
                       following, 64) + packed(source) + packed(destination) + payload


def pseudo(source, destination, bytes_count, protocol):
    ends = packed(source) + packed(destination)
    return ends + (struct.pack(">BBH", 0, protocol, bytes_count) if len(ends) == 8 else
                   struct.pack(">II", bytes_count, protocol))


def udp(source, destination, source_port, port, payload, length=None, wrong_by=0, none=False):
    bytes_count = 8 + len(payload)
    head = struct.pack(">HHHH", source_port, port, bytes_count if length is None else length, 0)
    good = checksum(pseudo(source, destination, bytes_count, UDP) + head + payload) or 0xffff
    return head[:6] + struct.pack(">H", 0 if none else (good + wrong_by) & 0xffff) + payload


def arp(operation, hardware, sender, target, kind=1, protocol=IPV4, hardware_bytes=6,
        protocol_bytes=4):
    return struct.pack(">HHBBH6s4s6s4s", kind, protocol, hardware_bytes, protocol_bytes, operation,
                       hardware, packed(sender), bytes(6), packed(target))


def echo(payload, kind=8, wrong_by=0):
    head = struct.pack(">BBHHH", kind, 0, 0, 7, 1)
    good = (checksum(head + payload) + wrong_by) & 0xffff
    return head[:2] + struct.pack(">H", good) + head[4:] + payload


def icmpv6(source, destination, kind, body, wrong_by=0):
    data = struct.pack(">BBH", kind, 0, 0) + body
    good = (checksum(pseudo(source, destination, len(data), ICMPV6) + data) + wrong_by) & 0xffff
    return data[:2] + struct.pack(">H", good) + data[4:]


def destination_of(frame):
    """The IP address that an answer goes to, or None."""
    kind = struct.unpack(">H", frame[12:14])[0]
    if kind == IPV4:
        return socket.inet_ntoa(frame[30:34])
    if kind == IPV6:
        return str(ipaddress.ip_address(frame[38:54]))
    if kind == ARP:
        return socket.inet_ntoa(frame[38:42])
    return None
