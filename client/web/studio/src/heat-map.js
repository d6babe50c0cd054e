import { h } from "../../src/dom.js";
import { t } from "../../src/i18n.js";

const SIDE = 320; // of the canvas: a heat map has no detail
const STOPS = [[0, 40, 11, 84], [0.3, 120, 28, 109], [0.55, 207, 68, 70], [0.8, 251, 155, 6], [1, 252, 255, 164]];

/** Return a canvas that shows how many crops hold each place; clear where nobody cropped. */
export function heatMap(crops, [width, height]) {
  const scale = SIDE / Math.max(width, height);
  const canvas = h("canvas.heat-map", { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)), role: "img", "aria-label": t("stHeat") });
  const context = canvas.getContext("2d");
  context.filter = "blur(2px)";
  context.globalCompositeOperation = "lighter";
  context.fillStyle = `rgb(255 255 255 / ${Math.max(1 / 255, 1 / Math.max(1, most(crops)))})`;
  for (const [x1, y1, x2, y2] of crops) context.fillRect(x1 * scale, y1 * scale, (x2 - x1) * scale, (y2 - y1) * scale);
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  let hottest = 1;
  for (let at = 3; at < image.data.length; at += 4) hottest = Math.max(hottest, image.data[at]);
  for (let at = 0; at < image.data.length; at += 4) {
    const heat = image.data[at + 3] / hottest;
    const colour = shade(0.18 + 0.82 * heat);
    for (let channel = 0; channel < 3; channel += 1) image.data[at + channel] = colour[channel];
    image.data[at + 3] = 215 * heat ** 0.7;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** Return the most crops that hold one of their middles: about the height of the map. */
function most(crops) {
  const held = crops.map(([x1, y1, x2, y2]) => crops.filter(([a, b, c, d]) => a <= (x1 + x2) / 2 && c >= (x1 + x2) / 2 && b <= (y1 + y2) / 2 && d >= (y1 + y2) / 2).length);
  return Math.max(0, ...held);
}

function shade(value) {
  const above = Math.max(1, STOPS.findIndex(([stop]) => stop >= value));
  const [low, ...from] = STOPS[above - 1];
  const [high, ...to] = STOPS[above];
  return from.map((one, at) => Math.round(one + (to[at] - one) * Math.min(1, (value - low) / (high - low))));
}
