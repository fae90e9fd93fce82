/**
 * Models: which there are, and of one version how it does against its reference or another version, as far as labels
 * have come; how its features and groups stand; what the engine and people said of it.
 */
import { apart, bins, rates, whole } from "../figures.js";
import {
  Answer, Empty, Legend, Plot, RangePicker, Segments, Severity, Spark, Table, chance, clock, commas, figure, html, incidentLink, share, span, spanOf, useAnswer, useMemo, useQuery, when, epoch, Verdicts, stamp,
} from "./parts.js";

/** @typedef {import("../figures.js").Bins} Bins */
/** @typedef {import("../figures.js").Group} Group */
/** @typedef {{name: string, value: number, count: number, reference?: number, low?: number, high?: number, better?: "higher" | "lower"}} Metric */
/** @typedef {{name: string, kind: string, statistic: string, value: number, p_value: number, odd: boolean, missing?: number, reference?: Bins, current?: Bins}} Feature */
/** @typedef {{model: string, version: string, scope: string, task: string, time: string, window: number, predictions: number, labelled: number, pending: number, expired?: number, reference?: number, delays?: {[quantile: string]: number}, metrics?: Metric[], features?: Feature[], groups?: Group[]}} Report */
/** @typedef {{model: string, versions: string[], newest: Report, odd: number, open_incidents: number}} ModelRow */
/** @typedef {{model: string, version: string, versions: string[], reports: Report[], anomalies: any[], incidents: any[], requests: any[], changes: any[]}} ModelPage */

/** Colours of metrics, in the order in which they come. */
const COLOURS = ["--accent", "--odd", "--good-fill", "--warning-fill", "--info-fill", "--critical-fill"];
const NAMES = /** @type {{[name: string]: string}} */ ({ f1: "F1", auc: "AUC", roc_auc: "AUC", mae: "MAE", rmse: "RMSE", mse: "MSE", mape: "MAPE", r2: "R²", log_loss: "log loss", map: "MAP", ndcg: "NDCG" });

/** @param {string} name */
function named(name) {
  const bare = name.replace(/^model_/, "");
  return NAMES[bare] ?? bare.replace(/_/g, " ").replace(/^./, (first) => first.toUpperCase());
}

/** @param {Metric} metric how much worse than the reference: above 0 is worse */
function fall(metric) {
  if (metric.reference === undefined || metric.reference === null) return null;
  return (metric.reference - metric.value) * (metric.better === "lower" ? -1 : 1);
}

/** Whether the reference lies on the bad side of the metric's interval, or by 0.02 where no interval is known.
 * @param {Metric} metric */
function worse(metric) {
  const by = fall(metric);
  if (by === null || by <= 0) return false;
  const edge = metric.better === "lower" ? metric.low : metric.high;
  return edge !== undefined && edge !== null ? (metric.better === "lower" ? edge > (metric.reference ?? edge) : edge < (metric.reference ?? edge)) : by > 0.02 * Math.max(1e-9, Math.abs(metric.reference ?? 1));
}

/** The list of models.  */
export function Models() {
  const answer = useAnswer("/models", ["report"]);
  return html`<div class="bar"><h1>Models</h1></div>
    <${Answer} of=${answer} lines=${4}>${(/** @type {{models: ModelRow[]}} */ { models }) => models.length
      ? html`<div class="modellist">${models.map((row) => html`<${ModelCard} key=${row.model} row=${row} />`)}</div>`
      : html`<${NoModels} />`}<//>`;
}

function NoModels() {
  return html`<${Empty} title="No model has been reported on yet">
    <p>Models appear here once the engine reads predictions and, later, their outcomes:</p>
    <pre tabindex="0">{"id": "req-1", "model": "fraud-scorer", "version": "2.7.1", "timestamp": "2026-02-01T03:14:20Z",
 "prediction": 0.93, "features": {"amount": 12.5, "country": "DE"}}
{"id": "req-1", "timestamp": "2026-02-01T05:02:11Z", "outcome": 1}</pre>
    <p>Send the first to a topic of <code>predictions</code>, the second to one of <code>outcomes</code>, under the same <code>id</code>. The first report comes after <code>models[].every</code>; until the reference is full, nothing is judged.</p><//>`;
}

