import { answerState, regionOrder } from "./answer.js";
import { Api } from "./api.js";
import { itemPicture, titleOf } from "./cards.js";
import { askConsent, askKey, showAdd, showHistory, showItem, showSettings } from "./dialogs.js";
import { button, h, icon, keepFocus } from "./dom.js";
import { filterPanel } from "./filters.js";
import { findPhoto, keepPhoto } from "./history.js";
import { failureView, homeView, wordsView } from "./home.js";
import { t } from "./i18n.js";
import { pictureOf, readPhoto, thumbnail } from "./photo.js";
import "./results.js";
import "./stage.js";
import { createStore, recall, remember } from "./store.js";
import { readLink, writeLink } from "./link.js";
import { keepForOffline } from "./offline.js";
import { notify } from "./toast.js";

const RETRY = 2000; // ms between looks at a server that is away
const PAGE = 60; // items of a page of words
const $ = (selector) => document.querySelector(selector);

const link = readLink();
const api = new Api(recall("key", ""), link.catalogue);
const store = createStore({
  session: null, view: "home", phase: "home", busy: false, photo: null, found: null, selected: 0, custom: null, facets: [], sample: null,
  where: link.where, words: link.words, limit: link.limit, group: "", problem: "", filtersOpen: false,
});
let running = new AbortController(); // of the search whose reply is awaited; older replies are dropped
let regional = new AbortController(); // of the region's
let failures = 0; // of a server that is away, one after another
let retryTimer = 0;
let recorded = {}; // what was recorded last: {choice, reply}

// ---- searches ---------------------------------------------------------------------------------------------------

/** Cancel what runs and return the signal of the next search. */
function fresh() {
  running.abort();
  clearTimeout(retryTimer);
  running = new AbortController();
  freshRegion();
  return running.signal;
}

/** Cancel the search of a region and return the signal of the next one. */
function freshRegion() {
  regional.abort();
  regional = new AbortController();
  return regional.signal;
}

const options = () => ({ top_k: store.get().limit, where: Object.keys(store.get().where).length ? store.get().where : undefined, text: store.get().words || undefined });

/** Show a photo at once and search it. */
async function searchPhoto(file, shutterTime = performance.now(), step = true) {
  performance.mark("whatsit-shutter", { startTime: shutterTime });
  const signal = fresh();
  if (link.photo) [link.photo, link.box] = ["", null]; // chosen before the linked one was found
  const limit = store.get().session?.body_bytes;
  const photo = file.id && file.blob ? { ...(await readPhoto(file.blob)), id: file.id } : await readPhoto(file);
  if (signal.aborted) return;
  if (limit && photo.blob.size > limit) return fail({ status: 413, message: t("tooLarge", { count: Math.floor(limit / 1e6) }) });
  store.set({ photo, found: null, custom: null, selected: 0, view: "photo", phase: "results" });
  writeLink({ ...store.get(), box: link.box }, step);
  photo.kept = keep(photo, file.title); // before the reply: a reload finds the photo that the address names
  await identify();
}

/** Search the photo that is shown, with the filters and words of now. */
async function identify(gate) {
  const { photo, custom, found: before, selected: kept } = store.get();
  const signal = fresh();
  store.set({ busy: true, phase: "results", problem: "" });
  try {
    const found = await api.identify(photo.blob, { ...options(), gate }, signal);
    if (signal.aborted) return;
    performance.mark("whatsit-reply");
    failures = 0;
    const order = regionOrder(found);
    const selected = before && found.regions[kept] ? kept : found.answer.region ?? order[0];
    store.set({ found: { ...found, order }, selected, custom: null, busy: false });
    requestAnimationFrame(() => setTimeout(() => { performance.mark("whatsit-shown"); }));
    photo.kept.then(() => keep(photo, found.answer.title));
    const box = link.box || custom?.box;
    link.box = null;
    if (box) searchBox(box);
  } catch (error) {
    failed(error);
  }
}

/** Search a region of the photo. */
async function searchBox(box) {
  const { photo, found } = store.get();
  if (!photo?.width || !found) return;
  const whole = box[0] <= 0 && box[1] <= 0 && box[2] >= photo.width && box[3] >= photo.height;
  if (whole) return selectRegion(0);
  const signal = freshRegion();
  store.set({ custom: { box, result: null }, phase: "results", problem: "" });
  $("whatsit-stage")?.select(box);
  try {
    const reply = await api.identify(photo.blob, { ...options(), boxes: [box], gate: false }, signal);
    if (signal.aborted) return;
    const region = reply.regions.length > 1 ? 1 : 0;
    store.set({ custom: { box, result: resultOf(reply, region) } });
    writeLink({ ...store.get(), box }, false);
    sendCrop(photo, box);
  } catch (error) {
    failed(error);
  }
}

