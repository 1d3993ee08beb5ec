// Is all well? The verdict with its issues, the mailboxes, their history, and what else the gateway depends on.
import { pathOf } from "../lib/api.js";
import { Action, Answer, Facts, Level, Moment, Section, Table, shapeOf, wordOf } from "../lib/elements.js";
import { countOf, formatMoment, formatNumber, formatSpan } from "../lib/format.js";
import { html, useEffect } from "../lib/html.js";
import { MailHistory } from "../lib/mail_history.js";
import { useAnswer } from "../lib/refresh.js";
import { link } from "../lib/router.js";

export const name = "overview";
export const title = "Overview";

// More mailboxes than this are a table, and only those with an issue a tile.
const MOST_TILES = 9;
const RANK = { critical: 0, warning: 1, ok: 2 };

export function View({ api, asOf }) {
  const answer = useAnswer(() => api.get("status"), { seconds: 30, asOf });
  return html`<${Answer} answer=${answer}>${(status) => html`<${Status} status=${status} api=${api} refresh=${answer.refresh} isStale=${Boolean(answer.error)} />`}<//>`;
}

function Status({ status, api, refresh, isStale }) {
  const { verdict, mailboxes } = status;
  useEffect(() => {
    document.title = `${shapeOf(verdict.level)} ${isStale ? "No answer" : wordOf(verdict.level)} | Graph gateway`;
  }, [verdict.level, isStale]);
  return html`
    <${Verdict} verdict=${verdict} isStale=${isStale} />
    <${Mailboxes} mailboxes=${mailboxes} api=${api} refresh=${refresh} />
    ${mailboxes.length > 0 && html`<${MailHistory} api=${api} names=${mailboxes.map((each) => each.name)} />`}
    <${Dependencies} status=${status} />
    <p class="version">Graph gateway ${status.version}</p>`;
}

function Verdict({ verdict, isStale }) {
  const { level, sentence, issues } = verdict;
  return html`<section class="verdict-area" aria-label="Verdict">
    <div class="verdict ${isStale ? "stale" : level}" role="status">
      <span class="shape" aria-hidden="true">${shapeOf(level)}</span>
      <p><strong>${isStale ? `${wordOf(level)}, before that` : wordOf(level)}</strong> <span>${sentence}</span></p>
    </div>
    ${issues.length > 0 && html`<ul class="issues" aria-label="Issues">
      ${issues.map((issue) => html`<li key=${`${issue.code} ${issue.about}`} class="issue ${issue.level}"><${Issue} issue=${issue} /></li>`)}
    </ul>
    <p class="note"><a href=${link("doctor")}>The doctor</a> tries everything that the gateway depends on.</p>`}
  </section>`;
}

function Issue({ issue }) {
  return html`<p><${Level} level=${issue.level} /> ${issue.message}
      ${issue.sinceDateTime && html` <span class="detail">Since <${Moment} time=${issue.sinceDateTime} />.</span>`}</p>
    <p class="remedy"><span class="detail">Remedy:</span> ${issue.remedy}</p>
    <p class="detail"><code>${issue.code}</code>${issue.about && html` ${issue.about}`}</p>`;
}

function Mailboxes({ mailboxes, api, refresh }) {
  const sorted = [...mailboxes].sort((one, other) => RANK[one.level] - RANK[other.level]);
  const tiles = mailboxes.length > MOST_TILES ? sorted.filter(({ level }) => level !== "ok").slice(0, MOST_TILES) : mailboxes;
  const rest = sorted.filter((mailbox) => !tiles.includes(mailbox));
  if (!mailboxes.length) {
    return html`<${Section} title="Mailboxes"><p class="empty">The settings name no support mailbox. The gateway answers
      questions about Bookings only, until MAILBOXES names one.</p><//>`;
  }
  return html`<${Section} title="Mailboxes" className="mailboxes">
    <ul class="tiles">
      ${tiles.map((mailbox) => html`<li class="tile ${mailbox.level}" key=${mailbox.name}><${Mailbox} mailbox=${mailbox} api=${api} refresh=${refresh} /></li>`)}
    </ul>
    ${rest.length > 0 && html`<${Table} caption=${tiles.length ? "All other mailboxes" : "All mailboxes"} columns=${columnsOf(api, refresh)} rows=${rest} keyOf=${(row) => row.name} />`}
  <//>`;
}

function Mailbox({ mailbox, api, refresh }) {
  const error = mailbox.lastError;
  return html`<h3><a href=${link("mails", { mailbox: mailbox.name })}>${mailbox.name}</a> <${Level} level=${mailbox.level} /></h3>
    <p class="detail address">${mailbox.address}; alarm after ${mailbox.alarmMinutes} minutes without a success</p>
    <${Facts} items=${[
      ["Last success", html`<${Moment} time=${mailbox.lastSuccessDateTime} />`],
      ["Oldest waits", mailbox.oldestWaitingSeconds === null ? "none" : formatSpan(mailbox.oldestWaitingSeconds)],
      ["Lag", formatSpan(mailbox.lagSeconds)],
      ["Backlog", formatNumber(mailbox.backlog)],
      ["In quarantine", quarantine(mailbox)],
      ["Set aside", aside(mailbox)],
      ["New mail", announced(mailbox)],
      ["Next poll", nextPoll(mailbox)],
    ]} />
    ${error && html`<p class="last-error"><${Level} level="warning" text="Last error" /> ${error.message}
      <span class="detail"> <code>${error.code}</code>, <${Moment} time=${error.dateTime} /></span></p>`}
    <${PollNow} mailbox=${mailbox} api=${api} refresh=${refresh} />`;
}

