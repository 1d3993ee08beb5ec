// The API page: Swagger UI with the gateway's own text, a form for the key, and lists to pick values from.
import { askForKey } from "./key.js";
import { fillIn } from "./examples.js";
import { makeLists } from "./lists.js";
import { mend, plugin } from "./plugin.js";

const ROOT = new URL(".", document.baseURI); // where the gateway's routes begin, whatever stands in front of them

const scheme = window.matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", scheme.matches);
scheme.addEventListener("change", paint);
paint();

// Not openapi.json: Swagger UI reads OpenAPI 3.1 anew for each operation that is opened, which takes seconds.
const answer = await fetch(new URL("docs/page.json", ROOT));
const text = {
  ...(await answer.json()),
  host: ROOT.host,
  basePath: ROOT.pathname.replace(/\/$/, ""),
  schemes: [ROOT.protocol.replace(":", "")],
};
const lists = makeLists(ROOT, text);

const viewer = SwaggerUIBundle({
  spec: fillIn(text, new Date()),
  dom_id: "#viewer",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  persistAuthorization: false, // key.js keeps the key, if it is asked to, and for the tab only
  plugins: [plugin(lists)],
  showExtensions: false,
  syntaxHighlight: { theme: "tomorrow-night" }, // the one whose colours can all be read
  tryItOutEnabled: true,
  validatorUrl: null,
  onComplete: () => {
    viewer.layoutActions.show(["operations-tag", "For designers"], false);
    askForKey(ROOT, useKey);
  },
});

const place = document.getElementById("viewer");
new MutationObserver(() => mend(place)).observe(place, { childList: true, subtree: true });

// The key is for the calls; what it opens fills the examples: pages, services, people, mailboxes and mails.
async function useKey(key) {
  lists.use(key);
  if (!key) {
    viewer.authActions.logout(["api_key"]);
    return;
  }
  viewer.preauthorizeApiKey("api_key", key);
  viewer.specActions.updateJsonSpec(fillIn(text, new Date(), await lists.readFirst()));
}
