// Mails, tickets, delays and failures of the last 24 hours and 30 days, of one mailbox or of all together.
import { Answer, Section } from "./elements.js";
import { countOf, formatClock, formatLocalDay, formatMoment, formatNumber, formatSpan } from "./format.js";
import { html, useState } from "./html.js";
import { Plot, niceSeconds } from "./plot.js";
import { useAnswer } from "./refresh.js";

const PERIODS = [
  { period: "day", title: "Last 24 hours", label: formatMoment, tick: (time) => formatClock(time), every: 6, seconds: 120 },
  { period: "month", title: "Last 30 days", label: formatLocalDay, tick: formatLocalDay, every: 10, seconds: 600 },
];

export function MailHistory({ api, names }) {
  const [mailbox, setMailbox] = useState("");
  return html`<${Section} title="Mails and tickets" className="history">
    ${names.length > 1 && html`<p class="choice"><label for="history-mailbox">Mailbox</label>
      <select id="history-mailbox" value=${mailbox} onChange=${(event) => setMailbox(event.target.value)}>
        <option value="">All together</option>
        ${names.map((each) => html`<option key=${each} value=${each}>${each}</option>`)}
      </select></p>`}
    <div class="periods">${PERIODS.map((each) => html`<${Period} key=${each.period} ...${each} api=${api} mailbox=${mailbox} />`)}</div>
  <//>`;
}

function Period({ period, title, label, tick, every, seconds, api, mailbox }) {
  const load = () => api.get("mail-history", { period, mailbox });
  const answer = useAnswer(load, { seconds, key: mailbox });
  return html`<${Section} title=${title} level=${3} className="period">
    <${Answer} answer=${answer} isEmpty=${(data) => data.value.length === 0}>${(data) => {
      const points = joinPoints(data.value.map((each) => each.points));
      const labels = points.map((point) => label(point.startDateTime));
      const ticks = ticksOf(points, tick, every);
      const isJoined = data.value.length > 1;
      const column = (name) => points.map((point) => point[name]);
      const sums = { mails: sum(column("mails")), tickets: sum(column("tickets")), failures: sum(column("failures")) };
      return html`<p>${countOf(sums.mails, "mail")}, ${countOf(sums.tickets, "ticket")}, ${countOf(sums.failures, "failure")}.</p>
      <div class="plots">
        <${Plot} title="Mails and tickets" labels=${labels} ticks=${ticks} series=${[
          { name: "Mails", values: column("mails"), shape: "bars" },
          { name: "Tickets", values: column("tickets"), shape: "line" },
        ]} />
        <${Plot} title="Delay to the ticket" labels=${labels} ticks=${ticks} format=${(value) => formatSpan(value, true)} nice=${niceSeconds} most=${10} series=${[
          { name: "Longest", values: column("delaySecondsMost"), shape: "dashed" },
          { name: isJoined ? "Slowest median" : "Median", values: column("delaySecondsMedian"), shape: "line" },
        ]} />
        <${Plot} title="Failures" labels=${labels} ticks=${ticks} series=${[{ name: "Failures", values: column("failures"), shape: "hatched" }]} />
      </div>`;
    }}<//>
  <//>`;
}

/** Return the points of several mailboxes as one: counts added, of delays the greatest. */
export function joinPoints(lists) {
  const [first = [], ...others] = lists;
  return first.map((point, place) => {
    const all = [point, ...others.map((points) => points[place])];
    const greatest = (name) => {
      const known = all.map((each) => each[name]).filter((value) => value !== null);
      return known.length ? Math.max(...known) : null;
    };
    return {
      startDateTime: point.startDateTime,
      mails: sum(all.map((each) => each.mails)),
      tickets: sum(all.map((each) => each.tickets)),
      failures: sum(all.map((each) => each.failures)),
      delaySecondsMedian: greatest("delaySecondsMedian"),
      delaySecondsMost: greatest("delaySecondsMost"),
    };
  });
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

function ticksOf(points, tick, every) {
  const last = points.length - 1;
  const places = points.map((_, place) => place).filter((place) => (last - place) % every === 0);
  return Object.fromEntries(places.map((place) => [place, tick(points[place].startDateTime)]));
}
