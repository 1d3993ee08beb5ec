// Data that renews itself, and a clock.
//
//   const answer = useAnswer(() => api.get("status"), { seconds: 30, key: "status", asOf });
//     asks at once, every `seconds` (0: never again), when `key` changes, and not while the tab is hidden
//     answer = { data, error, isLoading, refresh }: after a failure `data` is what was last known
//     asOf: what the view was given; the page then shows the answer's asOfDateTime
//   const now = useNow();        the gateway's clock in milliseconds, renewed every 5 seconds
import { serverNow } from "./api.js";
import { useEffect, useRef, useState } from "./html.js";

export function useAnswer(load, { seconds = 30, key = "", asOf } = {}) {
  const [state, setState] = useState({});
  const latest = useRef(load);
  latest.current = load;
  const again = useRef(() => {});
  useEffect(() => {
    let isOver = false;
    let turn = 0;
    let timer = 0;
    let begunAt = 0;
    const plan = () => {
      window.clearTimeout(timer);
      if (isOver || document.hidden || !seconds) return;
      timer = window.setTimeout(ask, Math.max(0, begunAt + seconds * 1000 - Date.now()));
    };
    const ask = async () => {
      window.clearTimeout(timer);
      begunAt = Date.now();
      turn += 1;
      const mine = turn;
      setState((old) => ({ ...old, isLoading: true }));
      let found;
      try {
        const data = await latest.current();
        found = () => ({ data, isLoading: false });
        if (!isOver && mine === turn) asOf?.(data?.asOfDateTime);
      } catch (error) {
        found = (old) => ({ data: old.data, error, isLoading: false });
      }
      if (isOver || mine !== turn) return;
      setState(found);
      plan();
    };
    const onVisibility = () => (document.hidden ? window.clearTimeout(timer) : begunAt && plan());
    document.addEventListener("visibilitychange", onVisibility);
    again.current = ask;
    setState({ isLoading: true });
    ask();
    return () => {
      isOver = true;
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisibility);
    };
  }, [key, seconds]);
  return { ...state, refresh: () => again.current() };
}

export function useNow(seconds = 5) {
  const [now, setNow] = useState(serverNow());
  useEffect(() => {
    const timer = window.setInterval(() => document.hidden || setNow(serverNow()), seconds * 1000);
    return () => window.clearInterval(timer);
  }, [seconds]);
  return Math.max(now, serverNow());
}
