"""A FastMCP server generated from an OpenAPI document, over the httpx2 that it requires; runs in `.bench/`.

`python generated.py stdio|http OPENAPI.json`.
"""

import json
import os
import sys
from pathlib import Path

import httpx2
from fastmcp import FastMCP


def main() -> None:
    """Serve the document's operations as tools."""
    document = json.loads(Path(sys.argv[2]).read_text("utf-8"))
    account = (os.environ["CLICKSEND_USERNAME"], os.environ["CLICKSEND_API_KEY"])
    client = httpx2.AsyncClient(base_url=os.environ["CLICKSEND_BASE_URL"], auth=account, timeout=60)
    server = FastMCP.from_openapi(openapi_spec=document, client=client, name="generated")
    if sys.argv[1] == "http":
        server.run("http", host="127.0.0.1", port=int(os.environ["PORT"]), show_banner=False, log_level="ERROR")
    else:
        server.run("stdio", show_banner=False, log_level="ERROR")


main()
