/**
 * Explorer: services by time. A row opens into its series; cells are chosen with the arrows, a click or a drag, and what
 * began in them stands below with its evidence. Range, open rows, filters and what is chosen are in the address.
 */
import { between, encode, hit, layBars, painter, palette, HEAD, ALL, FOOT } from "../heat.js";
import { ticks, token } from "../plots.js";
import {
  Answer, Empty, Evidence, Legend, RangePicker, Segments, Severity, Table, stamp, ask, clock, go, html, span, spanOf, useAnswer, useAnswers, useEffect, useMemo, useNarrow, useQuery, useRef, useState, useTheme, useTwin, when, chance,
} from "./parts.js";

/** @typedef {import("../heat.js").Area} Area */
/** @typedef {import("../heat.js").View} View */
/** @typedef {import("../heat.js").HeatRow} HeatRow */
/** @typedef {{start: number, bucket: number, columns: number, by: string, rows: HeatRow[], more: number, incidents: [string, number, number | null, number, boolean][], changes: [number, string, string, string][]}} Heat */
/** @typedef {{key: string, entity: string, series: string, label: string, count: number, open: boolean, cells: HeatRow["cells"]}} Row */
/** @typedef {{row: number, column: number}} Place */

const SEVERITIES = ["info", "warning", "error", "critical"];
const SIGNALS = [["", "All"], ["metric", "Metrics"], ["log", "Logs"], ["span", "Spans"], ["prediction", "Models"]];
const ODDS = [0, 2, 3, 4, 5, 6, 8, 10, 12];
/** How many rows of the area are asked for, one request each. */
const MOST_ROWS = 12;
const CARDS = 12;

/**
 * How wide a cell is for a range: 10 minutes up to a week, so that there are never more than about 1,500.
 * @param {number} seconds
 */
function bucketFor(seconds) {
  return [600, 1800, 3600, 10_800, 21_600, 86_400].find((bucket) => seconds / bucket <= 1_440) ?? 86_400;
}

/**
 * The rows that are shown: services, and behind each open one its series.
 * @param {Heat} heat
 * @param {string[]} open
 * @param {Map<string, Heat>} inside
 * @returns {Row[]}
 */
function rowsOf(heat, open, inside) {
  return heat.rows.flatMap((row) => {
    const opened = open.includes(row.name), held = inside.get(row.name);
    const shift = held ? Math.round((held.start - heat.start) / heat.bucket) : 0;
    /** @type {Row[]} */
    const series = !opened || !held ? [] : held.rows.map((one) => ({
      key: `${row.name}/${one.name}`, entity: row.name, series: one.name, label: one.name, count: one.count, open: false,
      cells: one.cells.map(([column, severity, began, going]) => [column + shift, severity, began, going]),
    }));
    return [{ key: row.name, entity: row.name, series: "", label: row.name, count: row.count, open: opened, cells: row.cells }, ...series];
  });
}

/** The page. */
export default function Explorer() {
  const query = useQuery();
  const { from, to, seconds } = spanOf(query, 172_800);
  const bucket = bucketFor(seconds);
  const heat = /** @type {import("./parts.js").Asked<Heat>} */ (useAnswer(`/heat?from=${from}&to=${to}&bucket=${bucket}&by=entity`, ["anomaly", "incident"]));
  const least = Math.max(0, SEVERITIES.indexOf(query.get("least")));
  return html`
    <div class="bar">
      <h1>Anomaly explorer</h1><span class="grow"></span>
      <${Segments} label="Least severity" value=${query.get("least")} choices=${[["", "All"], ["warning", "Warning +"], ["error", "Error +"], ["critical", "Critical"]]}
        choose=${(/** @type {string} */ value) => query.set({ least: value })} />
      <${RangePicker} query=${query} usual=${172_800} />
    </div>
    <${Answer} of=${heat} lines=${12}>${(/** @type {Heat} */ held) => html`<${Map_} heat=${held} least=${least} query=${query} />`}<//>`;
}

/**
 * The map and what is chosen on it.
 * @param {{heat: Heat, least: number, query: import("./parts.js").Query}} props
 */
