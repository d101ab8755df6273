"""`socketio-gateway hooks test`: what a delivery would emit, or why not. No broker is needed."""

import hashlib
import hmac
import json
import subprocess

import pytest

from harness import binary

HOOKS = """
hooks:
  - name: github
    scheme: github
    secrets: ["s3cret"]
    event: "{header:X-GitHub-Event}"
    rooms: ["repo:{/repository/full_name}"]
    except: ["user:{/sender/id}"]
    args: ["{/ref}", {version: 1, text: "1"}, null, "to {/ref}"]
    when: [{value: "{header:X-GitHub-Event}", equals: push}]
    allow: {rooms: ["repo:*", "user:*"]}
  - {name: slack, scheme: slack, secrets: ["s"], event: "{/type}", rooms: [r]}
  - {name: meta, scheme: meta, secrets: ["s"], verifyToken: "v e", event: e, rooms: [r]}
  - {name: trello, scheme: trello, secrets: ["s"], callbackUrl: "https://a.example", event: e, rooms: [r]}
  - {name: token, scheme: token, header: X-Gitlab-Token, secrets: ["s", "t"], event: e, rooms: [r]}
  - {name: bytes, scheme: none, event: e, rooms: [broadcast]}
"""
PUSH = b'{"ref": "refs/heads/main", "repository": {"full_name": "o/r"}, "sender": {"id": 7}}\n'
SIGNATURE = "X-Hub-Signature-256: sha256=" + hmac.new(b"s3cret", PUSH, hashlib.sha256).hexdigest()
EVENT = "X-GitHub-Event: push"
EMIT = {
    "namespace": "/",
    "event": "push",
    "args": ["refs/heads/main", {"version": 1, "text": "1"}, None, "to refs/heads/main"],
    "rooms": ["repo:o/r"],
    "except": ["user:7"],
}


@pytest.fixture
def run(tmp_path):
    config = tmp_path / "gateway.yaml"
    config.write_text(HOOKS)

    def run(name, body=PUSH, *arguments, headers=()):
        options = [argument for header in headers for argument in ("--header", header)]
        command = [binary(), "hooks", "test", name, "--body", "-", "--config", str(config), *options, *arguments]
        return subprocess.run(command, input=body, capture_output=True, timeout=20)

    return run


def reasons(result):
    return [line.removeprefix("socketio-gateway: ") for line in result.stderr.decode().splitlines()]


def test_it_shows_what_would_be_emitted(run):
    result = run("github", headers=[EVENT, SIGNATURE, "x-github-delivery: 72d3162e"])
    assert (result.returncode, result.stderr) == (0, b"")
    assert json.loads(result.stdout) == {"deliveryId": "72d3162e", **EMIT}
    assert result.stdout.count(b"\n") == 1


def test_a_body_can_be_in_a_file(run, tmp_path):
    (tmp_path / "push.json").write_bytes(PUSH)
    result = run("github", b"", "--body", str(tmp_path / "push.json"), headers=[EVENT, SIGNATURE])
    assert json.loads(result.stdout) == EMIT
    assert run("github", b"", "--body", str(tmp_path / "absent")).returncode == 64


@pytest.mark.parametrize(
    "signature, reason",
    [
        (None, "there is no header x-hub-signature-256"),
        (SIGNATURE[:-1] + "x", "the header x-hub-signature-256 came twice, or is not what"),
        ("X-Hub-Signature-256: sha256=" + "0" * 64, "the signature is not of this body"),
    ],
)
def test_a_signature_must_fit(run, signature, reason):
    result = run("github", headers=[EVENT, *([signature] if signature else [])])
    assert result.returncode == 1
    assert reasons(result)[0].startswith(f"401: {reason}")
    assert b"s3cret" not in result.stderr


def test_it_may_be_left_out(run):
    assert json.loads(run("github", PUSH, "--unsigned", headers=[EVENT]).stdout) == EMIT


def test_a_recorded_delivery_is_tried_at_its_own_time(run):
    body = b'{"type":"x"}'
    code = hmac.new(b"s", b"v0:1700000000:" + body, hashlib.sha256).hexdigest()
    headers = ["X-Slack-Request-Timestamp: 1700000000", f"X-Slack-Signature: v0={code}"]
    assert run("slack", body, headers=headers).returncode == 1
    assert run("slack", body, "--at", "1700000300", headers=headers).returncode == 0
    assert run("slack", body, "--at", "1700000301", headers=headers).returncode == 1


def test_a_challenge_is_shown(run):
    result = run("slack", b'{"type":"url_verification","challenge":"abc"}', "--unsigned")
    assert (result.returncode, result.stdout) == (0, b'"abc"\n')


def test_an_answer_to_a_question_by_get_is_shown(run):
    def ask(name, query):
        result = run(name, b"", "--query", query)
        return result.returncode, result.stdout, reasons(result)

    assert ask("meta", "hub.mode=subscribe&hub.challenge=7&hub.verify_token=v%20e") == (0, b'"7"\n', [])
    wrong = ask("meta", "hub.mode=subscribe&hub.challenge=7&hub.verify_token=v")
    assert wrong == (1, b"", ["403: hub.verify_token in the query is not what the hook is configured with"])
    assert ask("meta", "") == (1, b"", ["403: there is no hub.verify_token in the query"])
    assert ask("trello", "") == (0, b'""\n', [])
    assert ask("github", "") == (1, b"", ["405: the senders of this hook ask nothing by GET"])


