/**
 * On call: who is now and next, in which shifts and with which gaps; what is muted and not judged, and what that means
 * now; where an incident would go, how each person is told, and what could not be delivered.
 */
import { colourOf, selectors } from "../figures.js";
import { ticks } from "../plots.js";
import {
  Answer, Dialog, Empty, Field, Severity, Table, act, epoch, html, incidentLink, now, people, schedules, span, useAnswer, useEffect, useMemo, useQuery, useState, when, whenIn, zoneName, useNarrow, Permitted,
} from "./parts.js";

/** @typedef {[person: string, start: number, end: number, override: boolean]} Shift */
/** @typedef {{name: string, timezone: string, now: string, next: string, next_at: string | null, shifts: Shift[], gaps: [number, number][]}} Schedule */
/** @typedef {{[key: string]: string | string[]}} Match */
/** @typedef {{id: string, verb: "silence" | "maintain", by: string, reason: string, match: Match, since: string, until: string, over: boolean, mutes: string[], muted: number}} Silence */
/** @typedef {{name: string, match: Match, targets: string[], chain: string, steps: string[]}} Route */
/** @typedef {{target: string, key: string, id: string, event: string, result: string, at: string, revision?: number, attempts?: number, due?: string, reason?: string}} Delivery */
/** @typedef {{schedules: Schedule[], silences: Silence[], routes: Route[], people: {[name: string]: string[]}, failed: Delivery[], configured: boolean}} OnCallAnswer */

const DAY = 86_400;
const COLOURS = 6;
const DURATIONS = [["1800", "30 min"], ["3600", "1 h"], ["7200", "2 h"], ["14400", "4 h"], ["28800", "8 h"], ["86400", "1 day"], ["604800", "7 days"]];

/** The page. */
export default function OnCall() {
  const query = useQuery(), narrow = useNarrow();
  const days = narrow ? 3 : 7, from = Number(query.get("week")) || dayStart(now()) - (narrow ? 0 : DAY), to = from + days * DAY;
  const answer = /** @type {import("./parts.js").Asked<OnCallAnswer>} */ (useAnswer(`/oncall?from=${from}&to=${to}`, ["action", "delivery"]));
  const [dialog, setDialog] = useState("");
  const close = () => { setDialog(""); answer.again(); };
  return html`
    <div class="bar"><h1>On call</h1><span class="grow"></span>
      <${Permitted} verb="handover"><button class="btn" onClick=${() => setDialog("handover")}>Hand over</button><//>
      <${Permitted} verb="override"><button class="btn" onClick=${() => setDialog("override")}>Override</button><//>
      <${Permitted} verb="silence"><button class="btn" onClick=${() => setDialog("silence")}>New silence</button><//>
      <${Permitted} verb="maintain"><button class="btn" onClick=${() => setDialog("maintain")}>Plan maintenance</button><//>
    </div>
    <${Answer} of=${answer} lines=${10}>${(/** @type {OnCallAnswer} */ held) => html`
      ${held.configured ? html`<${Week} held=${held} from=${from} to=${to} query=${query} days=${days} />` : html`<${NotConfigured} />`}
      <div class="grid2">
        <div class="stack"><${Silences} rows=${held.silences.filter((one) => one.verb === "silence")} again=${answer.again} />${held.configured && html`<${Tester} routes=${held.routes} query=${query} /><${Routes} routes=${held.routes} />`}</div>
        <div class="stack"><${Windows} rows=${held.silences.filter((one) => one.verb === "maintain")} again=${answer.again} />${held.configured && html`<${People} people=${held.people} /><${Failed} rows=${held.failed} query=${query} />`}</div>
      </div>
      ${dialog === "silence" || dialog === "maintain" ? html`<${Mute} verb=${dialog} close=${close} />` : dialog ? html`<${Turn} verb=${dialog} schedules=${held.schedules} close=${close} />` : null}`}<//>`;
}

/** @param {number} time the local midnight before it */
function dayStart(time) {
  const date = new Date(time * 1000);
  date.setHours(0, 0, 0, 0);
  return date.getTime() / 1000;
}

