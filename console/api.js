// How the console speaks with the gateway that served it: the key, requests, problems, streams.

const KEY = "console.key"; // in sessionStorage
const QUESTION_GAP = 5000; // milliseconds between questions that nobody clicked for
const LONGEST_PAUSE = 30_000; // milliseconds before a stream is tried again

// ---- The key -------------------------------------------------------------------------------------------------------

let key = keyOfAddress() ?? stored(KEY);
const keyWatchers = new Set();

/** The key of `#key=…`, which is taken out of the address and of the history at once. */
function keyOfAddress() {
  const found = /^#key=(.+)$/s.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, "", location.pathname + location.search);
  let text = found[1];
  try {
    text = decodeURIComponent(text);
  } catch {
    // A key with a lone `%` stands as it is.
  }
  store(KEY, text);
  return text;
}
addEventListener("hashchange", () => {
  const text = keyOfAddress();
  if (text !== null) useKey(text, true);
});

export const hasKey = () => key !== null;

/** From now on this key is sent, or none (`null`); `kept`: also after the page is loaded again, until its tab is closed. */
export function useKey(text, kept) {
  key = text;
  store(KEY, kept ? text : null);
  for (const watcher of keyWatchers) watcher();
}
export function onKey(watcher) {
  keyWatchers.add(watcher);
}

// ---- What is kept until the tab is closed --------------------------------------------------------------------------

/** A browser may forbid it; then nothing is kept. */
export function stored(name) {
  try {
    return sessionStorage.getItem(name);
  } catch {
    return null;
  }
}
export function store(name, text) {
  try {
    if (text === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, text);
  } catch {
    // Then it is in memory only.
  }
}

// ---- Requests ------------------------------------------------------------------------------------------------------

/** What the gateway answered instead of what was asked for (RFC 9457), or that it did not answer (`status` 0). */
export class Problem extends Error {
  constructor(status, fields) {
    super(fields.detail ?? fields.title ?? `status ${status}`);
    Object.assign(this, { status, code: fields.code ?? "", errors: fields.errors ?? [], retryAfter: null, ...pick(fields) });
  }

  /** What is wrong with a field: of `rooms` also what is wrong with `/rooms/3`, and of a parameter of this name. */
  at(field) {
    const beside = this.errors.filter(
      ({ pointer, parameter }) => parameter === field || pointer === `/${field}` || pointer?.startsWith(`/${field}/`),
    );
    return beside.map(({ pointer, detail }) => placed(pointer, field, detail)).join("; ");
  }
}
const pick = ({ outcome, requestId, retryable }) => ({ outcome, requestId, retryable });

/** `/rooms/1` is the second. */
function placed(pointer, field, detail) {
  const index = /^\/(\d+)/.exec(pointer?.slice(field.length + 1) ?? "");
  return index ? `number ${Number(index[1]) + 1}: ${detail}` : detail;
}

