"""`python -m whatsit.cli`: the command line without the script `whatsit`."""

from whatsit.cli import main

main()