/** @param {{row: ModelRow}} props */
function ModelCard({ row }) {
  const { newest } = row, metrics = newest.metrics ?? [];
  return html`<section class="card modelcard">
    <header class="wrap"><h2><a href=${modelLink(row.model, newest.version)}>${row.model}</a></h2><span class="chip">version ${newest.version}</span><span class="chip">${newest.task}</span>
      <span class="r">${row.open_incidents ? html`<span class="pill bad">${row.open_incidents} open ${row.open_incidents === 1 ? "incident" : "incidents"}</span>` : row.odd ? html`<span class="pill warn">${row.odd} odd</span>` : html`<span class="pill ok">steady</span>`}</span></header>
    <div class="body">
      ${metrics.length ? html`<dl class="figures">${metrics.slice(0, 5).map((metric) => html`<div key=${metric.name}><dt>${named(metric.name)}</dt><dd class="num">${figure(metric.value)} <${Against} metric=${metric} /></dd></div>`)}</dl>`
        : html`<p class="soft">No labels yet, so there are no metrics: ${commas(newest.pending)} predictions wait for theirs.</p>`}
      <p class="muted small">${row.versions.length > 1 ? `${row.versions.length} versions: ${row.versions.slice(0, 4).join(", ")}` : "one version"} · last report ${when(epoch(newest.time))}</p>
    </div></section>`;
}

/** @param {string} model @param {string} version */
export function modelLink(model, version) {
  return `/models/${encodeURIComponent(`${model}@${version}`)}`;
}

/** @param {{metric: Metric}} props */
function Against({ metric }) {
  const by = fall(metric);
  if (by === null || metric.reference === undefined) return html`<span class="muted small">no reference yet</span>`;
  const change = metric.value - metric.reference;
  return html`<span class=${`small ${worse(metric) ? "up" : "soft"}`}>${change >= 0 ? "+" : "−"}${figure(Math.abs(change))} <span class="muted">to ${figure(metric.reference)}</span></span>`;
}

/** All of them, or one version.
 * @param {{name?: string}} props */
export default function Page({ name = "" }) {
  return name ? html`<${Model} name=${name} />` : html`<${Models} />`;
}

/** The page of one version.
 * @param {{name: string}} props MODEL@VERSION */
export function Model({ name }) {
  const query = useQuery(), { from, to } = spanOf(query, 172_800);
  const split = name.lastIndexOf("@"), model = split > 0 ? name.slice(0, split) : name, version = split > 0 ? name.slice(split + 1) : "";
  const path = (/** @type {string} */ one) => `/models/${encodeURIComponent(model)}/${encodeURIComponent(one)}?from=${from}&to=${to}`;
  const answer = /** @type {import("./parts.js").Asked<ModelPage>} */ (useAnswer(path(version), ["report", "anomaly"]));
  const against = query.get("against");
  const other = /** @type {import("./parts.js").Asked<ModelPage>} */ (useAnswer(against && against !== version ? path(against) : null, ["report"]));
  const versions = (answer.data?.versions ?? []).filter((one) => one !== version);
  const newest = answer.data?.reports.at(-1);
  return html`
    <div class="crumb"><a href="/models">Models</a><span>›</span><code>${name}</code></div>
    <div class="bar"><h1>${model}</h1><span class="chip">version ${version}</span>${newest && html`<span class="chip">${newest.task}</span>`}<span class="grow"></span>
      ${versions.length > 0 && html`<label class="row soft small">against <select value=${against} onChange=${(/** @type {Event} */ event) => query.set({ against: /** @type {HTMLSelectElement} */ (event.currentTarget).value })}>
        <option value="">its reference</option>${versions.map((one) => html`<option key=${one} value=${one} selected=${one === against}>version ${one}</option>`)}</select></label>`}
      <${RangePicker} query=${query} usual=${172_800} /></div>
    <${Answer} of=${answer} lines=${10}>${(/** @type {ModelPage} */ page) => page.reports.length
      ? html`<${Version} page=${page} other=${against ? other.data : null} query=${query} again=${answer.again} />`
      : html`<${Empty} title="No report in this range">This version was not in use then, or its reports are older than what is kept. <a href=${modelLink(model, version)}>See the last 48 h</a> or <a href="/models">all models</a>.<//>`}<//>`;
}

