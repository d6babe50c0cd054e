import { button, h, icon, keepFocus, showDialog } from "../../src/dom.js";
import { number, percent, t } from "../../src/i18n.js";
import { notify } from "../../src/toast.js";
import { showBatch } from "./batch.js";
import { ReviewSession } from "./review-session.js";
import { boxes, cropBoxes } from "./tasks/boxes.js";
import { denoise, duplicates, figures, merge, picturesOf } from "./tasks/pair.js";
import { crops, unanswered } from "./tasks/searches.js";

const VIEWS = { duplicates, denoise, merge, boxes, crop_boxes: cropBoxes, crops, unanswered };
const WARM = 4; // tasks whose pictures are decoded ahead

/**
 * Show a queue, task after task.
 *
 * @param {HTMLElement} place
 * @param {string} queue
 * @param {Object} studio - api, outbox, go(hash)
 * @returns {function(): void} ends it
 */
export function open(place, queue, studio) {
  const { api } = studio;
  const warm = []; // images that are kept decoded
  const picture = (address, side) => (address ? api.picture(address, side) : Promise.reject(new Error()));
  const load = async ([address, side]) => {
    const image = new Image();
    image.src = await api.picture(address, side);
    warm.push(image);
    if (warm.length > 80) warm.shift();
    await image.decode();
  };
  const preload = (tasks) => tasks.slice(0, WARM * 3).reduce((before, task) => before.then(() => Promise.allSettled(picturesOf(task).map(load))), Promise.resolve());
  const notices = {
    lost: () => notify(t("stLost")), gone: (detail) => notify(detail || t("stGone")), refused: (detail) => notify(detail || t("errorTitle")), "undo-skip": () => notify(t("stUndoSkip")), failed: (detail) => notify(detail || t("offlineTitle")),
  };
  const session = new ReviewSession(api, studio.outbox, queue, { order: "score", changed: () => draw(), notice: (kind, detail) => notices[kind](detail), preload });
  studio.answered = (entry, result, open) => session.answered(entry, result, open);
  const stage = h("div.task-stage");
  const bar = h("div.task-bar");
  const acts = h("div.verdicts", { role: "group", "aria-label": t("stDecisions") });
  let shown = null; // the task that is drawn
  let view = null;
  let why = "";

  const decide = (verdict, more = {}) => {
    performance.mark("studio-decision");
    session.decide(verdict, { ...more, ...(why ? { why } : {}) });
    why = "";
  };
  const ctx = { api, picture, decide };

  function draw() {
    const task = session.current;
    if (task && task === shown) return drawBar();
    shown = task;
    if (!task) {
      drawState();
      return drawBar();
    }
    view = VIEWS[queue](task, ctx);
    const score = typeof task.score === "number" && h("span.score", { title: t("stScore") }, h("i", { "--share": Math.max(0, Math.min(1, task.score)) }), h("b", { text: percent(task.score) }));
    stage.replaceChildren(h("div.task-why", { role: "status" }, score, h("p", { text: task.reason || "", dir: "auto" }), task.sample && h("span.tag", { title: t("stSampleHint"), text: t("stSample") }), figures(task)), view.node);
    drawActions();
    drawBar();
    requestAnimationFrame(() => setTimeout(() => performance.mark("studio-task"))); // as it is seen
    preload(session.tasks.slice(1, WARM + 1));
    if (view.focus) setTimeout(() => { if (shown === task && !document.querySelector("dialog[open]")) view.focus(); }, 60);
  }

  function drawActions() {
    acts.replaceChildren(...view.actions.map((action, at) => {
      const key = action.key || String(at + 1);
      return h(`button.verdict.${action.tone || "plain-tone"}`, { type: "button", title: action.hint || null, "data-verdict": action.verdict || key, "aria-keyshortcuts": key, onclick: () => run(action) },
        h("kbd", { text: keyName(key) }), h("span", { text: action.label }), action.hint && h("small", { text: action.hint }));
    }), h("button.verdict.pass", { type: "button", "data-verdict": "skip", "aria-keyshortcuts": "s", onclick: () => decide("skip") }, h("kbd", { text: "S" }), h("span", { text: t("stSkip") })));
  }

  function drawState() {
    view = null;
    acts.replaceChildren();
    if (session.problem) {
      const offline = [0, 502, 503].includes(session.problem.status);
      return stage.replaceChildren(h("section.failure", { role: "alert" }, h("h1", { text: t(offline ? "offlineTitle" : "errorTitle") }), h("p", { text: session.problem.message || t("stOfflineText") }), h("div.acts", {}, button("act.strong", "refresh", t("retry"), () => session.retry()))));
    }
    if (!session.empty) return stage.replaceChildren(h("div.task-wait", { role: "status", "aria-label": t("stLoading") }, h("i"), h("i")));
    const held = session.open > 0;
    stage.replaceChildren(h("section.failure.all-done", {}, h("span.big-tick", {}, icon(held ? "people" : "check")), h("h1", { text: t(held ? "stHeld" : "stQueueDone") }), h("p", { text: held ? t("stHeldText", { count: session.open }) : t("stQueueDoneText", { count: session.done.length }) }),
      h("div.acts", {}, button("act.strong", "refresh", t("retry"), () => session.retry()), button("act", "list", t("stAllQueues"), () => studio.go("#review")))));
  }

  function drawBar() {
    const count = session.done.filter((one) => one.decision.verdict !== "skip").length;
    const minutes = (performance.now() - session.begun) / 60_000;
    const rate = count >= 5 ? count / minutes : 0;
    const open = Math.max(0, (session.open ?? 0) - studio.outbox.waiting);
    const whole = count + open;
    keepFocus(bar, () => bar.replaceChildren(
      h("div.task-title", {}, h("a.plain-link", { href: "#review", "aria-label": t("stAllQueues") }, icon("back")), h("h1", { text: t(`stQueue_${queue}`) })),
      h("div.progress-line", { role: "progressbar", "aria-label": t("stProgress"), "aria-valuemin": 0, "aria-valuemax": whole, "aria-valuenow": count }, h("i", { "--share": whole ? count / whole : 0 })),
      h("p.counts", {}, h("b", { text: number(count) }), h("span", { text: t("stDecided") }), h("b", { text: session.open === null ? "…" : number(open) }), h("span", { text: t("stOpen") }),
        rate > 0 && h("span.rate", { text: t("stRate", { count: Math.round(60 * rate) }) }), session.lost > 0 && h("span.lost", { text: t("stLostCount", { count: session.lost }) }),
        studio.outbox.waiting > 0 && h("span.sending", { title: studio.problem || "" }, icon(studio.problem ? "warning" : "upload"), h("span", { text: t(studio.problem ? "stWaiting" : "stSending", { count: studio.outbox.waiting }) }))),
      h("div.task-tools", {}, button("plain", "undo", `${t("undo")} (U)`, () => session.undo(), { "data-key": "undo", disabled: session.done.length === 0 || null }), tool("half", "stDifference", "D", difference), tool("search", "stZoom", "Z", zoom),
        button("plain", "layers", `${t("stBatch")} (B)`, batch, { "data-key": "batch" }), button("plain", "edit", `${t("stWhy")} (W)`, askWhy, { "data-key": "why" }), button("plain", "keys", `${t("stKeys")} (?)`, keys, { "data-key": "keys" })),
    ));
  }

  const tool = (symbol, name, key, action) => view?.compare && button("plain", symbol, `${t(name)} (${key})`, action, { "data-key": name });
  const difference = () => view?.compare?.toggleDifference();
  const zoom = () => view?.compare?.toggleZoom();
  const batch = async () => {
    if (!(await session.release())) return; // what is leased is left out of a batch
    showBatch(queue, studio, () => session.restart()).addEventListener("close", () => session.restart());
  };

  function run(action) {
    if (!session.current) return;
    if (action.run) action.run();
    else decide(action.verdict, action.more?.());
  }

  function askWhy() {
    const field = h("textarea", { maxlength: 500, rows: 3, "aria-label": t("stWhy"), dir: "auto" });
    field.value = why;
    const dialog = showDialog(t("stWhy"), t("close"), h("form.fields", { onsubmit: (event) => { event.preventDefault(); why = field.value.trim(); dialog.close(); } }, h("p.quiet", { text: t("stWhyText") }), field,
      h("div.acts", {}, h("button.act.strong", { type: "submit" }, icon("check"), h("span", { text: t("stKeepNote") })))));
    field.focus();
  }

  function keys() {
    const rows = [...(view?.actions || []).map((action, at) => [keyName(action.key || String(at + 1)), action.label]), ...(view?.proposals ? [["1 … 5", t("stPickProposal")]] : []), ["S", t("stSkip")], ["U", t("undo")],
      ...(view?.compare ? [["D", t("stDifference")], ["Z", t("stZoom")]] : []), ["B", t("stBatch")], ["W", t("stWhy")], ...(view?.editor ? [["N", t("stNewBox")], ["Tab", t("stNextBox")], ["← ↑ → ↓", t("stMoveBox")], ["Shift ←→", t("stResizeBox")], ["Del", t("stDeleteBox")]] : [])];
    showDialog(t("stKeys"), t("close"), h("dl.keys", {}, ...rows.flatMap(([key, label]) => [h("dt", {}, h("kbd", { text: key })), h("dd", { text: label })])));
  }

  function onkey(event) {
    if (event.altKey || document.querySelector("dialog[open]") || event.target.closest("input, textarea, select")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const undo = key === "u" || key === "Backspace" || ((event.ctrlKey || event.metaKey) && key === "z");
    if (undo) view?.editor?.changed && key !== "u" ? view.editor.undo() : session.undo();
    else if (event.ctrlKey || event.metaKey) return;
    else if (event.repeat) return; // a key that is held decides once
    else if (key === "?") keys();
    else if (key === "b") batch();
    else if (!session.current) return;
    else if (key === "s") decide("skip");
    else if (key === "w") askWhy();
    else if (key === "d") difference();
    else if (key === "z") zoom();
    else if (view.proposals?.[Number(key) - 1]) view.proposals[Number(key) - 1]();
    else {
      const action = view.actions.find((one, at) => (one.key || String(at + 1)) === key);
      if (!action || (key === "Enter" && event.target.closest("button, a, summary"))) return;
      run(action);
    }
    event.preventDefault();
  }

  addEventListener("keydown", onkey);
  const waiting = () => drawBar();
  studio.listeners.add(waiting);
  place.replaceChildren(h("section.task-page", { "aria-label": t(`stQueue_${queue}`) }, bar, stage, acts));
  draw();
  return () => {
    removeEventListener("keydown", onkey);
    studio.listeners.delete(waiting);
    studio.answered = () => {};
    session.end();
    for (const dialog of document.querySelectorAll("dialog.sheet")) dialog.close(); // they are about a task of this view
  };
}

const keyName = (key) => ({ Enter: "↵" }[key] || key.toUpperCase());
