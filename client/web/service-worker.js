// Keeps the page's own files, so that it opens without a network. Requests of the API are never kept.
const CACHE = "whatsit-page-1";
const PAGES = ["/", "/studio"];

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.add("/")));
});

self.addEventListener("activate", (event) => {
  const stale = caches.keys().then((names) => names.filter((name) => name !== CACHE));
  event.waitUntil(stale.then((names) => Promise.all(names.map((name) => caches.delete(name)))));
  self.clients.claim();
});

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  const page = event.request.mode === "navigate" && PAGES.includes(pathname);
  const ours = origin === self.location.origin && (page || isFile(pathname));
  if (event.request.method === "GET" && ours) event.respondWith(fromNetwork(event.request, page ? pathname : event.request));
});

// What a page had loaded before it had a service worker.
self.addEventListener("message", (event) => {
  const own = event.data.map((address) => new URL(address, self.location)).filter(({ origin, pathname }) => origin === self.location.origin && (PAGES.includes(pathname) || isFile(pathname)));
  event.waitUntil(caches.open(CACHE).then((cache) => Promise.allSettled(own.map((address) => cache.add(address.href)))));
});

const isFile = (pathname) => pathname.startsWith("/web/") || pathname.endsWith(".webmanifest");

async function fromNetwork(request, key) {
  const cache = await caches.open(CACHE);
  try {
    const reply = await fetch(request);
    if (reply.ok) await cache.put(key, reply.clone()).catch((error) => forget(cache, key, error));
    return reply;
  } catch (error) {
    const kept = await cache.match(key);
    if (kept) return kept;
    throw error;
  }
}

/** Keep no older file where there is no space for the new one. */
async function forget(cache, key, error) {
  if (error.name !== "QuotaExceededError") throw error;
  await cache.delete(key);
}
