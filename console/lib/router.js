// Addresses inside the page: what follows the `#`. They hold names and filters, never a key.
//
//   link("mails", { search: "printer" })             "#/mails?search=printer"
//   link(["mails", mailbox, key])                    "#/mails/support/0123…"
//   go(link(…))                                      goes there;  replace(link(…)) without a step back in the history
//   params of a view: the named parts of its path and the parameters of the query, all texts
import { useEffect, useState } from "./html.js";

export function link(path, query = {}) {
  const parts = Array.isArray(path) ? path.map((part) => encodeURIComponent(part)).join("/") : path;
  const kept = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const search = new URLSearchParams(kept).toString();
  return `#/${parts}${search ? `?${search}` : ""}`;
}

export function go(address) {
  window.location.hash = address;
}

export function replace(address) {
  window.history.replaceState(null, "", address);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

/** Return { route, params } for a hash; route is undefined where no path fits. */
export function readHash(hash, routes) {
  const [path, search = ""] = hash.replace(/^#?\/?/, "").split(/\?(.*)/s);
  const given = path.split("/").filter(Boolean).map(decode);
  for (const route of routes) {
    const own = route.path.split("/").filter(Boolean);
    const fits = own.length === given.length && own.every((part, place) => part[0] === ":" || part === given[place]);
    if (!fits) continue;
    const named = own.flatMap((part, place) => (part[0] === ":" ? [[part.slice(1), given[place]]] : []));
    return { route, params: { ...Object.fromEntries(new URLSearchParams(search)), ...Object.fromEntries(named) } };
  }
  return { route: undefined, params: {} };
}

/** Return the hash, and render anew when it changes. */
export function useHash() {
  const [hash, setHash] = useState(window.location.hash);
  useEffect(() => {
    const note = () => setHash(window.location.hash);
    window.addEventListener("hashchange", note);
    return () => window.removeEventListener("hashchange", note);
  }, []);
  return hash;
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
