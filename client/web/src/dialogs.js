import { cosine } from "./answer.js";
import { facts, itemCard, itemLink, itemPicture, titleOf } from "./cards.js";
import { button, h, icon, showDialog } from "./dom.js";
import { clearPhotos, listPhotos } from "./history.js";
import { chooseLanguage, date, language, LANGUAGES, percent, t } from "./i18n.js";
import { recall, remember } from "./store.js";

/** Show an item with its fields, items like it, and the pictures in which it appears. */
export function showItem(item, page) {
  const alike = h("div.tiles", { "aria-busy": "true" });
  const scenes = h("div.tiles.wide", { "aria-busy": "true" });
  const share = button("act", "link", t("share"), () => page.shareItem(item));
  const known = Object.entries(item.attributes || {}).filter(([name, value]) => name !== "kind" && value !== null && typeof value !== "object");
  const dialog = showDialog(titleOf(item), t("close"),
    h("div.item", {}, itemPicture(page.api, item, 768, titleOf(item)),
      h("div.text", {}, h("h3", { text: titleOf(item), dir: "auto" }), facts(item),
        h("dl", {}, h("dt", { text: t("id") }), h("dd", { text: item.id }), ...known.flatMap(([name, value]) => [h("dt", { text: name.replace(/_/g, " "), dir: "auto" }), h("dd", { text: String(value), dir: "auto" })])),
        h("div.acts", {}, itemLink(item), share))),
    h("section", {}, h("h3", { text: t("moreLike") }), alike), h("section", {}, h("h3", { text: t("seenIn") }), scenes));
  const open = (other) => { dialog.close(); page.open(other); };
  fill(alike, page.api.similar(item.id, 12), "noSimilar", ({ matches }) => matches.map((match) => itemCard(match.item, { ...page, open })));
  fill(scenes, page.api.scenes(item.id, 12), "noScenes", ({ objects, scenes: found }) => objects !== false && found.filter((scene) => cosine(scene.score) > LEAST_ALIKE).map((scene) => sceneTile(scene, page, open)));
  return dialog;
}

const LEAST_ALIKE = 0.5; // cosine of an object that is shown as the item

/** Fill a section with cards; without it where `cards` returns false. */
async function fill(place, reply, empty, cards) {
  try {
    const found = cards(await reply);
    if (found === false) place.closest("section").hidden = true;
    else place.replaceChildren(...(found.length ? found : [h("p.quiet", { text: t(empty) })]));
  } catch (error) {
    place.replaceChildren(h("p.quiet", { text: error.message || t("offlineTitle") }));
  }
  place.removeAttribute("aria-busy");
}

const SCENE_SHAPE = 4 / 3; // width to height of a scene's thumbnail, as in page.css

/** Return the tile of a picture in which an item appears, with a frame around it. */
function sceneTile(scene, page, open) {
  const picture = itemPicture(page.api, { image: scene.image }, 512);
  const [width, height] = scene.size;
  if (width && height) {
    const wide = Math.max(width, height * SCENE_SHAPE); // of the frame's surroundings, in pixels of the whole picture
    const high = wide / SCENE_SHAPE;
    const [x1, y1, x2, y2] = scene.box;
    const sides = { "--left": (x1 + (wide - width) / 2) / wide, "--top": (y1 + (high - height) / 2) / high, "--wide": (x2 - x1) / wide, "--high": (y2 - y1) / high };
    const frame = h("i.frame", { hidden: true, ...sides });
    picture.querySelector("img")?.addEventListener("load", () => { frame.hidden = false; }, { once: true });
    picture.append(frame);
  }
  return h("button.tile.scene", { type: "button", onclick: () => open(scene.item), "data-id": scene.item.id }, picture,
    h("span.name", { text: titleOf(scene.item), dir: "auto" }), h("p.facts", {}, h("b", { text: percent(cosine(scene.score)) })));
}

/** Show the photos that this device keeps. */
export async function showHistory(page) {
  const photos = await listPhotos();
  const tiles = photos.map((entry) => h("button.tile", { type: "button", onclick: () => { dialog.close(); page.reopen(entry); } },
    h("span.picture", {}, h("img", { src: URL.createObjectURL(entry.small), alt: "" })), h("span.name", { text: entry.title || date(entry.time), dir: "auto" }), h("p.facts", {}, h("span", { text: date(entry.time) }))));
  const clear = button("act", "trash", t("clearHistory"), async () => { await clearPhotos(); dialog.close(); });
  const dialog = showDialog(t("history"), t("close"), ...(photos.length
    ? [h("p.quiet", { text: t("historyNote") }), h("div.tiles", {}, ...tiles), h("div.acts", {}, clear)]
    : [h("p.quiet", { text: t("historyEmpty") })]));
}

