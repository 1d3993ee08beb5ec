// The lists from which values are picked. The text names for each field the operation that lists them, as for designers
// of flows (x-ms-dynamic-values); each list is asked for once.

const SOURCE = "x-ms-dynamic-values";

export function makeLists(root, text) {
  const paths = new Map(
    Object.entries(text.paths).flatMap(([path, item]) =>
      Object.values(item).map((operation) => [operation.operationId, path]),
    ),
  );
  const asked = new Map();
  const watchers = new Set();
  let key = "";

  const ask = (address) => {
    if (!asked.has(address)) {
      asked.set(
        address,
        fetch(address, { headers: { "x-functions-key": key } })
          .then((answer) => (answer.ok ? answer.json() : {}))
          .catch(() => ({})),
      );
    }
    return asked.get(address);
  };

  const lists = {
    use(given) {
      key = given;
      asked.clear();
      watchers.forEach((watch) => watch());
    },

    // Calls `watch` whenever the lists have to be read anew; returns what ends that.
    onChange(watch) {
      watchers.add(watch);
      return () => watchers.delete(watch);
    },

    // Returns [{ value, title }] for a field; an empty list without a key, or before what the list depends on is known.
    async read(source, valueOf) {
      if (!key || !source) return [];
      let path = paths.get(source.operationId);
      const query = new URLSearchParams();
      for (const [name, { parameter }] of Object.entries(source.parameters ?? {})) {
        const given = [valueOf(parameter)].flat()[0];
        if (!given) return [];
        if (path.includes(`{${name}}`)) path = path.replace(`{${name}}`, encodeURIComponent(given));
        else query.set(name, given);
      }
      const address = new URL(path.slice(1), root);
      address.search = query;
      const found = await ask(address.href);
      const rows = source["value-collection"].split("/").reduce((at, name) => at?.[name], found) ?? [];
      return rows.map((row) => ({ value: String(row[source["value-path"]]), title: row[source["value-title"]] ?? "" }));
    },

    // Returns the first entry of each list, by the names of the fields: values that go together.
    async readFirst() {
      const first = {};
      const fields = [...listFields(text)];
      for (const round of [0, 1, 2]) {
        for (const { name, source } of fields) {
          if (name in first) continue;
          const [entry] = await lists.read(source, (parameter) => first[parameter]);
          if (entry) first[name] = entry.value;
        }
      }
      return first;
    },
  };
  return lists;
}

// Yields each field with a list, once for each name.
function* listFields(text) {
  const seen = new Set();
  const operations = Object.values(text.paths).flatMap((item) => Object.values(item));
  const parameters = [...Object.values(text.parameters), ...operations.flatMap((one) => one.parameters)];
  for (const one of parameters) {
    const members = one.in === "body" ? Object.entries(one.schema.properties ?? {}) : [[one.name, one]];
    for (const [name, shape] of members) {
      const source = shape[SOURCE] ?? shape.items?.[SOURCE];
      if (!source || seen.has(name)) continue;
      seen.add(name);
      yield { name, source };
    }
  }
}
