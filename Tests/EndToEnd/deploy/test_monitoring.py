"""deploy/prometheus and deploy/grafana: what they ask for is what a gateway's /metrics has."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from harness import REPOSITORY, Gateway, create_key, webhooks

PROMETHEUS = REPOSITORY / "deploy/prometheus"
RULES = yaml.safe_load((PROMETHEUS / "alerts.yaml").read_text())["groups"][0]["rules"]
RULE_TESTS = yaml.safe_load((PROMETHEUS / "alerts.test.yaml").read_text())["tests"]
DASHBOARD = json.loads((REPOSITORY / "deploy/grafana/dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]

METRIC = re.compile(r"\b((?:gateway|process)_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
# Labels that Prometheus adds, and those whose values come with what callers do.
NOT_OURS = {"job", "instance"}
OF_CALLERS = {"route", "status", "code", "le"}


@pytest.fixture(scope="module")
def metrics(broker, exchange, tmp_path_factory):
    """What a gateway says with which everything that is counted by a name has happened once: each sample's name and labels."""
    config = tmp_path_factory.mktemp("monitoring") / "gateway.yaml"
    key = create_key("backend", "*", expires="2040-01-01")
    hook = {"name": "github", "scheme": "github", "secrets": ["s"], "event": "e", "rooms": ["r"]}
    config.write_text(f"keys:\n{key.entry}hooks: [{json.dumps(hook)}]\n")
    with Gateway(broker.url, config=config, python_socketio_exchange=exchange) as gateway:
        assert gateway.post({"event": "e"}, key.header).status == 200
        headers = {**webhooks.github("s", b"{}"), "Content-Type": "application/json"}
        assert gateway.request("POST", "/v1/hooks/github", b"{}", headers).status == 200
        text = gateway.get("/metrics").body.decode()
    lines = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    return [(line.partition("{")[0], dict(re.findall(r'(\w+)="([^"]*)"', line))) for line in lines]


def named(expression):
    """The metrics in the expression, each with its matchers as (label, operator, value)."""
    return [(name, MATCHER.findall(matchers)) for name, matchers in METRIC.findall(expression)]


def complaints(expression, metrics):
    for name, matchers in named(expression):
        labels = [labels for known, labels in metrics if known == name]
        if not labels:
            yield f"no metric {name}"
            continue
        for label, _, value in matchers:
            values = {each[label] for each in labels if label in each}
            if label in NOT_OURS:
                continue
            if not values:
                yield f"{name} has no label {label}"
            elif label not in OF_CALLERS and not set(value.split("|")) <= values:
                yield f"{name} has no {label} {value}, but {sorted(values)}"
        # What is grouped by must be there, too; a metric may stand for others' labels.
    grouped = {label for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression) for label in re.split(r", *", group)}
    known = {label for name, _ in named(expression) for each, labels in metrics if each == name for label in labels}
    yield from (f"no label {label} to group by" for label in grouped - known - NOT_OURS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_there_is(rule, metrics):
    assert named(rule["expr"]) or rule["expr"] == 'up{job="socketio-gateway"} == 0'
    assert list(complaints(rule["expr"], metrics)) == []


def test_the_dashboard_asks_for_what_there_is(metrics):
    assert [complaint for query in QUERIES for complaint in complaints(query, metrics)] == []
    for panel in PANELS:
        for target in panel["targets"]:
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            names = {name for name, _ in named(target["expr"])}
            known = {label for name, labels in metrics if name in names for label in labels}
            assert shown <= known | NOT_OURS, panel["title"]


def test_the_dashboard_shows_every_metric(metrics):
    shown = {name for query in QUERIES for name, _ in named(query)}
    assert {name for name, _ in metrics} - shown == set()


def test_what_does_not_exist_is_found(metrics):
    for expression, complaint in [
        ("gateway_emit_total > 0", "no metric gateway_emit_total"),
        ('gateway_broker_connections{status="ready"}', "gateway_broker_connections has no label status"),
        ("sum by (job, loop) (gateway_info)", "no label loop to group by"),
    ]:
        assert list(complaints(expression, metrics)) == [complaint]
    assert "no state lost" in next(complaints('gateway_broker_connections{state="lost"}', metrics))


def test_panels_are_apart_and_have_their_own_numbers():
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells


def promtool(*words):
    found = shutil.which("promtool") or REPOSITORY / ".cache/promtool"
    assert Path(found).exists(), "run scripts/setup.sh run"
    return subprocess.run([found, *words], capture_output=True, text=True, timeout=60)


def test_the_rules_are_valid_and_do_what_their_tests_say():
    for words in (["check", "rules", PROMETHEUS / "alerts.yaml"], ["test", "rules", PROMETHEUS / "alerts.test.yaml"]):
        run = promtool(*words)
        assert run.returncode == 0, run.stdout + run.stderr


def test_prometheus_understands_the_dashboards_queries(tmp_path):
    queries = [re.sub(r"\$__rate_interval", "5m", query) for query in QUERIES]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    run = promtool("check", "rules", tmp_path / "rules.yaml")
    assert run.returncode == 0, run.stdout + run.stderr


def firing():
    """The labels of every alert that fires in alerts.test.yaml."""
    samples = [sample["labels"] for test in RULE_TESTS for query in test["promql_expr_test"] for sample in query["exp_samples"]]
    return [dict(re.findall(r'(\w+)="([^"]*)"', labels)) for labels in samples]


def test_every_alert_is_seen_firing_and_says_what_to_do():
    assert {rule["alert"] for rule in RULES} == {labels["alertname"] for labels in firing()}
    for rule in RULES:
        assert rule["labels"]["severity"] in ("critical", "warning")
        text = rule["annotations"]["summary"] + rule["annotations"]["runbook"]
        assert rule["annotations"]["runbook"].endswith((".", ".)"))
        for labels in firing():
            if labels["alertname"] == rule["alert"]:
                assert set(re.findall(r"\$labels\.(\w+)", text)) <= set(labels), rule["alert"]
