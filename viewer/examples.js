// Fills the examples: days that lie ahead, and the values that the running gateway knows.

const DAY = 24 * 3600 * 1000;
const AHEAD = { start: 1, date: 1, end: 8 }; // days from now
const AS_WRITTEN = new Set(["timeZone"]); // the first entry of the list is no better than the example

export function fillIn(text, now, known = {}) {
  const filled = structuredClone(text);
  const change = (name, value) => replaceValue(name, value, now, known);
  const operations = Object.values(filled.paths).flatMap((item) => Object.values(item));
  for (const one of [...Object.values(filled.parameters), ...operations.flatMap((each) => each.parameters)]) {
    if ("x-example" in one) one["x-example"] = change(one.name, one["x-example"]);
    const body = one.schema?.example;
    if (!body) continue;
    // The answers are those to the questions of another service.
    if (known.service && body.service !== known.service) delete body.customer?.answers;
    for (const name of Object.keys(body)) body[name] = change(name, body[name]);
  }
  return filled;
}

function replaceValue(name, value, now, known) {
  if (name in AHEAD && typeof value === "string") {
    const day = new Date(now.getTime() + AHEAD[name] * DAY).toISOString().slice(0, 10);
    return value.replace(/^\d{4}-\d{2}-\d{2}/, day);
  }
  if (!(name in known) || AS_WRITTEN.has(name)) return value;
  if (Array.isArray(value)) return [known[name]];
  return typeof value === "string" ? known[name] : value;
}
