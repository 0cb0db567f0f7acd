"""Logs: what an exception of this program or of a library leaves on stderr."""

import asyncio
import sys

import pytest
from support.hosting import PATIENCE, environment

pytestmark = pytest.mark.anyio

FAULT = """
import logging
from server.runtime.logs import configure
configure("DEBUG")
try:
    raise ValueError("MARK-of-a-private-text")
except ValueError:
    logging.getLogger("some.library").exception("it failed")
logging.getLogger("some.library").error("without a fault", exc_info=True)
logging.getLogger("some.library").info("GET https://MARK")
logging.getLogger("httpx").debug("Authorization: MARK")
logging.getLogger("clicksend_mcp").debug("a word of our own")
"""


async def test_an_exception_is_logged_by_kind_and_place_and_never_by_its_text() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FAULT, env=environment(), stderr=asyncio.subprocess.PIPE
    )
    _, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
    lines = errors.decode().splitlines()
    assert process.returncode == 0
    assert "MARK" not in errors.decode()
    assert "ERROR some.library: it failed" in lines[0]
    assert lines[1] == "ValueError at <string>:6"
    assert "DEBUG clicksend_mcp: a word of our own" in lines[-1]
    assert len(lines) == 5
