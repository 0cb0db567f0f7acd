"""What this server has none of: templates of resources, prompts, and completions for them.

Hosts ask for them all the same, so the lists are there, and empty.
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
    """None."""
    return ListResourceTemplatesResult(resource_templates=[])


async def list_prompts(_: Context, __: PaginatedRequestParams | None) -> ListPromptsResult:
    """None."""
    return ListPromptsResult(prompts=[])


async def get_prompt(_: Context, params: GetPromptRequestParams) -> NoReturn:
    """There is none to get."""
    raise MCPError(code=INVALID_PARAMS, message=f"Unknown prompt: {params.name}")


async def complete(_: Context, __: CompleteRequestParams) -> CompleteResult:
    """Nothing to suggest."""
    return CompleteResult(completion=Completion(values=[]))
