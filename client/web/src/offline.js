/** Let the service worker keep the page's own files, those of the first visit among them, which it did not see. */
export async function keepForOffline() {
  const workers = navigator.serviceWorker;
  if (!workers || !isSecureContext) return;
  const first = !workers.controller;
  try {
    await workers.register("/service-worker.js");
    const { active } = await workers.ready;
    if (!first) return;
    if (!workers.controller) await new Promise((resolve) => { workers.addEventListener("controllerchange", resolve, { once: true }); });
    const now = performance.now();
    new PerformanceObserver((list) => {
      const unseen = list.getEntries().filter((one) => one.startTime <= now).map((one) => one.name);
      if (unseen.length) active.postMessage([location.pathname, ...unseen]);
    }).observe({ type: "resource", buffered: true });
  } catch {
    // Without a service worker the page needs the network.
  }
}
