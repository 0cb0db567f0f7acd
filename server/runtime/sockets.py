"""Listening sockets: one that answers promptly, its address as a URL, and how it ends without losing anybody."""

import ctypes
import socket
import struct
import sys
from contextlib import suppress

BACKLOG = 2048  # connections that may wait to be accepted

_SO_ATTACH_FILTER = 26  # of Linux; Python does not name it
# A socket filter: of a TCP segment's flags (byte 13) look at SYN and ACK; drop it if it is SYN alone, else keep it.
_NO_NEWCOMERS = b"".join(
    struct.pack("HBBI", *step)
    for step in ((0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))
)


def listen(host: str, port: int) -> socket.socket:
    """Listen on a TCP port, 0 for any free one. Raises OSError if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    # Accepted connections inherit this. Without it every answer waits 40 ms: asyncio only sets it itself
    # where the socket names its protocol, and create_server does not.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url(listener: socket.socket) -> str:
    """The http URL of a listening socket, without a path."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def stop_accepting(listener: socket.socket) -> None:
    """Let nobody begin to connect any more; those who have begun still can be accepted.

    Closing a listener resets the connections that wait to be accepted, with the requests in them. So that none waits
    then, the kernel drops what newcomers send; they try again a second later, and are refused by the closed port at
    once. Only Linux can do that, and not every sandbox of containers lets it.
    """
    if sys.platform == "linux":
        program = ctypes.create_string_buffer(_NO_NEWCOMERS, len(_NO_NEWCOMERS))
        described = struct.pack("HP", len(_NO_NEWCOMERS) // 8, ctypes.addressof(program))
        with suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
