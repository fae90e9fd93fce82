/** The frame: where one is, what there is, whether it is new; and the page that the address means. */
import { ask, follow, share, shared, useAnswer, useShared } from "./api.js";
import { Notes, allKeys, setTheme, theme, useKeys } from "./components.js";
import { epoch, shown, span, when } from "./format.js";
import { Brand, Icon } from "./glyphs.js";
import { html, render, useEffect, useRef, useState } from "./html.js";
import { go, usePath } from "./query.js";

const PAGES = [["/", "Incidents", "incidents"], ["/explorer", "Explorer", "explorer"], ["/models", "Models", "models"], ["/oncall", "On call", "oncall"], ["/engine", "Engine", "engine"], ["/audit", "Audit", "audit"], ["/report", "Report", "report"]];

/** @param {string} path @returns {[string, Record<string, string>]} the module, and what it is given */
function meant(path) {
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  if (!parts.length) return ["incidents", {}];
  if (parts[0] === "incidents" && parts[1]) return ["incident", { id: parts[1] }];
  if (parts[0] === "models" && parts[1]) return ["models", { name: parts.slice(1).join("/") }];
  return PAGES.some(([at]) => at === `/${parts[0]}`) ? [parts[0] ?? "", {}] : ["", {}];
}

function App() {
  const path = usePath(), { status, me, link } = useShared(), [page, props] = meant(path), [keys, setKeys] = useState(false);
  const [module, setModule] = useState(/** @type {{name: string, view: any, wrong: string}} */ ({ name: "", view: null, wrong: "" }));
  useEffect(() => {
    let gone = false;
    import(`./pages/${page || "incidents"}.js`).then((found) => { if (!gone) setModule({ name: page, view: found.default, wrong: "" }); }, (error) => { if (!gone) setModule({ name: page, view: null, wrong: String(error) }); });
    document.title = `${PAGES.find(([, , icon]) => icon === page)?.[1] ?? "Floodmark"} · Floodmark`;
    return () => { gone = true; };
  }, [page]);
  useEffect(() => { scrollTo(0, 0); }, [path]);
  useKeys({
    "?": { word: "these keys", run: () => setKeys(!keys) }, "/": { word: "search", run: () => document.getElementById("search")?.focus() },
    1: { word: "incidents", run: () => go("/") }, 2: { word: "explorer", run: () => go("/explorer") }, 3: { word: "models", run: () => go("/models") }, 4: { word: "on call", run: () => go("/oncall") }, 5: { word: "engine", run: () => go("/engine") },
  });
  return html`<a class="skip" href="#main">Skip to the page</a><div class="app"><header class="top"><a class="brand" href="/" aria-label="Floodmark, incidents"><${Brand} /><span>Floodmark</span></a><${Finder} /><span class="grow"></span><${Freshness} status=${status} link=${link} />
      <button class="btn ghost square" aria-label="Light or dark" onClick=${() => setTheme(theme() === "dark" ? "light" : "dark")}><${Icon} of="theme" /></button><${Myself} me=${me} /></header>
    <nav class="rail" aria-label="Pages"><div>${PAGES.map(([at, word, icon]) => html`<a key=${at} href=${at} aria-current=${icon === page || (page === "incident" && icon === "incidents") ? "page" : undefined}><${Icon} of=${icon} /><span>${word}</span>${icon === "incidents" && status?.needs > 0 && html`<span class="n">${status.needs}<span class="vh"> need somebody</span></span>`}</a>`)}<p class="foot">${me ? html`${shown(me.name)}, ${me.role}` : ""}</p></div></nav>
    <main id="main" tabindex="-1"><${Behind} status=${status} link=${link} />
      ${page === "" ? html`<h1>There is no such page</h1><p><a href="/">Incidents</a> is where it begins.</p>` : module.wrong ? html`<h1>This page cannot be shown</h1><p class="soft">${shown(module.wrong)}</p>` : module.view && module.name === page && me ? html`<${module.view} key=${page + (props.id ?? props.name ?? "")} ...${props} />` : html`<div class="skeleton"></div>`}</main></div>
    <div id="said" class="vh" role="status" aria-live="polite"></div><${Notes} />${keys && html`<${Keys} close=${() => setKeys(false)} />`}`;
}

/** @param {any} props whether what is shown is as new as can be */
function Freshness({ status, link }) {
  const away = status?.away, lost = link === "lost";
  const words = lost ? "no connection" : away ? "Kafka is away" : status?.building ? "reading what was" : status?.reached ? `live, ${when(epoch(status.reached))}` : "live";
  return html`<span class=${`live ${lost || away ? "bad" : status?.building ? "slow" : ""}`} title="Event time that the engine has reached"><i aria-hidden="true"></i><span>${words}</span></span>`;
}

