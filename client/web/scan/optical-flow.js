/**
 * Track corners from one grey frame to the next: pyramidal Lucas-Kanade (Bouguet 2001) on Shi-Tomasi corners (1994).
 *
 * `whatsit_client.scan` and `client/mobile/frame_selector.hpp` compute the same, and share the fixtures of
 * `client/mobile/fixtures`. A level is `{data, width, height}` with `data` a Float32Array of grey values, 0 to 255, row by row.
 */

const WINDOW = 3; // radius: 7 x 7 pixels
const STEPS = 4; // Newton steps a level
const MIN_EIGENVALUE = 10; // mean squared gradient in the weaker direction, grey levels squared
const MAX_RESIDUAL = 14; // mean grey difference that a tracked window may keep

/** Return a level of half the size, the mean of 2 x 2 pixels. */
export function halve({ data, width, height }) {
  const w = width >> 1;
  const h = height >> 1;
  const half = new Float32Array(w * h);
  for (let y = 0, to = 0; y < h; y++) {
    let from = 2 * y * width;
    for (let x = 0; x < w; x++, from += 2, to++) {
      half[to] = (data[from] + data[from + 1] + data[from + width] + data[from + width + 1]) / 4;
    }
  }
  return { data: half, width: w, height: h };
}

/**
 * Return the levels of a frame, the finest first.
 *
 * @param {ArrayLike<number>} gray - width * height grey values, 0 to 255.
 * @param {number} levels - how many; each has half the size of the one before.
 */
export function buildPyramid(gray, width, height, levels = 3) {
  const pyramid = [{ data: Float32Array.from(gray), width, height }];
  while (pyramid.length < levels) pyramid.push(halve(pyramid.at(-1)));
  return pyramid;
}

/**
 * Return the strongest corner of each cell of a grid, as x, y, x, y, ...; cells without a corner give none.
 *
 * @param {{data: Float32Array, width: number, height: number}} level
 * @param {number} count - the most points; the grid has about as many cells.
 * @param {number} margin - part of each side that is left out, 0 to 0.4: what matters is in the middle.
 */
export function findCorners(level, count = 80, margin = 0.1) {
  const { width, height } = level;
  const left = Math.max(WINDOW + 1, Math.round(width * margin));
  const top = Math.max(WINDOW + 1, Math.round(height * margin));
  const columns = Math.max(1, Math.round(Math.sqrt((count * (width - 2 * left)) / Math.max(1, height - 2 * top))));
  const rows = Math.max(1, Math.floor(count / columns));
  const best = new Float64Array(columns * rows).fill(MIN_EIGENVALUE);
  const where = new Int32Array(columns * rows).fill(-1);
  for (let y = top; y < height - top; y += 2) {
    const row = Math.floor(((y - top) * rows) / (height - 2 * top)) * columns;
    for (let x = left; x < width - left; x += 2) {
      const cell = row + Math.floor(((x - left) * columns) / (width - 2 * left));
      const strength = cornerStrength(level.data, width, y * width + x);
      if (strength > best[cell]) {
        best[cell] = strength;
        where[cell] = y * width + x;
      }
    }
  }
  const found = where.filter((at) => at >= 0);
  const points = new Float32Array(2 * found.length);
  found.forEach((at, i) => points.set([at % width, Math.floor(at / width)], 2 * i));
  return points;
}

/** Return the smaller eigenvalue of the mean gradient matrix of 3 x 3 pixels around an offset. */
function cornerStrength(data, width, centre) {
  let xx = 0;
  let xy = 0;
  let yy = 0;
  for (let row = centre - width; row <= centre + width; row += width) {
    for (let at = row - 1; at <= row + 1; at++) {
      const gx = (data[at + 1] - data[at - 1]) / 2;
      const gy = (data[at + width] - data[at - width]) / 2;
      xx += gx * gx;
      xy += gx * gy;
      yy += gy * gy;
    }
  }
  return (xx + yy - Math.sqrt((xx - yy) * (xx - yy) + 4 * xy * xy)) / 18;
}

const SIDE = 2 * WINDOW + 1;
const patch = new Float64Array(SIDE * SIDE);
const gradientX = new Float64Array(SIDE * SIDE);
const gradientY = new Float64Array(SIDE * SIDE);

