import { button, h, icon } from "../../src/dom.js";
import { date, number, percent, t } from "../../src/i18n.js";
import { notify } from "../../src/toast.js";
import { failure, waiting } from "./states.js";

const SYMBOLS = { duplicates: "similar", denoise: "photo", merge: "layers", boxes: "whole", crop_boxes: "crop", crops: "search", unanswered: "none" };
const POLL = 1200; // ms between looks at a job that runs

/** Show all queues: what is open, who agrees, and what fills them. */
export function open(place, studio) {
  const { api } = studio;
  let timer = 0;
  let ended = false;

  async function load() {
    clearTimeout(timer);
    try {
      const [{ queues, sample }, agreement] = await Promise.all([api.queues(), api.agreement().catch(() => ({ queues: [] }))]);
      if (ended) return;
      draw(queues, sample, agreement.queues);
      if (queues.some(({ job }) => job?.state === "running")) timer = setTimeout(load, POLL);
    } catch (error) {
      if (!ended) place.replaceChildren(failure(error, load));
    }
  }

  function draw(queues, sample, agreements) {
    const focused = place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const open = queues.reduce((sum, one) => sum + one.open, 0);
    place.replaceChildren(h("section.view", {}, h("div.row", {}, h("div", {}, h("h1", { text: t("stReview") }), h("p.quiet", { text: open ? t("stReviewText", { count: open }) : t("stNothingOpen") })), reviewer(studio)),
      h("div.queues", {}, ...queues.map((queue) => card(queue, agreements.find((one) => one.queue === queue.queue)))), sampleLine(sample)));
    if (focused) place.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  function card(queue, agreement) {
    const { queue: name, open, decided, leased, job } = queue;
    const running = job?.state === "running";
    const share = open + decided ? decided / (open + decided) : 0;
    return h("article.queue-card", { "data-queue": name }, h("div.queue-head", {}, h("span.badge", {}, icon(SYMBOLS[name])), h("div", {}, h("h2", { text: t(`stQueue_${name}`) }), h("p.quiet", { text: t(`stQueueText_${name}`) }))),
      h("div.queue-counts", {}, h("b.big", { text: number(open) }), h("span", { text: t("stOpen") }), leased > 0 && h("span.tag", {}, icon("people"), h("span", { text: t("stWithSomeone", { count: leased }) }))),
      h("div.progress-line", { role: "progressbar", "aria-label": t("stProgress"), "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(100 * share) }, h("i", { "--share": share })),
      h("p.quiet.small", { text: t("stDecidedOf", { count: decided, total: open + decided }) }), agree(agreement),
      job && jobLine(job),
      h("div.acts", {}, open ? h("a.act.strong", { href: `#review/${name}`, "data-key": `go-${name}` }, icon("check"), h("span", { text: t("stStart") })) : null,
        running ? button("act", "close", t("stStop"), () => api.stopJob(job.job).then(load, tell), { "data-key": `job-${name}` }) : button("act", "refresh", t("stFind"), () => api.refresh(name).then(load, tell), { "data-key": `job-${name}` })));
  }

  function agree(agreement) {
    if (!agreement?.both) return null;
    const kappa = typeof agreement.kappa === "number" ? ` · κ ${number(agreement.kappa)}` : "";
    return h("details.agreement", {}, h("summary", {}, icon("people"), h("span", { text: t("stAgreement", { percent: percent(agreement.agreement ?? agreement.same / agreement.both), count: agreement.both }) + kappa })),
      h("ul", {}, ...agreement.pairs.map((pair) => h("li", {}, h("span", { text: pair.reviewers.join(" · "), dir: "auto" }), h("b", { text: `${number(pair.same)} / ${number(pair.both)}` })))),
      agreement.disputed.length > 0 && h("h3", { text: t("stDisputed", { count: agreement.disputed.length }) }),
      h("ul", {}, ...agreement.disputed.slice(0, 12).map((one) => h("li", {}, h("span", { text: `#${one.task}` }), h("span", { text: one.votes.map((vote) => `${vote.who}: ${t(`stVerdict_${vote.verdict}`)}`).join(" · "), dir: "auto" })))));
  }

  function jobLine(job) {
    if (job.state === "running") return h("p.job", { role: "status" }, h("progress", job.total ? { max: job.total, value: job.done, "aria-label": t("stProgress") } : { "aria-label": t("stProgress") }), h("span", { text: job.note || t("stSearching") }), job.total > 0 && h("b", { text: percent(job.done / job.total) }));
    if (job.state === "failed") return h("p.job.problem", {}, icon("warning"), h("span", { text: job.error }));
    const added = job.report?.added;
    return h("p.job.quiet.small", { text: [job.finished && date(new Date(job.finished)), typeof added === "number" && t("stFound", { count: added })].filter(Boolean).join(" · ") });
  }

  const tell = (error) => notify(error.message || t("offlineTitle"));

  function sampleLine(sample) {
    const field = h("input", { type: "number", min: 0, max: 100, step: 1, value: Math.round(100 * sample), "data-key": "sample", onchange: () => api.setSample(Math.min(100, Math.max(0, Number(field.value))) / 100).then(load, tell) });
    return h("label.sample-line", {}, icon("people"), h("span", { text: t("stSampleShare") }), field, h("span", { text: "%" }));
  }

  const sent = (waits) => { if (!waits) load(); };
  studio.listeners.add(sent);
  place.replaceChildren(waiting());
  load();
  return () => { ended = true; clearTimeout(timer); studio.listeners.delete(sent); };
}

/** Return the line that says as whom a person reviews. */
export function reviewer(studio) {
  return button("chip", "people", studio.reviewerName, () => studio.askName(), { title: t("stYourName"), "data-key": "name" });
}
