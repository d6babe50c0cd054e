import { h } from "../../src/dom.js";
import { t } from "../../src/i18n.js";

const BESIDE = 8; // rows drawn above and below those that are seen
const REST = 70; // ms without a new position after which rows far away are loaded
const FACE = 90; // ms that a row rests before its picture is asked for
const FAST = 15; // rows that pass in a frame, too fast to be read
const MOST_PIXELS = 12_000_000; // height that every browser can scroll; longer tables are scaled

/**
 * A table of any number of rows of which only those in view are elements.
 *
 * Attributes for screen readers count all rows. The focus stays on the grid, which names the active cell. Events:
 * `row-open` {index}, `cell-edit` {index, column, cell}, `row-choose` {ids}, `rows-drawn`.
 */
export class VirtualTable extends HTMLElement {
  #source = null;
  #columns = [];
  #rows = new Map(); // index -> {element, cells, item}
  #spare = [];
  #frame = 0;
  #timer = 0;
  #active = [0, 0]; // row and column
  #editing = null; // index of the row that must stay
  chosen = new Set();

  constructor() {
    super();
    this.spacer = h("div.vt-spacer", { role: "presentation" });
    this.head = h("div.vt-head", { role: "row", "aria-rowindex": "1" });
    this.grid = h("div.vt-grid", { role: "grid", tabindex: "0", "aria-multiselectable": "true" }, this.head, this.spacer);
    this.grid.addEventListener("scroll", () => this.#soon(), { passive: true });
    this.grid.addEventListener("keydown", (event) => this.#key(event));
    this.grid.addEventListener("click", (event) => this.#click(event));
    this.grid.addEventListener("dblclick", (event) => this.#edit(event.target));
  }

  connectedCallback() {
    if (!this.grid.isConnected) this.append(this.grid);
    this.observer = new ResizeObserver(() => this.#soon());
    this.observer.observe(this.grid);
  }

  disconnectedCallback() {
    this.observer.disconnect();
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    clearTimeout(this.#timer);
  }

  /**
   * Set the columns.
   *
   * @param {Object[]} columns - {name, label, edit, fill(cell, item)}; `fill` is called when a row gets another item
   * @param {number} height - of a row in pixels
   */
  configure(label, columns, height) {
    this.#columns = columns;
    this.height = height;
    this.grid.setAttribute("aria-label", label);
    this.grid.setAttribute("aria-colcount", String(columns.length));
    this.grid.style.setProperty("--row", `${height}px`);
    this.head.replaceChildren(...columns.map((column, at) => h(`div.vt-cell.col-${column.name}`, { role: "columnheader", "aria-colindex": at + 1 }, h(column.bare ? "span.unseen" : "span", { text: column.label }))));
  }

  /** Show the rows of a source: {total, row(index), want(first, last)}. */
  show(source, keep = false) {
    this.#source = source;
    if (!keep) {
      this.grid.scrollTop = 0;
      this.#active = [0, 0];
      this.chosen.clear();
    }
    for (const row of this.#rows.values()) row.item = null;
    source.want(0, 0);
    this.refresh();
  }

  /** Draw again what changed. */
  refresh() { this.#soon(); }

  get #total() { return this.#source?.total ?? 0; }

  /** Return what one pixel of scrolling stands for. */
  get #scale() {
    const whole = this.#total * this.height;
    const seen = this.grid.clientHeight - this.head.offsetHeight;
    return whole > MOST_PIXELS ? (whole - seen) / (MOST_PIXELS - seen) : 1;
  }

  #soon() {
    if (!this.#frame) this.#frame = requestAnimationFrame(() => { this.#frame = 0; this.#draw(); });
  }

  #draw() {
    if (!this.#source || !this.isConnected) return;
    const scale = this.#scale;
    this.spacer.style.height = `${Math.min(MOST_PIXELS, this.#total * this.height)}px`;
    this.grid.setAttribute("aria-rowcount", String(this.#total + 1));
    const top = this.grid.scrollTop;
    const seen = Math.ceil(this.grid.clientHeight / this.height);
    const at = Math.floor((top * scale) / this.height);
    const first = Math.max(0, at - BESIDE);
    const last = Math.min(this.#total - 1, at + seen + BESIDE);
    this.#recycle(first, last);
    const shift = top - top * scale;
    for (let index = first; index <= last; index += 1) this.#row(index, index * this.height + shift);
    if (this.#editing !== null && this.#rows.has(this.#editing)) this.#row(this.#editing, this.#editing * this.height + shift);
    this.#load(first, last);
    this.#mark();
    this.dispatchEvent(new CustomEvent("rows-drawn", { detail: { first, last } }));
  }

  #recycle(first, last) {
    for (const [index, row] of this.#rows) {
      if ((index >= first && index <= last) || index === this.#editing) continue;
      this.#rows.delete(index);
      this.#spare.push(row);
    }
  }

  #row(index, top) {
    let row = this.#rows.get(index);
    if (!row) {
      row = this.#spare.pop() || this.#make();
      row.item = null;
      this.#rows.set(index, row);
      row.element.setAttribute("aria-rowindex", index + 2);
      row.element.dataset.index = index;
    }
    if (row.top !== top) row.element.style.transform = `translateY(${(row.top = top)}px)`;
    if (row.element.hidden) row.element.hidden = false;
    const item = this.#source.row(index) ?? undefined;
    if (row.item === item && row.item !== null) return;
    row.item = item;
    row.element.classList.toggle("vt-wait", !item);
    if (index !== this.#editing) this.#columns.forEach((column, position) => column.fill(row.cells[position], item));
  }

  #make() {
    const cells = this.#columns.map((column, at) => h(`div.vt-cell.col-${column.name}`, { role: "gridcell", "aria-colindex": at + 1, "data-column": at, ...(column.edit ? {} : { "aria-readonly": "true" }) }));
    const element = h("div.vt-row", { role: "row" }, ...cells);
    this.spacer.append(element);
    return { element, cells, item: null, top: -1 };
  }

  /** Load rows at once where the next page is near, else when scrolling rests. */
  #load(first, last) {
    for (const row of this.#spare) row.element.hidden = true;
    clearTimeout(this.#timer);
    if (!this.#total) return;
    const jump = Math.abs(first - (this.lastFirst ?? 0)) > FAST;
    this.lastFirst = first;
    const load = () => this.#source.want(Math.max(0, first - 20), Math.min(this.#total - 1, last + 40));
    if (jump) this.#timer = setTimeout(load, REST);
    else load();
  }

  /** Set which cell is active and which rows are chosen. */
  #mark() {
    const [active, column] = this.#active;
    this.grid.querySelector(".vt-active")?.classList.remove("vt-active");
    const cell = this.#rows.get(active)?.cells[column];
    if (cell) {
      cell.classList.add("vt-active");
      cell.id = "vt-active-cell";
      for (const other of this.grid.querySelectorAll("#vt-active-cell")) if (other !== cell) other.removeAttribute("id");
      this.grid.setAttribute("aria-activedescendant", "vt-active-cell");
    } else this.grid.removeAttribute("aria-activedescendant");
    for (const { element, item } of this.#rows.values()) {
      const chosen = Boolean(item && this.chosen.has(item.id));
      element.setAttribute("aria-selected", String(chosen));
    }
  }

  /** Return the item and index of the active row. */
  get active() { return { index: this.#active[0], item: this.#source?.row(this.#active[0]) }; }

  #move(row, column) {
    const index = Math.max(0, Math.min(this.#total - 1, row));
    this.#active = [index, Math.max(0, Math.min(this.#columns.length - 1, column))];
    const scale = this.#scale;
    const top = index * this.height;
    const seen = this.grid.clientHeight - this.head.offsetHeight;
    const shown = this.grid.scrollTop * scale;
    if (top < shown) this.grid.scrollTop = top / scale;
    else if (top + this.height > shown + seen) this.grid.scrollTop = (top + this.height - seen) / scale;
    this.#soon();
  }

  #key(event) {
    if (event.target !== this.grid) return;
    const [row, column] = this.#active;
    const page = Math.max(1, Math.floor((this.grid.clientHeight - this.head.offsetHeight) / this.height) - 1);
    const end = event.ctrlKey || event.metaKey;
    const moves = {
      ArrowDown: [row + 1, column], ArrowUp: [row - 1, column], ArrowRight: [row, column + 1], ArrowLeft: [row, column - 1],
      PageDown: [row + page, column], PageUp: [row - page, column],
      Home: end ? [0, column] : [row, 0], End: end ? [this.#total - 1, column] : [row, this.#columns.length - 1],
    };
    if (moves[event.key]) {
      if (event.shiftKey && event.key.startsWith("Arrow")) this.#choose(row, true);
      this.#move(...moves[event.key]);
      if (event.shiftKey && event.key.startsWith("Arrow")) this.#choose(this.#active[0], true);
    } else if (event.key === " ") this.#choose(row);
    else if (event.key === "Escape" && this.chosen.size) this.clear();
    else if (event.key === "F2") this.#edit(this.#rows.get(row)?.cells[column]);
    else if (event.key === "Enter") this.#columns[column].edit ? this.#edit(this.#rows.get(row)?.cells[column]) : this.#emit("row-open", { index: row });
    else return;
    event.preventDefault();
  }

  #click(event) {
    const cell = event.target.closest(".vt-cell");
    const row = event.target.closest(".vt-row");
    if (!row || event.target.closest("input, a")) return;
    const index = Number(row.dataset.index);
    this.#active = [index, Number(cell?.dataset.column ?? 0)];
    if (event.target.closest(".col-pick") || event.ctrlKey || event.metaKey) this.#choose(index);
    else if (event.shiftKey && this.anchor !== undefined) for (let at = Math.min(this.anchor, index); at <= Math.max(this.anchor, index); at += 1) this.#choose(at, true);
    else if (event.target.closest("[data-open]")) this.#emit("row-open", { index });
    this.anchor = index;
    this.#soon();
  }

  #choose(index, on) {
    const item = this.#source?.row(index);
    if (!item) return;
    if (on ?? !this.chosen.has(item.id)) this.chosen.add(item.id);
    else this.chosen.delete(item.id);
    this.#emit("row-choose", { ids: [...this.chosen] });
    this.#soon();
  }

  /** Choose no row. */
  clear() {
    this.chosen.clear();
    this.#emit("row-choose", { ids: [] });
    this.#soon();
  }

  #edit(target) {
    const cell = target?.closest?.(".vt-row .vt-cell");
    const column = cell && this.#columns[Number(cell.dataset.column)];
    const index = cell && Number(cell.parentElement.dataset.index);
    if (!column?.edit || this.#editing !== null || !this.#source.row(index)) return;
    this.#editing = index;
    this.#emit("cell-edit", { index, column, cell, done: () => {
      this.#editing = null;
      const row = this.#rows.get(index);
      if (row) row.item = null;
      this.grid.focus({ preventScroll: true });
      this.#soon();
    } });
  }

  #emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}

/** Return the row's check mark of a table. */
export const pickColumn = (table) => ({
  name: "pick", label: t("stChoose"), bare: true, fill(cell, item) {
    if (!cell.firstChild) cell.append(h("i.tick", { "aria-hidden": "true" }));
    cell.setAttribute("aria-label", item ? t("stChoose") : "");
  },
});

/** Return the column of pictures; each is asked for once its row rests. */
export const faceColumn = (api) => ({
  name: "face", label: t("photo"), bare: true, fill(cell, item) {
    if (!cell.firstChild) {
      const image = h("img", { alt: "", decoding: "async", hidden: true });
      image.addEventListener("load", () => { image.hidden = false; });
      cell.append(h("span.open-item", { "data-open": "" }, h("span.picture", {}, image)));
    }
    const image = cell.querySelector("img");
    const address = item?.image || "";
    if (cell.dataset.of === address) return;
    cell.dataset.of = address;
    image.hidden = true;
    clearTimeout(cell.timer);
    if (!address) return;
    cell.timer = setTimeout(async () => {
      const url = await api.picture(address, 96).catch(() => "");
      if (cell.dataset.of === address && url) image.src = url;
    }, FACE);
    cell.setAttribute("aria-label", t("photo"));
  },
});

customElements.define("whatsit-virtual-table", VirtualTable);