function Map_({ heat, least, query }) {
  const open = query.list("open"), inside = useInside(heat, open);
  const rows = useMemo(() => rowsOf(heat, open, inside), [heat, open.join(), inside]);
  const codes = useMemo(() => encode(rows, heat.columns, least), [rows, heat, least]);
  const area = areaOf(query, heat, rows), twin = useTwin();
  const end = heat.start + heat.columns * heat.bucket;

  /** @param {Area} next */
  function choose(next) {
    const first = next.rows[0] < 0 ? "*" : (rows[next.rows[0]]?.key ?? ""), last = next.rows[1] < 0 ? "*" : (rows[next.rows[1]]?.key ?? "");
    query.set({
      row: first, rows: last === first ? "" : last,
      at: String(Math.round(heat.start + next.columns[0] * heat.bucket)), until: String(Math.round(heat.start + (next.columns[1] + 1) * heat.bucket)),
    }, true);
  }
  /** @param {string} entity */
  const toggle = (entity) => query.set({ open: (open.includes(entity) ? open.filter((one) => one !== entity) : [...open, entity]).join(",") }, true);

  if (!heat.rows.length) {
    return html`<${Empty} title=${`Nothing odd from ${when(heat.start)} to ${when(end)}`}>
      Every service that is watched stayed as expected. Take a longer range, or look on the page <a href="/engine">Engine</a> at how many series are watched.<//>`;
  }
  return html`
    <section class="card heatcard">
      <header class="wrap">
        <h2>Services × time</h2><span class="muted small hint">full: began here; pale: still going</span>
        <${Legend} items=${[["h0", "nothing"], ["h1", "info"], ["h2", "warning"], ["h3", "error"], ["h5", "critical"]]} />
        <span class="r muted small hint">${span(heat.bucket)} a cell; arrows move, shift extends, Enter opens</span>
      </header>
      ${twin ? html`<${Twin} heat=${heat} rows=${rows} least=${least} />` : html`<${Grid} heat=${heat} rows=${rows} codes=${codes} area=${area} choose=${choose} toggle=${toggle} />`}
      ${heat.more > 0 && html`<p class="note">${heat.more} more services with fewer anomalies are not shown: choose a shorter range or search for one.</p>`}
    </section>
    ${area ? html`<${Chosen} heat=${heat} rows=${rows} area=${area} query=${query} />`
      : html`<${Empty} title="Choose a cell">Click one, drag over several, or focus the map and move with the arrows: what began there is shown here with its evidence.<//>`}`;
}

/**
 * The series of the open services; asked again when the map is.
 * @param {Heat} heat
 * @param {string[]} open
 */
function useInside(heat, open) {
  const [inside, setInside] = useState(/** @type {Map<string, Heat>} */ (new Map()));
  useEffect(() => {
    let gone = false;
    const to = heat.start + heat.columns * heat.bucket;
    Promise.all(open.map(async (entity) => {
      const answer = await ask(`/heat?from=${heat.start}&to=${to}&bucket=${heat.bucket}&by=series&entity=${encodeURIComponent(entity)}`).catch(() => null);
      return /** @type {[string, Heat | null]} */ ([entity, answer]);
    })).then((all) => {
      if (!gone) setInside(new Map(/** @type {[string, Heat][]} */ (all.filter(([, answer]) => answer))));
    });
    return () => { gone = true; };
  }, [heat, open.join()]);
  return inside;
}

/**
 * What the address says is chosen, as places of what is shown now; null if nothing is, or it is out of the range.
 * @param {import("./parts.js").Query} query
 * @param {Heat} heat
 * @param {Row[]} rows
 * @returns {Area | null}
 */
function areaOf(query, heat, rows) {
  const row = query.get("row"), at = Number(query.get("at")), until = Number(query.get("until")) || at + heat.bucket;
  if (!row || !at) return null;
  const place = (/** @type {string} */ key) => (key === "*" ? -1 : rows.findIndex((one) => one.key === key));
  const first = place(row), last = query.get("rows") ? place(query.get("rows")) : first;
  if ((first < 0 && row !== "*") || (last < 0 && row !== "*")) return null;
  const from = Math.floor((at - heat.start) / heat.bucket), to = Math.ceil((until - heat.start) / heat.bucket) - 1;
  if (to < 0 || from >= heat.columns) return null;
  return between({ row: first, column: Math.max(0, from) }, { row: last, column: Math.min(heat.columns - 1, Math.max(from, to)) });
}

/**
 * The canvas with the names of its rows.
 * @param {{heat: Heat, rows: Row[], codes: Uint8Array, area: Area | null, choose: (area: Area) => void, toggle: (entity: string) => void}} props
 */