/** @param {{page: ModelPage, other: ModelPage | null, query: import("./parts.js").Query, again: () => void}} props */
function Version({ page, other, query, again }) {
  const newest = /** @type {Report} */ (page.reports.at(-1)), metrics = newest.metrics ?? [];
  return html`
    ${page.incidents.length > 0 && html`<p class="banner bad">${page.incidents.map((one) => html`<span key=${one.id}><${Severity} of=${one.severity} /> <a href=${incidentLink(one.id)}>${one.title}</a> </span>`)}</p>`}
    ${(newest.reference ?? 0) < 1 && html`<p class="banner">The reference is ${share(newest.reference ?? 0)} full: until it is, nothing is compared with it.</p>`}
    <div class="tiles">${metrics.map((metric) => html`<${MetricTile} key=${metric.name} metric=${metric} reports=${page.reports} />`)}<${LabelTile} reports=${page.reports} newest=${newest} /></div>
    <div class="grid2">
      <div class="stack">
        ${metrics.length ? html`<${Performance} page=${page} other=${other} query=${query} />` : null}
        <${Volume} page=${page} newest=${newest} />
        ${other && html`<${SideBySide} page=${page} other=${other} />`}
        <${Said} page=${page} again=${again} />
      </div>
      <div class="stack">
        <${Features} newest=${newest} />
        <${Groups} newest=${newest} />
        <${Asked} page=${page} />
      </div>
    </div>`;
}

/** @param {{metric: Metric, reports: Report[]}} props */
function MetricTile({ metric, reports }) {
  const values = reports.map((report) => report.metrics?.find((one) => one.name === metric.name)?.value ?? null);
  return html`<section class="card tile" aria-label=${named(metric.name)}>
    <div class="k">${named(metric.name)}<span class="muted num">of ${commas(metric.count)}</span></div><div class="v num">${figure(metric.value)}</div>
    <div class="s num"><${Against} metric=${metric} /></div>
    ${metric.low !== undefined && metric.high !== undefined && metric.low !== null && metric.high !== null && html`<div class="s num muted">95 %: ${figure(metric.low)} to ${figure(metric.high)}</div>`}
    <${Spark} values=${values} label=${`${named(metric.name)} over time`} reference=${metric.reference} /></section>`;
}

/** @param {{reports: Report[], newest: Report}} props */
function LabelTile({ reports, newest }) {
  const made = reports.reduce((sum, one) => sum + one.predictions, 0), labelled = reports.reduce((sum, one) => sum + one.labelled, 0), delays = newest.delays ?? {};
  const said = [["p50", "half"], ["p90", "90 %"], ["p99", "99 %"]].filter(([key = ""]) => delays[key] !== undefined).map(([key = "", word]) => `${word} within ${span(delays[key] ?? 0)}`);
  return html`<section class="card tile" aria-label="Labels"><div class="k">Labels in</div><div class="v num">${made ? share(Math.min(1, labelled / made)) : "–"}</div>
    <div class="s num">${said.length ? said.join(", ") : "no label has come yet"}</div>
    <div class="s num muted">${commas(newest.pending)} wait${newest.expired ? `, ${commas(newest.expired)} never came` : ""}</div></section>`;
}

/** From when on labels are still arriving: nine of ten of those before are in.
 * @param {Report} newest */
function lateFrom(newest) {
  const delay = newest.delays?.p90 ?? newest.delays?.p50;
  return delay && newest.pending > 0 ? epoch(newest.time) - delay : null;
}

/** @param {{page: ModelPage, other: ModelPage | null, query: import("./parts.js").Query}} props */
function Performance({ page, other, query }) {
  const newest = /** @type {Report} */ (page.reports.at(-1)), metrics = newest.metrics ?? [];
  const unit = metrics.filter((metric) => metric.value >= 0 && metric.value <= 1 && (metric.reference ?? 0) <= 1);
  const one = metrics.find((metric) => metric.name === query.get("metric")), shown = one ? [one] : unit.length > 1 ? unit.slice(0, COLOURS.length) : metrics.slice(0, 1);
  const spec = useMemo(() => performance(page, other, shown), [page, other, one?.name]);
  const choices = [["", unit.length > 1 ? "All" : named(metrics[0]?.name ?? "")], ...metrics.slice(unit.length > 1 ? 0 : 1).map((metric) => [metric.name, named(metric.name)])];
  return html`<section class="card plot"><header class="wrap"><h2>Performance, as labels come in</h2>
      <${Legend} lines=${true} items=${[...shown.map((metric, at) => [COLOURS[at]?.slice(2) ?? "accent", named(metric.name)]), ...(other ? [["ink-3", `version ${other.version}, dashed`]] : [])]} /></header>
    <div class="body">${choices.length > 1 && html`<${Segments} label="Metric" value=${one?.name ?? ""} choices=${choices} choose=${(/** @type {string} */ value) => query.set({ metric: value }, true)} />`}
      <${Plot} label=${`Performance of ${page.model}@${page.version}`} spec=${spec} /></div></section>`;
}

