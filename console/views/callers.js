// Who asks: flows that poll triggers, and subscriptions to which events are sent. What fails comes first.
import { pathOf, signedInPerson } from "../lib/api.js";
import { Action, Answer, Level, Moment, Section, Table } from "../lib/elements.js";
import { countOf } from "../lib/format.js";
import { html } from "../lib/html.js";
import { useAnswer, useNow } from "../lib/refresh.js";

export const name = "callers";
export const title = "Triggers and subscriptions";

const SILENT_AFTER_MS = 60 * 60_000;
const MOST_PAGES = 20;
const ORDER = ["critical", "warning", "ok", "skipped"];
const TRIGGERS = {
  "appointments/created": "An appointment is created",
  "appointments/updated": "An appointment is updated",
  "appointments/rescheduled": "An appointment is rescheduled",
  "appointments/cancelled": "An appointment is cancelled",
  "appointments/reassigned": "The staff of an appointment changes",
  "appointments/registered": "Somebody joins a group",
  "appointments/unregistered": "Somebody leaves a group",
  "appointments/any": "Anything happens to an appointment",
  "appointments/upcoming": "An appointment is about to start",
  "mails/arrived": "A support mail arrives",
  "mails/failed": "A support mail fails",
  "tickets/created": "A ticket is created from a mail",
};
const REASONS = {
  targetUnavailable: "its target accepted nothing for three days",
  eventsLost: "events were lost; replay says where to go on",
  signingKeyChanged: "the state key was replaced; it needs a new secret",
  notAllowed: "the settings do not allow it any more",
  targetGone: "its target wants no more events",
};

export function View({ api, asOf }) {
  return html`<${Triggers} api=${api} asOf=${asOf} /><${Subscriptions} api=${api} />`;
}

function Triggers({ api, asOf }) {
  const answer = useAnswer(() => api.get("triggers"), { seconds: 30, asOf });
  const now = useNow(30);
  const empty = "No flow has polled a trigger within 30 days. A flow that is missing here is off, or asks another gateway.";
  return html`<${Section} title="Flows that poll">
    <${Answer} answer=${answer} isEmpty=${({ value }) => !value.length} empty=${empty}>${({ value }) => html`
      <${Table} caption=${`${countOf(value.length, "trigger")}, those that fail first. What a flow is called, it says itself.`}
        columns=${triggerColumns(now)} rows=${sortBy(value, (each) => stateOfTrigger(each, now).level)} keyOf=${keyOfTrigger} />`}<//>
  <//>`;
}

const triggerColumns = (now) => [
  { title: "State", value: (each) => html`<${Level} ...${stateOfTrigger(each, now)} />` },
  { title: "Trigger", isHeading: true, value: ({ kind }) => TRIGGERS[kind] ?? kind },
  { title: "Of", value: ({ about, filters }) => html`${about}${describeFilters(filters)}` },
  { title: "Flow", value: describeAsker },
  { title: "Asks since", value: ({ firstAskedDateTime }) => html`<${Moment} time=${firstAskedDateTime} />` },
  { title: "Asked last", value: ({ lastAskedDateTime }) => html`<${Moment} time=${lastAskedDateTime} />` },
  { title: "Answered last", value: ({ lastAnswer }) => describeAnswer(lastAnswer) },
  { title: "Last items", value: ({ lastItemsDateTime }) => html`<${Moment} time=${lastItemsDateTime} />` },
];

const keyOfTrigger = ({ kind, about, filters, who }) => JSON.stringify([kind, about, filters, who]);

function stateOfTrigger({ lastAnswer, lastAskedDateTime }, now) {
  if (lastAnswer.status >= 400) return { level: "critical", text: "Fails" };
  if (now - Date.parse(lastAskedDateTime) > SILENT_AFTER_MS) return { level: "warning", text: "Asks no more" };
  return { level: "ok", text: "Asks" };
}

function describeAnswer({ status, items, code }) {
  if (code) return html`${status} <code>${code}</code>`;
  return items ? `${status}, ${countOf(items, "item")}` : `${status}, nothing new`;
}

const describeFilters = (filters) =>
  Object.entries(filters).map(([filter, value]) => html`<span class="aside" key=${filter}>${filter}: ${value}</span>`);

function describeAsker({ who }) {
  const known = who.workflowName ?? who.workflowId;
  return html`${known ?? who.program ?? "unknown"}${who.environment && html`<span class="aside">in ${who.environment}</span>`}`;
}

