import { button, h } from "./dom.js";
import { fieldName } from "./results.js";
import { number, t } from "./i18n.js";

const CHIPS = 6;

/**
 * Return the filters: chips with counts for each field of the catalogue, a price range, the number of matches.
 *
 * @param {Object} state - `facets`, `where`, `limit`
 * @param {Object} page - `setWhere(where)`, `setLimit(limit)`
 * @returns {HTMLElement}
 */
export function filterPanel({ facets, where, limit, view }, page) {
  const fields = facets.filter((facet) => facet.name !== "price" && facet.values.length > 1);
  const prices = facets.find((facet) => facet.name === "price" && facet.high > facet.low);
  const panel = h("div.filters", {}, ...fields.slice(0, 6).map((facet) => field(facet, where, page)), prices && priceRange(prices, where, page));
  const count = h("input", { type: "range", min: 3, max: 50, value: limit, "aria-label": t("count"), "data-key": "count" });
  const shown = h("output", { text: number(limit) });
  count.addEventListener("input", () => { shown.textContent = number(Number(count.value)); });
  count.addEventListener("change", () => page.setLimit(Number(count.value)));
  if (view !== "words") panel.append(h("fieldset", {}, h("legend", { text: t("count") }), h("div.range", {}, count, shown)));
  if (Object.keys(where).length) panel.append(button("act", "close", t("clearFilters"), () => page.setWhere({})));
  return panel;
}

function field(facet, where, page) {
  const chosen = [where[facet.name]?.$in ?? where[facet.name] ?? []].flat();
  const values = facet.values.map(({ value, items }) => chip(facet.name, value, items, chosen, where, page));
  const more = values.length > CHIPS ? button("more", null, t("more"), () => { rest.hidden = false; more.remove(); }) : null;
  const rest = h("span.rest", { hidden: !values.slice(CHIPS).some((one) => chosen.map(String).includes(one.firstChild.textContent)) }, ...values.slice(CHIPS));
  return h("fieldset", {}, h("legend", { text: fieldName(facet.name), dir: "auto" }), h("div.chips", {}, ...values.slice(0, CHIPS), rest, rest.hidden && more));
}

function chip(name, value, items, chosen, where, page) {
  const on = chosen.includes(value);
  return h("button.chip", { type: "button", "aria-pressed": String(on), "data-key": `${name}:${value}`, onclick: () => {
    const kept = on ? chosen.filter((one) => one !== value) : [...chosen, value];
    const { [name]: _, ...others } = where;
    page.setWhere(kept.length ? { ...others, [name]: kept.length === 1 ? kept[0] : { $in: kept } } : others);
  } }, h("span", { text: String(value), dir: "auto" }), h("small", { text: number(items) }));
}

function priceRange(facet, where, page) {
  const given = where.price || {};
  const side = (operator, label, edge) => h("label", {}, h("span", { text: label }), h("input", {
    type: "number", min: 0, step: "any", placeholder: number(edge), "data-key": operator, value: given[operator] ?? "",
    onchange: (event) => {
      const { [operator]: _, ...rest } = given;
      const price = event.target.value === "" ? rest : { ...rest, [operator]: Number(event.target.value) };
      const { price: __, ...others } = where;
      page.setWhere(Object.keys(price).length ? { ...others, price } : others);
    },
  }));
  return h("fieldset", {}, h("legend", { text: t("price") }), h("div.prices", {}, side("$gte", t("priceFrom"), facet.low), side("$lte", t("priceTo"), facet.high)));
}
