/**
 * Engine: whether it is ready and keeps up, whether it keeps its budgets, and what it could not use. The console's own lag
 * is told apart from the engine's.
 */
import { Problem, send, shared } from "../api.js";
import { Dialog, Text, note } from "../components.js";
import { Answer, Plot, Spark, Table, clock, commas, epoch, figure, html, mayNot, shown, useAnswer, useEffect, useMemo, useState, when } from "./parts.js";

/** @typedef {{url: string, version: string, ready: boolean, reasons: string[], problem: string}} EngineRow */

export default function Engine() {
  const answer = useAnswer("/engine", ["report"]);
  useEffect(() => { const timer = setInterval(answer.again, 5_000); return () => clearInterval(timer); }, []);
  return html`<div class="bar"><h1>Engine</h1></div><${Answer} of=${answer} lines=${10}>${(/** @type {any} */ held) => html`<${Whole} held=${held} again=${answer.again} />`}<//>`;
}

/** @param {any} props */
function Whole({ held, again }) {
  const status = shared.status ?? {}, behind = held.history.behind ?? [], records = rates(held.history.records ?? []), memory = held.history.memory ?? [];
  const last = (/** @type {any[]} */ points) => (points.length ? points[points.length - 1][1] : null);
  return html`
    <${Engines} rows=${held.engines} />
    <div class="tiles">
      <${Tile} name="Not read yet" value=${last(behind) === null ? "–" : commas(last(behind))} said="records before the engine" points=${behind} />
      <${Tile} name="Records a second" value=${figure(last(records))} said="in the last minutes" points=${records} />
      <${Tile} name="Memory" value=${last(memory) === null ? "–" : `${figure(last(memory) / 1e6)} MB`} said="of all engines" points=${memory} />
      <${Tile} name="Series watched" value=${status.series ? commas(status.series) : "–"} said=${status.reached ? `up to ${when(epoch(status.reached))}` : "nothing is said yet"} points=${[]} />
      <${Tile} name="The console" value=${status.behind_records ? commas(status.behind_records) : "up to date"} said=${`${status.behind_records ? "records behind the topics · " : ""}${figure(held.store_bytes / 1e6)} MB kept`} points=${[]} />
    </div>
    <div class="grid2"><div class="stack"><${Budget} held=${held} />${behind.length > 2 && html`<${Lag} behind=${behind} records=${records} />`}<${Tasks} rows=${held.tasks} /></div>
      <div class="stack"><${Letters} groups=${held.dead_letters} again=${again} /><${Configs} rows=${held.configs} /><${Feedback} rows=${held.feedback} /><${Wrong} rows=${held.wrong} rebuilt=${held.rebuilt} /></div></div>`;
}

/** Points of a counter as its growth a second; what goes back was a restart. @param {[number, number][]} points */
function rates(points) {
  /** @type {[number, number][]} */
  const out = [];
  for (let at = 1; at < points.length; at++) {
    const [before, a] = points[at - 1] ?? [0, 0], [time, b] = points[at] ?? [0, 0];
    if (time > before && b >= a) out.push([time, (b - a) / (time - before)]);
  }
  return out;
}

/** @param {{rows: EngineRow[]}} props */
function Engines({ rows }) {
  if (!rows.length) {
    return html`<p class="banner">No engine is asked how it does. Name the addresses of their endpoints in <code>console.engines</code>, such as <code>http://engine-0:9464</code>; what the topics say is shown all the same.</p>`;
  }
  const bad = rows.filter((one) => one.problem || !one.ready);
  if (!bad.length) return html`<p class="good" role="status">${rows.length === 1 ? "The engine is ready" : `All ${rows.length} engines are ready`}: what arrives now would be told. <span class="muted">Release ${shown(rows[0]?.version ?? "")}</span></p>`;
  return html`<div class="stack">${bad.map((one) => html`<p class="banner bad" key=${one.url}><b>${shown(one.url)}</b> ${one.problem ? `does not answer: ${shown(one.problem)}` : html`is not ready: ${one.reasons.map(shown).join("; ") || "it does not say why"}`}</p>`)}</div>`;
}

/** @param {any} props */
function Tile({ name, value, said, points }) {
  return html`<section class="card tile" aria-label=${name}><div class="k">${name}</div><div class="v num">${value}</div><div class="s">${said}</div>${points.length > 2 && html`<${Spark} values=${points.map((/** @type {any[]} */ one) => one[1])} label=${`${name} in the last hour`} />`}</section>`;
}

