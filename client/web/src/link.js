const LIMIT = 10; // matches of an object, unless a link says otherwise

/** Return what the address of the page names: words, filters, region, photo of this device, item, catalogue. */
export function readLink() {
  const given = new URLSearchParams(location.search);
  const box = (given.get("box") || "").split(",").map(Number);
  return {
    words: given.get("q") || "", where: parsed(given.get("where")), photo: given.get("photo") || "", item: given.get("item") || "",
    catalogue: given.get("c") || "", limit: Math.min(50, Math.max(3, Math.round(Number(given.get("n"))) || LIMIT)),
    box: box.length === 4 && box.every(Number.isFinite) ? box : null,
  };
}

/** Put a state into the address; a `step` can be gone back from. */
export function writeLink({ words, where, photo, item, limit, box, custom }, step) {
  const before = new URLSearchParams(location.search);
  const region = box ?? custom?.box;
  const values = {
    c: before.get("c"), q: words, where: Object.keys(where).length ? JSON.stringify(where) : "", photo: photo?.id, item, n: limit === LIMIT ? "" : limit,
    box: photo && region ? region.join(",") : "", lang: before.get("lang"),
  };
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
  const address = `/${query.size ? `?${query}` : ""}`;
  if (address === location.pathname + location.search) return;
  history[step ? "pushState" : "replaceState"](null, "", address);
}

function parsed(text) {
  try {
    const value = JSON.parse(text || "{}");
    return value && typeof value === "object" && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}
