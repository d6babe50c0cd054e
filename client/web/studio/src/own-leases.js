// Leases of this tab, in its session storage. A browser may drop what a page sends while it closes: the next page of the
// tab gives back what that one held.
const KEY = "whatsit.leases";
const MOST = 8; // the latest: tasks of earlier ones are decided

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) || [];
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

/** Give back what the page before this one held; `used(lease)` says whether its decisions are still on their way. */
export function returnEarlier(api, used) {
  returned ||= Promise.all(before.filter((lease) => !used(lease)).map((lease) => api.returnLease(lease).catch(() => {})))
    .then(() => write(read().filter((lease) => !before.includes(lease))));
  return returned;
}

/** Remember a lease. */
export function remember(lease) { write([...read(), lease].slice(-MOST)); }

/** Forget leases that are given back. */
export function forget(leases) { write(read().filter((lease) => !leases.includes(lease))); }
