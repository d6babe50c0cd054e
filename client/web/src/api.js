/** A refused or failed request: `status` 0 where the server was not reached. */
export class ApiError extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

/** Return the error of a reply that did not come whole: a request that was cancelled is no failure of the server. */
const unreached = (error) => (error.name === "AbortError" ? error : new ApiError(0, ""));

/** Calls of the REST API under /v1. */
export class Api {
  /**
   * @param {string} [key] - API key, "" for none
   * @param {string} [catalogue] - name, "" for the default one
   */
  constructor(key = "", catalogue = "") {
    this.key = key;
    this.catalogue = catalogue;
    this.pictures = new Map();
  }

  get prefix() {
    return this.catalogue ? `/v1/c/${encodeURIComponent(this.catalogue)}` : "/v1";
  }

  session(signal) { return this.json("/session", {}, { signal }); }

  /** Identify what is in a picture; see POST /v1/identify. */
  async identify(picture, options, signal) {
    const { boxes, where, ...rest } = options;
    const query = { ...rest, boxes: boxes && JSON.stringify(boxes), where: where && JSON.stringify(where) };
    const headers = { "content-type": "application/octet-stream" };
    const reply = await this.json("/identify", query, { method: "POST", body: picture, headers, signal });
    if (!Array.isArray(reply?.regions)) throw new ApiError(0, "");
    return reply;
  }

  items(query, signal) { return this.json("/items", this.filtered(query), { signal }); }

  facets(query, signal) { return this.json("/facets", this.filtered(query), { signal }); }

  item(id, signal) { return this.json(`/items/${encodeURIComponent(id)}`, {}, { signal }); }

  similar(id, limit, signal) { return this.json(`/items/${encodeURIComponent(id)}/similar`, { limit }, { signal }); }

  scenes(id, limit, signal) { return this.json(`/items/${encodeURIComponent(id)}/scenes`, { limit }, { signal }); }

  /** Add an item, or replace its fields. */
  putItem(id, fields, picture) {
    const form = new FormData();
    form.append("item", JSON.stringify(fields));
    if (picture) form.append("image", picture, "photo.jpg");
    return this.json(`/items/${encodeURIComponent(id)}`, {}, { method: "PUT", body: form, headers: { "if-none-match": "*" } });
  }

  /** Record feedback; the reply's `feedback` takes it back. */
  feedback(picture, query) {
    const headers = { "content-type": "application/octet-stream" };
    const box = query.box && JSON.stringify(query.box);
    return this.json("/feedback", { ...query, box }, { method: "POST", body: picture, headers });
  }

  withdraw(token) { return this.json(`/feedback/${token}`, {}, { method: "DELETE" }); }

  /**
   * Return a URL that an <img> can show. Without a key the server's own; with one the picture is fetched, since an
   * <img> sends no key.
   */
  async picture(url, side) {
    const full = side ? `${url}${url.includes("?") ? "&" : "?"}side=${side}` : url;
    if (!this.key || !full.startsWith("/")) return full;
    if (!this.pictures.has(full)) {
      const made = this.send(full, {}).then((reply) => reply.blob()).then((blob) => URL.createObjectURL(blob));
      this.pictures.set(full, made);
      made.catch(() => this.pictures.delete(full));
      if (this.pictures.size > 300) this.#drop();
    }
    return this.pictures.get(full);
  }

  #drop() {
    const [oldest, made] = this.pictures.entries().next().value;
    this.pictures.delete(oldest);
    made.then((url) => URL.revokeObjectURL(url), () => {});
  }

  filtered({ where, ...rest }) {
    return { ...rest, where: where && Object.keys(where).length ? JSON.stringify(where) : undefined };
  }

  /** Return the JSON of a path under /v1; null where the reply has no body. */
  async json(path, query = {}, init = {}) {
    const reply = await this.send(this.address(path, query), init);
    if (reply.status === 204) return null;
    try {
      return await reply.json();
    } catch (error) {
      throw unreached(error);
    }
  }

  /** Return the address of a path under /v1, without the query's empty values. */
  address(path, query = {}) {
    const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== ""));
    return `${this.prefix}${path}${asked.size ? `?${asked}` : ""}`;
  }

  /** Return the reply of an address, with the key; throw `ApiError` where it is refused. */
  async send(url, init) {
    const headers = { ...init.headers, ...(this.key ? { authorization: `Bearer ${this.key}` } : {}) };
    let reply;
    try {
      reply = await fetch(url, { ...init, headers, credentials: "omit" });
    } catch (error) {
      throw unreached(error);
    }
    if (reply.ok) return reply;
    const problem = await reply.json().catch((error) => { if (error.name === "AbortError") throw error; return {}; });
    throw new ApiError(reply.status, problem.detail || reply.statusText || String(reply.status));
  }
}