function NotConfigured() {
  return html`<${Empty} title="Nobody is told yet">
    <p>No <code>notify:</code> stands in the config, so there are no schedules and no routes. Silences below hold once there are. Add to <code>floodmark.yaml</code>:</p>
    <pre tabindex="0">notify:
  targets:
    room: {slack: {token: "\${SLACK_TOKEN}", channel: C0123456789}}
    pager: {pagerduty: {routing_key: "file:/run/secrets/pagerduty"}}
  people:
    ann: {targets: [pager], timezone: Europe/Berlin}
    bob: {targets: [pager], timezone: Europe/Lisbon}
  schedules:
    duty: {timezone: Europe/Berlin, rotation: [ann, bob], every: 1w, handoff: "mon 09:00"}
  chains:
    duty: {steps: [{notify: [duty], wait: 5m}, {notify: [ann, bob]}]}
  routes:
    - {name: all, targets: [room], chain: duty}</pre>
    <p>Then <code>floodmark check</code> says whether every service reaches somebody, and <code>floodmark notify</code> tells them.</p><//>`;
}

/** @param {{held: OnCallAnswer, from: number, to: number, query: import("./parts.js").Query, days: number}} props */
function Week({ held, from, to, query, days }) {
  const gaps = held.schedules.reduce((sum, one) => sum + one.gaps.length, 0);
  if (!held.schedules.length) return html`<${Empty} title="No schedule">People are told by the routes alone. <code>notify.schedules</code> says who is on call when.<//>`;
  return html`<section class="card week">
    <header class="wrap"><h2>${days === 7 ? "Week" : `${days} days`} from ${when(from, true)}</h2><span class="muted small hint">your time, ${zoneName()}; full bars are overrides</span>
      <span class="r row">${gaps ? html`<span class="pill bad">${gaps} ${gaps === 1 ? "gap" : "gaps"}: nobody is on call</span>` : html`<span class="pill ok">no gap</span>`}
        <button class="btn small" aria-label="Earlier" onClick=${() => query.set({ week: String(from - days * DAY) }, true)}>‹</button>
        <button class="btn small" onClick=${() => query.set({ week: "" }, true)}>Today</button>
        <button class="btn small" aria-label="Later" onClick=${() => query.set({ week: String(from + days * DAY) }, true)}>›</button></span></header>
    <div class="shiftrow axisrow"><div class="l"></div><svg class="shiftaxis" aria-hidden="true">${Array.from({ length: days }, (_, at) => html`<text key=${at} x=${`${((at + 0.02) / days) * 100}%`} y="14">${when(from + at * DAY + DAY / 2, true)}</text>`)}</svg><div class="r"></div></div>
    ${held.schedules.map((one) => html`<${Lane} key=${one.name} schedule=${one} from=${from} to=${to} days=${days} />`)}
  </section>`;
}

/** @param {{schedule: Schedule, from: number, to: number, days: number}} props */
function Lane({ schedule, from, to, days }) {
  const x = (/** @type {number} */ time) => Math.max(0, Math.min(100, ((time - from) / (to - from)) * 100)), at = now();
  const shifts = schedule.shifts.filter(([, start, end]) => end > from && start < to);
  const said = shifts.map(([person, start, end, override]) => `${person || "nobody"} ${when(start)} to ${when(end)}${override ? " (override)" : ""}`).join("; ");
  return html`<div class="shiftrow">
    <div class="l"><b>${schedule.name}</b><div class="muted small">${schedule.timezone}</div></div>
    <svg class="shifts" role="img" aria-label=${`${schedule.name}: ${said || "nobody"}`}>
      ${Array.from({ length: days }, (_, day) => html`<rect key=${`d${day}`} class="day" x=${`${(day / days) * 100}%`} y="0" width="1" height="44" />`)}
      ${schedule.gaps.filter(([start, end]) => end > from && start < to).map(([start, end]) => html`<svg key=${`g${start}`} x=${`${x(start)}%`} width=${`${x(end) - x(start)}%`} y="6" height="32"><title>${`nobody from ${when(start)} to ${when(end)}`}</title><rect class="gap" width="100%" height="32" rx="3" /><text x="6" y="20">nobody</text></svg>`)}
      ${[...shifts].sort((a, b) => Number(a[3]) - Number(b[3])).map(([person, start, end, override]) => html`<svg key=${`${start}${override}`} x=${`${x(start)}%`} width=${`${x(end) - x(start)}%`} y=${override ? 11 : 6} height=${override ? 22 : 32}>
        <title>${`${person}, ${when(start)} to ${when(end)}${override ? ", override" : ""}`}</title><rect class=${`shift c${colourOf(person, COLOURS)} ${override ? "full" : ""}`} x="1" width="99.5%" height=${override ? 22 : 32} rx="3" /><text class=${override ? "full" : ""} x="8" y=${override ? 15 : 20}>${person}</text></svg>`)}
      ${at > from && at < to ? html`<rect class="now" x=${`${x(at)}%`} y="0" width="1.5" height="44" />` : null}
    </svg>
    <div class="r"><b>${schedule.now ? `${schedule.now} now` : html`<span class="up">nobody now</span>`}</b>
      <div class="muted small">${schedule.next && schedule.next_at ? html`then ${schedule.next}, ${when(epoch(schedule.next_at))}${zoneName() === schedule.timezone ? "" : html`<br/>(there ${whenIn(epoch(schedule.next_at), schedule.timezone)})`}` : "nobody after that"}</div></div></div>`;
}

