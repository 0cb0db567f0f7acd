"""Handlers for what this server does not have: resource templates, prompts, and their completions.

Hosts ask for them all the same, so they are answered with empty lists.
"""

from typing import Any, NoReturn

from mcp import MCPError
from mcp.server import ServerRequestContext
from mcp.types import (
    INVALID_PARAMS,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    GetPromptRequestParams,
    ListPromptsResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
)

Context = ServerRequestContext[Any]


async def list_resource_templates(_: Context, __: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
    """There are no templates."""
    return ListResourceTemplatesResult(resource_templates=[])


async def list_prompts(_: Context, __: PaginatedRequestParams | None) -> ListPromptsResult:
    """There are no prompts."""
    return ListPromptsResult(prompts=[])


async def get_prompt(_: Context, params: GetPromptRequestParams) -> NoReturn:
    """Raise MCPError: there are no prompts."""
    raise MCPError(code=INVALID_PARAMS, message=f"Unknown prompt: {params.name}")


async def complete(_: Context, __: CompleteRequestParams) -> CompleteResult:
    """There are no suggestions."""
    return CompleteResult(completion=Completion(values=[]))
