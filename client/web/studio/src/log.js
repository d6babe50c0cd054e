import { button, h, icon } from "../../src/dom.js";
import { date, t } from "../../src/i18n.js";
import { notify } from "../../src/toast.js";
import { picture } from "./compare.js";
import { failure, waiting } from "./states.js";

const QUEUES = ["duplicates", "denoise", "merge", "boxes", "crop_boxes", "crops", "unanswered"];
const PAGE = 50;

/** Show the decision log: what was decided by whom and why; each can be taken back. */
export function open(place, studio) {
  const { api } = studio;
  let query = { limit: PAGE, offset: 0 };
  let rows = [];
  let total = 0;
  const list = h("ol.log", { "aria-live": "polite" });
  const more = h("div.acts.end");
  const queue = h("select", { "aria-label": t("stQueue"), onchange: () => look({ queue: queue.value }) }, h("option", { value: "", text: t("stEveryQueue") }), ...QUEUES.map((name) => h("option", { value: name, text: t(`stQueue_${name}`) })));
  const who = h("input", { type: "search", placeholder: t("stWho"), "aria-label": t("stWho"), onchange: () => look({ who: who.value.trim() }), dir: "auto" });
  const item = h("input", { type: "search", placeholder: t("stItemId"), "aria-label": t("stItemId"), onchange: () => look({ item: item.value.trim() }), dir: "auto" });

  async function look(change, further = false) {
    const asked = { ...query, offset: 0, ...change };
    query = asked;
    try {
      const reply = await api.decisions(asked);
      if (asked !== query) return; // other rows were asked for meanwhile
      rows = further ? [...rows, ...reply.decisions] : reply.decisions;
      total = reply.total;
      draw(Boolean(reply.next));
    } catch (error) {
      if (asked !== query) return;
      list.replaceChildren(h("li", {}, failure(error, () => look({}))));
      more.replaceChildren();
    }
  }

  function draw(next) {
    list.replaceChildren(...(rows.length ? rows.map(line) : [h("li.quiet", { text: t("stNoDecisions") })]));
    more.replaceChildren(...(next ? [button("act", "plus", `${t("more")} (${total - rows.length})`, () => look({ offset: rows.length }, true))] : []));
  }

  function line(one) {
    const pictures = [[one.item, one.sha256], [one.other_item, one.other_sha256]].filter(([id]) => id).slice(0, 2);
    const undo = async (event) => {
      event.currentTarget.disabled = true;
      try {
        await api.undo({ decision: one.number });
        notify(t("undone"));
      } catch (error) {
        notify(error.message || t("offlineTitle"));
      }
      look({});
    };
    return h(one.undone ? "li.log-line.undone" : "li.log-line", { "data-decision": one.number }, h("span.log-pictures", {}, ...pictures.map(([id, sha]) => picture(api.picture(`${api.prefix}/items/${encodeURIComponent(id)}/image${sha ? `?sha256=${sha}` : ""}`, 128), ""))),
      h("div.log-text", {}, h("p", {}, h("span.tag", { text: t(one.command.endsWith(" undo") ? "stLog_undo" : `stLog_${one.verdict}`) }), h("b", { text: [one.item, one.other_item !== one.item && one.other_item].filter(Boolean).join(" · "), dir: "auto" })),
        h("p", { text: one.reason, dir: "auto" }), one.why && h("p.why-text", { text: one.why, dir: "auto" }),
        h("p.quiet.small", { text: [`#${one.number}`, one.who, date(new Date(one.made)), one.queue && t(`stQueue_${one.queue}`), one.command !== "review" && one.command, one.undone && t("stUndoneAt", { date: date(new Date(one.undone)) })].filter(Boolean).join(" · "), dir: "auto" })),
      one.undoable && !one.undone && button("act", "undo", t("undo"), undo));
  }

  list.append(h("li", {}, waiting()));
  place.replaceChildren(h("section.view", {}, h("div.row", {}, h("div", {}, h("h1", { text: t("stLog") }), h("p.quiet", { text: t("stLogText") })), button("act", "refresh", t("stRefresh"), () => look({}))),
    h("div.log-filters", {}, icon("filter"), queue, who, item), list, more));
  look({});
  return () => {};
}
