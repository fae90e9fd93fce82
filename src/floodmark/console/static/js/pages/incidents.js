/**
 * Incidents: what needs somebody, what is being handled, what is over. Live rows never move what is under the cursor: what
 * is new is gathered until it is asked for. Everything works by keys.
 */
import { onLive, reached, shared, useAnswer } from "../api.js";
import { act, Acting, Permitted } from "../acting.js";
import { Canvas, Lifeline, timeAxis } from "../canvas.js";
import { Answer, Empty, Failed, Legend, Segments, Skeleton, Table, announce, useKeys, useTwin } from "../components.js";
import { ask } from "../api.js";
import { clock, epoch, incidentLink, many, shown, span, when } from "../format.js";
import { Severity, State, Who } from "../glyphs.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { token } from "../plots.js";
import { go, spanOf, useQuery } from "../query.js";
import { RangePicker } from "./parts.js";

const SEVERITIES = ["info", "warning", "error", "critical"];
const HEIGHT = 61;
const GROUPS = [["needs", "Needs you", "open, and nobody has it"], ["handled", "Being handled", "somebody has it, or it is snoozed"], ["resolved", "Resolved", "by themselves unless it says who"]];

export default function Incidents() {
  const query = useQuery(), { from, to, seconds } = spanOf(query, 172_800), twin = useTwin();
  const view = query.get("view"), least = query.get("least"), words = query.get("q"), entity = query.get("entity");
  const filter = [view === "mine" ? "owner=me" : view === "unassigned" ? "owner=" : "", least ? `severity=${least}` : "", words ? `q=${encodeURIComponent(words)}` : "", entity ? `entity=${encodeURIComponent(entity)}` : "", `from=${from}`, query.get("from") ? `to=${to}` : ""].filter(Boolean).join("&");
  const water = useAnswer(`/water?from=${from}&to=${to}&bucket=${Math.max(600, Math.ceil(seconds / 288 / 600) * 600)}`, ["incident", "anomaly"]);
  return html`
    <div class="bar"><h1>Incidents</h1><span class="grow"></span>
      <${Segments} label="View" value=${view} choices=${[["", "All"], ["mine", "Mine"], ["unassigned", "Unassigned"]]} choose=${(/** @type {string} */ value) => query.set({ view: value })} />
      <${Segments} label="Least severity" value=${least} choices=${[["", "All"], ["warning", "Warning +"], ["error", "Error +"], ["critical", "Critical"]]} choose=${(/** @type {string} */ value) => query.set({ least: value })} />
      <${RangePicker} query=${query} usual=${172_800} /></div>
    ${(words || entity) && html`<p class="banner">Only ${words ? html`what has <b>${shown(words)}</b>` : ""}${words && entity ? " and " : ""}${entity ? html`of <b>${shown(entity)}</b>` : ""} <button class="btn small" onClick=${() => query.set({ q: "", entity: "" })}>Show all</button></p>`}
    <${Answer} of=${water} lines=${2}>${(/** @type {any} */ held) => html`<${Water} held=${held} from=${from} to=${to} twin=${twin} choose=${(/** @type {number} */ a, /** @type {number} */ b) => query.set({ from: String(Math.floor(a)), to: String(Math.ceil(b)), last: "" })} />`}<//>
    <${Lists} key=${filter} filter=${filter} seconds=${seconds} />`;
}

