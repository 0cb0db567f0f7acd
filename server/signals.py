"""Signals: how a person or a host asks a serving process to end."""

import signal

import anyio


async def stop_signal() -> signal.Signals:
    """Wait for SIGTERM or SIGINT and return which it was; on Windows, which has no such signals, wait for ever."""
    try:
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for number in signals:
                return number
    except NotImplementedError:
        pass
    while True:
        await anyio.sleep_forever()
