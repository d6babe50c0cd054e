import { button, h } from "../../../src/dom.js";
import { t } from "../../../src/i18n.js";
import "../box-editor.js";
import { heatMap } from "../heat-map.js";
import { itemLines } from "./pair.js";

/** Boxes that crops of visitors propose for their photo, under the heat map of those crops. */
export function cropBoxes(task, ctx) {
  const view = boxes(task, ctx);
  const size = [task.first?.width || 1, task.first?.height || 1];
  view.editor.view.insertBefore(heatMap(task.crops || [], size), view.editor.layer);
  const shown = h("input", { type: "checkbox", checked: true, onchange: () => view.editor.classList.toggle("cold", !shown.checked) });
  view.tools.prepend(h("label.chip", {}, shown, h("span", { text: t("stHeat") })));
  return view;
}

/** Doubtful boxes of a picture, to correct. */
export function boxes(task, ctx) {
  const editor = document.createElement("whatsit-boxes");
  const label = h("input", { list: "known-labels", "aria-label": t("stLabel"), disabled: true, dir: "auto" });
  let selected = -1;
  const drawn = Promise.resolve(ctx.picture(task.first?.image, 1600)).then(async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode().catch(() => {});
    const size = [task.first.width || image.naturalWidth || 1, task.first.height || image.naturalHeight || 1];
    editor.show(url, size, task.boxes || []);
  }).catch(() => editor.replaceWith(h("p.quiet", { text: t("stNoPicture") })));
  editor.addEventListener("focusin", (event) => {
    selected = Number(event.target.dataset?.index ?? -1);
    label.disabled = selected < 0;
    label.value = editor.boxes[selected]?.label || "";
  });
  label.addEventListener("change", () => editor.rename(selected, label.value.trim()));
  const tools = h("div.acts.box-tools", {}, button("chip", "plus", t("stNewBox"), () => editor.add(), { "data-key": "new" }), button("chip", "back", t("undo"), () => editor.undo()),
    h("label.chip", {}, h("span", { text: t("stLabel") }), label, h("datalist", { id: "known-labels" }, ...(task.labels || []).map((value) => h("option", { value })))), h("p.quiet", { text: t("stBoxKeys") }));
  return {
    node: h("div.task-boxes", {}, task.first?.item && itemLines(task.first.item), editor, tools), editor, tools,
    focus: () => drawn.then(() => { if (editor.isConnected && !document.querySelector("dialog[open]")) editor.next(); }),
    actions: [
      { verdict: "boxes", key: "Enter", label: t("stBoxesDone"), hint: t("stBoxesHint"), symbol: "check", tone: "good", more: () => ({ boxes: editor.boxes }) },
      { verdict: "unclear", key: "x", label: t("stUnclear"), hint: t("stRemembered"), symbol: "none" },
    ],
  };
}
