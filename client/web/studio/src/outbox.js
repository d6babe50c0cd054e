// Decisions that the server has not confirmed, in IndexedDB of this browser: a closed tab loses none.
import { forget } from "./own-leases.js";
import { hasEnded, ownPage, untilEnded } from "./page-lock.js";

const RETRY = 1500; // ms, doubled up to 30 s
const MOST = 100; // decisions of a request

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("whatsit-studio", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("decisions", { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * Send decisions in the background, in order, until the server has confirmed them.
 *
 * An entry is {id, made, queue, lease, place, decision, page}; `place` is the catalogue's prefix, `page` the one that sends it.
 * `answered(entry, result)` is called for each result, `changed(waiting, problem)` whenever the number of waiting decisions or
 * the state of the server changes.
 */
export class Outbox {
  #entries = new Map();
  #held = null; // a skip, which can be taken back until the next decision
  #database = null;
  #sending = null;
  #wait = RETRY;
  #timer = 0;
  #ending = new Map(); // lease that is given back after its decisions -> who waits for that

  constructor(api, { answered, changed }) {
    Object.assign(this, { api, answered, changed });
    this.ready = opened().then((database) => { this.#database = database; return this.#left(); }, () => {});
    addEventListener("online", () => this.#soon(0));
    addEventListener("pagehide", () => this.#leave());
  }

  get waiting() { return this.#entries.size; }

  /** Return whether decisions of a lease are on their way. */
  uses(lease) { return [...this.#entries.values()].some((entry) => entry.lease === lease); }

  /** Keep a decision and send it; `hold` keeps a skip back until the next one. */
  add(entry, hold = false) {
    this.#release();
    this.#entries.set(entry.id, entry);
    this.#keep({ ...entry, page: ownPage });
    if (hold) this.#held = entry.id;
    else this.#soon(0);
    this.changed(this.waiting, "");
  }

  /** Take back a decision that was not sent; false where it was. */
  withdraw(id) {
    if (!this.#entries.has(id) || this.#sending?.includes(id)) return false;
    if (this.#held === id) this.#held = null;
    this.#forget(id);
    this.#giveBackSent();
    this.changed(this.waiting, "");
    return true;
  }

  /** Send what is held back, too. */
  flush() {
    this.#release();
    this.#soon(0);
  }

  /** Give a lease back after its decisions; resolves then, or once the server does not answer. */
  giveBack(lease) {
    if (this.uses(lease)) return new Promise((resolve) => { this.#ending.set(lease, [...(this.#ending.get(lease) || []), resolve]); });
    this.#ending.delete(lease);
    return this.api.returnLease(lease).then(() => forget(lease), () => {});
  }

  #giveBackSent() {
    for (const [lease, waiting] of this.#ending) if (!this.uses(lease)) this.giveBack(lease).then(() => waiting.forEach((resolve) => resolve()));
  }

  #release() { this.#held = null; }

  #store(work) {
    try {
      const transaction = this.#database?.transaction("decisions", "readwrite", { durability: "relaxed" });
      const request = work(transaction?.objectStore("decisions"));
      transaction?.commit?.(); // at once: a tab that closes before the request's event would take an open transaction along
      return request;
    } catch {
      return undefined; // a browser without storage keeps decisions in memory alone
    }
  }

  #keep(entry) { this.#store((store) => store?.put(entry)); }

  #forget(id) {
    this.#entries.delete(id);
    this.#store((store) => store?.delete(id));
  }

  /** Send what pages that ended left; return how many decisions that are. What another tab still sends or may take back is its own. */
  async #left() {
    const request = this.#store((store) => store?.getAll());
    if (!request) return undefined;
    const stored = await new Promise((resolve) => { request.onsuccess = () => resolve(request.result); request.onerror = () => resolve([]); });
    const others = stored.filter((entry) => entry.place === this.api.prefix && entry.page !== ownPage && !this.#entries.has(entry.id));
    const ended = new Map(await Promise.all([...new Set(others.map((entry) => entry.page))].map(async (page) => [page, await hasEnded(page)])));
    for (const [page, over] of ended) if (!over) untilEnded(page).then(() => this.#left());
    const left = others.filter((entry) => ended.get(entry.page)).sort((one, other) => one.made - other.made);
    for (const entry of left) this.#entries.set(entry.id, entry);
    if (left.length) this.#soon(0);
    this.changed(this.waiting, "");
    return left.length;
  }

  #soon(delay) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), delay);
  }

  #next() {
    const ready = [...this.#entries.values()].filter((entry) => entry.id !== this.#held);
    const first = ready[0];
    return first ? ready.filter((entry) => entry.queue === first.queue && entry.lease === first.lease).slice(0, MOST) : [];
  }

  async #send() {
    const group = this.#sending ? [] : this.#next();
    if (!group.length) return;
    this.#sending = group.map((entry) => entry.id);
    try {
      const { results, open } = await this.api.decide(group[0].queue, group[0].lease, group.map((entry) => entry.decision));
      this.#sending = null;
      this.#wait = RETRY;
      for (const entry of group) {
        this.#forget(entry.id);
        const result = results.find((one) => one.task === entry.decision.task) || { outcome: "lost" };
        this.answered(entry, result, open);
      }
      this.#giveBackSent();
      this.changed(this.waiting, "");
      this.#soon(0);
    } catch (error) {
      this.#sending = null;
      const again = [0, 401, 408, 409, 425, 429].includes(error.status) || error.status >= 500;
      if (again) {
        this.changed(this.waiting, error.message || "offline");
        for (const resolve of [...this.#ending.values()].flat()) resolve();
        this.#soon(this.#wait);
        this.#wait = Math.min(30_000, 2 * this.#wait);
      } else { // refused as a whole: nothing of it can ever be accepted
        for (const entry of group) {
          this.#forget(entry.id);
          this.answered(entry, { outcome: "refused", detail: error.message });
        }
        this.#giveBackSent();
        this.changed(this.waiting, "");
        this.#soon(0);
      }
    }
  }

  /** Send all while the page closes; what does not arrive is still kept and sent by the next page. */
  #leave() {
    this.#release();
    const groups = new Map();
    for (const entry of this.#entries.values()) groups.set(entry.lease, [...(groups.get(entry.lease) || []), entry]);
    for (const group of groups.values()) {
      this.api.decide(group[0].queue, group[0].lease, group.map((entry) => entry.decision), true).catch(() => {});
    }
  }
}