def sign(tmp_path, name, body, *arguments):
    command = [binary(), "hooks", "sign", name, "--body", "-", "--config", str(tmp_path / "gateway.yaml"), *arguments]
    return subprocess.run(command, input=body, capture_output=True, timeout=20)


@pytest.mark.parametrize("name", ["github", "slack", "meta", "trello", "token"])
def test_a_delivery_can_be_signed_here(run, tmp_path, name):
    body = b'{"type": "t", ' + PUSH[1:]
    signed = sign(tmp_path, name, body)
    assert (signed.returncode, signed.stderr) == (0, b"")
    headers = signed.stdout.decode().splitlines()
    accepted = run(name, body, headers=[EVENT, *headers])
    assert accepted.returncode == 0, accepted.stderr
    if name != "token":
        assert reasons(run(name, body + b" ", headers=[EVENT, *headers]))[0].startswith("401: the signature")


def test_a_signature_made_here_is_that_of_the_sender(run, tmp_path):
    assert sign(tmp_path, "github", PUSH).stdout.decode().lower() == SIGNATURE.lower() + "\n"
    body, code = b"{}", hmac.new(b"s", b"v0:1700000000:{}", hashlib.sha256).hexdigest()
    assert sign(tmp_path, "slack", body, "--at", "1700000000").stdout.decode().splitlines() == [
        "x-slack-request-timestamp: 1700000000", f"x-slack-signature: v0={code}"
    ]  # fmt: skip
    assert sign(tmp_path, "token", b"").stdout == b"x-gitlab-token: s\n"
    assert sign(tmp_path, "bytes", b"").stdout == b""
    assert sign(tmp_path, "githup", b"").returncode == 64
    assert sign(tmp_path, "github", b"", "--config", "/nonexistent").returncode == 64


def test_it_says_why_not(run):
    result = run("github", b'{"ref": 1.5}', "--unsigned", headers=[EVENT])
    assert result.returncode == 1
    assert "/rooms/0: {/repository/full_name} finds nothing" in reasons(result)
    assert "/except/0: {/sender/id} finds nothing" in reasons(result)
    assert not result.stdout
    assert run("github", b"{", "--unsigned", headers=[EVENT]).returncode == 1


def test_what_the_servers_cannot_do_is_refused(run):
    result = run("bytes", b"{}")
    assert result.returncode == 1
    assert "broadcast" in reasons(result)[0] + reasons(result)[1]


def test_what_meets_no_condition_is_ignored(run):
    result = run("github", PUSH, "--unsigned", headers=["X-GitHub-Event: issues"])
    assert (result.returncode, reasons(result)) == (
        3, ['ignored: when[0]: {header:X-GitHub-Event} is "issues", and must equal "push"']
    )  # fmt: skip
    result = run("github", PUSH, "--unsigned")
    assert (result.returncode, reasons(result)) == (
        3,
        ['ignored: when[0]: {header:X-GitHub-Event} finds nothing, and {header:X-GitHub-Event} must equal "push"'],
    )


def test_a_form_is_read_as_one(run):
    result = run(
        "github", b"payload=%7B%22ref%22%3A%22r%22%2C%22repository%22%3A%7B%22full_name%22%3A%22o%2Fr%22%7D"
        b"%2C%22sender%22%3A%7B%22id%22%3A7%7D%7D", "--unsigned",
        headers=[EVENT, "Content-Type: application/x-www-form-urlencoded"],
    )  # fmt: skip
    assert json.loads(result.stdout)["rooms"] == ["repo:o/r"]


def test_what_the_gateway_would_not_take_is_refused(run):
    assert "'text/plain'; send JSON" in reasons(run("github", PUSH, "--unsigned", headers=[EVENT, "Content-Type: text/plain"]))[0]
    assert run("github", PUSH, "--unsigned", headers=[EVENT, "Content-Type: a/json", "content-type: b/json"]).returncode == 1
    assert "bytes" in reasons(run("github", b" " * 1_200_000, "--unsigned", headers=[EVENT]))[0]


def test_a_delivery_may_have_no_body_at_all(run, tmp_path):
    config = tmp_path / "nightly.yaml"
    config.write_text("hooks: [{name: nightly, scheme: none, event: e, everyone: true, args: []}]")
    command = [binary(), "hooks", "test", "nightly", "--config", str(config)]
    result = subprocess.run(command, capture_output=True, timeout=20)
    assert json.loads(result.stdout) == {"namespace": "/", "event": "e", "args": []}
    assert b"there is no configuration file" in subprocess.run(command[:4], capture_output=True, timeout=20).stderr


def test_an_unknown_hook_is_an_error_with_a_suggestion(run):
    result = run("githup")
    assert result.returncode == 64
    assert b"did you mean 'github'?" in result.stderr
    assert run("github", PUSH, headers=["no colon"]).returncode == 64
