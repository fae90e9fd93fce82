/**
 * One incident: what, where, since when, how sure, what to do. Lanes share one axis and one crosshair; the range is in the
 * address.
 */
import { now, reached, shared, useAnswer } from "../api.js";
import { act, Acting, Permitted } from "../acting.js";
import { Canvas, bandPlot, timeAxis } from "../canvas.js";
import { Answer, Legend, Menu, Segments, Table, Text, note, useKeys, useTwin } from "../components.js";
import { ask } from "../api.js";
import { chance, clock, clockSeconds, epoch, incidentLink, many, measure, named, safeLink, share, shown, span, when } from "../format.js";
import { Icon, Severity, State, Who } from "../glyphs.js";
import { html, useEffect, useMemo, useRef, useState } from "../html.js";
import { token } from "../plots.js";
import { go, useQuery } from "../query.js";

/** @param {{id: string}} props */
export default function Incident({ id }) {
  const answer = useAnswer(`/incidents/${encodeURIComponent(id)}`, ["incident", "action", "delivery"]);
  return html`<nav class="crumb" aria-label="Breadcrumb"><a href="/">Incidents</a><span aria-hidden="true">›</span><span class="mono">${shown(id)}</span></nav>
    <${Answer} of=${answer} lines=${12}>${(/** @type {any} */ page) => html`<${Whole} page=${page} again=${answer.again} />`}<//>`;
}

