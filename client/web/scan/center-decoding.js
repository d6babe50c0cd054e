/** From the maps of the scan network (CenterNet, Zhou et al. 2019) to boxes; `whatsit_client.scan` computes the same. */

/** What `models/scan.json` says where it is silent. */
export const CONTRACT = Object.freeze({
  side: 320, // longer side of a frame on the canvas
  multiple: 32, // both sides of the canvas are multiples of it
  stride: 8,
  padding: 114,
  min_score: 0.3,
  window: 3, // only cells that are the highest of window x window cells count; 1 for every cell
  top: 50,
  iou: 0.5,
  boxes: 20,
  min_product: 0.3,
});

/** Return the size of the canvas for a frame, the frame's size on it, and the scale. */
export function canvasOf(width, height, contract = CONTRACT) {
  const scale = contract.side / Math.max(width, height);
  const inner = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const outer = inner.map((side) => Math.ceil(side / contract.multiple) * contract.multiple);
  return { width: outer[0], height: outer[1], innerWidth: inner[0], innerHeight: inner[1], scale };
}

/** Return the intersection over union of two boxes [x1, y1, x2, y2]. */
export function overlap(a, b) {
  const wide = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const tall = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - wide * tall;
  return union > 0 ? (wide * tall) / union : 0;
}

/** Return the cells of at least `least` that are no lower than the others of their window, the highest first. */
function findPeaks(heat, width, height, least, reach) {
  const peaks = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = heat[y * width + x];
      if (value >= least && isHighest(heat, width, height, x, y, reach)) peaks.push(y * width + x);
    }
  }
  return peaks.sort((a, b) => heat[b] - heat[a] || a - b);
}

function isHighest(heat, width, height, x, y, reach) {
  const value = heat[y * width + x];
  for (let row = Math.max(0, y - reach); row <= Math.min(height - 1, y + reach); row++) {
    for (let column = Math.max(0, x - reach); column <= Math.min(width - 1, x + reach); column++) {
      if (heat[row * width + column] > value) return false;
    }
  }
  return true;
}

/** Return the product class at a cell, 0 for none. */
function labelAt(heat, cells, channels, cell, least) {
  let label = 0;
  for (let channel = 1, best = -Infinity; channel < channels; channel++) {
    const value = heat[channel * cells + cell];
    if (value > best) {
      best = value;
      label = value >= least ? channel : 0;
    }
  }
  return label;
}

/**
 * Return the things in a frame, best first, as `[{box, score, label}]`; boxes in pixels of the frame.
 *
 * @param {{heat: Float32Array, size: Float32Array, offset: Float32Array, width: number, height: number}} maps - width and
 *   height are those of the maps; the heat has 1 + the number of product classes channels.
 * @param {number} scale - of the letterbox.
 */
export function decodeCenters(maps, contract, scale, frameWidth, frameHeight) {
  const { heat, size, offset, width, height } = maps;
  const cells = width * height;
  const least = Math.fround(contract.min_score);
  const kept = [];
  for (const cell of findPeaks(heat, width, height, least, contract.window >> 1).slice(0, contract.top)) {
    if (kept.length === contract.boxes) break;
    const x = Math.fround(Math.fround((cell % width) + offset[cell]) * contract.stride);
    const y = Math.fround(Math.fround(Math.floor(cell / width) + offset[cells + cell]) * contract.stride);
    const halfWidth = size[cell] / 2;
    const halfHeight = size[cells + cell] / 2;
    const box = [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight].map(Math.fround);
    if (kept.every((other) => overlap(box, other.box) <= contract.iou)) kept.push({ box, cell });
  }
  const clip = (value, limit) => Math.min(limit, Math.max(0, value / scale));
  return kept.map(({ box, cell }) => ({
    box: box.map((value, i) => clip(value, i % 2 ? frameHeight : frameWidth)),
    score: heat[cell],
    label: labelAt(heat, cells, heat.length / cells, cell, Math.fround(contract.min_product)),
  }));
}
