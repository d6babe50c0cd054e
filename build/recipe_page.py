"""Generates the reference page of the recipe sections `engine:` and `card:`."""

from __future__ import annotations

import sys
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from whatsit.engines.build_recipe import BuildRecipe

_HEAD = """# Recipes: the sections `engine:` and `card:`

`whatsit build NAME` reads `build/NAME.yaml`. The `training:` section belongs to `whatsit train` (see the recipe classes
in `whatsit/training`). `python build/recipe_page.py` generates this page; a test compares it with the code.

| field | default | meaning |
| --- | --- | --- |
"""


def recipe_page() -> str:
    """Return the page as Markdown."""
    return _HEAD + "\n".join(_rows(BuildRecipe, "")) + "\n"


def _rows(model: type[BaseModel], prefix: str) -> list[str]:
    rows: list[str] = []
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        if (part := _section(field.annotation)) is not None:
            inner = f"{path}[]." if field.annotation is not part else f"{path}."
            if field.description:
                rows.append(f"| `{path}` | | {field.description} |")
            rows += _rows(part, inner)
            continue
        default = "required" if field.default is PydanticUndefined else f"`{field.default!r}`"
        rows.append(f"| `{path}` | {default} | {field.description or ''} |")
    return rows


def _section(annotation: Any) -> type[BaseModel] | None:
    """Return the pydantic model of a field, alone or in a list."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


if __name__ == "__main__":
    sys.stdout.write(recipe_page())
