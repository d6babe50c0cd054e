// Leases of this tab, in its session storage. A browser may drop what a page sends while it closes: the next page of the
// tab gives back what that one held. A tab that was duplicated begins with a copy, whose leases the other tab still uses.
import { hasEnded, ownPage } from "./page-lock.js";

const KEY = "whatsit.leases";
const MOST = 8; // the latest: tasks of earlier ones are decided

function read() {
  try {
    return (JSON.parse(sessionStorage.getItem(KEY)) || []).filter((one) => one.lease);
  } catch {
    return [];
  }
}

function write(leases) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(leases));
  } catch {
    // Without storage a lease that was not given back ends by itself.
  }
}

const before = read(); // of the page before this one
let returned = null;

/** Give back what the page before this one held. */
export function returnEarlier(giveBack) {
  returned ||= Promise.all(before.map(async ({ lease, page }) => { if (await hasEnded(page)) await giveBack(lease); }));
  return returned;
}

/** Remember a lease. */
export function remember(lease) { write([...read(), { lease, page: ownPage }].slice(-MOST)); }

/** Forget a lease that is given back. */
export function forget(lease) { write(read().filter((one) => one.lease !== lease)); }
