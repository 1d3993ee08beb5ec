// Asks the gateway, with the function key that a person gave.
//
//   await api.get("mails", { search: "printer", limit: 50 })      a parameter that is undefined, null or "" is left out
//   await api.post(pathOf("mailboxes", name, "poll"), { … })      pathOf encodes names; write no name into a path
//   await api.get("doctor", {}, { key })                          with another key, for this call only
//   throws ApiError { status, code, message, requestId }          status 0: there was no answer
//   serverNow()                                                   the gateway's clock, in milliseconds
//
// The key is in this module's memory; with "keep for this tab" also in sessionStorage, which ends with the tab. Who has
// signed in with Entra ID in front of the gateway needs no key: then the same questions go through `signed-in/`.
const BASE = new URL("../../", import.meta.url);
const SIGNED_IN = "signed-in/";
const SIGN_IN_MS = 10_000;
const KEPT_AS = "gateway-key"; // the API page keeps it under the same name
const LONGEST_MS = 100_000;

let key = readKept();
let signIn = { signIn: "off", person: null };
let wasAccepted = false;
let refusal = "";
let skew = 0;
const watchers = new Set();

export class ApiError extends Error {
  constructor({ status, code, message, requestId = "" }) {
    super(message);
    Object.assign(this, { status, code, requestId });
  }
}

export const api = {
  get: (path, query = {}, options = {}) => ask("GET", path, query, undefined, options),
  post: (path, body = {}, options = {}) => ask("POST", path, {}, body, options),
};

export function pathOf(...parts) {
  if (parts.some((part) => [".", "..", ""].includes(String(part)))) {
    throw new ApiError({ status: 0, code: "WrongAddress", message: "This address leads nowhere. Go back to the list." });
  }
  return parts.map((part) => encodeURIComponent(part)).join("/");
}

export const serverNow = () => Date.now() + skew;

/** Asks once, before the page is shown, whether a person has signed in. */
export async function findPerson() {
  try {
    const answer = await fetch(new URL("signed-in", BASE), { cache: "no-store", signal: AbortSignal.timeout(SIGN_IN_MS) });
    if (answer.ok) signIn = await answer.json();
  } catch {
    // Without an answer the page asks for a key.
  }
}

/** { name, roles } of who has signed in, or null. */
export const signedInPerson = () => signIn.person;
/** Where a person signs in, or null if this gateway takes keys only. */
export const signInAddress = () =>
  signIn.signIn === "on" ? `/.auth/login/aad?post_login_redirect_uri=${encodeURIComponent(location.pathname)}` : null;
const isSignedIn = () => Boolean(signIn.person?.roles.length);

/** Whether questions can be asked: with a key, or because somebody has signed in. */
export const hasKey = () => key !== "" || isSignedIn();
/** Why the last key was not accepted, or "". */
export const keyRefusal = () => refusal;

export function setKey(given, { keep = false } = {}) {
  key = given.trim();
  wasAccepted = false;
  refusal = "";
  write(keep ? key : "");
  watchers.forEach((watcher) => watcher());
}

export const forgetKey = () => setKey("");

/** Calls back when the key was given, refused or forgotten; returns what ends that. */
export function watchKey(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

async function ask(method, path, query, body, options) {
  const sentKey = options.key ?? key;
  const address = addressOf(path, query);
  const headers = { Accept: "application/json" };
  if (sentKey) headers["x-functions-key"] = sentKey;
  else {
    headers["x-gateway-console"] = "1";
    address.pathname = address.pathname.replace(BASE.pathname, BASE.pathname + SIGNED_IN);
  }
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  let text;
  try {
    const signal = AbortSignal.timeout(LONGEST_MS);
    answer = await fetch(address, { method, headers, body: body && JSON.stringify(body), cache: "no-store", signal });
    text = await answer.text();
  } catch {
    throw new ApiError({ status: 0, code: "NoAnswer", message: sayNoAnswer(method) });
  }
  noteClock(answer.headers.get("Date"));
  const read = readJson(text);
  if (answer.ok && read !== undefined) {
    if (options.key === undefined && sentKey === key) wasAccepted = true;
    return read;
  }
  const error = errorOf(answer.status, read, path);
  if (answer.status === 401 && options.key === undefined && sentKey === key && !wasAccepted) refuseKey(error.message);
  throw error;
}

function addressOf(path, query) {
  const address = new URL(path, BASE);
  if (!address.href.startsWith(BASE.href)) {
    throw new ApiError({ status: 0, code: "WrongAddress", message: "This address leads nowhere. Go back to the list." });
  }
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") address.searchParams.set(name, value);
  }
  return address;
}

function errorOf(status, read, path) {
  if (read?.error?.code) return new ApiError({ status, ...read.error });
  const known = {
    401: path === "doctor"
      ? ["MasterKeyRefused", "The gateway did not accept this key. The doctor needs the master key of the function app."]
      : ["KeyRefused", "The gateway did not accept this key. A function key of the whole app (a host key) is needed."],
    403: ["AccessRefused", "What stands before the gateway refused this call: network rules or sign-in. Ask its administrator."],
    404: ["UnknownPath", "This gateway does not have this path. Reload the page: another version may run by now."],
  };
  const [code, message] = known[status] ?? ["NoAnswer", `The gateway did not answer this call (status ${status}). Try again.`];
  return new ApiError({ status, code, message });
}

const sayNoAnswer = (method) =>
  method === "GET"
    ? "The gateway does not answer. It may be starting or stopped, or this machine has no network."
    : "The gateway did not answer, and nobody knows whether it did what was asked. Look before you ask again.";

function refuseKey(why) {
  setKey("");
  refusal = why;
  watchers.forEach((watcher) => watcher());
}

function noteClock(date) {
  const theirs = date ? Date.parse(date) : NaN;
  // The header has whole seconds: less than a second and a half is no difference.
  if (!Number.isNaN(theirs)) skew = Math.abs(theirs - Date.now()) < 1500 ? 0 : theirs - Date.now();
}

function readJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readKept() {
  try {
    return sessionStorage.getItem(KEPT_AS) ?? "";
  } catch {
    return "";
  }
}

function write(kept) {
  try {
    if (kept) sessionStorage.setItem(KEPT_AS, kept);
    else sessionStorage.removeItem(KEPT_AS);
  } catch {
    // A browser without storage keeps the key in memory alone.
  }
}
