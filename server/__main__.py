"""`python -m server` is the command `clicksend-mcp`, where nothing else goes by the name `server`."""

from server.start import main

main()