/** The console's own lag and the engine's, told apart. @param {any} props */
function Behind({ status, link }) {
  if (link === "lost") return html`<p class="banner bad" role="status">The console does not answer. What stands here is as it was; it is asked again all the time.</p>`;
  if (!status) return null;
  return html`${status.away && html`<p class="banner bad" role="status"><b>Kafka is away.</b> The pages show what was read before, and nothing can be done meanwhile. ${shown(status.away)}</p>`}
    ${status.building && html`<p class="banner" role="status">The console reads what was told before: ${status.behind_records.toLocaleString("en")} records to go.</p>`}
    ${!status.building && !status.away && status.behind_seconds > 60 && html`<p class="banner" role="status"><b>The console is ${span(status.behind_seconds)} behind the topics</b> (${status.behind_records.toLocaleString("en")} records). The engine may be further.</p>`}
    ${status.engine_behind > 60 && html`<p class="banner" role="status"><b>The engine is ${span(status.engine_behind)} behind its inputs:</b> what happened since is not judged yet.</p>`}
    ${status.engine_ready === false && html`<p class="banner" role="status"><b>An engine is not ready.</b> <a href="/engine">Why</a></p>`}
    ${status.rebuilt && html`<p class="banner" role="status">${shown(status.rebuilt)}</p>`}`;
}

/** @param {any} props */
function Myself({ me }) {
  if (!me || me.kind === "none") return null;
  return html`<form method="post" action="/logout"><button class="btn small" title=${`${me.name}, ${me.role}`}>Sign out</button></form>`;
}

function Finder() {
  const [words, setWords] = useState(""), [open, setOpen] = useState(false), [settled, setSettled] = useState(""), [at, setAt] = useState(-1);
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => { const timer = setTimeout(() => setSettled(words.trim()), 150); return () => clearTimeout(timer); }, [words]);
  useEffect(() => { const away = (/** @type {Event} */ event) => { if (!box.current?.contains(/** @type {Node} */ (event.target))) setOpen(false); }; document.addEventListener("pointerdown", away); return () => document.removeEventListener("pointerdown", away); }, []);
  const answer = useAnswer(settled ? `/search?q=${encodeURIComponent(settled)}` : null), found = open && settled ? (answer.data?.found ?? []) : [];
  const pick = (/** @type {any} */ one) => { setOpen(false); setWords(""); go(one.where); };
  /** @param {KeyboardEvent} event */
  function keys(event) {
    if (event.key === "ArrowDown") { event.preventDefault(); setAt(Math.min(found.length - 1, at + 1)); }
    else if (event.key === "ArrowUp") { event.preventDefault(); setAt(Math.max(-1, at - 1)); }
    else if (event.key === "Enter" && words.trim()) { event.preventDefault(); if (found[at]) pick(found[at]); else { setOpen(false); go(`/?q=${encodeURIComponent(words.trim())}`); } }
    else if (event.key === "Escape") { setOpen(false); /** @type {HTMLElement} */ (event.target).blur(); }
  }
  return html`<div class="finder" ref=${box}><label class="find"><${Icon} of="search" /><span class="vh">Search</span><input id="search" type="search" role="combobox" aria-expanded=${String(found.length > 0)} aria-controls="found" aria-activedescendant=${at >= 0 ? `found-${at}` : undefined} autocomplete="off" placeholder="Search incidents, services, series" maxlength="200" value=${words} onFocus=${() => setOpen(true)} onInput=${(/** @type {any} */ event) => { setWords(event.currentTarget.value); setOpen(true); setAt(-1); }} onKeyDown=${keys} /><kbd class="hint">/</kbd></label>
    <div id="found" class=${found.length ? "found card" : "found"} role="listbox" aria-label="Found">${found.map((/** @type {any} */ one, /** @type {number} */ place) => html`<a key=${one.kind + one.id} id=${`found-${place}`} role="option" aria-selected=${String(place === at)} href=${one.where} onClick=${() => setOpen(false)}><span class="chip">${one.kind}</span><span class="grow cut">${shown(one.text)}</span>${one.at && html`<span class="muted small num">${when(epoch(one.at))}</span>`}</a>`)}</div></div>`;
}

/** @param {{close: () => void}} props */
function Keys({ close }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useEffect(() => { box.current?.showModal(); }, []);
  const seen = new Set();
  return html`<dialog ref=${box} class="dialog" aria-label="Keys" onCancel=${close}><header><h2>Keys</h2><button class="btn small ghost" aria-label="Close" autofocus onClick=${close}>×</button></header><div class="body"><dl class="keylist">${allKeys().filter(([, word]) => { const fresh = !seen.has(word); seen.add(word); return fresh; }).map(([key, word]) => html`<div key=${key}><dt><kbd>${key === " " ? "space" : key}</kbd></dt><dd>${word}</dd></div>`)}</dl></div></dialog>`;
}

/** Links of ours change the page without a load. */
addEventListener("click", (event) => {
  const link = /** @type {HTMLElement} */ (event.target).closest?.("a[href^='/']");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || link.getAttribute("target") || link.getAttribute("href")?.startsWith("/api/")) return;
  event.preventDefault();
  go(link.getAttribute("href") ?? "/");
});

setTheme();
const root = document.getElementById("app");
if (root) { root.textContent = ""; render(html`<${App} />`, root); }
const begin = () => Promise.all([ask("/me"), ask("/status")]).then(([me, status]) => share({ me, status }), () => setTimeout(begin, 2_000));
void begin();
follow();
export { shared };