/** @param {{rows: Silence[], again: () => void}} props */
function Silences({ rows, again }) {
  const [over, setOver] = useState(false), shown = rows.filter((one) => over || !one.over);
  return html`<section class="card"><header class="wrap"><h2>Silences</h2><span class="muted small hint">mute messages, never detection</span>
      ${rows.some((one) => one.over) && html`<span class="r"><button class="btn small ghost" aria-pressed=${over} onClick=${() => setOver(!over)}>${over ? "Only those that hold" : `${rows.filter((one) => one.over).length} that are over`}</button></span>`}</header>
    ${shown.length ? html`<${Table} label="Silences" columns=${["matches", "by, why", { name: "mutes now", num: true }, { name: "so far", num: true }, "ends", ""]} rows=${shown.map((one) => [
      html`<code>${selectors(one.match)}</code>`, html`<b>${one.by}</b><div class="soft small">${one.reason || "no reason given"}</div>`,
      one.mutes.length ? html`<details class="mutes"><summary>${one.mutes.length}</summary>${one.mutes.slice(0, 10).map((id) => html`<a key=${id} href=${incidentLink(id)}>${id}</a>`)}</details>` : "0", one.muted, html`<${Ends} row=${one} />`, html`<${Undo} row=${one} again=${again} />`])} />`
      : html`<div class="body"><p class="soft">None holds: every incident is told as its route says.</p></div>`}</section>`;
}

/** @param {{row: Silence}} props */
function Ends({ row }) {
  const left = epoch(row.until) - now();
  if (row.over || left <= 0) return html`<span class="muted nowrap">over since ${when(epoch(row.until))}</span>`;
  return left < 900 ? html`<span class="pill warn">in ${span(left)}, owner is told</span>` : html`<span class="nowrap" title=${when(epoch(row.until))}>in ${span(left)}</span>`;
}

/** Extend and end.
 * @param {{row: Silence, again: () => void}} props */
function Undo({ row, again }) {
  const [problem, setProblem] = useState(""), [busy, setBusy] = useState(false);
  if (row.over) return null;
  const end = row.verb === "silence" ? "unsilence" : "unmaintain";
  /** @param {boolean} longer */
  async function run(longer) {
    setBusy(true);
    const until = new Date((Math.max(now(), epoch(row.until)) + 3600) * 1000).toISOString();
    const since = row.verb === "maintain" ? { since: row.since } : {};
    const told = longer ? await act({ verb: row.verb, reason: row.reason, args: { match: row.match, until, ...since } }) : "";
    const ended = told || (await act({ verb: end, reason: longer ? "extended" : "", args: { undoes: row.id } }));
    setBusy(false);
    setProblem(ended);
    if (!ended) again();
  }
  return html`<div class="row">
    <${Permitted} verb=${row.verb}><button class="btn small" disabled=${busy} onClick=${() => run(true)} title="one hour more">Extend</button><//>
    <${Permitted} verb=${end}><button class="btn small ghost" disabled=${busy} onClick=${() => run(false)}>End</button><//>
    ${problem && html`<span class="up small" role="alert">${problem}</span>`}</div>`;
}

/** @param {{rows: Silence[], again: () => void}} props */
function Windows({ rows, again }) {
  const shown = rows.filter((one) => !one.over);
  return html`<section class="card"><header class="wrap"><h2>Maintenance</h2><span class="muted small hint">not judged, not learned</span></header><div class="body">${shown.length
    ? html`<ul class="plain">${shown.map((one) => html`<li key=${one.id} class="window"><div><code>${selectors(one.match)}</code><div class="soft">${one.reason || "no reason given"}, by ${one.by}</div><div class="muted num small">${when(epoch(one.since))} to ${when(epoch(one.until))}${epoch(one.since) > now() ? `, in ${span(epoch(one.since) - now())}` : ", holds now"}</div></div><${Undo} row=${one} again=${again} /></li>`)}</ul>`
    : html`<p class="soft">None is planned. What is in a maintenance is neither judged nor learned from, so that a planned restart costs no alarm.</p>`}</div></section>`;
}

