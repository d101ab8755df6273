// The frame of the console: its views, and whose key they are seen with.

import { html, render, useEffect, useRef, useState } from "./vendor/preact-10.27.2-htm-3.1.1.min.js";
import { call, hasKey, onKey, onRefusal, Problem, useKey, visible } from "./api.js";
import { Field, link, Name, ProblemNotice } from "./parts.js";
import { Configuration } from "./configuration.js";
import { Overview } from "./overview.js";
import { Rooms } from "./rooms.js";
import { Send } from "./send.js";
import { Tail } from "./tail.js";

const VIEWS = { overview: Overview, rooms: Rooms, send: Send, tail: Tail, configuration: Configuration };
const TITLES = {
  overview: "Overview", rooms: "Rooms and sockets", send: "Send", tail: "Live tail", configuration: "Configuration",
};
const PATIENCE = 3000; // milliseconds before a gateway that does not answer is asked again

/** The view that the address names, and what it is to show. */
function place() {
  const [view, query = ""] = location.hash.slice(1).split("?", 2);
  return { view: Object.hasOwn(VIEWS, view) ? view : "overview", shown: new URLSearchParams(query), address: location.hash };
}

function App() {
  const [{ view, shown, address }, setPlace] = useState(place);
  const [caller, setCaller] = useState({ me: null, problem: null });
  const [asks, setAsks] = useState(false); // for a key
  const main = useRef(null);

  useEffect(() => {
    const move = () => {
      setPlace(place());
      main.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    };
    addEventListener("hashchange", move);
    return () => removeEventListener("hashchange", move);
  }, []);
  useEffect(() => {
    document.title = `${TITLES[view]} · socketio-gateway`;
  }, [view]);

  useEffect(() => {
    let turn = 0;
    const learn = async () => {
      const mine = ++turn;
      while (mine === turn) {
        try {
          const me = await call("GET", "../v1/me");
          if (mine === turn) {
            setCaller({ me, problem: null });
            setAsks(false);
          }
          return;
        } catch (problem) {
          if (!(problem instanceof Problem)) throw problem;
          if (mine !== turn) return;
          setCaller((old) => ({ ...old, problem }));
          if (problem.status > 0 && problem.status < 500 && problem.status !== 429) return;
        }
        await new Promise((resolve) => setTimeout(resolve, PATIENCE));
        await visible();
      }
    };
    onKey(learn);
    onRefusal((problem) => {
      setCaller((old) => ({ ...old, problem }));
      setAsks(true);
    });
    learn();
  }, []);

  const View = VIEWS[view];
  const { me, problem } = caller;
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); main.current.focus(); }}>To the content</a>
    <header class="top">
      <a class="brand" href=${link("overview")}>socketio-gateway</a>
      <nav aria-label="Views">
        ${Object.keys(VIEWS).map((id) => html`<a key=${id} href=${link(id)} aria-current=${id === view ? "page" : null}>${TITLES[id]}</a>`)}
      </nav>
      <${Whose} me=${me} onChange=${() => setAsks(!asks)} asks=${asks} />
    </header>
    <main ref=${main} tabindex="-1" id="main" aria-label=${TITLES[view]}>
      ${asks && html`<${KeyForm} problem=${problem} onClose=${me && problem?.status !== 401 ? () => setAsks(false) : null} />`}
      ${!asks && !me && (problem ? html`<${ProblemNotice} problem=${problem} />` : html`<p class="quiet">…</p>`)}
      ${me && html`<div class="view" hidden=${asks}><${View} key=${`${view} ${me.name}`} me=${me} shown=${shown} address=${address} /></div>`}
    </main>`;
}

/** Whose key it is. */
function Whose({ me, asks, onChange }) {
  const text = !me ? "no key yet" : me.name === null ? "no key needed" : html`key <${Name} of=${me.name} />`;
  return html`<div class="whose">
    <span>${text}</span>
    ${me && html`<button type="button" class="link" aria-expanded=${asks} onClick=${onChange}>${hasKey() ? "Change" : "Use a key"}</button>`}
  </div>`;
}

function KeyForm({ problem, onClose }) {
  const [text, setText] = useState("");
  const [isKept, setIsKept] = useState(true);
  const field = useRef(null);
  useEffect(() => field.current?.focus(), []);
  const open = (event) => {
    event.preventDefault();
    if (text.trim() !== "") useKey(text.trim(), isKept);
  };
  const leave = () => {
    useKey(null, false);
    setText("");
  };
  return html`<form class="card key" onSubmit=${open} aria-label="Key">
    <h1>${problem?.status === 401 ? "A key, please" : "Another key"}</h1>
    <${Field} label="Key" hint="It is sent as Authorization, and never stored in a cookie or in the address."
      error=${problem?.status === 401 && hasKey() ? "This key opens nothing: it is not known, or has expired." : problem?.status === 0 ? problem.message : ""}>
      ${(attributes) => html`<input ...${attributes} ref=${field} type="password" value=${text} autocomplete="off" spellcheck="false"
        onInput=${(event) => setText(event.target.value)} />`}
    <//>
    <label class="check"><input type="checkbox" checked=${isKept} onChange=${(event) => setIsKept(event.target.checked)} />
      Keep it until this tab is closed</label>
    <div class="row">
      <button type="submit" class="primary">Open</button>
      ${onClose && html`<button type="button" onClick=${onClose}>Cancel</button>`}
      ${hasKey() && html`<button type="button" onClick=${leave}>Forget the key</button>`}
    </div>
    ${problem?.status === 401 && !hasKey() && html`<p class="quiet">
      Where no key is configured, the gateway prints one when it starts. Otherwise <code>socketio-gateway keys create</code> makes one.</p>`}
  </form>`;
}

const app = document.getElementById("app");
app.replaceChildren();
render(html`<${App} />`, app);