function Subscriptions({ api }) {
  const answer = useAnswer(() => readAll(api, "subscriptions"), { seconds: 30 });
  const empty = "There are no subscriptions: no events are sent to anybody.";
  return html`<${Section} title="Subscriptions">
    <${Answer} answer=${answer} isEmpty=${({ value }) => !value.length} empty=${empty}>${({ value, isCut }) => html`
      <${Table} caption=${`${countOf(value.length, "subscription")}, those that fail first`}
        columns=${subscriptionColumns(api, answer.refresh)} rows=${sortBy(value, (each) => stateOfSubscription(each).level)}
        keyOf=${({ id }) => id} />
      ${isCut && html`<p class="note">There are more. The API lists all of them.</p>`}`}<//>
  <//>`;
}

const subscriptionColumns = (api, refresh) => [
  { title: "State", value: (each) => html`<${Level} ...${stateOfSubscription(each)} />${describeWaiting(each)}` },
  { title: "Events", isHeading: true, value: ({ events }) => events.join(", ") },
  { title: "Of", value: ({ business, mailbox }) => business ?? mailbox ?? "–" },
  { title: "Target", value: describeTarget },
  { title: "Since", value: ({ createdDateTime }) => html`<${Moment} time=${createdDateTime} />` },
  { title: "Sent", value: ({ deliveries, lastEvent }) => html`${deliveries}${lastEvent && html`<span class="aside">last ${lastEvent}</span>`}` },
  { title: "Accepted last", value: ({ deliveredDateTime }) => html`<${Moment} time=${deliveredDateTime} />` },
  { title: "Answered last", value: ({ lastAnswer }) => lastAnswer || "–" },
  { title: "Do", value: (each) => html`<${Act} api=${api} subscription=${each} refresh=${refresh} />` },
];

function stateOfSubscription({ state, reason, failures }) {
  if (state === "paused" && reason === "byHand") return { level: "warning", text: "Paused by hand" };
  if (state === "paused") return { level: "critical", text: "Paused" };
  if (state === "ended") return { level: "skipped", text: "Ended" };
  return failures ? { level: "critical", text: "Fails" } : { level: "ok", text: "Active" };
}

function describeTarget({ target }) {
  const place = target.url ?? target.queue ?? target.host;
  if (target.kind !== "flow") return html`${place ?? "–"}<span class="aside">${target.kind}</span>`;
  return html`${target.workflow ?? "a flow"}<span class="aside">flow at ${place}</span>`;
}

function describeWaiting({ state, reason, failures, failingSinceDateTime, nextAttemptDateTime }) {
  if (state !== "active") return reason !== "byHand" && html`<span class="aside">${REASONS[reason] ?? reason}</span>`;
  if (!failures) return "";
  return html`<span class="aside">${countOf(failures, "attempt")}, the first <${Moment} time=${failingSinceDateTime} />, the next
    ${" "}<${Moment} time=${nextAttemptDateTime} /></span>`;
}

function Act({ api, subscription, refresh }) {
  const { id, state, events } = subscription;
  if (state === "ended" || !mayAct()) return "–";
  const act = async (verb) => {
    await api.post(pathOf("subscriptions", id, verb));
    await refresh();
  };
  return state === "active"
    ? html`<${Action} key="pause" label="Pause" about=${events.join(", ")} done="Paused." run=${() => act("pause")}
        confirm="Nothing is sent until somebody resumes it. Pause?" />`
    : html`<${Action} key="resume" label="Resume" about=${events.join(", ")} done="Resumed." run=${() => act("resume")} />`;
}

function mayAct() {
  const person = signedInPerson();
  return !person || person.roles.includes("Gateway.Operate");
}

/** Read all pages of a list, as far as a page can show them. */
async function readAll(api, path) {
  let cursor = "";
  const value = [];
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const found = await api.get(path, { limit: 100, cursor });
    value.push(...found.value);
    cursor = found.nextLink ? new URL(found.nextLink).searchParams.get("cursor") : "";
    if (!cursor) return { value, isCut: false };
  }
  return { value, isCut: true };
}

const sortBy = (rows, levelOf) =>
  [...rows].sort((one, other) => ORDER.indexOf(levelOf(one)) - ORDER.indexOf(levelOf(other)));
