/** Parts that all pages share: states of answers, tables, dialogs, menus, notes; and what the keys and the window say. */
import { Fragment, html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";
import { shown } from "./format.js";

/** An answer as it is: waiting (after 200 ms), wrong, old, or there. @param {{of: any, lines?: number, children: any}} props */
export function Answer({ of, lines = 4, children }) {
  const draw = Array.isArray(children) ? children[0] : children;
  if (of.data !== null && of.data !== undefined && !(of.stale && of.problem)) {
    return html`<${Fragment}>${of.problem && html`<${Old} problem=${of.problem} again=${of.again} />`}${draw(of.data)}<//>`;
  }
  if (of.problem) return html`<${Failed} problem=${of.problem} again=${of.again} />`;
  return of.waiting ? html`<${Skeleton} lines=${lines} />` : null;
}

/** @param {{lines: number}} props */
export function Skeleton({ lines }) {
  const [late, setLate] = useState(false);
  useEffect(() => { const timer = setTimeout(() => setLate(true), 200); return () => clearTimeout(timer); }, []);
  return html`<div class="skeleton" role="status" aria-busy="true">${late && html`<span class="vh">Loading</span>${Array.from({ length: lines }, (_, at) => html`<i key=${at}></i>`)}`}</div>`;
}

/** @param {{problem: any, again: () => void}} props */
export function Failed({ problem, again }) {
  return html`<div class="failed card" role="alert"><b>${problem.status === 404 ? "There is no such thing here." : "This cannot be shown just now."}</b><p>${shown(problem.message)}${problem.status ? html` <span class="muted">(${problem.status})</span>` : ""}</p><button class="btn" onClick=${again}>Try again</button></div>`;
}

/** @param {{problem: any, again: () => void}} props */
function Old({ problem, again }) {
  return html`<p class="banner" role="status">What stands here is old: ${shown(problem.message)} <button class="btn small" onClick=${again}>Try again</button></p>`;
}

/** @param {{title: string, children?: any}} props */
export function Empty({ title, children }) {
  return html`<div class="empty card"><b>${title}</b><div class="soft">${children}</div></div>`;
}

/** @param {{items: string[][], lines?: boolean}} props */
export function Legend({ items, lines = false }) {
  return html`<span class="legend hint">${items.map(([token, word]) => html`<span key=${word}><i class=${lines ? "line" : ""} style=${{ background: `var(--${token})` }}></i>${word}</span>`)}</span>`;
}

/** @param {{label: string, value: string, choices: string[][], choose: (value: string) => void}} props */
export function Segments({ label, value, choices, choose }) {
  return html`<span class="seg" role="group" aria-label=${label}>${choices.map(([key, word]) => html`<button key=${key} type="button" aria-pressed=${String(key === value)} onClick=${() => choose(key ?? "")}>${word}</button>`)}</span>`;
}

/**
 * A table; on a narrow screen each row is a card, with the names of its columns.
 * @param {{label: string, columns: (string | {name: string, num?: boolean})[], rows: any[][], empty?: string}} props
 */
export function Table({ label, columns, rows, empty = "" }) {
  const heads = columns.map((one) => (typeof one === "string" ? { name: one, num: false } : { num: false, ...one }));
  if (!rows.length) return empty ? html`<p class="soft body">${empty}</p>` : null;
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}><table class="cards"><caption class="vh">${label}</caption>
    <thead><tr>${heads.map((one) => html`<th key=${one.name} scope="col" class=${one.num ? "num" : ""}>${one.name}</th>`)}</tr></thead>
    <tbody>${rows.map((row, at) => html`<tr key=${at}>${row.map((cell, place) => html`<td key=${place} class=${heads[place]?.num ? "num" : ""} data-head=${heads[place]?.name ?? ""}>${typeof cell === "string" ? shown(cell) : cell}</td>`)}</tr>`)}</tbody></table></div>`;
}

/** A text of anybody: 500 characters, then more. @param {{of: string, most?: number}} props */
export function Text({ of, most = 500 }) {
  const [all, setAll] = useState(false);
  const text = shown(of);
  if (text.length <= most || all) return html`<${Fragment}>${text}<//>`;
  return html`<${Fragment}>${[...text].slice(0, most).join("")}… <button type="button" class="btn small ghost" onClick=${() => setAll(true)}>more</button><//>`;
}

