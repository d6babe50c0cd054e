/** Let the service worker keep the page's own files, those of the first visit among them, which it did not see. */
export async function keepForOffline() {
  if (!("serviceWorker" in navigator) || !isSecureContext) return;
  const seen = Boolean(navigator.serviceWorker.controller);
  try {
    await navigator.serviceWorker.register("/service-worker.js");
    const { active } = await navigator.serviceWorker.ready;
    if (document.readyState !== "complete") await new Promise((resolve) => { addEventListener("load", resolve); });
    if (!seen) active.postMessage([location.pathname, ...performance.getEntriesByType("resource").map((one) => one.name)]);
  } catch {
    // Without a service worker the page needs the network.
  }
}
