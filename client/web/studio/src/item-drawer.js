import { titleOf } from "../../src/cards.js";
import { button, h, icon, once, showDialog } from "../../src/dom.js";
import { date, t } from "../../src/i18n.js";
import { notify } from "../../src/toast.js";
import { saveFields } from "./cell-editor.js";
import { picture } from "./compare.js";

const PLAIN = ["title", "brand", "category", "price", "url"];

/** Show an item with its pictures, fields and history, to change; without an id, a new one. */
export async function showItemDrawer(id, page) {
  const { api } = page;
  let read = { item: { id: "", attributes: {}, images: [] }, tag: null };
  if (id !== null) {
    try {
      read = await api.itemWithTag(id);
    } catch (error) {
      return notify(error.message || t("offlineTitle"));
    }
  }
  const { item } = read;
  let image = null;
  const preview = h("img.preview", { alt: "", hidden: true });
  const chooser = h("input", { type: "file", accept: "image/*,.heic,.heif,.avif", hidden: true, onchange: () => choose(chooser.files[0]) });
  const key = h("input", { name: "id", required: true, maxlength: 200, value: item.id, readonly: id !== null || null, dir: "auto" });
  const fields = PLAIN.map((name) => h("input", { name, type: name === "price" ? "number" : "text", step: "any", value: item[name] ?? "", maxlength: 10_000, list: `known-${name}`, dir: "auto" }));
  const lists = page.facets().filter((facet) => ["brand", "category"].includes(facet.name)).map((facet) => h("datalist", { id: `known-${facet.name}` }, ...facet.values.map(({ value }) => h("option", { value }))));
  const extras = h("div.extras");
  const problem = h("p.problem", { role: "alert", hidden: true });
  for (const [name, value] of Object.entries(item.attributes || {})) if (value === null || typeof value !== "object") extra(name, value);

  function extra(name = "", value = "") {
    const row = h("div.extra", { ".given": value }, h("input", { value: name, "aria-label": t("stFieldName"), placeholder: t("stFieldName"), dir: "auto" }), h("input", { value: value ?? "", "aria-label": t("stValue"), placeholder: t("stValue"), dir: "auto" }), button("plain", "close", t("stRemoveField"), () => row.remove()));
    extras.append(row);
    return row;
  }

  function choose(file) {
    if (!file) return;
    image = file;
    preview.src = URL.createObjectURL(file);
    preview.hidden = false;
  }

  /** Return the fields as they are typed; a value that was not touched keeps its type. */
  function typed() {
    const given = Object.fromEntries(fields.map((field) => [field.name, field.value.trim() === "" ? null : field.name === "price" ? Number(field.value) : field.value.trim()]));
    const nested = Object.entries(item.attributes || {}).filter(([, value]) => value !== null && typeof value === "object");
    const rows = [...extras.children].map((row) => [row.children[0].value.trim(), row.given !== undefined && String(row.given ?? "") === row.children[1].value ? row.given : row.children[1].value]).filter(([name]) => name);
    return { ...given, attributes: Object.fromEntries([...nested, ...rows]) };
  }

  const save = once(async () => {
    const given = typed();
    if (id !== null && !image) {
      const change = Object.fromEntries(Object.entries(given).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(item[name] ?? (name === "attributes" ? {} : null))));
      if (!Object.keys(change).length || (await saveFields(item, read.tag, change, page))) dialog.close();
      return;
    }
    try {
      await api.saveItem(key.value.trim(), given, read.tag, image);
      dialog.close();
      notify(t(id === null ? "saved" : "stSaved", { title: given.title || key.value }));
      page.reload();
    } catch (error) {
      problem.textContent = error.message || t("offlineTitle");
      problem.hidden = false;
    }
  });

  const remove = once(async () => {
    try {
      await api.deleteItem(id);
    } catch (error) {
      return notify(error.message || t("offlineTitle"));
    }
    dialog.close();
    page.reload();
    notify(t("stDeleted", { count: 1 }), t("undo"), () => api.restoreItem(id).then(() => { notify(t("undone")); page.reload(); }, (error) => notify(error.message || t("offlineTitle"))));
  });

  const pictures = h("div.drawer-pictures", {}, ...(item.images || []).slice(0, 12).map((address) => picture(api.picture(address, 400), "")), preview, button("add-picture", "photo", t(id === null ? "choosePhoto" : "stNewPicture"), () => chooser.click()), chooser);
  const form = h("form.fields", { onsubmit: (event) => { event.preventDefault(); save(); } }, h("label", {}, h("span", { text: t("id") }), key), ...fields.map((field) => h("label", {}, h("span", { text: t(field.name) }), field)), ...lists,
    h("h3", { text: t("stOtherFields") }), extras, button("chip", "plus", t("stAddField"), () => extra().children[0].focus()), problem,
    h("div.acts.drawer-acts", {}, h("button.act.strong", { type: "submit" }, icon("check"), h("span", { text: t("stSave") })), id !== null && button("act", "trash", t("stDelete"), remove)));
  const history = h("ol.history", { "aria-busy": "true" });
  const dialog = showDialog(id === null ? t("stAddItem") : titleOf(item), t("close"), item.merged_into && h("p.note", {}, icon("layers"), h("span", { text: t("stMergedInto", { id: item.merged_into }), dir: "auto" })), pictures, form, id !== null && h("section", {}, h("h3", { text: t("stHistory") }), history));
  dialog.classList.add("drawer");
  if (id === null) key.focus();
  else showHistory(history, id, page, dialog);
}

/** Fill the list of what happened to an item. */
export async function showHistory(list, id, page, dialog) {
  try {
    const { entries } = await page.api.itemHistory(id);
    list.replaceChildren(...(entries.length ? entries.map((one) => entry(one)) : [h("li.quiet", { text: t("stNoHistory") })]));
  } catch (error) {
    list.replaceChildren(h("li.quiet", { text: error.message || t("offlineTitle") }));
  }
  list.removeAttribute("aria-busy");

  function entry(one) {
    const undo = async () => {
      try {
        await page.api.undo({ decision: one.number });
        notify(t("undone"));
        dialog?.close();
        page.reload();
      } catch (error) {
        notify(error.message || t("offlineTitle"));
      }
    };
    const names = [...new Set([...Object.keys(one.before || {}), ...Object.keys(one.after || {})])];
    return h("li", {}, h("span.dot-mark", { "data-kind": one.kind }), h("div", {}, h("p", { text: one.text || t(`stKind_${one.kind}`), dir: "auto" }),
      ...names.map((name) => h("p.change-line", { dir: "auto" }, h("span", { text: name }), h("del", { text: shown(one.before?.[name]) }), h("ins", { text: shown(one.after?.[name]) }))),
      h("p.quiet.small", { text: [date(new Date(one.at)), one.who].filter(Boolean).join(" · ") })), one.undoable && button("chip", "undo", t("undo"), undo));
  }
}

const shown = (value) => (value === null || value === undefined || value === "" ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));
