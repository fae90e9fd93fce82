/** Figures that pages make of what the API answers: intervals, rates of groups, shares of bins, colours of people. */

/** @typedef {{counts: number[], edges?: number[], names?: string[]}} Bins */
/** @typedef {{by: string, value: string, count: number, right?: number, tp?: number, fp?: number, tn?: number, fn?: number}} Group */
/** @typedef {{value: number | null, low: number, high: number, of: number}} Share */

const Z = 1.959964;

/**
 * A share with its 95 % interval (Wilson's, which is right also for few and for none).
 * @param {number} hits
 * @param {number} of
 * @returns {Share}
 */
export function wilson(hits, of) {
  if (!(of > 0) || !(hits >= 0)) return { value: null, low: 0, high: 1, of: 0 };
  const share = Math.min(1, hits / of), square = (Z * Z) / of;
  const middle = (share + square / 2) / (1 + square);
  const half = (Z / (1 + square)) * Math.sqrt((share * (1 - share)) / of + square / (4 * of));
  return { value: share, low: Math.max(0, middle - half), high: Math.min(1, middle + half), of };
}

/**
 * What is compared between groups: of a positive class how many are flagged and how many of the positives are found;
 * of any other task how many are right.
 * @param {Group} group
 * @returns {{label: string, share: Share}[]}
 */
export function rates(group) {
  const { tp = 0, fp = 0, tn = 0, fn = 0, right = 0, count } = group;
  if (tp + fp + tn + fn === 0) return [{ label: "right", share: wilson(right, count) }];
  return [
    { label: "flagged", share: wilson(tp + fp, tp + fp + tn + fn) },
    { label: "found of the positives", share: wilson(tp, tp + fn) },
    { label: "right of the flagged", share: wilson(tp, tp + fp) },
  ];
}

/**
 * All groups of one `by` as one.
 * @param {Group[]} groups
 * @returns {Group}
 */
export function whole(groups) {
  /** @type {Required<Group>} */
  const sum = { by: groups[0]?.by ?? "", value: "all", count: 0, right: 0, tp: 0, fp: 0, tn: 0, fn: 0 };
  for (const one of groups) {
    sum.count += one.count;
    for (const name of /** @type {const} */ (["right", "tp", "fp", "tn", "fn"])) sum[name] += one[name] ?? 0;
  }
  return sum;
}

/**
 * Whether an interval leaves out what holds for all: then it is no chance (at 95 %).
 * @param {Share} share
 * @param {Share} all
 */
export function apart(share, all) {
  return share.value !== null && all.value !== null && (share.low > all.value || share.high < all.value);
}

/**
 * Two histograms as shares of their sums, bin by bin. Where the bins are not the same (the names of categories may
 * come in another order, or new) they are joined by name; numbers with other edges stand side by side as they are.
 * @param {Bins | null | undefined} reference
 * @param {Bins | null | undefined} current
 * @returns {{name: string, then: number, now: number}[]}
 */
export function bins(reference, current) {
  const a = shares(reference), b = shares(current);
  const named = (reference?.names ?? []).length > 0 || (current?.names ?? []).length > 0;
  if (named) {
    /** @type {Map<string, {name: string, then: number, now: number}>} */
    const held = new Map();
    const take = (/** @type {string} */ name) => {
      const made = held.get(name) ?? { name, then: 0, now: 0 };
      held.set(name, made);
      return made;
    };
    a.forEach((share, at) => (take(reference?.names?.[at] ?? `${at}`).then += share));
    b.forEach((share, at) => (take(current?.names?.[at] ?? `${at}`).now += share));
    return [...held.values()];
  }
  const edges = reference?.edges?.length ? reference.edges : (current?.edges ?? []);
  return Array.from({ length: Math.max(a.length, b.length) }, (_, at) => ({
    name: edges.length > at + 1 ? `${round(edges[at])} to ${round(edges[at + 1])}` : `bin ${at + 1}`,
    then: a[at] ?? 0,
    now: b[at] ?? 0,
  }));
}

/** @param {number | undefined} value */
function round(value) {
  return value === undefined || !Number.isFinite(value) ? "…" : String(+value.toPrecision(3));
}

/** @param {Bins | null | undefined} of */
function shares(of) {
  const counts = (of?.counts ?? []).slice(0, 64).map((count) => (Number.isFinite(count) && count > 0 ? count : 0));
  const sum = counts.reduce((held, count) => held + count, 0);
  return counts.map((count) => (sum ? count / sum : 0));
}

/**
 * The place of a person's colour: the same on every page and in every session.
 * @param {string} name
 * @param {number} colours
 */
export function colourOf(name, colours) {
  let held = 7;
  for (const letter of name) held = (held * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
  return held % colours;
}

/**
 * Selectors in words: "service = checkout or payment, name = memory_*".
 * @param {{[key: string]: string | string[]}} match
 */
export function selectors(match) {
  const said = Object.entries(match).map(([key, value]) => `${key} = ${Array.isArray(value) ? value.join(" or ") : value}`);
  return said.length ? said.join(", ") : "everything";
}