/** Show the matches of an object, which the photo's reply has, with its answer. */
function selectRegion(index) {
  freshRegion();
  const { found, phase } = store.get();
  store.set({ selected: index, custom: null, ...(phase === "error" ? { phase: "results", problem: "" } : {}) });
  if (!found) return;
  $("whatsit-stage")?.select(found.regions[index].box);
  writeLink({ ...store.get(), box: null }, false);
}

async function searchWords() {
  const signal = fresh();
  store.set({ view: "words", phase: "words", photo: null, found: null, custom: null, busy: false });
  writeLink(store.get(), true);
  const { words, where } = store.get();
  try {
    const found = await api.items({ text: words, where, limit: PAGE }, signal);
    if (!signal.aborted) store.set({ found });
  } catch (error) {
    failed(error);
  }
}

async function moreItems() {
  const { words, where, found } = store.get();
  const signal = fresh();
  try {
    const next = await api.items({ text: words, where, limit: PAGE, offset: found.items.length }, signal);
    if (!signal.aborted) store.set({ found: { ...next, items: [...found.items, ...next.items] } });
  } catch (error) {
    failed(error);
  }
}

const again = () => (store.get().photo ? identify() : store.get().view === "words" ? searchWords() : start());

function failed(error) {
  if (error.name === "AbortError") return;
  if (error.status === 401) askForKey(Boolean(api.key));
  else if (error.status === 0 || error.status === 503 || error.status === 502) waitForServer(error.message);
  else fail(error);
}

function fail(error) {
  store.set({ phase: "error", busy: false, problem: [400, 415, 422].includes(error.status) && !error.message ? t("notPicture") : error.message });
}

/** Look for the server until it answers, then do what was asked. */
function waitForServer(problem = "") {
  store.set({ phase: "offline", busy: false, problem });
  clearTimeout(retryTimer);
  const { signal } = running;
  retryTimer = setTimeout(async () => {
    const up = await fetch("/healthz").then((reply) => reply.ok, () => false);
    if (signal.aborted) return; // something else was asked for meanwhile
    if (!up) return waitForServer();
    failures += 1;
    again();
  }, Math.min(30_000, RETRY * 2 ** failures));
}

// ---- feedback and changes ---------------------------------------------------------------------------------------

const collect = () => store.get().session?.collect || "off";

async function sendCrop(photo, box) {
  if (collect() === "crops" && recall("consent") === true) await api.feedback(photo.blob, { kind: "crop", box }).catch(() => {});
}

/** Record a choice: an item, or null for none of those shown. */
async function choose(item) {
  const { photo, custom, found, selected } = store.get();
  if (recall("consent") === null) await askConsent(collect());
  if (recall("consent") !== true) return store.set({}); // the buttons go
  const box = custom?.box || (selected ? found.regions[selected].box : null);
  const choice = JSON.stringify([photo.id, box, item?.id]);
  if (choice !== recorded.choice) recorded = { choice, reply: api.feedback(photo.blob, item ? { id: item.id, box } : { kind: "none", box }) }; // a double click records one
  try {
    const { feedback } = await recorded.reply;
    const undo = () => api.withdraw(feedback).then(() => { recorded = {}; notify(t("undone")); }, (error) => notify(error.message || t("offlineTitle")));
    notify(t("recorded"), t("undo"), undo);
  } catch (error) {
    recorded = {};
    notify(error.message || t("offlineTitle"));
  }
}

async function addItem() {
  const { photo, custom, found, selected, facets } = store.get();
  const box = custom?.box || found.regions[selected].box;
  const picture = await cropped(photo, box);
  showAdd(picture, facets, async (id, fields) => {
    await api.putItem(id, fields, picture);
    notify(t("saved", { title: fields.title }));
    if (custom) searchBox(custom.box);
    else identify();
  });
}

async function cropped(photo, [x1, y1, x2, y2]) {
  if (!photo.url) return photo.blob;
  const image = new Image();
  image.src = photo.url;
  await image.decode();
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(x2 - x1)), Math.max(1, Math.round(y2 - y1)));
  canvas.getContext("2d").drawImage(image, -x1, -y1, photo.width, photo.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
}

async function keep(photo, title = "") {
  if (!photo.url) return;
  const entry = { id: photo.id, blob: photo.blob, small: photo.small || photo.blob, title, time: Date.now() };
  await keepPhoto(entry); // without its thumbnail, which takes longer than a reply may
  if (photo.small) return;
  photo.small = await thumbnail(photo).catch(() => null);
  if (photo.small) await keepPhoto({ ...entry, small: photo.small });
}

