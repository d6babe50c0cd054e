import { facts, itemPicture, titleOf } from "../../../src/cards.js";
import { h, icon, showDialog } from "../../../src/dom.js";
import { date, percent, t } from "../../../src/i18n.js";
import { picture } from "../compare.js";
import { SIDE } from "./pair.js";

/** A region that a visitor searched: which item does it show? */
export function crops(task, ctx) {
  const pick = (item) => ctx.decide("item", { item: item.id });
  return {
    node: h("div.task-search", {}, photo(task.photo, ctx), proposals(task, ctx, pick)),
    proposals: task.proposals.map(({ item }) => () => pick(item)),
    find: () => findItem(ctx, pick),
    actions: [
      { key: "f", label: t("stFindItem"), symbol: "search", run: () => findItem(ctx, pick) },
      { verdict: "none", key: "n", label: t("stNone"), hint: t("stNoneHint"), symbol: "none", tone: "bad" },
      { verdict: "useless", key: "x", label: t("stUseless"), hint: t("stUselessHint"), symbol: "trash" },
    ],
  };
}

/** Searches that nobody could answer: what did people look for? */
export function unanswered(task, ctx) {
  const assign = (item) => ctx.decide("assign", { item: item.id, add_picture: add.checked });
  const add = h("input", { type: "checkbox" });
  const shown = task.photos.slice(0, 12);
  const grid = h("div.cluster", {}, ...shown.map((one) => h("button.thumb", { type: "button", "aria-label": t("stEnlarge"), onclick: () => showDialog(t("photo"), t("close"), picture(ctx.picture(one.image, 1600), t("photo"))) }, picture(ctx.picture(one.crop, 320), ""))));
  const said = h("p.quiet", { text: t("stSearched", { count: task.searches, first: date(new Date(task.first)), last: date(new Date(task.last)) }) });
  const create = () => createItem(task, ctx);
  return {
    node: h("div.task-search", {}, h("section", {}, said, grid), h("section", {}, proposals(task, ctx, assign), h("label.check", {}, add, h("span", { text: t("stAddPicture") })))),
    proposals: task.proposals.map(({ item }) => () => assign(item)),
    actions: [
      { key: "f", label: t("stFindItem"), symbol: "search", run: () => findItem(ctx, assign) },
      { key: "c", label: t("stCreate"), hint: t("stCreateHint"), symbol: "plus", tone: "good", run: create },
      { verdict: "not_for_sale", key: "n", label: t("stNotForSale"), hint: t("stNotForSaleHint"), symbol: "none", tone: "bad" },
      { verdict: "useless", key: "x", label: t("stUseless"), hint: t("stUselessHint"), symbol: "trash" },
    ],
  };
}

function photo(one, ctx) {
  const whole = h("details.whole", {}, h("summary", { text: t("stWholePhoto") }));
  whole.addEventListener("toggle", () => { if (whole.open && whole.children.length < 2) whole.append(picture(ctx.picture(one.image, 1024), t("photo"))); });
  return h("figure.searched", {}, picture(ctx.picture(one.crop, SIDE), t("stSearchedRegion")), h("figcaption.quiet", { text: one.made ? date(new Date(one.made)) : "" }), whole);
}

function proposals(task, ctx, pick) {
  if (!task.proposals.length) return h("p.quiet", { text: t("stNoProposals") });
  return h("div", {}, h("h2.small-title", { text: t("stIsIt") }), h("div.tiles.proposals", {}, ...task.proposals.map(({ item, score }, at) => h("button.tile", { type: "button", onclick: () => pick(item), "data-id": item.id },
    itemPicture(ctx.api, item, 320), h("span.name", {}, h("kbd", { text: at + 1 }), h("span", { text: titleOf(item), dir: "auto" })), facts(item), h("p.facts", {}, h("span", { text: t("look") }), h("b", { text: percent(score) }))))));
}

/** Look for an item by words, and pick it. */
function findItem(ctx, pick) {
  const rows = h("div.tiles", { "aria-live": "polite" });
  let running = new AbortController();
  const look = async () => {
    running.abort();
    running = new AbortController();
    const reply = await ctx.api.items({ text: field.value.trim(), limit: 24 }, running.signal).catch((error) => error);
    if (reply.name === "AbortError") return;
    rows.replaceChildren(...(reply.items?.length ? reply.items.map((item) => h("button.tile", { type: "button", onclick: () => { dialog.close(); pick(item); } }, itemPicture(ctx.api, item, 320), h("span.name", { text: titleOf(item), dir: "auto" }), facts(item)))
      : [h("p.quiet", { text: reply.items ? t("noWords") : reply.message || t("offlineTitle") })]));
  };
  const field = h("input", { type: "search", "aria-label": t("words"), placeholder: t("words"), oninput: () => { clearTimeout(timer); timer = setTimeout(look, 120); }, dir: "auto" });
  let timer = setTimeout(look, 0);
  const dialog = showDialog(t("stFindItem"), t("close"), field, h("section", {}, rows));
  field.focus();
}

/** Make an item of the searches. */
function createItem(task, ctx) {
  const names = ["id", "title", "brand", "category", "price"];
  const fields = names.map((name) => h("input", { name, type: name === "price" ? "number" : "text", step: "any", min: 0, required: name === "id" || name === "title", maxlength: 200, value: name === "id" ? `new-${Date.now().toString(36)}` : "", dir: "auto" }));
  const form = h("form.fields", { onsubmit: (event) => {
    event.preventDefault();
    const given = Object.fromEntries(fields.filter((field) => field.value.trim()).map((field) => [field.name, field.name === "price" ? Number(field.value) : field.value.trim()]));
    dialog.close();
    ctx.decide("create", { fields: given });
  } }, picture(ctx.picture(task.photos[0]?.crop, 320), ""), ...fields.map((field) => h("label", {}, h("span", { text: t(field.name) }), field)),
  h("div.acts", {}, h("button.act.strong", { type: "submit" }, icon("plus"), h("span", { text: t("stCreate") }))));
  const dialog = showDialog(t("stCreate"), t("close"), form);
  fields[1].focus();
}
