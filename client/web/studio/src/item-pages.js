/** Items of a list that is too long to load, fetched page by page as they are needed. */
export class ItemPages {
  #pages = new Map(); // number -> {items} or {loading}
  #running = new AbortController();

  /**
   * @param {function(Object, AbortSignal): Promise<{items: Object[], total: number}>} load - of {limit, offset}
   * @param {function(): void} changed - called when a page came
   * @param {function(Error): void} failed
   */
  constructor(load, changed, failed, size = 100, most = 60) {
    Object.assign(this, { load, changed, failed, size, most, total: null });
  }

  /** Return the item of a row; undefined where it is not loaded. */
  row(index) {
    return this.#pages.get(Math.floor(index / this.size))?.items?.[index % this.size];
  }

  /** Load the pages of some rows that are missing. */
  want(first, last) {
    for (let page = Math.floor(first / this.size); page <= Math.floor(last / this.size); page += 1) {
      const known = this.#pages.get(page);
      if (known) { // keep it longest
        this.#pages.delete(page);
        this.#pages.set(page, known);
      } else this.#fetch(page);
    }
  }

  async #fetch(page) {
    this.#pages.set(page, {});
    try {
      const reply = await this.load({ limit: this.size, offset: page * this.size }, this.#running.signal);
      if (!this.#pages.has(page)) return;
      this.#pages.set(page, { items: reply.items });
      this.total = reply.total;
      for (const [old, known] of this.#pages) if (this.#pages.size > this.most && known.items && old !== page) this.#pages.delete(old);
      this.changed();
    } catch (error) {
      this.#pages.delete(page);
      if (error.name !== "AbortError") this.failed(error);
    }
  }

  /** Show an item's new fields. */
  replace(item) {
    for (const { items } of this.#pages.values()) {
      const index = items ? items.findIndex((one) => one.id === item.id) : -1;
      if (index >= 0) items[index] = { ...items[index], ...item };
    }
    this.changed();
  }

  /** Forget what was loaded; replies on their way are dropped. */
  close() {
    this.#running.abort();
    this.#pages.clear();
  }
}