function columnsOf(api, refresh) {
  return [
    { title: "Mailbox", isHeading: true, value: (each) => html`<a href=${link("mails", { mailbox: each.name })}>${each.name}</a>` },
    { title: "State", value: (each) => html`<${Level} level=${each.level} />` },
    { title: "Last success", value: (each) => html`<${Moment} time=${each.lastSuccessDateTime} />` },
    { title: "Oldest waits", value: (each) => formatSpan(each.oldestWaitingSeconds) },
    { title: "Backlog", isNumber: true, value: (each) => formatNumber(each.backlog) },
    { title: "In quarantine", isNumber: true, value: quarantine },
    { title: "Set aside", isNumber: true, value: aside },
    { title: "New mail", value: announced },
    { title: "Next poll", value: nextPoll },
    { title: "Last error", value: (each) => each.lastError?.message ?? "–" },
    { title: "Action", value: (each) => html`<${PollNow} mailbox=${each} api=${api} refresh=${refresh} />` },
  ];
}

const setAside = (mailbox) => mailbox.automatic + mailbox.setAsideByRule + mailbox.onlyThanks + mailbox.loopSuspected;
const announced = (mailbox) => (mailbox.announcements?.isProven ? "announced" : "polled");
const nextPoll = (mailbox) =>
  html`${mailbox.isPaused && "paused, "}<${Moment} time=${mailbox.nextPollDateTime} />`;

/** How many mails of a mailbox are in a state, as a link to them. */
function Count({ mailbox, state, of, text }) {
  if (!of) return "0";
  return html`<a href=${link("mails", { mailbox: mailbox.name, state })}>${formatNumber(of)}<span class="hidden"> ${text} of ${mailbox.name}</span></a>`;
}

const quarantine = (mailbox) =>
  html`<${Count} mailbox=${mailbox} state="quarantined" of=${mailbox.quarantined - setAside(mailbox)} text="in quarantine" />`;
const aside = (mailbox) => html`<${Count} mailbox=${mailbox} state="setAside" of=${setAside(mailbox)} text="set aside" />`;

function PollNow({ mailbox, api, refresh }) {
  const run = async () => {
    await api.post(pathOf("mailboxes", mailbox.name, "poll"));
    window.setTimeout(refresh, 3000);
  };
  return html`<${Action} label="Poll now" about=${mailbox.name} done="Asked for." run=${run} />`;
}

function Dependencies({ status }) {
  const { sinks, credentials, waitingMessages, poisonMessages, mailSettings, graphSubscriptions, eventSubscriptions } = status;
  return html`<${Section} title="What it depends on" className="dependencies">
    <div class="tiles small">
      <div class="tile"><h3>Sinks</h3>
        ${sinks.length === 0 && html`<p class="empty">The settings name no sink.</p>`}
        <ul class="plain">${sinks.map((sink) => html`<li key=${sink.name}><${Sink} sink=${sink} /></li>`)}</ul></div>
      <div class="tile"><h3>Credentials</h3>
        ${credentials.length === 0 && html`<p>None has an end that is known.</p>`}
        <ul class="plain">${credentials.map((each) => html`<li key=${each.connection}>${each.connection}: ends <time datetime=${each.expiresOn}
          >${formatMoment(each.expiresOn)}</time>, <${Moment} time=${each.expiresOn} /></li>`)}</ul></div>
      <div class="tile"><h3>Queues</h3>
        <${Facts} items=${[
          ["Polls that wait", formatNumber(waitingMessages.polls)],
          ["Deliveries that wait", formatNumber(waitingMessages.deliveries)],
          ["Poison messages so far", formatNumber(poisonMessages)],
        ]} /></div>
      ${graphSubscriptions && html`<div class="tile"><h3>Announcements by Graph</h3><${Announcements} subscriptions=${graphSubscriptions} /></div>`}
      ${eventSubscriptions && html`<div class="tile"><h3>Event subscriptions</h3><ul class="plain">${eventSubscriptions.map((each) => html`<li key=${each.connection}
        >${each.connection}: ${Object.entries(each).filter(([, value]) => typeof value === "number").map(([key, value]) => `${value} ${key}`).join(", ")}</li>`)}</ul></div>`}
      ${mailSettings && html`<div class="tile"><h3>Settings in a blob</h3><p>In force: ${IN_FORCE[mailSettings.inForce] ?? mailSettings.inForce}.</p>
        <ul class="plain">${mailSettings.faults.map((fault) => html`<li key=${fault.setting}><${Level} level="critical" text="Fault" /> <code>${fault.setting}</code> ${fault.message}</li>`)}</ul></div>`}
    </div>
  <//>`;
}

function Announcements({ subscriptions }) {
  const confirmed = subscriptions.filter((each) => each.isThere).length;
  const failed = subscriptions.filter((each) => each.lastError);
  return html`<p>${formatNumber(confirmed)} of ${countOf(subscriptions.length, "folder")} confirmed.</p>
    <ul class="plain">${failed.map((each) => html`<li key=${`${each.mailbox} ${each.folder}`}><${Level} level="warning" text=${each.mailbox} />
      ${" "}${each.folder}: ${each.lastError.message}</li>`)}</ul>`;
}

const IN_FORCE = { current: "the current version", lastGood: "the last good version", nothing: "nothing" };

function Sink({ sink }) {
  const isOpen = sink.circuit === "open";
  return html`<${Level} level=${isOpen ? "critical" : "ok"} text=${isOpen ? "Stopped" : "Well"} /> ${sink.name} <span class="detail">${sink.kind}</span>
    ${isOpen && html`<p class="detail">The circuit breaker is open: ${sink.why.message ?? sink.why.code ?? "every mail waits"}</p>`}`;
}
