/** All that the pages build with, in one place. */
import { act, Permitted, Verdicts } from "../acting.js";
import { ask, mayNot, now, onLive, people, reached, schedules, useAnswer, useAnswers } from "../api.js";
import { Canvas, bandPlot } from "../canvas.js";
import { Answer, Dialog, Empty, Field, Legend, Segments, Table, useKeys, useNarrow, useTheme, useTwin } from "../components.js";
import { chance, clock, clockIn, commas, epoch, figure, incidentLink, measure, named, share, shown, span, stamp, when, whenIn, zoneName } from "../format.js";
import { Severity } from "../glyphs.js";
import { html, useEffect, useMemo, useRef, useState } from "../html.js";
import { plot } from "../plots.js";
import { go, spanOf, useQuery } from "../query.js";

/** @typedef {import("../query.js").Query} Query */
/**
 * @template T
 * @typedef {{data: T | null, problem: any, waiting: boolean, stale: boolean, again: () => void}} Asked
 */

const RANGES = [[3_600, "1 h"], [21_600, "6 h"], [86_400, "24 h"], [172_800, "48 h"], [604_800, "7 d"], [2_592_000, "30 d"]];

/** The range of the page: so long before what the engine has reached, or a stretch that stands still. @param {{query: Query, usual: number}} props */
export function RangePicker({ query, usual }) {
  const { from, to, seconds, live } = spanOf(query, usual);
  const step = (/** @type {number} */ by) => query.set({ from: String(Math.round(from + by * seconds)), to: String(Math.round(to + by * seconds)), last: "" });
  return html`<span class="row range" role="group" aria-label="Range"><button type="button" class="btn small" aria-label="Earlier" onClick=${() => step(-1)}>‹</button>
    <label class="vh" for="range">Range</label><select id="range" class="btn small" value=${live ? String(seconds) : "fixed"} onChange=${(/** @type {any} */ event) => { if (event.currentTarget.value !== "fixed") query.set({ last: Number(event.currentTarget.value) === usual ? "" : event.currentTarget.value, from: "", to: "" }); }}>
      ${!live && html`<option value="fixed" selected>${when(from)} to ${when(to)}</option>`}${RANGES.map(([value, name]) => html`<option key=${value} value=${String(value)} selected=${live && value === seconds}>Last ${name}</option>`)}${live && !RANGES.some(([value]) => value === seconds) ? html`<option value=${String(seconds)} selected>Last ${span(seconds)}</option>` : null}</select>
    <button type="button" class="btn small" aria-label="Later" disabled=${live} onClick=${() => step(1)}>›</button></span>`;
}

/** A plot that is read with the pointer or the arrow keys. @param {{label: string, spec: import("../plots.js").Spec}} props */
export function Plot({ label, spec }) {
  const host = useRef(/** @type {HTMLElement | null} */ (null)), made = useRef(/** @type {import("../plots.js").Plotted | null} */ (null)), theme = useTheme();
  const [place, setPlace] = useState(/** @type {number | null} */ (null)), twin = useTwin();
  useEffect(() => {
    if (!host.current || twin) return undefined;
    made.current = plot(host.current, spec, setPlace);
    return () => { made.current?.end(); made.current = null; };
  }, [twin]);
  useEffect(() => made.current?.update(spec), [spec]);
  useEffect(() => made.current?.paint(), [theme]);
  const lines = spec.lines.filter((one) => !one.quiet);
  const said = place === null || spec.times[place] === undefined ? "" : `${when(spec.times[place] ?? 0)}: ${lines.map((one) => `${one.label} ${figure(one.values[place] ?? null)}`).join(", ")}`;
  if (twin) return html`<${Table} label=${label} columns=${["at", ...lines.map((one) => ({ name: one.label, num: true }))]} rows=${spec.times.map((time, at) => [when(time), ...lines.map((one) => figure(one.values[at] ?? null))])} />`;
  return html`<div class="plot"><div ref=${host} tabindex="0" role="img" aria-label=${`${label}. Arrow keys read it.`} onKeyDown=${(/** @type {KeyboardEvent} */ event) => { const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key]; if (by) { event.preventDefault(); setPlace(made.current?.move(by) ?? null); } }}></div><p class="small soft num" role="status">${said || "\u00a0"}</p></div>`;
}

