"""A stand-in for ClickSend in its own process, as fast as possible: a bare asyncio protocol.

The sandbox would be too slow: it keeps, checks and prices every message and runs on Starlette, so the benchmark would
measure the upstream. `PUT /_latency/50` delays all later answers by 50 ms; `GET /_served` returns how many there were.
"""

import asyncio
import sys

from answers import PAGES, sent


class Stand:
    """State that all connections share."""

    latency = 0.0  # seconds
    served = 0

    def answer(self, line: str, body: bytes) -> tuple[int, bytes, float]:
        """Status, body and delay in seconds."""
        method, target, _ = line.split(" ", 2)
        path = target.partition("?")[0]
        if path.startswith("/_"):
            if method == "PUT":
                self.latency = int(path.rpartition("/")[2]) / 1000
            return 200, b"%d" % self.served, 0
        self.served += 1
        if method == "POST" and path == "/v3/sms/send":
            return 200, sent(body), self.latency
        if method == "GET" and path in PAGES:
            return 200, PAGES[path], self.latency
        return 404, b'{"http_code":404,"response_code":"NOT_FOUND","response_msg":"Not here.","data":null}', 0


class Connection(asyncio.Protocol):
    """One persistent connection; requests come one after the other."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._received = bytearray()
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].decode("latin-1")
            start = end + 4
            length = 0
            for line in head.split("\r\n")[1:]:
                name, _, value = line.partition(":")
                if name.lower() == "content-length":
                    length = int(value)
            if len(self._received) < start + length:
                return
            body = bytes(self._received[start : start + length])
            del self._received[: start + length]
            status, answer, latency = self._stand.answer(head.partition("\r\n")[0], body)
            head_out = (
                f"HTTP/1.1 {status} OK\r\ncontent-type: application/json\r\ncontent-length: {len(answer)}\r\n\r\n"
            )
            whole = head_out.encode() + answer
            if latency:
                asyncio.get_running_loop().call_later(latency, self._write, whole)
            else:
                self._write(whole)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


async def serve() -> None:
    """Listen on a free port, print it on stdout, and serve until killed."""
    stand = Stand()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(stand), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
