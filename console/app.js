// The frame of the console: its views, and whose key they are seen with.

import { generation, get, happenings, key, me, outcomeOf, repeat, setMe, useKey } from "./api.js";
import { html, link, render, safe, Text, trouble, useEffect, useRef, useState } from "./parts.js";
import { Configuration } from "./configuration.js";
import { Overview } from "./overview.js";
import { Rooms } from "./rooms.js";
import { Send } from "./send.js";
import { Tail } from "./tail.js";

const VIEWS = {
  overview: ["Overview", Overview],
  rooms: ["Rooms and sockets", Rooms],
  send: ["Send", Send],
  tail: ["Live tail", Tail],
  configuration: ["Configuration", Configuration],
};
const PAUSE = 3000; // milliseconds before the gateway is asked again

/** The view that the address names, and what it is to show. */
function place() {
  const address = location.hash;
  const [view, query] = address.slice(1).split("?");
  return { view: Object.hasOwn(VIEWS, view) ? view : "overview", shown: new URLSearchParams(query), address };
}

function App() {
  const [{ view, shown, address }, setPlace] = useState(place);
  const [{ problem }, setHeard] = useState({}); // by the last question who it is
  const [asks, setAsks] = useState(false); // for a key
  const main = useRef(null);
  const [title, View] = VIEWS[view];
  useEffect(() => void (document.title = `${title} · socketio-gateway`), [title]);
  useEffect(() => {
    addEventListener("hashchange", () => {
      setPlace(place());
      main.current.focus({ preventScroll: true });
      scrollTo(0, 0);
    });
    let stop = () => {};
    const learn = () => {
      stop();
      stop = repeat(PAUSE, async (isWanted) => {
        const { value, problem } = await outcomeOf(() => get("v1/me"));
        if (!isWanted()) return;
        if (value) {
          setMe(value);
          setAsks(false);
        }
        setHeard({ problem });
        if (value || problem.isFinal) stop();
      });
    };
    happenings.addEventListener("key", learn);
    happenings.addEventListener("refusal", ({ detail }) => {
      setHeard({ problem: detail });
      setAsks(true);
    });
    learn();
  }, []);

  return html`<header>
      <a class="brand" href=${link("overview")}>socketio-gateway</a>
      <nav aria-label="Views">${Object.entries(VIEWS).map(([id, [text]]) =>
        html`<a href=${link(id)} aria-current=${id === view ? "page" : null}>${text}</a>`)}</nav>
      <div class="whose">${!me || (asks && problem) ? "no key yet" : me.name === null ? "no key needed" : html`key ${safe(me.name)}`}${" "}
        <button class="link" aria-expanded=${asks} onClick=${() => setAsks(!asks)}>${key ? "Change" : "Use a key"}</button></div>
    </header>
    <main ref=${main} tabindex="-1" aria-label=${title}>
      ${asks && html`<${KeyForm} problem=${problem} />`}
      ${!asks && !me && trouble(problem)}
      ${me && !asks && html`<h1>${title}</h1><${View} key=${`${view} ${generation}`} shown=${shown} address=${address} />`}
    </main>`;
}

function KeyForm({ problem }) {
  const [text, setText] = useState("");
  useEffect(() => document.getElementById("Key").focus(), []);
  const open = (event) => {
    event.preventDefault();
    const key = text.trim();
    if (key !== "") useKey(key);
  };
  return html`<form class="card key" onSubmit=${open}>
    <h1>${problem ? "A key, please" : "Another key"}</h1>
    <${Text} label="Key" type="password" pattern=" *[!-~]+ *" value=${text} onChange=${setText} hint="It is kept until this tab is closed, in no cookie and no address."
      error=${key && problem?.message} />
    <div class="row">
      <button class="primary">Open</button>
      ${key && html`<button type="button" onClick=${() => (setText(""), useKey(null))}>Forget the key</button>`}
    </div>
    <p class="quiet"><code>socketio-gateway keys create --help</code> says how to make one.</p>
  </form>`;
}

render(html`<${App} />`, document.getElementById("app"));
