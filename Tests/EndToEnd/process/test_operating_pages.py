"""The pages of docs/operating that have no proxy: what they show is run, and what they claim holds."""

import json
import os
import re
import shlex
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
import yaml

from harness import REPOSITORY, Gateway, binary, create_key, hook_entry, run_command, webhooks
from harness.hooks import SECRET
from harness.page_proxies import adapted
from harness.pages import block, blocks, page
from harness.patience import until

SYSTEMD, KUBERNETES, ROTATION, REPLICAS = (
    page(f"docs/operating/{name}.md") for name in ("systemd", "kubernetes", "key-rotation", "replicas")
)
EVENT = {"event": "e"}
STOP = 9  # seconds that a stop may take: shutdown.delay and shutdown.timeout


# systemd


def unit():
    """Lists of values by name, of the whole unit."""
    found = {}
    for line in block(SYSTEMD, "ini").splitlines():
        name, is_setting, value = line.partition("=")
        if is_setting:
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
def test_systemd_has_nothing_to_say_against_the_unit(tmp_path):
    path = tmp_path / "socketio-gateway.service"
    path.write_text(adapted(block(SYSTEMD, "ini"), {"/usr/local/bin/socketio-gateway": binary()}))
    verify = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, timeout=60)
    said = [line for line in verify.stderr.splitlines() if str(path) in line or "socketio-gateway" in line]
    assert (verify.returncode, said) == (0, [])
    security = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", path], capture_output=True, text=True, timeout=60
    )
    assert float(re.search(r"exposure level for \S+ ([\d.]+)", security.stdout)[1]) <= 1.5, security.stdout


