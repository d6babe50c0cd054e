import { titleOf } from "../../src/cards.js";
import { button, h, icon, once } from "../../src/dom.js";
import { filterPanel } from "../../src/filters.js";
import { number, price, shortDate, t } from "../../src/i18n.js";
import { notify } from "../../src/toast.js";
import { editCell } from "./cell-editor.js";
import { ItemPages } from "./item-pages.js";
import { failure } from "./states.js";
import { FIRST_PAGE } from "./studio-api.js";
import { faceColumn, pickColumn } from "./virtual-table.js";

const ROW = 60; // pixels
const DELAY = 90; // ms of rest after which words are searched
const TABLES = /\.(csv|tsv|txt|xlsx|xlsm|xls|ods|json|jsonl|ndjson|xml|zip|parquet)$/i;
const SORTS = ["added", "-updated", "title", "brand", "category", "price", "-price", "id"];

/** Show the whole catalogue as a table. */
export function open(place, studio) {
  const { api } = studio;
  let view = { text: "", where: {}, sort: "added", ...studio.tableView };
  let facets = [];
  let pages = null;
  let timer = 0;
  let counting = 0;
  let counted = null; // words that the facets are of
  let ended = false;
  let first = true;
  const table = document.createElement("whatsit-virtual-table");
  const count = h("p.quiet", { role: "status" });
  const field = h("input", { type: "search", value: view.text, placeholder: t("stSearchItems"), "aria-label": t("stSearchItems"), autocomplete: "off", dir: "auto", oninput: () => { clearTimeout(timer); timer = setTimeout(() => look({ text: field.value.trim() }), DELAY); } });
  const sort = h("select", { "aria-label": t("stSort"), onchange: () => look({ sort: sort.value }) }, ...SORTS.map((name) => h("option", { value: name, text: t(`stSort_${name}`), ".selected": name === view.sort })));
  const filters = h("aside.table-filters", { hidden: true });
  const filterButton = button("act", "filter", t("filters"), () => { filters.hidden = !filters.hidden; filterButton.setAttribute("aria-expanded", String(!filters.hidden)); countValues(0); }, { "aria-expanded": "false" });
  const file = h("input", { type: "file", multiple: true, hidden: true, onchange: () => { take([...file.files]); file.value = ""; } });
  const selection = h("div.selection", { role: "region", "aria-label": t("stSelection"), hidden: true });
  const body = h("div.table-body", {}, filters, table);

  function look(change = {}) {
    performance.mark("studio-search");
    view = { ...view, ...change };
    studio.tableView = view;
    pages?.close();
    const { text, where, sort: order } = view;
    const early = JSON.stringify(FIRST_PAGE) === JSON.stringify({ text, where, sort: order, limit: 100, offset: 0 }) ? studio.early : null;
    studio.early = null; // of the first table alone
    const load = (range, signal) => api.page({ text, where, sort: order, ...range }, signal);
    const mine = pages = new ItemPages((range, signal) => (early && !range.offset ? early.catch(() => load(range, signal)) : load(range, signal)), () => came(mine), (error) => { if (mine === pages) lost(error); });
    mine.want(0, 0);
    drawFilters();
    clearTimeout(counting);
  }

  /** Count the fields' values, once the rows are there: by words where the filters are seen, else of all items and once. */
  function countValues(wait) {
    clearTimeout(counting);
    const text = filters.hidden ? "" : view.text;
    if (counted === text) return;
    counting = setTimeout(() => api.facets({ text, where: {}, limit: 40 }).then((reply) => { counted = text; facets = reply.facets; if (!ended) drawFilters(); }, () => {}), wait);
  }

  function came(mine) {
    if (mine !== pages || ended) return;
    if (!mine.shown) {
      mine.shown = true;
      if (!table.isConnected) body.replaceChildren(filters, table);
      table.show(mine);
      const mark = first ? "studio-table" : "studio-rows";
      first = false;
      requestAnimationFrame(() => setTimeout(() => performance.mark(mark))); // as they are seen
      countValues(filters.hidden ? 1500 : 150);
    } else table.refresh();
    count.textContent = t("itemCount", { count: mine.total });
    body.classList.toggle("no-rows", mine.total === 0);
    body.querySelector(".table-empty")?.remove();
    if (mine.total === 0) body.append(empty());
  }

  function empty() {
    const filtered = view.text || Object.keys(view.where).length;
    return h("section.table-empty.failure", {}, h("h1", { text: t(filtered ? "stNothingFound" : "stEmptyTitle") }), h("p", { text: t(filtered ? "noItems" : "stEmptyText") }),
      h("div.acts", {}, filtered ? button("act", "close", t("clearFilters"), () => { field.value = ""; look({ text: "", where: {} }); }) : button("act.strong", "upload", t("stImport"), () => file.click())));
  }

  function lost(error) {
    if (!table.isConnected || pages.total === null) body.replaceChildren(filters, failure(error, () => look()));
    else notify(error.message || t("offlineTitle"), t("retry"), () => table.refresh());
  }

  function drawFilters() {
    filters.replaceChildren(filterPanel({ facets, where: view.where, limit: 0, view: "words" }, { setWhere: (where) => look({ where }), setLimit() {} }));
    const used = Object.keys(view.where).length;
    filterButton.classList.toggle("on", used > 0);
    filterButton.querySelector("span").textContent = used ? `${t("filters")} (${used})` : t("filters");
  }

  const text = (name) => ({ name, label: t(name), edit: true, fill(cell, item) {
    const value = item ? item[name] ?? "" : "";
    if (cell.textContent !== value || cell.children.length) cell.textContent = value;
    cell.dir = "auto";
  } });

  table.configure(t("stCatalogue"), [
    pickColumn(table),
    faceColumn(api),
    { name: "title", label: t("title"), edit: true, fill(cell, item) {
      if (!cell.querySelector(".cell-title")) cell.replaceChildren(h("span.cell-title", { dir: "auto" }), h("span.cell-under", { dir: "auto" }));
      const [title, under] = cell.children;
      title.textContent = item ? titleOf(item) : "…";
      under.textContent = item ? [item.brand, item.category].filter(Boolean).join(" · ") : "";
    } },
    { name: "id", label: t("id"), fill(cell, item) { cell.textContent = item?.id ?? ""; cell.dir = "auto"; } },
    text("brand"), text("category"),
    { name: "price", label: t("price"), edit: true, fill(cell, item) { cell.textContent = typeof item?.price === "number" ? price(item.price, item.attributes?.currency) : ""; } },
    { name: "pictures", label: t("stPictures"), fill(cell, item) { cell.textContent = typeof item?.pictures === "number" ? number(item.pictures) : ""; } },
    { name: "updated", label: t("stUpdated"), fill(cell, item) { cell.textContent = item?.updated ? shortDate(new Date(item.updated)) : ""; } },
    { name: "more", label: t("stOpenItem"), bare: true, fill(cell, item) {
      if (!cell.firstChild) cell.append(h("span.open-item", { "data-open": "" }, icon("edit")));
      cell.setAttribute("aria-label", item ? t("stOpenItem") : "");
    } },
  ], ROW);

  const shown = { api, studio, facets: () => facets, changed: (item) => pages.replace(item), reload: () => look() };
  table.addEventListener("row-open", ({ detail }) => { const item = pages.row(detail.index); if (item) drawer(item.id); });
  table.addEventListener("cell-edit", ({ detail }) => editCell(detail, pages.row(detail.index), shown));
  table.addEventListener("row-choose", ({ detail }) => drawSelection(detail.ids));
  table.addEventListener("keydown", (event) => { if (event.key === "Delete" && !event.repeat && event.target === table.grid) remove(table.chosen.size ? [...table.chosen] : [table.active.item?.id].filter(Boolean)); });

  function drawSelection(ids) {
    selection.hidden = !ids.length;
    selection.replaceChildren(h("b", { text: t("stChosen", { count: ids.length }) }), button("act", "edit", t("stSetField"), () => setField(ids)), button("act", "trash", t("stDelete"), () => remove(ids)), button("plain", "close", t("stClearSelection"), () => table.clear()));
  }

  const remove = once(async (ids) => {
    if (!ids.length) return;
    const outcomes = await Promise.allSettled(ids.map((id) => api.deleteItem(id)));
    const gone = ids.filter((_, at) => outcomes[at].status === "fulfilled");
    const problem = outcomes.find((one) => one.status === "rejected")?.reason;
    table.clear();
    look();
    if (problem) return notify(problem.message || t("offlineTitle"), gone.length ? t("undo") : undefined, () => restore(gone));
    notify(t("stDeleted", { count: gone.length }), t("undo"), () => restore(gone));
  });

  async function restore(ids) {
    const outcomes = await Promise.allSettled(ids.map((id) => api.restoreItem(id)));
    const problem = outcomes.find((one) => one.status === "rejected")?.reason;
    notify(problem ? problem.message || t("offlineTitle") : t("undone"));
    look();
  }

  const away = () => notify(t("offlineTitle"));
  const drawer = (id) => import("./item-drawer.js").then(({ showItemDrawer }) => showItemDrawer(id, shown), away);
  const setField = (ids) => import("./set-field.js").then(({ showSetField }) => showSetField(ids, { api, facets, done: look, clear: () => table.clear() }), away);

  /** Take files that were dropped or chosen: a table is imported, pictures become items. */
  function take(files) {
    const given = files.find((one) => TABLES.test(one.name));
    if (given) return import("./import-file.js").then(({ showImport }) => showImport(given, shown), away);
    const pictures = files.filter((one) => one.type.startsWith("image/") || /\.(jpe?g|png|webp|heic|heif|avif|gif|bmp|tiff?)$/i.test(one.name));
    if (pictures.length) return import("./add-items.js").then(({ showAddPictures }) => showAddPictures(pictures, shown), away);
    notify(t("stUnknownFile"));
  }

  const drop = (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    if (event.dataTransfer.files.length && !document.querySelector("dialog[open]")) take([...event.dataTransfer.files]);
  };
  const over = (event) => { event.preventDefault(); if (!document.querySelector("dialog[open]")) document.body.classList.add("dragging"); };
  const leave = (event) => { if (!event.relatedTarget) document.body.classList.remove("dragging"); };
  addEventListener("drop", drop);
  addEventListener("dragover", over);
  addEventListener("dragleave", leave);
  const onkey = (event) => { if (event.key === "/" && !event.target.closest("input, textarea, select, dialog")) { event.preventDefault(); field.focus(); } };
  addEventListener("keydown", onkey);
  field.addEventListener("keydown", (event) => { if (event.key === "ArrowDown" || event.key === "Enter") { event.preventDefault(); table.grid.focus(); } });

  place.replaceChildren(h("section.catalogue", { "aria-label": t("stCatalogue") }, h("h1.unseen", { text: t("stCatalogue") }),
    h("div.toolbar", {}, h("label.table-search", {}, icon("search"), field), filterButton, sort, count, h("span.spread"), button("act", "upload", t("stImport"), () => file.click()), button("act.strong", "plus", t("stAddItem"), () => drawer(null)), file),
    selection, body));
  look();
  return () => {
    ended = true;
    pages.close();
    clearTimeout(timer);
    clearTimeout(counting);
    removeEventListener("drop", drop);
    removeEventListener("dragover", over);
    removeEventListener("dragleave", leave);
    removeEventListener("keydown", onkey);
  };
}