/** Show language, appearance, catalogue, consent and key. */
export function showSettings(state, page) {
  const { session } = state;
  const select = (label, options, chosen, onchange) => h("label.line", {}, h("span", { text: label }),
    h("select", { onchange: (event) => onchange(event.target.value) }, ...Object.entries(options).map(([value, text]) => h("option", { value, text, ".selected": value === chosen }))));
  const consent = h("input", { type: "checkbox", ".checked": recall("consent") === true, onchange: (event) => remember("consent", event.target.checked) });
  showDialog(t("settings"), t("close"),
    select(t("language"), LANGUAGES, language, chooseLanguage),
    select(t("theme"), { auto: t("themeAuto"), light: t("themeLight"), dark: t("themeDark") }, recall("theme", "auto"), page.setTheme),
    session?.catalogues.length > 1 && select(t("catalogue"), Object.fromEntries(session.catalogues.map((name) => [name, name])), session.catalogue, page.setCatalogue),
    session?.collect === "off" ? h("p.quiet", { text: t("collectOff") })
      : session && h("label.line.check", {}, h("span", { text: t("consentState") }), consent),
    page.api.key && h("div.acts", {}, button("act", "trash", t("forgetKey"), page.forgetKey)),
    h("p.quiet", {}, h("a", { href: "/docs", text: t("apiDocs") })));
}

/** Ask once whether choices may be kept; resolves to the answer. */
export function askConsent(collect) {
  return new Promise((resolve) => {
    let agreed = false;
    const answer = (value) => () => { agreed = value; remember("consent", value); dialog.close(); };
    const dialog = showDialog(t("consentTitle"), t("close"), h("p", { text: t(collect === "crops" ? "consentCrops" : "consentClicks") }),
      h("div.acts", {}, button("act.strong", "check", t("agree"), answer(true)), button("act", null, t("decline"), answer(false))));
    dialog.addEventListener("close", () => resolve(agreed));
  });
}

/** Ask for a key; resolves to it, "" where none is given. */
export function askKey(refused) {
  return new Promise((resolve) => {
    let given = "";
    const field = h("input", { type: "password", name: "key", autocomplete: "off", required: true, "aria-label": t("keyLabel") });
    const form = h("form.fields", { onsubmit: (event) => { event.preventDefault(); given = field.value.trim(); dialog.close(); } },
      refused && h("p.problem", { role: "alert", text: t("keyRefused") }), h("p", { text: t("keyText") }), field,
      h("div.acts", {}, h("button.act.strong", { type: "submit" }, icon("check"), h("span", { text: t("useKey") }))));
    const dialog = showDialog(t("keyTitle"), t("close"), form);
    dialog.addEventListener("close", () => resolve(given));
    field.focus();
  });
}

/** Show the form that adds the thing in the photo to the catalogue. */
export function showAdd(picture, facets, save) {
  const names = ["title", "brand", "category", "price"];
  const id = h("input", { name: "id", required: true, value: `photo-${Date.now().toString(36)}`, maxlength: 200 });
  const fields = names.map((name) => h("input", { name, type: name === "price" ? "number" : "text", step: "any", min: 0, required: name === "title", list: `known-${name}`, dir: "auto" }));
  const lists = facets.filter((facet) => ["brand", "category"].includes(facet.name)).map((facet) => h("datalist", { id: `known-${facet.name}` }, ...facet.values.map(({ value }) => h("option", { value }))));
  const problem = h("p.problem", { role: "alert", hidden: true });
  const form = h("form.fields", { onsubmit: async (event) => {
    event.preventDefault();
    const given = Object.fromEntries(fields.filter((field) => field.value).map((field) => [field.name, field.name === "price" ? Number(field.value) : field.value]));
    try {
      await save(id.value.trim(), given);
      dialog.close();
    } catch (error) {
      problem.textContent = error.message || t("offlineTitle");
      problem.hidden = false;
    }
  } }, h("img.preview", { src: URL.createObjectURL(picture), alt: "" }), problem,
    ...[id, ...fields].map((field) => h("label", {}, h("span", { text: t(field.name) }), field)), ...lists,
    h("div.acts", {}, h("button.act.strong", { type: "submit" }, icon("plus"), h("span", { text: t("save") }))));
  const dialog = showDialog(t("addTitle"), t("close"), form);
}