function Grid({ heat, rows, codes, area, choose, toggle }) {
  const host = useRef(/** @type {HTMLCanvasElement | null} */ (null)), paint = useRef(/** @type {ReturnType<typeof painter> | null} */ (null));
  const narrow = useNarrow(), theme = useTheme(), height = narrow ? 44 : 24;
  const colours = useMemo(() => palette(token), [theme]);
  const [shown, setShown] = useState(/** @type {Area | null} */ (null));
  const [under, setUnder] = useState("");
  const held = useRef(/** @type {{from: Place, to: Place} | null} */ (null));
  const end = heat.start + heat.columns * heat.bucket, least = (end - heat.start) / 250;
  const view = useMemo(() => /** @type {View} */ ({
    codes, rows: rows.length, columns: heat.columns, start: heat.start, bucket: heat.bucket, now: 0, area: null,
    bars: layBars(heat.incidents, heat.start, end, least),
    changes: heat.changes.map(([time, service, kind, summary]) => ({ time, service, kind, summary })),
  }), [codes, rows, heat]);
  const current = shown ?? area;
  const state = useRef({ view, colours, height, current });
  state.current = { view, colours, height, current };

  useEffect(() => {
    const canvas = host.current;
    if (!canvas) return;
    paint.current = painter(canvas);
    const watch = new ResizeObserver(() => draw());
    watch.observe(canvas);
    return () => watch.disconnect();
  }, []);
  function draw() {
    const { view, colours, height, current } = state.current;
    paint.current?.({ ...view, area: current }, colours, height, (g, top, width) => axis(g, view, top, width, colours.quiet));
  }
  useEffect(draw, [view, colours, height, current]);

  /** @param {PointerEvent | MouseEvent} event */
  function at(event) {
    const box = /** @type {HTMLCanvasElement} */ (host.current).getBoundingClientRect();
    return hit(view, event.clientX - box.left, event.clientY - box.top, box.width, height);
  }
  /** @param {Place} place */
  function said({ row, column }) {
    const code = row < 0 ? null : codes[row * heat.columns + column], from = heat.start + column * heat.bucket;
    const cell = row < 0 ? null : rows[row]?.cells.find((one) => one[0] === column);
    const what = code && cell ? `${cell[2]} began, ${cell[3]} still going, worst ${SEVERITIES[cell[1]] ?? ""}` : row < 0 ? "all services" : "nothing";
    return `${row < 0 ? "everything" : (rows[row]?.label ?? "")}, ${when(from)} to ${clock(from + heat.bucket)}: ${what}`;
  }
  /** @param {PointerEvent} event */
  function down(event) {
    const found = event.button === 0 ? at(event) : null;
    if (!found) return;
    if ("bar" in found) { go(`/incidents/${encodeURIComponent(found.bar.id)}`); return; }
    if (!("row" in found)) return;
    held.current = { from: found, to: found };
    setShown(between(found, found));
    if (event.pointerType === "mouse") host.current?.setPointerCapture(event.pointerId);
  }
  /** @param {PointerEvent} event */
  function move(event) {
    const found = at(event);
    if (host.current) host.current.dataset.over = found && !("row" in found) ? ("bar" in found ? "bar" : "change") : "";
    if (!found) { setUnder(""); return; }
    if ("bar" in found) { setUnder(`incident ${found.bar.id}, ${SEVERITIES[found.bar.severity]}, since ${when(found.bar.start)}${found.bar.open ? ", open" : ""}`); return; }
    if ("change" in found) { setUnder(`${when(found.change.time)}: ${found.change.kind} of ${found.change.service}: ${found.change.summary}`); return; }
    setUnder(said(found));
    if (!held.current || (found.row === held.current.to.row && found.column === held.current.to.column)) return;
    held.current.to = found;
    setShown(between(held.current.from, found));
  }
  function up() {
    if (!held.current) return;
    const { from, to } = held.current;
    held.current = null;
    setShown(null);
    choose(between(from, to));
  }
  /** @param {KeyboardEvent} event */
  function key(event) {
    const step = /** @type {{[key: string]: [number, number]}} */ ({
      ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -heat.columns], End: [0, heat.columns],
      PageUp: [-10, 0], PageDown: [10, 0],
    })[event.key];
    const now = current ?? { rows: [0, 0], columns: [heat.columns - 1, heat.columns - 1] };
    if (step && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      const from = event.shiftKey && anchor.current ? anchor.current : null, tip = tipOf(now, from);
      const to = current ? { row: clamp(tip.row + step[0], -1, rows.length - 1), column: clamp(tip.column + step[1], 0, heat.columns - 1) } : tip;
      if (!event.shiftKey) anchor.current = to;
      const next = between(from ?? to, to);
      setUnder(said(to));
      setShown(next);
      clearTimeout(settling.current);
      settling.current = window.setTimeout(() => { setShown(null); choose(next); }, 180);
    } else if (event.key === "Enter" && current) {
      event.preventDefault();
      const row = rows[current.rows[0]];
      if (row && !row.series) toggle(row.entity);
      else document.getElementById("chosen")?.focus();
    }
  }
  const anchor = useRef(/** @type {Place | null} */ (null)), settling = useRef(0);
  useEffect(() => () => clearTimeout(settling.current), []);

  return html`
    <div class="heat ${narrow ? "tall" : ""}">
      <div class="heatnames">
        <div class="heathead"><span>changes</span><span>incidents</span></div>
        <div class="heatall">everything</div>
        ${rows.map((row) => row.series
          ? html`<div key=${row.key} class="heatname deep" title=${row.label}><span>${row.label}</span><i class="num">${row.count || ""}</i></div>`
          : html`<button key=${row.key} class="heatname" title=${row.label} aria-expanded=${row.open} onClick=${() => toggle(row.entity)}>
              <span class="arrow" aria-hidden="true">${row.open ? "▾" : "▸"}</span><span>${row.label}</span><i class="num">${row.count || ""}</i></button>`)}
      </div>
      <canvas ref=${host} class="heatcells" tabindex="0" role="application" aria-roledescription="heat map" height=${HEAD + ALL + rows.length * height + FOOT}
        aria-label=${`Services by time from ${when(heat.start)} to ${when(end)}; arrows move, Enter opens a service, t shows a table`}
        onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerCancel=${() => { held.current = null; setShown(null); }} onPointerLeave=${() => setUnder("")} onKeyDown=${key}></canvas>
    </div>
    <p class="heatsaid" role="status">${under || (current ? saidArea(heat, rows, current) : "Nothing is chosen.")}</p>`;
}

