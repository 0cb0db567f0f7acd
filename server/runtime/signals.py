"""Signals: how a person or a host asks a serving process to end."""

import signal

import anyio

_ASKING = (signal.SIGTERM, signal.SIGINT)


async def stop_signal() -> signal.Signals:
    """Wait for SIGTERM or SIGINT and return which it was; on Windows, which has no such signals, wait for ever.

    Further ones are ignored: a second would kill the process in the middle of a paid call.
    """
    try:
        with anyio.open_signal_receiver(*_ASKING) as signals:
            number = await anext(aiter(signals))
    except NotImplementedError:
        await anyio.sleep_forever()
    for further in _ASKING:
        signal.signal(further, signal.SIG_IGN)
    return number
