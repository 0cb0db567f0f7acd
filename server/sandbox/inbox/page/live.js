/** What the page asks of the sandbox, and how it hears that something has changed. */

import { createContext } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";

/** Goes up with each change in the sandbox; whoever uses it asks again. */
export const Change = createContext(0);

/** The account that the page shows; empty for the ordinary one. */
export const AccountName = createContext("");

/**
 * @param {string} path below /_sandbox/
 * @param {RequestInit} [options]
 * @returns {Promise<any>} the JSON of the answer; an Error with the sandbox's own words if it is refused
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
    // The browser has its own words for no answer at all.
    throw error instanceof TypeError ? Object.assign(new Error("The sandbox did not answer."), { lost: true }) : error;
  }
}

/**
 * What went wrong with an order; where there was no answer, only until the sandbox is heard again.
 * @returns {[string, (error?: Error & {lost?: boolean}) => void]}
 */
export function useProblem() {
  const change = useContext(Change);
  const [error, setError] = useState();
  useEffect(() => setError((now) => (now?.lost ? undefined : now)), [change]);
  return [error?.message ?? "", setError];
}

/** @param {Record<string, string | number | undefined>} values those that are empty are left out */
function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== "" && value !== 0);
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}

/**
 * The newest answer to a question about the account; asked again after each change, but never twice at once, so that a
 * busy agent does not make a slow page.
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
          // Where there is no answer at all, what is there stays: the page says so elsewhere, and asks again.
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
 * The sandbox's events. The stream is closed while nobody looks at the page: a browser has only six connections for all
 * its windows.
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

/** Say something to those who do not see the page. */
export const announce = (/** @type {string} */ text) => listener(text);

/** @param {(text: string) => void} speak is given what is announced */
export const onAnnounce = (speak) => void (listener = speak);