def test_the_unit_starts_a_gateway_that_reloads_and_stops_as_the_page_says(broker, tmp_path):
    settings = unit()
    key = create_key("backend", "emit")
    config, credential = tmp_path / "gateway.yaml", tmp_path / "amqp-url"
    config.write_text(adapted(block(SYSTEMD, "yaml"), {"…": key.sha256, '":8080"': '"127.0.0.1:0"'}))
    credential.write_text(broker.url)
    assert settings["LoadCredential"] == ["amqp-url:/etc/socketio-gateway/amqp-url"]
    ((name, value),) = [setting.split("=") for setting in settings["Environment"]]
    (start,) = settings["ExecStart"]
    program, *words = shlex.split(adapted(start, {"/etc/socketio-gateway/gateway.yaml": config}))
    assert (program, words[0]) == ("/usr/local/bin/socketio-gateway", "serve")
    variables = {name.removeprefix("GATEWAY_").lower(): value.replace("%d", str(tmp_path))}
    environment = dict.fromkeys(["wire_format", "http_address", "shutdown_delay", "allow_anonymous"])
    with Gateway(None, *words[1:], **{**environment, **variables}) as gateway:
        assert gateway.post(EVENT, key.header).status == 200
        config.write_text(config.read_text().replace("scopes: [emit]", "scopes: [rooms:read]"))
        assert settings["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
        subprocess.run(["/bin/kill", "-HUP", str(gateway.pid)], check=True)
        until(lambda: gateway.post(EVENT, key.header).status == 403, "the reload")
        began = time.monotonic()
        gateway.stop()
        assert time.monotonic() - began < STOP < int(settings["TimeoutStopSec"][0])


def test_a_configuration_that_is_not_valid_ends_with_the_status_that_the_unit_knows(tmp_path):
    (tmp_path / "gateway.yaml").write_text("nothing: 1\n")
    assert run_command("serve", "--config", tmp_path / "gateway.yaml")[0] == int(unit()["RestartPreventExitStatus"][0])


def test_the_unit_lets_it_have_as_many_connections_as_it_takes(broker):
    default = int(re.search(r"`--max-connections` \| `(\d+)`", page("docs/configuration.md"))[1])
    assert default < int(unit()["LimitNOFILE"][0])


# Kubernetes


def manifests():
    return {manifest["kind"]: manifest for manifest in yaml.safe_load_all(block(KUBERNETES, "yaml"))}


def test_the_manifests_are_valid(tmp_path):
    program = REPOSITORY / ".cache" / "kubernetes-validate" / "bin" / "kubernetes-validate"
    if not program.exists():
        pytest.skip("kubernetes-validate is not there: scripts/setup.sh kubernetes")
    (tmp_path / "gateway.yaml").write_text(block(KUBERNETES, "yaml"))
    run = subprocess.run([program, "--strict", tmp_path / "gateway.yaml"], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_pod_starts_a_gateway_and_its_probes_and_its_end_fit(broker, tmp_path):
    """With the ConfigMap and the Secret in folders here."""
    found = manifests()
    pod = found["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts.keys() == {volume["name"] for volume in pod["volumes"]} == {"config", "secrets"}
    folders = {path: tmp_path / name for name, path in mounts.items()}
    for folder in folders.values():
        folder.mkdir()
    text = found["ConfigMap"]["data"]["gateway.yaml"]
    for path, folder in folders.items():
        text = text.replace(path, str(folder))
    (tmp_path / "config" / "gateway.yaml").write_text(text)
    create = block(KUBERNETES, "sh")
    names = re.findall(r"--from-literal=([\w-]+)=", create)
    assert names == ["amqp-url", "api-key"]
    for name, secret in zip(names, (broker.url, "k" * 32), strict=True):
        (tmp_path / "secrets" / name).write_text(secret)

    _, *words = [word.replace(mounts["config"], str(tmp_path / "config")) for word in container["args"]]
    # The image has the address: Dockerfile.
    ours = dict.fromkeys(["wire_format", "shutdown_delay", "allow_anonymous"])
    with Gateway(None, *words, **ours) as gateway:
        assert gateway.post(EVENT, {"Authorization": f"Bearer {'k' * 32}"}).status == 200
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert gateway.get(container[probe]["httpGet"]["path"]).status == 200
    assert pod["terminationGracePeriodSeconds"] > STOP
    assert found["Service"]["spec"]["selector"] == found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert "GATEWAY_HTTP_ADDRESS=0.0.0.0:8080" in (REPOSITORY / "Dockerfile").read_text()
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]


# Changing keys


def rotation_entry(hashes):
    """The page's entry, with these hashes in its list, and what an operator needs."""
    (text,) = [found for found in re.findall(r"```yaml\n(.*?)```", ROTATION, re.DOTALL) if "NEW" in found]
    return adapted(re.sub("^   ", "", text, flags=re.MULTILINE), {"[NEW, OLD]": hashes})


def test_a_key_is_changed_as_the_page_says_and_no_request_fails(broker, exchange, tmp_path):
    assert block(ROTATION, "sh", "socketio-gateway keys") == "socketio-gateway keys create --name backend --scopes emit\n"
    old, new = (create_key("backend", "emit") for _ in range(2))
    operator = create_key("operator", "config:read")
    config = tmp_path / "gateway.yaml"

    def save(hashes):
        draft = tmp_path / "draft"
        draft.write_text(rotation_entry(hashes) + operator.entry + "\n")
        draft.rename(config)

    save(old.sha256)
    with Gateway(broker.url, config=config, python_socketio_exchange=exchange, allow_anonymous=None) as gateway:
        reloads = lambda: sum(line["message"] == "configuration reloaded" for line in gateway.log())  # noqa: E731
        clients = [Client(gateway, old.header) for _ in range(4)]
        try:
            save(f"[{new.sha256}, {old.sha256}]")
            until(lambda: reloads() == 1, "the reload")
            # A request that was sent with the old key can be sent again with the new one.
            again = [gateway.post(EVENT, {**key.header, "Idempotency-Key": "k"}) for key in (old, new)]
            assert again[0].body == again[1].body and again[1].headers["Idempotent-Replayed"] == "true"
            for client in clients:
                client.use(new.header)
            times = last_uses(gateway, operator)
            assert len(times) == 2 and all(times)
            time.sleep(2.1)  # times are in seconds
            later = last_uses(gateway, operator)
            assert later[0] > times[0] and later[1] <= time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1.5))
            save(new.sha256)
            until(lambda: reloads() == 2, "the reload")
            assert gateway.post(EVENT, old.header).status == 401
        finally:
            counts = [client.stop() for client in clients]
        assert [client.failures for client in clients] == [[]] * 4 and min(counts) > 20


