import { Api } from "../../src/api.js";

const json = (method, body, headers = {}) => ({ method, body: JSON.stringify(body ?? {}), headers: { "content-type": "application/json", ...headers } });
const path = (id) => `/items/${encodeURIComponent(id)}`;

export const FIRST_PAGE = { text: "", where: {}, sort: "added", limit: 100, offset: 0 };

/** Calls of the studio: what is here can be done by a script as well. */
export class StudioApi extends Api {
  reviewer = "";

  get #who() { return { reviewer: this.reviewer }; }

  overview(days, signal) { return this.json("/overview", { days }, { signal }); }

  // ---- items ----

  page(query, signal) { return this.json("/items", this.filtered({ details: true, ...query }), { signal }); }

  /** Return an item and the tag that a change of it must carry. */
  async itemWithTag(id) {
    const reply = await this.send(this.address(path(id)), {});
    return { item: await reply.json(), tag: reply.headers.get("etag") };
  }

  /** Replace an item's fields where it is as `tag` says; return the new tag. */
  async saveItem(id, fields, tag, picture) {
    const condition = tag ? { "if-match": tag } : { "if-none-match": "*" };
    let init = json("PUT", fields, condition);
    if (picture) {
      const body = new FormData();
      body.append("item", JSON.stringify(fields));
      body.append("image", picture, "photo.jpg");
      init = { method: "PUT", body, headers: condition };
    }
    const reply = await this.send(this.address(path(id), this.#who), init);
    return reply.headers.get("etag");
  }

  deleteItem(id) { return this.json(path(id), this.#who, { method: "DELETE" }); }

  restoreItem(id) { return this.json(`${path(id)}/restore`, this.#who, json("POST")); }

  itemHistory(id) { return this.json(`${path(id)}/history`); }

  // ---- review ----

  queues(signal) { return this.json("/review", {}, { signal }); }

  lease(queue, query, signal) { return this.json(`/review/${queue}/lease`, { ...this.#who, ...query }, { ...json("POST"), signal }); }

  renew(lease, seconds) { return this.json(`/review/leases/${lease}/renew`, { ...this.#who, seconds }, json("POST")); }

  /** Give the tasks of a lease back, also while the page closes. */
  returnLease(lease) { return this.json(`/review/leases/${lease}/return`, this.#who, { ...json("POST"), keepalive: true }); }

  decide(queue, lease, decisions, keepalive = false) {
    return this.json(`/review/${queue}/decide`, this.#who, { ...json("POST", { lease, decisions }), keepalive });
  }

  undo(what) { return this.json("/review/undo", this.#who, json("POST", what)); }

  batch(queue, query, signal) { return this.json(`/review/${queue}/batch`, query, { signal }); }

  decideBatch(queue, body) { return this.json(`/review/${queue}/batch`, this.#who, json("POST", body)); }

  scores(queue) { return this.json(`/review/${queue}/scores`); }

  refresh(queue) { return this.json(`/review/${queue}/refresh`, this.#who, json("POST")); }

  job(number) { return this.json(`/review/jobs/${number}`); }

  stopJob(number) { return this.json(`/review/jobs/${number}/stop`, this.#who, json("POST")); }

  decisions(query, signal) { return this.json("/review/decisions", query, { signal }); }

  agreement(queue) { return this.json("/review/agreement", { queue }); }

  setSample(share) { return this.json("/review/sample", this.#who, json("PUT", { share })); }

  // ---- imports ----

  /** Send a file; `progress` is called with the share that was sent. */
  upload(file, progress) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest(); // fetch reports no progress of what it sends
      request.open("POST", this.address("/imports", { ...this.#who, name: file.name }));
      if (this.key) request.setRequestHeader("authorization", `Bearer ${this.key}`);
      request.setRequestHeader("content-type", "application/octet-stream");
      request.responseType = "json";
      request.upload.onprogress = (event) => progress(event.loaded / (event.total || 1));
      request.onload = () => (request.status < 300 ? resolve(request.response) : reject(Object.assign(new Error(request.response?.detail || request.statusText), { status: request.status })));
      request.onerror = () => reject(Object.assign(new Error(""), { status: 0 }));
      request.send(file);
    });
  }

  previewImport(id, options) { return this.json(`/imports/${id}/preview`, {}, json("POST", options)); }

  runImport(id) { return this.json(`/imports/${id}/run`, this.#who, json("POST")); }

  importState(id) { return this.json(`/imports/${id}`); }

  stopImport(id) { return this.json(`/imports/${id}/stop`, this.#who, json("POST")); }

  dropImport(id) { return this.json(`/imports/${id}`, {}, { method: "DELETE" }); }

  /** Return a file of the server as a blob. */
  async file(address) { return (await this.send(this.address(address), {})).blob(); }
}