/** How much was odd, and when: drag over it to choose a range. @param {any} props */
function Water({ held, from, to, twin, choose }) {
  const drag = useRef(/** @type {number | null} */ (null)), [area, setArea] = useState(/** @type {number[] | null} */ (null));
  const total = held.incidents.length;
  const label = `${many(held.anomalies, "anomaly")} and ${many(total, "incident")} from ${when(from)} to ${when(to)}`;
  const at = (/** @type {PointerEvent} */ event) => {
    const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    return from + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * (to - from);
  };
  const paint = (/** @type {CanvasRenderingContext2D} */ g, /** @type {number} */ width, /** @type {number} */ height) => {
    const floor = height - 40, most = Math.max(4, ...held.counts.map((/** @type {number[]} */ one) => one.reduce((a, b) => a + b, 0)));
    const x = (/** @type {number} */ time) => ((time - from) / (to - from)) * width, bar = (held.bucket / (to - from)) * width;
    g.fillStyle = token("--grid"); g.fillRect(0, floor, width, 1);
    held.counts.forEach((/** @type {number[]} */ one, /** @type {number} */ column) => {
      let y = floor;
      one.forEach((count, severity) => {
        if (!count) return;
        const high = Math.sqrt(count / most) * floor * 0.95;
        g.fillStyle = token(`--${SEVERITIES[severity]}-fill`);
        g.fillRect(x(held.start + column * held.bucket) + 0.3, y - high, Math.max(1, bar - 0.6), high);
        y -= high;
      });
    });
    /** @type {number[]} */
    const ends = [];
    for (const [, start, end, severity, open] of held.incidents) {
      const left = Math.max(0, x(start)), right = Math.max(left + 3, Math.min(width, x(end ?? to)));
      let row = 0;
      while ((ends[row] ?? -1) > left - 1) row++;
      if (row > 2) continue;
      ends[row] = right;
      g.globalAlpha = open ? 1 : 0.5; g.fillStyle = token(`--${SEVERITIES[severity]}-fill`); g.fillRect(left, floor + 4 + row * 6, right - left, 4.5); g.globalAlpha = 1;
    }
    g.fillStyle = token("--ink-3");
    for (const [time] of held.changes) { const left = x(time); g.beginPath(); g.moveTo(left, floor - 1); g.lineTo(left - 3, floor + 4); g.lineTo(left + 3, floor + 4); g.fill(); }
    timeAxis(g, width, height - 3, from, to);
    if (area) { g.fillStyle = token("--accent"); g.globalAlpha = 0.16; g.fillRect(x(area[0] ?? 0), 0, x(area[1] ?? 0) - x(area[0] ?? 0), height - 14); g.globalAlpha = 1; }
  };
  const events = {
    onPointerDown: (/** @type {PointerEvent} */ event) => { drag.current = at(event); /** @type {HTMLElement} */ (event.currentTarget).setPointerCapture(event.pointerId); },
    onPointerMove: (/** @type {PointerEvent} */ event) => { if (drag.current !== null) { const here = at(event); setArea([Math.min(here, drag.current), Math.max(here, drag.current)]); } },
    onPointerUp: () => { if (area && (area[1] ?? 0) - (area[0] ?? 0) > (to - from) / 100) choose(area[0], area[1]); drag.current = null; setArea(null); },
  };
  return html`<section class="card water" aria-label="Water level">
    <header class="row wrap"><h2>Water level</h2><span class="muted small">${many(held.anomalies, "anomaly")} → ${many(total, "incident")}, ${span(to - from)}</span><span class="grow"></span><${Legend} items=${SEVERITIES.slice(1).map((one) => [`${one}-fill`, one])} /></header>
    ${twin ? html`<${Table} label="Water level" columns=${["from", ...SEVERITIES.map((name) => ({ name, num: true }))]} rows=${held.counts.map((/** @type {number[]} */ one, /** @type {number} */ column) => [when(held.start + column * held.bucket), ...one]).filter((/** @type {any[]} */ row) => row.slice(1).some(Boolean))} empty="Nothing odd in this range." />`
      : html`<${Canvas} label=${label} kind="waterline" paint=${paint} deps=${[held, from, to, area]} events=${events} />`}</section>`;
}

