/** The address says everything: the page, its filters, range and selection. Going back works. */
import { reached } from "./api.js";
import { useEffect, useState } from "./html.js";

/** @type {Set<() => void>} */
const watchers = new Set();
addEventListener("popstate", () => watchers.forEach((each) => each()));

/** @param {string} to @param {boolean} [replace] */
export function go(to, replace = false) {
  if (to === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  watchers.forEach((each) => each());
}

/** Draw again when the address changes; the path. */
export function usePath() {
  const [, again] = useState(0);
  useEffect(() => {
    const watch = () => again((count) => count + 1);
    watchers.add(watch);
    return () => { watchers.delete(watch); };
  }, []);
  return location.pathname;
}

/**
 * What stands behind the question mark.
 * @typedef {object} Query
 * @property {(name: string) => string} get empty if it is not there
 * @property {(name: string) => string[]} list a comma list
 * @property {(next: {[name: string]: string}, replace?: boolean) => void} set empty values go
 */

/** @returns {Query} */
export function useQuery() {
  usePath();
  const held = new URLSearchParams(location.search);
  return {
    get: (name) => held.get(name) ?? "",
    list: (name) => (held.get(name) ?? "").split(",").filter(Boolean),
    set: (next, replace = false) => {
      const params = new URLSearchParams(location.search);
      for (const [name, value] of Object.entries(next)) value ? params.set(name, value) : params.delete(name);
      const text = params.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
      go(location.pathname + (text ? `?${text}` : ""), replace);
    },
  };
}

/**
 * The stretch of time that is meant: `from` and `to`, or `last` seconds before what the engine has reached, to the minute.
 * @param {Query} query
 * @param {number} usual seconds
 */
export function spanOf(query, usual) {
  const from = Number(query.get("from")), to = Number(query.get("to"));
  if (from > 0 && to > from) return { from, to, seconds: to - from, live: false };
  const seconds = Number(query.get("last")) || usual;
  const end = Math.ceil(reached() / 60) * 60;
  return { from: end - seconds, to: end, seconds, live: true };
}
