import { button, h, icon, showDialog } from "../../src/dom.js";
import { t } from "../../src/i18n.js";
import { notify } from "../../src/toast.js";

const AT_ONCE = 2; // pictures that are sent at the same time

/** Make an item of each picture that was dropped. */
export function showAddPictures(files, page) {
  const rows = files.map((file) => {
    const name = file.name.replace(/\.[^.]+$/, "");
    const id = h("input", { value: name.replace(/\s+/g, "-").slice(0, 200), maxlength: 200, "aria-label": t("id"), required: true, dir: "auto" });
    const title = h("input", { value: name.replace(/[_-]+/g, " ").trim(), "aria-label": t("title"), dir: "auto" });
    const state = h("p.add-state.quiet", { role: "status" });
    const url = URL.createObjectURL(file);
    const face = h("img", { src: url, alt: "" });
    face.addEventListener("error", () => face.replaceWith(h("span.gone", {}, icon("photo"))));
    const row = h("li.add-row", {}, face, h("div.add-fields", {}, title, id, state), button("plain", "close", t("stLeaveOut"), () => { row.remove(); rows.splice(rows.indexOf(one), 1); count(); }));
    const one = { file, id, title, state, row, done: false };
    return one;
  });
  const brand = h("input", { "aria-label": t("brand"), list: "add-brand", dir: "auto" });
  const category = h("input", { "aria-label": t("category"), list: "add-category", dir: "auto" });
  const lists = page.facets().filter((facet) => ["brand", "category"].includes(facet.name)).map((facet) => h("datalist", { id: `add-${facet.name}` }, ...facet.values.map(({ value }) => h("option", { value }))));
  const go = button("act.strong", "plus", "", () => send());

  function count() {
    const left = rows.filter((one) => !one.done).length;
    go.querySelector("span").textContent = t("stAddCount", { count: left });
    go.disabled = left === 0;
  }

  async function send() {
    go.disabled = true;
    const queue = rows.filter((one) => !one.done);
    const work = async () => {
      for (let one = queue.shift(); one; one = queue.shift()) await add(one);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    const failed = rows.filter((one) => !one.done).length;
    page.reload();
    count();
    if (failed) return;
    dialog.close();
    const ids = rows.map((one) => one.id.value.trim());
    notify(t("stAdded", { count: ids.length }), t("undo"), async () => {
      await Promise.allSettled(ids.map((id) => page.api.deleteItem(id)));
      notify(t("undone"));
      page.reload();
    });
  }

  async function add(one) {
    one.state.textContent = t("stSendingPicture");
    one.row.classList.remove("failed");
    const fields = { title: one.title.value.trim() || null, brand: brand.value.trim() || null, category: category.value.trim() || null };
    try {
      await page.api.saveItem(one.id.value.trim(), fields, null, one.file);
      one.done = true;
      one.row.classList.add("added");
      one.state.textContent = t("stAddedOne");
    } catch (error) {
      one.row.classList.add("failed");
      one.state.textContent = error.message || t("offlineTitle");
    }
  }

  const dialog = showDialog(t("stAddPictures"), t("close"), h("p.quiet", { text: t("stAddPicturesText") }), h("form.fields.two", {}, h("label", {}, h("span", { text: t("brand") }), brand), h("label", {}, h("span", { text: t("category") }), category), ...lists), h("ul.add-list", {}, ...rows.map((one) => one.row)), h("div.acts.drawer-acts", {}, go));
  dialog.addEventListener("close", () => { for (const { row } of rows) { const { src } = row.querySelector("img") || {}; if (src) URL.revokeObjectURL(src); } });
  count();
}
