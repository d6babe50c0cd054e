import { remember, returnEarlier } from "./own-leases.js";

const AHEAD = 5; // tasks below which more are leased
const [LEAST, MOST] = [8, 20]; // tasks of a lease; few of a short queue, so that others find some, too
const SECONDS = 300; // of a lease
const RENEW = 100_000; // ms

/**
 * One person's way through a queue: tasks leased ahead, decisions sent in the background, undo.
 *
 * `changed()` is called whenever what is to be shown differs; `notice(kind, detail)` for what the person should know:
 * "lost", "gone", "refused", "undo-skip", "failed".
 */
export class ReviewSession {
  tasks = []; // the first is shown
  done = []; // of this session, the latest last: {task, decision, id, result}
  open = null;
  empty = false;
  problem = null;
  lost = 0;
  #leasing = null;
  #asked = null; // the lease that is asked for
  #ended = false;
  #released = false;

  constructor(api, outbox, queue, { order, changed, notice, preload }) {
    Object.assign(this, { api, outbox, queue, order, changed, notice, preload });
    this.begun = performance.now();
    this.timer = setInterval(() => this.#renew(), RENEW);
    this.leave = () => this.#leave();
    this.shown = (event) => { if (event.persisted) this.restart(); };
    addEventListener("pagehide", this.leave);
    addEventListener("pageshow", this.shown);
    this.#fill();
  }

  get current() { return this.tasks[0] || null; }

  get loading() { return !this.current && !this.empty && !this.problem; }

  /** Decide the task that is shown; the next one is shown at once. */
  decide(verdict, more = {}) {
    const task = this.tasks.shift();
    if (!task) return;
    const decision = { task: task.task, verdict, ...more };
    const entry = { id: crypto.randomUUID?.() || `${Date.now()}-${Math.random()}`, made: performance.timeOrigin + performance.now(), place: this.api.prefix, queue: this.queue, lease: task.lease, decision };
    this.done.push({ task, decision, id: entry.id, result: null });
    this.outbox.add(entry, verdict === "skip");
    this.changed();
    this.#fill();
  }

  /** Show the last decided task again and take its decision back. */
  async undo() {
    const last = this.done.at(-1);
    if (!last || this.undoing) return;
    this.undoing = true;
    try {
      if (this.outbox.withdraw(last.id)) this.#back(last.task);
      else {
        await this.#answer(last);
        const { outcome, decision } = last.result;
        if (outcome === "skipped") return this.notice("undo-skip");
        if (["lost", "gone", "refused"].includes(outcome)) return void this.done.pop();
        const reply = await this.api.undo(decision === null || decision === undefined ? { task: last.task.task, lease: last.task.lease } : { decision });
        if (typeof this.open === "number" && outcome !== "second") this.open += 1;
        if (reply.lease) remember(reply.lease);
        this.#back({ ...(reply.task_record || last.task), lease: reply.lease || last.task.lease });
      }
      this.done = this.done.filter((one) => one !== last);
    } catch (error) {
      this.notice("failed", error.message);
    } finally {
      this.undoing = false;
      this.changed();
    }
  }

  #back(task) {
    if (this.#ended) return void this.outbox.giveBack(task.lease);
    this.tasks.unshift(task);
    this.empty = false;
  }

  #answer(entry) {
    if (entry.result) return Promise.resolve();
    return new Promise((resolve) => { entry.resolve = resolve; this.outbox.flush(); });
  }

  /** Take the server's word on a decision. */
  answered(entry, result, open) {
    if (entry.queue !== this.queue) return;
    if (typeof open === "number") this.open = open;
    const own = this.done.find((one) => one.id === entry.id);
    if (own) own.result = result;
    own?.resolve?.();
    if (result.outcome === "lost") {
      this.lost += 1;
      this.notice("lost");
    } else if (result.outcome === "gone") {
      this.notice("gone", result.detail);
    } else if (result.outcome === "refused") {
      this.notice("refused", result.detail);
      if (own) {
        this.done = this.done.filter((one) => one !== own);
        this.tasks.splice(1, 0, own.task); // after the one that is being looked at
        this.empty = false;
      }
    }
    this.changed();
  }

  async #fill() {
    if (this.#leasing || this.#ended || this.#released || this.tasks.length > AHEAD) return;
    const leasing = new AbortController();
    const asked = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    [this.#leasing, this.#asked] = [leasing, asked];
    try {
      await returnEarlier((lease) => this.outbox.giveBack(lease));
      if (this.#asked !== asked) return;
      remember(asked);
      const reply = await this.api.lease(this.queue, { lease: asked, count: Math.min(MOST, Math.max(LEAST, Math.round((this.open ?? 0) / 10))), seconds: SECONDS, order: this.order }, leasing.signal);
      if (this.#asked !== asked) return; // given back meanwhile
      const known = new Set([...this.tasks.map((one) => one.task), ...this.done.filter((one) => !one.result).map((one) => one.task.task)]);
      const fresh = reply.tasks.filter((task) => !known.has(task.task)).map((task) => ({ ...task, lease: reply.lease }));
      this.tasks.push(...fresh);
      this.open = reply.open;
      this.empty = !this.tasks.length;
      this.problem = null;
      this.preload(fresh);
    } catch (error) {
      if (error.name === "AbortError" || this.#asked !== asked) return;
      if (!this.tasks.length) this.problem = error;
    } finally {
      if (this.#leasing === leasing) this.#leasing = this.#asked = null;
    }
    this.changed();
  }

  /** Look for tasks again. */
  retry() {
    this.empty = false;
    this.problem = null;
    this.changed();
    this.#fill();
  }

  /** Begin again with another order, or after the page came back. */
  restart(order = this.order) {
    if (this.#ended) return;
    this.order = order;
    this.#released = false;
    this.#giveBack();
    this.tasks = [];
    this.#leasing = null;
    this.retry();
  }

  async #renew() {
    for (const lease of new Set(this.tasks.map((task) => task.lease))) {
      try {
        const { tasks } = await this.api.renew(lease, SECONDS);
        const gone = this.tasks.filter((task) => task.lease === lease && !tasks.includes(task.task));
        if (!gone.length) continue;
        this.tasks = this.tasks.filter((task) => !gone.includes(task));
        this.lost += gone.length;
        this.notice("lost");
        this.changed();
        this.#fill();
      } catch {
        // The next renewal comes before the lease ends; a server that is away forgets no lease.
      }
    }
  }

  /** Give all tasks back, also those that are asked for: an answer that comes later is of no use. */
  #giveBack() {
    this.outbox.flush(); // leases are given back after the decisions on their tasks, skips among them
    const leases = new Set(this.tasks.map((task) => task.lease));
    if (this.#asked) leases.add(this.#asked);
    this.#asked = null;
    this.#leasing?.abort();
    return Promise.all([...leases].map((lease) => this.outbox.giveBack(lease)));
  }

  /** Give the tasks back until `restart`, so that a batch may decide them, too; false where they are, or the view ended. */
  async release() {
    if (this.#released) return false;
    this.#released = true;
    const given = this.#giveBack();
    this.tasks = [];
    this.changed();
    await given;
    return !this.#ended;
  }

  #leave() { this.#giveBack(); }

  /** End: give tasks back. */
  end() {
    this.#ended = true;
    this.#giveBack();
    this.tasks = []; // a dialog that is still open decides none
    clearInterval(this.timer);
    removeEventListener("pagehide", this.leave);
    removeEventListener("pageshow", this.shown);
  }
}
