import { askKey } from "../../src/dialogs.js";
import { button, h, icon, showDialog } from "../../src/dom.js";
import { addTexts, chooseLanguage, language, LANGUAGES, t } from "../../src/i18n.js";
import { keepForOffline } from "../../src/offline.js";
import { recall, remember } from "../../src/store.js";
import { notify } from "../../src/toast.js";
import de from "../strings/de.js";
import en from "../strings/en.js";
import zh from "../strings/zh.js";
import { Outbox } from "./outbox.js";
import { failure, waiting } from "./states.js";
import { FIRST_PAGE, StudioApi } from "./studio-api.js";

addTexts({ en, de, zh });
const $ = (selector) => document.querySelector(selector);
const VIEWS = { overview: "chart", catalogue: "list", review: "check", log: "clock" };
const LOAD = { // of a view when it is first shown; the others follow when the page is idle
  overview: () => import("./overview.js"), catalogue: () => import("./catalogue.js"), review: () => import("./review.js"), log: () => import("./log.js"), task: () => import("./review-task.js"),
};
const IDLE = 2500; // ms after which the rest of the studio is loaded
const QUEUES = ["duplicates", "denoise", "merge", "boxes", "crop_boxes", "crops", "unanswered"];

const api = new StudioApi(recall("key", ""), new URLSearchParams(location.search).get("c") || "");
const studio = {
  api, session: null, problem: "", listeners: new Set(), answered() {}, tableView: {},
  go: (hash) => { location.hash = hash; },
  openItem: async (id) => (await import("./item-drawer.js")).showItemDrawer(id, { api, studio, facets: () => [], changed() {}, reload: show }),
  get reviewerName() { return [this.session?.key, api.reviewer].filter(Boolean).join(" / ") || "local"; },
  askName,
};
let end = () => {}; // of the view that is shown
let shownHash = null;
let turn = 0; // of views that were asked for

/** Show what the address names. */
async function show() {
  const [name, queue] = location.hash.slice(1).split("/");
  const view = Object.hasOwn(VIEWS, name) ? name : "overview";
  end();
  end = () => {};
  const main = $("#main");
  document.body.dataset.view = view === "review" && queue ? "task" : view;
  for (const link of document.querySelectorAll(".studio-nav a")) link.setAttribute("aria-current", link.dataset.view === view ? "page" : "false");
  document.title = `${t(`st${view[0].toUpperCase()}${view.slice(1)}`)} – Whatsit`;
  const mine = ++turn;
  const task = view === "review" && QUEUES.includes(queue);
  try {
    const { open } = await LOAD[task ? "task" : view]();
    if (mine !== turn) return; // another view was asked for meanwhile
    end = task ? open(main, queue, studio) : open(main, studio);
  } catch (error) {
    if (mine === turn) main.replaceChildren(failure({ status: 0, message: error.status ? error.message : "" }, show));
    return;
  }
  if (shownHash !== null && shownHash !== location.hash) main.focus({ preventScroll: true });
  shownHash = location.hash;
  scrollTo(0, 0);
}

async function start() {
  $("#main").replaceChildren(waiting());
  const [asked, task] = location.hash.slice(1).split("/");
  LOAD[task ? "task" : Object.hasOwn(VIEWS, asked) ? asked : "overview"]().catch(() => {}); // beside the session
  if (location.hash === "#catalogue") { // asked for while the session is
    studio.early = api.page({ ...FIRST_PAGE });
    studio.early.catch(() => {}); // the table asks again
  }
  try {
    studio.session = await api.session();
  } catch (error) {
    if (error.status === 401) return askForKey(Boolean(api.key));
    return $("#main").replaceChildren(failure(error, start));
  }
  const { role, key } = studio.session;
  if (role === "search") return forbidden();
  if (!key && !recall("reviewer")) remember("reviewer", `guest-${Math.floor(Math.random() * 65_536).toString(16).padStart(4, "0")}`);
  api.reviewer = recall("reviewer", "");
  studio.outbox = new Outbox(api, {
    answered: (entry, result, open) => studio.answered(entry, result, open),
    changed: (waits, problem) => { studio.problem = problem; for (const listener of studio.listeners) listener(waits); },
  });
  const left = await studio.outbox.ready;
  if (left) notify(t("stSentLeft", { count: left }));
  $(".studio-nav").hidden = false;
  addEventListener("hashchange", show);
  await show();
  setTimeout(() => { for (const load of [...Object.values(LOAD), () => import("./item-drawer.js"), () => import("./import-file.js"), () => import("./add-items.js"), () => import("./set-field.js")]) load().catch(() => {}); }, IDLE);
}