/**
 * @param {ModelPage} page
 * @param {ModelPage | null} other
 * @param {Metric[]} shown
 * @returns {import("../plots.js").Spec}
 */
function performance(page, other, shown) {
  const times = page.reports.map((report) => epoch(report.time)), single = shown.length === 1 ? shown[0] : undefined;
  const of = (/** @type {Report} */ report, /** @type {string} */ name) => report.metrics?.find((metric) => metric.name === name);
  /** @type {import("../plots.js").Line[]} */
  const lines = [];
  if (single) {
    lines.push({ label: "highest, 95 %", colour: "--band-edge", as: "edge", quiet: true, values: page.reports.map((report) => of(report, single.name)?.high ?? null) });
    lines.push({ label: "lowest, 95 %", colour: "--band-edge", as: "edge", quiet: true, values: page.reports.map((report) => of(report, single.name)?.low ?? null) });
    lines.push({ label: "reference", colour: "--ink-3", dash: [4, 4], width: 1, values: page.reports.map((report) => of(report, single.name)?.reference ?? null) });
  }
  shown.forEach((metric, at) => lines.push({ label: named(metric.name), colour: COLOURS[at] ?? "--accent", values: page.reports.map((report) => of(report, metric.name)?.value ?? null) }));
  if (other) {
    const theirs = other.reports.map((report) => epoch(report.time));
    shown.forEach((metric, at) => lines.push({ label: `${named(metric.name)}, version ${other.version}`, colour: COLOURS[at] ?? "--accent", dash: [3, 4], width: 1.2, values: nearest(times, theirs, other.reports.map((report) => of(report, metric.name)?.value ?? null)) }));
  }
  return {
    times, lines, ...(single ? { band: /** @type {[number, number]} */ ([0, 1]) } : {}), height: 230, format: figure, clock: stamp,
    zones: page.anomalies.map((one) => [epoch(one.started_at), one.ended_at ? epoch(one.ended_at) : (times.at(-1) ?? 0)]),
    late: lateFrom(/** @type {Report} */ (page.reports.at(-1))), hatched: "labels still arriving",
  };
}

/**
 * Values of other times at these: that of the nearest within half a step, else a gap.
 * @param {number[]} times
 * @param {number[]} theirs
 * @param {(number | null)[]} values
 */
function nearest(times, theirs, values) {
  const step = times.length > 1 ? ((times.at(-1) ?? 0) - (times[0] ?? 0)) / (times.length - 1) : 3600;
  let at = 0;
  return times.map((time) => {
    while (at + 1 < theirs.length && Math.abs((theirs[at + 1] ?? 0) - time) <= Math.abs((theirs[at] ?? 0) - time)) at++;
    return theirs.length && Math.abs((theirs[at] ?? 0) - time) <= step ? (values[at] ?? null) : null;
  });
}

/** @param {{page: ModelPage, newest: Report}} props */
function Volume({ page, newest }) {
  const spec = useMemo(() => {
    /** @type {Map<number, [number, number]>} */
    const hours = new Map();
    for (const report of page.reports) {
      const hour = Math.floor(epoch(report.time) / 3600) * 3600, held = hours.get(hour) ?? [0, 0];
      hours.set(hour, [held[0] + report.predictions, held[1] + report.labelled]);
    }
    const all = [...hours].sort((a, b) => a[0] - b[0]), top = Math.max(1, ...all.map(([, [made, labelled]]) => Math.max(made, labelled)));
    return /** @type {import("../plots.js").Spec} */ ({
      times: all.map(([hour]) => hour), height: 140, format: commas, clock: stamp, range: [0, top * 1.06],
      span: [all[0]?.[0] ?? 0, (all.at(-1)?.[0] ?? 0) + 3600],
      lines: [
        { label: "predictions", colour: "--band", as: "bars", values: all.map(([, [made]]) => made) },
        { label: "labels", colour: "--accent", as: "bars", values: all.map(([, [made, labelled]]) => Math.min(labelled, Math.max(made, labelled))) },
      ],
    });
  }, [page]);
  const made = page.reports.reduce((sum, one) => sum + one.predictions, 0), labelled = page.reports.reduce((sum, one) => sum + one.labelled, 0);
  return html`<section class="card plot"><header class="wrap"><h2>Predictions an hour, and the labels that came</h2><span class="r muted small num">${commas(labelled)} of ${commas(made)}</span></header>
    <div class="body"><${Plot} label="Predictions and labels by hour" spec=${spec} /></div></section>`;
}

