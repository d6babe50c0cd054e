import { h, icon, once, showDialog } from "../../src/dom.js";
import { number, t } from "../../src/i18n.js";
import { notify } from "../../src/toast.js";
import { fieldsOf, parsed } from "./cell-editor.js";

/** Set one field of several items. */
export function showSetField(ids, { api, facets, done, clear }) {
  const name = h("select", { "aria-label": t("stField"), onchange: known }, ...["brand", "category", "price", "title"].map((one) => h("option", { value: one, text: t(one) })));
  const list = h("datalist", { id: "set-values" });
  const value = h("input", { type: "text", list: "set-values", "aria-label": t("stValue"), dir: "auto" });
  const problem = h("p.problem", { role: "alert", hidden: true });
  const progress = h("progress", { max: ids.length, value: 0, hidden: true, "aria-label": t("stProgress") });

  function known() {
    list.replaceChildren(...(facets.find((facet) => facet.name === name.value)?.values || []).map((one) => h("option", { value: one.value })));
  }

  const save = once(async () => {
    const given = parsed(name.value, value.value);
    if (given === undefined) return fail(t("stNoNumber"));
    progress.hidden = false;
    const before = [];
    try {
      for (const id of ids) {
        const { item, tag } = await api.itemWithTag(id);
        await api.saveItem(id, { ...fieldsOf(item), [name.value]: given }, tag);
        before.push(item);
        progress.value += 1;
      }
    } catch (error) {
      fail(`${error.message || t("offlineTitle")} (${number(before.length)} / ${number(ids.length)})`);
      return done();
    }
    dialog.close();
    clear();
    done();
    notify(t("stSaved"), t("undo"), async () => {
      for (const item of before) {
        const { item: now, tag } = await api.itemWithTag(item.id);
        await api.saveItem(item.id, { ...fieldsOf(now), [name.value]: item[name.value] ?? null }, tag);
      }
      notify(t("undone"));
      done();
    });
  });

  function fail(text) {
    problem.textContent = text;
    problem.hidden = false;
  }

  known();
  const dialog = showDialog(t("stSetField"), t("close"), h("form.fields", { onsubmit: (event) => { event.preventDefault(); save(); } }, h("p.quiet", { text: t("stSetFieldText", { count: ids.length }) }), h("label", {}, h("span", { text: t("stField") }), name), h("label", {}, h("span", { text: t("stValue") }), value), list, problem, progress,
    h("div.acts", {}, h("button.act.strong", { type: "submit" }, icon("check"), h("span", { text: t("stSave") })))));
}
