// One mail: what happened to it, where it is now, and what a person may do with it.
import { pathOf, serverNow } from "../lib/api.js";
import { Answer, Facts, Moment, Section, Table } from "../lib/elements.js";
import { formatMoment, formatNumber } from "../lib/format.js";
import { html } from "../lib/html.js";
import { MailActions } from "../lib/mail_actions.js";
import { State, stateOf, TicketLink } from "../lib/mail_parts.js";
import { useAnswer } from "../lib/refresh.js";

export const name = "mail";
export const title = "One mail";

const SHAPES = { delivered: "●", quarantined: "▲", attempted: "▲", waiting: "…" };

export function View({ api, params, asOf }) {
  const { mailbox, key } = params;
  const read = async () => {
    const mail = await api.get(pathOf("mailboxes", mailbox, "mails", key));
    return { ...mail, asOfDateTime: new Date(serverNow()).toISOString() };
  };
  const answer = useAnswer(read, { key: `${mailbox} ${key}`, asOf });
  return html`<p><a href="#/mails">All mails</a></p>
    <${Answer} answer=${answer}>${(mail) => html`
      <h2>${mail.subject || "(no subject)"}</h2>
      <${Facts} items=${listFacts(mail, mailbox)} />
      <${Section} title="Deliveries">
        ${
          mail.deliveries.length
            ? html`<${Table} caption="One for each sink" columns=${COLUMNS} rows=${mail.deliveries} keyOf=${({ sink }) => sink} />`
            : html`<p class="empty">There is none: the mail went to no sink.</p>`
        }
      <//>
      <${Section} title="What happened"><${Story} events=${mail.story} /><//>
      <${Section} title="Decide by hand">
        <${MailActions} api=${api} mailbox=${mailbox} mail=${mail} refresh=${answer.refresh} />
      <//>
      <${Section} title="Contents"><${Contents} mail=${mail} /><//>`}<//>`;
}

function listFacts(mail, mailbox) {
  return [
    ["State", html`<${State} state=${stateOf(mail)} />`],
    ["From", mail.from || "–"],
    ["Received", html`<${Moment} time=${mail.receivedDateTime} />`],
    ["Mailbox", mailbox],
    ["Folder", mail.folder],
    mail.requestor && ["Requestor", mail.requestor.address],
    ["Reference", html`<code>${mail.reference}</code>`],
    ["Key", html`<code>${mail.key}</code>`],
  ];
}

const COLUMNS = [
  { title: "Sink", isHeading: true, value: ({ sink }) => sink },
  { title: "State", value: ({ state }) => html`<${State} state=${state} />` },
  { title: "Ticket", value: ({ ticket, ticketUrl }) => html`<${TicketLink} ticket=${ticket} url=${ticketUrl} />` },
  { title: "Attempts", isNumber: true, value: ({ attempts }) => formatNumber(attempts) },
  { title: "Remark", value: (delivery) => html`<${Remark} delivery=${delivery} />` },
];

function Remark({ delivery }) {
  const { cause, message, lastError, nextAttemptDateTime, isReply, notes } = delivery;
  if (cause) return html`<code>${cause}</code> ${message}`;
  if (nextAttemptDateTime) return html`next attempt <${Moment} time=${nextAttemptDateTime} />${lastError && html`, last error <code>${lastError}</code>`}`;
  const said = [isReply && "A comment of this ticket.", ...(notes ?? [])].filter(Boolean);
  return said.join(" ") || "–";
}

function Story({ events }) {
  return html`<ol class="story" aria-live="polite">${events.map(({ dateTime, event, text, by }, place) => html`<li key=${place} class=${event}>
    ${
      dateTime
        ? html`<time datetime=${dateTime}>${formatMoment(dateTime)}</time>`
        : html`<span class="time">now</span>`
    } <span aria-hidden="true">${SHAPES[event] ?? "·"}</span> <span>${text}</span>${by && html` <span class="note">(by ${by})</span>`}
  </li>`)}</ol>`;
}

function Contents({ mail }) {
  const { attachments, text } = mail;
  return html`
    ${
      attachments.length
        ? html`<${Table} caption="Attachments" columns=${FILES} rows=${attachments} keyOf=${({ number }) => number} />`
        : html`<p class="empty">The mail has no attachments.</p>`
    }
    ${
      text === null
        ? html`<p class="empty">Its text is not in the gateway's storage.</p>`
        : html`<details><summary>Text of the mail</summary><pre class="mail-text" tabindex="0" aria-label="Text of the mail">${text}</pre></details>`
    }`;
}

const FILES = [
  { title: "Name", isHeading: true, value: ({ name: given, safeName }) => given || safeName },
  { title: "Type", value: ({ contentType }) => contentType || "–" },
  { title: "Bytes", isNumber: true, value: ({ size }) => formatNumber(size) },
  { title: "Not stored because", value: ({ reason }) => reason ?? "–" },
];