/** @param {{page: ModelPage, other: ModelPage}} props */
function SideBySide({ page, other }) {
  const mine = page.reports.at(-1), theirs = other.reports.at(-1);
  if (!theirs) return html`<section class="card"><header><h2>Version ${other.version}</h2></header><div class="body"><p class="soft">It has no report in this range.</p></div></section>`;
  const names = [...new Set([...(mine?.metrics ?? []), ...(theirs.metrics ?? [])].map((metric) => metric.name))];
  const of = (/** @type {Report | undefined} */ report, /** @type {string} */ name) => report?.metrics?.find((metric) => metric.name === name);
  return html`<section class="card"><header><h2>Side by side</h2></header><${Table} label="Versions side by side" columns=${["metric", { name: page.version, num: true }, { name: other.version, num: true }, "difference"]}
    rows=${names.map((name) => {
      const a = of(mine, name), b = of(theirs, name), sure = a && b && a.low !== undefined && b.high !== undefined && b.low !== undefined && a.high !== undefined && (a.low > b.high || a.high < b.low);
      return [named(name), a ? figure(a.value) : "–", b ? figure(b.value) : "–", a && b ? html`<span class="num">${a.value >= b.value ? "+" : "−"}${figure(Math.abs(a.value - b.value))}</span> <span class="muted">${sure ? "more than chance" : "their intervals meet"}</span>` : "–"];
    })} /></section>`;
}

/** @param {{page: ModelPage, again: () => void}} props */
function Said({ page, again }) {
  return html`<section class="card"><header><h2>What the engine said of it</h2></header>${page.anomalies.length
    ? html`<${Table} label="What the engine said" columns=${["", "when", "what", ""]} rows=${page.anomalies.slice(0, 20).map((row) => [
      html`<${Severity} of=${row.severity} bare />`, html`<span class="num nowrap muted">${when(epoch(row.started_at))}</span>`, html`${row.summary}${row.incident && html` <a href=${incidentLink(row.incident)}>incident</a>`}`, html`<${Verdicts} row=${row} again=${again} short />`])} />`
    : html`<div class="body"><p class="soft">Nothing of it was odd in this range.</p></div>`}</section>`;
}

/** @param {{newest: Report}} props */
function Features({ newest }) {
  const features = [...(newest.features ?? [])].sort((a, b) => Number(b.odd) - Number(a.odd) || a.p_value - b.p_value);
  return html`<section class="card"><header class="wrap"><h2>Features, last ${span(newest.window)} against reference</h2></header>${features.length
    ? html`<${Table} label="Features" columns=${["feature", "reference and now", { name: "statistic", num: true }, ""]} rows=${features.slice(0, 200).map((feature) => [
      html`<code>${feature.name}</code>${feature.missing ? html`<div class="muted small">missing in ${share(feature.missing)}</div>` : null}`, html`<${Histogram} feature=${feature} />`,
      html`<span title=${`${chance(feature.p_value)} by chance`}>${figure(feature.value)}</span><div class="muted small">${feature.statistic}</div>`, feature.odd ? html`<span class="pill bad">drifted</span>` : html`<span class="pill ok">steady</span>`])} />`
    : html`<div class="body"><p class="soft">Its predictions carry no features, or the reference is not full yet.</p></div>`}</section>`;
}

