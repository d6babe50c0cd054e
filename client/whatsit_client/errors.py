"""Errors of Whatsit; each message is one sentence with what to do."""


class WhatsitError(Exception):
    """Anything that Whatsit refuses or cannot do."""


class InvalidInput(WhatsitError, ValueError):
    """The caller's image, option, file or recipe is wrong.

    Trying again unchanged does not help.

    Args:
        message: the sentence.
        reason: its kind, for statistics: "empty", "size", "format", "damaged" (of an image), "option", or "input".
    """

    def __init__(self, message: str = "", reason: str = "input") -> None:
        super().__init__(message)
        self.reason = reason


class Unavailable(WhatsitError, ConnectionError):
    """A server, port, library or package that is needed is missing.

    Trying again later may help.
    """


class TimedOut(Unavailable, TimeoutError):
    """The server did not answer in the time that the caller gave it."""


class Damaged(WhatsitError):
    """Files on disk do not fit together.

    A checksum, a version or an embedder fingerprint differs.
    """
