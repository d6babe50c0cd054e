/**
 * Make an element. Values are set as attributes and text, never as markup.
 *
 * @param {string} tag - name, with classes: "div.card.wide"
 * @param {Object} [given] - attributes; `on…` are listeners, `text` is the text, properties start with "."
 * @param {...(Node|string|null|false)} children
 * @returns {HTMLElement}
 */
export function h(tag, given = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") element.textContent = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key.startsWith(".")) element[key.slice(1)] = value;
    else if (key.startsWith("--")) element.style.setProperty(key, value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  camera: "M4 8h3l2-3h6l2 3h3v11H4zM12 10.500a3 3 0 1 1 0 6 3 3 0 0 1 0-6Z",
  photo: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01",
  search: "M10.500 4a6.500 6.500 0 1 1 0 13 6.500 6.500 0 0 1 0-13Zm5 11.500L20 20",
  close: "M6 6l12 12M18 6L6 18",
  back: "M14 6l-6 6 6 6",
  check: "M5 12.500l4.500 4.500L19 7.500",
  none: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16ZM6.500 6.500l11 11",
  plus: "M12 5v14M5 12h14",
  link: "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.700-5.700L12 7M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.700 5.700L12 17",
  open: "M13 5h6v6M19 5l-8 8M11 6H5v13h13v-6",
  similar: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  print: "M4 12a8 8 0 0 1 16 0M7 13a5 5 0 0 1 10 0c0 2 .2 3.500.7 5M10 13a2 2 0 0 1 4 0c0 3 .3 5 .8 7M8 16.500c.2 1.500.5 2.700.9 3.500",
  eye: "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12ZM12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6Z",
  words: "M5 7V5h14v2M12 5v14M9 19h6",
  code: "M4 6v12M7 6v12M11 6v12M14 6v12M16.500 6v12M20 6v12",
  filter: "M4 6h16M7 12h10M10 18h4",
  trash: "M5 7h14M10 7V4.500h4V7M7 7l1 12.500h8L17 7",
  crop: "M6 2v16h16M2 6h16v16",
  whole: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  swap: "M4 9h14M14 5l4 4-4 4M20 15H6M10 11l-4 4 4 4",
  skip: "M5 6l7 6-7 6zM13 6l7 6-7 6z",
  undo: "M9 5L4 10l5 5M4 10h10a5 5 0 0 1 0 10h-3",
  list: "M4 7h16M4 12h16M4 17h16",
  chart: "M4 20V10M10 20V4M16 20v-8M21 20H3",
  half: "M12 4v16M4 5h16v14H4z",
  layers: "M12 4l9 5-9 5-9-5zM3 13l9 5 9-5",
  upload: "M12 16V5M7 10l5-5 5 5M5 19h14",
  clock: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16ZM12 8v4.500l3 2",
  edit: "M4 20l1-5L16 4l4 4L9 19z",
  keys: "M3 7h18v11H3zM7 11h.01M11 11h.01M15 11h.01M8 15h8",
  people: "M9 5a3.500 3.500 0 1 1 0 7 3.500 3.500 0 0 1 0-7ZM2.500 20c.4-4 3-6 6.500-6s6.100 2 6.500 6M16 5.500a3 3 0 0 1 0 6M18 14.500c2 .8 3.200 2.600 3.500 5",
  refresh: "M19 8a8 8 0 1 0 1 6M20 4v5h-5",
  download: "M12 5v11M7 11l5 5 5-5M5 19h14",
  warning: "M12 4l9 16H3zM12 10v4M12 17h.01",
};

/** Return an icon by its name; it is decoration and has no name for screen readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** Return a button with an icon and a text, or with an accessible name alone. */
export function button(style, symbol, label, onclick, more = {}) {
  const bare = style.includes("plain");
  return h(`button.${style}`, { type: "button", onclick, ...(bare ? { "aria-label": label, title: label } : {}), ...more },
    symbol && icon(symbol), !bare && h("span", { text: label }));
}

/** Return a function that is not called again while it runs, as a double click would. */
export function once(work) {
  let running = null;
  return (...given) => (running ||= work(...given).finally(() => { running = null; }));
}

/** Render into an element, and focus again what had the focus there: the element with the same `data-key`. */
export function keepFocus(root, render) {
  const active = root.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  render();
  if (active) root.querySelector(`[data-key="${CSS.escape(active)}"]`)?.focus();
}

/** Show a modal dialog and remove it when it closes. */
export function showDialog(title, closeLabel, ...content) {
  const close = button("plain", "close", closeLabel, () => dialog.close());
  for (const open of document.querySelectorAll("dialog.sheet")) if (open.ariaLabel === title) open.close(); // a double click
  const dialog = h("dialog.sheet", { "aria-label": title }, h("header", {}, h("h2", { text: title }), close), ...content);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("pointerdown", (event) => {
    const { left, right, top, bottom } = dialog.getBoundingClientRect();
    const beside = event.clientX < left || event.clientX > right || event.clientY < top || event.clientY > bottom;
    if (event.target === dialog && beside) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