/** @param {{page: any, again: () => void}} props */
function Whole({ page, again }) {
  const [dialog, setDialog] = useState(/** @type {{verb: string, anomalies?: string[]} | null} */ (null)), [others, setOthers] = useState(/** @type {any[]} */ ([]));
  const { row, incident } = page, may = page.may, started = epoch(row.started_at), end = row.resolved_at ? epoch(row.resolved_at) : null;
  const over = row.state === "resolved" || row.state === "merged";
  useEffect(() => { document.title = `${row.title} · Floodmark`; }, [row.title]);
  const open = async (/** @type {string} */ verb, /** @type {string[]} */ anomalies = []) => {
    if (may[verb]) { note(may[verb], { bad: true }); return; }
    if (verb === "merge") setOthers((await ask("/incidents?state=needs,handled&limit=100")).rows.filter((/** @type {any} */ one) => one.id !== row.id));
    setDialog({ verb, anomalies });
  };
  const doing = async (/** @type {string} */ verb, /** @type {object} */ args = {}) => {
    if (may[verb]) { note(may[verb], { bad: true }); return; }
    const told = await act({ verb, incident: row.id, seen: row.revision, args });
    if (told) note(told, { bad: true });
    again();
  };
  useKeys({
    a: { word: "acknowledge", run: () => void doing(row.state === "acked" ? "unack" : "ack") }, s: { word: "snooze", run: () => void open("snooze") }, g: { word: "assign", run: () => void open("assign") },
    r: { word: over ? "open again" : "resolve", run: () => void open(over ? "reopen" : "resolve") }, m: { word: "merge", run: () => void open("merge") }, n: { word: "not an anomaly", run: () => void open("dismiss") },
    c: { word: "comment", run: () => document.getElementById("comment")?.focus() }, u: { word: "back to the list", run: () => go("/") },
  });
  const more = [
    ...(over ? [] : [{ word: "Merge with another", verb: "merge" }, { word: "Not an anomaly, all of it", verb: "dismiss" }, { word: "Call somebody", verb: "page" }, { word: "Priority", verb: "priority" }]),
    { word: "Wrong cause", verb: "wrong_cause" }, { word: "Link a ticket", verb: "link" },
  ].map((one) => ({ word: one.word, why: may[one.verb], run: () => void open(one.verb) }));
  const tools = [{ word: "Copy a link", run: () => void navigator.clipboard?.writeText(location.origin + incidentLink(row.id)).then(() => note("The link is copied")) }, { word: "Post-mortem as Markdown", run: () => location.assign(`/api/v1/incidents/${encodeURIComponent(row.id)}/postmortem?format=md`) }];
  return html`
    ${row.merged_into && html`<p class="banner">It was merged: <a href=${incidentLink(row.merged_into)}>${row.merged_into}</a> is the one to look at.</p>`}
    <div class="ihead"><div class="grow"><h1>${shown(row.title)}</h1>
      <div class="meta"><${Severity} of=${row.severity} /><${State} row=${row} until=${row.until ? clock(epoch(row.until)) : ""} />${row.priority && html`<span class="chip">${row.priority}</span>`}<span class="num">since ${when(started)}, ${span((end ?? reached()) - started)}</span><span>${many(row.member_count, "anomaly")}, ${row.entity_count === 1 ? "1 entity" : `${row.entity_count} entities`}</span><span>revision ${row.revision}</span><span class="row"><${Who} name=${row.owner} />${row.owner ? shown(row.owner) : "nobody has it"}</span></div>
      ${row.woke && html`<p class="woke"><b>${shown(row.woke)}</b></p>`}<p class="why"><${Text} of=${row.why} /></p>
      ${row.impact.map((/** @type {string} */ one) => html`<p class="impact" key=${one}><b>Cost</b> ${shown(one)}</p>`)}</div>
      <div class="acts" role="group" aria-label="Actions">
        ${over ? html`<${Permitted} verb="reopen" may=${may}><button class="btn" onClick=${() => open("reopen")}>Open again</button><//>`
          : row.state === "acked" ? html`<${Permitted} verb="unack" may=${may}><button class="btn" onClick=${() => doing("unack")}>Give back</button><//>`
          : html`<${Permitted} verb="ack" may=${may}><button class="btn go" onClick=${() => doing("ack")}><${Icon} of="check" />Acknowledge</button><//>`}
        ${!over && html`<${Permitted} verb="assign" may=${may}><button class="btn" onClick=${() => open("assign")}><${Icon} of="person" />Assign</button><//>
          ${row.state === "snoozed" ? html`<${Permitted} verb="unsnooze" may=${may}><button class="btn" onClick=${() => doing("unsnooze")}><${Icon} of="clock" />Wake</button><//>` : html`<${Permitted} verb="snooze" may=${may}><button class="btn" onClick=${() => open("snooze")}><${Icon} of="clock" />Snooze</button><//>`}
          <${Permitted} verb="resolve" may=${may}><button class="btn wide" onClick=${() => open("resolve")}><${Icon} of="done" />Resolve</button><//>`}
        <${Permitted} verb="good_catch" may=${may}><button class="btn wide" onClick=${() => doing("good_catch")}>Good catch</button><//>
        <${Menu} label="More" items=${[...more, ...tools]}><${Icon} of="more" /><//></div></div>
    <div class="cols"><div class="stack">
      <${Causes} row=${row} incident=${incident} />
      <${Timeline} page=${page} split=${(/** @type {string} */ one) => open("split", [one])} dismiss=${(/** @type {string} */ one) => open("dismiss", [one])} caught=${(/** @type {string} */ one) => doing("good_catch", { anomalies: [one] })} />
      <${LogLines} lanes=${page.lanes} /></div>
      <aside class="stack" aria-label="Around it">
        <${Happened} page=${page} again=${again} />
        <${Around} page=${page} /><${Nearby} page=${page} started=${started} /><${Owners} page=${page} /></aside></div>
    ${dialog && html`<${Acting} verb=${dialog.verb} anomalies=${dialog.anomalies ?? []} rows=${[row]} candidates=${others} close=${() => setDialog(null)} done=${again} />`}`;
}

/** @param {any} props */
function Causes({ row, incident }) {
  const causes = incident ? incident.causes : [];
  return html`<section class="card"><header class="wrap"><h2>Probable causes</h2><span class="muted small hint">how probable each is; look here first</span></header><div class="body">
    ${causes.length ? causes.slice(0, 6).map((/** @type {any} */ cause, /** @type {number} */ at) => html`<div class="cause" key=${cause.entity}><div class="rank num">${at + 1}</div><div class="grow"><b>${shown(cause.entity)}</b>
      <div class="meter" aria-hidden="true"><i style=${{ width: `${Math.max(2, cause.share * 100)}%`, opacity: at ? 0.5 : 1 }}></i></div>
      <ul class="signs" title=${Object.entries(cause.signs ?? {}).map(([name, value]) => `${name} ${Number(value).toFixed(2)}`).join(", ")}>${signs(cause.reason).map((one) => html`<li key=${one} class=${cause.change && /\b(deploy|config|flag|rollback|scale|model|restart)\b/.test(one) ? "chip change" : "chip"}>${shown(one)}</li>`)}</ul></div><div class="part num">${share(cause.share)}</div></div>`)
      : html`<p class="soft">${shown(row.first_reason) || "Nothing speaks for one place more than for another."}</p>`}</div></section>`;
}

/** The reason is one sentence; its parts stand between commas. @param {string} reason */
function signs(reason) {
  /** @type {string[]} */
  const out = [];
  let held = "";
  for (const part of reason.replace(/\.$/, "").split(", ")) {
    held = held ? `${held}, ${part}` : part;
    if (part.includes(" ") && (held.match(/\(/g) ?? []).length === (held.match(/\)/g) ?? []).length) { out.push(held); held = ""; }
  }
  return held ? [...out, held] : out;
}

/** @param {any} props */
function Timeline({ page, split, dismiss, caught }) {
  const query = useQuery(), { row } = page, twin = useTwin(), [more, setMore] = useState(/** @type {any[]} */ ([])), [next, setNext] = useState(/** @type {string | null} */ (""));
  const lanes = [...page.lanes, ...more], started = epoch(row.started_at), until = row.resolved_at ? epoch(row.resolved_at) : Math.max(reached(), epoch(row.updated_at));
  const tail = Math.max(240, until - started), usualFrom = started - Math.min(2_700, Math.max(900, tail * 0.9)), usualTo = until + Math.max(60, tail * 0.05);
  const from = Number(query.get("from")) || usualFrom, to = Number(query.get("to")) || usualTo, zoomed = Boolean(query.get("from"));
  const by = query.get("order") || "cause";
  const box = useRef(/** @type {HTMLElement | null} */ (null)), [cross, setCross] = useState(/** @type {number | null} */ (null)), drag = useRef(/** @type {number | null} */ (null)), [area, setArea] = useState(/** @type {number[] | null} */ (null));
  const first = Math.min(...lanes.map((one) => epoch(one.started_at)), started);
  const groups = useMemo(() => grouped(lanes, page.incident?.causes ?? [], by), [page, more, by]);
  const at = (/** @type {PointerEvent} */ event) => {
    const canvas = /** @type {HTMLElement | null} */ (box.current?.querySelector("canvas"));
    const area = canvas?.getBoundingClientRect();
    return area && event.clientX >= area.left && event.clientX <= area.right ? (event.clientX - area.left) / area.width : null;
  };
  const time = (/** @type {number} */ part) => from + part * (to - from);
  const events = {
    onPointerMove: (/** @type {PointerEvent} */ event) => { const here = at(event); setCross(here); if (drag.current !== null && here !== null) setArea([Math.min(drag.current, here), Math.max(drag.current, here)]); },
    onPointerLeave: () => { setCross(null); },
    onPointerDown: (/** @type {PointerEvent} */ event) => { if (!(/** @type {HTMLElement} */ (event.target).closest("button"))) drag.current = at(event); },
    onPointerUp: () => { if (area && (area[1] ?? 0) - (area[0] ?? 0) > 0.02) query.set({ from: String(Math.round(time(area[0] ?? 0))), to: String(Math.round(time(area[1] ?? 1))) }); drag.current = null; setArea(null); },
  };
  async function show() {
    const answer = await ask(`/incidents/${encodeURIComponent(row.id)}/lanes${next ? `?cursor=${encodeURIComponent(next)}` : ""}`);
    setMore([...more, ...answer.lanes]);
    setNext(answer.next);
  }
  const hidden = page.more_lanes - more.length;
  const changes = page.nearby.filter((/** @type {any} */ one) => epoch(one.time) > from && epoch(one.time) < to);
  const marks = (/** @type {any} */ g, /** @type {number} */ width, /** @type {number} */ height) => {
    g.fillStyle = token("--warning");
    for (const one of changes) { g.globalAlpha = row.entities.includes(one.service) ? 0.7 : 0.25; g.fillRect(((epoch(one.time) - from) / (to - from)) * width - 0.5, 0, 1.5, height); }
    g.globalAlpha = 1;
    if (area) { g.fillStyle = token("--accent"); g.globalAlpha = 0.16; g.fillRect((area[0] ?? 0) * width, 0, ((area[1] ?? 0) - (area[0] ?? 0)) * width, height); g.globalAlpha = 1; }
  };
  return html`<section class="card timeline"><header class="wrap"><h2>Timeline</h2><${Legend} items=${[["band", "expected"], ["observed", "seen"], ["odd", "odd"], ["warning", "change"]]} /><span class="grow"></span>
      ${zoomed && html`<button class="btn small" onClick=${() => query.set({ from: "", to: "" })}>Whole range</button>`}<${Segments} label="Order" value=${by} choices=${[["cause", "By cause"], ["onset", "By onset"]]} choose=${(/** @type {string} */ value) => query.set({ order: value === "cause" ? "" : value }, true)} /></header>
    ${twin ? html`<${Table} label="Members" columns=${["since", "entity", "series", "what", "how sure"]} rows=${lanes.map((one) => [when(epoch(one.started_at)), one.entity, one.series, one.summary, chance(one.p_value)])} />`
      : html`<div class="lanes" ref=${box} ...${events}>
        <div class="lane axis"><div class="l muted small">onset after the first</div><${Canvas} label=${`From ${when(from)} to ${when(to)}${changes.length ? `; changes: ${changes.map((/** @type {any} */ one) => `${one.kind} of ${one.service} at ${clock(epoch(one.time))}`).join(", ")}` : ""}`} deps=${[from, to, area, page]} paint=${(/** @type {any} */ g, /** @type {number} */ width, /** @type {number} */ height) => { timeAxis(g, width, height - 6, from, to); marks(g, width, height - 18); labels(g, width, changes.filter((/** @type {any} */ one) => row.entities.includes(one.service)), from, to); }} /><div class="r muted small">seen, and expected</div></div>
        ${groups.map((group) => html`<div key=${group.name}><div class="lgroup"><${Severity} of=${group.worst} bare /><b>${shown(group.name)}</b><span class="muted num">+${span(group.start - first)}</span><span class="muted">${group.lanes.length} of its series</span>${group.first && html`<span class="chip accent">look here first</span>`}</div>
          ${group.lanes.map((lane) => html`<${Lane} key=${lane.id} lane=${lane} from=${from} to=${to} marks=${marks} deps=${[area, page]} may=${page.may} split=${split} dismiss=${dismiss} caught=${caught} alone=${lanes.length + Math.max(0, hidden) < 2} />`)}</div>`)}
        ${cross !== null && html`<${Cross} box=${box} part=${cross} time=${time(cross)} />`}
        ${hidden > 0 && next !== null && html`<div class="lgroup"><button class="btn small" onClick=${show}>Show ${hidden.toLocaleString("en")} more</button></div>`}</div>`}
    ${row.member_count > lanes.length + Math.max(0, hidden) && html`<p class="note">${many(row.member_count - lanes.length - Math.max(0, hidden), "anomaly")} more are counted, and not listed.</p>`}</section>`;
}

/** @param {any} g @param {number} width @param {any[]} changes @param {number} from @param {number} to */
function labels(g, width, changes, from, to) {
  let free = 0;
  g.font = '600 11px Inter, "Segoe UI", system-ui, sans-serif';
  g.textAlign = "left";
  g.fillStyle = token("--warning");
  for (const one of changes) {
    const x = ((epoch(one.time) - from) / (to - from)) * width, words = shown(`${one.kind} ${one.version || one.summary}`).slice(0, 40), wide = g.measureText(words).width;
    if (x + 6 < free || x + 8 + wide > width) continue;
    g.fillText(words, x + 5, 11);
    free = x + 16 + wide;
  }
}

/** @param {any[]} lanes @param {any[]} causes @param {string} by */
function grouped(lanes, causes, by) {
  /** @type {Map<string, any[]>} */
  const found = new Map();
  for (const one of lanes) found.set(one.entity, [...(found.get(one.entity) ?? []), one]);
  const rank = (/** @type {string} */ name) => { const at = causes.findIndex((one) => one.entity === name); return at < 0 ? 99 : at; };
  const groups = [...found].map(([name, some]) => ({
    name, lanes: [...some].sort((a, b) => epoch(a.started_at) - epoch(b.started_at)), start: Math.min(...some.map((one) => epoch(one.started_at))),
    worst: ["critical", "error", "warning", "info"].find((one) => some.some((lane) => lane.severity === one)) ?? "info", first: causes[0]?.entity === name,
  }));
  return groups.sort((a, b) => (by === "onset" ? a.start - b.start : rank(a.name) - rank(b.name) || a.start - b.start));
}

/** @param {any} props */
function Lane({ lane, from, to, marks, deps, may, split, dismiss, caught, alone }) {
  const start = epoch(lane.started_at), end = lane.ended_at ? epoch(lane.ended_at) : null;
  const way = { up: "↑", down: "↓", none: "≠" }[/** @type {string} */ (lane.direction)] ?? "";
  const [explain, setExplain] = useState(false);
  const items = [
    { word: "Not an anomaly", why: may.dismiss, run: () => dismiss(lane.id) }, { word: "Good catch", why: may.good_catch, run: () => caught(lane.id) },
    { word: "Split off", why: may.split || (alone ? "It is all that the incident has." : ""), run: () => split(lane.id) }, { word: "Explain", run: () => setExplain(!explain) },
    { word: "In the explorer", run: () => go(`/explorer?open=${encodeURIComponent(lane.entity)}&row=${encodeURIComponent(lane.entity)}&from=${Math.round(from)}&to=${Math.round(to)}`) },
  ];
  return html`<div class="lanebox"><div class="lane"><div class="l"><div class="m" title=${shown(lane.series)}>${named(lane.name)} <span aria-hidden="true">${way}</span></div><div class="o">${lane.head} · ${chance(lane.p_value)}</div>${lane.judged && html`<div class="o"><b>${shown(lane.judged)}</b></div>`}</div>
    <${Canvas} label=${shown(lane.summary)} deps=${[from, to, lane, ...deps]} paint=${(/** @type {any} */ g, /** @type {number} */ width, /** @type {number} */ height) => { bandPlot(g, width, height, { points: lane.points, start, end, severity: lane.severity }, from, to, { now: reached() }); marks(g, width, height); }} />
    <div class="r num"><b>${lane.head === "stale" ? "silent" : measure(lane.observed, lane.unit)}</b><span>${lane.low !== null && lane.high !== null ? `${measure(lane.low, "1")} to ${measure(lane.high, lane.unit)}` : lane.expected !== null ? `about ${measure(lane.expected, lane.unit)}` : `since ${clock(start)}`}</span></div>
    <${Menu} label=${`What to do with ${shown(lane.name)} of ${shown(lane.entity)}`} small=${true} items=${items}><${Icon} of="more" /><//></div>
    ${lane.partial && html`<p class="small muted lanenote">Its points are gone by retention, or not published; the numbers remain.</p>`}
    ${explain && html`<p class="lanenote"><code class="command" tabindex="0">floodmark explain '${shown(lane.series)}' ${lane.started_at} FILE</code></p>`}</div>`;
}

/** @param {any} props */
function Cross({ box, part, time }) {
  const canvas = box.current?.querySelector("canvas"), outer = box.current?.getBoundingClientRect(), inner = canvas?.getBoundingClientRect();
  if (!outer || !inner) return null;
  return html`<div class="cross" aria-hidden="true" style=${{ left: `${inner.left - outer.left + part * inner.width}px` }}><em>${clockSeconds(time)}</em></div>`;
}

/** @param {{lanes: any[]}} props */
function LogLines({ lanes }) {
  const logs = lanes.filter((one) => one.lines.length).slice(0, 4);
  if (!logs.length) return null;
  return html`<section class="card"><header class="wrap"><h2>Log lines</h2><span class="muted small hint">template above, newest lines below; what varies is marked</span></header><div class="body">${logs.map((one) => html`<div class="log" key=${one.id}><div class="row wrap"><${Severity} of=${one.severity} bare /><b>${shown(one.entity)}</b><span class="muted small">${chance(one.p_value)}</span></div>
    ${one.template && html`<code class="template">${tokens(one.template)}</code>`}${one.lines.slice(-3).map((/** @type {string} */ line, /** @type {number} */ at) => html`<code class="line" key=${at}>${marked(line, one.template)}</code>`)}</div>`)}</div></section>`;
}

const HOLE = /<\*(?::[^>]*)?>/;
/** @param {string} template */
function tokens(template) {
  return shown(template).split(/(<\*(?::[^>]*)?>)/).map((part, at) => (HOLE.test(part) ? html`<mark key=${at}>${part === "<*>" ? "∗" : part.slice(3, -1)}</mark>` : part));
}

/** @param {string} line @param {string} template what varies in the line, by the template's holes */
function marked(line, template) {
  const text = shown(line).slice(0, 500), parts = shown(template).split(HOLE);
  if (parts.length < 2) return text;
  let rest = text;
  const out = [], begin = parts[0] ?? "", at = rest.indexOf(begin);
  if (at < 0) return text;
  out.push(rest.slice(0, at + begin.length));
  rest = rest.slice(at + begin.length);
  for (const [place, part] of parts.slice(1).entries()) {
    const found = part === "" ? rest.length : rest.indexOf(part);
    if (found < 0) return text;
    out.push(html`<mark key=${place}>${rest.slice(0, found)}</mark>`, part);
    rest = rest.slice(found + part.length);
  }
  return [...out, rest];
}

/** @param {{page: any}} props */
function Around({ page }) {
  const { nodes, edges } = page.topology, order = Object.keys(page.order);
  if (!nodes.length) return null;
  const worst = (/** @type {string} */ name) => ["critical", "error", "warning", "info"].find((one) => page.incident?.members.some((/** @type {any} */ member) => member.entity === name && member.severity === one));
  const depth = layers(nodes, edges), wide = 312, box = 92, step = 30;
  /** @type {Record<string, [number, number]>} */
  const place = {};
  let y = 4;
  for (const layer of depth) {
    for (let start = 0; start < layer.length; start += 3) {
      const row = layer.slice(start, start + 3), gap = (wide - row.length * box) / (row.length + 1);
      row.forEach((name, at) => { place[name] = [gap + at * (box + gap), y]; });
      y += step;
    }
    y += 12;
  }
  const first = page.row.first;
  return html`<section class="card"><header class="wrap"><h2>Who calls whom</h2><span class="muted small hint">numbers: order of onset</span></header><div class="body topo"><svg viewBox=${`0 0 ${wide} ${y}`} role="img" aria-label=${`Affected in this order: ${order.join(", ")}. ${edges.map((/** @type {string[]} */ one) => `${one[0]} calls ${one[1]}`).join(", ")}`}>
    ${edges.map((/** @type {[string, string]} */ [from, to]) => { const a = place[from], b = place[to]; if (!a || !b) return null; const hit = page.order[from] && page.order[to], ax = a[0] + box / 2, ay = a[1] + 22, bx = b[0] + box / 2; return html`<path key=${`${from}>${to}`} d=${`M${ax} ${ay}C${ax} ${ay + 12} ${bx} ${b[1] - 12} ${bx} ${b[1]}`} fill="none" stroke=${hit ? "var(--error-fill)" : "var(--line-2)"} stroke-width=${hit ? 1.4 : 0.8} opacity=".6" />`; })}
    ${nodes.map((/** @type {string} */ name) => { const at = place[name]; if (!at) return null; const severity = worst(name), hit = page.order[name] !== undefined, words = shown(name); return html`<g key=${name}><rect x=${at[0]} y=${at[1]} width=${box} height="22" rx="5" fill=${hit ? `var(--${severity ?? "info"}-soft)` : "var(--surface)"} stroke=${name === first ? `var(--${severity ?? "warning"})` : hit ? `var(--${severity ?? "info"}-fill)` : "var(--line-2)"} stroke-width=${name === first ? 2.2 : 1} /><text x=${at[0] + (hit ? 21 : box / 2)} y=${at[1] + 15} text-anchor=${hit ? "start" : "middle"}>${words.length > 11 ? `${words.slice(0, 10)}…` : words}</text>${hit && html`<circle cx=${at[0] + 11} cy=${at[1] + 11} r="7" fill=${`var(--${severity ?? "info"}-fill)`} /><text class="n" x=${at[0] + 11} y=${at[1] + 14.5} text-anchor="middle">${order.indexOf(name) + 1}</text>`}</g>`; })}</svg></div></section>`;
}

/** Callers above whom they call; rings are cut where they are met. @param {string[]} nodes @param {[string, string][]} edges */
function layers(nodes, edges) {
  /** @type {Record<string, number>} */
  const depth = {};
  const at = (/** @type {string} */ name, /** @type {string[]} */ seen) => {
    if (depth[name] !== undefined) return depth[name] ?? 0;
    const callers = edges.filter(([from, to]) => to === name && !seen.includes(from)).map(([from]) => from);
    /** @type {number} */
    const found = callers.length && seen.length < 30 ? 1 + Math.max(...callers.map((one) => at(one, [...seen, name]))) : 0;
    depth[name] = found;
    return found;
  };
  nodes.forEach((one) => at(one, []));
  /** @type {string[][]} */
  const out = [];
  for (const name of nodes) (out[depth[name] ?? 0] ??= []).push(name);
  return out.filter(Boolean);
}

/** @param {any} props */
function Nearby({ page, started }) {
  const changes = [...page.nearby].reverse().slice(0, 6);
  return html`<section class="card"><header><h2>Changes nearby</h2></header><div class="body">${changes.length ? changes.map((/** @type {any} */ one) => { const ago = started - epoch(one.time), url = safeLink(one.url); return html`<div class="change" key=${one.id}><${Icon} of="deploy" /><div><b>${shown(one.service)}</b> ${shown(one.kind)} ${shown(one.version || "")}${one.status ? ` (${one.status})` : ""}<div class="muted small">${shown(one.summary)}</div>${url && html`<a class="small" href=${url} rel="noreferrer noopener" target="_blank">where it ran</a>`}</div><span class="muted small num">${span(Math.abs(ago))} ${ago >= 0 ? "before" : "after"}</span></div>`; }) : html`<p class="soft">None in the three hours before it.</p>`}</div></section>`;
}

/** @param {any} props */
function Owners({ page }) {
  return html`<section class="card"><header><h2>Whose it is</h2></header><div class="body">
    ${page.ownership.length ? page.ownership.map((/** @type {any} */ one) => html`<div class="owner" key=${one.service}><b>${shown(one.service)}</b> <span class="soft">${shown(one.owner || "no owner")}${one.tier === null ? "" : `, tier ${one.tier}`}</span>${safeLink(one.runbook) && html` · <a href=${one.runbook} rel="noreferrer noopener" target="_blank">runbook</a>`}${one.on_call.length > 0 && html`<div class="small">on call: ${one.on_call.map(shown).join(", ")}</div>`}</div>`) : html`<p class="soft">The config names no owner of these services (<code>services.NAME.owner</code>).</p>`}
    ${page.kin.length > 0 && html`<h3>Seen before</h3>${page.kin.map((/** @type {any} */ one) => html`<div class="kin" key=${one.id}><a href=${incidentLink(one.id)}>${shown(one.title)}</a><div class="muted small">${when(epoch(one.started_at))}${one.resolved_at ? `, ${span(epoch(one.resolved_at) - epoch(one.started_at))}` : ""} · shares ${many(one.shared.length, "series").replace("seriess", "series")}</div></div>`)}`}</div></section>`;
}

/** @param {any} props */
function Happened({ page, again }) {
  const [text, setText] = useState(""), [problem, setProblem] = useState(""), [busy, setBusy] = useState(false), why = page.may.comment ?? "";
  const colour = (/** @type {any} */ one) => (one.kind === "revision" ? `var(--${one.severity}-fill)` : one.failed ? "var(--error-fill)" : one.kind === "action" ? "var(--accent)" : "var(--ink-3)");
  async function say() {
    if (!text.trim()) return;
    setBusy(true);
    const told = await act({ verb: "comment", incident: page.row.id, seen: page.row.revision, args: { text } }, { quiet: true });
    setBusy(false);
    setProblem(told);
    if (!told) { setText(""); again(); }
  }
  const undo = async (/** @type {any} */ one) => { const told = await act({ verb: one.undo, incident: page.row.id, seen: page.row.revision }); if (told) note(told, { bad: true }); again(); };
  return html`<section class="card"><header><h2>What happened</h2><a class="r small" href=${`/audit?incident=${encodeURIComponent(page.row.id)}`}>audit trail</a></header><div class="body">
    <ol class="feed">${page.entries.map((/** @type {any} */ one, /** @type {number} */ at) => html`<li key=${one.id + at}><i style=${{ background: colour(one) }} aria-hidden="true"></i><div><span>${one.by && html`<b>${shown(one.by)}</b> `}<${Text} of=${one.text} most=${300} /></span>${one.quote && html`<blockquote><${Text} of=${one.quote} /></blockquote>`}${one.undo && !page.may[one.undo] && at === lastOf(page.entries, one.undo) && html` <button class="btn small ghost" onClick=${() => undo(one)}>undo</button>`}</div><time class="muted small num" title=${when(epoch(one.at))}>${clock(epoch(one.at))}</time></li>`)}</ol>
    <form class="say" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); void say(); }}><label class="vh" for="comment">Comment</label><textarea id="comment" rows="2" maxlength="4000" placeholder=${why || "Comment"} disabled=${Boolean(why)} title=${why} value=${text} onInput=${(/** @type {any} */ event) => setText(event.currentTarget.value)}></textarea><button class="btn" disabled=${busy || !text.trim() || Boolean(why)}>${busy ? "Sending…" : "Send"}</button></form>${problem && html`<p class="wrong" role="alert">${shown(problem)}</p>`}</div></section>`;
}

/** The newest entry that a verb would take back. @param {any[]} entries @param {string} undo */
function lastOf(entries, undo) {
  for (let at = entries.length - 1; at >= 0; at--) if (entries[at].undo === undo) return at;
  return -1;
}
