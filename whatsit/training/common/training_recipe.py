"""Recipe fields that all networks share, and the reader of recipe files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from whatsit_client.errors import InvalidInput

from whatsit.training.common.custom_data import CustomData

_RENAMED = {
    "own": "custom",
    "own_r1": "custom_r1",
    "own_r5": "custom_r5",
    "recall_own": "recall_custom",
    "twin_weight": "simclr_weight",
    "train_twins": "train_simclr",
    "twins": "simclr",
}
"""Former names of recipe keys, sources and metrics, accepted in recipes and checkpoints for two releases."""


def renamed(value: Any) -> Any:
    """Replace former names in nested dicts and lists: keys, and values of `monitor`."""
    if isinstance(value, dict):
        former = value.get("monitor")
        monitor = {"monitor": _RENAMED[former]} if isinstance(former, str) and former in _RENAMED else {}
        return {_RENAMED.get(key, key): renamed(part) for key, part in value.items()} | monitor
    return [renamed(part) for part in value] if isinstance(value, list) else value


class TrainingRecipe(BaseModel):
    """Section `training:` of `build/<engine>.yaml`, as far as networks share it.

    A field that is not known is an error, so a typing slip cannot silently train something else.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    start: str = Field(
        "imagenet", description='"imagenet" (--weights), "random", or a checkpoint of the same network to go on from.'
    )
    custom: CustomData | None = Field(
        None, description="Your own pictures; the recipe's built-in data sets where there are none."
    )
    epochs: int = Field(10, ge=1, description="Passes over the data; a time budget may end training earlier.")
    warmup_steps: int = Field(50, ge=0, description="Steps of linear warm-up before the cosine.")
    final_rate: float = Field(0.01, ge=0, le=1, description="Learning rate at the end, as a share of the peak.")
    weight_decay: float = Field(0.01, ge=0)
    clip_norm: float = Field(5.0, gt=0, description="Largest norm of the whole gradient.")
    ema_decay: float = Field(0.99, ge=0, lt=1, description="Decay of the averaged weights per step; 0 is off.")
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    checkpoint_minutes: float = Field(2.0, gt=0, description="Most minutes that a crash can cost.")
    validate_every: int = Field(1, ge=1, description="Epochs from one validation to the next; the last has one too.")
    monitor: str | None = Field(None, description="Validation metric of the best checkpoint; None keeps the last.")
    patience: int = Field(0, ge=0, description="Validations without a better `monitor` before stopping; 0 never does.")

    @model_validator(mode="before")
    @classmethod
    def _accept_former_names(cls, values: Any) -> Any:
        return renamed(values)


Recipe = TypeVar("Recipe", bound=TrainingRecipe)
Section = TypeVar("Section", bound=BaseModel)


def read_recipe(path: Path, kind: type[Recipe]) -> Recipe:
    """Read the `training:` section of a recipe file as `kind`.

    Raises:
        InvalidInput: see `read_section`.
    """
    return read_section(path, kind, "training", "build/embedder.yaml")


def read_section(path: Path, kind: type[Section], name: str, example: str) -> Section:
    """Read one section of a recipe file.

    Args:
        path: the YAML file.
        kind: what the section is read as.
        name: of the section.
        example: a recipe that has it, for messages.

    Raises:
        InvalidInput: no such file, no YAML, no such section, or the first field that does not fit.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The recipe {path} cannot be read: pass --recipe with one of build/*.yaml.") from error
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f", line {place.line + 1}" if place else ""
        raise InvalidInput(f"The recipe {path}{where} is not YAML: correct its indentation or quotes.") from error
    section = document.get(name) if isinstance(document, dict) else None
    if not isinstance(section, dict):
        raise InvalidInput(f"The recipe {path} has no section '{name}': add one, as in {example}.")
    try:
        return kind.model_validate(section)
    except ValidationError as error:
        raise InvalidInput(_sentence(path, error, kind, name)) from error


def _sentence(path: Path, error: ValidationError, kind: type[BaseModel], name: str) -> str:
    first = error.errors()[0]
    *outer, last = (str(part) for part in first["loc"]) if first["loc"] else ("",)
    field = ".".join(filter(None, (name, *outer, last)))
    if first["type"] == "extra_forbidden":
        known = f", which is not one of {', '.join(kind.model_fields)}" if not outer else ", which there is not"
        return f"The recipe {path} names '{field}'{known}."
    return f"The recipe {path} has {field} = {first['input']!r}, but: {first['msg'].lower()}."
