// Configuration: what this key may do, and what the gateway runs with. The gateway leaves out every secret.

import { html, useEffect, useState } from "./vendor/preact-10.27.2-htm-3.1.1.min.js";
import { call, hasScope } from "./api.js";
import { counted, Json, Name, NameList, Notice, ProblemNotice, Scoped, Time, useAnswer, visibly } from "./parts.js";

export function Configuration({ me }) {
  const config = useAnswer();
  const mayRead = hasScope(me, "config:read");
  useEffect(() => {
    if (mayRead) config.run(() => call("GET", "../v1/config"));
  }, [mayRead]);
  return html`
    <h1>Configuration</h1>
    <${Own} me=${me} />
    <${Scoped} me=${me} scope="config:read" what="The configuration">
      <${ProblemNotice} problem=${config.problem} />
      ${config.value && html`<${Running} config=${config.value} onReload=${() => config.run(() => call("GET", "../v1/config"))} />`}
    <//>`;
}

/** What `GET /v1/me` said. */
function Own({ me }) {
  const globs = (of) => html`<${NameList} of=${of} none="none" />`;
  return html`<section>
    <h2>${me.name === null ? "Everybody may do everything" : html`This key: <${Name} of=${me.name} />`}</h2>
    ${me.name === null && html`<${Notice} kind="warn">This gateway serves without a key (<code>allowAnonymous</code>).<//>`}
    <dl class="pairs">
      <div><dt>Scopes</dt><dd><${NameList} of=${me.scopes} none="none" /></dd></div>
      <div><dt>Namespaces</dt><dd>${globs(me.namespaces)}</dd></div>
      <div><dt>Rooms</dt><dd>${globs(me.rooms)}</dd></div>
      <div><dt>Sockets</dt><dd>${globs(me.sockets)}</dd></div>
      <div><dt>Events</dt><dd>${globs(me.events)}</dd></div>
      <div><dt>Expires</dt><dd><${Time} of=${me.expires} /></dd></div>
      <div><dt>Rate</dt><dd>${me.rate ? `${counted(me.rate.requests, "request")} in ${counted(me.rate.perSeconds, "second")}, ${me.rate.burst} at once` : "none"}</dd></div>
    </dl>
  </section>`;
}

function Running({ config, onReload }) {
  return html`
    ${config.waitingForRestart.length > 0 && html`<${Notice} kind="warn">
      <strong>Waiting for a restart:</strong> <${NameList} of=${config.waitingForRestart} />. The file has other values by now.<//>`}
    <p class="quiet">Version ${config.version}, started <${Time} of=${config.started} />, loaded <${Time} of=${config.loaded} />${" "}
      ${config.file ? html`from <${Name} of=${config.file} />` : "without a file"}.
      ${" "}<button type="button" class="link" onClick=${onReload}>Read again</button></p>
    <${Keys} keys=${config.keys} />
    <${Settings} settings=${config.settings} />
    <section>
      <h2>Webhooks</h2>
      ${config.hooks.length === 0 ? html`<p class="quiet">None.</p>` : config.hooks.map((hook) => html`
        <details key=${hook.name}><summary><${Name} of=${hook.name} /> <span class="quiet">${visibly(hook.scheme ?? "")}</span></summary>
          <${Json} value=${hook} label=${`Webhook ${hook.name}`} /></details>`)}
      ${config.cloudEvents && html`<details><summary>CloudEvents</summary><${Json} value=${config.cloudEvents} label="CloudEvents" /></details>`}
    </section>`;
}

function Keys({ keys }) {
  return html`<section>
    <h2>Keys</h2>
    ${keys.length === 0 ? html`<p class="quiet">None.</p>` : html`<div class="wide"><table>
      <thead><tr><th>Name</th><th>Scopes</th><th>Rooms</th><th>Namespaces</th><th>Events</th><th>Rate</th><th>Expires</th><th>Last use</th></tr></thead>
      <tbody>${keys.map((key) => html`<tr key=${key.name}>
        <td><${Name} of=${key.name} /></td>
        <td><${NameList} of=${key.scopes} none="none" /></td>
        <td><${NameList} of=${key.rooms} none="none" /></td>
        <td><${NameList} of=${key.namespaces} none="none" /></td>
        <td><${NameList} of=${key.events} none="none" /></td>
        <td>${key.rate ?? "none"}</td>
        <td class=${isOver(key.expires) ? "bad" : null}><${Time} of=${key.expires} />${isOver(key.expires) && " (over)"}</td>
        <td><${LastUse} key_=${key} /></td>
      </tr>`)}</tbody>
    </table></div>`}
  </section>`;
}
const isOver = (instant) => instant !== null && new Date(instant) < new Date();

/** Of a key that is being exchanged: of each of its hashes, in their order. */
function LastUse({ key_: { lastUse, lastUseByHash = [] } }) {
  if (lastUseByHash.length < 2) return html`<${Time} of=${lastUse} />`;
  return lastUseByHash.map((of, index) => html`<div>${index + 1}: <${Time} of=${of} /></div>`);
}

function Settings({ settings }) {
  const [sought, setSought] = useState("");
  const [isAll, setIsAll] = useState(false);
  const shown = Object.entries(settings).filter(([name, { value, from }]) =>
    (isAll || sought !== "" || from !== "default") && `${name} ${value}`.toLowerCase().includes(sought.toLowerCase()));
  return html`<section>
    <h2>Settings</h2>
    <div class="row">
      <input type="search" aria-label="Settings that have" placeholder="Find a setting" value=${sought} onInput=${(event) => setSought(event.target.value)} />
      <label class="check"><input type="checkbox" checked=${isAll} onChange=${(event) => setIsAll(event.target.checked)} /> Defaults, too</label>
    </div>
    ${shown.length === 0 ? html`<p class="quiet">None.</p>` : html`<div class="wide"><table>
      <thead><tr><th>Setting</th><th>Value</th><th>From</th></tr></thead>
      <tbody>${shown.map(([name, setting]) => html`<tr key=${name} class=${setting.from === "default" ? "quiet" : null}>
        <td><code>${name}</code></td>
        <td>${[setting.value].flat().length === 0 || setting.value === "" ? html`<span class="quiet">nothing</span>` : html`<${NameList} of=${[setting.value].flat()} />`}</td>
        <td>${origin(setting)}</td>
      </tr>`)}</tbody>
    </table></div>`}
  </section>`;
}
function origin({ from, line, path }) {
  if (from === "file") return line ? `file, line ${line}` : "file";
  if (from === "secretFile") return path ? `file ${visibly(path)}` : "a file";
  return from;
}
