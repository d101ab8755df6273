"""The configuration: where it comes from, what is said of a bad one, and what is shown of a good one."""

import re
import subprocess
import time

import pika
import pytest
import yaml

from harness import VERSION, Gateway, Witness, assert_problem, binary, create_key, run_command

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
        assert gateway.metric(f'gateway_info{{version="{VERSION}",wire_format="python-socketio"}}') == 1


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


def test_paths_in_the_file_begin_at_the_file_and_others_where_the_gateway_was_started(file, tmp_path):
    path = file("apiKeyFile: secrets/key\nhooks: [{name: h, scheme: bearer, secretFiles: secrets/key, event: e, rooms: r}]\n")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text(SECRET)
    for words, folder in [((path,), "/"), ((path.name,), tmp_path), ((f"{tmp_path.name}/{path.name}",), tmp_path.parent)]:
        status, output, error = run_command("config", "check", "--config", *words, cwd=folder)
        assert (status, output) == (0, "valid; keys: 1, hooks: 1\n"), error
    for settings in ({"config": path.name}, {"api_key_file": "secrets/key"}):
        assert run_command("config", "check", cwd=tmp_path, **settings)[0] == 0
        status, _, error = run_command("config", "check", cwd="/", **settings)
        assert status == INVALID and next(iter(settings.values())) in error
    (tmp_path / "secrets" / "key").unlink()
    status, _, error = check("--config", path)
    assert status == INVALID and f"'{tmp_path}/secrets/key'" in error


def test_units_are_taken_wherever_a_duration_a_size_or_a_level_is(file):
    path = file("idempotency: {lifetime: 5m}\nlimits: {maxBodyBytes: 2MiB}\nhttp: {headBytes: 10KB}\n")
    words = ["--config", path, "--requests-timeout", "1m", "--max-batch-bytes", "64KiB"]
    settings = {"confirm_timeout": "500ms", "max_buffered_bytes": "1GiB", "log_level": "warn"}
    text, printed_settings = printed(*words, **settings)
    for line in [
        "lifetime: 300s  # line 1",
        "maxBodyBytes: 2097152  # line 2",
        "headBytes: 10000  # line 3",
        "requestsTimeout: 60s  # command line",
        "maxBatchBytes: 65536  # command line",
        "confirmTimeout: 500ms  # environment",
        "maxBufferedBytes: 1073741824  # environment",
        "level: warning  # environment",
    ]:
        assert f"  {line}\n" in text
    status, _, error = check(max_body_bytes="2MB!")
    assert status == INVALID and "must be a size from 1024 to 16777216 bytes, such as 65536, 64KiB, 2MiB or 1MB" in error


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


# Whether RabbitMQ would do it (what permissions have to do with it: faults/test_permissions.py)


def connect(url, *words, **settings):
    """(exit status, lines of standard output, lines of standard error without what begins all of them)"""
    status, output, error = check("--connect", *words, amqp_url=url, allow_anonymous="true", **settings)
    warnings = [line.removeprefix("socketio-gateway: ") for line in error.splitlines()]
    return status, output.splitlines(), [line for line in warnings if "allowAnonymous" not in line]


def test_check_tries_the_broker(broker, exchange):
    names = {"python_socketio_exchange": exchange, "wire_format": "python-socketio"}
    status, output, error = connect(broker.url, **names)
    where = f"127.0.0.1:{broker.port}, virtual host /"
    assert (status, error) == (0, [])
    assert output == [
        "valid; keys: 0, hooks: 0",
        f"connected to RabbitMQ at {where}, as 'guest'",
        f"note: emits: the exchange '{exchange}' is not there yet: no server of python-socketio has been there",
        "questions: the exchange 'socket.io.cluster' and queues can be configured, written to and read from",
    ]
    with Witness(broker.url, exchange, "fanout") as witness:
        status, output, error = connect(broker.url, cluster_enabled="false", **names)
        assert witness.waiting() == [], "nothing is published"
    assert (status, error) == (0, [])
    assert output[2:] == [f"emits: the exchange '{exchange}' takes messages, and is of type fanout"]


def test_check_says_that_the_servers_have_another_wire_format(broker, exchange):
    with Witness(broker.url, exchange, "fanout"):
        status, _, error = connect(broker.url, wire_format="amqp0", amqp0_exchange=exchange)
    assert status == REFUSED
    assert error == [
        f"emits would not work: the exchange '{exchange}' is of type fanout, and servers of amqp0 have one of type direct: "
        "is wireFormat right?"
    ]
    with Witness(broker.url, f"{exchange}.deleted", "direct"):
        name = f"{exchange}.deleted"
        status, _, error = connect(broker.url, wire_format="cluster", cluster_exchange=name)
        assert connect(broker.url, wire_format="cluster", cluster_exchange=name, cluster_enabled="false")[0] == 0
    assert status == REFUSED
    assert error == [
        f"questions would not work: the exchange '{name}' is there with another property than gateways and servers declare: "
        "auto_delete is 'true'"
    ]


def test_check_names_the_wire_format_whose_exchange_is_there(broker, exchange):
    exchange = f"{exchange}.absent"
    with Witness(broker.url, "socketio", "fanout"):
        status, output, error = connect(broker.url, wire_format="amqp0", amqp0_exchange=exchange)
    assert (status, error) == (0, [])
    assert (
        f"note: emits: the exchange '{exchange}' is not there yet: no server of amqp0 has been there; but 'socketio' is, of "
        "python-socketio: is wireFormat right?"
    ) in output


