const STATES = { found: "found", unsure: "unsure", not_found: "missing", not_searched: "gated" };

/** Cosine of two unit vectors by their score, 2 - L2 distance. */
export function cosine(score) {
  const distance = 2 - score;
  return Math.max(0, 1 - (distance * distance) / 2);
}

/**
 * Return the state of a region's answer.
 *
 * @param {Object} found - reply of /v1/identify
 * @param {number} region - index of the searched region
 * @returns {"found"|"unsure"|"missing"|"gated"}
 */
export function answerState(found, region) {
  return STATES[found.answer.regions[region]?.state ?? found.answer.state] || "missing";
}

/** Return the indices of regions in order of likely interest: the answered one, then those with the best matches. */
export function regionOrder(found) {
  const best = (index) => (index === found.answer.region ? 9 : 0) + (found.regions[index].matches[0]?.score ?? 0);
  return found.regions.map((_, index) => index).sort((a, b) => best(b) - best(a));
}

/** Group matches by a field of their items: [[value, matches]] in order of the first of each. */
export function grouped(matches, field) {
  const groups = new Map();
  for (const match of matches) {
    const value = match.item[field] ?? match.item.attributes?.[field] ?? "";
    if (!groups.has(String(value))) groups.set(String(value), []);
    groups.get(String(value)).push(match);
  }
  return [...groups];
}
