import { itemCard } from "./cards.js";
import { button, h } from "./dom.js";
import { number, t } from "./i18n.js";

/** Return what is shown before a photo is: the ways to give one, and some items of the catalogue. */
export function homeView(state, page) {
  const corners = ["nw", "ne", "se", "sw"].map((corner) => h(`i.corner.${corner}`));
  return h("section.home", {},
    h("div.hero", {}, ...corners, h("h1", { text: t("heroTitle") }), h("p", { text: t("heroText") }),
      h("div.acts", {}, button("act.strong.big", "camera", t("takePhoto"), page.openCamera), button("act.big", "photo", t("choosePhoto"), page.choosePhoto)),
      h("p.quiet", { text: t("orPaste") })),
    h("div.sample", { "aria-busy": String(!state.sample) }, state.sample && sampleRows(state, page)));
}

function sampleRows({ sample, session }, page) {
  if (!sample.length) return h("p.quiet", { text: t("emptyCatalogue") });
  return h("div", {}, h("div.row", {}, h("h2", { text: t("inCatalogue") }), session && h("span.quiet", { text: t("itemCount", { count: session.items }) })),
    h("div.tiles", {}, ...sample.map((item) => itemCard(item, page))));
}

/** Return the items that have some words, or all. */
export function wordsView({ words, found, where }, page) {
  const filtered = Object.keys(where).length > 0;
  const title = words ? t("resultsFor", { words }) : t("allItems");
  const rows = found?.items || [];
  return h("section.words", { "aria-busy": String(!found) }, h("div.row", {}, h("h1", { text: title, dir: "auto" }), found && h("span.quiet", { text: t("itemCount", { count: found.total }) })),
    found && !rows.length && h("p.quiet", { text: t(filtered ? "noItems" : "noWords") }),
    h("div.tiles", {}, ...rows.map((item) => itemCard(item, page))),
    found?.next && h("div.acts.end", {}, button("act", "plus", `${t("more")} (${number(found.total - rows.length)})`, page.moreItems)));
}

/** Return what is shown where a search failed. */
export function failureView(state, page) {
  const offline = state.phase === "offline";
  return h("section.failure", { role: "alert" }, h("h1", { text: t(offline ? "offlineTitle" : "errorTitle") }),
    h("p", { text: offline ? state.problem || t("offlineText") : state.problem }),
    h("div.acts", {}, button("act.strong", "search", t("retry"), page.retry), button("act", "photo", t("choosePhoto"), page.choosePhoto)));
}