/** @param {{routes: Route[]}} props */
function Routes({ routes }) {
  return html`<section class="card"><header class="wrap"><h2>Routes</h2><span class="muted small hint">the first that matches has it</span></header>${routes.length
    ? html`<${Table} label="Routes" columns=${["route", "matches", "told to", "chain"]} rows=${routes.map((one) => [html`<b class="name">${one.name}</b>`, html`<code>${selectors(one.match)}</code>`, one.targets.map((target) => html`<span key=${target} class="chip">${target}</span> `), one.chain ? html`<span class="name">${one.chain}</span>${one.steps.length ? html`<div class="soft small">${one.steps.join("; ")}</div>` : null}` : html`<span class="muted">none</span>`])} />`
    : html`<div class="body"><p class="soft">None: nobody is told. <code>notify.routes</code> says who has what.</p></div>`}</section>`;
}

/** Where an incident would go.
 * @param {{routes: Route[], query: import("./parts.js").Query}} props */
function Tester({ routes, query }) {
  const id = query.get("test"), open = useAnswer("/incidents?state=needs,handled,resolved&limit=30", ["incident"]);
  const answer = /** @type {import("./parts.js").Asked<{route: string, steps: [number, string][], why: string}>} */ (useAnswer(id ? `/routes/test?incident=${encodeURIComponent(id)}` : null, []));
  const rows = /** @type {any[]} */ (open.data?.rows ?? []), row = rows.find((one) => one.id === id);
  return html`<section class="card"><header class="wrap"><h2>Where would this go?</h2><span class="r muted small hint">routes tested on a real incident</span></header><div class="body">
    <label class="field"><span>Incident</span><select value=${id} onChange=${(/** @type {Event} */ event) => query.set({ test: /** @type {HTMLSelectElement} */ (event.currentTarget).value }, true)}>
      <option value="">${rows.length ? "choose one" : "none yet"}</option>${rows.map((one) => html`<option key=${one.id} value=${one.id} selected=${one.id === id}>${one.title}</option>`)}</select></label>
    ${row && html`<p class="row wrap"><${Severity} of=${row.severity} /><a href=${incidentLink(row.id)}>${row.title}</a></p>`}
    ${id && html`<${Answer} of=${answer} lines=${3}>${(/** @type {{route: string, steps: [number, string][], why: string}} */ held) => held.route
      ? html`<p>Route <b>${held.route}</b>${held.why && html`: <span class="soft">${held.why}</span>`}</p>${held.steps.length ? html`<ul class="feed">${held.steps.map(([after, text]) => html`<li><span class="dot"></span><div>${text}</div><time>${after <= 0 ? "at once" : `after ${span(after)}`}</time></li>`)}</ul>` : html`<p class="soft">It is told once and rings nobody.</p>`}`
      : html`<p class="up">No route has it, so nobody would be told. <span class="soft">${held.why}</span></p>`}<//>`}
    ${!id && html`<p class="soft">${routes.length ? "Choose an incident: each step of its chain is said, with the time after its opening." : "There are no routes to try."}</p>`}</div></section>`;
}

/** @param {{people: {[name: string]: string[]}}} props */
function People({ people: all }) {
  const names = Object.keys(all);
  return html`<section class="card"><header><h2>People</h2></header><div class="body">${names.length ? html`<dl class="kv">${names.map((name) => html`<dt key=${name}><b>${name}</b></dt><dd>${(all[name] ?? []).length ? (all[name] ?? []).map((rule) => html`<div key=${rule}>${rule}</div>`) : "as the route says"}</dd>`)}</dl>` : html`<p class="soft">None are named: <code>notify.people</code>.</p>`}</div></section>`;
}

/** @param {{rows: Delivery[], query: import("./parts.js").Query}} props */
function Failed({ rows, query }) {
  const all = query.get("deliveries") === "all", answer = useAnswer(all ? "/deliveries" : null, ["delivery"]);
  const shown = /** @type {Delivery[]} */ (all ? (answer.data?.deliveries ?? []) : rows);
  return html`<section class="card"><header class="wrap"><h2>${all ? "Deliveries" : "Deliveries that failed"}</h2><span class="r"><button class="btn small ghost" aria-pressed=${all} onClick=${() => query.set({ deliveries: all ? "" : "all" }, true)}>${all ? "Only failures" : "All"}</button></span></header><div class="body">${shown.length
    ? html`<ul class="plain">${shown.slice(0, 50).map((one) => html`<li key=${one.id} class="delivery"><div><b>${one.target}</b> <span class="soft">${one.event} of ${one.key.startsWith("inc-") ? html`<a href=${incidentLink(one.key)}>${one.key}</a>` : one.key}</span>
        <div class="soft small">${one.reason || "taken"}${one.attempts && one.attempts > 1 ? `; tried ${one.attempts} times` : ""}${one.due && one.result === "waiting" ? `, again ${epoch(one.due) > now() ? `in ${span(epoch(one.due) - now())}` : "now"}` : ""}</div></div>
        <div class="muted num small nowrap"><span class=${`pill ${one.result === "delivered" ? "ok" : one.result === "waiting" || one.result === "dropped" ? "warn" : "bad"}`}>${one.result}</span><br/>${when(epoch(one.at))}</div></li>`)}</ul>`
    : html`<p class="soft">${all ? "Nothing has been told yet." : "None: all that was told has arrived."}</p>`}</div></section>`;
}

/** A new silence or maintenance, with what it would mute while it is written.
 * @param {{verb: "silence" | "maintain", close: () => void}} props */
function Mute({ verb, close }) {
  const [rows, setRows] = useState([{ key: "entity", value: "" }]), [reason, setReason] = useState(""), [length, setLength] = useState("3600");
  const [start, setStart] = useState(""), [problem, setProblem] = useState(""), [busy, setBusy] = useState(false);
  const match = useMemo(() => /** @type {Match} */ (Object.fromEntries(rows.filter((row) => row.key.trim() && row.value.trim()).map((row) => {
    const values = row.value.split(",").map((one) => one.trim()).filter(Boolean);
    return [row.key.trim(), values.length > 1 ? values : (values[0] ?? "")];
  }))), [rows]);
  const text = JSON.stringify(match), [settled, setSettled] = useState(text);
  useEffect(() => { const timer = setTimeout(() => setSettled(text), 250); return () => clearTimeout(timer); }, [text]);
  const preview = /** @type {import("./parts.js").Asked<{now: any[], week: number, problem: string}>} */ (useAnswer(settled === "{}" ? null : `/silences/preview?match=${encodeURIComponent(settled)}`, []));
  const begins = start ? new Date(start).getTime() / 1000 : now(), late = start && Number.isNaN(begins);
  /** @param {number} at @param {{key?: string, value?: string}} next */
  const change = (at, next) => setRows(rows.map((row, place) => (place === at ? { ...row, ...next } : row)));
  async function send() {
    setBusy(true);
    const args = { match, until: new Date((begins + Number(length)) * 1000).toISOString(), ...(verb === "maintain" ? { since: new Date(begins * 1000).toISOString() } : {}) };
    const told = await act({ verb, reason, args });
    setBusy(false);
    if (told) setProblem(told);
    else close();
  }
  return html`<${Dialog} title=${verb === "silence" ? "New silence" : "Plan maintenance"} close=${close} send=${send} word=${verb === "silence" ? "Silence" : "Plan"} busy=${busy} ready=${text !== "{}" && reason.trim() !== "" && !late && !preview.data?.problem} problem=${problem || preview.data?.problem || ""}>
    <p class="soft">${verb === "silence" ? "Messages of what matches are held back; it is found and shown as ever." : "What matches is neither judged nor learned from in that time, in event time."}</p>
    <datalist id="selectors">${["entity", "scope", "owner", "tier", "signal", "severity"].map((name) => html`<option key=${name} value=${name}></option>`)}</datalist>
    ${rows.map((row, at) => html`<div key=${at} class="row matcher"><${Field} label="Label"><input list="selectors" value=${row.key} maxlength="200" onInput=${(/** @type {Event} */ event) => change(at, { key: valueOf(event) })} /><//><span class="eq">=</span>
      <${Field} label="Value, * fits anything; commas: or"><input value=${row.value} maxlength="1000" autofocus=${at === 0} onInput=${(/** @type {Event} */ event) => change(at, { value: valueOf(event) })} /><//>
      ${rows.length > 1 && html`<button type="button" class="btn small ghost" aria-label="Remove this selector" onClick=${() => setRows(rows.filter((_, place) => place !== at))}>×</button>`}</div>`)}
    <button type="button" class="btn small" onClick=${() => setRows([...rows, { key: "", value: "" }])}>And another label</button>
    <div class="row wrap fields">
      ${verb === "maintain" && html`<${Field} label="From (empty: now)"><input type="datetime-local" value=${start} onInput=${(/** @type {Event} */ event) => setStart(valueOf(event))} /><//>`}
      <${Field} label="For"><select value=${length} onChange=${(/** @type {Event} */ event) => setLength(valueOf(event))}>${DURATIONS.map(([value, name]) => html`<option key=${value} value=${value} selected=${value === length}>${name}</option>`)}</select><//></div>
    <${Field} label="Why"><input value=${reason} maxlength="4000" onInput=${(/** @type {Event} */ event) => setReason(valueOf(event))} /><//>
    <div class="preview" role="status">${settled === "{}" ? "Say what it is about." : preview.data ? html`<b>${verb === "silence" ? "Mutes now" : "Open incidents that it touches"}: ${preview.data.now.length}.</b> Of the last seven days it would have had ${preview.data.week}.
      <ul class="plain">${preview.data.now.slice(0, 5).map((one) => html`<li key=${one.id} class="row"><${Severity} of=${one.severity} /><span>${one.title}</span></li>`)}</ul>` : "…"}</div><//>`;
}