/** A line without axes. @param {{values: (number | null)[], label: string, reference?: number | null}} props */
export function Spark({ values, label, reference = null }) {
  const known = values.filter((one) => one !== null && Number.isFinite(one));
  if (known.length < 2) return html`<div class="spark"></div>`;
  const low = Math.min(...known.map(Number), reference ?? Infinity), high = Math.max(...known.map(Number), reference ?? -Infinity);
  const x = (/** @type {number} */ at) => (at / (values.length - 1)) * 100, y = (/** @type {number} */ value) => 24 - ((value - low) / (high - low || 1)) * 22;
  const path = values.map((one, at) => (one === null || !Number.isFinite(one) ? "" : `${at && values[at - 1] !== null ? "L" : "M"}${x(at).toFixed(2)} ${y(one).toFixed(2)}`)).join("");
  return html`<svg class="spark" viewBox="0 0 100 26" preserveAspectRatio="none" role="img" aria-label=${label}>${reference !== null && reference !== undefined && html`<path d=${`M0 ${y(reference).toFixed(2)}H100`} stroke="var(--ink-3)" stroke-dasharray="2 2" fill="none" vector-effect="non-scaling-stroke" />`}<path d=${path} fill="none" stroke="var(--accent)" stroke-width="1.500" vector-effect="non-scaling-stroke" /></svg>`;
}

/** An anomaly as a card: what was seen beside what was expected, how sure, and what people can say. @param {{row: any, again: () => void}} props */
export function Evidence({ row, again }) {
  const page = useAnswer(`/anomalies/${encodeURIComponent(row.id)}`);
  const start = epoch(row.started_at), end = row.ended_at ? epoch(row.ended_at) : null, lane = page.data?.lane;
  const points = lane ? lane.points : [], from = Math.min(start - 600, points[0]?.[0] ?? start), to = Math.max(end ?? start, points.at(-1)?.[0] ?? start) + 60;
  return html`<article class="card evidence" aria-label=${shown(row.summary)}><header class="wrap"><${Severity} of=${row.severity} /><b class="grow">${shown(row.entity)}: ${named(row.name)}</b><span class="muted small num">${when(start)}</span></header>
    <div class="body"><p>${shown(row.summary)}</p>
      ${lane ? html`<${Canvas} kind="evidenceplot" label=${`${shown(row.name)}: seen ${measure(row.observed, row.unit)}, expected ${measure(row.expected, row.unit)}`} deps=${[page.data]} paint=${(/** @type {any} */ g, /** @type {number} */ width, /** @type {number} */ height) => bandPlot(g, width, height, { points, start, end, severity: row.severity }, from, to, { axis: true, scale: true, now: reached() })} />` : html`<div class="evidenceplot"></div>`}
      ${lane?.partial && html`<p class="small muted">Its points are gone by retention; the numbers remain.</p>`}
      ${lane?.lines?.length > 0 && html`<div class="lines">${lane.lines.slice(-3).map((/** @type {string} */ one, /** @type {number} */ at) => html`<code key=${at}>${shown(one).slice(0, 500)}</code>`)}</div>`}
      <p class="small soft">${row.head} · ${chance(row.p_value)}${end ? ` · for ${span(end - start)}` : " · still going on"}${row.incident ? html` · <a href=${incidentLink(row.incident)}>incident</a>` : ""}</p>
      <${Verdicts} row=${row} again=${again} /></div></article>`;
}

export {
  act, Answer, ask, chance, clock, clockIn, commas, Dialog, Empty, epoch, Field, figure, go, html, incidentLink, Legend, mayNot, measure, now, onLive, people, Permitted, reached, schedules,
  Segments, Severity, share, shown, span, spanOf, stamp, Table, useAnswer, useAnswers, useEffect, useKeys, useMemo, useNarrow, useQuery, useRef, useState, useTheme, useTwin, Verdicts, when, whenIn, zoneName,
};
