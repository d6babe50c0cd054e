/** Runs the scan network; `WorkerDetector` talks to it. onnxruntime-web lies in `vendor/` (`make web-detector`). */

import * as ort from "./vendor/ort.wasm.min.mjs";
import { decodeCenters } from "./center-decoding.js";

ort.env.wasm.wasmPaths = new URL("./vendor/", import.meta.url).href;
ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? Math.min(2, navigator.hardwareConcurrency) : 1;
ort.env.wasm.proxy = false;

let session = null;
let contract = null;

/** Return the planes of an RGBA canvas, [1, 3, height, width]. */
function planes(pixels, width, height) {
  const cells = width * height;
  const data = new Uint8Array(3 * cells);
  for (let i = 0, k = 0; i < cells; i++, k += 4) {
    data[i] = pixels[k];
    data[cells + i] = pixels[k + 1];
    data[2 * cells + i] = pixels[k + 2];
  }
  return new ort.Tensor("uint8", data, [1, 3, height, width]);
}

async function detect({ pixels, canvas, frame }) {
  const images = planes(new Uint8ClampedArray(pixels), canvas.width, canvas.height);
  const { heat, size, offset } = await session.run({ images });
  const [height, width] = heat.dims.slice(2);
  const maps = { heat: heat.data, size: size.data, offset: offset.data, width, height };
  return decodeCenters(maps, contract, canvas.scale, frame.width, frame.height);
}

self.addEventListener("message", async ({ data }) => {
  try {
    let result = null;
    if (data.open) {
      contract = data.contract;
      session = await ort.InferenceSession.create(data.open, { executionProviders: ["wasm"] });
    } else {
      result = await detect(data);
    }
    self.postMessage({ id: data.id, result });
  } catch (error) {
    self.postMessage({ id: data.id, error: String(error?.message ?? error) });
  }
});
