import { button, h, icon, showDialog } from "../../src/dom.js";
import { number, percent, price, t } from "../../src/i18n.js";
import { notify } from "../../src/toast.js";

const POLL = 700; // ms
const MANY = new Set(["image"]); // fields that several columns may give

/** Import a table of items: send it, map its columns, look at a preview, run it, read the report. */
export function showImport(file, page) {
  const { api } = page;
  const body = h("div.import-body", { "aria-live": "polite" });
  const dialog = showDialog(t("stImportTitle", { name: file.name }), t("close"), steps(0), body);
  dialog.classList.add("wide");
  let ended = false;
  let running = false;
  let record = null;
  let encoding = null;
  let decimal = null;
  dialog.addEventListener("close", () => {
    ended = true;
    if (running) notify(t("stImportGoesOn"));
    else if (record && !["done", "stopped"].includes(record.state)) api.dropImport(record.import).catch(() => {});
    if (record?.state === "done") page.reload();
  });

  function at(step, ...content) {
    dialog.querySelector(".steps").replaceWith(steps(step));
    body.replaceChildren(...content.filter(Boolean));
  }

  function fail(error, again) {
    at(0, h("p.problem", { role: "alert", text: error.message || t("offlineTitle") }), h("div.acts", {}, button("act", "refresh", t("retry"), again)));
  }

  async function send() {
    const bar = h("progress", { max: 1, value: 0, "aria-label": t("stProgress") });
    at(0, h("p", { text: t("stUploading") }), bar);
    try {
      record = await api.upload(file, (share) => { bar.value = share; if (share === 1) { bar.removeAttribute("value"); bar.previousSibling.textContent = t("stReading"); } });
      drawMapping();
    } catch (error) {
      fail(error, send);
    }
  }

  function drawMapping() {
    const preview = record.preview || { columns: [], fields: [], rows: [], notes: [], skipped: [], guesses: [], items: 0, skipped_count: 0, note_count: 0 };
    const columns = preview.columns.map((one) => {
      const choice = h("select", { "aria-label": t("stColumnIs", { column: one.column }), onchange: () => again(choice) },
        ...[["attribute", t("stAttribute")], ...(one.field ? [] : [["", t("stNotRead")]]), ...preview.fields.map((name) => [name, t(name === "image" ? "stPictures" : name)])].map(([value, text]) => h("option", { value, text, ".selected": value === (one.field ?? "") })));
      return { ...one, choice };
    });
    const examples = (column, field) => preview.rows.slice(0, 3).map((row) => (field === "attribute" ? row.attributes?.[column] : field === "image" ? row.images?.[0] : row[field])).filter((value) => value !== null && value !== undefined && value !== "");
    const again = async (changed) => {
      if (changed.value && changed.value !== "attribute" && !MANY.has(changed.value)) for (const { choice } of columns) if (choice !== changed && choice.value === changed.value) choice.value = "attribute";
      const chosen = {};
      for (const { column, choice } of columns) {
        if (choice.value && choice.value !== "attribute") (chosen[choice.value] ||= []).push(column);
      }
      await look(Object.fromEntries(Object.entries(chosen).map(([field, names]) => [field, names.join(",")])));
    };
    const dialect = preview.dialect;
    const separators = h("label.line", {}, h("span", { text: t("stDecimal") }), h("select", { onchange: (event) => { decimal = event.target.value || null; look(record.options.columns); } }, ...[["", dialect?.decimal ? `${t("themeAuto")} (${dialect.decimal})` : t("stGuessed")], [".", "1.50"], [",", "1,50"]].map(([value, text]) => h("option", { value, text, ".selected": value === (decimal ?? "") }))));
    const encodings = h("label.line", {}, h("span", { text: t("stEncoding") }), h("select", { onchange: (event) => { encoding = event.target.value || null; look(record.options.columns); } }, ...["", "utf-8", "cp1252", "utf-16", "gb18030", "shift_jis"].map((value) => h("option", { value, text: value || `${t("stGuessed")}${dialect?.encoding ? ` (${dialect.encoding})` : ""}`, ".selected": value === (encoding ?? "") }))));
    const go = button("act.strong", "check", t("stImportItems", { count: preview.items }), run, { disabled: Boolean(record.problem) || preview.items === 0 || null });
    at(1, record.problem && h("p.problem", { role: "alert", text: record.problem }),
      columns.length > 0 && h("p.quiet", { text: [dialect && [dialect.kind, dialect.encoding, dialect.delimiter && `“${dialect.delimiter === "\t" ? "⇥" : dialect.delimiter}”`].filter(Boolean).join(" · "), t("stMapText")].filter(Boolean).join(" — ") }),
      h("div.mapping", {}, ...columns.map(({ column, field, choice }) => h("div.map-row", {}, h("div.map-column", {}, h("b", { text: column, dir: "auto" }), h("span.quiet.small", { text: examples(column, field).join(" · "), dir: "auto" })), icon("open"), choice))),
      dialect && h("details.more-options", {}, h("summary", { text: t("stMoreOptions") }), separators, dialect?.kind === "CSV" && encodings),
      preview.rows.length > 0 && previewTable(preview), columns.length > 0 && counts(preview), reasons(t("stSkippedRows", { count: preview.skipped_count }), preview.skipped), reasons(t("stNotes", { count: preview.note_count }), preview.notes), h("div.acts.drawer-acts", {}, go, button("act", "close", t("stCancel"), () => dialog.close())));
  }

  async function look(columns) {
    body.setAttribute("aria-busy", "true");
    try {
      record = await api.previewImport(record.import, { columns, encoding, decimal });
      if (!ended) drawMapping();
    } catch (error) {
      notify(error.message || t("offlineTitle"));
    }
    body.removeAttribute("aria-busy");
  }

  async function run() {
    if (running) return; // a double click
    try {
      running = true;
      record = await api.runImport(record.import);
      follow();
    } catch (error) {
      running = false;
      notify(error.message || t("offlineTitle"));
    }
  }

  async function follow() {
    const bar = h("progress", { "aria-label": t("stProgress") });
    const said = h("p.import-said");
    at(2, h("h3", { text: t("stImporting") }), bar, said, h("div.acts", {}, button("act", "close", t("stStop"), () => api.stopImport(record.import).catch(() => {}))));
    while (!["done", "failed", "stopped"].includes(record.state)) {
      await new Promise((resolve) => setTimeout(resolve, POLL));
      record = await api.importState(record.import).catch(() => record); // a server that is away goes on by itself
      const { done = 0, total = 0, note = "" } = record.job || {};
      if (total) Object.assign(bar, { max: total, value: done });
      said.textContent = [total ? `${number(done)} / ${number(total)} (${percent(done / total)})` : "", note].filter(Boolean).join(" · ");
      if (ended && record.state === "running") return;
    }
    running = false;
    drawReport();
  }

  function drawReport() {
    const report = record.report || { added: 0, updated: 0, unchanged: 0, skipped_count: 0, skipped: [], note_count: 0, notes: [] };
    const state = { done: "stImportDone", failed: "stImportFailed", stopped: "stImportStopped" }[record.state];
    const file = record.report && report.skipped_count > 0 && button("act", "download", t("stSkippedFile"), async () => {
      const blob = await api.file(`/imports/${record.import}/skipped.csv`).catch((error) => notify(error.message || t("offlineTitle")));
      if (!blob) return;
      const link = h("a", { href: URL.createObjectURL(blob), download: `${record.name}-skipped.csv` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
    at(3, h("h3", { text: t(state) }), record.job?.error && h("p.problem", { role: "alert", text: record.job.error }), h("dl.report", {}, ...["added", "updated", "unchanged", "skipped_count"].map((name) => h("div", {}, h("dt", { text: t(`stReport_${name}`) }), h(`dd.report-${name}`, { text: number(report[name] ?? 0) })))),
      reasons(t("stSkippedRows", { count: report.skipped_count }), report.skipped), reasons(t("stNotes", { count: report.note_count ?? 0 }), report.notes),
      h("div.acts.drawer-acts", {}, button("act.strong", "check", t("stClose"), () => dialog.close()), record.state !== "done" && button("act", "refresh", t("stGoOn"), run), file));
    page.reload();
  }

  send();
}

function steps(now) {
  return h("ol.steps", {}, ...["stStepFile", "stStepMap", "stStepRun", "stStepReport"].map((name, index) => h("li", { "aria-current": index === now ? "step" : null, class: index < now ? "past" : null }, h("i", { text: index + 1 }), h("span", { text: t(name) }))));
}

function counts(preview) {
  return h("p.import-counts", {}, h("b", { text: number(preview.items) }), h("span", { text: t("stWillImport") }), preview.skipped_count > 0 && h("b.bad", { text: number(preview.skipped_count) }), preview.skipped_count > 0 && h("span", { text: t("stWillSkip") }));
}

function previewTable({ rows }) {
  const extra = [...new Set(rows.flatMap((row) => Object.keys(row.attributes || {})))].slice(0, 4);
  const value = (row, name) => (name === "price" && typeof row.price === "number" ? price(row.price, row.attributes?.currency) : name === "images" ? (row.images || []).join(" ") : row[name] ?? "");
  const names = ["id", "title", "brand", "category", "price", "images"];
  return h("div.table-scroll", { tabindex: "0", role: "region", "aria-label": t("stPreview") }, h("table.preview-table", {}, h("thead", {}, h("tr", {}, ...names.map((name) => h("th", { scope: "col", text: t(name === "images" ? "stPictures" : name) })), ...extra.map((name) => h("th", { scope: "col", text: name, dir: "auto" })))),
    h("tbody", {}, ...rows.slice(0, 8).map((row) => h("tr", {}, ...names.map((name) => h(`td.cell-${name}`, { text: value(row, name), dir: "auto" })), ...extra.map((name) => h("td", { text: row.attributes?.[name] ?? "", dir: "auto" })))))));
}

function reasons(title, rows) {
  if (!rows?.length) return null;
  return h("details.reasons", {}, h("summary", { text: title }), h("ul", {}, ...rows.slice(0, 200).map((one) => h("li", {}, h("b", { text: one.place, dir: "auto" }), h("span", { text: one.reason, dir: "auto" })))));
}
