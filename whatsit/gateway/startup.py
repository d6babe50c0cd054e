"""Settings of the gateway that `whatsit serve` starts, from its options."""

from __future__ import annotations

from pathlib import Path

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.gateway.guard import is_loopback
from whatsit.gateway.keys import KeyFile, KeyRing, Role, default_keys_file
from whatsit.gateway.settings import DEFAULT_CATALOGUE


def choose_keys(host: str, keys: Path | None, open_role: str | None) -> tuple[Path | None, str | None]:
    """Return the file of keys and the role of callers without one.

    On a loopback address no key is needed unless a file is named.

    Args:
        host: address to listen on.
        keys: file that the operator named.
        open_role: role that the operator gives to everybody.

    Raises:
        InvalidInput: the address is not a loopback address and there are neither keys nor an open role.
    """
    if open_role is not None:
        role = Role.parse(open_role)
        if role is not Role.SEARCH and not is_loopback(host):
            raise InvalidInput(
                f"--open {open_role} on {host} lets everybody change the catalogue: --open search alone."
            )
        open_role = role.name.lower()
    file = keys or default_keys_file()
    if keys is None and is_loopback(host):
        return (file if file.is_file() else None), open_role or "admin"
    if not len(KeyRing(KeyFile(file))) and open_role is None:
        raise InvalidInput(
            f"{host} is open to others and there are no keys in {file}: make one with `whatsit keys add NAME --role "
            "search`, or allow searches without keys by --open search."
        )
    return file, open_role


def parse_catalogues(given: list[str]) -> dict[str, Path]:
    """Return name -> folder of options such as DIR, or NAME=DIR several times; the first is the default.

    Raises:
        InvalidInput: a name is given twice or is none, or one of several has no name.
    """
    found: dict[str, Path] = {}
    for text in given:
        name, separator, folder = text.partition("=")
        if not separator or Path(text).is_dir():
            name, folder = DEFAULT_CATALOGUE, text
        if not name.replace("-", "").replace("_", "").isalnum() or not folder:
            raise InvalidInput(
                f"'{text}' names no catalogue: write --catalogue NAME=DIR, the name of letters and digits."
            )
        if name in found:
            raise InvalidInput(f"Two catalogues are named '{name}': write --catalogue NAME=DIR for each.")
        found[name] = Path(folder)
    return found


def check_tls(cert: Path | None, key: Path | None) -> None:
    """Refuse a certificate without its key, or one that cannot be loaded.

    Raises:
        InvalidInput: one of the two is missing, or they do not belong together.
        Unavailable: a file cannot be read.
    """
    import ssl

    if (cert is None) != (key is None):
        raise InvalidInput("TLS needs both --tls-cert and --tls-key.")
    if cert is not None and key is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
        except ssl.SSLError as error:
            raise InvalidInput(f"{cert} and {key} are no certificate and its key ({error.reason}).") from error
        except OSError as error:
            raise Unavailable(
                f"The certificate cannot be read ({error.filename or cert}: {error.strerror})."
            ) from error
