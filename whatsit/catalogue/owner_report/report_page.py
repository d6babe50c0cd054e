"""Page of the owner's report: tables and inline styles, for e-mail too."""

from __future__ import annotations

import base64
from collections.abc import Callable
from html import escape
from typing import Any

from whatsit.catalogue.owner_report.catalogue_report import CatalogueReport, Cluster, ConfusedPair
from whatsit.catalogue.owner_report.picture_faults import PictureFault
from whatsit.catalogue.owner_report.report_pictures import SHEET_CELL, ReportPictures

# Given a picture, returns the address that the page shows: a data URL, or that of an e-mail's part.
Address = Callable[[bytes], str]

INK, SOFT, LINE, GROUND, ACCENT = "#1c2430", "#667085", "#e4e7ec", "#f5f6f8", "#2457d6"
STATES = (("found", "answered", "#1f9d6b"), ("unsure", "not sure", "#e0a11b"), ("not_found", "not found", "#d6455d"))
_FONT = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
TABLE = '<table role="presentation" cellspacing="0" cellpadding="0"'
WIDE = f'{TABLE} width="100%"'
_BAR = 96


def data_url(picture: bytes) -> str:
    """Return a picture as an address that needs no file beside the page."""
    return f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"


class ReportPage:
    """Writes the page of one report.

    Args:
        report: the figures.
        pictures: makes thumbnails.
        address: see `Address`.
    """

    def __init__(self, report: CatalogueReport, pictures: ReportPictures, address: Address = data_url) -> None:
        self._report, self._pictures, self._address = report, pictures, address

    def html(self) -> str:
        """Return the whole page."""
        report = self._report
        title = f"{report.name}: {_period(report)}"
        parts = [
            self._head(),
            self._section(
                "Looked for in vain",
                "What visitors photographed and nobody could answer, grouped by thing. Assign, create or set aside in "
                "the studio, under the unanswered searches.",
                [self._cluster(one) for one in report.clusters],
                "Every search that visitors told us about had an answer.",
            ),
            self._section(
                "Often confused",
                "Searches that were not sure had these two items in front. One may be a copy of the other, or both "
                "need a picture that shows the difference.",
                [self._pair(one) for one in report.confused],
                "No two items stood in each other's way.",
            ),
            self._section(
                "Pictures to retake",
                "Main pictures with a fault, those of items that people search for first.",
                self._grid([self._fault(one) for one in report.faults]),
                "No fault was found in the main pictures.",
            ),
            self._section(
                f"Never found: {report.never_count} of {report.counts['items']} items",
                "No search of these days was answered with them.",
                self._grid([self._tile(id, "") for id in report.never_found]),
                "Every item was found." if any(report.searches["total"].values()) else "No search was counted.",
            ),
        ]
        return _page(title, "".join(parts))

    def _head(self) -> str:
        report = self._report
        total = report.searches["total"]
        searches = sum(total[name] for name, _, _ in STATES)
        cells = [("searches", f"{searches:,}", INK)]
        cells += [(words, f"{_percent(total[name], searches)}", colour) for name, words, colour in STATES]
        figures = "".join(
            f'<td style="padding:14px 12px 14px 0;width:25%"><div style="font-size:26px;font-weight:650;color:{colour};'
            f'letter-spacing:-.02em">{value}</div><div style="font-size:13px;color:{SOFT}">{words}</div></td>'
            for words, value, colour in cells
        )
        counts = report.counts
        return (
            f'<tr><td style="padding:32px 32px 8px">'
            f'<div style="font-size:13px;color:{SOFT}">{escape(_period(report))}</div>'
            f'<h1 style="margin:4px 0 2px;font-size:28px;line-height:1.2;letter-spacing:-.02em">'
            f"{escape(report.name)}</h1>"
            f'<div style="font-size:14px;color:{SOFT}">{counts["items"]:,} items, {counts["pictures"]:,} pictures</div>'
            f'{WIDE} style="margin-top:10px"><tr>{figures}'
            f"</tr></table>{self._days()}</td></tr>"
        )

    def _days(self) -> str:
        """Return searches by day as columns of table cells: e-mail programs draw no SVG."""
        days = self._report.searches["days"][-31:]
        most = max((sum(day[name] for name, _, _ in STATES) for day in days), default=0)
        if not most:
            return f'<p style="margin:6px 0 0;color:{SOFT};font-size:14px">No search was counted in these days.</p>'
        cells = []
        for day in days:
            parts = "".join(
                f'<div style="height:{max(round(_BAR * day[name] / most), 2)}px;background:{colour}"></div>'
                for name, _, colour in reversed(STATES)
                if day[name]
            )
            number = sum(day[name] for name, _, _ in STATES)
            label = day["day"][8:].lstrip("0") if len(days) <= 14 or day["day"][8:] in ("01", "10", "20") else ""
            cells.append(
                f'<td valign="bottom" align="center" style="padding:0 2px;height:{_BAR + 20}px" '
                f'title="{day["day"]}: {number}">'
                f'<div style="font-size:11px;color:{SOFT};line-height:16px">{number or ""}</div>'
                f'<div style="max-width:48px;border-radius:3px;overflow:hidden">{parts}</div>'
                f'<div style="font-size:11px;color:{SOFT};line-height:18px">{label}</div></td>'
            )
        width = f"{100 / len(days):.2f}%"
        row = "".join(cell.replace("<td ", f'<td width="{width}" ', 1) for cell in cells)
        table = f'{WIDE} style="table-layout:fixed">'
        return f"{table}<tr>{row}</tr></table>"

    def _section(self, title: str, words: str, rows: list[str], empty: str) -> str:
        body = (
            "".join(rows) if rows else f'<tr><td style="padding:10px 0;color:{SOFT};font-size:14px">{empty}</td></tr>'
        )
        said = words if rows else ""
        return (
            f'<tr><td style="padding:22px 32px 6px"><h2 style="margin:0;font-size:19px;letter-spacing:-.01em">'
            f'{escape(title)}</h2><p style="margin:4px 0 8px;color:{SOFT};font-size:14px;line-height:1.5">{said}</p>'
            f"{WIDE}>{body}</table></td></tr>"
        )

    def _cluster(self, one: Cluster) -> str:
        sheet = self._pictures.sheet(one.photos)
        count = min(len(one.photos), 6)
        shown = ""
        if sheet is not None:
            width = round(count * (SHEET_CELL + 12) / 2)
            shown = (
                f'<img src="{self._address(sheet)}" width="{width}" alt="{count} of the photos" '
                f'style="display:block;width:{width}px;max-width:100%;border-radius:8px">'
            )
        words = "search" if one.searches == 1 else "searches"
        near = "".join(
            f'<td style="padding-right:14px" valign="middle">{self._small(match["id"])}</td>'
            for match in one.nearest[:2]
        )
        closest = (
            f'{TABLE} style="margin-top:8px"><tr>'
            f'<td style="padding-right:10px;font-size:12px;color:{SOFT}">closest items</td>{near}</tr></table>'
        )
        return (
            f'<tr><td style="padding:12px 0;border-top:1px solid {LINE}">'
            f'<div style="font-size:15px;margin-bottom:8px"><b>{one.searches}</b> {words}'
            f'<span style="color:{SOFT}"> · last on {one.last[:10]}</span></div>'
            f"{shown}{closest if near else ''}</td></tr>"
        )

    def _pair(self, one: ConfusedPair) -> str:
        words = "search" if one.searches == 1 else "searches"
        return (
            f'<tr><td style="padding:10px 0;border-top:1px solid {LINE}">{WIDE}><tr>'
            f'<td width="42%" valign="middle">{self._small(one.one, 56)}</td>'
            f'<td width="42%" valign="middle">{self._small(one.other, 56)}</td>'
            f'<td width="16%" align="right" valign="middle" style="font-size:14px;color:{SOFT}"><b style="color:{INK}">'
            f"{one.searches}</b> {words}</td></tr></table></td></tr>"
        )

    def _fault(self, one: PictureFault) -> str:
        searched = f" · {one.searches} searches" if one.searches > 1 else ""
        return self._tile(one.item, ", ".join(one.reasons) + searched)

    def _grid(self, tiles: list[str]) -> list[str]:
        rows = []
        for start in range(0, len(tiles), 4):
            cells = "".join(
                f'<td width="25%" valign="top" style="padding:8px 8px 8px 0">{one}</td>'
                for one in tiles[start : start + 4]
            )
            empty = '<td width="25%"></td>' * (4 - len(tiles[start : start + 4]))
            rows.append(f"<tr>{cells}{empty}</tr>")
        return rows

    def _tile(self, id: str, words: str) -> str:
        said = f'<div style="font-size:12px;color:#b3261e;line-height:1.35">{escape(words)}</div>' if words else ""
        title = f'<div style="font-size:13px;line-height:1.35;margin-top:6px">{self._title(id)}</div>'
        return f"{self._image(id, 88)}{title}{said}"

    def _small(self, id: str, side: int = 36) -> str:
        return (
            f"{TABLE}><tr><td>{self._image(id, side)}</td>"
            f'<td style="padding-left:10px;font-size:13px;line-height:1.35">{self._title(id)}</td></tr></table>'
        )

    def _title(self, id: str) -> str:
        record: dict[str, Any] = self._report.records.get(id, {})
        title = str(record.get("title") or id)
        brand = str(record.get("brand") or "")
        second = f'<div style="color:{SOFT};font-size:12px">{escape(brand or id)[:60]}</div>'
        return f"<div>{escape(title[:70])}</div>{second}"

    def _image(self, id: str, side: int) -> str:
        record = self._report.records.get(id, {})
        picture = self._pictures.item(record.get("image"))
        box = f"display:block;width:{side}px;height:{side}px;border-radius:8px"
        if picture is None:
            letter = escape(str(record.get("title") or id)[:1].upper())
            return (
                f'<div style="{box};background:{GROUND};color:{SOFT};text-align:center;line-height:{side}px;'
                f'font-size:{side // 3}px">{letter}</div>'
            )
        source = self._address(picture)
        return f'<img src="{source}" width="{side}" height="{side}" alt="" style="{box};background:{GROUND}">'


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title></head>"
        f'<body style="margin:0;padding:24px 12px;background:{GROUND};color:{INK};{_FONT}">'
        f'{WIDE} align="center" style="max-width:720px;margin:0 auto;background:#ffffff;border:1px solid {LINE};'
        'border-radius:16px">'
        f'{body}<tr><td style="padding:18px 32px 28px;font-size:12px;color:{SOFT}">'
        "Made by <code>whatsit report</code>. "
        "Photos are of visitors who agreed that they are kept.</td></tr></table></body></html>\n"
    )


def _period(report: CatalogueReport) -> str:
    return report.until if report.since == report.until else f"{report.since} to {report.until}"


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "–"
