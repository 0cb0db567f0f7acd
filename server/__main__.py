"""`python -m server` is the command `clicksend-mcp`."""

from server.cli import main

main()
