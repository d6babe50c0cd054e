"""The catalogues that a server is started with, and their file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from whatsit_client.errors import InvalidInput

from whatsit.search.check_catalogue import check_catalogue
from whatsit.serving.catalogue_file import DEFAULT_CATALOGUE, check_name, read_catalogues, write_catalogues
from whatsit.serving.environment import CATALOGUE_VARIABLE, CATALOGUES_VARIABLE

_FILE = "catalogues.json"


class NamedCatalogues:
    """One catalogue without a name, or several with names, which may change.

    Args:
        given: the folder of one; name -> folder of several, the default one first; or the JSON file that names them,
            which the server follows while it runs.

    Raises:
        InvalidInput: a name is none, or none is given.
    """

    def __init__(self, given: Path | Mapping[str, Path]) -> None:
        self._named: dict[str, Path] | None = None
        self.file: Path | None = None  # that is followed and that is not the server's own
        self._checked = False
        if isinstance(given, Mapping):
            for name in given:
                check_name(name)
            if not given:
                raise InvalidInput("A server needs at least one catalogue: name one.")
            self._named = {name: Path(folder).resolve() for name, folder in given.items()}
        else:
            self._folder = given.resolve()
            self.file = self._folder if self._folder.is_file() else None

    def folders(self) -> dict[str, Path]:
        """Return name -> folder, the default one first.

        Raises:
            WhatsitError: the file cannot be read.
        """
        if self._named is not None:
            return self._named
        return {DEFAULT_CATALOGUE: self._folder} if self.file is None else read_catalogues(self.file)

    def check(self, model_repository: Path) -> None:
        """Refuse a catalogue that the server could not open.

        A server with several that is started again starts without those that were damaged meanwhile.

        Raises:
            WhatsitError: see `check_catalogue`.
        """
        several = self._named is not None or self.file is not None
        if not (several and self._checked):
            _check(self.folders(), model_repository)
        self._checked = True

    def variables(self, work: Path) -> dict[str, str]:
        """Return the environment variables that name the catalogues.

        Args:
            work: folder for the server's files.
        """
        if self._named is not None:
            self._write(work)
            return {CATALOGUES_VARIABLE: str(work / _FILE), CATALOGUE_VARIABLE: ""}
        if self.file is not None:
            return {CATALOGUES_VARIABLE: str(self.file), CATALOGUE_VARIABLE: ""}
        return {CATALOGUES_VARIABLE: "", CATALOGUE_VARIABLE: str(self._folder)}

    def replace(self, catalogues: Mapping[str, Path], model_repository: Path, work: Path | None) -> None:
        """Let these be the catalogues from now on.

        Args:
            catalogues: name -> folder, the default one first.
            model_repository: of the networks.
            work: the folder of a server that runs.

        Raises:
            WhatsitError: one cannot be opened, or the server was started with one catalogue without a name; nothing is
                changed then.
        """
        if self._named is None and self.file is None:
            raise InvalidInput("This server has one catalogue without a name: start it with names, {NAME: DIR}.")
        new = NamedCatalogues(catalogues).folders()
        known = self.folders()
        _check({name: folder for name, folder in new.items() if known.get(name) != folder}, model_repository)
        if self.file is not None:
            write_catalogues(self.file, new)
            return
        self._named = new
        if work is not None:
            self._write(work)

    def _write(self, work: Path) -> None:
        assert self._named is not None
        write_catalogues(work / _FILE, self._named)


def _check(folders: Mapping[str, Path], model_repository: Path) -> None:
    for folder in folders.values():
        check_catalogue(folder, model_repository)
