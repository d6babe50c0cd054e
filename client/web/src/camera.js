import { h, showDialog } from "./dom.js";
import { t } from "./i18n.js";

const REASONS = { denied: "cameraDenied", none: "cameraNone", insecure: "cameraInsecure" };

/**
 * Open the camera in a dialog.
 *
 * @param {"photo"|"scan"} mode - one photo, or each thing that is held still
 * @param {Object} page - `take(blob, shutterTime)`, `scanned(blob)` -> Promise of {title, picture, open}, `choosePhoto()`
 */
export async function openCamera(mode, page) {
  await import("../camera/camera-view.js");
  const view = document.createElement("whatsit-camera");
  const finds = h("div.finds", { "aria-live": "polite" });
  const modes = h("div.modes", { role: "group" }, ...["photo", "scan"].map((name) => h("button.chip", {
    type: "button", "aria-pressed": String(name === mode), text: t(name === "photo" ? "takePhoto" : "scan"),
    onclick: () => { dialog.close(); openCamera(name, page); },
  })));
  const dialog = showDialog(t("cameraTitle"), t("close"), view, modes, mode === "scan" && finds);
  dialog.classList.add("camera");
  view.mode = mode;
  view.addEventListener("whatsit-frame", async ({ detail }) => {
    if (mode === "photo") {
      dialog.close();
      page.take(detail.blob, detail.shutterTime);
      return;
    }
    const waiting = h("div.find.waiting", { text: t("searching") });
    finds.prepend(waiting);
    const found = await page.scanned(detail.blob);
    if (!found) waiting.remove();
    else waiting.replaceWith(h("button.find", { type: "button", onclick: () => { dialog.close(); found.open(); } }, found.picture, h("span", { text: found.title, dir: "auto" })));
  });
  view.addEventListener("whatsit-camera-error", ({ detail }) => {
    view.remove();
    dialog.prepend(h("section.failure", { role: "alert" }, h("p", { text: t(REASONS[detail.reason] || "cameraNone") }),
      h("div.acts", {}, h("button.act.strong", { type: "button", text: t("choosePhoto"), onclick: () => { dialog.close(); page.choosePhoto(); } }))));
    dialog.append(dialog.querySelector("header"));
    dialog.prepend(dialog.querySelector("header"));
  });
  dialog.addEventListener("close", () => view.stop?.());
}
