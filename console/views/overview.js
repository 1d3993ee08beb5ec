// Is all well? The verdict, its issues, the mailboxes, and what else the gateway depends on.
import { Answer, Facts, Moment, Section } from "../lib/elements.js";
import { formatNumber, formatSpan } from "../lib/format.js";
import { html } from "../lib/html.js";
import { useAnswer } from "../lib/refresh.js";

export const name = "overview";
export const title = "Overview";

export function View({ api, asOf }) {
  const answer = useAnswer(() => api.get("status"), { seconds: 30, asOf });
  return html`<${Answer} answer=${answer}>${(status) => html`
    <${Section} title="Mailboxes">
      <ul class="tiles">${status.mailboxes.map((mailbox) => html`<li class="tile" key=${mailbox.name}><${Mailbox} mailbox=${mailbox} /></li>`)}</ul>
    <//>`}<//>`;
}

function Mailbox({ mailbox }) {
  return html`<h3>${mailbox.name}</h3>
    <${Facts} items=${[
      ["Last success", html`<${Moment} time=${mailbox.lastSuccessDateTime} />`],
      ["Lag", formatSpan(mailbox.lagSeconds)],
      ["Backlog", formatNumber(mailbox.backlog)],
    ]} />`;
}