/** @param {{feature: Feature}} props */
function Histogram({ feature }) {
  const held = bins(feature.reference, feature.current).slice(0, 32);
  if (!held.length) return html`<span class="muted small">not known yet</span>`;
  const most = Math.max(1e-12, ...held.flatMap((bin) => [bin.then, bin.now])), width = 118 / held.length;
  const moved = [...held].sort((a, b) => Math.abs(b.now - b.then) - Math.abs(a.now - a.then))[0];
  const label = `${feature.name}, reference and now; moved most: ${moved ? `${moved.name} from ${share(moved.then)} to ${share(moved.now)}` : "nothing"}`;
  return html`<svg class="hist" viewBox="0 0 118 30" role="img" aria-label=${label}>${held.map((bin, at) => html`<g key=${at}>
    <title>${`${bin.name}: ${share(bin.then)} then, ${share(bin.now)} now`}</title>
    <rect class="then" x=${at * width + 0.5} y=${30 - (bin.then / most) * 29} width=${Math.max(0.5, width - 1)} height=${(bin.then / most) * 29} />
    <rect class=${Math.abs(bin.now - bin.then) > 0.06 ? "now odd" : "now"} x=${at * width + width * 0.28} y=${30 - (bin.now / most) * 29} width=${width * 0.44} height=${(bin.now / most) * 29} /></g>`)}</svg>`;
}

/** @param {{newest: Report}} props */
function Groups({ newest }) {
  const groups = newest.groups ?? [], kinds = [...new Set(groups.map((group) => group.by))];
  if (!groups.length) return html`<section class="card"><header><h2>Groups</h2></header><div class="body"><p class="soft">None are named in the config: <code>models[].groups: [country]</code> compares how each fares.</p></div></section>`;
  return kinds.map((by) => {
    const mine = groups.filter((group) => group.by === by).sort((a, b) => b.count - a.count), all = whole(mine), totals = rates(all);
    return html`<section class="card" key=${by}><header class="wrap"><h2>Groups: ${by}, last ${span(newest.window)}</h2><span class="r muted small">line: all; bar: 95 %</span></header>
      <${Table} label=${`Groups by ${by}`} columns=${["", { name: "n", num: true }, ...totals.map((one) => one.label)]} rows=${[all, ...mine.slice(0, 50)].map((group) => [
        html`<b>${group.value}</b>`, commas(group.count), ...rates(group).map((one, at) => html`<${Whisker} share=${one.share} all=${totals[at]?.share ?? one.share} label=${`${group.value}, ${one.label}`} />`)])} /></section>`;
  });
}

/** @param {{share: import("../figures.js").Share, all: import("../figures.js").Share, label: string}} props */
function Whisker({ share: one, all, label }) {
  if (one.value === null) return html`<span class="muted">none</span>`;
  const x = (/** @type {number} */ value) => 4 + value * 92, odd = apart(one, all);
  return html`<div class="row whisk"><svg class=${odd ? "dots odd" : "dots"} viewBox="0 0 100 22" role="img" aria-label=${`${label}: ${share(one.value)}, from ${share(one.low)} to ${share(one.high)}${odd ? ", unlike all" : ""}`}>
    <rect class="axis" x="4" y="10.5" width="92" height="1" /><rect class="all" x=${x(all.value ?? 0) - 0.5} y="2" width="1" height="18" />
    <rect class="bar" x=${x(one.low)} y="10" width=${Math.max(1, x(one.high) - x(one.low))} height="2" /><circle cx=${x(one.value)} cy="11" r="4" /></svg>
    <span class=${`num nowrap ${odd ? "up" : "soft"}`}>${share(one.value)}${odd ? " ≠" : ""}</span></div>`;
}

/** @param {{page: ModelPage}} props */
function Asked({ page }) {
  return html`<section class="card"><header><h2>Requests and changes</h2></header><div class="body">${page.requests.length + page.changes.length
    ? html`<ul class="feed">${[...page.requests.map((one) => ({ at: epoch(one.at), text: html`<b>${one.kind}</b> asked by ${one.by}`, why: one.why })), ...page.changes.map((one) => ({ at: epoch(one.time), text: html`<b>${one.kind}</b> of ${one.service}${one.version && ` ${one.version}`}`, why: one.summary }))]
      .sort((a, b) => b.at - a.at).slice(0, 12).map((one) => html`<li><span class="dot"></span><div>${one.text}<div class="soft">${one.why}</div></div><time>${when(one.at)}</time></li>`)}</ul>`
    : html`<p class="soft">None. <code>floodmark models request-retrain ${page.model}</code> asks for a new version.</p>`}</div></section>`;
}