/** @param {Event} event */
const valueOf = (event) => /** @type {HTMLInputElement} */ (event.currentTarget).value;

/** Somebody takes a turn: for a time (override), or from now on until the next handoff (handover).
 * @param {{verb: string, schedules: Schedule[], close: () => void}} props */
function Turn({ verb, schedules: rows, close }) {
  const [schedule, setSchedule] = useState(rows[0]?.name ?? ""), [to, setTo] = useState(""), [start, setStart] = useState(""), [length, setLength] = useState("14400");
  const [reason, setReason] = useState(""), [problem, setProblem] = useState(""), [busy, setBusy] = useState(false);
  const begins = start ? new Date(start).getTime() / 1000 : now();
  async function send() {
    setBusy(true);
    const args = { schedule, to, ...(verb === "override" ? { since: new Date(begins * 1000).toISOString(), until: new Date((begins + Number(length)) * 1000).toISOString() } : {}) };
    const told = await act({ verb, reason, args });
    setBusy(false);
    if (told) setProblem(told);
    else close();
  }
  const held = rows.find((one) => one.name === schedule);
  return html`<${Dialog} title=${verb === "override" ? "Override a schedule" : "Hand over"} close=${close} send=${send} word=${verb === "override" ? "Override" : "Hand over"} busy=${busy} ready=${Boolean(schedule && to)} problem=${problem}>
    <p class="soft">${verb === "override" ? "Somebody is on call instead, for a time." : "Somebody takes over what is left of the shift that is going on."}</p>
    <${Field} label="Schedule"><select value=${schedule} onChange=${(/** @type {Event} */ event) => setSchedule(valueOf(event))}>${rows.map((one) => html`<option key=${one.name} value=${one.name} selected=${one.name === schedule}>${one.name}</option>`)}</select><//>
    ${held && html`<p class="soft small">${held.now || "Nobody"} is on call now${held.next && held.next_at ? `, ${held.next} from ${when(epoch(held.next_at))}` : ""}.</p>`}
    <datalist id="people">${people().map((name) => html`<option key=${name} value=${name}></option>`)}</datalist>
    <${Field} label="Who"><input list="people" value=${to} maxlength="200" autofocus onInput=${(/** @type {Event} */ event) => setTo(valueOf(event))} /><//>
    ${verb === "override" && html`<div class="row wrap fields"><${Field} label="From (empty: now)"><input type="datetime-local" value=${start} onInput=${(/** @type {Event} */ event) => setStart(valueOf(event))} /><//>
      <${Field} label="For"><select value=${length} onChange=${(/** @type {Event} */ event) => setLength(valueOf(event))}>${DURATIONS.map(([value, name]) => html`<option key=${value} value=${value} selected=${value === length}>${name}</option>`)}</select><//></div>`}
    <${Field} label="Why"><input value=${reason} maxlength="4000" onInput=${(/** @type {Event} */ event) => setReason(valueOf(event))} /><//><//>`;
}
