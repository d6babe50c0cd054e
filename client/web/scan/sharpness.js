/** Sharpness and exposure of a grey frame. */

const REACH = 3; // an edge is looked at over 2 * REACH pixels
const RISE = 24; // grey levels that make an edge, above the noise of cameras
const MIN_EDGES = 0.002; // part of the pixels that must be edges: less is an empty wall

/**
 * Return how steep the edges of a frame are and how bright it is.
 *
 * The sharpness is the mean, over all edges across and down, of the steepest step from pixel to pixel divided by the whole
 * rise: the reciprocal of the width of an edge. It hardly depends on contrast or on how many edges there are, so one
 * threshold serves all scenes. 1 is an edge of one pixel, 0.17 a ramp; 0 stands for a frame without edges.
 *
 * @param {ArrayLike<number>} gray - width * height grey values, 0 to 255.
 * @param {number} margin - part of each side that is left out, 0 to 0.4.
 * @returns {{sharpness: number, brightness: number, clipped: number}} sharpness 0 to 1, mean grey value 0 to 255, part of
 *   the pixels that are white, 0 to 1.
 */
export function measureSharpness(gray, width, height, margin = 0.1) {
  const left = Math.max(REACH, Math.round(width * margin));
  const top = Math.max(REACH, Math.round(height * margin));
  let steepness = 0;
  let edges = 0;
  let sum = 0;
  let white = 0;
  for (let y = top; y < height - top; y++) {
    for (let at = y * width + left, end = (y + 1) * width - left; at < end; at++) {
      sum += gray[at];
      if (gray[at] >= 250) white++;
      const across = Math.abs(gray[at + REACH] - gray[at - REACH]);
      if (across >= RISE) {
        steepness += steepest(gray, at, 1) / across;
        edges++;
      }
      const down = Math.abs(gray[at + REACH * width] - gray[at - REACH * width]);
      if (down >= RISE) {
        steepness += steepest(gray, at, width) / down;
        edges++;
      }
    }
  }
  const pixels = Math.max(1, (width - 2 * left) * (height - 2 * top));
  return {
    sharpness: edges >= MIN_EDGES * pixels ? Math.min(1, steepness / edges) : 0,
    brightness: sum / pixels,
    clipped: white / pixels,
  };
}

/** Return the largest step from pixel to pixel along an edge, at most the whole rise. */
function steepest(gray, centre, stride) {
  let largest = 0;
  for (let at = centre - REACH * stride; at < centre + REACH * stride; at += stride) {
    const step = Math.abs(gray[at + stride] - gray[at]);
    if (step > largest) largest = step;
  }
  return Math.min(largest, Math.abs(gray[centre + REACH * stride] - gray[centre - REACH * stride]));
}
