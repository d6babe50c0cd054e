import { h } from "../../src/dom.js";
import { language, number, percent, t } from "../../src/i18n.js";

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 40;
const LABEL = 54; // width of a day under the bars, pixels
const BOTTOM = 24;
const TOP = 10;

function s(tag, given = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(given)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Return an element whose SVG is drawn again for each width. */
function responsive(style, height, label, draw) {
  const box = h(`div.chart.${style}`, { role: "img", "aria-label": label });
  let width = 0;
  new ResizeObserver(() => {
    if (!box.clientWidth || box.clientWidth === width) return;
    width = box.clientWidth;
    box.querySelector("svg")?.remove();
    box.prepend(draw(s("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }), width, height));
  }).observe(box);
  return box;
}

/** Return steps of an axis from 0 to at least `most`. */
export function ticks(most, count = 4) {
  const raw = Math.max(1, most) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = Math.max(1, [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= raw));
  return Array.from({ length: Math.ceil(Math.max(1, most) / step) + 1 }, (_, at) => at * step);
}

const day = (text, style) => new Intl.DateTimeFormat(language, { ...style, timeZone: "UTC" }).format(new Date(`${text}T00:00:00Z`));

/**
 * Return a chart of stacked bars, one a day.
 *
 * @param {Object[]} days - {day: "2026-11-28", [part]: number}
 * @param {Object[]} parts - {name, label, hue}
 */
export function dayChart(title, days, parts) {
  const sums = days.map((one) => parts.reduce((sum, part) => sum + (one[part.name] || 0), 0));
  const axis = ticks(Math.max(0, ...sums));
  const tip = h("div.tip", { hidden: true });
  const draw = (svg, width, height) => {
    const high = height - BOTTOM - TOP;
    const y = (value) => TOP + high * (1 - value / axis.at(-1));
    for (const value of axis) {
      svg.append(s("line", { x1: LEFT, x2: width, y1: y(value), y2: y(value), class: value ? "grid" : "base" }));
      const text = s("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" });
      text.textContent = number(value);
      svg.append(text);
    }
    const step = (width - LEFT) / days.length;
    const bar = Math.min(34, Math.max(2, step * 0.62));
    const named = Math.max(1, Math.ceil(LABEL / step));
    days.forEach((one, at) => {
      const x = LEFT + step * at + (step - bar) / 2;
      let below = 0;
      for (const part of parts) {
        const value = one[part.name] || 0;
        if (!value) continue;
        const top = y(below + value);
        svg.append(s("rect", { x, y: top, width: bar, height: Math.max(1, y(below) - top - 1), rx: Math.min(3, bar / 3), fill: part.hue }));
        below += value;
      }
      if ((days.length - 1 - at) % named === 0) {
        const text = s("text", { x: Math.min(x + bar / 2, width - LABEL / 2), y: height - 6, "text-anchor": "middle" });
        text.textContent = day(one.day, { day: "numeric", month: "short" });
        svg.append(text);
      }
    });
    svg.addEventListener("pointermove", (event) => {
      const at = Math.floor((event.clientX - svg.getBoundingClientRect().left - LEFT) / step);
      const one = days[at];
      tip.hidden = !one;
      if (!one) return;
      tip.replaceChildren(h("b", { text: day(one.day, { weekday: "short", day: "numeric", month: "long" }) }),
        ...parts.map((part) => h("span", {}, h("i", { "--hue": part.hue }), h("span", { text: part.label }), h("b", { text: number(one[part.name] || 0) }))));
      tip.style.left = `${Math.min(width - 90, Math.max(90, LEFT + step * (at + 0.5)))}px`;
    });
    svg.addEventListener("pointerleave", () => { tip.hidden = true; });
    return svg;
  };
  const chart = responsive("days", 220, title, draw);
  chart.append(tip);
  return h("figure", {}, chart, legend(parts.map((part) => ({ ...part, value: days.reduce((sum, one) => sum + (one[part.name] || 0), 0) }))), table(title, days, parts));
}

/** Return the chart's numbers as a table for screen readers. */
function table(title, days, parts) {
  return h("table.unseen", {}, h("caption", { text: title }), h("thead", {}, h("tr", {}, h("th", { text: t("stDay") }), ...parts.map((part) => h("th", { text: part.label })))),
    h("tbody", {}, ...days.map((one) => h("tr", {}, h("th", { text: day(one.day, { dateStyle: "medium" }) }), ...parts.map((part) => h("td", { text: number(one[part.name] || 0) }))))));
}

function legend(parts) {
  return h("ul.legend", {}, ...parts.map((part) => h("li", {}, h("i", { "--hue": part.hue }), h("span", { text: part.label }), h("b", { text: number(part.value) }))));
}

/** Return a ring of shares with a number in it. */
export function ring(title, parts, middle) {
  const whole = parts.reduce((sum, part) => sum + part.value, 0);
  const radius = 54;
  const round = 2 * Math.PI * radius;
  let begin = 0;
  const arcs = parts.filter((part) => part.value).map((part) => {
    const length = (part.value / whole) * round;
    const gap = parts.filter((one) => one.value).length > 1 ? 2 : 0;
    const arc = s("circle", { r: radius, cx: 70, cy: 70, fill: "none", stroke: part.hue, "stroke-width": 16, "stroke-dasharray": `${Math.max(0.5, length - gap)} ${round}`, "stroke-dashoffset": -begin, transform: "rotate(-90 70 70)" });
    begin += length;
    return arc;
  });
  const text = s("text", { x: 70, y: 68, "text-anchor": "middle", class: "middle" });
  text.textContent = middle.value;
  const under = s("text", { x: 70, y: 88, "text-anchor": "middle" });
  under.textContent = middle.label;
  const said = parts.map((part) => `${part.label} ${percent(whole ? part.value / whole : 0)}`).join(", ");
  return h("figure.ring", {}, h("div.chart", { role: "img", "aria-label": `${title}: ${said}` },
    s("svg", { viewBox: "0 0 140 140", width: 168, height: 168, "aria-hidden": "true" }, s("circle", { r: radius, cx: 70, cy: 70, fill: "none", class: "track", "stroke-width": 16 }), ...arcs, text, under)), legend(parts));
}
