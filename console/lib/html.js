// What renders: Preact with htm, as published. Views import from here, so that the version is named once.
//
//   import { html, useState } from "../lib/html.js";
//   html`<p class="note">${text}</p>`     a text is always inserted as text, never as markup
export {
  html,
  render,
  useCallback,
  useEffect,
  useErrorBoundary,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "../vendor/htm-preact-3.1.1.js";
