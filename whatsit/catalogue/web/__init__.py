"""Pictures from the web: bounded, and never from this machine's own network unless that is allowed."""

from whatsit.catalogue.web.download import Downloads

__all__ = ["Downloads"]
