import { h } from "./dom.js";

/** Show a line for some seconds, with a button where something can be done about it. */
export function notify(text, action, run) {
  const toast = document.querySelector("#toast");
  const undo = action && h("button", { type: "button", text: action, onclick: () => { toast.replaceChildren(); run(); } });
  toast.replaceChildren(...[h("span", { text }), undo].filter(Boolean));
  toast.togglePopover?.(false);
  toast.togglePopover?.(true); // above dialogs
  clearTimeout(notify.timer);
  notify.timer = setTimeout(() => { toast.replaceChildren(); toast.togglePopover?.(false); }, action ? 8000 : 4000);
}
