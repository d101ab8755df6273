"""The configuration: where it comes from, what is said of a bad one, and what is shown of a good one."""

import re
import subprocess
import time

import pytest
import yaml

from harness import Gateway, assert_problem, binary, create_key, run_command

SECRET = "hunter2-hunter2-hunter2"
INVALID, REFUSED = 64, 1
HASH = "0" * 64


@pytest.fixture
def file(tmp_path):
    """A function that writes the configuration file and gives its path."""
    path = tmp_path / "gateway.yaml"

    def write(text):
        path.write_text(text)
        return path

    return write


def check(*words, **settings):
    return run_command("config", "check", *words, **settings)


def printed(*words, **settings):
    """What `config print` prints, as text and read."""
    status, output, complaint = run_command("config", "print", *words, **settings)
    assert (status, complaint) == (0, "")
    return output, yaml.safe_load(output)


def complaint(path, text, *words, **settings):
    """What is said of a bad file, a line each, without what begins all of them."""
    path.write_text(text)
    status, output, error = check("--config", path, *words, **settings)
    assert (status, output) == (INVALID, "")
    lines = error.splitlines()
    assert all(line.startswith("socketio-gateway: ") for line in lines)
    return [line.removeprefix("socketio-gateway: ") for line in lines]


# Sources


def test_the_gateway_is_configured_by_its_file(broker, exchange, file):
    path = file(
        f"""
        http: {{address: "127.0.0.1:0"}}
        amqp: {{url: "{broker.url}"}}
        wireFormat: python-socketio
        pythonSocketio: {{exchange: {exchange}}}
        limits: {{maxNames: 1}}
        log: {{format: json}}
        """
    )
    nothing = {"wire_format": None, "http_address": None, "log_format": None}
    with Gateway(None, "--config", str(path), **nothing) as gateway:
        assert gateway.emit(event="e", rooms=["a"])["status"] == "confirmed"
        assert_problem(gateway.post({"event": "e", "rooms": ["a", "b"]}), 422, "invalid_request")
        assert gateway.metric('gateway_info{version="0.1.0",wire_format="python-socketio"}') == 1


def test_an_option_wins_over_a_variable_and_that_over_the_file(file):
    path = file("loops: 3\nlimits: {maxNames: 3}\nlog: {level: error}\n")
    text, settings = printed("--loops", 5, config=path, loops=4, max_names=4)
    assert (settings["loops"], settings["limits"]["maxNames"], settings["log"]["level"]) == (5, 4, "error")
    assert settings["http"]["address"] == "127.0.0.1:8080"
    for line in ("loops: 5  # command line", "maxNames: 4  # environment", "level: error  # line 3", "# default"):
        assert line in text


def test_the_file_of_the_command_line_wins_over_that_of_the_environment(file):
    path = file("loops: 3")
    assert printed("--config", path, config="/nonexistent")[1]["loops"] == 3
    assert check(config="/nonexistent")[0] == INVALID
    assert check(config="")[0] == 0


def test_paths_begin_where_the_gateway_was_started(file, tmp_path):
    path = file("apiKeyFile: key\nloops: 7\n")
    (tmp_path / "key").write_text(SECRET)
    status, output, error = run_command("config", "print", "--config", path.name, cwd=tmp_path)
    assert status == 0 and "loops: 7" in output, error
    assert run_command("config", "check", "--config", path, cwd="/")[0] == INVALID


# What is wrong


def test_what_is_wrong_with_a_file_is_said_with_its_line_and_a_suggestion(tmp_path):
    path = tmp_path / "gateway.yaml"
    assert complaint(path, "\nwireformat: amqp0\n") == [f"{path}:2: 'wireformat' is no setting; did you mean 'wireFormat'?"]
    assert complaint(path, "http:\n  maxConections: 1\n") == [
        f"{path}:2: 'http.maxConections' is no setting; did you mean 'maxConnections'?"
    ]
    assert complaint(path, "\n\nloops: many\n") == [f"{path}:3: loops is 'many', but must be a number from 1 to 256"]
    assert complaint(path, f"keys:\n- {{name: a, sha256: '{HASH}', scopes: [emit], room: [x]}}\n") == [
        f"{path}:2: 'keys[0].room' is no setting; did you mean 'rooms'?"
    ]
    assert complaint(path, "a: [\n")[0].startswith(f"{path}:2: ")
    assert len(complaint(path, "x: 1\nhttp: {y: 1}\nkeys: 1\n")) == 3


def test_unknown_variables_are_errors_with_a_suggestion():
    status, _, error = check(max_name="1")
    assert status == INVALID
    assert "GATEWAY_MAX_NAME is none of the gateway's; did you mean 'GATEWAY_MAX_NAMES'?" in error


def test_what_kubernetes_says_of_a_service_named_gateway_is_none_of_ours():
    links = {"port": "tcp://10.0.0.1:80", "service_host": "10.0.0.1", "service_port": "80", "port_80_tcp_addr": "10.0.0.1"}
    assert check(**links)[0] == 0


