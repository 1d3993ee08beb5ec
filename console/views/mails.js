// Which mail became which ticket? All mails, the newest first, with a search; the filters stand in the address.
import { Answer, Level, Moment, Table } from "../lib/elements.js";
import { countOf, formatMoment } from "../lib/format.js";
import { html, useEffect, useState } from "../lib/html.js";
import { linkMail, SEARCHED, State, stateOf, TicketLink, wordOfState } from "../lib/mail_parts.js";
import { useAnswer } from "../lib/refresh.js";
import { go, link } from "../lib/router.js";

export const name = "mails";
export const title = "Mails";

const FILTERS = ["search", "mailbox", "state", "from", "subject", "ticket", "start", "end"];
const PAGE = 50;
// Somebody who has just written a mail watches for its ticket here.
const SECONDS = 10;

export function View({ api, params, asOf }) {
  const { cursor } = params;
  const filters = Object.fromEntries(FILTERS.filter((each) => params[each]).map((each) => [each, params[each]]));
  const asked = { ...filters, start: beginOf(filters.start), end: beginOf(filters.end, 1), limit: PAGE, cursor };
  const answer = useAnswer(() => api.get("mails", asked), { seconds: SECONDS, key: JSON.stringify(asked), asOf });
  const isFiltered = Object.keys(filters).length > 0;
  const empty = isFiltered ? "No mail fits. Search for fewer words, or remove a filter." : "No mail has been read yet.";
  return html`<${Filters} api=${api} filters=${filters} isFiltered=${isFiltered} />
    <div aria-live="polite" class="counts">${answer.data && html`<p><${Counts} page=${answer.data} isOlder=${Boolean(cursor)} /></p>`}</div>
    <${Answer} answer=${answer} isEmpty=${(page) => page.value.length === 0 && !page.nextLink} empty=${empty}>${(page) => html`
      <${Table} caption="Mails, the newest first" columns=${COLUMNS} rows=${page.value}
        keyOf=${(mail) => `${mail.mailbox} ${mail.key}`} />`}<//>
    <${Pages} page=${answer.data} filters=${filters} cursor=${cursor} />`;
}

const COLUMNS = [
  { title: "Received", value: (mail) => html`<${Moment} time=${mail.receivedDateTime} />` },
  { title: "Subject", isHeading: true, value: (mail) => html`<a href=${linkMail(mail.mailbox, mail.key)}>${mail.subject || "(no subject)"}</a>` },
  { title: "From", value: (mail) => mail.from || "–" },
  { title: "State", value: (mail) => html`<${State} state=${stateOf(mail)} />` },
  { title: "Ticket", value: (mail) => html`<${Tickets} tickets=${mail.tickets} />` },
  { title: "Mailbox", value: (mail) => mail.mailbox },
];

function Tickets({ tickets }) {
  const named = tickets.filter(({ ticket }) => ticket);
  if (named.length === 0) return "–";
  return named.map(({ sink, ticket, ticketUrl }, place) => html`${place ? ", " : ""}<span title=${sink} key=${sink}><${TicketLink}
    ticket=${ticket} url=${ticketUrl} /></span>`);
}

function Counts({ page, isOlder }) {
  const { value } = page;
  const states = [...new Set(value.map(stateOf))];
  const parts = states.map((state) => `${value.filter((mail) => stateOf(mail) === state).length} ${wordOfState(state).toLowerCase()}`);
  const since = value.length > 0 && `, back to ${formatMoment(value.at(-1).receivedDateTime)}`;
  return html`${countOf(value.length, "mail")}${isOlder ? " of this page" : ""}${parts.length > 1 ? `: ${parts.join(", ")}` : ""}${since}${
    page.nextLink ? "; there are older ones." : "."
  }${page.isComplete === false && html` <${Level} level="warning" text="Not complete:" /> the mails from before an update are still being entered.`}`;
}

function Pages({ page, filters, cursor }) {
  const older = page?.nextLink && new URL(page.nextLink, window.location.href).searchParams.get("cursor");
  if (!older && !cursor) return "";
  return html`<nav aria-label="Pages of mails" class="pages"><ul>
    ${cursor && html`<li><a href=${link("mails", filters)}>Newest</a></li>`}
    ${older && html`<li><a href=${link("mails", { ...filters, cursor: older })} rel="next">Older</a></li>`}
  </ul></nav>`;
}

function Filters({ api, filters, isFiltered }) {
  const [draft, setDraft] = useState(filters);
  useEffect(() => setDraft(filters), [JSON.stringify(filters)]);
  const status = useAnswer(() => api.get("status"), { seconds: 0 });
  const names = status.data?.mailboxes.map((each) => each.name);
  const search = (event) => {
    event.preventDefault();
    go(link("mails", Object.fromEntries(FILTERS.map((each) => [each, draft[each]?.trim()]))));
  };
  const bind = (each) => ({
    id: each,
    name: each,
    value: draft[each] ?? "",
    onInput: ({ currentTarget }) => setDraft((old) => ({ ...old, [each]: currentTarget.value })),
  });
  const option = (value, text) => html`<option value=${value} key=${value}>${text}</option>`;
  return html`<form class="filters" role="search" aria-label="Mails" onSubmit=${search} autocomplete="off">
    <div class="wide"><label for="search">Ticket, author or subject</label><input type="search" maxlength="200" ...${bind("search")} /></div>
    <div><label for="state">State</label>
      <select ...${bind("state")}>${option("", "All")}${SEARCHED.map((each) => option(each, wordOfState(each)))}</select></div>
    <div><label for="mailbox">Mailbox</label>
      ${
        names
          ? html`<select ...${bind("mailbox")}>${option("", "All")}${names.map((each) => option(each, each))}</select>`
          : html`<input ...${bind("mailbox")} />`
      }</div>
    <div><label for="start">From day</label><input type="date" ...${bind("start")} /></div>
    <div><label for="end">To day</label><input type="date" ...${bind("end")} /></div>
    <div class="buttons"><button type="submit" class="main">Search</button> ${isFiltered && html`<a href=${link("mails")}>Show all</a>`}</div>
  </form>`;
}

/** The beginning of a day here, or of one that many days later, as UTC text; what is no day is left to the gateway. */
function beginOf(day, later = 0) {
  const [year, month, date] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day ?? "")?.slice(1).map(Number) ?? [];
  return year ? `${new Date(year, month - 1, date + later).toISOString().slice(0, 19)}Z` : day;
}
