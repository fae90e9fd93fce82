/**
 * Plots over time: uPlot in the colours of the theme, with one crosshair, a band, shaded zones, and the part that is not
 * known yet hatched. A plot is read with the pointer or with the arrow keys; what it says stands in a line of text.
 */
import uPlot from "../vendor/uplot/uPlot.js";

/**
 * A line, or bars (each drawn over the one before, so that a part stands in its whole), or points alone.
 * @typedef {object} Line
 * @property {string} label
 * @property {string} colour a token, such as --accent
 * @property {(number | null)[]} values one for each time; null is a gap
 * @property {"line" | "bars" | "points" | "edge"} [as]
 * @property {number} [width]
 * @property {number[]} [dash]
 * @property {boolean} [quiet] it is not read out
 */

/**
 * @typedef {object} Spec
 * @property {number[]} times epoch seconds, ascending
 * @property {Line[]} lines
 * @property {[upper: number, lower: number]} [band] places of the lines between which it is filled
 * @property {[from: number, until: number][]} [zones] shaded: something was odd
 * @property {number | null} [late] from here on it may still change: hatched
 * @property {string} [hatched] what is said there
 * @property {[low: number, high: number]} [range] of values; left out: of what is drawn
 * @property {[from: number, until: number]} [span] of times; left out: of what is drawn
 * @property {(value: number) => string} format
 * @property {(time: number, step: number) => string} clock a time on the axis, given the step between two
 * @property {number} height
 * @property {number} [width] of the axis of values
 */

/**
 * What a plot can be told.
 * @typedef {object} Plotted
 * @property {(spec: Spec) => void} update
 * @property {(step: number) => number | null} move moves the crosshair by points and says where it is
 * @property {() => void} paint draws again: the theme is another
 * @property {() => void} end
 */

const STEPS = [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000];
const FONT = '11px Inter, "Segoe UI", system-ui, sans-serif';

/** @param {string} name of a token */
export function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/**
 * Finite, or a gap.
 * @param {number | null | undefined} value
 */
export function known(value) {
  return value !== null && value !== undefined && Number.isFinite(value) ? value : null;
}

/**
 * The lowest and highest of what is known, with a little room; never empty.
 * @param {(number | null)[][]} columns
 * @returns {[number, number]}
 */