async function request(method, path, body, more = {}) {
  const headers = { ...more.headers };
  if (key !== null) headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const sent = key;
  let response;
  try {
    response = await fetch(path, { method, headers, body, signal: more.signal, cache: "no-store", credentials: "omit" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { code: "no_answer", detail: error instanceof TypeError && badKey(key)
      ? "This key has characters that no header can hold." : "The gateway does not answer." });
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  // A new key may have come meanwhile: then this answer says nothing about it.
  if (response.status === 401 && sent === key) for (const watcher of refusals) watcher(problem);
  throw problem;
}
const badKey = (text) => text !== null && /[^\x20-\x7e]/.test(text);

const refusals = new Set();
/** Called with every 401. */
export function onRefusal(watcher) {
  refusals.add(watcher);
}

async function problemOf(response) {
  let fields = {};
  try {
    fields = JSON.parse(await response.text());
  } catch {
    fields = { detail: `The answer has status ${response.status}, and no problem in JSON.` };
  }
  const problem = new Problem(response.status, fields ?? {});
  problem.retryAfter = Number(response.headers.get("Retry-After")) || null;
  return problem;
}

/** The answer's JSON. `body`: as it is, if it is a text; otherwise as JSON. */
export async function call(method, path, body) {
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  return (await request(method, path, text)).json();
}

/** The answer's text, and its status whatever it is. */
export async function text(path) {
  return (await request("GET", path)).text();
}

// ---- Pulling -------------------------------------------------------------------------------------------------------

let lastQuestion = -QUESTION_GAP;
let queue = Promise.resolve();

/** A question to the servers that nobody clicked for: it waits until five seconds have passed since the last, and until
 *  the page is visible. `isWanted` is asked when its turn has come; without it the answer is `null`. */
export function question(isWanted, ask) {
  const turn = queue.then(async () => {
    await visible();
    if (!isWanted()) return false;
    const wait = lastQuestion + QUESTION_GAP - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    await visible();
    if (!isWanted()) return false;
    lastQuestion = performance.now();
    return true;
  });
  queue = turn;
  return turn.then((isTurn) => (isTurn ? ask() : null));
}

/** Resolves as soon as the page is visible. */
export function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", function look() {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    });
  });
}

/** Does `work` now and then again and again, with `gap` milliseconds in between and while the page is visible; the function
 *  that it returns ends it. `work` gets whether it is still wanted. */
export function repeat(gap, work) {
  let wanted = true;
  const isWanted = () => wanted;
  (async () => {
    while (wanted) {
      await visible();
      if (wanted) await work(isWanted);
      await new Promise((resolve) => setTimeout(resolve, gap));
    }
  })();
  return () => (wanted = false);
}

// ---- Streams -------------------------------------------------------------------------------------------------------

/** Server-sent events, read by `fetch`, since `EventSource` cannot send a key. `take(type, data)` gets each event,
 *  `tell(state, problem)` "open", "waiting" (it is tried again) or "refused" (it is not). The function that it returns ends it. */
export function stream(path, take, tell) {
  const end = new AbortController();
  (async () => {
    for (let pause = 1000; !end.signal.aborted; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      let problem = null;
      try {
        const response = await request("GET", path, undefined, { signal: end.signal });
        tell("open");
        pause = 1000;
        await readEvents(response.body.getReader(), take);
      } catch (error) {
        problem = error instanceof Problem ? error : null;
      }
      if (end.signal.aborted) return;
      const final = problem !== null && problem.status >= 400 && problem.status < 500 && problem.status !== 429;
      tell(final ? "refused" : "waiting", problem);
      if (final) return;
      await new Promise((resolve) => setTimeout(resolve, pause));
      await visible();
    }
  })();
  return () => end.abort();
}

async function readEvents(reader, take) {
  const decoder = new TextDecoder();
  let [rest, type, data] = ["", "message", []];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line === "" || line === "\r") {
        if (data.length > 0) take(type, parsed(data.join("\n")));
        [type, data] = ["message", []];
      } else if (line.startsWith("event:")) {
        type = line.slice(6).trim();
      } else if (line.startsWith("data:")) {
        data.push(line.slice(5).trim());
      }
    }
  }
}

/** `{}` for what is no JSON object. */
function parsed(json) {
  try {
    return Object(JSON.parse(json));
  } catch {
    return {};
  }
}

// ---- What a key may do ---------------------------------------------------------------------------------------------

/** Whether a name fits one of the globs, in which `*` stands for any text. */
export function fits(globs, name) {
  return globs.some((glob) => {
    const parts = glob.split("*");
    if (parts.length === 1) return glob === name;
    const [first, last] = [parts[0], parts[parts.length - 1]];
    if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
    let place = first.length;
    for (const part of parts.slice(1, -1)) {
      place = name.indexOf(part, place);
      if (place < 0) return false;
      place += part.length;
    }
    return place <= name.length - last.length;
  });
}
export const hasScope = (me, scope) => me.name === null || me.scopes.includes(scope) || me.scopes.includes("*");
export const mayReachAll = (me) => me.rooms.includes("*");