def test_check_leaves_nothing_behind(broker, exchange):
    name = f"{exchange}.nothing"
    for wire_format, setting in [("amqp0", "amqp0"), ("python-socketio", "python_socketio"), ("cluster", "cluster")]:
        settings = {f"{setting}_exchange": name, "cluster_exchange": name, "wire_format": wire_format}
        assert connect(broker.url, **settings)[0] == 0
        with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
            with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="no exchange"):
                connection.channel().exchange_declare(name, passive=True)


@pytest.mark.parametrize(
    "change, reason",
    [
        (("127.0.0.1:{port}", "127.0.0.1:1"), "connection refused"),
        (("127.0.0.1:{port}", "no..such:5672"), "no such host"),
        (("guest:guest", f"guest:{SECRET}"), "login refused: wrong user or password (ACCESS_REFUSED)"),
        (("%2F", "nowhere"), "there is no virtual host 'nowhere' (NOT_ALLOWED)"),
    ],
)
def test_check_says_why_there_is_no_connection(broker, change, reason):
    old, new = change
    status, output, error = connect(broker.url.replace(old.format(port=broker.port), new))
    assert (status, output) == (REFUSED, ["valid; keys: 0, hooks: 0"])
    assert error[0].startswith("no connection to RabbitMQ at ") and error[0].endswith(f": {reason}")
    assert SECRET not in "".join(error)
    cure = "what would help, on RabbitMQ's machine (docs/operating/permissions.md): rabbitmqctl add_vhost 'nowhere'"
    assert error[1:] == ([cure] if "nowhere" in reason else [])


def test_one_of_several_brokers_that_refuses_is_an_error_and_one_that_is_down_a_note(broker):
    refused = broker.url.replace("guest:guest", f"guest:{SECRET}")
    where = f"127.0.0.1:{broker.port}, virtual host /"
    status, output, error = connect(f"{broker.url};{refused}")
    assert status == REFUSED
    assert error == [f"no connection to RabbitMQ at {where}: login refused: wrong user or password (ACCESS_REFUSED)"]
    assert f"connected to RabbitMQ at {where}, as 'guest'" in output
    status, output, error = connect(f"{broker.url};amqp://guest:guest@127.0.0.1:1/%2F")
    assert (status, error) == (0, [])
    assert "note: no connection to RabbitMQ at 127.0.0.1:1, virtual host /: connection refused" in output


@pytest.mark.parametrize("name", ["amqp_url", "amqp_url_file", "http_address", "requests_timeout"])
def test_an_empty_variable_is_not_the_default(name):
    variable = f"GATEWAY_{name.upper()}"
    status, output, error = check(**{name: ""})
    assert (status, output) == (64, "")
    assert f"the variable {variable} is empty: give it a value, or leave it out for the default" in error
    assert check(api_key="", config="")[0] == 0, "those have no default"


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
    assert status == 3 and '"routed":false,"reason":"no_exchange"' in output
    assert error.startswith("socketio-gateway: no_exchange: ")


def test_healthcheck_finds_the_gateway_by_the_file_and_needs_no_valid_one(broker, exchange, file):
    with Gateway(broker.url, python_socketio_exchange=exchange) as gateway:
        address = "{}:{}".format(*gateway.address)
        assert run_command("healthcheck", config=file(f"http: {{address: '{address}'}}"))[0] == 0
        refused = run_command("healthcheck", config=file("http: {address: '127.0.0.1:1'}"))
        assert refused == (1, "", "socketio-gateway: no answer from 127.0.0.1:1: connection refused\n")
        refused = run_command("healthcheck", "--timeout", "1500ms", http_address="no..such:1")
        assert refused == (1, "", "socketio-gateway: no answer from no..such:1: no such host\n")
        assert run_command("healthcheck", config=file("lops: 1"), http_address=address)[0] == 0


@pytest.mark.parametrize(
    "words, complaint",
    [
        (["--https"], "--https needs https.address (GATEWAY_HTTPS_ADDRESS)"),
        (["--http-address", "nowhere"], "--http-address is 'nowhere', but must be host:port or unix:/path"),
    ],
)
def test_healthcheck_complains_as_the_other_commands_do(words, complaint):
    assert run_command("healthcheck", *words) == (1, "", f"socketio-gateway: {complaint}\n")


@pytest.mark.parametrize("first, second", [(":8080", "127.0.0.1:8080"), ("127.0.0.1:8080", ":8080"), ("[::]:8080", "127.0.0.1:8080")])
def test_an_address_and_every_address_need_a_port_each(first, second):
    """The system would say that the address is in use, and not by whom."""
    settings = {"allow_anonymous": "true", "http_address": first, "admin_address": second}
    status, _, error = check(**settings)
    assert status == INVALID and "have the same port" in error and first in error and second in error, error
    # Who shares ports shares them here, too: the nearer one has its own requests.
    assert check(**settings, reuse_port="true")[0] == 0


def test_help_names_the_commands():
    output = subprocess.run([binary(), "--help"], capture_output=True, text=True, check=True).stdout
    assert "config" in output and "keys" in output
