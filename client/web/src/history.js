// Photos that were searched, in IndexedDB of this browser. They never leave the device.
const MOST = 24;

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("whatsit", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("photos", { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function run(mode, work) {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction("photos", mode);
      const request = work(transaction.objectStore("photos"));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onerror = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** Keep a photo: {id, blob, small, title, time}. The oldest beyond `MOST` is dropped. */
export async function keepPhoto(entry) {
  try {
    await run("readwrite", (store) => store.put(entry));
    const all = await listPhotos();
    for (const old of all.slice(MOST)) await run("readwrite", (store) => store.delete(old.id));
  } catch {
    // A browser without storage has no history.
  }
}

/** Return the kept photos, newest first. */
export async function listPhotos() {
  try {
    const all = await run("readonly", (store) => store.getAll());
    return all.sort((a, b) => b.time - a.time);
  } catch {
    return [];
  }
}

/** Return a kept photo, undefined where there is none. */
export async function findPhoto(id) {
  return (await listPhotos()).find((entry) => entry.id === id);
}

/** Forget all photos. */
export async function clearPhotos() {
  try {
    await run("readwrite", (store) => store.clear());
  } catch {
    // There was nothing to forget.
  }
}
