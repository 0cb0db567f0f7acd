"""Open files: a server has room for its connections wherever it is started."""

import resource
import sys

import pytest
from hosting import running_http

from server.hosting import serve

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(sys.platform != "linux", reason="reads the limits of a process")]


async def test_the_usual_limit_of_open_files_is_raised() -> None:
    """M2: 1,024 files, and fewer silent connections than that, would shut out questions of health."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1_024, before[1]))
    try:
        async with running_http() as (program, _):
            soft, hard = resource.prlimit(program.process.pid, resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert soft == min(serve._MOST_CONNECTIONS + serve._OWN_FILES, hard)
