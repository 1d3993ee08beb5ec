// Booking pages: appointments of today, how full the week is, and the next free slots. One page has a view of its own.
import { pathOf } from "../lib/api.js";
import { Answer, Facts, Failure, Moment, Section, Table } from "../lib/elements.js";
import { countOf, formatDay, formatNumber, formatShare, formatSpan } from "../lib/format.js";
import { html } from "../lib/html.js";
import { Plot } from "../lib/plot.js";
import { useAnswer } from "../lib/refresh.js";
import { link } from "../lib/router.js";

export const name = "bookings";
export const title = "Bookings";

const SECONDS = 300;
const WEEKDAY = 3;

export function View({ api, params, asOf }) {
  return params.business
    ? html`<${OnePage} api=${api} business=${params.business} asOf=${asOf} />`
    : html`<${AllPages} api=${api} asOf=${asOf} />`;
}

function AllPages({ api, asOf }) {
  const answer = useAnswer(() => listPages(api), { seconds: SECONDS, asOf });
  const empty = "The gateway may use no booking page. An administrator can add some to BOOKINGS_BUSINESSES.";
  return html`<${Answer} answer=${answer} isEmpty=${({ value }) => !value.length} empty=${empty}>${(data) => html`
    <${Section} title="Booking pages" className="booking-pages">
      <ul class="tiles">${data.value.map((page) => html`<li class="tile" key=${page.id}>
        <${PageTile} api=${api} page=${page} asOf=${asOf} />
      </li>`)}</ul>
      ${data.truncated && html`<p class="note">${data.message}</p>`}
    <//>`}<//>`;
}

/** A gateway without an allow-list has no pages, which is no failure. */
async function listPages(api) {
  try {
    return await api.get("bookings/businesses");
  } catch (error) {
    if (error.code === "BusinessNotAllowed") return { value: [] };
    throw error;
  }
}

const useOverview = (api, business, asOf) =>
  useAnswer(() => api.get(pathOf("bookings", "businesses", business, "overview")), { seconds: SECONDS, key: business, asOf });

function PageTile({ api, page, asOf }) {
  const { data, error, refresh } = useOverview(api, page.id, asOf);
  return html`<h3><a href=${link(["bookings", page.id])}>${page.displayName || page.id}</a></h3>
    ${error && html`<${Failure} error=${error} retry=${refresh} />`}
    ${!data && !error && html`<p class="loading" role="status">Loading …</p>`}
    ${data && html`<${Figures} page=${data} />`}`;
}

function Figures({ page }) {
  const soonest = page.services.filter((each) => each.nextSlotStartUtc)
    .sort((one, other) => one.secondsToNextSlot - other.secondsToNextSlot)[0];
  return html`<${Facts} items=${[
    ["Today", countOf(page.today.length, "appointment")],
    ["Next appointment", page.next ? html`<${PageTime} time=${page.next.startUtc} zone=${page.timeZoneIana} />` : "none in 14 days"],
    ["This week", page.week.utilization === null ? "no hours" : html`${formatShare(page.week.utilization)} booked`],
    ["Next free slot", soonest ? html`<${PageTime} time=${soonest.nextSlotStartUtc} zone=${page.timeZoneIana} />` : "none in 14 days"],
    ["Change feed", html`<${FeedAge} feed=${page.feed} />`],
  ]} />`;
}

function OnePage({ api, business, asOf }) {
  const answer = useOverview(api, business, asOf);
  return html`<p><a href=${link("bookings")}>All booking pages</a></p>
    <${Answer} answer=${answer}>${(page) => html`
      <${Section} title=${page.displayName || page.id}>
        <${Figures} page=${page} />
        <p class="note">Times are those of the page, ${page.timeZoneIana}.</p>
      <//>
      <div class="page-parts">
        <${Today} page=${page} />
        <${Week} page=${page} />
        <${Slots} page=${page} />
      </div>`}<//>`;
}

function Today({ page }) {
  const columns = [
    { title: "Time", isHeading: true, value: (item) => `${clockOf(item.startLocal)} to ${clockOf(item.endLocal)}` },
    { title: "Service", value: (item) => item.serviceName || "–" },
    { title: "Customer", value: describeCustomer },
    { title: "Staff", value: (item) => item.staffNames || "–" },
  ];
  return html`<${Section} title="Today">
    ${page.today.length
      ? html`<${Table} caption="Appointments of today" hideCaption=${true} columns=${columns} rows=${page.today} keyOf=${(item) => item.id} />`
      : html`<p class="empty">There are no appointments today.</p>`}
    <p>${page.next
      ? html`The next one: <${PageTime} time=${page.next.startUtc} zone=${page.timeZoneIana} />, ${page.next.serviceName || "an appointment"}.`
      : "None begins within 14 days."}</p>
  <//>`;
}

function Week({ page }) {
  const { week } = page;
  const days = week.days.map(({ date }) => formatDay(date));
  const booked = `${formatNumber(hoursOf(week.bookedMinutes))} of ${formatNumber(hoursOf(week.offeredMinutes))} hours`;
  const series = [
    { name: "Booked", shape: "bars", values: week.days.map((day) => hoursOf(day.bookedMinutes)) },
    { name: "Offered", shape: "dashed", values: week.days.map((day) => hoursOf(day.offeredMinutes)) },
  ];
  return html`<${Section} title="This week">
    <p>${week.utilization === null
      ? "Nobody offers any time this week."
      : html`<strong>${formatShare(week.utilization)}</strong> of what staff offer is booked: ${booked}.`}</p>
    <${Plot} title="Hours booked and offered" labels=${days} series=${series} format=${(hours) => (hours === null ? "–" : `${hours} h`)}
      ticks=${Object.fromEntries(days.map((day, place) => [place, day.slice(0, WEEKDAY)]))} />
  <//>`;
}

function Slots({ page }) {
  const columns = [
    { title: "Service", isHeading: true, value: (item) => item.displayName || item.id },
    { title: "Next free slot", value: (item) => (item.nextSlotStartUtc
      ? html`<${PageTime} time=${item.nextSlotStartUtc} zone=${page.timeZoneIana} />` : "none in 14 days") },
    { title: "Time to it", isNumber: true, value: (item) => formatSpan(item.secondsToNextSlot) },
  ];
  return html`<${Section} title="Next free slots">
    ${page.services.length
      ? html`<${Table} caption="Next free slot of each service" hideCaption=${true} columns=${columns} rows=${page.services} keyOf=${(item) => item.id} />`
      : html`<p class="empty">This page has no services.</p>`}
  <//>`;
}

function FeedAge({ feed }) {
  if (!feed.isFollowed) return "not followed";
  return html`<${Moment} time=${feed.lastScanDateTime} />`;
}

function PageTime({ time, zone }) {
  const clock = new Intl.DateTimeFormat("en-GB", {
    weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: knownZone(zone),
  });
  return html`<time datetime=${time}>${clock.format(new Date(time))}</time>`;
}

function knownZone(zone) {
  try {
    new Intl.DateTimeFormat("en-GB", { timeZone: zone });
    return zone;
  } catch {
    return "UTC";
  }
}

const hoursOf = (minutes) => Math.round(minutes / 6) / 10;
const clockOf = (wallTime) => wallTime.slice(11, 16);

function describeCustomer(item) {
  const seats = item.maximumAttendeesCount ?? 1;
  if (seats > 1) return `${item.filledAttendeesCount ?? 0} of ${seats} seats taken`;
  return item.customerName || item.customerEmailAddress || "–";
}