/** @param {any} props */
function Lag({ behind, records }) {
  const spec = useMemo(() => ({ times: behind.map((/** @type {any[]} */ one) => one[0]), lines: [{ label: "not read yet", colour: "--odd", values: behind.map((/** @type {any[]} */ one) => one[1]) }], height: 150, format: commas, clock: (/** @type {number} */ time) => clock(time), range: /** @type {[number, number]} */ ([0, Math.max(10, ...behind.map((/** @type {any[]} */ one) => one[1])) * 1.06]) }), [behind, records]);
  return html`<section class="card"><header><h2>Records not read yet</h2><span class="muted small">the last hour</span></header><div class="body"><${Plot} label="Records not read yet" spec=${spec} /></div></section>`;
}

/** Whether it keeps to what it was allowed. @param {any} props */
function Budget({ held }) {
  const heads = Object.entries(held.alarms).sort((a, b) => Number(b[1]) - Number(a[1])), most = Math.max(1, ...heads.map(([, count]) => Number(count)));
  const over = held.budget_incidents_week !== null && held.incidents_week > Math.max(1, held.budget_incidents_week) * 3;
  return html`<section class="card"><header class="wrap"><h2>Budget, the last week</h2><span class="muted small hint">real faults count here, too</span></header><div class="body">
    <dl class="figures"><div><dt>Incidents</dt><dd class=${over ? "num up" : "num"}>${commas(held.incidents_week)}</dd><dd class="muted small">by chance at most ${held.budget_incidents_week === null ? "–" : figure(held.budget_incidents_week)}</dd></div>
      <div><dt>Alarms a series</dt><dd class="num">${held.alarms_series_week === null ? "–" : figure(held.alarms_series_week)}</dd><dd class="muted small">${held.budget_series_week === null ? "no budget is known" : `by chance at most ${figure(held.budget_series_week)}`}</dd></div></dl>
    ${heads.length ? heads.map(([name, count]) => html`<div class="head" key=${name}><span>${shown(name.replaceAll("_", " "))}</span><span class="meter" aria-hidden="true"><i style=${{ width: `${(Number(count) / most) * 100}%` }}></i></span><b class="num">${commas(Number(count))}</b></div>`) : html`<p class="soft">No alarm was opened.</p>`}</div></section>`;
}

/** @param {any} props */
function Tasks({ rows }) {
  return html`<section class="card"><header><h2>Tasks</h2><span class="muted small">one a partition</span></header><${Table} label="Tasks" columns=${["group", "topic", { name: "partition", num: true }, { name: "records", num: true }, { name: "not read", num: true }, { name: "series", num: true }, { name: "open", num: true }]} rows=${rows.map((/** @type {any} */ one) => [one.group.replace(/^.*-/, "") || "–", one.topic, String(one.partition), commas(one.records), commas(one.behind), commas(one.series), commas(one.open)])} empty="No engine says which tasks it has." /></section>`;
}

/** @param {any} props */
function Letters({ groups, again }) {
  // The page asks again every few seconds, so what is open is kept by its name: each answer has groups of its own.
  const [open, setOpen] = useState(""), [retry, setRetry] = useState(/** @type {any} */ (null));
  const all = groups.reduce((/** @type {number} */ sum, /** @type {any} */ one) => sum + one.count, 0), why = mayNot("retry"), named = (/** @type {any} */ one) => JSON.stringify([one.error, one.origin]);
  return html`<section class="card"><header class="wrap"><h2>Dead letters</h2><span class="muted small num">${commas(all)}</span></header>
    ${groups.length ? html`<div class="body">${groups.map((/** @type {any} */ one) => html`<article class="letter" key=${named(one)}><div class="row wrap"><span class="chip change">${shown(one.error)}</span><b>${shown(one.origin) || "unknown topic"}</b><span class="muted small num">${commas(one.count)}, the last ${when(epoch(one.newest))}</span></div><p><${Text} of=${one.message} most=${300} /></p>
      <div class="row wrap"><button class="btn small" aria-expanded=${String(open === named(one))} onClick=${() => setOpen(open === named(one) ? "" : named(one))}>Show the newest</button><button class="btn small" disabled=${Boolean(why)} title=${why} onClick=${() => setRetry(one)}>Send again…</button></div>${open === named(one) && html`<${Letter} of=${one} />`}</article>`)}</div>` : html`<p class="soft body">All that came could be used.</p>`}
    ${retry && html`<${Retry} of=${retry} close=${() => { setRetry(null); again(); }} />`}</section>`;
}

