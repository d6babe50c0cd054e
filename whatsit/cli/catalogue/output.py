"""Output that several catalogue commands share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from whatsit.catalogue.publish import Published


def print_json(value: Any) -> None:
    """Print a value as JSON on the standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=1))


def generation_record(published: Published) -> dict[str, Any]:
    """Return what was published as a JSON object."""
    manifest = published.generation.manifest
    return {
        "generation": published.generation.name,
        "items": manifest.items,
        "vectors": manifest.vectors,
        "pictures_with_geometry": manifest.pictures,
        "fingerprint": manifest.fingerprint,
        "shards": [{name: shard[name] for name in ("name", "kind", "rows", "effort")} for shard in manifest.shards],
        "shards_per_query": manifest.nprobe or len(manifest.shards),
        "measured": dict(manifest.measured),
        "notes": list(published.notes),
    }


def print_published(published: Published) -> None:
    """Print what was published."""
    manifest = published.generation.manifest
    words = f", geometry of {manifest.pictures} pictures" if manifest.pictures else ""
    kinds = "/".join(sorted({str(shard["kind"]) for shard in manifest.shards}))
    index = (
        kinds if len(manifest.shards) == 1 else f"{kinds}, {manifest.nprobe or 'all'} of {len(manifest.shards)} shards"
    )
    typer.echo(
        f"Published {published.generation.name}: {manifest.items} items, {manifest.vectors} vectors ({index}){words}."
    )
    if manifest.measured:
        found = manifest.measured
        effort = ", ".join(f"{name} {value}" for name, value in found["effort"].items()) or "no settings"
        typer.echo(
            f"Chosen by budgets: {found['kind']} ({effort}) finds {found['recall']:.1%} of the ten nearest items in "
            f"{found['query_ms']:.2f} ms on one thread and takes {found['bytes'] / 1e6:.1f} MB."
        )
    for note in published.notes:
        typer.echo(note, err=True)


def parse_size(text: str) -> int:
    """Return the bytes of a size such as 300MB.

    Raises:
        InvalidInput: it is none.
    """
    from pydantic import ByteSize, TypeAdapter, ValidationError
    from whatsit_client.errors import InvalidInput

    try:
        return int(TypeAdapter(ByteSize).validate_python(text.strip()))
    except ValidationError as error:
        raise InvalidInput(f"A size is a number such as 300MB or 2GB, not '{text[:40]}'.") from error
