import { facts, titleOf } from "../../../src/cards.js";
import { h, icon } from "../../../src/dom.js";
import { number, t } from "../../../src/i18n.js";
import "../compare.js";
import { picture } from "../compare.js";

export const SIDE = 768; // of a picture that is compared

/** Return what is known of a picture: its size. */
export function about(one) {
  return h("p.facts", {}, h("span", { text: one.width ? `${number(one.width)} × ${number(one.height)}` : "" }));
}

/** Return an item's title and facts. */
export function itemLines(item) {
  return h("div.item-lines", {}, h("p.item-title", { text: titleOf(item), dir: "auto", title: item.id }), facts(item), h("p.quiet", { text: item.id, dir: "auto" }));
}

/** Return the figures of a task as chips. */
export function figures(task) {
  const known = Object.entries(task.figures || {}).filter(([, value]) => typeof value === "number" || typeof value === "string");
  return known.length > 0 && h("ul.figures", {}, ...known.map(([name, value]) => h("li", {}, h("span", { text: name.replace(/_/g, " ") }), h("b", { text: typeof value === "number" ? number(value) : value, dir: "auto" }))));
}

/** Near duplicates: two pictures of one item. */
export function duplicates(task, ctx) {
  const compare = document.createElement("whatsit-compare");
  compare.show([task.first, task.second].map((one, at) => ({
    url: ctx.picture(one.image, SIDE), alt: t(at ? "stSecondPicture" : "stFirstPicture"), badge: t(at ? "stSecond" : "stFirst"), caption: about(one) })));
  return {
    node: h("div.task-pair", {}, itemLines(task.first.item), compare), compare,
    actions: [
      { verdict: "duplicate", label: t("stDuplicate"), hint: t("stDuplicateHint"), symbol: "check", tone: "good" },
      { verdict: "keep_second", label: t("stKeepSecond"), hint: t("stKeepSecondHint"), symbol: "swap" },
      { verdict: "different", label: t("stDifferent"), hint: t("stRemembered"), symbol: "none", tone: "bad" },
    ],
  };
}

/** Items that may be one. */
export function merge(task, ctx) {
  const compare = document.createElement("whatsit-compare");
  const sides = [[task.first, task.first_pictures], [task.second, task.second_pictures]];
  const shown = [0, 0];
  const draw = () => {
    compare.show(sides.map(([item, pictures], at) => ({
      url: ctx.picture(pictures[shown[at]]?.image || item.image, SIDE), alt: titleOf(item), badge: t(at ? "stSecond" : "stFirst"), caption: side(item, sides[1 - at][0], pictures, at) })));
  };
  const side = (item, other, pictures, at) => h("div", {}, differing(item, other), pictures.length > 1 && h("div.strip", {}, ...pictures.map((one, index) => h("button.thumb", {
    type: "button", "aria-label": t("stPictureOf", { index: index + 1, total: pictures.length }), "aria-pressed": String(index === shown[at]), onclick: () => { shown[at] = index; draw(); } }, picture(ctx.picture(one.image, 128), "")))));
  draw();
  return {
    node: h("div.task-pair", {}, task.denied && h("p.note", {}, icon("warning"), h("span", { text: t("stDenied") })), compare), compare,
    actions: [
      { verdict: "merge", label: t("stMerge"), hint: t("stMergeHint"), symbol: "check", tone: "good" },
      { verdict: "merge_into_second", label: t("stMergeSecond"), hint: t("stMergeSecondHint"), symbol: "swap" },
      { verdict: "different", label: t("stTwoItems"), hint: t("stRemembered"), symbol: "none", tone: "bad" },
    ],
  };
}

/** Return an item's fields; those that differ from the other's are marked. */
function differing(item, other) {
  const rows = ["title", "brand", "category", "price", "id"].filter((name) => item[name] || other[name]);
  return h("dl.differing", {}, ...rows.flatMap((name) => {
    const differs = String(item[name] ?? "") !== String(other[name] ?? "");
    return [h("dt", { text: t(name) }), h(differs ? "dd.differs" : "dd", { text: item[name] === null || item[name] === undefined ? "–" : typeof item[name] === "number" ? number(item[name]) : item[name], dir: "auto" })];
  }));
}

/** A picture that may not show its item. */
export function denoise(task, ctx) {
  const compare = document.createElement("whatsit-compare");
  compare.show([{ url: ctx.picture(task.first.image, SIDE), alt: t("stDoubtfulPicture"), badge: t("stDoubtful"), caption: about(task.first) }]);
  const others = task.others || [];
  return {
    node: h("div.task-one", {}, itemLines(task.first.item), compare,
      h("section.beside", {}, h("h2.small-title", { text: t(others.length ? "stOtherPictures" : "stNoOther") }),
        h("div.others", {}, ...others.map((one) => picture(ctx.picture(one.image, 400), ""))))), compare,
    actions: [
      { verdict: "wrong", label: t("stWrong"), hint: t("stWrongHint"), symbol: "none", tone: "bad" },
      { verdict: "right", label: t("stRight"), hint: t("stRemembered"), symbol: "check", tone: "good" },
    ],
  };
}

/** Return the addresses of all pictures of a task with their sides, the important ones first. */
export function picturesOf(task) {
  const found = [];
  for (const one of [task.first, task.second]) if (one?.sha256) found.push([one.image, SIDE]);
  if (task.first_pictures) for (const [item, list] of [[task.first, task.first_pictures], [task.second, task.second_pictures]]) found.push([list[0]?.image || item.image, SIDE]);
  for (const one of task.others || []) found.push([one.image, 400]);
  if (task.photo) found.push([task.photo.crop, SIDE]);
  for (const one of (task.photos || []).slice(0, 12)) found.push([one.crop, 320]);
  for (const { item } of task.proposals || []) found.push([item.image, 320]);
  return found.filter(([address]) => address);
}