/** @param {any} props */
function Letter({ of }) {
  const answer = useAnswer(`/dead-letters/${of.partition}/${of.offset}`);
  return html`<${Answer} of=${answer} lines=${2}>${(/** @type {any} */ held) => html`<dl class="facts"><div><dt>came from</dt><dd>${shown(held.origin)}/${held.origin_partition ?? "?"}@${held.origin_offset ?? "?"}</dd></div><div><dt>stage</dt><dd>${shown(held.stage)}</dd></div>${held.key && html`<div><dt>key</dt><dd><code>${shown(held.key)}</code></dd></div>`}</dl><pre tabindex="0">${shown(held.value)}${held.cut ? "\n… it is longer" : ""}</pre>`}<//>`;
}

/** First what would be sent, then sending it. @param {any} props */
function Retry({ of, close }) {
  const [found, setFound] = useState(/** @type {any} */ (null)), [problem, setProblem] = useState(""), [busy, setBusy] = useState(true);
  const asked = (/** @type {boolean} */ dry) => send("/dead-letters/retry", { error: of.error, origin: of.origin, dry_run: dry });
  useEffect(() => { asked(true).then(setFound, (error) => setProblem(error instanceof Problem ? error.message : String(error))).finally(() => setBusy(false)); }, []);
  async function go() {
    setBusy(true);
    try { const done = await asked(false); note(`${commas(done.count)} sent again`); close(); } catch (error) { setProblem(error instanceof Problem ? error.message : String(error)); setBusy(false); }
  }
  return html`<${Dialog} title="Send again" close=${close} send=${go} word=${found ? `Send ${commas(found.count)}` : "Send"} busy=${busy} ready=${Boolean(found && found.count)} problem=${problem}>
    <p>What was <b>${shown(of.error)}</b> from <b>${shown(of.origin)}</b> goes back to its topic as it came, each once. Mend the reason first, or it comes back here.</p>${found && html`<p>${found.count ? `${commas(found.count)} would be sent.` : "Nothing of it can be sent: it was sent before, or its topic does not exist."}</p>`}<//>`;
}

/** @param {any} props */
function Configs({ rows }) {
  return html`<section class="card"><header><h2>Configs</h2><span class="muted small">what each process runs</span></header>${rows.length ? html`<div class="body">${rows.map((/** @type {any} */ one) => html`<article class="config" key=${one.process}><div class="row wrap"><b>${shown(one.process)}</b><code title=${one.hash}>${one.hash.slice(0, 12)}</code><span class="muted small">${one.problems?.length ? "goes on since" : "loaded"} ${when(epoch(one.at))} · release ${shown(one.version)}</span></div>${one.files?.length > 0 && html`<p class="small soft">${one.files.map(shown).join(", ")}</p>`}
      ${one.problems?.length > 0 && html`<p class="banner bad">A newer one was refused:</p><ul class="problems">${one.problems.slice(0, 10).map((/** @type {string} */ each) => html`<li key=${each}><code>${shown(each)}</code></li>`)}</ul>`}</article>`)}</div>` : html`<p class="soft body">No process has said which config it runs.</p>`}</section>`;
}

/** @param {any} props */
function Feedback({ rows }) {
  return html`<section class="card"><header><h2>Feedback that stands</h2></header><${Table} label="Feedback that stands" columns=${["what", "by", "since", "why"]} rows=${rows.map((/** @type {any} */ one) => [one.summary, one.by, when(epoch(one.at)), one.reason])} empty="Nobody has said that anything is no anomaly." />${rows.length > 0 && html`<p class="note">Take one back with <code>floodmark feedback undo ID</code>.</p>`}</section>`;
}

/** @param {any} props */
function Wrong({ rows, rebuilt }) {
  if (!rows.length && !rebuilt) return null;
  return html`<section class="card"><header class="wrap"><h2>Records that are none of ours</h2><span class="muted small">left out by the console</span></header>${rebuilt && html`<p class="body">${shown(rebuilt)}</p>`}<${Table} label="Records that are none of ours" columns=${["where", "why", "at"]} rows=${rows.slice(0, 20).map((/** @type {any} */ one) => [`${one.topic}/${one.partition}@${one.offset}`, one.reason, when(epoch(one.at))])} /></section>`;
}

