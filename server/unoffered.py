"""What this server has none of: resources, prompts, and completions for them.

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
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
)

Context = ServerRequestContext[Any]


async def list_resources(_: Context, __: PaginatedRequestParams | None) -> ListResourcesResult:
    """None."""
    return ListResourcesResult(resources=[])


async def list_resource_templates(_: Context, __: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
    """None."""
    return ListResourceTemplatesResult(resource_templates=[])


async def read_resource(_: Context, params: ReadResourceRequestParams) -> NoReturn:
    """There is none to read."""
    raise MCPError(code=INVALID_PARAMS, message="Unknown resource", data={"uri": str(params.uri)})


async def list_prompts(_: Context, __: PaginatedRequestParams | None) -> ListPromptsResult:
    """None."""
    return ListPromptsResult(prompts=[])


async def get_prompt(_: Context, params: GetPromptRequestParams) -> NoReturn:
    """There is none to get."""
    raise MCPError(code=INVALID_PARAMS, message=f"Unknown prompt: {params.name}")


async def complete(_: Context, __: CompleteRequestParams) -> CompleteResult:
    """Nothing to suggest."""
    return CompleteResult(completion=Completion(values=[]))
