// What the list of mails and the view of one mail share.
//
//   <${State} state="quarantined" />        a shape and a word, readable without colour
//   stateOf(mail)                           its state for people: what is in quarantine and needs nobody is set aside
//   <${TicketLink} ticket="I1" url=${…} />  the number, as a link where the gateway knows the ticket's address
//   linkMail(mailbox, key)                  the address of a mail's view inside the page
import { Level } from "./elements.js";
import { html } from "./html.js";
import { link } from "./router.js";

const STATES = {
  delivered: ["ok", "Delivered"],
  quarantined: ["warning", "In quarantine"],
  waiting: ["skipped", "Waiting"],
  claimed: ["skipped", "Being delivered"],
  skipped: ["skipped", "Set aside"],
  setAside: ["skipped", "Set aside"],
  "set-aside": ["skipped", "Set aside"],
  gone: ["skipped", "Gone"],
};

/** The states by which mails are searched. */
export const SEARCHED = ["delivered", "waiting", "quarantined", "setAside"];

export const stateOf = (mail) => (mail.isSetAside ? "setAside" : mail.state);

export const wordOfState = (state) => STATES[state]?.[1] ?? state;

export function State({ state }) {
  return html`<${Level} level=${STATES[state]?.[0] ?? "skipped"} text=${wordOfState(state)} />`;
}

export function TicketLink({ ticket, url }) {
  if (!ticket) return "–";
  // The gateway checks addresses; the page follows none that is not https either.
  if (!url?.startsWith("https:")) return ticket;
  return html`<a href=${url} rel="noreferrer">${ticket}</a>`;
}

export const linkMail = (mailbox, key) => link(["mails", mailbox, key]);
