/** Requests to the sandbox, and its events. */

import { createContext } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";

/** A counter of changes in the sandbox; components that use it reload. */
export const Change = createContext(0);

/** The account that the page shows; empty for the ordinary one. */
export const AccountName = createContext("");

/**
 * @param {string} path below /_sandbox/
 * @param {RequestInit} [options]
 * @returns {Promise<any>} the JSON of the answer; rejects with the sandbox's message if it is refused
 */
async function request(path, options) {
  const response = await fetch(`/_sandbox/${path}`, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `HTTP ${response.status}`);
  return answer;
}

/**
 * Change something in the sandbox.
 * @param {"POST" | "PATCH" | "DELETE"} method
 * @param {string} name of a control
 * @param {object} [body]
 */
export async function order(method, name, body) {
  try {
    return await request(name, { method, body: body && JSON.stringify(body) });
  } catch (error) {
    // Browsers word a missing answer differently.
    throw error instanceof TypeError ? Object.assign(new Error("The sandbox did not answer."), { lost: true }) : error;
  }
}

/**
 * The error of a control. A missing answer is shown only until the sandbox is reachable again.
 * @returns {[string, (error?: Error & {lost?: boolean}) => void]}
 */
export function useProblem() {
  const change = useContext(Change);
  const [error, setError] = useState();
  useEffect(() => setError((now) => (now?.lost ? undefined : now)), [change]);
  return [error?.message ?? "", setError];
}

/** @param {Record<string, string | number | undefined>} values empty ones are omitted */
function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== "" && value !== 0);
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}

/**
 * The newest data of an endpoint, reloaded after each change. There is one request at a time, so that a busy agent does
 * not slow the page down.
 * @param {string} name of an endpoint below /_sandbox/inbox/
 * @param {Record<string, string | number | undefined>} [values]
 * @returns {{data?: any, error?: string}} without data until the first answer
 */
export function useAnswer(name, values = {}) {
  const change = useContext(Change);
  const account = useContext(AccountName);
  const path = `inbox/${name}?${query({ account, ...values })}`;
  const [answer, setAnswer] = useState({});
  const asking = useRef({ path, busy: false, again: false, gone: false });

  useEffect(() => {
    const state = asking.current;
    state.path = path;
    state.again = true;
    if (state.busy) return;
    state.busy = true;
    (async () => {
      while (state.again && !state.gone) {
        state.again = false;
        const asked = state.path;
        let next;
        try {
          next = { data: await request(asked) };
        } catch (error) {
          // Without an answer the old data stays: the page reports the lost connection elsewhere, and retries.
          if (!(error instanceof TypeError)) next = { error: String(error.message) };
        }
        if (next && asked === state.path && !state.gone) setAnswer(next);
      }
      state.busy = false;
    })();
  }, [path, change]);
  useEffect(() => {
    asking.current.gone = false;
    return () => void (asking.current.gone = true);
  }, []);
  return answer;
}

/**
 * The sandbox's events. The stream is closed while the page is hidden: browsers allow only six connections per host.
 * @returns {{change: number, connected: boolean, clock?: {now: number, stopped: boolean, heard: number}}}
 */
export function useEvents() {
  const [state, setState] = useState({ change: 0, connected: true, clock: undefined });
  useEffect(() => {
    let stream;
    const heard = ({ data }) => {
      const { now, stopped } = JSON.parse(data);
      const clock = { now, stopped, heard: performance.now() };
      setState((before) => ({ change: before.change + 1, connected: true, clock }));
    };
    const lost = () => setState((before) => ({ ...before, connected: false }));
    const follow = () => {
      stream?.close();
      stream = undefined;
      if (document.hidden) return;
      stream = new EventSource("/_sandbox/events");
      stream.onmessage = heard;
      stream.onerror = lost;
    };
    follow();
    document.addEventListener("visibilitychange", follow);
    return () => {
      document.removeEventListener("visibilitychange", follow);
      stream?.close();
    };
  }, []);
  return state;
}

let listener = (/** @type {string} */ _) => {};

/** Announce a text to screen readers. */
export const announce = (/** @type {string} */ text) => listener(text);

/** @param {(text: string) => void} speak receives each announced text */
export const onAnnounce = (speak) => void (listener = speak);