// ---- the view ---------------------------------------------------------------------------------------------------

const page = {
  api,
  open(item) {
    writeLink({ ...store.get(), item: item.id }, false);
    const closed = () => { if (!$("dialog[open]")) writeLink(store.get(), false); }; // or another item is open now
    showItem(item, page).addEventListener("close", closed);
  },
  openCamera: () => openCamera("photo"),
  choosePhoto: () => $("#file").click(),
  retry: () => again(),
  moreItems,
  setWhere(where) { store.set({ where }); writeLink(store.get(), false); refreshFacets(); again(); },
  setLimit(limit) { store.set({ limit }); writeLink(store.get(), false); again(); },
  setGroup(group) { store.set({ group }); },
  reopen: (entry) => searchPhoto(entry),
  setTheme(theme) { remember("theme", theme === "auto" ? null : theme); applyTheme(); },
  setCatalogue(name) { const url = new URL("/", location.href); url.searchParams.set("c", name); location.assign(url); },
  forgetKey() { remember("key", null); location.reload(); },
  async shareItem(item) { await copy(new URL(`/?${new URLSearchParams({ ...(api.catalogue ? { c: api.catalogue } : {}), item: item.id })}`, location.href)); },
};

function resultOf(reply, region) {
  const answer = { ...reply.answer, ...reply.answer.regions?.[region] };
  return { state: answerState(reply, region), matches: reply.regions[region].matches, answer, intent: reply.intent };
}

function resultsPage() {
  const { phase, session } = store.get();
  const asks = phase === "results" && collect() !== "off" && recall("consent") !== false;
  const edits = session && session.role !== "search";
  return { ...page, group: store.get().group, choose: asks ? choose : null, none: asks ? () => choose(null) : null, add: edits ? addItem : null, anyway: () => identify(false) };
}

function render(state, before) {
  const main = $("#main");
  document.body.dataset.phase = state.phase;
  const photoShown = state.phase === "results" || (state.photo && ["error", "offline"].includes(state.phase));
  if (!photoShown) {
    if (["home", "words", "error", "offline"].includes(state.phase)) main.replaceChildren(...plainView(state).filter(Boolean));
    return;
  }
  let stage = $("whatsit-stage");
  if (!stage || state.photo !== before.photo) stage = openStage(state.photo);
  if (state.found && (state.found !== before.found || state.selected !== before.selected || state.custom !== before.custom)) {
    stage.mark(state.found.regions, state.found.order, state.custom ? null : state.selected);
    if (state.found !== before.found) stage.select(state.found.regions[state.selected].box);
  }
  drawControls(state);
  drawResults(state);
}

function plainView(state) {
  if (state.phase === "home") return [homeView(state, page)];
  if (state.phase === "words") return [h("div.split.plain-split", {}, h("aside", {}, filterPanel(state, page)), wordsView(state, page))];
  return [failureView(state, page)];
}

function openStage(photo) {
  const stage = document.createElement("whatsit-stage");
  stage.addEventListener("whatsit-region", ({ detail }) => selectRegion(detail.index));
  stage.addEventListener("whatsit-crop", ({ detail }) => searchBox(detail.box));
  $("#main").replaceChildren(h("div.split", {}, h("div.side", {}, stage, h("div.controls")), h("div.found", {}, h("details.filter-box", { ".open": store.get().filtersOpen }), document.createElement("whatsit-results"))));
  stage.show(photo);
  requestAnimationFrame(() => performance.mark("whatsit-photo"));
  return stage;
}

function drawControls({ found, custom, selected }) {
  const whole = button("chip", "whole", t("wholePhoto"), () => selectRegion(0), { "aria-pressed": String(!custom && selected === 0) });
  const edited = custom && h("span.chip.on", {}, icon("eye"), h("span", { text: t("edited") }));
  $(".controls").replaceChildren(...[found && whole, edited, button("chip", "link", t("share"), () => copy(location)), button("chip", "camera", t("newPhoto"), goHome)].filter(Boolean));
}

function drawResults(state) {
  const results = $("whatsit-results");
  const box = $(".filter-box");
  const summary = h("summary", { "data-key": "summary" }, icon("filter"), h("span", { text: t("filters") }), Object.keys(state.where).length > 0 && h("b", { text: Object.keys(state.where).length }));
  keepFocus(box, () => box.replaceChildren(summary, filterPanel(state, page)));
  box.ontoggle = () => { if (box.open !== store.get().filtersOpen) store.set({ filtersOpen: box.open }); };
  if (state.phase !== "results") return results.replaceChildren(failureView(state, page));
  if (state.busy || !state.found || (state.custom && !state.custom.result)) return results.wait();
  keepFocus(results, () => results.show(shownResult(state), resultsPage()));
}