export function reach(columns) {
  let low = Infinity, high = -Infinity;
  for (const column of columns) {
    for (const value of column) {
      if (value === null || !Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (low > high) return [0, 1];
  const room = high - low < 1e-12 * Math.max(1, Math.abs(high)) ? Math.abs(high) * 0.1 || 1 : (high - low) * 0.06;
  return [low - room, high + room];
}

/**
 * From the first time to the last; never empty.
 * @param {number[]} times
 * @returns {[number, number]}
 */
function across(times) {
  const first = times[0] ?? 0, last = times[times.length - 1] ?? first;
  return first === last ? [first - 1800, last + 1800] : [first, last];
}

/**
 * Times at which an axis has its words: whole minutes, hours, days.
 * @param {number} from
 * @param {number} until
 * @param {number} most
 */
export function ticks(from, until, most) {
  const step = STEPS.find((one) => (until - from) / one <= most) ?? (until - from) / Math.max(1, most);
  /** @type {number[]} */
  const out = [];
  for (let time = Math.ceil(from / step) * step; time <= until && out.length < 100; time += step) out.push(time);
  return { times: out, step };
}

/**
 * Makes a plot in a box of the page. `read` is called with the place of the crosshair, null if there is none.
 * @param {HTMLElement} host
 * @param {Spec} first
 * @param {(place: number | null) => void} read
 * @returns {Plotted}
 */
export function plot(host, first, read) {
  let spec = first;
  let chart = build();
  const watch = new ResizeObserver(() => {
    const width = Math.floor(host.clientWidth);
    if (width > 0 && width !== chart.width) chart.setSize({ width, height: spec.height });
  });
  watch.observe(host);

  function build() {
    return new uPlot(options(), data(), host);
  }

  /** @returns {uPlot.AlignedData} */
  function data() {
    return /** @type {uPlot.AlignedData} */ ([spec.times, ...spec.lines.map((line) => line.values.map(known))]);
  }

  /** @returns {uPlot.Options} */
  function options() {
    return {
      width: Math.max(40, Math.floor(host.clientWidth)),
      height: spec.height,
      legend: { show: false },
      padding: [8, 6, 0, 0],
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7, fill: (_, at) => token(spec.lines[at - 1]?.colour ?? "--ink") } },
      scales: {
        x: { time: true, range: () => spec.span ?? across(spec.times) },
        y: { range: () => spec.range ?? reach(spec.lines.map((line) => line.values.map(known))) },
      },
      axes: [
        {
          stroke: () => token("--ink-3"), font: FONT, size: 24, gap: 4, ticks: { show: false },
          grid: { stroke: () => token("--grid"), width: 1 },
          splits: (chart, _, low, high) => ticks(low, high, Math.max(2, Math.floor(chart.width / 92))).times,
          values: (_, splits) => splits.map((time) => spec.clock(time, (splits[1] ?? time + 3600) - (splits[0] ?? time))),
        },
        {
          stroke: () => token("--ink-3"), font: FONT, size: spec.width ?? 52, gap: 6, ticks: { show: false }, space: 34,
          grid: { stroke: () => token("--grid"), width: 1 },
          values: (_, splits) => splits.map((value) => spec.format(value)),
        },
      ],
      series: [{}, ...spec.lines.map(series)],
      bands: spec.band ? [{ series: [spec.band[0] + 1, spec.band[1] + 1], fill: () => token("--band") }] : [],
      hooks: {
        drawClear: [zones],
        draw: [hatch],
        setCursor: [(chart) => read(chart.cursor.idx ?? null)],
      },
    };
  }

  /**
   * @param {Line} line
   * @returns {uPlot.Series}
   */
  function series(line) {
    const stroke = () => token(line.colour);
    /** @type {uPlot.Series} */
    const all = { label: line.label, stroke, width: line.width ?? 1.7, spanGaps: false };
    if (line.dash) all.dash = line.dash;
    if (line.as === "bars") {
      const paths = uPlot.paths.bars;
      return { ...all, width: 0, fill: stroke, points: { show: false }, ...(paths ? { paths: paths({ size: [0.86, 60], align: 1 }) } : {}) };
    }
    if (line.as === "points") return { ...all, paths: () => null, points: { show: true, size: 5, fill: stroke, stroke } };
    if (line.as === "edge") return { ...all, width: line.width ?? 1, points: { show: false } };
    return { ...all, points: { show: line.values.length < 3, size: 5, fill: stroke } };
  }

  /** @param {uPlot} chart */
  function zones(chart) {
    const { left, top, width, height } = chart.bbox, g = chart.ctx;
    g.save();
    g.fillStyle = token("--shade");
    for (const [from, until] of spec.zones ?? []) {
      const x = Math.max(left, chart.valToPos(from, "x", true)), end = Math.min(left + width, chart.valToPos(until, "x", true));
      if (end >= left && x <= left + width) g.fillRect(x, top, Math.max(2, end - x), height);
    }
    g.restore();
  }

  /** @param {uPlot} chart */
  function hatch(chart) {
    if (spec.late === null || spec.late === undefined) return;
    const { left, top, width, height } = chart.bbox, g = chart.ctx, ratio = devicePixelRatio || 1;
    const x = Math.max(left, chart.valToPos(spec.late, "x", true)), right = left + width;
    if (!(x < right)) return;
    g.save();
    g.beginPath();
    g.rect(x, top, right - x, height);
    g.clip();
    g.strokeStyle = token("--line-2");
    g.lineWidth = ratio;
    for (let at = x - height; at < right; at += 7 * ratio) {
      g.beginPath();
      g.moveTo(at, top + height);
      g.lineTo(at + height, top);
      g.stroke();
    }
    g.restore();
    const words = spec.hatched ?? "";
    if (!words) return;
    g.save();
    g.font = FONT.replace("11px", `${11 * ratio}px`);
    g.textAlign = "right";
    g.textBaseline = "middle";
    const room = g.measureText(words).width + 10 * ratio;
    if (room < width) {
      g.fillStyle = token("--surface");
      g.fillRect(right - room - 2 * ratio, top + height - 24 * ratio, room, 18 * ratio);
      g.fillStyle = token("--ink-2");
      g.fillText(words, right - 7 * ratio, top + height - 14.5 * ratio);
    }
    g.restore();
  }

  return {
    update(next) {
      const same = next.lines.length === spec.lines.length && next.height === spec.height && next.lines.every((line, at) => line.colour === spec.lines[at]?.colour && line.as === spec.lines[at]?.as);
      spec = next;
      if (same) {
        chart.setData(data());
        return;
      }
      chart.destroy();
      chart = build();
    },
    move(step) {
      if (!spec.times.length) return null;
      const held = chart.cursor.idx, last = spec.times.length - 1;
      const place = held === null || held === undefined ? (step < 0 ? last : 0) : Math.max(0, Math.min(last, held + step));
      chart.setCursor({ left: chart.valToPos(spec.times[place] ?? 0, "x"), top: 10 });
      return place;
    },
    paint: () => chart.redraw(),
    end() {
      watch.disconnect();
      chart.destroy();
    },
  };
}
