const STATES = { found: "found", unsure: "unsure", not_found: "missing", not_searched: "gated" };
const NEAR = 0.03; // scores of two items that are this close decide nothing

/** Cosine of two unit vectors by their score, 2 - L2 distance. */
export function cosine(score) {
  const distance = 2 - score;
  return Math.max(0, 1 - (distance * distance) / 2);
}

/**
 * Return the state of a region's answer: the server's, or that of the scores where a server up to 0.2 gives none.
 *
 * @param {Object} found - reply of /v1/identify
 * @param {number} region - index of the searched region
 * @returns {"found"|"unsure"|"missing"|"gated"}
 */
export function answerState(found, region) {
  const { answer, intent, regions } = found;
  const own = answer.regions?.[region]?.state || (region === answer.region ? answer.state : "");
  if (own) return STATES[own] || "missing";
  if (answer.state === "not_searched") return "gated";
  if (!regions.some((one) => one.matches.length)) return intent === "other" ? "gated" : "missing";
  if (!answer.found) return "missing";
  const matches = regions[region]?.matches || [];
  const [first, second] = matches;
  if (!first || !answer.ids.includes(first.item.id)) return answer.region === region ? "unsure" : "missing";
  const same = !second || second.item.title === first.item.title || answer.ids.includes(second.item.id);
  const printed = (first.inliers || 0) > 2 * (second?.inliers || 0) + 8;
  return same || printed || first.score - second.score >= NEAR ? "found" : "unsure";
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