@pytest.mark.parametrize("command", ["serve", "config check", "config print", "emit e"])
def test_every_command_refuses_a_bad_file(tmp_path, command):
    path = tmp_path / "gateway.yaml"
    path.write_text("lops: 1\n")
    words = command.split()
    status, output, error = run_command(*words, "--config", path)
    assert (status, output) == (INVALID, "")
    assert error == f"socketio-gateway: {path}:1: 'lops' is no setting; did you mean 'loops'?\n"


@pytest.mark.parametrize("kind", ["missing", "a directory", "a pipe", "unreadable bytes", "huge", "endless", "secret missing"])
def test_no_file_makes_it_hang_or_crash(tmp_path, kind):
    path = tmp_path / "gateway.yaml"
    match kind:
        case "a directory":
            path.mkdir()
        case "a pipe":
            subprocess.run(["mkfifo", path], check=True)
        case "unreadable bytes":
            path.write_bytes(bytes(range(256)) * 10)
        case "huge":
            path.write_bytes(b"#" * (2 << 20))
        case "endless":
            path = "/dev/zero"
        case "secret missing":
            path.write_text("apiKeyFile: /nonexistent\n")
    status, output, error = check("--config", path)
    assert (status, output) == (INVALID, "")
    assert error.count("\n") == 1 and str(path) in error


@pytest.mark.parametrize("kind", ["missing", "a directory", "a pipe", "empty"])
def test_a_secret_is_taken_from_a_regular_file_only(tmp_path, kind):
    path = tmp_path / "key"
    match kind:
        case "a directory":
            path.mkdir()
        case "a pipe":
            subprocess.run(["mkfifo", path], check=True)
        case "empty":
            path.touch()
    status, _, error = check(api_key_file=path)
    assert status == INVALID and "GATEWAY_API_KEY_FILE" in error and str(path) in error


def test_check_says_whether_serve_would_start(file):
    assert check() == (0, "valid; keys: 0, hooks: 0\nwithout a key, serve makes one at each start and prints it\n", "")
    assert check(api_key=SECRET) == (0, "valid; keys: 1, hooks: 0\n", "")
    assert check("--http-address", "0.0.0.0:0")[::2] == (0, "")
    status, _, error = check("--http-address", "nowhere.invalid:0")
    assert status == REFUSED and "cannot listen on nowhere.invalid:0" in error
    path = file(f"http: {{address: ':0'}}\nkeys:\n- {{name: a, sha256: '{HASH}', scopes: [emit]}}\n")
    assert check("--config", path) == (0, "valid; keys: 1, hooks: 0\n", "")


# To the end of that day.
TOMORROW = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86_400))
DANGERS = {
    "a key that can be guessed": ({"api_key": "secret"}, [], "", "6 characters"),
    "everybody may do everything": ({"allow_anonymous": "true"}, ["--http-address", "0.0.0.0:0"], "", "may do everything"),
    "a key for ever": ({}, [], f"keys:\n- {{name: boss, sha256: '{HASH}', scopes: ['*']}}\n", "for ever"),
    "a key that has expired": ({}, [], f"keys:\n- {{name: old, sha256: '{HASH}', scopes: [emit], expires: 2020-01-01}}\n", "expired"),
    "a key that ends soon": ({}, [], f"keys:\n- {{name: new, sha256: '{HASH}', scopes: [emit], expires: {TOMORROW}}}\n", "'new' expires in 1 day"),
    "a hook for anybody": ({}, [], "hooks:\n- {name: h, scheme: none, event: e, rooms: [r]}\n", "from anybody"),
}


@pytest.mark.parametrize("danger", DANGERS)
def test_check_and_serve_warn_of_what_is_dangerous(broker, file, danger):
    settings, flags, content, words = DANGERS[danger]
    settings = {"config": file(content), **settings} if content else settings
    status, output, error = check(*flags, **settings)
    assert status == 0 and output.startswith("valid") and error.startswith("socketio-gateway: warning: ") and words in error
    assert len(error.splitlines()) == 1
    with Gateway(broker.url, *flags, **{"allow_anonymous": None, **settings}) as gateway:
        warnings = [line["message"] for line in gateway.log() if line["level"] == "warning"]
        assert any(words in warning for warning in warnings), warnings


def test_a_line_break_behind_a_secret_is_no_part_of_it(broker):
    with Gateway(broker.url + "\n", api_key=SECRET + "\n", http_address="127.0.0.1:0\r\n") as gateway:
        assert gateway.get("/v1/servers", {"Authorization": f"Bearer {SECRET}"}).status == 200


# What is shown