class Client:
    """Emits with a key until it is stopped."""

    def __init__(self, gateway, header):
        self.failures = []
        self._header, self._count = header, 0
        self._gateway = gateway
        self._stopped = threading.Event()
        self._turn = threading.Condition()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def use(self, header):
        """Returns when no request with the key before is under way."""
        with self._turn:
            self._header = header

    def stop(self):
        self._stopped.set()
        self._thread.join()
        return self._count

    def _run(self):
        while not self._stopped.is_set():
            with self._turn:
                response = self._gateway.post(EVENT, self._header)
            if response.status != 200:
                self.failures.append((response.status, response.body))
            self._count += 1
            time.sleep(0.005)


def last_uses(gateway, operator):
    """As the page asks for them."""
    (command,) = re.findall(r"^ +(curl .*/v1/config)$", ROTATION, re.MULTILINE)
    command = adapted(command, {"http://10.0.0.11:8080": "http://{}:{}".format(*gateway.address)})
    environment = {**os.environ, "OPERATORS_KEY": operator.key}
    answer = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=True, timeout=60)
    (key,) = [key for key in json.loads(answer.stdout)["keys"] if key["name"] == "backend"]
    return key["lastUseByHash"]


def test_the_hash_of_a_single_key_opens_too(broker, tmp_path):
    line = block(ROTATION, "sh", "printf")
    folder = Path(binary()).parent
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "GATEWAY_API_KEY": "the single one"}
    run = subprocess.run(["sh", "-c", line], env=environment, capture_output=True, text=True, check=True, timeout=60)
    config = tmp_path / "gateway.yaml"
    config.write_text(f"keys: [{{name: single, sha256: {run.stdout.split()[-1]}, scopes: ['*']}}]\n")
    with Gateway(broker.url, config=config, allow_anonymous=None) as gateway:
        assert gateway.post(EVENT, {"Authorization": "Bearer the single one"}).status == 200


# Several gateways


def test_what_gateways_do_not_share(broker, exchange, witness, tmp_path):
    """The rows of replicas.md: keys, deliveries, rates."""
    key = create_key("backend", "emit")
    entry = adapted(block(REPLICAS, "yaml"), {"…": key.sha256, "300/s": "9/h"})
    config = tmp_path / "gateway.yaml"
    config.write_text(entry + "hooks:\n  - " + json.dumps(hook_entry("github", rooms=["r"], event="hook")) + "\n")
    first, second = (
        Gateway(broker.url, config=config, python_socketio_exchange=exchange, allow_anonymous=None) for _ in range(2)
    )
    with first, second:
        for gateway in (first, second):
            answers = [gateway.post(EVENT, {**key.header, "Idempotency-Key": "one"}) for _ in range(4)]
            assert [answer.status for answer in answers] == [200, 200, 200, 429]
            assert answers[1].headers["Idempotent-Replayed"] == "true"
        assert len(witness.take(2)) == 2
        for gateway in (first, second):
            statuses = []
            for _ in range(2):
                headers = {"Content-Type": "application/json", **webhooks.github(SECRET, b"{}", "the-id")}
                statuses.append(gateway.request("POST", "/v1/hooks/github", b"{}", headers).json["status"])
            assert statuses == ["confirmed", "duplicate"]
        assert len(witness.take(2)) == 2


def test_every_page_is_in_the_overview_and_has_an_example():
    overview = page("docs/operating.md")
    for path in sorted((REPOSITORY / "docs" / "operating").glob("*.md")):
        assert f"(operating/{path.name})" in overview
        assert re.search(r"^ *```", path.read_text(), re.MULTILINE) or blocks(path.read_text(), "sh") or path.name == "logs-and-metrics.md"
