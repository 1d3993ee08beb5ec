// The form for the key. The key is in memory; in the tab's session storage only if its box is ticked; never in an
// address.

const KEPT = "gateway-key";

export function askForKey(root, useKey) {
  const find = (id) => document.getElementById(id);
  const [form, value, keep, forget, state] = ["key", "key-value", "key-keep", "key-forget", "key-state"].map(find);

  const take = async (key) => {
    forget.hidden = !key;
    state.textContent = key ? "The key is tried." : "";
    await useKey(key);
    state.textContent = key ? await tryKey(root, key) : "";
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const key = value.value.trim();
    if (keep.checked) sessionStorage.setItem(KEPT, key);
    else sessionStorage.removeItem(KEPT);
    value.value = "";
    take(key);
  });
  forget.addEventListener("click", () => {
    sessionStorage.removeItem(KEPT);
    take("");
    value.focus();
  });

  const kept = sessionStorage.getItem(KEPT);
  keep.checked = Boolean(kept);
  if (kept) take(kept);
}

async function tryKey(root, key) {
  try {
    const answer = await fetch(new URL("bookings/businesses", root), { headers: { "x-functions-key": key } });
    if (answer.status === 401 || answer.status === 403) {
      return (
        "The gateway refuses this key for the list of booking pages. If it is a key for one function, it opens that " +
        "function alone; else copy it again: up prints it, and the portal has it under App keys."
      );
    }
    if (!answer.ok) return `The key is in use. The list of booking pages answers ${answer.status}: GET /doctor says why.`;
    return "The key is in use, and the fields below offer what this gateway knows.";
  } catch {
    return "The gateway does not answer. Check that it runs, and use the key again.";
  }
}