/** The three lists, with one cursor over all of them. @param {{filter: string, seconds: number}} props */
function Lists({ filter, seconds }) {
  const [held, setHeld] = useState(/** @type {{rows: any[], next: string | null, counts: any} | null} */ (null)), [problem, setProblem] = useState(/** @type {any} */ (null));
  const [fresh, setFresh] = useState(/** @type {Map<string, any>} */ (new Map())), [cursor, setCursor] = useState(""), [marked, setMarked] = useState(/** @type {Set<string>} */ (new Set()));
  const [dialog, setDialog] = useState(""), [loading, setLoading] = useState(false);
  const list = useRef(held);
  list.current = held;

  async function load(/** @type {string | null} */ next = null) {
    setLoading(true);
    try {
      const open = next ? null : await ask(`/incidents?state=needs,handled&sort=urgency&limit=200&${filter}`);
      const over = await ask(`/incidents?state=resolved&limit=100&${filter}${next ? `&cursor=${encodeURIComponent(next)}` : ""}`);
      setHeld((before) => ({ rows: next && before ? [...before.rows, ...over.rows] : [...(open ? open.rows : []), ...over.rows], next: over.next, counts: over.counts }));
      setProblem(null);
      if (!next) setFresh(new Map());
    } catch (error) { setProblem(error); }
    setLoading(false);
  }
  useEffect(() => { void load(); }, [filter]);
  useEffect(() => onLive(["incident", "gap"], (event) => {
    if (event.kind === "gap") { void load(); return; }
    const row = event.row;
    if (!row) return;
    if (row.severity === "critical" && row.event === "opened" && row.state === "open") announce(`New critical incident: ${row.title}`);
    const known = list.current?.rows.find((one) => one.id === row.id);
    if (known && known.state === row.state) setHeld((before) => before && { ...before, rows: before.rows.map((one) => (one.id === row.id ? row : one)) });
    else setFresh((before) => new Map(before).set(row.id, row));
  }), [filter]);

  const rows = held ? held.rows : [], groups = GROUPS.map(([key, title, note]) => ({ key: key ?? "", title, note, rows: rows.filter((one) => groupOf(one) === key) }));
  const order = groups.flatMap((group) => group.rows), place = Math.max(0, order.findIndex((one) => one.id === cursor)), here = order[place];
  const meant = marked.size ? order.filter((one) => marked.has(one.id)) : here ? [here] : [];
  const move = (/** @type {number} */ by) => {
    const next = order[Math.min(order.length - 1, Math.max(0, cursor ? place + by : 0))];
    if (next) { setCursor(next.id); document.getElementById(`row-${next.id}`)?.scrollIntoView({ block: "nearest" }); }
  };
  const each = async (/** @type {string} */ verb) => { for (const one of meant) { const told = await act({ verb, incident: one.id, seen: one.revision }); if (told) { const { note } = await import("../components.js"); note(told, { bad: true }); } } setMarked(new Set()); };
  const show = (/** @type {string} */ verb) => { if (meant.length) setDialog(verb); };
  useKeys({
    j: { word: "next incident", run: () => move(1) }, ArrowDown: { word: "next incident", run: () => move(1) }, k: { word: "incident before", run: () => move(-1) }, ArrowUp: { word: "incident before", run: () => move(-1) },
    Enter: { word: "open it", run: () => here && go(incidentLink(here.id)) }, x: { word: "mark it", run: () => here && setMarked((before) => { const next = new Set(before); if (!next.delete(here.id)) next.add(here.id); return next; }) },
    a: { word: "acknowledge", run: () => void each("ack") }, s: { word: "snooze", run: () => show("snooze") }, r: { word: "resolve", run: () => show("resolve") }, m: { word: "merge those marked", run: () => show("merge") },
    g: { word: "assign", run: () => show("assign") }, n: { word: "not an anomaly", run: () => show("dismiss") }, c: { word: "comment", run: () => show("comment") }, ".": { word: "show what is new", run: () => void load() },
    Escape: { word: "unmark all", run: () => setMarked(new Set()) },
  });

  if (!held) return problem ? html`<${Failed} problem=${problem} again=${() => load()} />` : html`<${Skeleton} lines=${8} />`;
  const status = shared.status;
  return html`
    ${problem && html`<p class="banner" role="status">What stands here is old: ${shown(problem.message)} <button class="btn small" onClick=${() => load()}>Try again</button></p>`}
    ${fresh.size > 0 && html`<p class="fresh" role="status"><button class="btn go" onClick=${() => load()}>${fresh.size} new or moved, show</button></p>`}
    ${!order.length && html`<${Empty} title=${`No incident in ${span(seconds)}`}>${status?.building ? "What was told before is still being read." : html`Nothing was told${status?.reached ? html` up to ${when(epoch(status.reached))}, the event time that the engine has reached` : ": the engine has said nothing yet"}${status?.series ? `; ${status.series.toLocaleString("en")} series are watched` : ""}. A longer range may have some; the page <a href="/engine">Engine</a> says whether all is read.`}<//>`}
    ${groups.map((group) => group.rows.length > 0 && html`<section key=${group.key} aria-label=${group.title}><div class="group"><h2>${group.title}</h2><span class="muted num">${held.counts[group.key] ?? group.rows.length}</span><span class="muted small">${group.note}</span></div>
      <${Windowed} rows=${group.rows} cursor=${here?.id ?? ""} marked=${marked} choose=${(/** @type {string} */ id) => setCursor(id)} mark=${(/** @type {string} */ id) => setMarked((before) => { const next = new Set(before); if (!next.delete(id)) next.add(id); return next; })} /></section>`)}
    ${held.next && html`<p><button class="btn" disabled=${loading} onClick=${() => load(held.next)}>Show older ones</button></p>`}
    ${marked.size > 0 && html`<div class="marked card" role="toolbar" aria-label="Marked incidents"><b>${many(marked.size, "incident")} marked</b>${[["ack", "Acknowledge"], ["assign", "Assign"], ["snooze", "Snooze"], ["resolve", "Resolve"], ["merge", "Merge"], ["dismiss", "Not an anomaly"]].map(([verb, word]) => html`<${Permitted} key=${verb} verb=${verb}><button class="btn small" onClick=${() => (verb === "ack" ? each("ack") : setDialog(verb ?? ""))}>${word}</button><//>`)}<button class="btn small ghost" onClick=${() => setMarked(new Set())}>Unmark</button></div>`}
    <div class="keys hint" aria-hidden="true">${[["j k", "move"], ["↵", "open"], ["a", "acknowledge"], ["s", "snooze"], ["x", "mark"], ["m", "merge"], ["n", "not an anomaly"], ["/", "search"], ["?", "all keys"]].map(([key, word]) => html`<span key=${key}><kbd>${key}</kbd>${word}</span>`)}</div>
    ${dialog && html`<${Acting} verb=${dialog} rows=${meant} candidates=${order.filter((one) => one.id !== here?.id && one.state !== "resolved")} close=${() => setDialog("")} done=${() => setMarked(new Set())} />`}`;
}

/** @param {any} row */
function groupOf(row) {
  if (row.state === "resolved" || row.state === "merged") return row.state === "merged" ? "" : "resolved";
  return row.state === "open" || row.state === "none" ? (row.owner ? "handled" : "needs") : "handled";
}

/** Only the rows that are seen, and some beside them, are in the page. @param {any} props */
function Windowed({ rows, cursor, marked, choose, mark }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null)), [from, setFrom] = useState(0), [narrow] = useState(() => matchMedia("(max-width: 760px)").matches);
  const whole = rows.length <= 60 || narrow;
  useEffect(() => {
    if (whole) return undefined;
    const look = () => { const top = box.current?.getBoundingClientRect().top ?? 0; setFrom(Math.max(0, Math.floor(-top / HEIGHT / 8) * 8 - 8)); };
    addEventListener("scroll", look, { passive: true });
    look();
    return () => removeEventListener("scroll", look);
  }, [whole]);
  const count = Math.ceil(innerHeight / HEIGHT) + 20, first = whole ? 0 : Math.min(from, Math.max(0, rows.length - count)), shownRows = whole ? rows : rows.slice(first, first + count);
  return html`<div class="card list" ref=${box} role="list"><div style=${{ height: `${first * HEIGHT}px` }}></div>
    ${shownRows.map((/** @type {any} */ row) => html`<${Row} key=${row.id} row=${row} here=${row.id === cursor} marked=${marked.has(row.id)} choose=${choose} mark=${mark} />`)}
    <div style=${{ height: `${Math.max(0, rows.length - first - shownRows.length) * HEIGHT}px` }}></div></div>`;
}

/** @param {any} props */
function Row({ row, here, marked, choose, mark }) {
  const started = epoch(row.started_at), end = row.resolved_at ? epoch(row.resolved_at) : reached();
  const life = `${many(row.member_count, "anomaly")} of ${row.entity_count === 1 ? "1 entity" : `${row.entity_count} entities`}`;
  return html`<div class=${`inc ${here ? "here" : ""} ${marked ? "markedrow" : ""}`} role="listitem" id=${`row-${row.id}`} onPointerEnter=${() => {}} onClick=${() => choose(row.id)}>
    <div class="lead"><label class="tick"><input type="checkbox" checked=${marked} aria-label=${`Mark ${shown(row.title)}`} onChange=${() => mark(row.id)} /></label><div><${Severity} of=${row.severity} /><div><${State} row=${row} until=${row.state === "snoozed" && row.until ? clock(epoch(row.until)) : ""} /></div></div></div>
    <div class="what"><a class="t" href=${incidentLink(row.id)}>${shown(row.title)}</a>
      <div class="c">${row.woke ? html`<b>${shown(row.woke)}</b> · ` : ""}${row.first ? html`Look first at <b>${shown(row.first)}</b>${row.first_share < 0.995 && row.first_share > 0 ? ` (${Math.round(row.first_share * 100)} %)` : ""}${row.first_change ? html` · <b>${shown(row.first_change)}</b>` : html` · ${shown(row.first_reason)}`}` : shown(row.why)}</div></div>
    <div class="lifebox" title=${life}><span class="vh">${life}</span><${Lifeline} row=${row} until=${end} /></div>
    <div class="ents">${row.entities.slice(0, 3).map((/** @type {string} */ one) => html`<span class="chip" key=${one}>${shown(one)}</span>`)}${row.entity_count > 3 && html`<span class="chip">+${row.entity_count - 3}</span>`}</div>
    <div class="age num"><b>${span(end - started)}</b>${when(started)}</div><${Who} name=${row.owner} /></div>`;
}
