/** Report: a week for whoever is on call, makes models or pays; to read here, to print, or to take along. */
import { Answer, Segments, Table, epoch, html, shown, useAnswer, useQuery } from "./parts.js";
import { reached } from "../api.js";

const AUDIENCES = [["oncall", "On call"], ["ml", "Models"], ["business", "Business"]];

export default function Report() {
  const query = useQuery(), audience = query.get("audience") || "oncall", week = query.get("week") || weekOf(reached());
  const path = `/reports/weekly?audience=${audience}&week=${week}`, answer = useAnswer(path);
  const move = (/** @type {number} */ by) => query.set({ week: weekOf(startOf(week) + by * 7 * 86_400 + 86_400) });
  return html`<div class="bar"><h1>Report</h1><span class="grow"></span><${Segments} label="For whom" value=${audience} choices=${AUDIENCES} choose=${(/** @type {string} */ value) => query.set({ audience: value })} />
      <span class="row range" role="group" aria-label="Week"><button class="btn small" aria-label="The week before" onClick=${() => move(-1)}>‹</button><b class="num">${week}</b><button class="btn small" aria-label="The week after" disabled=${week >= weekOf(reached())} onClick=${() => move(1)}>›</button></span>
      <a class="btn small" href=${`/api/v1${path}&format=html`} download>HTML</a><a class="btn small" href=${`/api/v1${path}&format=md`} download>Markdown</a><button class="btn small" onClick=${() => print()}>Print</button></div>
    <${Answer} of=${answer} lines=${10}>${(/** @type {any} */ held) => html`<article class="card report"><h2 class="title">${shown(held.title)}</h2><p class="soft">${shown(typeof held.period === "string" ? held.period : "")}</p>
      ${held.sections.map((/** @type {any} */ one, /** @type {number} */ at) => html`<section key=${at}><h2>${shown(one.heading)}</h2>${(one.paragraphs ?? []).map((/** @type {string} */ text, /** @type {number} */ place) => html`<p key=${place}>${shown(text)}</p>`)}
        ${one.bars?.length > 0 && html`<div class="bars">${one.bars.map((/** @type {any} */ bar, /** @type {number} */ place) => html`<div class="head" key=${place}><span>${shown(bar.label)}</span><span class="meter" aria-hidden="true"><i style=${{ width: `${Math.min(100, (bar.value / (bar.of || Math.max(1, ...one.bars.map((/** @type {any} */ each) => each.value)))) * 100)}%` }}></i></span><b class="num">${bar.value.toLocaleString("en")}${bar.of ? ` of ${Number(bar.of).toLocaleString("en")}` : ""}</b></div>`)}</div>`}
        ${one.table && html`<${Table} label=${shown(one.heading)} columns=${one.table.columns} rows=${one.table.rows.map((/** @type {any[]} */ row) => row.map((cell) => (cell === null ? "–" : String(cell))))} />`}</section>`)}</article>`}<//>`;
}

/** The week of ISO 8601 of a time, by UTC: 2026-W48. @param {number} time */
function weekOf(time) {
  const date = new Date(time * 1000), day = date.getUTCDay() || 7;
  const thursday = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + 4 - day));
  const first = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  return `${thursday.getUTCFullYear()}-W${String(Math.ceil(((thursday.getTime() - first) / 86_400_000 + 1) / 7)).padStart(2, "0")}`;
}

/** Its Monday, epoch seconds. @param {string} week */
function startOf(week) {
  const [year, number] = week.split("-W").map(Number), fourth = new Date(Date.UTC(year ?? 1970, 0, 4));
  return epoch(new Date(fourth.getTime() - ((fourth.getUTCDay() || 7) - 1) * 86_400_000 + ((number ?? 1) - 1) * 604_800_000).toISOString());
}
