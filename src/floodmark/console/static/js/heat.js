/**
 * The heat map: rows by time on a canvas. Full means that something began in a cell, pale that something still goes on.
 *
 * A row is one line of pixels of an ImageData as wide as the canvas has device pixels, so that 60 rows of 1,440 cells
 * are 0.1 million bytes to write and one drawImage to stretch; a cell narrower than a pixel is never lost, for a pixel
 * shows the worst of what it covers. Nothing here knows of the page around it.
 */

/** @typedef {[column: number, severity: number, began: number, going: number]} Cell */
/** @typedef {{name: string, count: number, cells: Cell[]}} HeatRow */
/** @typedef {{rows: [first: number, last: number], columns: [first: number, last: number]}} Area */
/** @typedef {{id: string, start: number, end: number, lane: number, severity: number, open: boolean}} Bar */
/** @typedef {{time: number, service: string, kind: string, summary: string}} Change */

/**
 * What is drawn. `codes` is `encode` of the rows, `start` and `bucket` are seconds.
 * @typedef {object} View
 * @property {Uint8Array} codes
 * @property {number} rows
 * @property {number} columns
 * @property {number} start
 * @property {number} bucket
 * @property {Bar[]} bars
 * @property {Change[]} changes
 * @property {Area | null} area
 * @property {number} now
 */

/**
 * Colours, as the theme has them.
 * @typedef {object} Palette
 * @property {Uint32Array} codes
 * @property {string[]} severities
 * @property {string} surface
 * @property {string} ink
 * @property {string} quiet
 * @property {string} change
 * @property {string} odd
 */

/** Heights in CSS pixels: changes and incidents above the rows, the row of everything, the time below. */
export const HEAD = 58;
export const ALL = 32;
export const FOOT = 24;
const GAP = 2;
/** How many incidents are drawn above each other. */
const LANES = 3;
const PALE = 0.36;

/**
 * One byte a cell: 0 is nothing, else twice the severity's place plus two, and one more if something began there.
 * @param {HeatRow[]} rows
 * @param {number} columns
 * @param {number} [least] place of the least severity that is shown
 */
export function encode(rows, columns, least = 0) {
  const codes = new Uint8Array(rows.length * columns);
  rows.forEach((row, at) => {
    for (const [column, severity, began, going] of row.cells) {
      if (column < 0 || column >= columns || severity < least || (began <= 0 && going <= 0)) continue;
      codes[at * columns + column] = worse(codes[at * columns + column] ?? 0, ((severity + 1) << 1) | (began > 0 ? 1 : 0));
    }
  });
  return codes;
}

/**
 * Two cells seen as one: the worse severity, and that something began if it did in either.
 * @param {number} a
 * @param {number} b
 */
function worse(a, b) {
  return (a >= b ? a & ~1 : b & ~1) | ((a | b) & 1);
}

/**
 * All rows seen as one.
 * @param {Uint8Array} codes
 * @param {number} rows
 * @param {number} columns
 */
export function everything(codes, rows, columns) {
  const out = new Uint8Array(columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const code = codes[row * columns + column] ?? 0;
      if (code) out[column] = worse(out[column] ?? 0, code);
    }
  }
  return out;
}

/**
 * Cells as the colours of `width` pixels a row, each the worst of what it covers.
 * @param {Uint8Array} codes
 * @param {number} rows
 * @param {number} columns
 * @param {number} width
 * @param {Uint32Array} colours by code
 * @param {Uint32Array} out rows × width
 */
export function resample(codes, rows, columns, width, colours, out) {
  out.fill(colours[0] ?? 0);
  for (let row = 0; row < rows; row++) {
    const base = row * columns, to = row * width;
    if (columns >= width) {
      let held = 0, pixel = 0;
      for (let column = 0; column < columns; column++) {
        const at = Math.floor((column * width) / columns);
        if (at !== pixel) {
          if (held) out[to + pixel] = colours[held] ?? 0;
          held = 0;
          pixel = at;
        }
        const code = codes[base + column] ?? 0;
        if (code) held = worse(held, code);
      }
      if (held) out[to + pixel] = colours[held] ?? 0;
    } else {
      for (let column = 0; column < columns; column++) {
        const code = codes[base + column] ?? 0;
        if (!code) continue;
        const first = Math.round((column * width) / columns), last = Math.round(((column + 1) * width) / columns);
        out.fill(colours[code] ?? 0, to + first, to + Math.max(first + 1, last));
      }
    }
  }
}

/**
 * Incidents as bars that do not cover each other; what finds no room in three lanes is left out (its cells are there).
 * @param {[string, number, number | null, number, boolean][]} incidents id, from, until, severity, open
 * @param {number} start
 * @param {number} end
 * @param {number} least how many seconds a bar is long at least, so that it can be seen and hit
 * @returns {Bar[]}
 */
