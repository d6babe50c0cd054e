import { button, h, showDialog } from "../../src/dom.js";
import { t } from "../../src/i18n.js";
import { notify } from "../../src/toast.js";

const FIELDS = ["title", "brand", "category", "price", "url", "attributes"];

/** Return the fields of an item that a change sends: all of them, since PUT replaces all. */
export const fieldsOf = (item) => Object.fromEntries(FIELDS.map((name) => [name, item[name] ?? null]));

/**
 * Save changed fields of an item; where one of them was changed since, the person decides.
 *
 * @param {Object} item - as it was read
 * @param {string} tag - of that reading
 * @param {Object} change - new values of some fields
 * @returns {Promise<boolean>} whether it was saved
 */
export async function saveFields(item, tag, change, { api, changed }) {
  try {
    const next = await api.saveItem(item.id, { ...fieldsOf(item), ...change }, tag);
    const now = { ...item, ...change };
    changed(now);
    const before = Object.fromEntries(Object.keys(change).map((name) => [name, item[name] ?? null]));
    notify(t("stSaved"), t("undo"), async () => {
      await saveFields(now, next, before, { api, changed });
    });
    return true;
  } catch (error) {
    if (error.status === 412) return conflict(item, change, { api, changed });
    notify(error.message || t("offlineTitle"));
    return false;
  }
}

/** Save a change beside another one of other fields; of the same field, ask which one stays. */
async function conflict(item, change, page) {
  const { item: theirs, tag } = await page.api.itemWithTag(item.id);
  if (Object.keys(change).every((name) => text(theirs[name]) === text(item[name]))) return saveFields(theirs, tag, change, page);
  return new Promise((resolve) => {
    let saved = false;
    const mine = async () => {
      saved = true;
      dialog.close();
      resolve(await saveFields(theirs, tag, change, page));
    };
    const rows = Object.entries(change).flatMap(([name, value]) => [h("dt", { text: t(name) }), h("dd", { text: t("stYours", { value: text(value) }), dir: "auto" }), h("dt"), h("dd", { text: t("stTheirs", { value: text(theirs[name]) }), dir: "auto" })]);
    const dialog = showDialog(t("stConflict"), t("close"), h("p", { text: t("stConflictText") }), h("dl.plain", {}, ...rows), h("div.acts", {}, button("act.strong", "check", t("stKeepMine"), mine), button("act", null, t("stKeepTheirs"), () => dialog.close())));
    dialog.addEventListener("close", () => {
      if (saved) return;
      page.changed(theirs);
      resolve(false);
    });
  });
}

const text = (value) => (value === null || value === undefined || value === "" ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));

/** Return what a person typed as the value of a field; undefined where it is none. */
export function parsed(name, typed) {
  const value = typed.trim();
  if (value === "") return null;
  if (name !== "price") return value;
  const amount = Number(value.includes(".") ? value.replace(/,/g, "") : value.replace(",", "."));
  return Number.isFinite(amount) ? amount : undefined;
}

/** Edit a cell of the table in its place. Enter and Tab save, Escape does not. */
export function editCell({ column, cell, done }, item, page) {
  const { name } = column;
  const known = page.facets().find((facet) => facet.name === name)?.values || [];
  const field = h("input.cell-input", { type: "text", value: item[name] ?? "", "aria-label": t(name), list: known.length ? "cell-values" : null, inputmode: name === "price" ? "decimal" : null, maxlength: 10_000, dir: "auto" });
  const read = page.api.itemWithTag(item.id); // while the person types
  read.catch(() => {});
  let ended = false;
  const end = async (save) => {
    if (ended) return;
    ended = true;
    const value = parsed(name, field.value);
    done();
    if (!save || value === (item[name] ?? null)) return;
    if (value === undefined) return notify(t("stNoNumber"));
    page.changed({ ...item, [name]: value }); // at once
    try {
      const { item: now, tag } = await read;
      if (!(await saveFields(now, tag, { [name]: value }, page))) page.changed((await page.api.itemWithTag(item.id)).item);
    } catch (error) {
      page.changed(item);
      notify(error.message || t("offlineTitle"));
    }
  };
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== "Enter" && event.key !== "Escape" && event.key !== "Tab") return;
    event.preventDefault();
    end(event.key !== "Escape");
  });
  field.addEventListener("blur", () => end(true));
  field.addEventListener("dblclick", (event) => event.stopPropagation());
  cell.replaceChildren(field, ...(known.length ? [h("datalist", { id: "cell-values" }, ...known.map(({ value }) => h("option", { value })))] : []));
  field.focus();
  field.select();
}
