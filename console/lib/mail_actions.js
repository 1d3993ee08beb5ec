// What a person may do with one mail: forms that ask once more before anything is done, and say what came of it.
//
//   <${MailActions} api=${api} mailbox="support" mail=${mail} refresh=${answer.refresh} />
//
// Nothing is sent twice: after an outcome that nobody knows, a form offers to read the mail anew instead of repeating.
import { ApiError, pathOf, signedInPerson } from "./api.js";
import { Level } from "./elements.js";
import { html, useEffect, useRef, useState } from "./html.js";
import { useAnswer } from "./refresh.js";

const NAME_KEPT_AS = "graph-gateway-by";
const LOOK_AGAIN_SECONDS = [1, 3, 8, 20, 40]; // a queued delivery shows in the ledger some seconds later

let decider = readName();

const OPEN = ["waiting", "claimed", "quarantined", "set-aside"];
const sinksOf = (mail, states) => mail.deliveries.filter(({ state }) => states.includes(state)).map(({ sink }) => sink);

export function MailActions({ api, mailbox, mail, refresh }) {
  const person = signedInPerson();
  const [by, setBy] = useState(person?.name ?? decider);
  const [otherKey, setOtherKey] = useState("");
  const [said, setSaid] = useState(null);
  const status = useAnswer(() => api.get("status"), { seconds: 0 });
  const open = sinksOf(mail, OPEN);
  const others = status.data?.sinks.map((each) => each.name).filter((each) => !mail.deliveries.some(({ sink }) => sink === each));
  const send = async (action, body) => {
    const options = otherKey ? { key: otherKey } : {};
    const answer = await api.post(pathOf("mailboxes", mailbox, "mails", mail.key, action), { ...body, by: by || undefined }, options);
    LOOK_AGAIN_SECONDS.forEach((seconds) => window.setTimeout(refresh, seconds * 1000));
    return answer;
  };
  const isSkipped = mail.deliveries.length === 0;
  const shared = { by, refresh, report: setSaid, setOtherKey, hasOtherKey: otherKey !== "" };
  const isDone = mail.state === "gone" || (!isSkipped && open.length === 0);
  const result = useRef();
  useEffect(() => said && result.current?.focus(), [said]); // the form may be gone: the focus is not lost with it
  return html`<div class="actions">
    <p role="status" class="said" tabindex="-1" ref=${result}>${said}</p>
    ${
      isDone
        ? html`<p class="empty">${mail.state === "gone" ? "The mail is gone from the mailbox." : "The mail is delivered."} Nothing is left to do here.</p>`
        : forms()
    }
  </div>`;

  function forms() {
    return html`
    ${
      person
        ? html`<p>The mail's history will name ${person.name}.</p>`
        : html`<p><label for="by">Your name, for the mail's history</label>
            <input id="by" maxlength="100" autocomplete="name" value=${by} aria-describedby="by-note"
              onInput=${({ currentTarget }) => { setBy(currentTarget.value); keepName(currentTarget.value); }} />
            <span id="by-note" class="note">Asked for once; this tab remembers it until it is closed.</span></p>`
    }
    <${Form} ...${shared} name="again" title="Deliver again" sinks=${isSkipped ? [] : open} hasReason
      ask=${({ sink }) => `Deliver this mail again${sink ? ` to ${sink}` : ""}?`} yes="Yes, deliver it again"
      run=${({ sink, reason, isNotThere }) => send("deliver", { sink, reason, isNotThere })} />
    <${Form} ...${shared} name="elsewhere" title="Deliver to another sink" targets=${others ?? []} insteadOf=${open.length > 1 ? open : []} hasReason
      ask=${({ target }) => `Deliver this mail to ${target} instead?`} yes="Yes, deliver it there"
      run=${({ target, insteadOf, reason, isNotThere }) => send("deliver", { sink: target, insteadOf, reason, isNotThere })} />
    <${Form} ...${shared} name="join" title="Add to a ticket" sinks=${isSkipped ? [] : open} hasTicket hasReason
      ask=${({ ticket }) => `Add this mail to ticket ${ticket}?`} yes="Yes, add it"
      run=${({ ticket, sink, reason, isNotThere }) => send("deliver", { ticket, sink, reason, isNotThere })} />
    ${!isSkipped && open.some((each) => !sinksOf(mail, ["set-aside"]).includes(each)) && html`<${Form} ...${shared} name="aside"
      title="Set aside" sinks=${open.length > 1 ? ["", ...open] : []} hasReason isReasonNeeded
      ask=${() => "Set this mail aside, so that nobody gets it?"} yes="Yes, set it aside"
      run=${({ sink, reason }) => send("set-aside", { sink, reason })} />`}`;
  }
}

function Form({ name, title, sinks = [], targets, insteadOf = [], hasTicket, hasReason, isReasonNeeded, ask, yes, run, by, refresh, report, setOtherKey, hasOtherKey }) {
  const first = { sink: sinks[0] ?? "", target: targets?.[0] ?? "", insteadOf: insteadOf[0] ?? "" };
  const [given, setGiven] = useState({});
  const [step, setStep] = useState("form"); // form, asked, busy, unknown
  const [said, setSaid] = useState(null);
  const [failure, setFailure] = useState(null);
  const sure = useRef();
  const begin = useRef();
  useEffect(() => step === "asked" && sure.current?.focus(), [step]);
  if (targets && targets.length === 0) return "";
  const values = clean({ ...first, ...given });
  const bind = (field) => ({
    id: `${name}-${field}`,
    value: values[field] ?? "",
    disabled: step !== "form",
    onInput: ({ currentTarget }) => setGiven((old) => ({ ...old, [field]: currentTarget.value })),
  });
  const back = () => {
    setStep("form");
    window.setTimeout(() => begin.current?.focus());
  };
  const check = (event) => {
    event.preventDefault();
    setSaid(null);
    setFailure(null);
    if (!by.trim()) return setSaid("Enter your name first.");
    setStep("asked");
    return undefined;
  };
  const confirm = async () => {
    setStep("busy");
    try {
      const answer = await run(values);
      setGiven({});
      setStep("form");
      report(html`<${Level} level="ok" text="Done:" /> ${describe(answer)}`);
      refresh();
    } catch (error) {
      if (!(error instanceof ApiError)) console.error(error);
      setFailure(error);
      if (isUnknown(error)) setStep("unknown");
      else back();
    }
  };
  const look = () => {
    setFailure(null);
    setStep("form");
    report("The mail was read anew. What happened is above; repeat only what is not there.");
    refresh();
  };
  return html`<details class="act" name="acts" id=${`act-${name}`}><summary>${title}</summary>
    <form onSubmit=${check} autocomplete="off">
      ${sinks.length > 1 && html`<p><label for=${`${name}-sink`}>Sink</label><select ...${bind("sink")}>${sinks.map(option)}</select></p>`}
      ${targets && html`<p><label for=${`${name}-target`}>To the sink</label><select ...${bind("target")}>${targets.map(option)}</select></p>`}
      ${insteadOf.length > 1 && html`<p><label for=${`${name}-insteadOf`}>Instead of</label><select ...${bind("insteadOf")}>${insteadOf.map(option)}</select></p>`}
      ${hasTicket && html`<p><label for=${`${name}-ticket`}>Number of the ticket</label><input maxlength="100" required ...${bind("ticket")} /></p>`}
      ${hasReason && html`<p><label for=${`${name}-reason`}>Reason${isReasonNeeded ? "" : " (may be empty)"}</label><input maxlength="500" required=${isReasonNeeded} ...${bind("reason")} /></p>`}
      ${failure?.code === "OutcomeUnknown" && failure.status === 409 && html`<p><label class="choice"><input type="checkbox" checked=${values.isNotThere ?? false}
        onInput=${({ currentTarget }) => setGiven((old) => ({ ...old, isNotThere: currentTarget.checked || undefined }))} /> I looked in the sink, and the mail is not there</label></p>`}
      ${step === "form" && html`<button type="submit" ref=${begin}>${title} …</button>`}
    </form>
    ${step === "asked" && html`<div class="ask" role="group" aria-label=${ask(values)}><p>${ask(values)}</p>
      <button type="button" class="main" ref=${sure} onClick=${confirm}>${yes}</button> <button type="button" onClick=${back}>No</button></div>`}
    <div role="status" class="said">${step === "busy" ? "It is being done …" : said}</div>
    ${failure && html`<${Refusal} failure=${failure} setOtherKey=${setOtherKey} hasOtherKey=${hasOtherKey} name=${name} />`}
    ${step === "unknown" && html`<p><button type="button" class="main" onClick=${look}>Read the mail anew</button></p>`}
  </details>`;
}

function Refusal({ failure, setOtherKey, hasOtherKey, name }) {
  const isKnown = failure instanceof ApiError;
  const [key, setKey] = useState("");
  const mayNot = failure.status === 401 || failure.code === "AccessRefused";
  return html`<div class="failure" role="alert">
    <p>${isKnown ? sayFailure(failure, hasOtherKey) : "This page failed. Reload it, and look at the mail before you repeat anything."}</p>
    ${isKnown && html`<p class="detail">Code <code>${failure.code}</code>${failure.requestId && html`, request id <code>${failure.requestId}</code>`}</p>`}
    ${mayNot && failure.status === 401 && html`<form onSubmit=${(event) => { event.preventDefault(); setOtherKey(key.trim()); setKey(""); }} autocomplete="off">
      <label for=${`${name}-key`}>A key that may</label>
      <input id=${`${name}-key`} type="password" autocomplete="off" spellcheck="false" value=${key} onInput=${({ currentTarget }) => setKey(currentTarget.value)} />
      <button type="submit">Use it for this mail</button>
      <span class="note">${hasOtherKey ? "A key was given; it is in the memory of this page only." : "It stays in the memory of this page, while this mail is shown."}</span>
    </form>`}
  </div>`;
}

function sayFailure(failure, hasOtherKey) {
  if (failure.status === 401) {
    const which = hasOtherKey ? "The other key may not do this either." : "Your key may read mails, but not decide about them.";
    return `${which} Nothing was done. Use a host key of the function app, or a key of the functions deliver_mail_by_hand and set_mail_aside.`;
  }
  if (isUnknown(failure)) return `${failure.message} Look first: read the mail anew, and repeat only what did not happen.`;
  return `${failure.message} Nothing was done.`;
}

/** Whether nobody knows what came of a call: no answer, one that says so, or one that is not the gateway's own. */
const isUnknown = ({ status, code }) => [0, 502, 504].includes(status) || (status >= 500 && ["Internal", "NoAnswer"].includes(code));

const describe = ({ sinks, status }) => (status === "queued" ? `the delivery to ${sinks.join(", ")} is queued. What comes of it is shown above in some seconds.` : `the mail is set aside for ${sinks.join(", ")}.`);
const option = (value) => html`<option value=${value} key=${value}>${value || "All of them"}</option>`;
const clean = (values) => Object.fromEntries(Object.entries(values).map(([field, value]) => [field, value === "" ? undefined : value]));

function readName() {
  try {
    return sessionStorage.getItem(NAME_KEPT_AS) ?? "";
  } catch {
    return "";
  }
}

function keepName(name) {
  decider = name;
  try {
    sessionStorage.setItem(NAME_KEPT_AS, name);
  } catch {
    // It is asked for again after a reload.
  }
}
