/**
 * What people do: each verb with its fields, its right, what it will mean, and what takes it back. Nothing is shown as done
 * before the topic has it; what could not be sent keeps its text, and is sent again under the same key.
 */
import { Problem, mayNot, newKey, now, people, schedules, send } from "./api.js";
import { Dialog, Field, note } from "./components.js";
import { html, useMemo, useState } from "./html.js";
import { many, shown } from "./format.js";

const UNDO = /** @type {Record<string, string>} */ ({ ack: "unack", unack: "ack", snooze: "unsnooze", resolve: "reopen", reopen: "resolve" });
const SAID = /** @type {Record<string, string>} */ ({
  ack: "Acknowledged: nobody else is called for half an hour", unack: "Given back: it needs somebody again", assign: "Assigned", snooze: "Snoozed", unsnooze: "Woken",
  resolve: "Sent: the engine closes it", reopen: "Sent: the engine opens it again", merge: "Sent: the engine merges them", split: "Sent: the engine splits it",
  dismiss: "Sent: struck out, and its series become calmer", good_catch: "Noted as a good catch", wrong_cause: "Noted", comment: "Said", link: "Linked", priority: "Priority set", page: "Called",
  silence: "Silenced", unsilence: "It speaks again", maintain: "Planned", unmaintain: "It is judged again", override: "Overridden", handover: "Handed over", approve: "Approved",
});

/** @type {Map<string, string>} by what is asked: the key of what may not have been sent */
const unsent = new Map();

/**
 * Do it. Empty if the topic has it, else why not, as a sentence.
 * @param {{verb: string, incident?: string, seen?: number, reason?: string, args?: object}} asked
 * @param {{quiet?: boolean, current?: (row: any) => void}} [more]
 * @returns {Promise<string>}
 */
export async function act(asked, more = {}) {
  const text = JSON.stringify(asked), key = unsent.get(text) ?? newKey();
  unsent.set(text, key);
  try {
    const done = await send("/actions", asked, key);
    unsent.delete(text);
    const back = UNDO[asked.verb], undoes = asked.verb === "silence" ? "unsilence" : asked.verb === "maintain" ? "unmaintain" : "";
    const undo = back ? () => act({ verb: back, incident: asked.incident, seen: asked.seen }) : undoes ? () => act({ verb: undoes, args: { undoes: done.id } }) : undefined;
    if (!more.quiet) note(SAID[asked.verb] ?? "Done", { undo });
    return "";
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status !== 0 && error.status !== 503) unsent.delete(text);
    if (error.current && more.current) more.current(error.current);
    return error.status === 0 ? "Not sent: the console does not answer. Try again; it counts once." : error.message;
  }
}

/** @param {{verb: string, may?: Record<string, string>, children: any}} props shown disabled, with the reason, where it may not be done */
export function Permitted({ verb, may, children }) {
  const why = may ? (may[verb] ?? "") : mayNot(verb);
  const child = Array.isArray(children) ? children[0] : children;
  if (!why) return child;
  return html`<span title=${why} class="barred"><${child.type} ...${child.props} disabled=${true} aria-disabled="true" onClick=${undefined} /><span class="vh">${why}</span></span>`;
}

const HOURS = [["1800", "30 min"], ["3600", "1 h"], ["7200", "2 h"], ["28800", "8 h"], ["86400", "1 day"], ["259200", "3 days"], ["604800", "7 days"]];
const TITLES = /** @type {Record<string, string>} */ ({
  snooze: "Snooze", assign: "Assign", resolve: "Resolve", merge: "Merge", split: "Split off", dismiss: "Not an anomaly", comment: "Comment", wrong_cause: "Wrong cause", link: "Link", page: "Call somebody", priority: "Priority", reopen: "Open again",
});

/**
 * The dialog of a verb, for one incident or several.
 * @param {{verb: string, rows: any[], anomalies?: string[], candidates?: any[], close: () => void, done?: () => void}} props
 */
