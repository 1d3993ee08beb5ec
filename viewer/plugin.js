// What Swagger UI does otherwise here: fields with lists, no second place for the key, and what screen readers need.

const KEY_HEADER = "x-functions-key";
const SOURCE = "x-ms-dynamic-values";
const nothing = () => () => null;

export const plugin = (lists) => (system) => {
  const { createElement, createContext, useContext, useEffect, useId, useRef, useState } = system.React;
  const Row = createContext(null); // the parameter around a field

  const readValue = (pathMethod, name) => {
    const parameters = system.specSelectors.operationWithMeta(...pathMethod).get("parameters") ?? [];
    const found = parameters.find((one) => one.get("name") === name);
    const value = found?.get("value") ?? found?.get("x-example");
    return value?.toJS ? value.toJS() : value;
  };

  // The field, one or a list of them, with what can be picked.
  const PickField = ({ Original, given, row }) => {
    const [entries, setEntries] = useState([]);
    const place = useRef(null);
    const id = useId();
    const needed = Object.values(row.source.parameters ?? {}).map((one) => readValue(row.pathMethod, one.parameter));
    useEffect(() => {
      let isShown = true;
      const read = async () => {
        const found = await lists.read(row.source, (name) => readValue(row.pathMethod, name));
        if (isShown) setEntries(found);
      };
      read();
      const end = lists.onChange(read);
      return () => {
        isShown = false;
        end();
      };
    }, [JSON.stringify(needed)]);
    useEffect(() => {
      for (const input of place.current.querySelectorAll("input")) {
        input.setAttribute("list", id);
        if (entries.length) input.placeholder = `pick one of ${entries.length}, or type`;
      }
    });
    const options = entries.map(({ value, title }) =>
      createElement("option", { key: value, value, label: title && title !== value ? `${title} (${value})` : value }),
    );
    return createElement(
      "div",
      { className: "pick", ref: place },
      createElement(Original, given),
      createElement("datalist", { id }, options),
    );
  };

  const pickable = (Original) => (given) => {
    const row = useContext(Row);
    const hasWords = given.schema?.get("enum");
    return row?.source && !hasWords
      ? createElement(PickField, { Original, given, row })
      : createElement(Original, given);
  };

  const inRegion = (tag, more) => (Original) => (given) =>
    createElement(tag, more, createElement(Original, given));

  return {
    wrapComponents: {
      // One form asks for the key.
      SchemesContainer: nothing,
      AuthorizeBtnContainer: nothing,
      authorizeOperationBtn: nothing,
      // What is pasted into a chat or shown on a screen holds no key.
      curl: (Curl) => (given) => {
        const request = given.request.hasIn(["headers", KEY_HEADER])
          ? given.request.setIn(["headers", KEY_HEADER], "YOUR-KEY")
          : given.request;
        return createElement(Curl, { ...given, request });
      },
      // A link inside a button is neither for the keyboard nor for a screen reader.
      DeepLink: () => ({ text }) => createElement("span", null, text),
      FilterContainer: inRegion("search", { "aria-label": "Operations" }),
      InfoContainer: (Original) => (given) =>
        createElement(
          "section",
          { "aria-label": "About this API" },
          createElement(Original, given),
          createElement("div", { ref: (place) => place?.append(document.getElementById("key") ?? keyForm) }),
        ),
      parameterRow: (Original) => (given) => {
        const { param, rawParam, pathMethod } = given;
        const row = { name: rawParam.get("name"), source: (param ?? rawParam).get(SOURCE)?.toJS(), pathMethod };
        return createElement(Row.Provider, { value: row }, createElement(Original, given));
      },
      JsonSchema_string: pickable,
      JsonSchema_array: pickable,
    },
  };
};

const keyForm = document.getElementById("key");

// Names for fields that Swagger UI leaves without one, and a stop of the keyboard in what scrolls.
export function mend(place) {
  const set = (found, name, value) => found.forEach((each) => each.setAttribute(name, value(each)));
  const row = (each) => each.closest("[data-param-name]")?.dataset.paramName;
  set(place.querySelectorAll("select:not([aria-label])"), "aria-label", (each) => row(each) ?? "Content type");
  set(place.querySelectorAll("textarea:not([aria-label])"), "aria-label", (each) => row(each) ?? "Body");
  set(place.querySelectorAll("input:not([aria-label], [id])"), "aria-label", (each) => row(each) ?? each.placeholder);
  set(place.querySelectorAll("pre:not([tabindex]), .model-box:not([tabindex])"), "tabindex", () => "0");
  set(place.querySelectorAll("table[role=region]:not([aria-label])"), "aria-label", (each) => `Answers ${each.id}`);
}
