import { grouped } from "./answer.js";
import { facts, itemLink, itemPicture, matchCard, titleOf } from "./cards.js";
import { button, h, icon } from "./dom.js";
import { percent, t } from "./i18n.js";

const SIDE_BY_SIDE = 3;

/**
 * The answer and the matches of one region.
 *
 * Property `show(result, page)`: `result` has `state`, `matches`, `answer`, `intent`; `page` has `api`, `open`, `choose`,
 * `none`, `add`, `anyway`, `group`, `setGroup`.
 */
export class Results extends HTMLElement {
  /** Show that a search runs. */
  wait() {
    const blocks = Array.from({ length: 6 }, () => h("div.card.waiting", {}, h("span.picture"), h("i"), h("i")));
    this.replaceChildren(h("div.answer.waiting", { role: "status" }, h("span.picture"), h("div", {}, h("p.state", { text: t("searching") }), h("i"), h("i"))),
      h("div.grid", { "aria-hidden": "true" }, ...blocks));
    this.setAttribute("aria-busy", "true");
  }

  /** Show the result of a search. */
  show(result, page) {
    this.removeAttribute("aria-busy");
    this.replaceChildren(this.#answer(result, page), ...this.#matches(result, page));
  }

  #answer(result, page) {
    const { state, matches, answer } = result;
    const why = { equally_likely: "equallyLikely", print_differs: "printDiffers", nothing_near: "nothingNear" }[answer.reason];
    if (state === "found") return foundAnswer(result, page);
    if (state === "unsure") {
      const near = matches.slice(0, SIDE_BY_SIDE);
      return h("section.answer.unsure", {}, heading("unsure", t("unsureTitle"), t(why || "unsureText")),
        h("div.side-by-side", {}, ...near.map((match) => matchCard(match, page, "h2"))));
    }
    if (state === "gated") {
      return h("section.answer.gated", {}, heading("gated", t("gatedTitle"), t("gatedText")),
        h("div.acts", {}, button("act", "search", t("searchAnyway"), page.anyway)));
    }
    return h("section.answer.missing", {}, heading("missing", t("notFoundTitle"), t(matches.length ? why || "notFoundText" : "nothingNear")),
      page.add && h("div.acts", {}, button("act.strong", "plus", t("addIt"), page.add)));
  }

  #matches({ state, matches }, page) {
    const rest = state === "unsure" ? matches.slice(SIDE_BY_SIDE) : state === "found" ? matches.slice(1) : matches;
    if (!rest.length) return page.none && matches.length ? [noneButton(page)] : [];
    const groups = page.group ? grouped(rest, page.group) : [["", rest]];
    const fields = ["category", "brand", ...Object.keys(rest[0].item.attributes || {}).filter((name) => name !== "currency")].slice(0, 8);
    const choice = h("select", { "aria-label": t("groupBy"), "data-key": "group", onchange: (event) => page.setGroup(event.target.value) },
      h("option", { value: "", text: t("noGroup") }), ...fields.map((name) => h("option", { value: name, text: fieldName(name), ".selected": name === page.group })));
    return [
      h("div.row", {}, h("h2", { text: t("matches") }), h("label.choice", {}, choice)),
      ...groups.map(([value, group]) => h("section.group", {}, page.group && h("h3.group-name", { text: value || t("other"), dir: "auto" }),
        h("div.grid", {}, ...group.map((match) => matchCard(match, page))))),
      page.none && noneButton(page),
    ].filter(Boolean);
  }
}

export const fieldName = (name) => (["category", "brand", "price"].includes(name) ? t(name) : name.replace(/_/g, " "));

function heading(state, title, text) {
  const symbol = { found: "check", unsure: "eye", missing: "none", gated: "warning" }[state];
  return h("header.state-line", {}, h("span.badge", {}, icon(symbol)), h("div", {}, h("h1", { text: title }), text && h("p", { text })));
}

function foundAnswer({ matches, answer }, page) {
  const [first] = matches;
  const { item } = first;
  const probability = typeof answer.probability === "number" ? answer.probability : first.confidence;
  return h("section.answer.found", {},
    h("button.face", { type: "button", "aria-label": titleOf(item), onclick: () => page.open(item) }, itemPicture(page.api, item, 512)),
    h("div.text", {}, h("p.state", {}, icon("check"), h("span", { text: t("foundIn") }), typeof probability === "number" && h("b", { text: t("confidence", { percent: percent(probability) }) })),
      h("h1", { text: titleOf(item), dir: "auto" }), facts(item),
      h("div.acts", {}, itemLink(item), button("act", "similar", t("moreLike"), () => page.open(item)), page.choose && button("act", "check", t("thisIsIt"), () => page.choose(item)))));
}

function noneButton(page) {
  return h("div.acts.end", {}, button("act", "none", t("noneOfThese"), page.none), page.add && button("act", "plus", t("addIt"), page.add));
}

customElements.define("whatsit-results", Results);
