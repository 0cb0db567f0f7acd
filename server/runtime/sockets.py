"""Listening sockets: how one is opened, its address as a URL, and how it stops accepting without a reset."""

import ctypes
import socket
import struct
import sys
from contextlib import suppress

BACKLOG = 2048  # connections in the accept queue

_SO_ATTACH_FILTER = 26  # Linux; the module `socket` does not define it
# Classic BPF: load the TCP flags (byte 13), mask SYN and ACK; drop the segment if only SYN is set, else accept it.
_DROP_SYN = b"".join(
    struct.pack("HBBI", *step)
    for step in ((0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
)


def listen(host: str, port: int) -> socket.socket:
    """Listen on a TCP port, 0 for any free one. Raises OSError if the port is taken or not allowed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    # Accepted connections inherit this. Without it every response waits 40 ms (Nagle and delayed ACK): asyncio sets it
    # only on a socket whose protocol is TCP, and create_server leaves the protocol 0.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url(listener: socket.socket) -> str:
    """The http URL of a listening socket, without a path."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def stop_accepting(listener: socket.socket) -> None:
    """Drop new SYNs, so that the accept queue can drain before the listener is closed.

    Closing a listener resets every connection in its accept queue, requests included. With SYNs dropped none is added:
    clients retransmit after a second, and the closed port refuses them. Linux only; some container sandboxes forbid it.
    """
    if sys.platform == "linux":
        program = ctypes.create_string_buffer(_DROP_SYN, len(_DROP_SYN))
        descriptor = struct.pack("HP", len(_DROP_SYN) // 8, ctypes.addressof(program))  # struct sock_fprog
        with suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, descriptor)
