"""The commands that run once and end. Each imports what it needs when it runs."""

import argparse
import json
import os
import sys
import time

from server.cli import usage
from server.cli.startup import settings_of
from server.cli.usage import fail
from server.config.settings import from_environment
from server.runtime.streams import errors_lost


def demo(_: argparse.Namespace) -> int:
    """Play an agent's day against the sandbox; the exit status."""
    from server.cli.demo import run

    return run()


def check(arguments: argparse.Namespace) -> int:
    """Check account, ledger and limits, and print what was found; 1 if something is wrong."""
    import anyio

    from server.cli.check import Findings, inspect

    async def inspected() -> Findings:
        async with settings_of(arguments.sandbox, serves=False) as settings:
            return await inspect(settings)

    findings = anyio.run(inspected)
    if findings.lines:
        print("\n".join(findings.lines))
    for problem in findings.problems:
        fail(problem)
    return 1 if findings.problems else 0


def tools(arguments: argparse.Namespace) -> int:
    """Print the catalogue; the exit status."""
    from tools.reference import as_json, as_text

    print(as_json() if arguments.json else as_text())
    return 0


def call(arguments: argparse.Namespace) -> int:
    """Call one action, print its result and end the process. Returns only for wrong use, with its exit status."""
    from server.cli.call import WrongUse, arguments_from, run

    try:
        values = arguments_from("{}" if arguments.arguments is None else arguments.arguments)
        settings = settings_of(arguments.sandbox, serves=False)
        run(arguments.action, values, settings, data_alone=arguments.data)
    except WrongUse as fault:
        return fail(str(fault))


def token(arguments: argparse.Namespace) -> int:
    """Make a token, print it on stderr and its entry for the file of callers on stdout; the exit status."""
    from server.hosting.callers_file import NAME_RULE, is_name, new_token

    if not is_name(arguments.name):
        return fail(f"the name of a caller has {NAME_RULE}")
    token, digest = new_token()
    print(f"The caller's token, shown only now: {token}", file=sys.stderr)
    if errors_lost():
        return 1  # nobody has seen the token, so its entry would be useless
    print(f'[[caller]]\nname = {json.dumps(arguments.name)}\ntoken_sha256 = "{digest}"')
    return 0


def ledger(arguments: argparse.Namespace) -> int:
    """Print the sends of the last days, or delete old ones; the exit status."""
    from server.cli.prune import NotPruned, in_words, prune
    from server.ledger.errors import LedgerUnavailable
    from server.ledger.export import as_json_lines, as_table
    from server.ledger.ledger import DAY, Ledger, default_location

    if arguments.yes and arguments.prune is None:
        return fail("--yes goes with --prune")
    settings = from_environment(os.environ)
    ledger = Ledger(settings.ledger.location or default_location())
    try:
        ledger.verify()
        if arguments.prune is not None:
            count = prune(ledger, arguments.prune, settings, now=time.time(), unasked=arguments.yes)
            print(f"{in_words(count)} deleted.")
            return 0
        since = time.time() - arguments.days * DAY
        slug = arguments.action.slug if arguments.action else None
        entries = ledger.entries(since=since, state=arguments.state, action=slug)
    except NotPruned as fault:
        return fail(str(fault))
    except LedgerUnavailable as fault:
        return fail(f"the ledger cannot be used ({fault}): look at CLICKSEND_MCP_LEDGER", status=1)
    finally:
        ledger.close()
    if entries or not arguments.json:
        print(as_json_lines(entries) if arguments.json else as_table(entries))
    return 0


def settings(_: argparse.Namespace) -> int:
    """Print every setting by theme; the exit status."""
    print(usage.settings())
    return 0