export function layBars(incidents, start, end, least) {
  /** @type {number[]} */
  const busy = [];
  /** @type {Bar[]} */
  const out = [];
  for (const [id, from, until, severity, open] of [...incidents].sort((a, b) => a[1] - b[1])) {
    const first = Math.max(start, Math.min(from, end - least)), last = Math.min(end, Math.max(until ?? end, first + least));
    if (last <= start || from > end) continue;
    let lane = 0;
    while ((busy[lane] ?? -Infinity) > first) lane++;
    if (lane >= LANES) continue;
    busy[lane] = last;
    out.push({ id, start: first, end: last, lane, severity, open });
  }
  return out;
}

/**
 * A colour of a token (#rrggbb, #rgb or rgb()) as red, green, blue.
 * @param {string} text
 * @returns {[number, number, number]}
 */
export function channels(text) {
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(text.trim())?.[1];
  if (hex) {
    const full = hex.length === 3 ? [...hex].map((digit) => digit + digit).join("") : hex;
    const value = parseInt(full, 16);
    return [value >> 16, (value >> 8) & 255, value & 255];
  }
  const [red = 0, green = 0, blue = 0] = (text.match(/[\d.]+/g) ?? []).map(Number);
  return [red, green, blue];
}

/**
 * The palette of a theme. `read` gives the value of a token.
 * @param {(token: string) => string} read
 * @returns {Palette}
 */
export function palette(read) {
  const none = channels(read("--h0"));
  const severities = ["--h1", "--h2", "--h3", "--h5"].map(read);
  const codes = new Uint32Array(16);
  codes.fill(pixel(none));
  severities.forEach((token, place) => {
    const full = channels(token);
    codes[((place + 1) << 1) | 1] = pixel(full);
    codes[(place + 1) << 1] = pixel([0, 1, 2].map((at) => (none[at] ?? 0) + PALE * ((full[at] ?? 0) - (none[at] ?? 0))));
  });
  return {
    codes, surface: read("--surface"), ink: read("--ink"), quiet: read("--ink-3"), change: read("--warning"), odd: read("--odd"),
    severities: ["info", "warning", "error", "critical"].map((name) => read(`--${name}-fill`)),
  };
}

