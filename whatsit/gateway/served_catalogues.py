"""The catalogues that a gateway serves now, each with its reader and writer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from whatsit.gateway.catalogue_writer import CatalogueWriter
from whatsit.gateway.catalogues import CatalogueReader
from whatsit.gateway.problems import Problem
from whatsit.gateway.settings import Settings
from whatsit.serving.catalogue_file import FollowedCatalogues, unknown_catalogue


class ServedCatalogues:
    """Names of the catalogues, and what reads and writes them; follows the file.

    Reader and writer are dropped with their catalogue: requests that use them keep them until they end.

    Args:
        settings: of the gateway.

    Raises:
        WhatsitError: there is a file of catalogues and it cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        self._models, self._read_only = settings.model_repository, settings.read_only
        file = settings.catalogues_file
        self.may_change = file is not None
        self._folders: Callable[[], dict[str, Path]] = (
            (lambda: settings.catalogues) if file is None else FollowedCatalogues(file)
        )
        self._readers: dict[tuple[str, Path], CatalogueReader] = {}
        self._writers: dict[tuple[str, Path], CatalogueWriter] = {}

    def names(self) -> list[str]:
        """Return the names, the default one first."""
        return list(self._now())

    @property
    def default(self) -> str:
        """Name of the catalogue that a request without a name means."""
        return next(iter(self._now()))

    def __contains__(self, name: object) -> bool:
        return name in self._now()

    def folder(self, name: str) -> Path:
        """Return the folder of a catalogue.

        Raises:
            InvalidInput: there is none of this name.
        """
        folders = self._now()
        if name not in folders:
            raise unknown_catalogue(name, folders)
        return folders[name]

    def reader(self, name: str) -> CatalogueReader:
        """Return the reader of a catalogue.

        Raises:
            Problem: 404 where there is none of this name.
        """
        key = self._key(name)
        if key not in self._readers:
            self._readers[key] = CatalogueReader(key[1], self._models)
        return self._readers[key]

    def writer(self, name: str) -> CatalogueWriter:
        """Return what changes a catalogue without Triton: decisions, jobs, counts.

        Raises:
            Problem: 404 where there is none of this name.
        """
        key = self._key(name)
        if key not in self._writers:
            self._writers[key] = CatalogueWriter(key[1], self._models, self._read_only)
        return self._writers[key]

    def _key(self, name: str) -> tuple[str, Path]:
        folders = self._now()
        if name not in folders:
            raise Problem(404, str(unknown_catalogue(name, folders)))
        return name, folders[name]

    def _now(self) -> dict[str, Path]:
        folders = self._folders()
        for key in [key for key in {*self._readers, *self._writers} if folders.get(key[0]) != key[1]]:
            self._readers.pop(key, None)
            self._writers.pop(key, None)
        return folders
