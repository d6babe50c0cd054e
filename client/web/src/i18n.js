import de from "../strings/de.js";
import en from "../strings/en.js";
import zh from "../strings/zh.js";
import { recall, remember } from "./store.js";

const TABLES = { en, de, zh };
export const LANGUAGES = { en: "English", de: "Deutsch", zh: "中文" };

const asked = new URLSearchParams(location.search).get("lang") || recall("language");
export const language = Object.hasOwn(TABLES, asked) ? asked : navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => TABLES[tag]) || "en";
document.documentElement.lang = language;

/** Add the texts of another page: {en, de, zh}. */
export function addTexts(tables) {
  for (const [tag, texts] of Object.entries(tables)) Object.assign(TABLES[tag], texts);
}

/**
 * Return a text in the language of the page.
 *
 * @param {string} name - of the text; "name.one" is taken where `values.count` is 1
 * @param {Object<string, *>} [values] - for the places {name} in it
 */
export function t(name, values = {}) {
  const table = TABLES[language];
  const form = values.count === 1 && table[`${name}.one`] ? `${name}.one` : name;
  const text = table[form] ?? en[form] ?? name;
  return text.replace(/\{(\w+)\}/g, (_, key) => (typeof values[key] === "number" ? number(values[key]) : String(values[key] ?? "")));
}

const plain = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
const money = new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const share = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 });

export const number = (value) => plain.format(value);
export const price = (value, currency) => (currency ? `${money.format(value)} ${currency}` : money.format(value));
export const percent = (value) => share.format(value);
const medium = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const brief = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "short" });
export const date = (value) => medium.format(value);
export const shortDate = (value) => brief.format(value);

/** Keep the language and load the page in it. */
export function chooseLanguage(tag) {
  remember("language", tag);
  const url = new URL(location.href);
  url.searchParams.delete("lang");
  history.replaceState(null, "", url);
  location.reload();
}
