"""Signals: how a person or a host stops a server."""

import signal

import anyio

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def stop_signal() -> signal.Signals:
    """Wait for SIGTERM or SIGINT, and return it; on Windows, where asyncio cannot receive them, wait forever.

    Later ones are ignored: a second would kill the process in the middle of a paid call.
    """
    try:
        with anyio.open_signal_receiver(*_STOP_SIGNALS) as signals:
            number = await anext(aiter(signals))
    except NotImplementedError:
        await anyio.sleep_forever()
    for further in _STOP_SIGNALS:
        signal.signal(further, signal.SIG_IGN)
    return number
