// Overview: whether the gateway can deliver, who is there to take it, and how much goes through it.

import { html, useEffect, useState } from "./vendor/preact-10.27.2-htm-3.1.1.min.js";
import { call, hasScope, Problem, question, repeat, text } from "./api.js";
import { counted, duration, Incomplete, link, Name, NameList, Needs, Notice, number, ProblemNotice, Scoped, Sparkline } from "./parts.js";

const GAP = 5000; // milliseconds
const KEPT = 60; // points of a sparkline: five minutes
const PROBES = ["/metrics", "/readyz", "/livez"]; // balancers, Prometheus and this page

const REASONS = {
  no_exchange: "the servers' exchange does not exist",
  no_server: "no server listens",
  no_member: "the rooms were empty",
  no_namespace: "no server has the namespace",
};

/** Rates over time, kept as long as the page is. */
const history = { before: null, points: [] };

export function Overview({ me }) {
  const [metrics, setMetrics] = useState({ now: history.before, problem: null });
  const [readiness, setReadiness] = useState(null);
  useEffect(() => repeat(GAP, async () => {
    const [measured, ready] = await Promise.allSettled([text("../metrics"), call("GET", "../readyz")]);
    if (measured.status === "fulfilled") {
      const now = readMetrics(measured.value);
      remember(now);
      setMetrics({ now, problem: null });
    } else {
      setMetrics((old) => ({ ...old, problem: measured.reason }));
    }
    setReadiness(ready.status === "fulfilled" ? { ...ready.value, problem: null } : { problem: ready.reason });
  }), []);

  const { now, problem } = metrics;
  return html`
    <h1>Overview</h1>
    <${Readiness} readiness=${readiness} metrics=${now} />
    <div class="actions">
      ${hasScope(me, "emit") && html`<a class="button primary" href=${link("send")}>Send an event</a>`}
      ${hasScope(me, "rooms:read") && html`<a class="button" href=${link("rooms")}>See who is connected</a>`}
      <a class="button" href=${link("tail")}>Watch what goes through</a>
    </div>
    ${now && html`<${Facts} metrics=${now} />`}
    <${Servers} me=${me} />
    <section>
      <h2>Rates</h2>
      ${problem && (hasScope(me, "metrics") ? html`<${MetricsProblem} problem=${problem} />` : html`<${Needs} me=${me} scope="metrics" what="Rates: here it" />`)}
      ${now && html`<${Rates} metrics=${now} />`}
    </section>`;
}

const MetricsProblem = ({ problem }) =>
  problem.status === 404
    ? html`<${Notice}>This gateway has its metrics at another address (<code>http.adminAddress</code>).<//>`
    : html`<${ProblemNotice} problem=${problem} />`;

// ---- Can it deliver? -----------------------------------------------------------------------------------------------

function Readiness({ readiness, metrics }) {
  if (readiness === null) return html`<p class="quiet">…</p>`;
  const states = metrics?.byLabel("gateway_broker_connections", "state") ?? {};
  const loops = Object.values(states).reduce((sum, count) => sum + count, 0);
  const notReady = Object.entries(states).filter(([state, count]) => state !== "ready" && count > 0);
  const each = loops > 0 && html`<span class="quiet">${" "}${number(states.ready ?? 0)} of ${counted(loops, "loop")} ready${
    notReady.map(([state, count]) => `, ${number(count)} ${state}`)}</span>`;
  if (readiness.problem instanceof Problem) {
    return html`<${Notice} kind="bad"><strong>Not ready: ${readiness.problem.message}</strong> ${each}
      ${readiness.problem.code === "broker_unavailable" && html`<p>Does RabbitMQ run, and may this gateway log in? The gateway's log says what RabbitMQ answered.</p>`}<//>`;
  }
  return html`<${Notice} kind=${notReady.length > 0 ? "warn" : "good"}><strong>Ready to deliver</strong>${
    readiness.brokers && html`${" "}by RabbitMQ at <${NameList} of=${readiness.brokers} />`}${each}<//>`;
}

