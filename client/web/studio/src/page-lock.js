// A page of the studio holds a lock of its own name while it lives, so that other tabs leave alone what it still uses.
export const ownPage = `whatsit-studio-${[...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;

let letGo = () => {};

function hold() {
  navigator.locks?.request(ownPage, () => new Promise((resolve) => { letGo = resolve; })).catch(() => {});
}

hold();
addEventListener("pagehide", () => letGo());
addEventListener("pageshow", (event) => { if (event.persisted) hold(); });

/** Return whether a page has ended; a browser without locks, as on plain http, says so of every other page. */
export async function hasEnded(page) {
  if (!page || !navigator.locks) return page !== ownPage;
  return navigator.locks.request(page, { ifAvailable: true }, (lock) => lock !== null).catch(() => true);
}

/** Resolve once a page has ended. */
export async function untilEnded(page) {
  if (page && navigator.locks) await navigator.locks.request(page, () => {}).catch(() => {});
}
