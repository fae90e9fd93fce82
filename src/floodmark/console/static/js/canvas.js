/** Drawing: canvases in device pixels that are drawn again when the theme or the width changes, an axis of time, a band. */
import { html, useEffect, useRef } from "./html.js";
import { figure, stamp } from "./format.js";
import { ticks, token } from "./plots.js";
import { useTheme } from "./components.js";

const FONT = '11px Inter, "Segoe UI", system-ui, sans-serif';

/**
 * A canvas with words for those who do not see it.
 * @param {{label: string, paint: (g: CanvasRenderingContext2D, width: number, height: number) => void, kind?: string, deps?: any[], events?: object}} props
 */
export function Canvas({ label, paint, kind = "", deps = [], events = {} }) {
  const box = useRef(/** @type {HTMLCanvasElement | null} */ (null)), theme = useTheme();
  const work = useRef(paint);
  work.current = paint;
  useEffect(() => {
    const canvas = box.current;
    if (!canvas) return undefined;
    const draw = () => {
      const width = canvas.clientWidth, height = canvas.clientHeight, ratio = devicePixelRatio || 1, g = canvas.getContext("2d");
      if (!width || !height || !g) return;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      g.setTransform(ratio, 0, 0, ratio, 0, 0);
      g.clearRect(0, 0, width, height);
      work.current(g, width, height);
    };
    draw();
    const seen = new ResizeObserver(draw);
    seen.observe(canvas);
    return () => seen.disconnect();
  }, [theme, ...deps]);
  return html`<canvas ref=${box} class=${kind} role="img" aria-label=${label} ...${events}></canvas>`;
}

/**
 * @param {CanvasRenderingContext2D} g @param {number} width @param {number} y @param {number} from @param {number} to
 * @param {number} [top] lines from there on
 */
export function timeAxis(g, width, y, from, to, top = -1) {
  const { times, step } = ticks(from, to, Math.max(3, Math.floor(width / 92)));
  g.font = FONT;
  g.textAlign = "center";
  for (const time of times) {
    const x = ((time - from) / (to - from)) * width;
    if (top >= 0) { g.fillStyle = token("--grid"); g.fillRect(Math.round(x), top, 1, y - 10 - top); }
    g.fillStyle = token("--ink-3");
    if (x > 22 && x < width - 22) g.fillText(stamp(time, step), x, y);
  }
}

/** @typedef {[time: number, observed: number | null, expected: number | null, low: number | null, high: number | null]} Point */

/**
 * What was seen of a series, what was expected, and where it was odd. What lies far out is cut, with an arrow.
 * @param {CanvasRenderingContext2D} g @param {number} width @param {number} height
 * @param {{points: Point[], start: number, end: number | null, severity: string}} lane
 * @param {number} from @param {number} to @param {{scale?: boolean, axis?: boolean, now?: number}} [more]
 */