function Facts({ metrics }) {
  const info = metrics.labels("gateway_info");
  const started = metrics.sum("process_start_time_seconds");
  const facts = {
    Version: info.version,
    "Up for": started > 0 && duration(Date.now() / 1000 - started),
    "Wire format": info.wire_format,
    Memory: metrics.sum("process_resident_memory_bytes") > 0 && `${number(Math.round(metrics.sum("process_resident_memory_bytes") / 2 ** 20))} MiB`,
    Connections: number(metrics.sum("gateway_http_connections")),
    "Under way": number(metrics.sum("gateway_http_requests_in_flight")),
  };
  return html`<dl class="facts">
    ${Object.entries(facts).map(([name, value]) => value && html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

// ---- Who is there? -------------------------------------------------------------------------------------------------

function Servers({ me }) {
  const [list, setList] = useState({ servers: null, problem: null });
  const mayRead = hasScope(me, "servers:read");
  useEffect(() => mayRead ? repeat(GAP, async () => {
    try {
      setList({ servers: (await call("GET", "../v1/servers")).servers, problem: null });
    } catch (problem) {
      setList({ servers: null, problem });
    }
  }) : undefined, [mayRead]);
  const namespaces = [...new Set((list.servers ?? []).flatMap((server) => server.namespaces))].sort();
  return html`<section>
    <h2>Servers</h2>
    <${Scoped} me=${me} scope="servers:read" what="The list of servers">
      <${ProblemNotice} problem=${list.problem} />
      ${list.servers?.length === 0 && html`<${Notice} kind="warn"><strong>No server answers.</strong>${" "}
        Events may reach servers all the same, but nobody can say which rooms and sockets there are: for that they need
        the companion of their kind, or the Node adapter.<//>`}
      ${list.servers?.length > 0 && html`
        <${Counts} me=${me} namespaces=${namespaces} />
        <div class="wide"><table>
          <thead><tr><th>Server</th><th>Namespaces</th><th>Adapter</th><th>Rooms</th><th>Answers</th><th class="right">Heard of</th></tr></thead>
          <tbody>${list.servers.map((server) => html`<tr key=${server.uid}>
            <td><${Name} of=${server.uid} /></td>
            <td><${NameList} of=${server.namespaces} none="none" /></td>
            <td>${server.adapter ? html`<${Name} of=${server.adapter} />` : html`<span class="quiet">not said</span>`}</td>
            <td>${server.subscriptionMode === "dynamic" ? "room by room" : "all in one"}</td>
            <td><${NameList} of=${server.features ?? []} none=${html`<span class="quiet">early companion</span>`} /></td>
            <td class="right">${duration(server.lastSeenMs / 1000)} ago</td>
          </tr>`)}</tbody>
        </table></div>`}
    <//>
  </section>`;
}

/** How many sockets each namespace has: one is asked about after the other. */
function Counts({ me, namespaces }) {
  const [counts, setCounts] = useState({});
  const mayRead = hasScope(me, "rooms:read");
  const wanted = namespaces.join("\n");
  useEffect(() => {
    if (!mayRead || wanted === "") return undefined;
    let next = 0;
    return repeat(100, async (isWanted) => {
      const namespace = namespaces[next++ % namespaces.length];
      let answer;
      try {
        answer = await question(isWanted, () => call("GET", `../v1/counts?${new URLSearchParams({ namespace })}`));
      } catch (problem) {
        answer = { problem };
      }
      if (answer !== null && isWanted()) setCounts((old) => ({ ...old, [namespace]: answer }));
    });
  }, [mayRead, wanted]);
  if (!mayRead) return null;
  return html`<p class="counts">${namespaces.map((namespace) => html`<a key=${namespace} href=${link("rooms", { namespace })}>
      <${Name} of=${namespace} />${" "}<strong>${said(counts[namespace])}</strong></a>`)}</p>
    ${Object.values(counts).map((answer) => html`<${Incomplete} answer=${answer} />`)}`;
}
function said(answer) {
  if (!answer) return "…";
  if (answer.problem) return answer.problem.code;
  return answer.sockets === null ? "not for this key" : counted(answer.sockets, "socket");
}

// ---- How much goes through it? -------------------------------------------------------------------------------------

/** What is counted up, by the name that the page has for it. */
const COUNTERS = {
  "Requests": (metrics) => metrics.sum("gateway_http_requests_total", ({ route }) => !PROBES.includes(route)),
  "Published": (metrics) => metrics.sum("gateway_publications_total", ({ outcome }) => outcome !== "failed"),
  "Nobody there": (metrics) => metrics.sum("gateway_emits_unrouted_total"),
  "Refused or failed": (metrics) => metrics.sum("gateway_http_requests_total", ({ route, status }) => !PROBES.includes(route) && status >= "400"),
  "Webhooks": (metrics) => metrics.sum("gateway_hook_deliveries_total") + metrics.sum("gateway_cloudevents_total"),
  "Questions to servers": (metrics) => metrics.sum("gateway_cluster_questions_total"),
};

function remember(now) {
  const { before, points } = history;
  const seconds = before && (now.at - before.at) / 1000;
  history.before = now;
  if (!before || seconds < 1) return;
  const rates = {};
  for (const [name, read] of Object.entries(COUNTERS)) {
    // A gateway that has started again counts from 0.
    rates[name] = Math.max(0, read(now) - read(before)) / seconds;
  }
  points.push(rates);
  if (points.length > KEPT) points.shift();
}

function Rates({ metrics }) {
  const last = history.points.at(-1);
  const unrouted = Object.entries(metrics.byLabel("gateway_emits_unrouted_total", "reason")).filter(([, count]) => count > 0);
  return html`
    <div class="rates">${Object.entries(COUNTERS).map(([name, read]) => html`<div class="rate" key=${name}>
      <span class="what">${name}</span>
      <span class="value">${last ? perSecond(last[name]) : "…"}<small>/s</small></span>
      <${Sparkline} values=${history.points.map((rates) => rates[name])} label=${`${name}, last five minutes`} />
      <span class="quiet">${number(read(metrics))} in all</span>
    </div>`)}</div>
    ${unrouted.length > 0 && html`<p class="quiet">Nobody there since the start:${" "}
      ${unrouted.map(([reason, count], index) => `${index > 0 ? "; " : ""}${counted(count, "time")} ${REASONS[reason] ?? reason}`)}.</p>`}`;
}
const perSecond = (rate) => (rate >= 100 ? number(Math.round(rate)) : rate >= 0.05 || rate === 0 ? rate.toFixed(1) : "<0.1");

// ---- The text of /metrics ------------------------------------------------------------------------------------------

function readMetrics(exposition) {
  const samples = new Map(); // by name: [labels, value]
  for (const line of exposition.split("\n")) {
    const found = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!found || found[1].endsWith("_bucket")) continue;
    const labels = {};
    for (const [, name, value] of (found[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[name] = value;
    if (!samples.has(found[1])) samples.set(found[1], []);
    samples.get(found[1]).push([labels, Number(found[3])]);
  }
  const of = (name) => samples.get(name) ?? [];
  return {
    at: performance.now(),
    labels: (name) => of(name)[0]?.[0] ?? {},
    sum: (name, fits = () => true) => of(name).reduce((sum, [labels, value]) => sum + (fits(labels) ? value : 0), 0),
    byLabel: (name, label) => Object.fromEntries(of(name).map(([labels, value]) => [labels[label], value])),
  };
}