def test_what_is_printed_can_be_loaded_again_but_for_secrets(file, tmp_path):
    key = create_key("backend", "emit", "rooms:read", room=["user:*", 'a"b\\c é: #'], expires="2099-01-31", rate="600/m", burst=7)
    path = file(f"amqp: {{url: 'amqp://u:{SECRET}@h/v'}}\namqp0: {{namespaces: [/, /x], exchange: 'a{{namespace}}'}}\nkeys:\n{key.entry}")
    first, settings = printed("--config", path, api_key=SECRET)
    assert settings["keys"][1]["rooms"] == ["user:*", 'a"b\\c é: #'] and settings["keys"][1]["rate"] == "600/m"
    hidden = [HASH, "1" * 64]
    text = re.sub(r"sha256: \(redacted\)", lambda _: f"sha256: '{hidden.pop()}'", first)
    # The one of the environment has a name that no other may have.
    text = re.sub(r"^apiKey:.*\n", "", text, flags=re.MULTILINE).replace("name: api-key", "name: was-api-key")
    path.write_text(text)
    second, _ = printed("--config", path)

    def without_origins(text):
        return re.sub(r"  # .*", "", text).replace("was-api-key", "api-key")

    assert without_origins(second) == re.sub(r"(?m)^apiKey:.*\n", "", without_origins(first))


@pytest.mark.parametrize("command", ["print", "check"])
def test_no_secret_is_shown(file, tmp_path, command):
    amqp = f"amqp: {{url: 'amqp://user:{SECRET}@host/v'}}\n"
    secret_file = tmp_path / "secret"
    secret_file.write_text(f"amqp://user:{SECRET}@host/v\n")
    for words, settings in [
        ([], {"api_key": SECRET, "amqp_url": f"amqp://user:{SECRET}@host/v"}),
        (["--amqp-url", f"amqp://user:{SECRET}@host/v"], {}),
        ([], {"amqp_url_file": secret_file, "api_key_file": secret_file}),
        ([], {"config": file(f"apiKey: {SECRET}\namqp: {{url: 'amqp://user:{SECRET}@host/v'}}\n")}),
        ([], {"amqp_url": f"http://user:{SECRET}@host"}),
        ([], {"config": file(f"amqp: {{url: 'http://user:{SECRET}@host'}}\n")}),
        ([], {"config": file(f"keys: [{{name: a, sha256: {SECRET}, scopes: [emit]}}]\n")}),
        ([], {"config": file(amqp + f"hooks: [{{name: a, scheme: bearer, secrets: [{SECRET}], event: e, everyone: true}}]\n")}),
        ([], {"config": file(amqp + f"hooks: [{{name: a, scheme: standard-webhooks, secrets: ['{SECRET}'], event: e}}]\n")}),
    ]:
        status, output, error = run_command("config", command, *words, **settings)
        assert output or error
        assert SECRET not in output + error
        if command == "print" and status == 0 and "keys" not in settings:
            assert "user:***@host/v" in output or "apiKey: (redacted)" in output


# Secrets in files


def test_secrets_may_be_in_files_that_the_file_names(broker, exchange, file, tmp_path):
    (tmp_path / "url").write_text(broker.url + "\n")
    (tmp_path / "key").write_text(SECRET + "\n")
    path = file(f"apiKeyFile: {tmp_path}/key\namqp: {{urlFile: {tmp_path}/url}}\n")
    with Gateway(None, config=path, python_socketio_exchange=exchange) as gateway:
        assert gateway.post({"event": "e"}).status == 401
        assert gateway.post({"event": "e"}, {"X-API-Key": SECRET}).status == 200
    with Gateway(None, config=path, python_socketio_exchange=exchange, api_key="other") as gateway:
        assert gateway.post({"event": "e"}, {"X-API-Key": SECRET}).status == 401
        assert gateway.post({"event": "e"}, {"X-API-Key": "other"}).status == 200


def test_a_secret_is_not_taken_from_two_places(tmp_path):
    (tmp_path / "key").write_text(SECRET)
    path = tmp_path / "gateway.yaml"
    assert complaint(path, f"apiKey: {SECRET}\napiKeyFile: {tmp_path}/key\n") == [f"{path}:2: apiKey is given, too; give one"]
    status, _, error = check(api_key=SECRET, api_key_file=tmp_path / "key")
    assert status == INVALID and "both set" in error and SECRET not in error


# Other commands


def test_emit_takes_the_broker_from_the_file(broker, exchange, file):
    path = file(f"amqp: {{url: '{broker.url}'}}\nwireFormat: python-socketio\npythonSocketio: {{exchange: {exchange}.cli}}\n")
    status, output, error = run_command("emit", "--config", path, "e")
    # Nobody has declared the exchange.
    assert (status, error) == (3, "") and '"routed":false' in output


def test_healthcheck_finds_the_gateway_by_the_file_and_needs_no_valid_one(broker, exchange, file):
    with Gateway(broker.url, python_socketio_exchange=exchange) as gateway:
        address = "{}:{}".format(*gateway.address)
        assert run_command("healthcheck", config=file(f"http: {{address: '{address}'}}"))[0] == 0
        assert run_command("healthcheck", config=file("http: {address: '127.0.0.1:1'}"))[0] == 1
        assert run_command("healthcheck", config=file("lops: 1"), http_address=address)[0] == 0


def test_help_names_the_commands():
    output = subprocess.run([binary(), "--help"], capture_output=True, text=True, check=True).stdout
    assert "config" in output and "keys" in output