export function bandPlot(g, width, height, lane, from, to, more = {}) {
  const bottom = height - (more.axis ? 20 : 5), top = 5;
  const x = (/** @type {number} */ time) => ((time - from) / (to - from)) * width;
  const until = lane.end ?? more.now ?? to;
  if (more.axis) timeAxis(g, width, height - 4, from, to, 0);
  const left = Math.max(0, x(lane.start)), right = Math.min(width, x(until));
  g.fillStyle = token("--shade");
  if (right > left || right === left) g.fillRect(left, 0, Math.max(1, right - left), bottom + 4);
  const points = lane.points.filter((one) => one[0] >= from - (to - from) && one[0] <= to + (to - from));
  if (!points.length) {
    g.fillStyle = token(`--${lane.severity}-fill`);
    g.fillRect(left, bottom / 2 - 3, Math.max(3, right - left), 6);
    return;
  }
  const inView = points.filter((one) => one[0] >= from && one[0] <= to), judged = inView.length ? inView : points;
  let low = Infinity, high = -Infinity;
  for (const [, seen] of judged) if (finite(seen)) { low = Math.min(low, /** @type {number} */ (seen)); high = Math.max(high, /** @type {number} */ (seen)); }
  if (low > high) { low = 0; high = 1; }
  const room = Math.max(high - low, Math.abs(high) * 0.02, 1e-9);
  for (const [, , , under, over] of judged) {
    if (finite(under)) low = Math.min(low, Math.max(/** @type {number} */ (under), low - 1.5 * room));
    if (finite(over)) high = Math.max(high, Math.min(/** @type {number} */ (over), high + 1.5 * room));
  }
  const pad = (high - low || Math.abs(high) * 0.1 || 1) * 0.07;
  low -= pad; high += pad;
  const y = (/** @type {number} */ value) => bottom - ((Math.min(high, Math.max(low, value)) - low) / (high - low)) * (bottom - top);
  const banded = points.filter((one) => finite(one[3]) && finite(one[4]));
  if (banded.length > 1) {
    g.beginPath();
    banded.forEach((one, at) => (at ? g.lineTo(x(one[0]), y(/** @type {number} */ (one[4]))) : g.moveTo(x(one[0]), y(/** @type {number} */ (one[4])))));
    for (const one of [...banded].reverse()) g.lineTo(x(one[0]), y(/** @type {number} */ (one[3])));
    g.closePath();
    g.globalAlpha = 0.75;
    g.fillStyle = token("--band");
    g.fill();
    g.globalAlpha = 1;
  }
  const odd = (/** @type {Point} */ one) => finite(one[1]) && one[0] >= lane.start - 1 && one[0] <= until && (!finite(one[3]) || !finite(one[4]) || /** @type {number} */ (one[1]) < /** @type {number} */ (one[3]) || /** @type {number} */ (one[1]) > /** @type {number} */ (one[4]));
  g.lineJoin = "round";
  g.lineWidth = 1.6;
  g.strokeStyle = token("--observed");
  g.beginPath();
  let down = false;
  for (const one of points) {
    if (!finite(one[1])) { down = false; continue; }
    const at = y(/** @type {number} */ (one[1]));
    if (down) g.lineTo(x(one[0]), at); else g.moveTo(x(one[0]), at);
    down = true;
  }
  g.stroke();
  g.strokeStyle = g.fillStyle = token("--odd");
  g.lineWidth = 2;
  points.forEach((one, at) => {
    if (!odd(one)) return;
    const before = points[at - 1], here = y(/** @type {number} */ (one[1]));
    if (before && finite(before[1])) { g.beginPath(); g.moveTo(x(before[0]), y(/** @type {number} */ (before[1]))); g.lineTo(x(one[0]), here); g.stroke(); }
    g.beginPath(); g.arc(x(one[0]), here, 1.9, 0, 7); g.fill();
  });
  const last = points[points.length - 1];
  if (last && finite(last[1]) && until - last[0] > (to - from) * 0.02 && until > last[0]) {
    g.lineWidth = 1; g.globalAlpha = 0.65; g.setLineDash([2, 4]); g.beginPath();
    g.moveTo(x(last[0]), y(/** @type {number} */ (last[1]))); g.lineTo(Math.min(width, x(until)), y(/** @type {number} */ (last[1]))); g.stroke();
    g.setLineDash([]); g.globalAlpha = 1;
  }
  if (more.scale) {
    g.font = FONT; g.fillStyle = token("--ink-3"); g.textAlign = "left";
    g.fillText(figure(high - pad), 3, top + 9); g.fillText(figure(low + pad), 3, bottom - 3);
  }
}

/** @param {number | null | undefined} value */
function finite(value) {
  return value !== null && value !== undefined && Number.isFinite(value);
}

const SEVERITIES = ["info", "warning", "error", "critical"];

/** The life of an incident in a row: its members as bars by entity, changes as lines. @param {{row: any, until: number}} props */
export function Lifeline({ row, until }) {
  const started = Date.parse(row.started_at) / 1000, end = row.resolved_at ? Date.parse(row.resolved_at) / 1000 : Math.max(until, started + 60);
  const first = Math.min(started, ...row.lifeline.map((/** @type {number[]} */ bar) => bar[1])) - Math.max(60, (end - started) * 0.05);
  const wide = 168, high = 34, lines = Math.max(1, Math.min(8, row.entities.length)), step = Math.min(9, (high - 2) / lines), top = (high - lines * step) / 2;
  const x = (/** @type {number} */ time) => Math.max(0, Math.min(wide, ((time - first) / Math.max(1, end - first)) * wide));
  return html`<svg class="life" viewBox=${`0 0 ${wide} ${high}`} preserveAspectRatio="none" aria-hidden="true">
    ${row.entities.slice(0, lines).map((/** @type {string} */ _, /** @type {number} */ at) => html`<rect key=${at} x="0" y=${top + at * step + step / 2 - 0.5} width=${wide} height="1" fill="var(--grid)" />`)}
    ${row.lifeline.filter((/** @type {number[]} */ bar) => (bar[0] ?? 0) < lines).map((/** @type {[number, number, number | null, number]} */ [at, from, to, severity], /** @type {number} */ key) => html`<rect key=${`b${key}`} x=${x(from)} y=${top + at * step + 1} width=${Math.max(2, x(to ?? end) - x(from))} height=${Math.max(2, step - 2)} rx="1" fill=${`var(--${SEVERITIES[severity]}-fill)`} opacity=".82" />`)}
    ${row.changes.filter((/** @type {any[]} */ one) => one[0] > first && one[0] < end).map((/** @type {any[]} */ one, /** @type {number} */ key) => html`<rect key=${`c${key}`} x=${x(one[0])} y="0" width="1.500" height=${high} fill="var(--warning)" />`)}</svg>`;
}
