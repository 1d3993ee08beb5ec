// Every view: its path behind `#/`, and its module. Those with `:name` parts are reached from others, not from the menu.
//
// A view is a module that exports { name, title, View }: name, a short word that tests and styles know it by; title, what
// the menu and the heading say; View({ api, params, asOf }), a component. `asOf(time)` shows as of when its data is;
// useAnswer does that by itself if it is given `asOf`.
import * as bookings from "./bookings.js";
import * as callers from "./callers.js";
import * as doctor from "./doctor.js";
import * as mail from "./mail.js";
import * as mails from "./mails.js";
import * as overview from "./overview.js";

export const ROUTES = [
  { path: "", view: overview },
  { path: "mails", view: mails },
  { path: "mails/:mailbox/:key", view: mail },
  { path: "bookings", view: bookings },
  { path: "bookings/:business", view: bookings },
  { path: "callers", view: callers },
  { path: "doctor", view: doctor },
];