/** @param {{label: string, children: any}} props */
export function Field({ label, children }) {
  return html`<label class="field"><span>${label}</span>${children}</label>`;
}

/**
 * Something to fill in and send. Escape closes it; what was typed stays if it is not sent.
 * @param {{title: string, close: () => void, send: () => void, word: string, busy?: boolean, ready?: boolean, problem?: string, children?: any}} props
 */
export function Dialog({ title, close, send, word, busy = false, ready = true, problem = "", children }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => {
    const before = /** @type {HTMLElement | null} */ (document.activeElement);
    if (box.current && !box.current.open) box.current.showModal();
    /** @type {HTMLElement | null | undefined} */ (box.current?.querySelector("[autofocus], input, select, textarea"))?.focus();
    return () => before?.focus?.();
  }, []);
  return html`<dialog ref=${box} class="dialog" aria-label=${title} onCancel=${(/** @type {Event} */ event) => { event.preventDefault(); close(); }} onClick=${(/** @type {MouseEvent} */ event) => { if (event.target === box.current) close(); }}>
    <form method="dialog" onKeyDown=${(/** @type {KeyboardEvent} */ event) => { if (event.key === "Enter" && /** @type {HTMLElement} */ (event.target).matches("select") && ready && !busy) { event.preventDefault(); send(); } }} onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); if (ready && !busy) send(); }}>
      <header><h2>${title}</h2><button type="button" class="btn small ghost" aria-label="Close" onClick=${close}>×</button></header>
      <div class="body">${children}${problem && html`<p class="wrong" role="alert">${shown(problem)}</p>`}</div>
      <footer><button type="button" class="btn" onClick=${close}>Cancel</button><button type="submit" class="btn go" disabled=${!ready || busy}>${busy ? "Sending…" : word}</button></footer>
    </form></dialog>`;
}

/** @param {{label: string, small?: boolean, children?: any, items: {word: string, why?: string, run: () => void}[]}} props */
export function Menu({ label, small = false, children, items }) {
  const [open, setOpen] = useState(false);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (!open) return undefined;
    /** @type {HTMLElement | null | undefined} */ (box.current?.querySelector("[role=menuitem]"))?.focus();
    const away = (/** @type {Event} */ event) => { if (!box.current?.contains(/** @type {Node} */ (event.target))) setOpen(false); };
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [open]);
  /** @param {KeyboardEvent} event */
  function keys(event) {
    const all = [...(box.current?.querySelectorAll("[role=menuitem]") ?? [])], at = all.indexOf(/** @type {Element} */ (document.activeElement));
    if (event.key === "Escape") { setOpen(false); event.stopPropagation(); /** @type {HTMLElement | null | undefined} */ (box.current?.querySelector("button"))?.focus(); }
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); event.stopPropagation(); /** @type {HTMLElement | undefined} */ (all[(at + (event.key === "ArrowDown" ? 1 : all.length - 1)) % all.length])?.focus(); }
  }
  return html`<span class="menu" ref=${box} onKeyDown=${keys}><button type="button" class=${`btn ${small ? "small ghost" : ""}`} aria-haspopup="menu" aria-expanded=${String(open)} aria-label=${label} onClick=${() => setOpen(!open)}>${children}</button>
    ${open && html`<div role="menu" aria-label=${label}>${items.map((one) => html`<button key=${one.word} type="button" role="menuitem" aria-disabled=${String(Boolean(one.why))} title=${one.why ?? ""} onClick=${() => { if (!one.why) { setOpen(false); one.run(); } }}>${one.word}${one.why ? html`<small>${one.why}</small>` : ""}</button>`)}</div>`}</span>`;
}

// --- notes at the edge, and what is read out

