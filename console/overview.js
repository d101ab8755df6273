// Overview: whether the gateway can deliver, who is there to take it, and how much goes through it.

import { get, getText, outcomeOf, repeat } from "./api.js";
import { counted, html, instant, link, list, Notice, number, pairs, safe, scoped, table, trouble, useEffect, useState } from "./parts.js";

const GAP = 5000; // milliseconds
const KEPT = 60; // points of a line

/** `value` or `problem` of `ask`, again and again. */
function usePulled(ask) {
  const [state, setState] = useState({});
  useEffect(() => repeat(GAP, async () => setState(await outcomeOf(ask))), []);
  return state;
}

export function Overview() {
  const { value: metrics, problem } = usePulled(async () => measured(await getText("metrics")));
  return html`<${Readiness} metrics=${metrics} />
    ${metrics && pairs({
      Version: /^gateway_info{version="(.*?)"/m.exec(metrics)?.[1],
      "Wire format": /^gateway_info.*wire_format="(.*?)"/m.exec(metrics)?.[1],
      "Up since": instant(sum(metrics, "process_start_time_seconds") * 1000),
    }, "facts")}
    <h2>Servers</h2>
    ${scoped("servers:read", "The list of servers", html`<${Servers} />`)}
    <h2>Rates</h2>
    ${metrics ? rates() : problem?.status === 404 ? html`<${Notice}>The metrics are at <code>http.adminAddress</code>.<//>`
      : scoped("metrics", "What is measured", trouble(problem))}`;
}

function Readiness({ metrics = "" }) {
  const { value, problem } = usePulled(() => get("readyz"));
  const states = ["ready", "blocked", "disconnected"].map((state) => [sum(metrics, "gateway_broker_connections", `.*"${state}"`), state]);
  const loops = html`<span class="quiet">${states.filter(([count]) => count > 0)
    .map(([count, state]) => `${counted(count, "loop")} ${state}`).join(", ")}</span>`;
  return value ? html`<${Notice} kind="good"><strong>Ready to deliver</strong>${value.brokers && html` by RabbitMQ at ${list(value.brokers)}`} ${loops}<//>`
    : html`${trouble(problem)}${loops}`;
}

function Servers() {
  const { value, problem } = usePulled(() => get("v1/servers"));
  if (!value) return trouble(problem);
  return value.servers.length === 0 ? html`<${Notice} kind="warn"><strong>No server answers.</strong> Events may reach servers all the same; to say
    who is there, they need the Node adapter, or the companion of their kind.<//>`
    : table(["Server", "Namespaces", "Adapter", "Can answer", "Heard of"], value.servers.map(({ uid, namespaces, adapter, features, lastSeenMs }) => [
      uid, safe(uid), namespaces.map((namespace) => html`<a class="chip" href=${link("rooms", { namespace })}>${safe(namespace)}</a>`),
      safe(adapter ?? "companion"), list(features ?? []), `${Math.round(lastSeenMs / 1000)} s ago`,
    ]));
}

// Metrics, from the text for Prometheus

/** Of all samples with this name, and with labels that begin like the pattern. */
const sum = (metrics, name, labels = "") =>
  [...metrics.matchAll(new RegExp(`^${name}(?=[{ ])${labels}.* (\\S+)$`, "gm"))].reduce((total, found) => total + Number(found.at(-1)), 0);

const CALLS = '(?!.*"/(metrics|readyz|livez)")';
const COUNTERS = {
  Requests: (metrics) => sum(metrics, "gateway_http_requests_total", CALLS),
  Published: (metrics) => sum(metrics, "gateway_publications_total", '(?!.*"failed")'),
  "Nobody there": (metrics) => sum(metrics, "gateway_emits_unrouted_total"),
  "Refused, failed": (metrics) => sum(metrics, "gateway_http_requests_total", `${CALLS}.*status="[45]`),
  Webhooks: (metrics) => sum(metrics, "gateway_hook_deliveries_total"),
};

/** By name the totals of the last time, and the rates, as long as the page is open. */
const past = { at: 0, totals: null, rates: [] };

function measured(metrics) {
  const at = performance.now() / 1000;
  const totals = Object.fromEntries(Object.entries(COUNTERS).map(([name, total]) => [name, total(metrics)]));
  // A gateway that has started again counts from 0.
  const rate = (name) => Math.max(0, totals[name] - past.totals[name]) / (at - past.at);
  if (past.totals) past.rates = [...past.rates, Object.fromEntries(Object.keys(totals).map((name) => [name, rate(name)]))].slice(-KEPT);
  Object.assign(past, { at, totals });
  return metrics;
}

const rates = () => html`<div class="rates">${Object.entries(past.totals).map(([name, total]) => html`<div class="card">
  <strong>${past.rates.at(-1)?.[name].toFixed(1) ?? "…"}/s</strong>${name}
  ${sparkline(past.rates.map((rate) => rate[name]), `${name} in the last five minutes`)}
  <span class="quiet">${number(total)} in all</span></div>`)}</div>`;

/** The values as a line, from 0 to the largest. */
function sparkline(values, label) {
  const most = Math.max(...values, 1e-9);
  const points = values.map((value, index) => `${index},${(27 - (value / most) * 26).toFixed(1)}`).join(" ");
  return html`<svg viewBox=${`0 0 ${Math.max(values.length - 1, 1)} 28`} preserveAspectRatio="none" role="img" aria-label=${label}>
    <polyline points=${points} vector-effect="non-scaling-stroke" /></svg>`;
}
