import { h, icon } from "../../src/dom.js";
import { date, number, percent, t } from "../../src/i18n.js";
import { dayChart, ring } from "./charts.js";
import { failure, waiting } from "./states.js";

const RANGES = [7, 30, 90];
const PARTS = [["found", "var(--chart-good)"], ["unsure", "var(--chart-unsure)"], ["not_found", "var(--chart-bad)"], ["not_searched", "var(--chart-none)"]];

/** Show how the catalogue stands: numbers, searches by day, index, queues, the last changes. */
export function open(place, studio) {
  let days = 30;
  let ended = false;

  async function load() {
    const asked = days;
    try {
      const found = await studio.api.overview(asked);
      if (!ended && asked === days) draw(found);
    } catch (error) {
      if (!ended && asked === days) place.replaceChildren(failure(error, load));
    }
  }

  function draw(found) {
    const { total } = found.searches;
    const parts = PARTS.map(([name, hue]) => ({ name, hue, label: t(`stAnswer_${name}`), value: total[name] || 0 }));
    const searches = parts.reduce((sum, part) => sum + part.value, 0);
    const open = found.review.queues.reduce((sum, one) => sum + one.open, 0);
    const range = h("div.segments", { role: "group", "aria-label": t("stRange") }, ...RANGES.map((count) => h("button", { type: "button", "aria-pressed": String(count === days), text: t("stDays", { count }), onclick: () => { days = count; load(); } })));
    place.replaceChildren(h("section.view", {}, h("div.row", {}, h("h1", { text: t("stOverview") }), range),
      h("div.numbers", {}, fact("list", t("stItems"), found.items, found.merged ? t("stMergedCount", { count: found.merged }) : "", "#catalogue"),
        fact("photo", t("stPictures"), found.pictures, found.hidden_pictures ? t("stHiddenCount", { count: found.hidden_pictures }) : ""),
        fact("search", t("stSearches"), searches, searches ? t("stAnsweredShare", { percent: percent((total.found || 0) / searches) }) : t("stNoSearches")),
        fact("check", t("stToReview"), open, t("stFeedbackCount", { count: found.feedback.match + found.feedback.none }), "#review")),
      h("div.panels", {}, h("section.panel.large", {}, h("h2", { text: t("stSearchesByDay") }), searches ? dayChart(t("stSearchesByDay"), found.searches.days, parts) : h("p.quiet.none-yet", { text: t("stNoSearches") })),
        h("section.panel", {}, h("h2", { text: t("stAnswers") }), searches ? ring(t("stAnswers"), parts, { value: percent((total.found || 0) / searches), label: t("stAnswer_found") }) : h("p.quiet.none-yet", { text: t("stNoSearches") })),
        queuesPanel(found.review.queues), indexPanel(found.index, found.items), changesPanel(found.changes, studio))));
    performance.mark("studio-overview");
  }

  place.replaceChildren(waiting());
  load();
  return () => { ended = true; };
}

function fact(symbol, label, value, note, link) {
  const inside = [h("span.badge", {}, icon(symbol)), h("span.fact-text", {}, h("span.quiet", { text: label }), h("b.big", { text: number(value) }), h("span.quiet.small", { text: note || "\u00a0" }))];
  return link ? h("a.number", { href: link }, ...inside) : h("div.number", {}, ...inside);
}

function queuesPanel(queues) {
  const most = Math.max(1, ...queues.map((one) => one.open + one.decided));
  return h("section.panel", {}, h("h2", { text: t("stReview") }), h("ul.bars", {}, ...queues.map((one) => h("li", {}, h("a", { href: `#review/${one.queue}`, text: t(`stQueue_${one.queue}`) }), h("b", { text: number(one.open) }),
    h("span.bar-line", { "aria-hidden": "true" }, h("i.done", { "--share": one.decided / most }), h("i.open", { "--share": one.open / most }))))));
}

function indexPanel(index, items) {
  const rows = [[t("stIndexed"), `${number(index.items_indexed)} / ${number(items)}`], [t("stVectors"), number(index.vectors_indexed)], [t("stPublished"), index.published ? date(new Date(index.published)) : "–"], [t("stPending"), number(index.pending)]];
  return h("section.panel", {}, h("h2", { text: t("stIndex") }), h("dl.plain", {}, ...rows.flatMap(([name, value]) => [h("dt", { text: name }), h("dd", { text: value })])),
    index.read_only && h("p.note", {}, icon("warning"), h("span", { text: t("stReadOnly") })), ...index.notes.map((note) => h("p.note", {}, icon("warning"), h("span", { text: note }))));
}

function changesPanel(changes, studio) {
  return h("section.panel.changes", {}, h("h2", { text: t("stChanges") }), changes.length ? h("ol", {}, ...changes.map((one) => h("li", {}, h("span.dot-mark", { "data-kind": one.kind }), h("div", {},
    h("p", {}, one.item ? h("button.text-link", { type: "button", text: one.title || one.item, dir: "auto", onclick: () => studio.openItem(one.item) }) : h("b", { text: t(`stKind_${one.kind}`) }), h("span", { text: ` ${one.text || t(`stKind_${one.kind}`)}`, dir: "auto" })),
    h("p.quiet.small", { text: [date(new Date(one.at)), one.who].filter(Boolean).join(" · ") }))))) : h("p.quiet.none-yet", { text: t("stNoChanges") }));
}
