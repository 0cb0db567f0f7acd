"""The sandbox as people start it: the command in a process of its own."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from server.sandbox.serve import RunningSandbox
from support.hosting import PATIENCE, PROGRAM, environment


@contextmanager
def sandbox_process(*arguments: str) -> Iterator[RunningSandbox]:
    """`clicksend-mcp sandbox` on a free port; it must exit by itself on SIGTERM."""
    with subprocess.Popen(
        [*PROGRAM, "sandbox", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        try:
            assert process.stdout
            said = [process.stdout.readline() for _ in range(3)]
            running = RunningSandbox(re.findall(r" at (\S+): ", said[0])[0], "sandbox", "sandbox")
            assert said[2].split()[-1] == running.inbox
            yield running
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
