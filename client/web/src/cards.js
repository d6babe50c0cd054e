import { cosine } from "./answer.js";
import { button, h, icon } from "./dom.js";
import { percent, price, t } from "./i18n.js";

/** Return an <img> of an item, or a placeholder where it has no picture. */
export function itemPicture(api, item, side, alt = "") {
  const frame = h("span.picture");
  if (!item.image) {
    frame.append(icon("photo"));
    return frame;
  }
  const image = h("img", { alt, loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => frame.replaceChildren(icon("photo")));
  api.picture(item.image, side).then((url) => { image.src = url; }, () => frame.replaceChildren(icon("photo")));
  frame.append(image);
  return frame;
}

export const titleOf = (item) => item.title || item.id;

/** Return brand, category and price in one line. */
export function facts(item) {
  const texts = [item.brand, item.category].filter((text) => text && !titleOf(item).includes(text));
  return h("p.facts", {}, h("span", { text: texts.join(" · "), dir: "auto" }),
    typeof item.price === "number" && h("b", { text: price(item.price, item.attributes?.currency) }));
}

/** Return why a match is one: each piece of evidence that the reply carries. */
export function why(match) {
  const alike = percent(cosine(match.score));
  const chips = [chip("eye", t("look"), alike, t("lookWhy", { percent: alike }))];
  if (match.inliers !== null && match.inliers !== undefined) chips.push(chip("print", t("print"), String(match.inliers), t("printWhy", { count: match.inliers })));
  if (match.words?.length) chips.push(chip("words", t("wordsWhy"), match.words.slice(0, 6).join(" "), t("wordsRead", { words: match.words.join(" ") })));
  if (match.code) chips.push(chip("code", t("code"), match.code, t("codeRead", { code: match.code })));
  if (typeof match.confidence === "number") chips.push(chip("check", "", percent(match.confidence), t("confidence", { percent: percent(match.confidence) })));
  return h("ul.why", {}, ...chips);
}

function chip(symbol, name, value, title) {
  return h("li", { title }, icon(symbol), name && h("span", { text: name }), h("b", { text: value }));
}

/**
 * Return the card of a match.
 *
 * @param {Object} match - of a reply
 * @param {Object} page - `api`, `open(item)`, and `choose(item)` where feedback is recorded
 * @param {string} [heading] - tag of the title
 */
export function matchCard(match, page, heading = "h3") {
  const { item } = match;
  const share = typeof match.confidence === "number" ? match.confidence : cosine(match.score);
  return h("article.card", { "data-id": item.id },
    h("button.face", { type: "button", "aria-label": titleOf(item), onclick: () => page.open(item) }, itemPicture(page.api, item, 320)),
    h("div.text", {}, h(heading, { text: titleOf(item), dir: "auto" }), facts(item),
      h("div.bar-score", { "--share": share, role: "img", "aria-label": t("lookWhy", { percent: percent(cosine(match.score)) }) }, h("i")),
      why(match)),
    page.choose && button("choose", "check", t("thisIsIt"), () => page.choose(item)));
}

/** Return the card of an item, without a score. */
export function itemCard(item, page) {
  return h("button.tile", { type: "button", onclick: () => page.open(item), "data-id": item.id },
    itemPicture(page.api, item, 320), h("span.name", { text: titleOf(item), dir: "auto" }), facts(item));
}

/** Return the link to an item's own page; null where it has none. */
export function itemLink(item) {
  if (!/^https?:\/\//i.test(item.url || "")) return null;
  const kind = item.attributes?.kind;
  const label = t({ article: "openArticle", place: "openPlace" }[kind] || "openShop");
  return h("a.act", { href: item.url, target: "_blank", rel: "noopener noreferrer nofollow" }, icon("open"), h("span", { text: label }));
}
