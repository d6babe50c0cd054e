/** Detectors of a browser: the scan network in a worker, or the server's `detect`. */

import { canvasOf, CONTRACT } from "./center-decoding.js";

const MODELS = new URL("./models/", import.meta.url);
const JPEG_QUALITY = 0.8;
const SERVER_SIDE = 416; // the server's network sees no more

/** The scan network through onnxruntime-web, in a worker. `make web-detector` installs both. */
export class WorkerDetector {
  #worker;
  #waiting = new Map();
  #next = 1;
  #canvas = new OffscreenCanvas(32, 32);

  /** Start the worker; rejects where the network or the runtime cannot be loaded. */
  static async open(models = MODELS) {
    const reply = await fetch(new URL("scan.json", models));
    if (!reply.ok) throw new Error("The scan network is not installed: make web-detector.");
    const contract = { ...CONTRACT, ...(await reply.json()) };
    const detector = new WorkerDetector(contract);
    const file = contract.files?.web ?? contract.files?.onnx_int8 ?? contract.files?.onnx;
    await detector.#ask({ open: new URL(file, models).href, contract });
    return detector;
  }

  constructor(contract) {
    this.contract = contract;
    this.labels = contract.labels ?? ["object"];
    this.onEveryFrame = true;
    this.#worker = new Worker(new URL("./detector-worker.js", import.meta.url), { type: "module" });
    this.#worker.addEventListener("message", ({ data }) => this.#settle(data));
    this.#worker.addEventListener("error", (event) => this.#fail(event.message || "The worker cannot be loaded."));
  }

  /** Return the things in a video or canvas, best first: `[{box, score, label}]` in its pixels. */
  async detect(source) {
    const width = source.videoWidth ?? source.width;
    const height = source.videoHeight ?? source.height;
    const canvas = canvasOf(width, height, this.contract);
    if (this.#canvas.width !== canvas.width) this.#canvas.width = canvas.width;
    if (this.#canvas.height !== canvas.height) this.#canvas.height = canvas.height;
    const context = this.#canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    const { padding } = this.contract;
    context.fillStyle = `rgb(${padding} ${padding} ${padding})`;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(source, 0, 0, canvas.innerWidth, canvas.innerHeight);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    return this.#ask({ pixels: data.buffer, canvas, frame: { width, height } }, [data.buffer]);
  }

  /** Stop the worker. */
  close() {
    this.#worker.terminate();
    this.#fail("The detector was closed.");
  }

  #ask(message, transfer = []) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...message }, transfer);
    });
  }

  #settle({ id, result, error }) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(error));
    else waiting?.resolve(result);
  }

  #fail(reason) {
    for (const { reject } of this.#waiting.values()) reject(new Error(reason));
    this.#waiting.clear();
  }
}

/** The server's `detect`, for still frames only: each call sends a reduced JPEG of the frame. */
export class ServerDetector {
  /**
   * @param {string} url - of `/v1/detect`.
   * @param {Record<string, string>} headers - such as the key.
   */
  constructor(url = "/v1/detect", headers = {}) {
    this.url = url;
    this.headers = headers;
    this.onEveryFrame = false;
  }

  /** Return the things in a video or canvas, best first: `[{box, score, label}]` in its pixels. */
  async detect(source) {
    const width = source.videoWidth ?? source.width;
    const height = source.videoHeight ?? source.height;
    const scale = Math.min(1, SERVER_SIDE / Math.max(width, height));
    const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
    canvas.getContext("2d", { alpha: false }).drawImage(source, 0, 0, canvas.width, canvas.height);
    const body = await canvas.convertToBlob({ type: "image/jpeg", quality: JPEG_QUALITY });
    const reply = await fetch(this.url, { method: "POST", body, headers: this.headers });
    if (!reply.ok) throw new Error(`detect answered ${reply.status}.`);
    const { regions } = await reply.json();
    const things = regions.filter(({ label }) => label !== "image").map(({ box, score }) => ({
      box: box.map((side, i) => side * (i % 2 ? height / canvas.height : width / canvas.width)), score, label: 0,
    }));
    return things.sort((a, b) => b.score - a.score);
  }

  close() {}
}

/** Return the detector of this page: the network in a worker where it was installed, else the server's, else null. */
export async function openDetector({ models = MODELS, url = "", headers = {} } = {}) {
  try {
    return await WorkerDetector.open(models);
  } catch {
    return url ? new ServerDetector(url, headers) : null;
  }
}
