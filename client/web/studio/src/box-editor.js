import { h } from "../../src/dom.js";
import { t } from "../../src/i18n.js";
import { changed } from "../../src/stage.js";

const STEP = 0.01; // of the picture's side: one press of an arrow key
const EDGES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
const NEW = [0.35, 0.35, 0.65, 0.65];

/**
 * A picture with boxes that are drawn, moved, resized and deleted by mouse, touch and keyboard.
 *
 * Event `boxes-change` after each change. Boxes are [x1, y1, x2, y2] in pixels of the picture.
 */
export class BoxEditor extends HTMLElement {
  #boxes = []; // {sides: shares of the picture, label, score, doubtful}
  #steps = []; // earlier states, for undo
  #gesture = null;
  #size = [1, 1];

  constructor() {
    super();
    this.image = h("img", { alt: "", draggable: "false" });
    this.layer = h("div.be-layer");
    this.view = h("div.be-view", {}, this.image, this.layer);
    this.view.addEventListener("pointerdown", (event) => this.#down(event));
    this.view.addEventListener("pointermove", (event) => this.#move(event));
    for (const type of ["pointerup", "pointercancel"]) this.view.addEventListener(type, () => this.#up());
    this.addEventListener("keydown", (event) => this.#key(event));
  }

  connectedCallback() {
    if (!this.view.isConnected) this.append(this.view);
    this.setAttribute("role", "group");
    this.setAttribute("aria-label", t("stBoxesHelp"));
    this.observer = new ResizeObserver(() => this.#fit());
    this.observer.observe(this);
  }

  disconnectedCallback() { this.observer.disconnect(); }

  /**
   * Show a picture with its boxes.
   *
   * @param {string} url
   * @param {number[]} size - width and height of the picture in pixels
   * @param {Object[]} boxes - {box, label, score, doubtful}
   */
  show(url, size, boxes) {
    this.#size = size;
    this.#steps = [];
    this.image.src = url;
    this.image.alt = t("photo");
    this.#boxes = boxes.map(({ box, ...rest }) => ({ ...rest, sides: box.map((side, at) => side / size[at % 2]) }));
    this.#draw();
    this.#fit();
  }

  /** Return the boxes: {box, label}. */
  get boxes() {
    return this.#boxes.map(({ sides, label }) => ({ box: sides.map((side, at) => Math.round(10 * side * this.#size[at % 2]) / 10), ...(label ? { label } : {}) }));
  }

  get changed() { return this.#steps.length > 0; }

  /** Take back the last change; false where there is none. */
  undo() {
    if (!this.#steps.length) return false;
    this.#boxes = this.#steps.pop();
    this.#draw();
    this.#emit();
    return true;
  }

  /** Add a box in the middle and select it. */
  add() {
    this.#keep();
    this.#boxes = [...this.#boxes, { sides: [...NEW], label: this.#boxes[0]?.label || "" }];
    this.#draw(this.#boxes.length - 1);
    this.#emit();
  }

  /** Set a box's label. */
  rename(index, label) {
    if (!this.#boxes[index]) return;
    this.#keep();
    this.#boxes = this.#boxes.map((one, at) => (at === index ? { ...one, label } : one));
    this.#draw(index);
    this.#emit();
  }

  /** Select the next box. */
  next(step = 1) {
    const boxes = [...this.layer.children];
    if (!boxes.length) return;
    const now = boxes.indexOf(document.activeElement);
    boxes[(now + step + boxes.length) % boxes.length].focus();
  }

  #keep() { this.#steps.push(this.#boxes.map((one) => ({ ...one, sides: [...one.sides] }))); }

  #emit() { this.dispatchEvent(new CustomEvent("boxes-change", { bubbles: true })); }

  #fit() {
    const [width, height] = this.#size;
    const scale = Math.min(this.clientWidth / width, this.clientHeight / height);
    this.view.style.width = `${Math.floor(width * scale)}px`;
    this.view.style.height = `${Math.floor(height * scale)}px`;
  }

  #draw(focus = null) {
    this.layer.replaceChildren(...this.#boxes.map((one, index) => {
      const name = t("stBox", { index: index + 1, label: one.label || "" });
      return h(one.doubtful ? "div.be-box.doubtful" : "div.be-box", { tabindex: "0", role: "button", "aria-label": name, "data-index": index, "--hue": `var(--region-${(index + 1) % 8})` },
        h("span.be-name", { text: [one.label, typeof one.score === "number" ? one.score.toFixed(2) : ""].filter(Boolean).join(" ") || String(index + 1), dir: "auto" }),
        ...EDGES.map((edge) => h(`i.be-edge.be-${edge}`, { "data-edge": edge })));
    }));
    this.#boxes.forEach((_, index) => this.#place(index));
    if (focus !== null) this.layer.children[focus]?.focus();
  }

  #place(index) {
    const [x1, y1, x2, y2] = this.#boxes[index].sides;
    const style = this.layer.children[index].style;
    style.left = `${100 * x1}%`;
    style.top = `${100 * y1}%`;
    style.width = `${100 * (x2 - x1)}%`;
    style.height = `${100 * (y2 - y1)}%`;
  }

  #shares(event) {
    const frame = this.view.getBoundingClientRect();
    return [(event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height];
  }

  #down(event) {
    if (event.button && event.pointerType === "mouse") return;
    const edge = event.target.dataset.edge;
    const element = event.target.closest(".be-box");
    const start = this.#shares(event);
    this.view.setPointerCapture(event.pointerId);
    this.#keep();
    if (element) {
      const index = Number(element.dataset.index);
      this.#gesture = { kind: edge ? "resize" : "move", edge, index, start, box: [...this.#boxes[index].sides] };
      element.focus();
    } else {
      this.#gesture = { kind: "draw", index: -1, start };
    }
    event.preventDefault();
  }

  #move(event) {
    const gesture = this.#gesture;
    if (!gesture) return;
    const at = this.#shares(event);
    const [dx, dy] = [at[0] - gesture.start[0], at[1] - gesture.start[1]];
    if (!gesture.moved && Math.hypot(dx, dy) < 0.006) return;
    gesture.moved = true;
    if (gesture.index < 0) {
      this.#boxes = [...this.#boxes, { sides: [...gesture.start, ...at], label: this.#boxes[0]?.label || "" }];
      gesture.index = this.#boxes.length - 1;
      this.#draw();
    }
    this.#boxes[gesture.index].sides = changed(gesture, dx, dy, at);
    this.#place(gesture.index);
  }

  #up() {
    const gesture = this.#gesture;
    this.#gesture = null;
    if (!gesture) return;
    if (!gesture.moved) this.#steps.pop();
    else this.#emit();
    if (gesture.index >= 0) this.layer.children[gesture.index]?.focus();
  }

  #key(event) {
    const index = Number(event.target.dataset?.index ?? -1);
    const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (event.key.toLowerCase() === "n" && !event.ctrlKey) this.add();
    else if (index < 0) return;
    else if (by) {
      this.#keep();
      const one = this.#boxes[index];
      one.sides = changed({ kind: event.shiftKey ? "resize" : "move", edge: "se", box: one.sides }, ...by);
      this.#place(index);
      this.#emit();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.#keep();
      this.#boxes = this.#boxes.filter((_, at) => at !== index);
      this.#draw(Math.min(index, this.#boxes.length - 1));
      if (!this.#boxes.length) this.closest("[tabindex]")?.focus();
      this.#emit();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

customElements.define("whatsit-boxes", BoxEditor);
