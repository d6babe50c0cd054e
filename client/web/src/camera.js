import { h, showDialog } from "./dom.js";
import { t } from "./i18n.js";

/**
 * Open the camera in a dialog.
 *
 * @param {"photo"|"scan"} mode - one photo, or each thing that is held still
 * @param {Object} page - `take(blob, shutterTime)`, `scanned(blob, box)` -> Promise of {title, picture, open}, `choosePhoto()`
 */
export async function openCamera(mode, page) {
  await import("../camera/camera-view.js");
  const view = document.createElement("whatsit-camera");
  const finds = h("div.finds", { "aria-live": "polite", hidden: mode !== "scan" });
  const modes = h("div.modes", { role: "group", "aria-label": t("cameraTitle") }, ...["photo", "scan"].map((name) => h("button.chip", {
    type: "button", "aria-pressed": String(name === mode), text: t(name === "photo" ? "takePhoto" : "scan"),
    onclick: (event) => { finds.hidden = name !== "scan"; view.mode = mode = name; for (const one of modes.children) one.setAttribute("aria-pressed", String(one === event.target)); },
  })));
  const choose = h("button.act.strong", { type: "button", slot: "error", text: t("choosePhoto"), onclick: () => { dialog.close(); page.choosePhoto(); } });
  view.mode = mode;
  view.append(choose);
  view.addEventListener("whatsit-frame", async ({ detail }) => {
    if (mode === "photo") {
      dialog.close();
      page.take(detail.blob, detail.shutterTime);
      return;
    }
    const waiting = h("div.find.waiting", { text: t("searching") });
    finds.prepend(waiting);
    const found = await page.scanned(detail.blob, detail.box);
    if (!found) waiting.remove();
    else waiting.replaceWith(h("button.find", { type: "button", onclick: () => { dialog.close(); found.open(); } }, found.picture, h("span", { text: found.title, dir: "auto" })));
  });
  view.addEventListener("whatsit-camera-error", () => { modes.hidden = true; });
  const detector = useDetector(view);
  const dialog = showDialog(t("cameraTitle"), t("close"), view, modes, finds);
  dialog.classList.add("camera");
  dialog.addEventListener("close", () => { view.stop(); detector.then((one) => one?.close()); });
}

/** Give the camera the network in a worker where it was installed (`make web-detector`); without one it sends whole frames. */
async function useDetector(view) {
  const { openDetector } = await import("../scan/scan-detector.js");
  const detector = await openDetector();
  view.detector = detector;
  return detector;
}