export function Acting({ verb, rows, anomalies = [], candidates = [], close, done = () => {} }) {
  const [value, setValue] = useState(verb === "priority" ? "p2" : ""), [reason, setReason] = useState(""), [length, setLength] = useState("3600"), [worse, setWorse] = useState(true);
  const [problem, setProblem] = useState(""), [busy, setBusy] = useState(false), [chosen, setChosen] = useState(/** @type {string[]} */ ([]));
  const first = rows[0];
  const needs = { assign: false, comment: true, link: true, page: true, split: false }[verb] ?? false;
  const ready = (!needs || value.trim() !== "") && (verb !== "merge" || rows.length > 1 || chosen.length > 0);

  async function go() {
    setBusy(true);
    const until = new Date((now() + Number(length)) * 1000).toISOString();
    const args = /** @type {Record<string, object>} */ ({
      snooze: worse ? { until, unless: "worse" } : { until }, assign: { to: value.trim() }, comment: { text: value }, link: { url: value.trim() }, page: { to: value.trim() },
      priority: { priority: value }, wrong_cause: { entity: value.trim() }, split: { anomalies, ...(value.trim() ? { title: value.trim() } : {}) }, dismiss: { anomalies },
      merge: { from: rows.length > 1 ? rows.slice(1).map((one) => one.id) : chosen },
    })[verb] ?? {};
    const meant = verb === "merge" ? rows.slice(0, 1) : rows;
    /** @type {string[]} */
    const failed = [];
    for (const row of meant) {
      const told = await act({ verb, incident: row.id, seen: row.revision, reason, args }, { quiet: meant.length > 1 });
      if (told) failed.push(meant.length > 1 ? `${row.title}: ${told}` : told);
    }
    setBusy(false);
    if (failed.length) { setProblem(failed.join(" ")); return; }
    if (meant.length > 1) note(`${SAID[verb] ?? "Done"}: ${many(meant.length, "incident")}`);
    done();
    close();
  }

  const text = (/** @type {any} */ event) => setValue(event.currentTarget.value);
  const still = rows.filter((one) => one.state !== "resolved" && one.lifeline.some((/** @type {any[]} */ bar) => bar[2] === null));
  const word = TITLES[verb] ?? verb;
  return html`<${Dialog} title=${rows.length > 1 ? `${word}: ${many(rows.length, "incident")}` : word} close=${close} send=${go} word=${word} busy=${busy} ready=${ready} problem=${problem}>
    <p class="soft">${rows.length > 1 ? rows.slice(0, 5).map((one) => html`<span class="line" key=${one.id}>${shown(one.title)}</span>`) : first ? shown(first.title) : ""}</p>
    ${verb === "snooze" && html`<${Field} label="For"><select value=${length} autofocus onChange=${(/** @type {any} */ event) => setLength(event.currentTarget.value)}>${HOURS.map(([key, name]) => html`<option key=${key} value=${key} selected=${key === length}>${name}</option>`)}</select><//>
      <label class="check"><input type="checkbox" checked=${worse} onChange=${(/** @type {any} */ event) => setWorse(event.currentTarget.checked)} /> Wake me earlier if it gets worse, or something new is affected</label>`}
    ${(verb === "assign" || verb === "page") && html`<datalist id="who">${[...people(), ...schedules()].map((name) => html`<option key=${name} value=${name}></option>`)}</datalist><${Field} label=${verb === "page" ? "Whom to call: a person or a schedule" : "A person or a schedule; empty: nobody"}><input list="who" value=${value} maxlength="200" autofocus onInput=${text} /><//>`}
    ${verb === "comment" && html`<${Field} label="What to say"><textarea rows="4" maxlength="4000" autofocus value=${value} onInput=${text}></textarea><//>`}
    ${verb === "link" && html`<${Field} label="Address, with https://"><input type="url" maxlength="2000" autofocus value=${value} onInput=${text} /><//>`}
    ${verb === "priority" && html`<${Field} label="Priority"><select autofocus value=${value} onChange=${text}>${["p1", "p2", "p3", "p4", "p5"].map((one) => html`<option key=${one} value=${one} selected=${one === value}>${one}</option>`)}</select><//>`}
    ${verb === "wrong_cause" && html`<${Field} label="What it was in truth, if that is known: a service"><input maxlength="200" autofocus value=${value} onInput=${text} /><//>`}
    ${verb === "split" && html`<p>${many(anomalies.length, "anomaly")} leave it for an incident of their own. The two are held apart from then on: their kin never join again.</p><${Field} label="What the new one is called (optional)"><input maxlength="300" autofocus value=${value} onInput=${text} /><//>`}
    ${verb === "dismiss" && html`<p>${anomalies.length ? `${many(anomalies.length, "anomaly")} of it ${anomalies.length === 1 ? "is" : "are"} struck out` : "All of it is struck out, and it resolves as no anomaly"}; with feedback in the config, these series become calmer in that direction.</p>`}
    ${verb === "resolve" && html`<p>${still.length ? html`<b>Something in it is still odd.</b> What is odd now will not open it again by itself; something new within five minutes will.` : "It is closed. Something new within five minutes opens it again."}</p>`}
    ${verb === "merge" && (rows.length > 1 ? html`<p>The others go into <b>${first.id}</b>; their links lead there. Later kin of any of them join it.</p>` : html`<p>What goes into this one:</p><div class="choices">${candidates.map((one) => html`<label class="check" key=${one.id}><input type="checkbox" checked=${chosen.includes(one.id)} onChange=${() => setChosen(chosen.includes(one.id) ? chosen.filter((id) => id !== one.id) : [...chosen, one.id])} /> ${shown(one.title)}</label>`)}${candidates.length ? "" : html`<p class="soft">No other incident is open.</p>`}</div>`)}
    ${verb !== "comment" && html`<${Field} label="Why (for whoever reads it later)"><input maxlength="4000" value=${reason} onInput=${(/** @type {any} */ event) => setReason(event.currentTarget.value)} autofocus=${["resolve", "dismiss", "merge", "reopen"].includes(verb)} /><//>`}
  <//>`;
}

/** Verdicts on one anomaly, where it stands in an incident. @param {{row: any, again: () => void, short?: boolean}} props */
export function Verdicts({ row, again, short = false }) {
  const [explain, setExplain] = useState(false);
  const none = row.incident ? "" : "It is in no incident: use floodmark feedback.";
  const say = async (/** @type {string} */ verb) => {
    const told = await act({ verb, incident: row.incident, args: verb === "dismiss" || verb === "good_catch" ? { anomalies: [row.id] } : {} });
    if (told) note(told, { bad: true }); else again();
  };
  const command = useMemo(() => `floodmark explain '${row.series.replaceAll("'", "'\\''")}' ${row.started_at} FILE`, [row.series, row.started_at]);
  return html`<span class="row wrap verdicts">${row.judged && html`<span class="chip">${shown(row.judged)}</span>`}
    ${[["dismiss", "Not an anomaly"], ["good_catch", "Good catch"]].map(([verb, word]) => { const why = none || mayNot(verb ?? ""); return html`<button key=${verb} type="button" class="btn small" disabled=${Boolean(why)} title=${why} onClick=${() => say(verb ?? "")}>${word}</button>`; })}
    ${!short && html`<button type="button" class="btn small ghost" aria-expanded=${String(explain)} onClick=${() => setExplain(!explain)}>Explain</button>`}
    ${explain && html`<code class="command" tabindex="0">${shown(command)}</code>`}</span>`;
}
