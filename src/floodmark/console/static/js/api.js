/**
 * The API: answers, problems (RFC 9457) as sentences, and writes. The server's clock is the one that counts.
 */
import { useEffect, useRef, useState } from "./html.js";

const BASE = "/api/v1";

/** What went wrong: a sentence, the HTTP status (0: no answer at all), and what is true now, where an action came too late. */
export class Problem extends Error {
  /** @param {string} words @param {number} status @param {any} [body] */
  constructor(words, status, body) {
    super(words);
    this.status = status;
    this.current = body && body.current ? body.current : null;
    this.pointer = body && body.pointer ? body.pointer : "";
  }
}

/**
 * Ask for something below the API.
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function ask(path, signal) {
  return told(await reach(BASE + path, { signal, headers: { Accept: "application/json" } }));
}

/**
 * Write something. Raises Problem; with status 0 or 503 nobody knows of it, and the same key may be sent again.
 * @param {string} path
 * @param {object} body
 * @param {string} [key]
 * @returns {Promise<any>}
 */
export async function send(path, body, key) {
  /** @type {Record<string, string>} */
  const headers = { "Content-Type": "application/json", "X-Floodmark": "1" };
  if (key) headers["Idempotency-Key"] = key;
  return told(await reach(BASE + path, { method: "POST", headers, body: JSON.stringify(body) }));
}