/** Return the result of the selected region. */
function shownResult({ found, selected, custom }) {
  return custom ? custom.result : resultOf(found, selected);
}

function goHome() {
  fresh();
  store.set({ view: "home", phase: "home", busy: false, photo: null, found: null, custom: null, words: "", where: {} });
  $("#words").value = "";
  writeLink(store.get(), true);
  if (!store.get().sample) loadSample();
}

async function copy(url) {
  try {
    await navigator.clipboard.writeText(String(url));
    notify(t("linkCopied"));
  } catch {
    notify(String(url));
  }
}

function applyTheme() {
  document.documentElement.dataset.theme = recall("theme", "auto");
}

async function openCamera(mode) {
  const camera = await import("./camera.js").catch(() => null);
  if (!camera) return notify(t("offlineTitle"));
  const scanned = async (blob, box) => {
    const found = await api.identify(blob, box ? { ...options(), boxes: [box] } : options()).catch(() => null);
    if (!found?.answer.found) return null;
    const item = found.regions[found.answer.region].matches[0].item;
    return { title: titleOf(item), picture: itemPicture(api, item, 128), open: () => searchPhoto(blob) };
  };
  camera.openCamera(mode, { take: (blob, time) => searchPhoto(blob, time), scanned, choosePhoto: page.choosePhoto });
}

// ---- beginning --------------------------------------------------------------------------------------------------

async function askForKey(refused) {
  const key = await askKey(refused);
  if (!key) return;
  remember("key", key);
  api.key = key;
  start();
}

async function refreshFacets() {
  const { words, where } = store.get();
  const reply = await api.facets({ text: store.get().photo ? "" : words, where: {}, limit: 40 }).catch(() => ({ facets: [] }));
  if (words === store.get().words && where === store.get().where) store.set({ facets: reply.facets });
}

async function loadSample() {
  const reply = await api.items({ limit: 24 }).catch(() => null);
  store.set({ sample: reply?.items || [] });
}

/** Learn what the caller may do; then show what the link names. */
async function start() {
  try {
    store.set({ session: await api.session() });
  } catch (error) {
    return failed(error);
  }
  refreshFacets();
  if (store.get().phase === "offline" || store.get().phase === "error") store.set({ phase: "home" });
  if (link.photo) {
    const entry = await findPhoto(link.photo);
    const wanted = link.photo; // "" where another photo was chosen meanwhile
    link.photo = "";
    if (wanted && entry) searchPhoto(entry, performance.now(), false);
    else if (wanted) notify(t("photoElsewhere"));
    if (!entry) link.box = null;
  } else if (store.get().photo) identify();
  else if (store.get().words || Object.keys(store.get().where).length) searchWords();
  if (!store.get().photo) loadSample();
  if (link.item) api.item(link.item).then(page.open, (error) => notify(error.message || t("offlineTitle")));
  link.item = "";
}

const take = (file) => (file ? searchPhoto(file) : notify(t("notPicture")));

function listen() {
  $(".query").addEventListener("submit", (event) => {
    event.preventDefault();
    store.set({ words: $("#words").value.trim() });
    if (!store.get().photo) return searchWords();
    writeLink(store.get(), false);
    identify();
  });
  $("#query-camera").addEventListener("click", page.openCamera);
  $("#open-history").addEventListener("click", () => showHistory(page));
  $("#open-settings").addEventListener("click", () => showSettings(store.get(), page));
  $(".brand").addEventListener("click", (event) => { event.preventDefault(); goHome(); });
  $("#file").addEventListener("change", (event) => { if (event.target.files[0]) searchPhoto(event.target.files[0]); event.target.value = ""; });
  addEventListener("paste", (event) => { if (event.clipboardData.files.length) take(pictureOf(event.clipboardData)); });
  addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dragging"); });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dragging"); });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    if (event.dataTransfer.files.length) take(pictureOf(event.dataTransfer));
  });
  addEventListener("popstate", () => { if (!location.hash) location.reload(); });
  addEventListener("offline", () => notify(t("offlineNotice")));
  addEventListener("online", () => { if (store.get().phase === "offline") again(); });
}

function translate() {
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  const names = { "#words": "words", "#query-camera": "takePhoto", "#open-history": "history", "#open-settings": "settings" };
  for (const [selector, name] of Object.entries(names)) {
    $(selector).setAttribute("aria-label", t(name));
    $(selector).title = t(name);
  }
  $("#words").value = store.get().words;
}

applyTheme();
translate();
listen();
store.subscribe((state, before) => {
  render(state, before);
  $("#words").placeholder = t(state.photo ? "wordsWithPhoto" : "words");
});
store.set({});
start();
keepForOffline();
