"""The entry point of the bundle, for a host that starts this file and not the command of the manifest.

It is not in server/, whose modules would then hide those of other packages with the same names.
"""

from server.start import main

main()
