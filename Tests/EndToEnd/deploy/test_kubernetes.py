"""deploy/kubernetes: what kustomize makes of it is valid, and fits the gateway."""

import json
import os
import re
import shutil
import subprocess
from functools import cache

import pytest
import yaml

from harness import REPOSITORY, Gateway, create_key, run_command
from harness.patience import until

KUBERNETES = REPOSITORY / "deploy/kubernetes"
COMPONENTS = sorted(path.name for path in (KUBERNETES / "components").iterdir())
WHOLE = ["base", "overlays/example"]
# The Prometheus operator's own, of which kubernetes-validate knows nothing.
OPERATORS = {"ServiceMonitor"}
OLDEST = (1, 21)  # its kustomize is the first with components


def kubectl():
    found = shutil.which("kubectl")
    assert found, "run scripts/setup.sh kubernetes"
    version = json.loads(subprocess.check_output([found, "version", "--client", "-o", "json"]))["clientVersion"]
    if (int(version["major"]), int(version["minor"].rstrip("+"))) < OLDEST:
        pytest.skip(f"kubectl {version['gitVersion']} is too old for components (Debian 12's is)")
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A function: the objects that kustomize makes of a folder, or of the base with one component."""

    @cache
    def build(name):
        folder = KUBERNETES / name
        if name in COMPONENTS:
            folder = tmp_path_factory.mktemp("overlay")
            up = os.path.relpath(KUBERNETES, folder)
            overlay = {"resources": [f"{up}/base"], "components": [f"{up}/components/{name}"]}
            (folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
        run = subprocess.run([kubectl(), "kustomize", folder], capture_output=True, text=True, timeout=60)
        assert (run.returncode, run.stderr) == (0, "")
        return list(yaml.safe_load_all(run.stdout))

    return build


def the(kind, objects, name="socketio-gateway"):
    (found,) = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def container(objects):
    (container,) = the("Deployment", objects)["spec"]["template"]["spec"]["containers"]
    return container


@pytest.mark.parametrize("version", ["1.25.0", "1.37.0"])
@pytest.mark.parametrize("name", WHOLE + COMPONENTS)
def test_kubernetes_takes_it(built, name, version, tmp_path):
    objects = built(name)
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all([each for each in objects if each["kind"] not in OPERATORS]))
    program = REPOSITORY / ".cache/kubernetes-validate/bin/kubernetes-validate"
    assert program.exists(), "run scripts/setup.sh kubernetes"
    words = [program, "--strict", "-k", version, tmp_path / "all.yaml"]
    run = subprocess.run(words, capture_output=True, text=True, timeout=60)
    text = run.stdout + run.stderr
    assert run.returncode == 0 and "WARN" not in text, text
    assert text.count("passed for resource") == len([each for each in objects if each["kind"] not in OPERATORS])


@pytest.fixture
def mounted(built, tmp_path):
    """A function: the ConfigMap and a Secret as the kubelet mounts them, below `tmp_path`; the path that the gateway is given."""

    def mount(name, amqp_url="amqp://127.0.0.1:1"):
        objects = built(name)
        (tmp_path / "config/..1").mkdir(parents=True)
        for file, text in the("ConfigMap", objects)["data"].items():
            (tmp_path / "config/..1" / file).write_text(text)
            (tmp_path / "config" / file).symlink_to(f"..data/{file}")
        (tmp_path / "config/..data").symlink_to("..1")
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets/amqp-url").write_text(amqp_url)
        (tmp_path / "secrets/api-key").write_text("only-for-this-test-0123456789")
        mounts = {each["name"]: each["mountPath"] for each in container(objects)["volumeMounts"]}
        assert not any("subPath" in each for each in container(objects)["volumeMounts"]), "it would never change"
        command, option, path = container(objects)["args"]
        assert (command, option) == ("serve", "--config")
        assert mounts["secrets"] == os.path.dirname(mounts["config"]) + "/secrets"
        return path.replace(os.path.dirname(mounts["config"]), str(tmp_path))

    return mount


@pytest.mark.parametrize("name", WHOLE)
def test_the_gateway_takes_its_file(mounted, name):
    status, output, complaint = run_command("config", "check", "--config", mounted(name))
    assert (status, complaint) == (0, "")
    assert "without a key" not in output and "anonymous" not in output


def settings(mounted, name):
    """All settings as `config print` shows them."""
    return yaml.safe_load(run_command("config", "print", "--config", mounted(name))[1])


def seconds(text):
    assert text.endswith("s")
    return float(text[:-1])


@pytest.mark.parametrize("name", WHOLE)
def test_there_is_time_for_the_shutdown_and_room_in_memory(built, mounted, name):
    found = settings(mounted, name)
    pod = the("Deployment", built(name))["spec"]["template"]["spec"]
    # Two seconds for the last call, and for the log.
    needed = seconds(found["shutdown"]["delay"]) + seconds(found["shutdown"]["timeout"]) + 2
    assert pod["terminationGracePeriodSeconds"] > needed
    readiness = container(built(name))["readinessProbe"]
    assert readiness["periodSeconds"] * readiness["failureThreshold"] < seconds(found["shutdown"]["delay"])

    limit = re.fullmatch(r"(\d+)Mi", container(built(name))["resources"]["limits"]["memory"])[1]
    http = found["http"]
    most = http["maxBufferedBytes"] + http["maxConnections"] * http["headBytes"] + found["idempotency"]["bytes"]
    assert int(limit) << 20 > most
    assert found["loops"] == int(container(built(name))["resources"]["requests"]["cpu"])
    assert http["address"].endswith(f":{container(built(name))['ports'][0]['containerPort']}")


def test_the_pod_may_do_nothing_but_serve(built):
    pod = the("Deployment", built("base"))["spec"]["template"]["spec"]
    user = (REPOSITORY / "Dockerfile").read_text().rpartition("\nUSER ")[2].split("\n")[0]
    assert f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" == user
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container(built("base"))["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert not any("optional" in str(volume) for volume in pod["volumes"]), "without the Secret it must not start"


@pytest.mark.parametrize("name", WHOLE + COMPONENTS)
def test_names_lead_to_each_other(built, name):
    objects = built(name)
    labels = the("Deployment", objects)["spec"]["template"]["metadata"]["labels"]
    ports = {port["name"] for port in container(objects)["ports"]}
    service = the("Service", objects)
    assert service["spec"]["selector"].items() <= labels.items()
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    assert the("PodDisruptionBudget", objects)["spec"]["selector"]["matchLabels"].items() <= labels.items()
    for each in objects:
        if each["kind"] == "NetworkPolicy":
            assert each["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
            assert {port["port"] for rule in each["spec"]["ingress"] for port in rule["ports"]} == ports
        if each["kind"] == "ServiceMonitor":
            assert each["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
            assert each["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
            # The alerts look for this job.
            assert service["metadata"]["labels"][each["spec"]["jobLabel"]] == "socketio-gateway"
        if each["kind"] == "Ingress":
            for path in each["spec"]["rules"][0]["http"]["paths"]:
                assert path["backend"]["service"] == {"name": service["metadata"]["name"], "port": {"name": "http"}}
                assert not any(inside.startswith(path["path"]) for inside in ("/metrics", "/livez", "/readyz"))
        if each["kind"] == "HorizontalPodAutoscaler":
            assert each["spec"]["scaleTargetRef"]["name"] == the("Deployment", objects)["metadata"]["name"]
            assert "replicas" not in the("Deployment", objects)["spec"], "each apply would set the number back"
            assert each["spec"]["minReplicas"] == the("Deployment", built("base"))["spec"]["replicas"] == 2


def test_the_image_is_of_this_version(built):
    _, version, _ = run_command("--version")
    assert container(built("base"))["image"] == f"socketio-gateway:{version.strip()}"


def test_bodies_and_answers_have_as_much_room_and_time_as_the_gateway_gives(built, mounted):
    notes = the("Ingress", built("ingress-nginx"))["metadata"]["annotations"]
    prefix = "nginx.ingress.kubernetes.io/"
    size = notes[prefix + "proxy-body-size"]
    assert size.endswith("m") and int(size[:-1]) << 20 > settings(mounted, "base")["limits"]["maxBatchBytes"]
    assert float(notes[prefix + "proxy-read-timeout"]) > 60
    text = (KUBERNETES / "components/ingress-nginx/ingress.yaml").read_text()
    # The variable is that of the map in the comment: the header by itself would lead all without it to one gateway.
    assert re.search(r'map \$http_idempotency_key (\S+) \{ "" \$request_id; default', text)[1] == notes[prefix + "upstream-hash-by"]


def test_a_new_file_is_taken_over_as_the_kubelet_brings_it(broker, mounted, tmp_path):
    path = mounted("base", broker.url)
    # Where to listen and how long to take for the end is said by variables.
    with Gateway(None, config=path, allow_anonymous=None) as gateway:
        secret = {"Authorization": "Bearer only-for-this-test-0123456789"}
        assert gateway.post({"event": "e"}, secret).status == 200
        key = create_key("backend", "emit")
        assert gateway.post({"event": "e"}, key.header).status == 401
        shutil.copytree(tmp_path / "config/..1", tmp_path / "config/..2")
        text = (tmp_path / "config/..2/gateway.yaml").read_text()
        (tmp_path / "config/..2/gateway.yaml").write_text(text.replace("keys: []", f"keys:\n{key.entry}"))
        (tmp_path / "config/..new").symlink_to("..2")
        os.rename(tmp_path / "config/..new", tmp_path / "config/..data")
        until(lambda: gateway.post({"event": "e"}, key.header).status == 200, "the new key works")
