"""An identification as plain text for a terminal or a log."""

from __future__ import annotations

from whatsit_client.types import Identification, Match

_TITLE_WIDTH = 44


def table(result: Identification, matches: int = 3) -> str:
    """Write the answer, what the picture is of, and the best `matches` of each region, one line each."""
    rows = [("region", "box", "score", "item", "title")]
    for index, region in enumerate(result.regions):
        place = f"{index} {region.label} {region.score:.2f}"
        box = " ".join(f"{value:.0f}" for value in region.box)
        for match in region.matches[:matches]:
            rows.append((place, box, f"{match.score:.3f}", match.item.id, _title(match)))
            place = box = ""
        if not region.matches:
            rows.append((place, box, "-", "", "no match"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([headline(result), summary(result), "", *lines])


def headline(result: Identification) -> str:
    """The answer in one line."""
    answer = result.answer
    if answer.found:
        return f"{described(answer.title, answer.brand, answer.category)} (confidence {answer.confidence:.0%})"
    return "Nothing that the catalogue is about" if result.gated else "Not in the catalogue"


def summary(result: Identification) -> str:
    """What kind of picture it is, in one line: intent, source and the most likely tags."""
    parts = [f"{result.intent} {result.intent_scores.get(result.intent, 0.0):.0%}"]
    if result.source_scores:
        source = max(result.source_scores, key=lambda name: result.source_scores[name])
        parts.append(f"{source} {result.source_scores[source]:.0%}")
    parts += [f"{name} {score:.0%}" for name, score in result.top_tags()]
    return ", ".join(parts)


def described(title: str, *more: str) -> str:
    """A title and what it does not say already, in one line."""
    parts = [title] if title else []
    for part in more:
        if part and part.casefold() not in " · ".join(parts).casefold():
            parts.append(part)
    return " · ".join(parts)


def _title(match: Match) -> str:
    title = described(match.item.title or match.item.id, match.item.brand)
    return title if len(title) <= _TITLE_WIDTH else title[: _TITLE_WIDTH - 1] + "…"
