import { titleOf } from "../../src/cards.js";
import { button, h, showDialog } from "../../src/dom.js";
import { number, percent, t } from "../../src/i18n.js";
import { notify } from "../../src/toast.js";
import { picture } from "./compare.js";

const LIMIT = 60; // tasks that are looked at
const SIMPLE = { duplicates: ["duplicate", "keep_second", "different"], denoise: ["wrong", "right"], merge: ["merge", "merge_into_second", "different"], boxes: ["unclear"], crop_boxes: ["unclear"], crops: ["none", "useless"], unanswered: ["not_for_sale", "useless"] };

/** Decide all tasks of a range of scores at once, after a look at them; `taken` is called when that is taken back. */
export function showBatch(queue, { api }, taken) {
  const low = h("input", { type: "range", min: 0, max: 100, value: 95, "aria-label": t("stFromScore") });
  const high = h("input", { type: "range", min: 0, max: 100, value: 100, "aria-label": t("stToScore") });
  const said = h("output.range-text", { "aria-live": "polite" });
  const bars = h("div.score-bars", { "aria-hidden": "true" });
  const tiles = h("div.batch-tiles");
  const verdict = h("select", { "aria-label": t("stDecision") }, ...SIMPLE[queue].map((name) => h("option", { value: name, text: t(`stVerdict_${name}`) })));
  const why = h("input", { type: "text", maxlength: 500, placeholder: t("stWhy"), "aria-label": t("stWhy"), dir: "auto" });
  const go = button("act.strong", "check", t("stDecideAll", { count: 0 }), run, { disabled: true });
  const problem = h("p.problem", { role: "alert", hidden: true });
  const left = new Set(); // tasks that are left out
  let found = { count: 0, tasks: [] };
  let bins = [];
  let timer = 0;
  let running = new AbortController();

  const range = () => ({ min_score: Math.min(low.value, high.value) / 100, max_score: Math.max(low.value, high.value) / 100 });
  const count = () => Math.max(0, found.count - left.size);

  function drawRange() {
    const { min_score, max_score } = range();
    said.textContent = `${percent(min_score)} – ${percent(max_score)}`;
    const most = Math.max(1, ...bins.map((bin) => bin.open));
    bars.replaceChildren(...bins.map((bin) => h(bin.to > min_score && bin.from < max_score + 1e-9 ? "i.in" : "i", { "--share": bin.open / most, title: `${percent(bin.from)} – ${percent(bin.to)}: ${number(bin.open)}` })));
  }

  function drawCount() {
    go.querySelector("span").textContent = t("stDecideAll", { count: count() });
    go.disabled = count() === 0;
  }

  async function look() {
    running.abort();
    running = new AbortController();
    try {
      found = await api.batch(queue, { ...range(), limit: LIMIT }, running.signal);
    } catch (error) {
      if (error.name !== "AbortError") fail(error);
      return;
    }
    left.clear();
    tiles.replaceChildren(...found.tasks.map(tile), ...(found.count > found.tasks.length ? [h("p.quiet", { text: t("stMoreTasks", { count: found.count - found.tasks.length }) })] : []), ...(found.count ? [] : [h("p.quiet", { text: t("stNoTasks") })]));
    drawCount();
  }

  function tile(task) {
    const pictures = [task.first?.image, task.second?.image, task.photo?.crop, task.photos?.[0]?.crop].filter(Boolean).slice(0, 2);
    const item = task.first?.item || (task.first?.id ? task.first : null);
    return h("button.batch-tile", { type: "button", "aria-pressed": "true", title: t("stLeaveOut"), onclick: (event) => {
      const out = !left.delete(task.task) && left.add(task.task);
      event.currentTarget.setAttribute("aria-pressed", String(!out));
      drawCount();
    } }, h("span.pair", {}, ...pictures.map((address) => picture(api.picture(address, 200), ""))), h("span.name", { text: item ? titleOf(item) : "", dir: "auto" }), h("b", { text: percent(task.score ?? 0) }));
  }

  async function run() {
    go.disabled = true;
    problem.hidden = true;
    try {
      const reply = await api.decideBatch(queue, { ...range(), verdict: verdict.value, except: [...left], expected: found.count, why: why.value.trim() || undefined });
      dialog.close();
      const undo = () => api.undo({ run: reply.run }).then(() => { notify(t("undone")); taken(); }, (error) => notify(error.message || t("offlineTitle")));
      notify(t("stBatchDone", { count: reply.decided }), t("undo"), undo);
    } catch (error) {
      fail(error);
      if (error.status === 409) look();
      drawCount();
    }
  }

  function fail(error) {
    problem.textContent = error.message || t("offlineTitle");
    problem.hidden = false;
  }

  for (const slider of [low, high]) slider.addEventListener("input", () => { drawRange(); clearTimeout(timer); timer = setTimeout(look, 200); });
  const dialog = showDialog(t("stBatch"), t("close"), h("p.quiet", { text: t("stBatchText") }), bars, h("div.sliders", {}, h("label", {}, h("span", { text: t("stFromScore") }), low), h("label", {}, h("span", { text: t("stToScore") }), high), said),
    tiles, problem, h("div.acts.batch-acts", {}, verdict, why, go));
  dialog.classList.add("wide");
  drawRange();
  look();
  api.scores(queue).then((reply) => { bins = reply.bins; drawRange(); }, () => {});
  return dialog;
}
