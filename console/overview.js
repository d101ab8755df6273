// Overview: whether the gateway can deliver, who is there to take it, and how much goes through it.

import { get, getText, outcomeOf, repeat } from "./api.js";
import { counted, duration, html, link, list, Notice, number, pairs, safe, scoped, table, trouble, useEffect, useState } from "./parts.js";

const GAP = 5000; // milliseconds
const KEPT = 60; // points of a line: five minutes

/** `value` or `problem` of `ask`, again and again. */
function usePulled(ask) {
  const [state, setState] = useState({});
  useEffect(() => repeat(GAP, async () => setState(await outcomeOf(ask))), []);
  return state;
}

export function Overview() {
  const { value: metrics, problem } = usePulled(async () => measure(await getText("metrics")));
  return html`<h1>Overview</h1>
    <${Readiness} metrics=${metrics} />
    ${metrics && pairs({
      Version: metrics.labels("gateway_info").version,
      "Wire format": metrics.labels("gateway_info").wire_format,
      "Up for": duration(Date.now() / 1000 - metrics.sum("process_start_time_seconds")),
      Memory: `${number(Math.round(metrics.sum("process_resident_memory_bytes") / 2 ** 20))} MiB`,
    }, "facts")}
    <h2>Servers</h2>
    ${scoped("servers:read", "The list of servers", html`<${Servers} />`)}
    <h2>Rates</h2>
    ${metrics ? html`<${Rates} metrics=${metrics} />` : problem?.status === 404 ? html`<${Notice}>The metrics are at <code>http.adminAddress</code>.<//>`
      : scoped("metrics", "What is measured", trouble(problem))}`;
}

function Readiness({ metrics }) {
  const { value, problem } = usePulled(() => get("readyz"));
  const states = Object.entries(metrics?.by("gateway_broker_connections", "state") ?? {}).filter(([, count]) => count > 0);
  const loops = html`<span class="quiet">${states.map(([state, count]) => `${counted(count, "loop")} ${state}`).join(", ")}</span>`;
  return value ? html`<${Notice} kind=${states.length > 1 ? "warn" : "good"}><strong>Ready to deliver</strong>
    ${value.brokers && html` by RabbitMQ at ${list(value.brokers)}`} ${loops}<//>` : html`${trouble(problem)}${loops}`;
}

// Who is there to take it

function Servers() {
  const { value, problem } = usePulled(() => get("v1/servers"));
  if (!value) return trouble(problem);
  return value.servers.length === 0 ? html`<${Notice} kind="warn"><strong>No server answers.</strong> Events may reach servers all the same; to say
    who is there, they need the Node adapter, or the companion of their kind.<//>`
    : table(["Server", "Namespaces", "Adapter", "Can answer", "Heard of"], value.servers.map(({ uid, namespaces, adapter, features, lastSeenMs }) => [
      uid, safe(uid), namespaces.map((namespace) => html`<a class="chip" href=${link("rooms", { namespace })}>${safe(namespace)}</a>`),
      safe(adapter ?? "companion"), list(features ?? []), `${duration(lastSeenMs / 1000)} ago`,
    ]));
}

// How much goes through it

const isCall = ({ route }) => !["/metrics", "/readyz", "/livez"].includes(route);
const COUNTERS = {
  Requests: (metrics) => metrics.sum("gateway_http_requests_total", isCall),
  Published: (metrics) => metrics.sum("gateway_publications_total", ({ outcome }) => outcome !== "failed"),
  "Nobody there": (metrics) => metrics.sum("gateway_emits_unrouted_total"),
  "Refused, failed": (metrics) => metrics.sum("gateway_http_requests_total", (labels) => isCall(labels) && labels.status >= "400"),
  Webhooks: (metrics) => metrics.sum("gateway_hook_deliveries_total") + metrics.sum("gateway_cloudevents_total"),
};

const Rates = ({ metrics }) => html`<div class="rates">${Object.entries(COUNTERS).map(([name, total]) => html`<div class="card">
  <strong>${measured.rates.at(-1)?.[name].toFixed(1) ?? "…"}/s</strong>${name}
  <${Sparkline} values=${measured.rates.map((rates) => rates[name])} label=${`${name} in the last five minutes`} />
  <span class="quiet">${number(total(metrics))} in all</span></div>`)}</div>`;

/** The values as a line, from 0 to the largest. */
function Sparkline({ values, label }) {
  const most = Math.max(...values, 1e-9);
  const points = values.map((value, index) => `${index},${(27 - (value / most) * 26).toFixed(1)}`).join(" ");
  return html`<svg viewBox=${`0 0 ${KEPT - 1} 28`} preserveAspectRatio="none" role="img" aria-label=${label}>
    <polyline points=${points} vector-effect="non-scaling-stroke" /></svg>`;
}

/** As long as the page is open. */
const measured = { last: null, rates: [] };

/** Reads the text of /metrics, and notes the rates since the last. */
function measure(exposition) {
  const samples = {}; // by name: labels and value
  for (const [, name, labels = "", value] of exposition.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)) {
    const read = Object.fromEntries([...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map((found) => found.slice(1)));
    (samples[name] ??= []).push([read, Number(value)]);
  }
  const of = (name) => samples[name] ?? [];
  const metrics = {
    at: performance.now() / 1000,
    labels: (name) => of(name)[0]?.[0] ?? {},
    by: (name, label) => Object.fromEntries(of(name).map(([labels, value]) => [labels[label], value])),
    sum: (name, fits = () => true) => of(name).reduce((sum, [labels, value]) => sum + (fits(labels) ? value : 0), 0),
  };
  const { last, rates } = measured;
  if (last) {
    // A gateway that has started again counts from 0.
    const rate = (total) => Math.max(0, total(metrics) - total(last)) / (metrics.at - last.at);
    rates.push(Object.fromEntries(Object.entries(COUNTERS).map(([name, total]) => [name, rate(total)])));
    if (rates.length > KEPT) rates.shift();
  }
  measured.last = metrics;
  return metrics;
}