/**
 * @param {Area} area
 * @param {Place | null} anchor the corner that stays while shift is held
 * @returns {Place}
 */
function tipOf(area, anchor) {
  const other = (/** @type {[number, number]} */ [first, last], /** @type {number | undefined} */ held) => (held === last ? first : last);
  return { row: other(area.rows, anchor?.row), column: other(area.columns, anchor?.column) };
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/**
 * @param {Heat} heat
 * @param {Row[]} rows
 * @param {Area} area
 */
function saidArea(heat, rows, area) {
  const from = heat.start + area.columns[0] * heat.bucket, to = heat.start + (area.columns[1] + 1) * heat.bucket;
  const many = area.rows[1] - area.rows[0] + 1, first = rows[area.rows[0]];
  const what = area.rows[0] < 0 || !first ? "everything" : many > 1 ? `${first.label} and ${many - 1} more rows` : first.series ? `${first.entity}: ${first.label}` : first.label;
  return `${what}, ${when(from)} to ${clock(to)}`;
}

/**
 * @param {CanvasRenderingContext2D} g
 * @param {View} view
 * @param {number} top
 * @param {number} width
 * @param {string} colour
 */
function axis(g, view, top, width, colour) {
  g.font = '11px Inter, "Segoe UI", system-ui, sans-serif';
  g.fillStyle = colour;
  g.textAlign = "center";
  const end = view.start + view.columns * view.bucket;
  const { times, step } = ticks(view.start, end, Math.max(2, Math.floor(width / 92)));
  for (const time of times) {
    const x = ((time - view.start) / (end - view.start)) * width;
    if (x > 24 && x < width - 24) g.fillText(stamp(time, step), x, top);
  }
}

/**
 * The map as a table: each cell that is not empty, the newest first; and what stands above it.
 * @param {{heat: Heat, rows: Row[], least: number}} props
 */
function Twin({ heat, rows, least }) {
  const cells = rows.flatMap((row) => row.cells.filter((cell) => cell[1] >= least && cell[0] >= 0 && cell[0] < heat.columns)
    .map(([column, severity, began, going]) => ({ row, column, severity, began, going }))).sort((a, b) => b.column - a.column || b.severity - a.severity);
  const [most, setMost] = useState(100);
  return html`
    <${Table} label="Cells of the map" columns=${["where", "from", "worst", { name: "began", num: true }, { name: "still going", num: true }]}
      rows=${cells.slice(0, most).map(({ row, column, severity, began, going }) => [
        row.series ? `${row.entity}: ${row.label}` : row.label, when(heat.start + column * heat.bucket), html`<${Severity} of=${SEVERITIES[severity]} />`, began, going])} />
    ${cells.length > most && html`<p class="note"><button class="btn small" onClick=${() => setMost(most + 200)}>Show more of ${cells.length}</button></p>`}
    <${Table} label="Incidents above the map" columns=${["incident", "since", "until", "worst"]} rows=${heat.incidents.slice(0, 100).map(([id, from, until, severity]) => [
      html`<a href=${`/incidents/${encodeURIComponent(id)}`}>${id}</a>`, when(from), until === null ? "open" : when(until), html`<${Severity} of=${SEVERITIES[severity]} />`])} />
    <${Table} label="Changes above the map" columns=${["change", "at", "what"]} rows=${heat.changes.slice(0, 100).map(([time, service, kind, summary]) => [`${kind} of ${service}`, when(time), summary])} />`;
}

/**
 * What is in the chosen cells, the most improbable first.
 * @param {{heat: Heat, rows: Row[], area: Area, query: import("./parts.js").Query}} props
 */
function Chosen({ heat, rows, area, query }) {
  const from = heat.start + area.columns[0] * heat.bucket, to = heat.start + (area.columns[1] + 1) * heat.bucket;
  const signal = query.get("signal"), odds = ODDS.includes(Number(query.get("odds"))) ? Number(query.get("odds")) : 0;
  const chosen = area.rows[0] < 0 ? [] : rows.slice(area.rows[0], area.rows[1] + 1);
  const entities = [...new Set(chosen.map((row) => row.entity))];
  const series = new Map(entities.map((entity) => [entity, chosen.some((row) => row.entity === entity && !row.series) ? null : new Set(chosen.filter((row) => row.entity === entity).map((row) => row.series))]));
  const paths = (area.rows[0] < 0 ? [""] : entities.slice(0, MOST_ROWS)).map((entity) => `/anomalies?from=${from}&to=${to}&limit=100${entity && `&entity=${encodeURIComponent(entity)}`}${signal && `&signal=${signal}`}${odds ? `&p_max=1e-${odds}` : ""}`);
  const found = useAnswers(paths);
  const list = useMemo(() => (found.data ?? []).flatMap((/** @type {{rows: any[]}} */ one) => one.rows)
    .filter((row) => { const only = series.get(row.entity); return !only || only.has(row.series) || only.has(row.name); })
    .sort((a, b) => a.p_value - b.p_value), [found.data, area]);
  const [most, setMost] = useState(CARDS);
  useEffect(() => setMost(CARDS), [area.rows.join(), area.columns.join()]);
  const incidents = [...new Set(list.map((row) => row.incident).filter(Boolean))];
  return html`
    <section aria-labelledby="chosen">
      <div class="bar chosen">
        <h2 id="chosen" tabindex="-1">${saidArea(heat, rows, area)}</h2>
        <span class="muted" role="status">${found.data ? `${list.length}${(found.data ?? []).some((/** @type {{next: string | null}} */ one) => one.next) ? " and more" : ""} ${list.length === 1 ? "anomaly" : "anomalies, most improbable first"}` : ""}</span>
        <span class="grow"></span>
        <${Segments} label="Signal" value=${signal} choices=${SIGNALS} choose=${(/** @type {string} */ value) => query.set({ signal: value })} />
        <label class="row soft small">odder than
          <input type="range" min="0" max=${ODDS.length - 1} value=${ODDS.indexOf(odds)} aria-valuetext=${odds ? chance(10 ** -odds) : "any"}
            onChange=${(/** @type {Event} */ event) => query.set({ odds: String(ODDS[Number(/** @type {HTMLInputElement} */ (event.currentTarget).value)] || "") })} />
          <b class="num odds">${odds ? chance(10 ** -odds) : "any"}</b></label>
        ${incidents.length === 1 ? html`<a href=${`/incidents/${encodeURIComponent(incidents[0])}`}>all in one incident ›</a>` : incidents.length > 1 ? html`<span class="muted small">of ${incidents.length} incidents</span>` : null}
      </div>
      <${Answer} of=${found} lines=${4}>${() => list.length
        ? html`<div class="sel">${list.slice(0, most).map((row) => html`<${Evidence} key=${row.id} row=${row} again=${found.again} />`)}</div>
            ${list.length > most && html`<p class="note"><button class="btn" onClick=${() => setMost(most + CARDS)}>Show ${Math.min(CARDS, list.length - most)} more of ${list.length - most}</button></p>`}`
        : html`<${Empty} title="Nothing began here">${signal || odds ? "No anomaly here is of this signal and as odd as that." : "What is pale began earlier: choose the full cell to the left of it."}<//>`}<//>
    </section>`;
}