/** Show that the key may only search. */
function forbidden() {
  $(".studio-nav").hidden = true;
  $("#main").replaceChildren(h("section.failure", { role: "alert" }, h("span.badge", {}, icon("none")), h("h1", { text: t("stForbidden") }), h("p", { text: t("stForbiddenText") }),
    h("div.acts", {}, button("act.strong", "check", t("stOtherKey"), () => askForKey(false)), h("a.act", { href: `/${location.search}` }, icon("search"), h("span", { text: t("stToSearch") })))));
}

async function askForKey(refused) {
  const key = await askKey(refused);
  if (!key) return $("#main").replaceChildren(failure({ status: 401, message: t("keyText") }, start));
  remember("key", key);
  api.key = key;
  start();
}

function askName() {
  const field = h("input", { maxlength: 60, pattern: "[\\p{L}\\p{N} .@_\\-]*", value: api.reviewer, "aria-label": t("stYourName") });
  const dialog = showDialog(t("stYourName"), t("close"), h("form.fields", { onsubmit: (event) => {
    event.preventDefault();
    api.reviewer = field.value.trim();
    remember("reviewer", api.reviewer || null);
    dialog.close();
    show();
  } }, h("p.quiet", { text: t("stYourNameText") }), field, h("div.acts", {}, h("button.act.strong", { type: "submit" }, icon("check"), h("span", { text: t("stSave") })))));
  field.select();
}

function settings() {
  const select = (label, options, chosen, onchange) => h("label.line", {}, h("span", { text: label }), h("select", { onchange: (event) => onchange(event.target.value) }, ...Object.entries(options).map(([value, text]) => h("option", { value, text, ".selected": value === chosen }))));
  const catalogues = studio.session?.catalogues || [];
  const dialog = showDialog(t("settings"), t("close"), select(t("language"), LANGUAGES, language, chooseLanguage), select(t("theme"), { auto: t("themeAuto"), light: t("themeLight"), dark: t("themeDark") }, recall("theme", "auto"), (theme) => { remember("theme", theme === "auto" ? null : theme); applyTheme(); }),
    catalogues.length > 1 && select(t("catalogue"), Object.fromEntries(catalogues.map((name) => [name, name])), studio.session.catalogue, (name) => { const url = new URL(location); url.searchParams.set("c", name); location.assign(url); }),
    h("div.line", {}, h("span", { text: t("stYourName") }), button("act", "people", studio.reviewerName, () => { dialog.close(); askName(); })), api.key && h("div.acts", {}, button("act", "trash", t("forgetKey"), () => { remember("key", null); location.reload(); })), h("p.quiet", {}, h("a", { href: "/docs", text: t("apiDocs") })));
}

const applyTheme = () => { document.documentElement.dataset.theme = recall("theme", "auto"); };

function translate() {
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  $(".studio-nav").setAttribute("aria-label", t("stStudio"));
  $(".studio-nav").replaceChildren(...Object.entries(VIEWS).map(([name, symbol]) => h("a", { href: `#${name}`, "data-view": name }, icon(symbol), h("span", { text: t(`st${name[0].toUpperCase()}${name.slice(1)}`) }))));
  for (const [selector, name] of Object.entries({ "#open-settings": "settings", "#open-search": "stToSearch" })) {
    $(selector).setAttribute("aria-label", t(name));
    $(selector).title = t(name);
  }
  $("#open-search").href = `/${location.search}`;
}

applyTheme();
translate();
$("#open-settings").addEventListener("click", settings);
addEventListener("offline", () => notify(t("offlineNotice")));
start();
keepForOffline();
