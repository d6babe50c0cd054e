"""Report of a turn: one HTML file with its pictures in it."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from whatsit_client.errors import WhatsitError

from whatsit.catalogue.backends import open_embedded
from whatsit.catalogue.owner_report.report_page import ACCENT, INK, SOFT, data_url
from whatsit.loop.rollout_state import NO_MILVUS
from whatsit.loop.turn.click_checks import CHECKS
from whatsit.loop.turn.figure_chart import BETTER, WORSE, figure_chart
from whatsit.loop.turn.figures import Query, query_crop
from whatsit.loop.turn.photo_vectors import item_pictures
from whatsit.loop.turn.turn_page_style import STYLE
from whatsit.loop.turn.turn_state import REPORT, STEPS, TurnState, read_json

_SIDE = 176  # pixels; shown at half of it
_EXAMPLES, _REFUSED, _MISTAKES = 12, 8, 8
_AMBER = "#b7791f"
_BADGES = {
    "kept": ("In use", BETTER),
    "refused": ("Refused", WORSE),
    "clicks refused": ("Refused", WORSE),
    "rolled back": ("Rolled back", WORSE),
    "too few clicks": ("Nothing to learn", SOFT),
    "not rolled out": ("Passed", ACCENT),
    "": ("Under way", _AMBER),
}


def write_report(folder: Path, state: TurnState) -> Path:
    """Write the report of a turn as far as it is; return its file."""
    target = folder / REPORT
    part = folder / f".{REPORT}.{os.getpid()}"
    part.write_text(TurnReport(folder, state).html(), encoding="utf-8")
    part.replace(target)
    return target


class TurnReport:
    """Page of one turn.

    Args:
        folder: of the turn.
        state: of it.
    """

    def __init__(self, folder: Path, state: TurnState) -> None:
        self._folder, self._state = folder, state
        self._catalogue = Path(state.catalogue)
        self._items: dict[str, str] = {}
        self._titles: dict[str, str] = {}
        with suppress(WhatsitError), open_embedded(self._catalogue, NO_MILVUS, read_only=True) as store:
            self._items = {one.item: one.path for one in reversed(item_pictures(store, 1))}
            with store.snapshot() as connection:
                self._titles = dict(connection.execute("SELECT id, coalesce(title, id) FROM items"))

    def html(self) -> str:
        """Return the whole page."""
        parts = [self._head(), self._collected(), self._refused(), self._figures(), self._mistakes(), self._live()]
        name = escape(self._catalogue.name)
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            f"<title>{name}: turn {self._state.number}</title><style>{STYLE}</style></head><body><main>"
            f"{''.join(parts)}<footer>Made by <code>whatsit loop</code>. Photos are of visitors who agreed that they "
            "are kept.</footer></main></body></html>\n"
        )

    def _head(self) -> str:
        state, done = self._state, self._state.steps
        words, colour = _BADGES[state.outcome]
        if not state.outcome and "rollout" in done:
            words, colour = "Being watched", ACCENT
        sentence = done["gate"]["sentence"] if "gate" in done else state.sentence or f"Next step: {state.next_step}."
        numbers = []
        if "collect" in done:
            numbers.append((f"{done['collect']['clicks']:,}", "clicks collected"))
        if "clean" in done:
            numbers.append((f"{sum(done['clean']['refused'].values()):,}", "refused by cleaning"))
        if "split" in done:
            numbers.append((f"{done['split']['training']:,}", "clicks that train"))
        if figure := _main_figure(done.get("gate", {}).get("figures", [])):
            numbers.append(
                (f"{100 * figure['before']:.0f} → {100 * figure['after']:.0f} %", f"R@1, {_lower(figure['name'])}")
            )
        cells = "".join(f"<div><b>{value}</b><span>{escape(what)}</span></div>" for value, what in numbers)
        steps = "".join(
            f'<span class="{"done" if step in done else ""}">{step}'
            f"{f' · {_time(state.seconds[step])}' if step in done else ''}</span>"
            for step in STEPS
        )
        return (
            f'<div class="top"><span>{state.begun[:10]} · {escape(self._catalogue.name)}</span>'
            f'<span class="badge" style="background:{colour}">{words}</span></div>'
            f"<h1>Turn {state.number} of the loop</h1>"
            f'<div class="decision" style="border-left:4px solid {colour}">{escape(sentence)}</div>'
            f'<div class="numbers">{cells}</div><div class="steps">{steps}</div>'
        )

    def _collected(self) -> str:
        found = self._read("collected.json")
        if found is None:
            return ""
        kept = [one for one in self._read("cleaned.json") or [] if not one["check"]]
        clicks = kept or found["clicks"]
        chosen = _spread(clicks, _EXAMPLES)
        tiles = "".join(
            f'<div><div class="pair">{self._photo(one)}{self._item(one["item"])}</div>'
            f'<div class="caption">{self._title(one["item"])}</div></div>'
            for one in chosen
        )
        counts = self._state.steps.get("collect", {})
        words = (
            f"{len(found['clicks']):,} clicks on {counts.get('items', 0)} items, {counts.get('confirmed', 0)} of them "
            f"confirmed by a reviewer; besides, {found['crops']:,} crops, {found['unanswered']:,} searches that nobody "
            f"could answer, and {found['decisions']:,} decisions of reviewers."
        )
        page = _section("What visitors clicked", words, f'<div class="grid">{tiles}</div>' if tiles else "")
        if found["unanswered_photos"]:
            strip = "".join(self._photo({"path": path, "box": box}) for path, box in found["unanswered_photos"])
            page += _section("Looked for in vain", "The latest searches that no item answered.",
                             f'<div class="strip">{strip}</div>')  # fmt: skip
        return page

    def _refused(self) -> str:
        checked = self._read("cleaned.json")
        if checked is None:
            return ""
        refused = [one for one in checked if one["check"]]
        if not refused:
            return _section(
                "What cleaning refused", "Nothing: every click agrees with the catalogue and the others.", ""
            )
        counts = self._state.steps["clean"]["refused"] if "clean" in self._state.steps else {}
        most = max(counts.values(), default=1)
        bars = "".join(
            f"<span>{escape(check)}<small>{escape(CHECKS[check])}</small></span>"
            f'<div style="width:{max(100 * number / most, 1):.0f}%"></div><b>{number:,}</b>'
            for check, number in sorted(counts.items(), key=lambda pair: -pair[1])
        )
        wrong = [one for one in refused if one["check"] in ("contradicted", "unlike the item", "item contradicted")]
        tiles = "".join(self._refused_tile(one) for one in _spread(wrong, _REFUSED))
        words = f"{len(refused):,} of {len(checked):,} clicks do not train, each for a reason."
        return _section(
            "What cleaning refused", words, f'<div class="bars">{bars}</div><div class="grid triple">{tiles}</div>'
        )

    def _refused_tile(self, one: Mapping[str, Any]) -> str:
        third = self._item(one["said"]) if one["said"] not in ("", one["item"]) else ""
        head = "<span>similar ones</span>" if third else ""
        rank = f"The item is number {one['rank']}. " if one["check"] == "unlike the item" else ""
        return (
            f'<div><div class="heads"><span>photo</span><span>clicked</span>{head}</div>'
            f'<div class="pair">{self._photo(one)}{self._item(one["item"])}{third}</div>'
            f'<div class="caption">{rank}{escape(CHECKS[one["check"]])}</div></div>'
        )

    def _figures(self) -> str:
        gate = self._state.steps.get("gate")
        if gate is None or not gate["figures"]:
            return ""
        return _section(
            "Before and after",
            "Recall@1 on a fixed set that never trains: the share of photos whose first item is right. A figure counts "
            "as moved where it leaves the band of noise.",
            figure_chart(gate["figures"]),
        )

    def _mistakes(self) -> str:
        records = self._read("queries.json")
        if records is None or "gate" not in self._state.steps:
            return ""
        queries = [Query.from_record(record) for record in records]
        wrong = sorted((one for one in queries if one.after != one.photo.item), key=lambda one: -one.margin)
        broken = [one for one in wrong if one.before == one.photo.item]
        mended = [one for one in queries if one.before != one.photo.item and one.after == one.photo.item]
        mended.sort(key=lambda one: one.margin)
        page = ""
        if mended:
            page += _section(
                "Learnt", f"{len(mended):,} photos that the serving network gets wrong and the new one gets right.",
                self._triples(_varied(mended, 6), "serving found", lambda one: one.before),
            )  # fmt: skip
        if wrong:
            words = f"{len(wrong):,} photos that the new network gets wrong, {len(broken):,} of them newly."
            page += _section("Hardest mistakes", words,
                             self._triples(_varied(wrong, _MISTAKES), "new finds", lambda one: one.after))  # fmt: skip
        return page

    def _triples(self, queries: Sequence[Query], head: str, other: Any) -> str:
        tiles = []
        for one in queries:
            crop = query_crop(one.photo.path, one.photo.box, self._catalogue, one.drawn)
            tiles.append(
                f'<div><div class="heads"><span>photo</span><span>{head}</span><span>right</span></div>'
                f'<div class="pair">{_picture(crop)}{self._item(other(one))}{self._item(one.photo.item)}</div>'
                f'<div class="caption">{self._title(other(one))} in place of '
                f"<b>{self._title(one.photo.item)}</b></div></div>"
            )
        return f'<div class="grid triple">{"".join(tiles)}</div>'

    def _live(self) -> str:
        done = self._state.steps
        if "rollout" not in done:
            return ""
        roll = done["rollout"]
        words = (
            f"Since {roll['switched'].replace('T', ' ')[:16]} the network <code>{roll['fingerprint']}</code> answers "
            f"in place of <code>{roll['before']}</code>."
        )
        watched, back = "Searches are being watched.", True
        if "watch" in done:
            watched = str(done["watch"]["sentence"])
            back = self._state.outcome == "kept" and not self._state.recipe["watch"]["finish"]
        command = f"<code>whatsit rollout back {escape(self._catalogue.name)}</code>"
        more = f" Go back by one command: {command}" if back else ""
        if self._state.outcome == "rolled back":
            words = f"The network <code>{roll['fingerprint']}</code> answered for a while, and went back by itself."
        return f'<section><h2>Live</h2><p style="color:{INK}">{words}</p><p>{escape(watched)}{more}</p></section>'

    def _read(self, name: str) -> Any:
        file = self._folder / name
        return read_json(file) if file.is_file() else None

    def _photo(self, record: Mapping[str, Any]) -> str:
        box = record["box"]
        return _picture(query_crop(record["path"], None if box is None else tuple(box), self._catalogue))

    def _item(self, id: str) -> str:
        path = self._items.get(id)
        return _picture(None if path is None else query_crop(path, None, self._catalogue))

    def _title(self, id: str) -> str:
        return escape(str(self._titles.get(id, id))[:60])


def _picture(crop: Any) -> str:
    if crop is None:
        return "<i></i>"
    image = Image.fromarray(np.ascontiguousarray(crop.transpose(1, 2, 0))).resize((_SIDE, _SIDE))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82, optimize=True)
    return f'<img src="{data_url(out.getvalue())}" alt="">'


def _section(title: str, words: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2><p>{escape(words)}</p>{body}</section>"


def _spread(things: Sequence[Any], most: int) -> list[Any]:
    """Return evenly spread things."""
    step = max(1.0, len(things) / most)
    return [things[int(place * step)] for place in range(min(len(things), most))]


def _varied(queries: Sequence[Query], most: int) -> list[Query]:
    """Return the first queries, one of each item before a second of any."""
    seen: dict[str, int] = {}
    rounds = []
    for place, query in enumerate(queries):
        seen[query.photo.item] = seen.get(query.photo.item, 0) + 1
        rounds.append((seen[query.photo.item], place))
    return [queries[place] for _, place in sorted(rounds)[:most]]


def _main_figure(figures: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    moved = sorted(figures, key=lambda one: -abs(one["after"] - one["before"]))
    return next((one for one in figures if one["name"].startswith("Clicks")), moved[0] if moved else None)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
