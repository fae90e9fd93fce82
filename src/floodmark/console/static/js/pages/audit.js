import { html } from "../html.js";
export default function Page() { return html`<div class="bar"><h1>Soon</h1></div>`; }
