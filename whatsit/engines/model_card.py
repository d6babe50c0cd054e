"""Writes the model card: files with hashes, origin, data, parity, provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whatsit.engines.build_recipe import CardText, EngineRecipe
from whatsit.engines.onnx_runner import OnnxRunner, file_fingerprint


@dataclass(frozen=True)
class CardFacts:
    """Facts of a build for the model card.

    Args:
        engine: e.g. "classifier".
        files: files by form, e.g. {"INT8, CPU": path}; the first is the shipped one.
        recipe: the `engine:` section.
        training: the training recipe in the checkpoint.
        metrics: the validation metrics in the checkpoint; may be empty.
        parity: figures of `whatsit.engines.parity.figures`, of each form against float.
        provenance: versions and hashes that decide the bytes, see `whatsit.engines.provenance`.
    """

    engine: str
    files: Mapping[str, Path]
    recipe: EngineRecipe
    training: Mapping[str, Any]
    metrics: Mapping[str, float]
    parity: Mapping[str, Mapping[str, float]]
    provenance: Mapping[str, str]


def write_card(path: Path, facts: CardFacts, text: CardText) -> None:
    """Write the card as Markdown; the same facts give the same bytes."""
    shipped = next(iter(facts.files.values()))
    with OnnxRunner(shipped) as runner:
        tensors = [f"- in: `{spec}`" for spec in runner.inputs] + [f"- out: `{spec}`" for spec in runner.outputs]
    parts = [f"# The {facts.engine}", text.summary.strip()]
    parts += ["## Tensors", "\n".join(tensors)]
    rows = [
        f"| {kind} | {path.name} | {path.stat().st_size / 1e6:.2f} MB | `{file_fingerprint(path)}` |"
        for kind, path in facts.files.items()
    ]
    parts += ["## Files", markdown_table(("what", "file", "size", "SHA-256"), rows)]
    for title, lines in (("Origin", text.origin), ("Data", text.data), ("Measured", text.measured)):
        parts += _list(title, lines)
    forms = list(facts.parity.values())
    parity = [
        f"| {name} | {' | '.join(f'{form[name]:.4f}' for form in forms)} | {_least(facts.recipe, name)} |"
        for name in forms[0]
    ]
    note = f"Against the float file, on {facts.recipe.calibration.checks} pictures that did not calibrate."
    if any(form.endswith("TensorRT") for form in facts.parity):
        note += " The form for TensorRT was computed by ONNX Runtime on a CPU, node by node."
    parts += ["## Parity", note, markdown_table(("figure", *facts.parity, "least"), parity)]
    if facts.metrics:
        metrics = [f"| {name} | {value:.4g} |" for name, value in facts.metrics.items()]
        parts += ["## Training's last validation (float)", markdown_table(("figure", "value"), metrics)]
    parts += _list("Limits", text.limits)
    parts += ["## Again", "```\n" + "\n".join(text.commands) + "\n```"] if text.commands else []
    settings = ", ".join(f"{name} {value}" for name, value in facts.training.items())
    used = [f"| {name} | {value} |" for name, value in facts.provenance.items()]
    note = "With all of these the same, `whatsit build --check` makes the same bytes; else it names what differs."
    parts += ["## Built with", note, markdown_table(("what", "version or SHA-256"), used)]
    parts += ["## Training recipe", f"{settings}."]
    path.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def markdown_table(head: Sequence[str], rows: Sequence[str]) -> str:
    """Return a Markdown table."""
    return "\n".join([f"| {' | '.join(head)} |", "|" + " --- |" * len(head), *rows])


def _list(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "\n".join(f"- {line}" for line in lines)] if lines else []


def _least(recipe: EngineRecipe, name: str) -> str:
    return f"{recipe.tolerances[name]:g}" if name in recipe.tolerances else ""
