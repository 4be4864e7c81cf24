// Loading: one hook that fetches, keeps fetching, and says what went wrong.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ApiError, get } from "./api";

export interface Loaded<T> {
  value?: T;
  error?: Error;
}

const kRefreshMs = 5000;

// Until `settled` says that what came will not change any more.
export function useData<T>(path: string, settled?: (value: T) => boolean): Loaded<T> {
  const [state, setState] = useState<Loaded<T>>({});
  useEffect(() => {
    let current = true;
    let timer = 0;
    setState({});
    const load = async () => {
      let done = false;
      try {
        const value = await get<T>(path);
        if (current) setState({ value });
        done = settled?.(value) ?? false;
      } catch (error) {
        if (current) setState((before) => ({ ...before, error: error as Error }));
      }
      if (current && !done) timer = window.setTimeout(load, kRefreshMs);
    };
    void load();
    return () => {
      current = false;
      window.clearTimeout(timer);
    };
  }, [path]);
  return state;
}

// Fetches once, and again when asked to: for what must not change under somebody's hands.
export function useOnce<T>(path: string): Loaded<T> & { again: () => void } {
  const [state, setState] = useState<Loaded<T>>({});
  const [round, setRound] = useState(0);
  useEffect(() => {
    let current = true;
    setState({});
    get<T>(path).then(
      (value) => current && setState({ value }),
      (error) => current && setState({ error }),
    );
    return () => {
      current = false;
    };
  }, [path, round]);
  return { ...state, again: () => setRound((n) => n + 1) };
}

export function Show<T>(props: { of: Loaded<T>; children: (value: T) => ComponentChildren }) {
  const { value, error } = props.of;
  if (error instanceof ApiError && error.status === 401) return null; // the key form is up
  if (!value && error) return <p class="problem">{error.message}</p>;
  if (!value) return <p class="quiet">Loading…</p>;
  return <>{props.children(value)}</>;
}
