/** Audit: who did what, when, from where, and what came of it; and who was refused what here. Nothing is ever edited. */
import { Problem } from "../api.js";
import { Failed, Skeleton, Text } from "../components.js";
import { Empty, Table, ask, epoch, html, incidentLink, onLive, shown, useEffect, useQuery, useRef, useState, when } from "./parts.js";

const VERBS = ["ack", "unack", "assign", "snooze", "unsnooze", "resolve", "reopen", "merge", "split", "dismiss", "good_catch", "wrong_cause", "comment", "link", "priority", "page", "silence", "unsilence", "maintain", "unmaintain", "override", "handover", "propose", "approve", "ran"];

export default function Audit() {
  const query = useQuery(), by = query.get("by"), verb = query.get("verb"), incident = query.get("incident");
  const filter = [["by", by], ["verb", verb], ["incident", incident]].filter(([, value]) => value).map(([name, value]) => `${name}=${encodeURIComponent(value ?? "")}`).join("&");
  const [held, setHeld] = useState(/** @type {{rows: any[], next: string | null} | null} */ (null)), [problem, setProblem] = useState(/** @type {any} */ (null)), [person, setPerson] = useState(by), [one, setOne] = useState(incident);
  const turn = useRef(0); // an answer to what is no longer asked is left alone
  async function load(/** @type {string | null} */ next = null) {
    const mine = (turn.current += 1);
    try {
      const found = await ask(`/audit?limit=100&${filter}${next ? `&cursor=${encodeURIComponent(next)}` : ""}`);
      if (mine !== turn.current) return;
      setHeld((before) => (next && before ? { rows: [...before.rows, ...found.rows], next: found.next } : fresh(before, found)));
      setProblem(null);
    } catch (error) { if (mine === turn.current) setProblem(error instanceof Problem ? error : new Problem(String(error), 0)); }
  }
  useEffect(() => { setHeld(null); setPerson(by); setOne(incident); void load(); }, [filter]);
  useEffect(() => onLive(["action", "gap"], () => void load()), [filter]);
  return html`<div class="bar"><h1>Audit</h1><span class="grow"></span><a class="btn" href="/api/v1/audit/export" download>Export as JSONL</a></div>
    <form class="row wrap filters" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); query.set({ by: person.trim(), incident: one.trim() }); }}>
      <label class="field"><span>Person</span><input value=${person} maxlength="200" onInput=${(/** @type {any} */ event) => setPerson(event.currentTarget.value)} /></label>
      <label class="field"><span>What was done</span><select value=${verb} onChange=${(/** @type {any} */ event) => query.set({ verb: event.currentTarget.value })}><option value="" selected=${!verb}>anything</option>${VERBS.map((name) => html`<option key=${name} value=${name} selected=${name === verb}>${name.replaceAll("_", " ")}</option>`)}</select></label>
      <label class="field"><span>Incident</span><input value=${one} maxlength="200" placeholder="inc-…" onInput=${(/** @type {any} */ event) => setOne(event.currentTarget.value)} /></label>
      <button class="btn">Show</button>${filter && html`<button type="button" class="btn ghost" onClick=${() => { setPerson(""); setOne(""); query.set({ by: "", verb: "", incident: "" }); }}>Show all</button>`}</form>
    ${problem ? html`<${Failed} problem=${problem} again=${() => load()} />` : !held ? html`<${Skeleton} lines=${8} />` : !held.rows.length ? html`<${Empty} title="Nobody has done anything${filter ? " of this kind" : " yet"}">Acknowledging, silencing, merging and all else that people do stands here, with what came of it.<//>`
      : html`<section class="card"><${Table} label="What people did" columns=${["when", "who", "what", "incident", "by way of", "what came of it"]} rows=${held.rows.map((row) => [when(epoch(row.action.at)), html`<span class="name">${shown(row.action.by)}</span>`, html`<span><b>${shown(row.action.verb.replaceAll("_", " "))}</b> ${details(row.action)}</span>`, row.action.incident ? html`<a href=${incidentLink(row.action.incident)}>${shown(row.action.incident)}</a>` : "–", row.action.via ?? "cli", row.refused ? html`<span class="up"><b>refused</b>: <${Text} of=${row.refused} most=${200} /></span>` : html`<${Text} of=${row.effect || "the engine has not answered"} most=${200} />`])} />${held.next && html`<p class="note"><button class="btn" onClick=${() => load(held.next)}>Show older ones</button></p>`}</section>`}`;
}

/** The newest rows before older ones that were asked for already. @param {{rows: any[], next: string | null} | null} before @param {{rows: any[], next: string | null}} found */
function fresh(before, found) {
  const last = found.rows[found.rows.length - 1]?.action.id, at = before ? before.rows.findIndex((row) => row.action.id === last) : -1;
  return before && at >= 0 && at < before.rows.length - 1 ? { rows: [...found.rows, ...before.rows.slice(at + 1)], next: before.next } : { rows: found.rows, next: found.next };
}

/** @param {any} action what it was done with, and why */
function details(action) {
  const args = action.args ?? {}, said = [];
  for (const [name, value] of Object.entries(args)) {
    const text = Array.isArray(value) ? (value.length > 3 ? `${value.length} of them` : value.join(", ")) : typeof value === "object" && value ? Object.entries(value).map(([key, one]) => `${key}=${Array.isArray(one) ? one.join("|") : one}`).join(" ") : String(value);
    said.push(html`<span class="soft small" key=${name}>${shown(name)} <${Text} of=${text} most=${160} /> </span>`);
  }
  if (action.reason) said.push(html`<span class="soft small" key="reason">· <${Text} of=${action.reason} most=${200} /></span>`);
  return said;
}