/** @type {{notes: {id: number, words: string, undo?: () => void, bad?: boolean}[], watch: Set<() => void>, next: number}} */
const held = { notes: [], watch: new Set(), next: 1 };

/** Say something for ten seconds, with a way to take it back. @param {string} words @param {{undo?: () => void, bad?: boolean}} [more] */
export function note(words, more = {}) {
  const id = held.next++;
  held.notes = [...held.notes.slice(-3), { id, words, ...more }];
  held.watch.forEach((each) => each());
  setTimeout(() => drop(id), 10_000);
}

/** @param {number} id */
function drop(id) {
  held.notes = held.notes.filter((one) => one.id !== id);
  held.watch.forEach((each) => each());
}

export function Notes() {
  const [, again] = useState(0);
  useEffect(() => { const watch = () => again((count) => count + 1); held.watch.add(watch); return () => { held.watch.delete(watch); }; }, []);
  return html`<div class="notes" role="status">${held.notes.map((one) => html`<div key=${one.id} class=${one.bad ? "card bad" : "card"}><span>${shown(one.words)}</span>${one.undo && html`<button class="btn small" onClick=${() => { drop(one.id); one.undo?.(); }}>Undo</button>`}<button class="btn small ghost" aria-label="Dismiss this note" onClick=${() => drop(one.id)}>×</button></div>`)}</div>`;
}

let spoken = 0;
/** Read something out, at most once in ten seconds. @param {string} words */
export function announce(words) {
  if (Date.now() - spoken < 10_000) return;
  spoken = Date.now();
  const region = document.getElementById("said");
  if (region) region.textContent = words;
}

// --- keys and the window

/** @type {{keys: {[key: string]: {word: string, run: (event: KeyboardEvent) => void}}}[]} */
const layers = [];

/** What keys do while this is shown: by the key, a word for the list and what it does. @param {{[key: string]: {word: string, run: (event: KeyboardEvent) => void}}} keys */
export function useKeys(keys) {
  const layer = useRef({ keys });
  layer.current.keys = keys;
  useEffect(() => {
    layers.push(layer.current);
    return () => { layers.splice(layers.indexOf(layer.current), 1); };
  }, []);
}

addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || target.closest("dialog[open], [role=menu]")) return;
  if (target.matches("input, textarea, select, [contenteditable]")) { if (event.key === "Escape") target.blur(); return; }
  if (event.key === "Enter" && target.closest("a, button, summary")) return;
  for (let at = layers.length - 1; at >= 0; at--) {
    const found = layers[at]?.keys[event.key];
    if (found) { event.preventDefault(); found.run(event); return; }
  }
});

export const allKeys = () => layers.flatMap((layer) => Object.entries(layer.keys).map(([key, { word }]) => [key, word]));

/** @param {string} query a media query */
function useMedia(query) {
  const [is, setIs] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const found = matchMedia(query), heard = () => setIs(found.matches);
    found.addEventListener("change", heard);
    return () => found.removeEventListener("change", heard);
  }, [query]);
  return is;
}

export const useNarrow = () => useMedia("(max-width: 760px)");

/** @type {Set<() => void>} */
const themed = new Set();

/** light or dark, as chosen, else as the system has it. */
export function theme() {
  const chosen = localStorage.getItem("theme");
  return chosen === "light" || chosen === "dark" ? chosen : matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

/** @param {string} [next] */
export function setTheme(next) {
  if (next) localStorage.setItem("theme", next);
  document.documentElement.dataset.theme = theme();
  themed.forEach((each) => each());
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme());

export function useTheme() {
  const [is, setIs] = useState(theme);
  useEffect(() => { const heard = () => setIs(theme()); themed.add(heard); return () => { themed.delete(heard); }; }, []);
  return is;
}

/** Whether tables stand in the place of drawings; `t` changes it. */
export function useTwin() {
  const [twin, setTwin] = useState(false);
  useKeys({ t: { word: "tables instead of drawings", run: () => setTwin((is) => !is) } });
  return twin;
}
