// The console: asks for the key, leads to the views, and shows as of when their data is.
import {
  api, findPerson, forgetKey, hasKey, keyRefusal, setKey, signedInPerson, signInAddress, watchKey,
} from "./lib/api.js";
import { Failure } from "./lib/elements.js";
import { formatClock } from "./lib/format.js";
import { html, render, useCallback, useEffect, useErrorBoundary, useRef, useState } from "./lib/html.js";
import { readHash, useHash } from "./lib/router.js";
import { ROUTES } from "./views/registry.js";

const PRODUCT = "Graph gateway";
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

function App() {
  const hash = useHash();
  const [, setTurn] = useState(0);
  useEffect(() => watchKey(() => setTurn((turn) => turn + 1)), []);
  const { route, params } = readHash(hash, ROUTES);
  const isOpen = hasKey();
  const title = isOpen ? (route?.view.title ?? "No such view") : "Function key";
  useEffect(() => {
    document.title = `${title} | ${PRODUCT}`;
  }, [title]);
  // A view is made anew for another path, not for another filter.
  const place = hash.split("?")[0];
  return html`<${Shell} key=${isOpen ? place : "key"} name=${isOpen ? (route?.view.name ?? "none") : "key"} title=${title}
    route=${isOpen ? route : undefined} params=${params} isOpen=${isOpen} />`;
}

let isFirst = true;

function Shell({ name, title, route, params, isOpen }) {
  const [time, setTime] = useState(null);
  const asOf = useCallback((given) => given && setTime(given), []);
  const [broken] = useErrorBoundary();
  const main = useRef();
  useEffect(() => {
    // Who came by a link hears and reads on from the new heading; who opened the page begins at its top.
    if (!isFirst && isOpen) main.current?.focus();
    isFirst = false;
  }, []);
  return html`<div class="shell view-${name}">
    <button type="button" class="skip" onClick=${() => main.current?.focus()}>To the contents</button>
    <header>
      <p class="product">${PRODUCT}</p>
      ${isOpen && html`<${Menu} current=${route} />`}
      ${isOpen && html`<p class="as-of">${time ? html`As of <time datetime=${time}>${formatClock(time, { seconds: true })}</time> <span class="zone">${ZONE}</span>` : ""}</p>
        <${Leave} />`}
    </header>
    <main id="main" ref=${main} tabindex="-1">
      <h1>${title}</h1>
      ${broken ? html`<${Failure} error=${broken} />` : content(route, params, asOf, isOpen)}
    </main>
    <footer>
      <nav aria-label="Other pages">
        <ul><li><a href="docs">API page</a></li><li><a href="health">Health</a></li><li><a href="openapi.json">Description of the API</a></li></ul>
      </nav>
    </footer>
  </div>`;
}

function content(route, params, asOf, isOpen) {
  if (!isOpen) return html`<${KeyForm} />`;
  if (!route) return html`<p class="empty">There is no such view. Choose one from the menu.</p>`;
  return html`<${route.view.View} api=${api} params=${params} asOf=${asOf} />`;
}

function Menu({ current }) {
  const entries = ROUTES.filter(({ path }) => !path.includes(":"));
  const first = (path) => path.split("/")[0];
  return html`<nav aria-label="Views"><ul>
    ${entries.map(({ path, view }) => html`<li key=${path}><a
      href="#/${path}" aria-current=${current && first(current.path) === path ? "page" : undefined}>${view.title}</a></li>`)}
  </ul></nav>`;
}

function Leave() {
  const person = signedInPerson();
  if (!person?.roles.length) return html`<button type="button" class="quiet" onClick=${forgetKey}>Forget the key</button>`;
  return html`<p class="person">${person.name} <a href="/.auth/logout">Sign out</a></p>`;
}

function SignIn() {
  const person = signedInPerson();
  if (person) {
    return html`<p class="note">You have signed in as ${person.name}, but have no role in this gateway. An administrator can
      assign one; a key works meanwhile.</p>`;
  }
  return signInAddress() && html`<p><a class="main" href=${signInAddress()}>Sign in with Entra ID</a> or use a key:</p>`;
}

function KeyForm() {
  const field = useRef();
  const [isEmpty, setIsEmpty] = useState(false);
  const submit = (event) => {
    event.preventDefault();
    const { key, keep } = event.target.elements;
    if (key.value.trim()) setKey(key.value, { keep: keep.checked });
    setIsEmpty(!key.value.trim());
    field.current?.focus();
  };
  const problem = isEmpty ? "Enter a key first." : keyRefusal();
  return html`<form class="key" onSubmit=${submit} autocomplete="off">
    <${SignIn} />
    <p>The gateway shows nothing without a function key. Use one of the whole app (a <em>host key</em>): in Azure, the function
      app under <em>Functions, App keys</em>; with <code>python3 -m devkit up</code>, the key that it prints.</p>
    <p class="failure" role="alert" hidden=${!problem}>${problem}</p>
    <label for="key">Function key</label>
    <input id="key" name="key" type="password" autocomplete="off" spellcheck="false" ref=${field}
      aria-invalid=${problem ? "true" : undefined} aria-describedby="key-note" />
    <p id="key-note" class="note">It stays in the memory of this page and is sent to this gateway alone, in a header. A reload
      asks for it again.</p>
    <label class="choice"><input type="checkbox" name="keep" /> Keep it for this tab, until the tab is closed</label>
    <button type="submit" class="main">Open the console</button>
  </form>`;
}

const root = document.getElementById("app");
await findPerson();
root.replaceChildren();
render(html`<${App} />`, root);