/** Fill the patch of the first frame around x, y; return its gradient matrix and mean, or null at the border. */
function readPatch({ data, width, height }, x, y) {
  const left = Math.floor(x);
  const top = Math.floor(y);
  if (left < WINDOW + 1 || top < WINDOW + 1 || left + WINDOW + 2 >= width || top + WINDOW + 2 >= height) return null;
  const fx = x - left;
  const fy = y - top;
  const at = (i) => {
    const upper = data[i] + fx * (data[i + 1] - data[i]);
    const lower = data[i + width] + fx * (data[i + width + 1] - data[i + width]);
    return upper + fy * (lower - upper);
  };
  const matrix = { xx: 0, xy: 0, yy: 0, mean: 0 };
  for (let row = -WINDOW, k = 0; row <= WINDOW; row++) {
    let i = (top + row) * width + left - WINDOW;
    for (let column = 0; column < SIDE; column++, k++, i++) {
      patch[k] = at(i);
      const gx = (at(i + 1) - at(i - 1)) / 2;
      const gy = (at(i + width) - at(i - width)) / 2;
      gradientX[k] = gx;
      gradientY[k] = gy;
      matrix.xx += gx * gx;
      matrix.xy += gx * gy;
      matrix.yy += gy * gy;
      matrix.mean += patch[k];
    }
  }
  matrix.mean /= SIDE * SIDE;
  return matrix;
}

const other = new Float64Array(SIDE * SIDE);

/** Fill the patch of the second frame; return its mean, or null at the border. */
function readOther({ data, width, height }, x, y) {
  const left = Math.floor(x);
  const top = Math.floor(y);
  if (!(left >= WINDOW && top >= WINDOW && left + WINDOW + 1 < width && top + WINDOW + 1 < height)) return null;
  const fx = x - left;
  const fy = y - top;
  let sum = 0;
  for (let row = -WINDOW, k = 0; row <= WINDOW; row++) {
    let i = (top + row) * width + left - WINDOW;
    for (let column = 0; column < SIDE; column++, k++, i++) {
      const upper = data[i] + fx * (data[i + 1] - data[i]);
      const lower = data[i + width] + fx * (data[i + width + 1] - data[i + width]);
      other[k] = upper + fy * (lower - upper);
      sum += other[k];
    }
  }
  return sum / (SIDE * SIDE);
}

/** Refine the shift of one point on one level; return the mean grey difference that is left, or null where it is lost. */
function refine(before, after, x, y, shift) {
  const matrix = readPatch(before, x, y);
  if (!matrix) return null;
  const determinant = matrix.xx * matrix.yy - matrix.xy * matrix.xy;
  if (determinant < 1) return null;
  let residual = null;
  for (let step = 0; step <= STEPS; step++) {
    const mean = readOther(after, x + shift.x, y + shift.y);
    if (mean === null) return null;
    let bx = 0;
    let by = 0;
    residual = 0;
    // Means are taken off: a camera that changes its exposure does not move.
    for (let k = 0; k < patch.length; k++) {
      const difference = patch[k] - matrix.mean - (other[k] - mean);
      bx += difference * gradientX[k];
      by += difference * gradientY[k];
      residual += Math.abs(difference);
    }
    residual /= patch.length;
    if (step === STEPS) break;
    const dx = (matrix.yy * bx - matrix.xy * by) / determinant;
    const dy = (matrix.xx * by - matrix.xy * bx) / determinant;
    shift.x += dx;
    shift.y += dy;
    if (dx * dx + dy * dy < 1e-3) break;
  }
  return residual;
}

/**
 * Track points from one frame into the next.
 *
 * @param {Array} before - pyramid of the first frame.
 * @param {Array} after - pyramid of the second frame, of the same size.
 * @param {Float32Array} points - x, y, x, y, ... on the finest level.
 * @returns {Float32Array} dx, dy, dx, dy, ... in pixels of the finest level; NaN where a point was lost.
 */
export function trackPoints(before, after, points) {
  const flow = new Float64Array(points.length).fill(NaN);
  for (let i = 0; i < points.length; i += 2) {
    const shift = { x: 0, y: 0 };
    let residual = null;
    for (let level = before.length - 1; level >= 0; level--) {
      const scale = 1 / (1 << level);
      const start = { ...shift };
      residual = refine(before[level], after[level], points[i] * scale, points[i + 1] * scale, shift);
      if (residual === null) Object.assign(shift, start); // too near to the border of this level
      if (level) {
        shift.x *= 2;
        shift.y *= 2;
      }
    }
    if (residual !== null && residual <= MAX_RESIDUAL) flow.set([shift.x, shift.y], i);
  }
  return flow;
}

/** Return the median length of a flow in pixels, its median x and y, and how many of its points were tracked. */
export function medianMotion(flow) {
  const lengths = [];
  const across = [];
  const down = [];
  for (let i = 0; i < flow.length; i += 2) {
    if (Number.isNaN(flow[i])) continue;
    across.push(flow[i]);
    down.push(flow[i + 1]);
    lengths.push(Math.sqrt(flow[i] * flow[i] + flow[i + 1] * flow[i + 1]));
  }
  const median = (values) => (values.length ? values.sort((a, b) => a - b)[values.length >> 1] : 0);
  return { motion: median(lengths), dx: median(across), dy: median(down), tracked: lengths.length };
}
