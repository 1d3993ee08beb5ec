// Parts that views are made of.
//
//   <${Answer} answer=${answer} isEmpty=${(data) => !data.value.length} empty="No mail yet.">${(data) => html`…`}<//>
//     the states loading, empty and broken; after a failure what was last known stays, under the failure
//   <${Section} title="Mailboxes">…<//>              a region with a heading (h2; deeper: level=${3})
//   <${Table} caption="…" columns=${[{ title, value: (row) => …, isNumber }]} rows=${rows} keyOf=${(row) => row.id} />
//     a list of cards where the window is narrow; a column with isHeading names its row
//   <${Facts} items=${[["Backlog", 3], …]} />        names and values
//   <${Level} level="ok|warning|critical" text="…" />  a shape and a word, readable without colour
//   <${Moment} time=${…} />                          "5 min ago", with the whole time as title and datetime
//   <${Action} label="Poll now" done="Asked for." run=${() => api.post(…)} confirm="…?" />
//     a button: busy while it runs, then says what came of it; with `confirm` it asks first
import { ApiError } from "./api.js";
import { formatAge, formatMoment } from "./format.js";
import { html, useState } from "./html.js";
import { useNow } from "./refresh.js";

const LEVELS = {
  ok: { shape: "●", word: "Well" },
  warning: { shape: "▲", word: "Warning" },
  critical: { shape: "■", word: "Critical" },
};

export const wordOf = (level) => LEVELS[level]?.word ?? level;
export const shapeOf = (level) => LEVELS[level]?.shape ?? "";

export function Level({ level, text }) {
  return html`<span class="level ${level}"><span aria-hidden="true">${shapeOf(level)}</span> ${text ?? wordOf(level)}</span>`;
}

export function Moment({ time }) {
  const now = useNow();
  return time ? html`<time datetime=${time} title=${formatMoment(time)}>${formatAge(time, now)}</time>` : "never";
}

let sections = 0;

export function Section({ title, level = 2, className = "", children }) {
  const [id] = useState(() => `section-${(sections += 1)}`);
  return html`<section class=${className} aria-labelledby=${id}>
    ${level === 2 ? html`<h2 id=${id}>${title}</h2>` : html`<h3 id=${id}>${title}</h3>`} ${children}
  </section>`;
}

export function Facts({ items }) {
  return html`<dl class="facts">
    ${items.filter(Boolean).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

export function Table({ caption, columns, rows, keyOf, hideCaption = false }) {
  const kindOf = (column) => (column.isNumber ? "number" : "");
  const cell = (column, row) =>
    column.isHeading
      ? html`<th scope="row" key=${column.title} data-label=${column.title}>${column.value(row)}</th>`
      : html`<td key=${column.title} class=${kindOf(column)} data-label=${column.title}>${column.value(row)}</td>`;
  return html`<table class="cards">
    <caption class=${hideCaption ? "hidden" : ""}>${caption}</caption>
    <thead>
      <tr>${columns.map((each) => html`<th scope="col" key=${each.title} class=${kindOf(each)}>${each.title}</th>`)}</tr>
    </thead>
    <tbody>
      ${rows.map((row) => html`<tr key=${keyOf?.(row)}>${columns.map((column) => cell(column, row))}</tr>`)}
    </tbody>
  </table>`;
}

export function Failure({ error, retry }) {
  const isKnown = error instanceof ApiError;
  if (!isKnown) console.error(error);
  return html`<div class="failure" role="alert">
    <p><${Level} level="critical" text="It failed" /> ${isKnown ? error.message : "This page failed. Reload it."}</p>
    <p class="detail">
      Code <code>${isKnown ? error.code : "PageFailed"}</code>${
        isKnown && error.requestId ? html`, request id <code>${error.requestId}</code>` : ""
      }
    </p>
    ${retry && html`<button type="button" onClick=${retry}>Try again</button>`}
  </div>`;
}

export function Answer({ answer, isEmpty = () => false, empty = "There is nothing to show yet.", children }) {
  const { data, error, refresh } = answer;
  const failed = error && html`<${Failure} error=${error} retry=${refresh} />`;
  if (data === undefined) return failed || html`<p class="loading" role="status">Loading …</p>`;
  if (isEmpty(data)) return html`${failed}<p class="empty">${empty}</p>`;
  return html`${failed}${failed && html`<p class="note">What follows was last known before that.</p>`}${children(data)}`;
}

export function Action({ label, about = "", done, run, confirm = "", kind = "" }) {
  const [state, setState] = useState("");
  const [said, setSaid] = useState(null);
  const start = async () => {
    if (confirm && state !== "asked") {
      setState("asked");
      return;
    }
    setState("busy");
    setSaid(null);
    try {
      const answer = await run();
      setSaid(typeof done === "function" ? done(answer) : done);
    } catch (error) {
      if (!(error instanceof ApiError)) console.error(error);
      setSaid(html`<${Level} level="critical" text="It failed:" /> ${error.message} ${error.requestId && `(${error.requestId})`}`);
    }
    setState("");
  };
  return html`<span class="action">
    ${state === "asked" && html`<span role="status">${confirm}</span> `}
    <button type="button" class=${kind} disabled=${state === "busy"} onClick=${start}
      >${state === "asked" ? `Yes: ${label}` : label}${about && html`<span class="hidden"> ${about}</span>`}</button>
    ${state === "asked" && html` <button type="button" onClick=${() => setState("")}>No</button>`}
    <span class="said" role="status">${said}</span>
  </span>`;
}
