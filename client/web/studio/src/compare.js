import { h } from "../../src/dom.js";
import { t } from "../../src/i18n.js";

const ZOOM = 3;

/**
 * Two pictures beside each other, and what differs between them.
 *
 * A click, the wheel or Z enlarges the same place of both. D shows the difference. The attribute `data-mode` is "side" or
 * "difference".
 */
export class Compare extends HTMLElement {
  #zoom = 1;
  #at = [50, 50];

  connectedCallback() {
    this.tabIndex = 0;
    this.setAttribute("role", "group");
    this.setAttribute("aria-label", t("stCompareHelp"));
    this.dataset.mode ||= "side";
    if (this.listens) return;
    this.listens = true;
    this.addEventListener("click", (event) => { if (event.target.closest(".lens")) this.#toggle(event); });
    this.addEventListener("pointermove", (event) => { if (this.#zoom > 1 && event.pointerType !== "touch") this.#point(event); });
    this.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.addEventListener("keydown", (event) => this.#key(event));
  }

  /**
   * Show pictures.
   *
   * @param {Object[]} sides - {url, alt, caption: Node|null, badge: string}
   */
  show(sides) {
    this.#zoom = 1;
    this.#at = [50, 50];
    const figures = sides.map(({ url, alt, caption, badge }) => h("figure", {}, lens(url, alt, badge), caption && h("figcaption", {}, caption)));
    const pair = sides.length === 2 && h("figure.difference", {}, h("span.lens", {}, picture(sides[0].url, ""), picture(sides[1].url, t("stDifferenceAlt"))),
      h("figcaption", {}, h("p.quiet", { text: t("stDifferenceText") })));
    this.replaceChildren(...figures, ...(pair ? [pair] : []));
    this.#draw();
  }

  /** Show or hide the difference. */
  toggleDifference() {
    this.dataset.mode = this.dataset.mode === "side" ? "difference" : "side";
    return this.dataset.mode === "difference";
  }

  /** Enlarge the middle, or show all. */
  toggleZoom() {
    this.#zoom = this.#zoom > 1 ? 1 : ZOOM;
    this.#draw();
  }

  #toggle(event) {
    this.#point(event);
    this.toggleZoom();
  }

  #point(event) {
    const lens = event.target.closest?.(".lens");
    if (!lens) return;
    const frame = lens.getBoundingClientRect();
    this.#at = [(100 * (event.clientX - frame.left)) / frame.width, (100 * (event.clientY - frame.top)) / frame.height];
    this.#draw();
  }

  #wheel(event) {
    if (!event.target.closest(".lens") || (this.#zoom === 1 && event.deltaY > 0)) return;
    event.preventDefault();
    if (this.#zoom === 1) this.#point(event);
    this.#zoom = Math.min(8, Math.max(1, this.#zoom * Math.exp(-event.deltaY / 300)));
    this.#draw();
  }

  #key(event) {
    const by = { ArrowLeft: [-8, 0], ArrowRight: [8, 0], ArrowUp: [0, -8], ArrowDown: [0, 8] }[event.key];
    if (!by || this.#zoom === 1) return;
    this.#at = this.#at.map((value, index) => Math.min(100, Math.max(0, value + by[index])));
    this.#draw();
    event.preventDefault();
    event.stopPropagation();
  }

  #draw() {
    this.style.setProperty("--zoom", this.#zoom);
    this.style.setProperty("--px", `${this.#at[0]}%`);
    this.style.setProperty("--py", `${this.#at[1]}%`);
    this.classList.toggle("zoomed", this.#zoom > 1);
  }
}

function lens(url, alt, badge) {
  return h("span.lens", {}, picture(url, alt), badge && h("b.badge-tag", { text: badge }));
}

/** Return an <img> of a URL or of a promise of one; a note where it cannot be shown. */
export function picture(url, alt) {
  const image = h("img", { alt, draggable: "false", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(h("span.gone", { text: t("stNoPicture") })));
  Promise.resolve(url).then((found) => { if (found) image.src = found; else image.dispatchEvent(new Event("error")); }, () => image.dispatchEvent(new Event("error")));
  return image;
}

customElements.define("whatsit-compare", Compare);
