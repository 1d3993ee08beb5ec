// Verifies events with the reference library of Standard Webhooks for JavaScript, at a moment that is given.
// stdin: [{"secret", "headers", "body", "now"}], stdout: [null or why it is refused].
const { readFileSync } = require("node:fs");
const { Webhook } = require(process.argv[2]);

const events = JSON.parse(readFileSync(0, "utf8"));
const verdicts = events.map(({ secret, headers, body, now }) => {
  Date.now = () => now * 1000;
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...given) {
      super(...(given.length ? given : [now * 1000]));
    }
  };
  try {
    new Webhook(secret).verify(body, headers);
    return null;
  } catch (error) {
    return error.message;
  } finally {
    globalThis.Date = RealDate;
  }
});
process.stdout.write(JSON.stringify(verdicts));
