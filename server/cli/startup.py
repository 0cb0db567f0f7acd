"""The start of a command: its settings, and a sandbox that lives as long as the command."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from server.config.settings import Credentials, Settings, from_environment
from server.runtime.env import WrongSetting
from server.runtime.logs import announce

if TYPE_CHECKING:
    from server.sandbox.serve import RunningSandbox


@asynccontextmanager
async def settings_of(
    with_sandbox: bool,
    *,
    credentials_needed: bool = True,
    starts_anyhow: bool = False,
    serves: bool = True,
    port: int | None = None,
    serves_others: bool = False,
) -> AsyncIterator[Settings]:
    """The settings of the environment, or those of a sandbox that lives as long as this context.

    `starts_anyhow`: a wrong limit does not raise; each call is refused because of it. `serves`: whether somebody can
    look at the sandbox's inbox meanwhile. `serves_others`: whether callers may be others than the person who started
    it. `port`: of the sandbox. Raises WrongSetting.
    """
    try:
        settings = from_environment(os.environ, credentials_needed=credentials_needed and not with_sandbox)
    except WrongSetting as fault:
        if not starts_anyhow:
            raise
        settings = _refusing(str(fault))
    if not with_sandbox:
        yield settings
        return
    from server.sandbox.api.fetching import is_public
    from server.sandbox.serve import running_sandbox

    # The sandbox starts empty each time, and so does the ledger of what was sent to it.
    with TemporaryDirectory(prefix="clicksend-mcp-") as folder:
        async with AsyncExitStack() as stack:
            running = running_sandbox(port=port or 0, may_reach=is_public if serves_others else None)
            try:
                sandbox = await stack.enter_async_context(running)
            except OSError as fault:
                raise WrongSetting(f"the sandbox cannot listen on port {port}: {fault.strerror}") from None
            notice = f"Sandbox at {sandbox.url}: nothing is sent or paid. Inbox at {sandbox.inbox}"
            if not serves:
                notice = "Sandbox: nothing is sent or paid. This one ends with the call; `clicksend-mcp sandbox` stays"
            announce(notice, settings.log_format)
            yield _of_sandbox(settings, sandbox, folder, inbox=None if serves_others else sandbox.inbox)


def _refusing(problem: str) -> Settings:
    """Settings with which each call is refused: a host hides a server that exits, and with it the reason."""
    logs = {name: text for name, text in os.environ.items() if name.startswith("CLICKSEND_MCP_LOG_")}
    return replace(from_environment(logs, credentials_needed=False), config_error=problem)


def _of_sandbox(settings: Settings, sandbox: "RunningSandbox", folder: str, inbox: str | None) -> Settings:
    credentials = Credentials(sandbox.username, sandbox.api_key)
    ledger = settings.ledger
    if ledger.location is None:
        ledger = replace(ledger, location=f"{folder}/ledger.sqlite3")
    return replace(settings, credentials=credentials, base_url=sandbox.url, sandbox=True, inbox=inbox, ledger=ledger)
