"""Style of the report of a turn; the colours are those of the owner's report."""

from __future__ import annotations

from whatsit.catalogue.owner_report.report_page import GROUND, INK, LINE, SOFT

_RED = "#d6455d"
_FONT = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
STYLE = f"""
body{{margin:0;padding:32px 16px;background:{GROUND};color:{INK};font-family:{_FONT};line-height:1.5}}
main{{max-width:880px;margin:0 auto;padding:36px 32px 20px;box-sizing:border-box;background:#fff}}
main{{border:1px solid {LINE};border-radius:16px}}
h1{{margin:4px 0 0;font-size:30px;line-height:1.2;letter-spacing:-.02em}}
h2{{margin:0;font-size:19px;letter-spacing:-.01em}}
section{{border-top:1px solid {LINE};margin-top:28px;padding-top:24px}}
p{{margin:4px 0 14px;color:{SOFT};font-size:14px}}
.top{{display:flex;justify-content:space-between;align-items:center;font-size:13px;color:{SOFT}}}
.badge{{border-radius:999px;padding:3px 12px;font-size:13px;font-weight:600;color:#fff}}
.decision{{margin:16px 0 0;padding:16px 18px;border-radius:12px;background:{GROUND};font-size:17px}}
.numbers{{display:grid;grid-template-columns:repeat(4,1fr);gap:12px;margin-top:22px}}
.numbers b{{display:block;font-size:26px;font-weight:650;letter-spacing:-.02em;line-height:1.2}}
.numbers span{{font-size:13px;color:{SOFT}}}
.grid{{display:grid;grid-template-columns:repeat(auto-fill,minmax(188px,1fr));gap:16px 14px}}
.pair{{display:flex;gap:6px}}
.pair img,.pair i{{width:90px;height:90px;border-radius:9px;object-fit:cover;background:{GROUND};display:block}}
.triple{{grid-template-columns:repeat(auto-fill,minmax(260px,1fr))}}
.triple img,.triple i{{width:81px;height:81px}}
.caption{{font-size:12.5px;line-height:1.35;margin-top:6px;color:{SOFT};overflow-wrap:anywhere}}
.caption b{{color:{INK};font-weight:600}}
.heads{{display:flex;gap:6px;font-size:11px;color:{SOFT};margin-bottom:3px}}
.heads span{{width:90px}}
.triple .heads span{{width:81px}}
.bars{{display:grid;grid-template-columns:minmax(150px,auto) 1fr auto;gap:8px 14px;align-items:center}}
.bars{{font-size:14px;margin-bottom:20px}}
.bars div{{height:10px;border-radius:5px;background:{_RED};min-width:3px}}
.bars small{{color:{SOFT};display:block;font-size:12px;line-height:1.3}}
.strip{{display:grid;gap:8px;grid-template-columns:repeat(12,1fr)}}
.strip img{{width:100%;aspect-ratio:1;border-radius:9px;object-fit:cover}}
.steps{{display:flex;flex-wrap:wrap;gap:6px 8px;font-size:13px;color:{SOFT};margin-top:20px}}
.steps span{{border:1px solid {LINE};border-radius:999px;padding:3px 11px}}
.steps .done{{color:{INK};background:{GROUND}}}
code{{font-size:.92em}}
footer{{font-size:12px;color:{SOFT};margin-top:28px}}
@media(max-width:560px){{.strip{{grid-template-columns:repeat(6,1fr)}}main{{padding:22px 16px}}
.numbers{{grid-template-columns:repeat(2,1fr)}}}}
"""
