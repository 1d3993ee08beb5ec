// Examines everything that the gateway depends on; needs the master key, which is used for this call and not kept.
import { Answer, Facts, Failure, Level, Section, Table } from "../lib/elements.js";
import { countOf } from "../lib/format.js";
import { html, useRef, useState } from "../lib/html.js";

export const name = "doctor";
export const title = "Doctor";

const LEVELS = { ok: "ok", warn: "warning", fail: "critical", skipped: "skipped" };
const WORDS = { ok: "Well", warn: "Warning", fail: "Failed", skipped: "Skipped" };

export function View({ api }) {
  const [answer, setAnswer] = useState(null);
  const field = useRef();
  const examine = async (event) => {
    event.preventDefault();
    const key = field.current.value.trim();
    if (!key) {
      field.current.focus();
      return;
    }
    setAnswer({ isLoading: true });
    try {
      setAnswer({ data: await api.get("doctor", {}, { key }) });
      field.current.value = "";
    } catch (error) {
      setAnswer({ error });
    }
  };
  return html`<form class="key" onSubmit=${examine} autocomplete="off">
      <p>The doctor tries everything that the gateway depends on, with new clients, in 90 seconds at most. It shows names of
        settings, vaults and roles, so it needs the <em>master key</em> of the function app, not a function key: in Azure,
        the function app under <em>Functions, App keys, _master</em>.</p>
      <label for="master-key">Master key</label>
      <input id="master-key" type="password" autocomplete="off" spellcheck="false" ref=${field} aria-describedby="master-note" />
      <p id="master-note" class="note">It is used for this one call and kept nowhere. The command
        <code>python3 -m devkit doctor</code> shows the same.</p>
      <button type="submit" class="main" disabled=${answer?.isLoading}>Examine the gateway</button>
    </form>
    <div aria-live="polite">
      ${answer?.isLoading && html`<p class="loading">The doctor examines the gateway …</p>`}
      ${answer?.error && html`<${Failure} error=${answer.error} />`}
    </div>
    ${answer?.data && html`<${Report} report=${answer.data} />`}`;
}

function Report({ report }) {
  const counts = ["fail", "warn", "ok", "skipped"].map((status) => [
    WORDS[status], report.steps.filter((step) => step.status === status).length,
  ]);
  const steps = ["fail", "warn", "skipped", "ok"].flatMap((status) => report.steps.filter((each) => each.status === status));
  const columns = [
    { title: "State", value: ({ status }) => html`<${Level} level=${LEVELS[status]} text=${WORDS[status]} />` },
    { title: "Step", isHeading: true, value: ({ step }) => step },
    { title: "About", value: ({ about }) => about || "–" },
    { title: "What was found", value: ({ message }) => message || "–" },
    { title: "Remedy", value: ({ remedy }) => (remedy ? html`<span class="remedy">${remedy}</span>` : "–") },
  ];
  return html`<${Section} title="What the doctor found" className="report">
    <p role="status"><${Level} level=${LEVELS[report.status]} text=${WORDS[report.status]} /> ${countOf(report.steps.length, "step")}</p>
    <${Facts} items=${counts} />
    <${Table} caption="Steps, those that failed first" columns=${columns} rows=${steps} keyOf=${(row) => `${row.step} ${row.about}`} />
  <//>`;
}
