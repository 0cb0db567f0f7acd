"""`python -m server` is the command `clicksend-mcp`."""

from server.start import main

main()
