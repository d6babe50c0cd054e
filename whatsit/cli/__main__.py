"""`python -m whatsit.cli`: the command line without the script `whatsit` on the path."""

from whatsit.cli import main

main()
