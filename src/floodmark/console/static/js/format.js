/** Values, spans, times and foreign texts as people read them. Pure. */

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const FIRST = 0, LAST = 253_402_300_799;
/** @param {number} n */
const two = (n) => String(n).padStart(2, "0");
/** @param {number} time */
const date = (time) => new Date(Math.min(Math.max(Number.isFinite(time) ? time : 0, FIRST), LAST) * 1000);

/** @param {string | null | undefined} text RFC 3339 @returns {number} epoch seconds */
export function epoch(text) {
  const at = Date.parse(text ?? "") / 1000;
  return Number.isFinite(at) ? at : 0;
}

/** 10:38 @param {number} time */
export function clock(time) {
  const at = date(time);
  return `${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** 10:38:05 @param {number} time */
export const clockSeconds = (time) => `${clock(time)}:${two(date(time).getSeconds())}`;

/** Wed 4 Jun 10:38; with the year where it is another than now's. @param {number} time @param {boolean} [day] the day alone */
export function when(time, day = false) {
  const at = date(time), year = at.getFullYear() === new Date().getFullYear() ? "" : ` ${at.getFullYear()}`;
  const said = `${DAYS[at.getDay()]} ${at.getDate()} ${MONTHS[at.getMonth()]}${year}`;
  return day ? said : `${said} ${clock(time)}`;
}

/** A time on an axis, given the step between two. @param {number} time @param {number} step */
export function stamp(time, step) {
  const at = date(time);
  if (step >= 86_400) return `${DAYS[at.getDay()]} ${at.getDate()} ${MONTHS[at.getMonth()]}`;
  if (step >= 21_600) return `${DAYS[at.getDay()]} ${clock(time)}`;
  return step < 60 ? clockSeconds(time) : clock(time);
}

/** The name of the browser's time zone. */
export function zoneName() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

/** @param {number} time @param {string} zone */
export function whenIn(time, zone) {
  try {
    return new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: zone }).format(date(time));
  } catch {
    return when(time);
  }
}

/** @param {number} time @param {string} zone */
export function clockIn(time, zone) {
  try {
    return new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone }).format(date(time));
  } catch {
    return clock(time);
  }
}

/** 41 s, 12 min, 4 h 52 min, 3 d 2 h @param {number} seconds */
export function span(seconds) {
  const all = Math.max(0, Math.round(Number.isFinite(seconds) ? seconds : 0));
  if (all < 100) return `${all} s`;
  const minutes = Math.round(all / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60), rest = minutes % 60;
  if (hours < 48) return rest ? `${hours} h ${rest} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 && days < 10 ? `${days} d ${hours % 24} h` : `${days} d`;
}

/** @param {number} value */
export const commas = (value) => (Number.isFinite(value) ? Math.round(value).toLocaleString("en") : "–");

/** Three digits, and no more than can be read. @param {number | null | undefined} value */
export function figure(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size >= 1e15) return value.toExponential(1).replace("-", "−");
  for (const [unit, name] of /** @type {[number, string][]} */ ([[1e12, " T"], [1e9, " G"], [1e6, " M"]])) {
    if (size >= unit) return `${+(value / unit).toPrecision(3)}${name}`.replace("-", "−");
  }
  if (size >= 1_000) return Math.round(value).toLocaleString("en").replace("-", "−");
  if (size > 0 && size < 1e-4) return value.toExponential(1).replace("-", "−");
  return String(+value.toPrecision(3)).replace("-", "−");
}

const UNITS = /** @type {Record<string, string>} */ ({ "1": "", By: "B", "{request}": "", "1/s": "/s", "%": " %", s: " s", ms: " ms" });

/** @param {number | null | undefined} value @param {string} unit */
export function measure(value, unit) {
  const known = UNITS[unit];
  const said = figure(value);
  if (said === "–") return said;
  return said + (known ?? (unit && unit.length < 10 ? ` ${unit}` : ""));
}

/** @param {number} part 0 to 1 */
export function share(part) {
  if (!Number.isFinite(part)) return "–";
  const percent = part * 100;
  return percent > 0 && percent < 1 ? "< 1 %" : percent > 99 && percent < 100 ? "> 99 %" : `${Math.round(percent)} %`;
}

/** How improbable: 1 in so many. @param {number} p */
export function chance(p) {
  if (!(p > 1e-12)) return "less than 1 in a trillion";
  if (p >= 1) return "as likely as not";
  const all = 1 / p;
  for (const [unit, name] of /** @type {[number, string][]} */ ([[1e12, "trillion"], [1e9, "billion"], [1e6, "million"]])) {
    if (all >= unit) return `1 in ${+(all / unit).toPrecision(2)} ${name}`;
  }
  return `1 in ${Math.round(+all.toPrecision(2)).toLocaleString("en")}`;
}

/** What a series is called in words. @param {string} name */
export function named(name) {
  return shown(name.replace(/_(total|seconds|bytes|ratio|ms)$/, "").replaceAll("_", " "));
}

/**
 * A text that anybody may have written: control characters, marks that turn the direction of writing, and halves of
 * characters stand there as escapes.
 * @param {string | null | undefined} text
 */
export function shown(text) {
  return String(text ?? "").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A link that may be followed: http or https, or nothing. @param {string} url */
export function safeLink(url) {
  return /^https?:\/\//i.test(url) ? url : "";
}

/** @param {number} count @param {string} noun */
export function many(count, noun) {
  const plural = noun.endsWith("y") && !/[aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return count === 1 ? `1 ${noun}` : `${commas(count)} ${plural}`;
}

/** @param {string} id */
export const incidentLink = (id) => `/incidents/${encodeURIComponent(id)}`;
