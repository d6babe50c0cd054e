import { button, h } from "../../src/dom.js";
import { t } from "../../src/i18n.js";

/** Return what is shown while a view is loaded. */
export const waiting = () => h("div.view-wait", { role: "status", "aria-label": t("stLoading") }, ...Array.from({ length: 6 }, () => h("i")));

/** Return what is shown where a view cannot be. */
export function failure(error, retry) {
  const offline = [0, 502, 503].includes(error.status);
  return h("section.failure", { role: "alert" }, h("h1", { text: t(offline ? "offlineTitle" : "errorTitle") }), h("p", { text: error.message || t("stOfflineText") }),
    h("div.acts", {}, button("act.strong", "refresh", t("retry"), retry)));
}
