import { h } from "./dom.js";
import { t } from "./i18n.js";

const LEAST = 0.03; // of the photo's side: the smallest region
const STEP = 0.02; // of the photo's side: one press of an arrow key
const MOST_ZOOM = 8;
const DELAY = 250; // ms of rest after which a dragged region is searched
const EDGES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

/**
 * The photo with a dot on each object and a region that can be moved and resized by mouse, touch and keyboard.
 *
 * Events: `whatsit-region` {index}, `whatsit-crop` {box} in pixels of the photo, once it rests.
 */
export class Stage extends HTMLElement {
  #photo = null;
  #zoom = 1;
  #pan = [0, 0];
  #box = [0, 0, 1, 1]; // of the region, shares of the photo
  #pointers = new Map();
  #gesture = null;
  #timer = 0;
  #frame = 0;

  constructor() {
    super();
    this.image = h("img.photo", { alt: "", draggable: "false" });
    this.blank = h("p.blank", { hidden: true });
    this.dots = h("div.dots");
    this.crop = h("div.crop", { tabindex: "0", role: "group", onkeydown: (event) => this.#key(event) },
      ...EDGES.map((edge) => h(`i.edge.${edge}`, { "data-edge": edge })));
    this.view = h("div.view", {}, this.image, this.blank, this.crop, this.dots);
    this.addEventListener("pointerdown", (event) => this.#down(event));
    this.addEventListener("pointermove", (event) => this.#move(event));
    for (const type of ["pointerup", "pointercancel"]) this.addEventListener(type, (event) => this.#up(event));
    this.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.addEventListener("dblclick", (event) => this.#zoomAt(event, this.#zoom > 1 ? 1 / this.#zoom : 2.5));
  }

  connectedCallback() {
    if (!this.view.isConnected) this.append(this.view);
    this.crop.setAttribute("aria-label", t("cropBox"));
    this.observer = new ResizeObserver(() => this.#layout());
    this.observer.observe(this);
  }

  disconnectedCallback() {
    this.observer.disconnect();
    clearTimeout(this.#timer);
  }

  /** Show a photo at once; its regions come later. */
  show(photo) {
    this.#photo = photo;
    this.#zoom = 1;
    this.#pan = [0, 0];
    this.image.hidden = !photo.url;
    this.blank.hidden = Boolean(photo.url);
    this.blank.textContent = t("photoNoPreview");
    if (photo.url) this.image.src = photo.url;
    this.image.alt = t("photo");
    this.dots.replaceChildren();
    this.#setBox([0, 0, photo.width || 1, photo.height || 1]);
    this.#layout();
  }

  /**
   * Put a dot on each object.
   *
   * @param {Object[]} regions - of the reply; region 0 is the whole photo and has none
   * @param {number[]} order - indices, the most likely first
   * @param {number|null} selected
   */
  mark(regions, order, selected) {
    const [, , width, height] = regions[0].box;
    if (!this.#photo.width) Object.assign(this.#photo, { width, height });
    const dots = apart(order.filter((index) => index > 0), regions, selected).map((index, turn) => {
      const [x1, y1, x2, y2] = regions[index].box;
      const label = regions[index].matches[0]?.item.title || regions[index].label;
      return h("button.dot", {
        type: "button", "aria-label": t("region", { index: turn + 1, label }), "aria-pressed": String(index === selected),
        "data-index": index, "--x": (x1 + x2) / 2 / width, "--y": (y1 + y2) / 2 / height, "--hue": `var(--region-${turn % 8})`, "--turn": turn,
        onclick: () => this.#emit("whatsit-region", { index }),
      });
    });
    const kept = this.dots.contains(document.activeElement) ? document.activeElement.dataset.index : null;
    this.dots.replaceChildren(...dots);
    if (kept !== null) this.dots.querySelector(`[data-index="${kept}"]`)?.focus();
    this.#layout();
  }

  /** Move the region to a box in pixels of the photo, without a search. */
  select(box) {
    clearTimeout(this.#timer);
    this.#setBox(box);
  }

  get box() {
    const { width, height } = this.#photo;
    return this.#box.map((side, index) => Math.round(side * (index % 2 ? height : width)));
  }

  #setBox([x1, y1, x2, y2]) {
    const { width, height } = this.#photo;
    this.#box = [x1 / (width || 1), y1 / (height || 1), x2 / (width || 1), y2 / (height || 1)];
    this.#draw();
  }

  #layout() {
    if (!this.#photo || !this.clientWidth) return;
    const { width, height } = this.#photo;
    if (width) this.style.setProperty("--aspect", `${width} / ${height}`);
    const scale = Math.min(this.clientWidth / (width || 4), this.clientHeight / (height || 3));
    this.size = [Math.round((width || 4) * scale), Math.round((height || 3) * scale)];
    this.view.style.width = `${this.size[0]}px`;
    this.view.style.height = `${this.size[1]}px`;
    this.#draw();
  }

  #draw() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (!this.size) return;
      const [width, height] = this.size;
      const [x1, y1, x2, y2] = this.#box;
      this.crop.style.transform = `translate(${x1 * width}px, ${y1 * height}px)`;
      this.crop.style.width = `${(x2 - x1) * width}px`;
      this.crop.style.height = `${(y2 - y1) * height}px`;
      this.crop.classList.toggle("whole", x1 <= 0.001 && y1 <= 0.001 && x2 >= 0.999 && y2 >= 0.999);
      this.view.style.setProperty("--zoom", this.#zoom);
      this.view.style.transform = `translate(${this.#pan[0]}px, ${this.#pan[1]}px) scale(${this.#zoom})`;
    });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true }));
  }

  /** Search the region once it has rested. */
  #changed(delay = DELAY) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#emit("whatsit-crop", { box: this.box }), delay);
    this.#draw();
  }

  #shares(event) {
    const frame = this.view.getBoundingClientRect();
    return [(event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height];
  }

  #down(event) {
    if (event.target.closest(".dot") || (event.button && event.pointerType === "mouse") || !this.#photo?.width) return;
    this.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, event);
    clearTimeout(this.#timer);
    if (this.#pointers.size === 2) {
      this.#gesture = { kind: "pinch", spread: this.#spread() };
      return;
    }
    const edge = event.target.dataset?.edge;
    const inside = event.target.closest(".crop") && !this.crop.classList.contains("whole");
    const touch = event.pointerType === "touch"; // one finger scrolls the page; corners and dots make regions
    const kind = edge ? "resize" : inside ? "move" : this.#zoom > 1 ? "pan" : touch ? "none" : "draw";
    this.#gesture = { kind, edge, start: this.#shares(event), box: [...this.#box], pan: [...this.#pan], x: event.clientX, y: event.clientY, moved: false };
  }

  #move(event) {
    const gesture = this.#gesture;
    if (!gesture || !this.#pointers.has(event.pointerId)) return;
    this.#pointers.set(event.pointerId, event);
    if (gesture.kind === "pinch") {
      const spread = this.#spread();
      this.#zoomAt(spread, spread.length / gesture.spread.length);
      gesture.spread = spread;
      return;
    }
    if (!gesture.moved && Math.hypot(event.clientX - gesture.x, event.clientY - gesture.y) < 5) return;
    if (gesture.kind === "none") return;
    gesture.moved = true;
    if (gesture.kind === "pan") {
      this.#pan = this.#bounded(gesture.pan[0] + event.clientX - gesture.x, gesture.pan[1] + event.clientY - gesture.y);
    } else {
      const at = this.#shares(event);
      this.#box = changed(gesture, at[0] - gesture.start[0], at[1] - gesture.start[1], at);
    }
    this.#draw();
  }

  #up(event) {
    const gesture = this.#gesture;
    this.#pointers.delete(event.pointerId);
    this.#gesture = null; // of two fingers the one that stays does nothing
    if (this.#pointers.size) return;
    if (gesture?.moved && gesture.kind !== "pan") this.#changed();
  }

  #spread() {
    const [a, b] = [...this.#pointers.values()];
    return { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2, length: Math.max(1, Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY)) };
  }

  #wheel(event) {
    if (!this.#photo?.width || !(event.ctrlKey || this.#zoom > 1 || event.deltaY < 0)) return;
    event.preventDefault();
    this.#zoomAt(event, Math.exp(-event.deltaY / 300));
  }

  #zoomAt({ clientX, clientY }, factor) {
    const zoom = Math.min(MOST_ZOOM, Math.max(1, this.#zoom * factor));
    const frame = this.view.getBoundingClientRect();
    const [x, y] = [(clientX - frame.left) / frame.width - 0.5, (clientY - frame.top) / frame.height - 0.5];
    const grown = zoom - this.#zoom;
    this.#zoom = zoom;
    this.#pan = this.#bounded(this.#pan[0] - x * this.size[0] * grown, this.#pan[1] - y * this.size[1] * grown);
    this.#draw();
  }

  #bounded(x, y) {
    const most = this.size.map((side) => (side * (this.#zoom - 1)) / 2);
    return [Math.max(-most[0], Math.min(most[0], x)), Math.max(-most[1], Math.min(most[1], y))];
  }

  #key(event) {
    const moves = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const by = moves[event.key];
    if (by) {
      const whole = this.crop.classList.contains("whole");
      const start = { kind: event.shiftKey ? "resize" : "move", edge: "se", box: whole ? [0.2, 0.2, 0.8, 0.8] : [...this.#box] };
      this.#box = whole ? start.box : changed(start, by[0], by[1]);
      this.#changed(600);
    } else if (event.key === "Escape") {
      this.#box = [0, 0, 1, 1];
      this.#changed(0);
    } else if (event.key === "+" || event.key === "-") {
      const frame = this.crop.getBoundingClientRect();
      this.#zoomAt({ clientX: frame.left + frame.width / 2, clientY: frame.top + frame.height / 2 }, event.key === "+" ? 1.25 : 0.8);
    } else {
      return;
    }
    event.preventDefault();
  }
}

/** Return a box after a gesture, within the photo; all in shares of it. */
export function changed({ kind, edge = "", box, start }, dx, dy, at) {
  if (kind === "draw") {
    const sides = [Math.min(start[0], at[0]), Math.min(start[1], at[1]), Math.max(start[0], at[0]), Math.max(start[1], at[1])].map(clamp);
    const [x, y] = [Math.min(sides[0], 1 - LEAST), Math.min(sides[1], 1 - LEAST)];
    return [x, y, Math.max(sides[2], x + LEAST), Math.max(sides[3], y + LEAST)];
  }
  let [x1, y1, x2, y2] = box;
  if (kind === "move") {
    const x = Math.max(-x1, Math.min(1 - x2, dx));
    const y = Math.max(-y1, Math.min(1 - y2, dy));
    return [x1 + x, y1 + y, x2 + x, y2 + y];
  }
  if (edge.includes("w")) x1 = Math.max(0, Math.min(x2 - LEAST, x1 + dx));
  if (edge.includes("e")) x2 = Math.min(1, Math.max(x1 + LEAST, x2 + dx));
  if (edge.includes("n")) y1 = Math.max(0, Math.min(y2 - LEAST, y1 + dy));
  if (edge.includes("s")) y2 = Math.min(1, Math.max(y1 + LEAST, y2 + dy));
  return [x1, y1, x2, y2];
}

/** Return the regions without those that lie on a more likely one, whose dots would hide each other. */
function apart(order, regions, selected) {
  const middle = ([x1, y1, x2, y2]) => [(x1 + x2) / 2, (y1 + y2) / 2];
  const reach = 0.045 * regions[0].box[2];
  const kept = [];
  for (const index of order) {
    const [x, y] = middle(regions[index].box);
    const hidden = kept.some((other) => { const [u, v] = middle(regions[other].box); return Math.hypot(x - u, y - v) < reach; });
    if (!hidden || index === selected) kept.push(index);
  }
  return kept;
}

const clamp = (value) => Math.max(0, Math.min(1, value));

customElements.define("whatsit-stage", Stage);
