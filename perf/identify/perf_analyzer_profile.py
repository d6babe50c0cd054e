"""Profiles of load: which model, how many callers or how frequent arrivals; one YAML file each in `perf/profiles`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from whatsit_client.errors import InvalidInput

FOLDER = Path(__file__).resolve().parent / "profiles"


@dataclass(frozen=True)
class Profile:
    """One way to load one model or ensemble.

    Args:
        name: of the file.
        about: what it shows, one sentence.
        model: a model or an ensemble.
        concurrency: requests in flight, one measurement each.
        poisson: shares of the rate that eight callers reach, for arrivals at random; one measurement each.
        batch: items of one request, for models with a batch.
        shared_memory: inputs and outputs go through shared memory of the machine.
    """

    name: str
    about: str
    model: str
    concurrency: tuple[int, ...] = ()
    poisson: tuple[float, ...] = ()
    batch: int = 1
    shared_memory: bool = False

    def __post_init__(self) -> None:
        if not (self.concurrency or self.poisson):
            raise InvalidInput(f"The profile {self.name} has no load: give it concurrency or poisson.")
        if any(number < 1 for number in (*self.concurrency, self.batch)):
            raise InvalidInput(f"The profile {self.name} names a concurrency or a batch below 1.")
        if any(not 0 < share <= 1 for share in self.poisson):
            raise InvalidInput(f"The profile {self.name} names a share outside 0..1.")

    @classmethod
    def read(cls, path: Path) -> Profile:
        """Read a profile's file.

        Raises:
            InvalidInput: it is none.
        """
        try:
            fields: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
            fields |= {name: tuple(fields[name]) for name in ("concurrency", "poisson") if name in fields}
            return cls(path.stem, **fields)
        except (OSError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise InvalidInput(f"{path} is no profile ({error}): see those beside it.") from None


def read_profiles(names: str) -> list[Profile]:
    """Those of a comma list of names; "all" are all that there are, ensembles first.

    Raises:
        InvalidInput: there is no such profile.
    """
    there = {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}
    if names == "all":
        ensembles = ("identify", "embed", "detect")
        found = [Profile.read(path) for path in there.values()]
        return sorted(found, key=lambda one: ensembles.index(one.model) if one.model in ensembles else len(ensembles))
    wanted = [name.strip() for name in names.split(",")]
    if unknown := [name for name in wanted if name not in there]:
        raise InvalidInput(f"There is no profile '{unknown[0]}'; there are {', '.join(there)}.")
    return [Profile.read(there[name]) for name in wanted]
