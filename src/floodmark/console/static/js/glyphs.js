/** Shapes: severity is told by shape, word and colour, so that none of them is needed alone. */
import { html } from "./html.js";

const SEVERITY = /** @type {Record<string, string>} */ ({
  critical: "M8 1 15 8 8 15 1 8Z",
  error: "M5 1.500h6l3.500 3.500v6L11 14.500H5L1.500 11V5Z",
  warning: "M8 1.800 15 14.200H1Z",
  info: "M8 1.500a6.500 6.500 0 1 1 0 13 6.500 6.500 0 0 1 0-13Z",
});

const ICONS = /** @type {Record<string, string>} */ ({
  incidents: "M3 5h14M3 10h14M3 15h9",
  explorer: "M3 3h5v5H3zM12 3h5v5h-5zM3 12h5v5H3zM12 12h5v5h-5z",
  models: "M3 15l4-6 4 3 6-9M3 18h14",
  oncall: "M10 3a4 4 0 0 1 4 4v3l2 3H4l2-3V7a4 4 0 0 1 4-4ZM8 16a2 2 0 0 0 4 0",
  engine: "M10 3v3M10 14v3M3 10h3M14 10h3M5.200 5.200l2 2M12.800 12.800l2 2M5.200 14.800l2-2M12.800 7.200l2-2",
  audit: "M5 3h7l3 3v11H5zM8 9h5M8 12h5M8 15h3",
  report: "M4 16V9M8 16V5M12 16v-4M16 16V7",
  search: "M9 3.500a5.500 5.500 0 1 1 0 11 5.500 5.500 0 0 1 0-11ZM13.200 13.200 17 17",
  deploy: "M10 2.500 16 9h-3.400v5H7.400V9H4ZM7 17h6",
  check: "M4 10.500l4 4 8-9",
  person: "M10 4a3 3 0 1 1 0 6 3 3 0 0 1 0-6ZM4 17c.6-3.400 3-5 6-5s5.400 1.600 6 5",
  clock: "M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14ZM10 6v4l3 2",
  done: "M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14ZM6.800 10.200l2.300 2.300 4.200-4.800",
  more: "M4.500 10h.01M10 10h.01M15.500 10h.01",
  theme: "M10 3a7 7 0 1 0 7 7 5.500 5.500 0 0 1-7-7Z",
  close: "M5 5l10 10M15 5 5 15",
});

/** @param {{of: string, bare?: boolean}} props */
export function Severity({ of, bare = false }) {
  return html`<span class=${`sev ${of}`}><svg viewBox="0 0 16 16" aria-hidden="true"><path d=${SEVERITY[of] ?? SEVERITY.info} /></svg>${bare ? html`<span class="vh">${of}</span>` : of}</span>`;
}

/** @param {{of: string}} props */
export function Icon({ of }) {
  return html`<svg class="icon" viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width=${of === "more" ? 2.6 : 1.6} stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${ICONS[of] ?? ""} /></svg>`;
}

export const Brand = () => html`<svg viewBox="0 0 24 24" aria-hidden="true"><rect width="24" height="24" rx="6" fill="var(--accent)" /><path d="M4 15c2.700-2.600 5.300-2.600 8 0s5.300 2.600 8 0M4 19c2.700-2.600 5.300-2.600 8 0s5.300 2.600 8 0" fill="none" stroke="var(--accent-ink)" stroke-width="1.800" stroke-linecap="round" /><path d="M4 9.500h16" stroke="#f1c15c" stroke-width="2" stroke-linecap="round" /></svg>`;

const WORDS = /** @type {Record<string, string>} */ ({ none: "open", open: "open", acked: "acknowledged", snoozed: "snoozed", resolved: "resolved", merged: "merged" });

/** @param {{row: any, until?: string}} props */
export function State({ row, until = "" }) {
  return html`<span class=${`state ${row.state === "none" ? "open" : row.state}`}>${WORDS[row.state] ?? row.state}${until ? ` to ${until}` : ""}</span>`;
}

/** @param {{name: string}} props */
export function Who({ name }) {
  const letters = (name.split("@")[0] ?? "").split(/[\s.@_-]+/).filter(Boolean).slice(0, 2).map((one) => [...one][0]).join("").toUpperCase();
  return html`<span class=${name ? "who" : "who none"} title=${name || "nobody yet"}><span aria-hidden="true">${name ? letters || "?" : "?"}</span><span class="vh">${name ? `${name} has it` : "nobody has it"}</span></span>`;
}
