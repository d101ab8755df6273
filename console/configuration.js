// Configuration: what this key may do, and what the gateway runs with.

import { get, may, me } from "./api.js";
import {
  block, check, counted, html, instant, list, Notice, number, pairs, safe, scoped, table, trouble, useAnswer, useEffect, useState,
} from "./parts.js";

export function Configuration() {
  const { run, value, problem } = useAnswer();
  useEffect(() => void (may("config:read") && run(() => get("v1/config"))), []);
  return html`${own(me)}
    ${scoped("config:read", "What the gateway runs with", html`${trouble(problem)}${value && html`<${Running} ...${value} />`}`)}`;
}

const own = ({ name, scopes, namespaces, rooms, sockets, events, expires, rate }) => html`
  <h2>${name === null ? "Without a key" : html`This key: ${safe(name)}`}</h2>
  ${name === null && html`<${Notice} kind="warn"><strong>Everybody may do everything</strong> (<code>allowAnonymous</code>).<//>`}
  ${pairs({
    Scopes: list(scopes), Namespaces: list(namespaces), Rooms: list(rooms), Sockets: list(sockets), Events: list(events), Expires: instant(expires),
    Rate: rate ? `${counted(rate.requests, "request")} in ${counted(rate.perSeconds, "second")}, ${number(rate.burst)} at once` : "none",
  })}`;

function Running({ loaded, file, waitingForRestart, settings, keys, hooks, cloudEvents }) {
  const [isAll, setIsAll] = useState(false);
  const shown = Object.entries(settings).filter(([, { from }]) => isAll || from !== "default");
  const documents = cloudEvents ? [...hooks, { ...cloudEvents, name: "CloudEvents" }] : hooks;
  return html`<h2>Settings</h2>
    <p class="quiet">Configured ${instant(loaded)} ${file ? html`from ${safe(file)}` : "without a file"}.</p>
    ${waitingForRestart.length > 0 && html`<${Notice} kind="warn"><strong>Other values wait for a restart:</strong> ${list(waitingForRestart)}<//>`}
    ${table(["Setting", "Value", "From"], shown.map(([name, setting]) => [name, safe(name), list([setting.value].flat()), origin(setting)]))}
    ${check("Defaults, too", isAll, setIsAll)}
    <h2>Keys</h2>
    ${table(["Name", "Scopes", "Rooms", "Namespaces", "Events", "Rate", "Expires", "Last use"], keys.map((key) => [
      key.name, safe(key.name), list(key.scopes), list(key.rooms), list(key.namespaces), list(key.events), key.rate ?? "none",
      html`${instant(key.expires)}${key.expires && new Date(key.expires) < new Date() && html` <b class="error">over</b>`}`, instant(key.lastUse),
    ]))}
    <h2>Webhooks</h2>
    ${documents.length === 0 && "None."}
    ${documents.map((one) => html`<details><summary>${safe(one.name)}</summary>${block(one, one.name)}</details>`)}`;
}

const origin = ({ from, line, path }) => (line ? `file, line ${line}` : path ? safe(path) : from);