/** A key for an action: sent twice, it counts once. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return `act-${[...bytes].map((one) => one.toString(16).padStart(2, "0")).join("")}`;
}

/** @param {string} url @param {RequestInit} init */
async function reach(url, init) {
  try {
    return await fetch(url, { credentials: "same-origin", ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem("The console does not answer.", 0);
  }
}

/** @param {Response} answer */
async function told(answer) {
  if (answer.ok) return answer.json();
  if (answer.status === 401) {
    location.assign(`/login?to=${encodeURIComponent(location.pathname + location.search)}`);
  }
  const body = await answer.json().catch(() => null);
  throw new Problem(body && body.detail ? body.detail : `The console answered ${answer.status}.`, answer.status, body);
}

// --- who, and how far everything is: the same for all pages

/** @type {{status: any, me: any, offset: number, link: "live" | "lost" | "new"}} */
export const shared = { status: null, me: null, offset: 0, link: "new" };
/** @type {Set<() => void>} */
const watchers = new Set();

/** @param {Partial<typeof shared>} next */
export function share(next) {
  Object.assign(shared, next);
  if (next.status) shared.offset = Date.parse(next.status.now) / 1000 - Date.now() / 1000;
  for (const each of watchers) each();
}

/** Draw again when what is shared changes. */
export function useShared() {
  const [, again] = useState(0);
  useEffect(() => {
    const watch = () => again((count) => count + 1);
    watchers.add(watch);
    return () => { watchers.delete(watch); };
  }, []);
  return shared;
}

/** Epoch seconds by the server's clock: the browser's may be wrong. */
export function now() {
  return Date.now() / 1000 + shared.offset;
}

/** The event time that the engine has reached; the server's time if it has said none, or if it is about now. */
export function reached() {
  const at = shared.status && shared.status.reached ? Date.parse(shared.status.reached) / 1000 : null;
  const clock = now();
  return at === null || Math.abs(clock - at) < 3_600 ? clock : at;
}

/** @param {string} verb why it may not be done; empty if it may */
export function mayNot(verb) {
  return shared.me ? (shared.me.may[verb] ?? "") : "Who you are is not known yet.";
}

export const people = () => /** @type {string[]} */ (shared.me ? shared.me.people : []);
export const schedules = () => /** @type {string[]} */ (shared.me ? shared.me.schedules : []);

// --- live

/** @type {Map<string, Set<(event: any) => void>>} */
const listeners = new Map();

/**
 * Hear of live events of these kinds (incident, anomaly, action, delivery, report; gap: something is missing).
 * @param {string[]} kinds
 * @param {(event: any) => void} heard
 */
export function onLive(kinds, heard) {
  for (const kind of kinds) {
    if (!listeners.has(kind)) listeners.set(kind, new Set());
    listeners.get(kind)?.add(heard);
  }
  return () => { for (const kind of kinds) listeners.get(kind)?.delete(heard); };
}

/** Follow the server for as long as the page is open; the browser resumes by the last event's number. */
export function follow() {
  let since = 0, source = /** @type {EventSource | null} */ (null), tries = 0;
  const open = () => {
    source = new EventSource(`${BASE}/live${since ? `?since=${since}` : ""}`);
    source.onopen = () => { tries = 0; share({ link: "live" }); };
    source.onerror = () => {
      share({ link: "lost" });
      source?.close();
      tries += 1;
      setTimeout(open, Math.min(30_000, 1_000 * 2 ** Math.min(tries, 5)) * (0.75 + Math.random() / 2));
    };
    for (const kind of ["incident", "anomaly", "action", "delivery", "report", "status", "gap"]) {
      source.addEventListener(kind, (event) => {
        const body = JSON.parse(/** @type {MessageEvent} */ (event).data);
        since = Math.max(since, body.sequence);
        if (kind === "status") share({ status: body.status });
        else for (const heard of [...(listeners.get(kind) ?? [])]) heard(body);
      });
    }
  };
  open();
}

// --- an answer as it comes and comes again

/**
 * What a page has of an answer. `stale`: it is older than what is asked for, or could not be asked again.
 * @typedef {{data: any, problem: Problem | null, waiting: boolean, stale: boolean, again: () => void}} Asked
 */

/**
 * Ask, and ask again when one of these kinds of live events comes (at most once a second), or after a gap.
 * @param {string | null} path null: nothing is asked
 * @param {string[]} [kinds]
 * @returns {Asked}
 */
export function useAnswer(path, kinds = []) {
  const [held, setHeld] = useState(/** @type {{path: string | null, data: any, problem: Problem | null, waiting: boolean}} */ ({ path: null, data: null, problem: null, waiting: true }));
  const [turn, setTurn] = useState(0);
  const timer = useRef(/** @type {any} */ (0));
  useEffect(() => {
    if (path === null) { setHeld({ path, data: null, problem: null, waiting: false }); return undefined; }
    const stop = new AbortController();
    setHeld((before) => ({ ...before, waiting: true, ...(before.path === path ? {} : { problem: null }) }));
    ask(path, stop.signal).then(
      (data) => setHeld({ path, data, problem: null, waiting: false }),
      (error) => { if (!stop.signal.aborted) setHeld((before) => ({ ...before, problem: error instanceof Problem ? error : new Problem(String(error), 0), waiting: false })); },
    );
    return () => stop.abort();
  }, [path, turn]);
  useEffect(() => {
    const again = () => {
      if (timer.current) return;
      timer.current = setTimeout(() => { timer.current = 0; setTurn((count) => count + 1); }, 1_000);
    };
    const off = onLive([...kinds, "gap"], again);
    return () => { off(); clearTimeout(timer.current); timer.current = 0; };
  }, [kinds.join()]);
  return { data: held.data, problem: held.problem, waiting: held.waiting, stale: held.path !== path, again: () => setTurn((count) => count + 1) };
}

/**
 * Several answers that belong together; all of them, or why not.
 * @param {string[]} paths
 * @returns {Asked}
 */
export function useAnswers(paths) {
  const key = paths.join("\n");
  const [held, setHeld] = useState(/** @type {{key: string, data: any, problem: Problem | null, waiting: boolean}} */ ({ key: "", data: null, problem: null, waiting: true }));
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    setHeld((before) => ({ ...before, waiting: true }));
    Promise.all(paths.map((path) => ask(path, stop.signal))).then(
      (data) => setHeld({ key, data, problem: null, waiting: false }),
      (error) => { if (!stop.signal.aborted) setHeld((before) => ({ ...before, problem: error instanceof Problem ? error : new Problem(String(error), 0), waiting: false })); },
    );
    return () => stop.abort();
  }, [key, turn]);
  return { data: held.data, problem: held.problem, waiting: held.waiting, stale: held.key !== key, again: () => setTurn((count) => count + 1) };
}