/** @param {number[]} rgb as ImageData has it on a little-endian machine (all that run browsers are) */
function pixel([red = 0, green = 0, blue = 0]) {
  return ((255 << 24) | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0;
}

/**
 * A painter for one canvas. It keeps the stretched cells, so that moving the cursor draws them again but makes nothing.
 * @param {HTMLCanvasElement} canvas
 */
export function painter(canvas) {
  const sheet = document.createElement("canvas");
  const context = canvas.getContext("2d"), stretch = sheet.getContext("2d");
  if (!context || !stretch) throw new Error("This browser has no canvas.");
  const g = context, cells = stretch;
  /** @type {{codes: Uint8Array, colours: Palette, width: number} | null} */
  let made = null;
  /** @type {ImageData | null} */
  let image = null;

  /**
   * @param {View} view
   * @param {Palette} colours
   * @param {number} width
   */
  function make(view, colours, width) {
    if (made && made.codes === view.codes && made.colours === colours && made.width === width) return;
    const lines = view.rows + 1;
    if (!image || image.width !== width || image.height !== lines) {
      sheet.width = width;
      sheet.height = lines;
      image = cells.createImageData(width, lines);
    }
    const out = new Uint32Array(image.data.buffer);
    resample(everything(view.codes, view.rows, view.columns), 1, view.columns, width, colours.codes, out.subarray(0, width));
    resample(view.codes, view.rows, view.columns, width, colours.codes, out.subarray(width));
    cells.putImageData(image, 0, 0);
    made = { codes: view.codes, colours, width };
  }

  /**
   * Draws all. `height` is that of a row; `axis` draws the time below, given x, y and the width.
   * @param {View} view
   * @param {Palette} colours
   * @param {number} height
   * @param {(g: CanvasRenderingContext2D, top: number, width: number) => void} axis
   */
  return function paint(view, colours, height, axis) {
    const ratio = globalThis.devicePixelRatio || 1, width = canvas.clientWidth;
    const total = HEAD + ALL + view.rows * height + FOOT;
    if (!width) return;
    const wide = Math.round(width * ratio), high = Math.round(total * ratio);
    if (canvas.width !== wide || canvas.height !== high) {
      canvas.width = wide;
      canvas.height = high;
    } else {
      g.setTransform(1, 0, 0, 1, 0, 0);
      g.clearRect(0, 0, wide, high);
    }
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    make(view, colours, wide);
    g.imageSmoothingEnabled = false;
    g.drawImage(sheet, 0, 0, wide, 1, 0, HEAD, width, ALL - 8);
    if (view.rows) g.drawImage(sheet, 0, 1, wide, view.rows, 0, HEAD + ALL, width, view.rows * height);
    g.fillStyle = colours.surface;
    for (let row = 1; row <= view.rows; row++) g.fillRect(0, HEAD + ALL + row * height - GAP, width, GAP);
    const end = view.start + view.columns * view.bucket, across = width / (end - view.start);
    g.fillStyle = colours.change;
    for (const change of view.changes) {
      if (change.time < view.start || change.time > end) continue;
      const x = Math.max(5, Math.min(width - 5, (change.time - view.start) * across));
      g.beginPath();
      g.moveTo(x, 4);
      g.lineTo(x - 4.5, 14);
      g.lineTo(x + 4.5, 14);
      g.fill();
    }
    for (const bar of view.bars) {
      g.globalAlpha = bar.open ? 1 : 0.55;
      g.fillStyle = colours.severities[bar.severity] ?? colours.quiet;
      g.fillRect((bar.start - view.start) * across, 24 + bar.lane * 9, Math.max(3, (bar.end - bar.start) * across - 1), 7);
    }
    g.globalAlpha = 1;
    if (view.now > view.start && view.now < end) {
      g.fillStyle = colours.odd;
      g.fillRect((view.now - view.start) * across, HEAD - 3, 1, ALL + view.rows * height + 2);
    }
    axis(g, HEAD + ALL + view.rows * height + 15, width);
    if (view.area) frame(view, view.area, colours, width, height);
  };

  /**
   * @param {View} view
   * @param {Area} area
   * @param {Palette} colours
   * @param {number} width
   * @param {number} height
   */
  function frame(view, area, colours, width, height) {
    const one = width / view.columns;
    const x = Math.max(1, area.columns[0] * one - 1), right = Math.min(width - 1, (area.columns[1] + 1) * one + 1);
    const top = area.rows[0] < 0 ? HEAD : HEAD + ALL + area.rows[0] * height;
    const bottom = area.rows[1] < 0 ? HEAD + ALL - 8 : HEAD + ALL + (area.rows[1] + 1) * height - GAP;
    g.lineWidth = 4;
    g.strokeStyle = colours.surface;
    g.strokeRect(x, top - 1, Math.max(3, right - x), bottom - top + 2);
    g.lineWidth = 2;
    g.strokeStyle = colours.ink;
    g.strokeRect(x, top - 1, Math.max(3, right - x), bottom - top + 2);
    if (area.rows[0] < 0) return;
    g.lineWidth = 1;
    g.setLineDash([3, 3]);
    g.strokeStyle = colours.quiet;
    g.beginPath();
    g.moveTo((x + right) / 2, HEAD - 4);
    g.lineTo((x + right) / 2, top - 2);
    g.stroke();
    g.setLineDash([]);
  }
}

/**
 * What is at a place of the canvas: a cell (`row` -1 is everything), an incident, a change, or nothing.
 * @param {View} view
 * @param {number} x in CSS pixels
 * @param {number} y
 * @param {number} width
 * @param {number} height of a row
 * @returns {{row: number, column: number} | {bar: Bar} | {change: Change} | null}
 */
export function hit(view, x, y, width, height) {
  const across = (view.columns * view.bucket) / width, time = view.start + x * across;
  if (y < 18) {
    const near = view.changes.filter((change) => Math.abs(change.time - time) < 7 * across);
    near.sort((a, b) => Math.abs(a.time - time) - Math.abs(b.time - time));
    return near[0] ? { change: near[0] } : null;
  }
  if (y < HEAD - 4) {
    const lane = Math.floor((y - 22) / 9);
    const bar = view.bars.find((one) => one.lane === lane && time >= one.start - 3 * across && time <= one.end + 3 * across);
    return bar ? { bar } : null;
  }
  const column = Math.max(0, Math.min(view.columns - 1, Math.floor((x / width) * view.columns)));
  if (y < HEAD + ALL - 4) return { row: -1, column };
  const row = Math.floor((y - HEAD - ALL) / height);
  return row < view.rows ? { row: Math.max(0, row), column } : null;
}

/**
 * The area between two cells, whichever way it was drawn.
 * @param {{row: number, column: number}} from
 * @param {{row: number, column: number}} to
 * @returns {Area}
 */
export function between(from, to) {
  const all = from.row < 0 || to.row < 0;
  return {
    rows: all ? [-1, -1] : [Math.min(from.row, to.row), Math.max(from.row, to.row)],
    columns: [Math.min(from.column, to.column), Math.max(from.column, to.column)],
  };
}
