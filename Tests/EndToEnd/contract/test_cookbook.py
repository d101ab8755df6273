"""Every recipe of docs/webhooks.md and docs/cloudevents.md as it stands there, with what its provider sends, and real clients behind it."""

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest

from harness import REPOSITORY, Gateway, SocketIOServer, assert_problem, webhooks
from harness.webhooks import FORM

END = "end-of-test"
JSON = "application/json"
API_KEY = "key-of-the-cookbook"
AUTHORIZED = {"Authorization": f"Bearer {API_KEY}"}
SVIX_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the one of the page
OTHER_SVIX_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

DOCUMENTS = REPOSITORY / "docs"
PAGE, CLOUD_EVENTS = (DOCUMENTS / "webhooks.md").read_text(), (DOCUMENTS / "cloudevents.md").read_text()
SETTINGS = (DOCUMENTS / "hook-settings.md").read_text()
INTRODUCTION, RECIPES = PAGE.split("\n## Try a hook\n")[0], PAGE.split("\n## Try a hook\n")[1] + CLOUD_EVENTS


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def secret_of(hook):
    return SVIX_SECRET if hook == "clerk" else f"whsec_{hook}" if hook == "stripe" else f"secret of {hook}"


def with_secrets(block):
    """The block with a secret where the page has a `…`."""
    name = re.search(r"name: (\S+)", block)
    return block.replace("whsec_…", "…").replace("…", secret_of(name[1])) if name else block


def recipes():
    """All hooks of the recipes in one file, and what they make of CloudEvents."""
    hooks = [with_secrets(block) for block in blocks(RECIPES, "yaml") if block.startswith("hooks:\n")]
    others = [block for block in blocks(RECIPES, "yaml") if not block.startswith("hooks:\n")]
    assert len(hooks) == 10 and len(others) == 1, "the page has other recipes than are tested here"
    return "hooks:\n" + "".join(block.removeprefix("hooks:\n") for block in hooks) + others[0]


def command(beginning):
    """The page's command that begins so."""
    (found,) = [block for block in blocks(RECIPES, "sh") if block.startswith(beginning)]
    return found


@pytest.fixture(scope="module")
def gateway(broker, exchange, tmp_path_factory):
    config = tmp_path_factory.mktemp("cookbook") / "gateway.yaml"
    # What the page says of the cron job with a form.
    form = 'args: ["{/file}"]'
    assert f"With `{form}` add `-d file=report.pdf`" in PAGE
    (nightly,) = [block for block in blocks(RECIPES, "yaml") if "nightly" in block]
    with_file = with_secrets(nightly).removeprefix("hooks:\n").replace("name: nightly", "name: file").replace("args: []", form)
    text = recipes()
    config.write_text(text.replace("cloudEvents:", with_file + "cloudEvents:"))
    with Gateway(broker.url, config=config, python_socketio_exchange=exchange, api_key=API_KEY) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def running_server(broker, exchange):
    with SocketIOServer(broker.url, exchange) as server:
        yield server


GITHUB_PUSH = (
    '{"ref":"refs/heads/main","before":"6113728f27ae82c7b1a177c8d03f9e96e0adf246",'
    '"after":"0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c","repository":{"id":35129377,"node_id":"MDEwOlJlcG9zaXRvcnkzNTEyOTM3Nw==",'
    '"name":"hello","full_name":"octocat/hello","private":false,"owner":{"name":"octocat","email":"octocat@github.com",'
    '"login":"octocat","id":583231},"html_url":"https://github.com/octocat/hello","pushed_at":1763740800,'
    '"master_branch":"main"},"pusher":{"name":"octocat","email":"octocat@github.com"},"created":false,"deleted":false,'
    '"forced":false,"base_ref":null,"compare":"https://github.com/octocat/hello/compare/6113728f27ae...0d1a26e67d8f",'
    '"commits":[{"id":"0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c","tree_id":"f9d2a07e9488b91af2641b26b9407fe22a451433",'
    '"distinct":true,"message":"Gr\\u00fc\\u00dfe & \\"Zitate\\" \\u2013 50% mehr","timestamp":"2026-11-21T10:00:00+01:00",'
    '"author":{"name":"Zoë","email":"zoe@example.com","username":"zoe"},"added":["b.txt","a.txt"],"removed":[],'
    '"modified":["README.md"]}],"head_commit":null}'
)
STRIPE_INVOICE_PAID = """{
  "id": "evt_1MqqbKLt4dXK03v5qaIbiNCC",
  "object": "event",
  "api_version": "2026-10-29.clover",
  "created": 1763740800,
  "data": {
    "object": {
      "id": "in_1MtHbELkdIwHu7ixl4OzzPMv",
      "object": "invoice",
      "amount_due": 1999,
      "currency": "eur",
      "customer": "cus_NeZwdNtLEOXuvB",
      "customer_email": "jenny@example.com",
      "lines": {"object": "list", "data": [{"id": "il_1", "amount": 1999, "unit_amount_decimal": "1999", "tax_rate": 19.00}]},
      "paid": true,
      "status": "paid",
      "subscription": null
    }
  },
  "livemode": false,
  "pending_webhooks": 1,
  "request": {"id": null, "idempotency_key": null},
  "type": "invoice.paid"
}"""
SLACK_MESSAGE = (
    '{"token":"XXYYZZ","team_id":"T123ABC456","api_app_id":"A123ABC456","event":{"type":"message","channel":"C123ABC456",'
    '"user":"U123ABC456","text":"Hello <@U061F7AUR> :wave:","ts":"1763740800.000200","event_ts":"1763740800.000200",'
    '"channel_type":"channel"},"type":"event_callback","event_id":"Ev123ABC456","event_time":1763740800,'
    '"authorizations":[{"enterprise_id":null,"team_id":"T123ABC456","user_id":"U123ABC456","is_bot":false}]}'
)
CLERK_USER_CREATED = (
    '{"data":{"birthday":"","created_at":1654012591514,"email_addresses":[{"email_address":"example@example.org",'
    '"id":"idn_29w83yL7CwVlJXylYLxcslromF1","linked_to":[],"object":"email_address","verification":{"status":"verified"}}],'
    '"external_id":"567772","first_name":"Example","id":"user_29w83sxmDNGwOuEthce5gg56FcC","object":"user"},'
    '"object":"event","timestamp":1654012591835,"type":"user.created"}'
)
SHOPIFY_ORDER = (
    '{"id":820982911946154508,"admin_graphql_api_id":"gid:\\/\\/shopify\\/Order\\/820982911946154508","currency":"USD",'
    '"current_total_price":"398.00","email":"jon@example.com","name":"#9999","test":true,"total_weight":0.0,'
    '"line_items":[{"id":866550311766439020,"price":"199.00","quantity":1,"sku":"IPOD2008PINK"}]}'
)


GITLAB_PUSH = (
    '{"object_kind":"push","event_name":"push","before":"95790bf891e76fee5e1747ab589903a6a1f80f22","ref":"refs/heads/master",'
    '"checkout_sha":"da1560886d4f094c3e6c9ef40349f7d38b5d27d7","user_id":4,"project_id":15,'
    '"project":{"id":15,"name":"Diaspora","path_with_namespace":"mike/diaspora"},"total_commits_count":4}'
)
TELEGRAM_MESSAGE = (
    '{"update_id":10000,"message":{"message_id":1365,"from":{"id":1111111,"is_bot":false,"first_name":"Zo\\u00eb"},'
    '"chat":{"id":-1001234567890,"type":"supergroup","title":"Test"},"date":1441645532,"text":"/start"}}'
)
# As it is sent: letters beyond ASCII are escaped, and `@` and slashes may be.
WHATSAPP_MESSAGE = (
    '{"object":"whatsapp_business_account","entry":[{"id":"102290129340398","changes":[{"value":{"messaging_product":"whatsapp",'
    '"metadata":{"display_phone_number":"15550783881","phone_number_id":"106540352242922"},'
    '"contacts":[{"profile":{"name":"Zo\\u00eb"},"wa_id":"16505551234"}],"messages":[{"from":"16505551234",'
    '"id":"wamid.HBgLMTY1MDM4Nzk0MzkVAgASGBQ","timestamp":"1749416383","type":"text","text":{"body":"a\\u0040b \\/ \\ud83d\\ude00"}}]},'
    '"field":"messages"}]}]}'
)
TRELLO_ACTION = (
    '{"action":{"id":"51f9424bcd6e040f3c002412","idMemberCreator":"4fc78a59a885233f4b349bd9","data":{"board":{"name":"Trello Development",'
    '"id":"4d5ea62fd76aa1136000000c"},"card":{"idShort":1458,"name":"Webhooks"}},"type":"voteOnCard","date":"2013-07-31T16:59:23.114Z"},'
    '"model":{"id":"4d5ea62fd76aa1136000000c","name":"Trello Development","closed":false}}'
)
CALLBACK_URL = "https://gateway.example/v1/hooks/trello"


@dataclass
class Delivery:
    hook: str
    body: bytes
    sign: object  # of secret, body and, where the signature has a date, its age
    room: str
    event: str
    args: list  # in JSON, as clients receive them
    headers: dict = field(default_factory=dict)
    other: str = "other"  # a room that is nearly the same
    type: str = JSON
    has_age: bool = True
    has_id: bool = True
    is_signed: bool = True  # or a token comes with it

    def send(self, gateway, secret=None, headers=None, body=None, **age):
        signature = self.sign(secret or secret_of(self.hook), self.body, **age) if headers is None else headers
        headers = {**self.headers, "Content-Type": self.type, "X-Request-Id": "the-same", **signature}
        return gateway.request("POST", f"/v1/hooks/{self.hook}", body or self.body, headers)


def part(text, beginning):
    """The value behind this, as it stands in a JSON text."""
    start = text.index(beginning) + len(beginning)
    return text[start : json.JSONDecoder().raw_decode(text, start)[1]]


PUSH_ARGS = ['"octocat/hello"', '"refs/heads/main"', part(GITHUB_PUSH, '"commits":')]
SHOPIFY_HEADERS = {
    "X-Shopify-Topic": "orders/create",
    "X-Shopify-Shop-Domain": "jsmith.myshopify.com",
    "X-Shopify-API-Version": "2026-10",
    "X-Shopify-Webhook-Id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
}

DELIVERIES = {
    "GitHub in JSON": Delivery(
        "github",
        GITHUB_PUSH.encode(),
        lambda secret, body: webhooks.github(secret, body, "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        "repo:octocat/hello",
        "push",
        PUSH_ARGS,
        other="repo:octocat/hello-world",
        has_age=False,
    ),
    "GitHub in a form": Delivery(
        "github",
        urlencode({"payload": GITHUB_PUSH}).encode(),
        lambda secret, body: webhooks.github(secret, body, "82d3162e-cc78-11e3-81ab-4c9367dc0958"),
        "repo:octocat/hello",
        "push",
        PUSH_ARGS,
        other="repo:octocat",
        type=FORM,
        has_age=False,
    ),
    "Stripe": Delivery(
        "stripe",
        STRIPE_INVOICE_PAID.encode(),
        webhooks.stripe,
        "customer:cus_NeZwdNtLEOXuvB",
        "invoice.paid",
        [part(STRIPE_INVOICE_PAID, '"data": {\n    "object": ')],
        other="customer:",
        type="application/json; charset=utf-8",
    ),
    "Slack": Delivery(
        "slack",
        SLACK_MESSAGE.encode(),
        webhooks.slack,
        "channel:C123ABC456",
        "slack.message",
        [part(SLACK_MESSAGE, '"event":')],
    ),
    "Svix": Delivery(
        "clerk",
        CLERK_USER_CREATED.encode(),
        lambda secret, body, age=0: webhooks.standard(secret, body, "msg_p5jXN8AQM9LWM0D4loKWxJek", age, "svix"),
        "user:user_29w83sxmDNGwOuEthce5gg56FcC",
        "user.created",
        [CLERK_USER_CREATED],
    ),
    "standard webhooks": Delivery(
        "clerk",
        CLERK_USER_CREATED.encode(),
        lambda secret, body, age=0: webhooks.standard(secret, body, "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", age),
        "user:user_29w83sxmDNGwOuEthce5gg56FcC",
        "user.created",
        [CLERK_USER_CREATED],
    ),
    "Shopify": Delivery(
        "shopify",
        SHOPIFY_ORDER.encode(),
        webhooks.shopify,
        "shop:jsmith.myshopify.com",
        "orders/create",
        [SHOPIFY_ORDER],
        headers=SHOPIFY_HEADERS,
        has_age=False,
    ),
    "GitLab": Delivery(
        "gitlab",
        GITLAB_PUSH.encode(),
        lambda secret, body: webhooks.gitlab(secret, body, "f5e5f430-f57b-4e6e-9fac-d9128cd7232f"),
        "project:mike/diaspora",
        "gitlab.push",
        [GITLAB_PUSH],
        has_age=False,
        is_signed=False,
    ),
    "Telegram": Delivery(
        "telegram",
        TELEGRAM_MESSAGE.encode(),
        webhooks.telegram,
        "chat:-1001234567890",
        "telegram.message",
        [part(TELEGRAM_MESSAGE, '"message":')],
        other="chat:1001234567890",
        has_age=False,
        is_signed=False,
    ),
    "WhatsApp": Delivery(
        "whatsapp",
        WHATSAPP_MESSAGE.encode(),
        webhooks.meta,
        "account:102290129340398",
        "whatsapp.messages",
        [part(WHATSAPP_MESSAGE, '"entry":')],
        has_age=False,
        has_id=False,
    ),
    "Trello": Delivery(
        "trello",
        TRELLO_ACTION.encode(),
        lambda secret, body: webhooks.trello(secret, body, CALLBACK_URL),
        "board:4d5ea62fd76aa1136000000c",
        "trello.voteOnCard",
        [part(TRELLO_ACTION, '"action":')],
        has_age=False,
    ),
}
every_delivery = pytest.mark.parametrize("delivery", DELIVERIES.values(), ids=DELIVERIES)


def until_end(gateway, *clients):
    assert gateway.post({"event": END}, AUTHORIZED).status == 200
    return [client.until(END) for client in clients]


def assert_received(events, name, args):
    """One event with these arguments, in this order of keys."""
    (event,) = events
    assert event[0] == name
    assert json.dumps(list(event[1:])) == json.dumps([json.loads(arg) for arg in args])


@every_delivery
def test_a_delivery_reaches_its_room_once_and_nobody_else(gateway, server, witness, delivery):
    member, other, nowhere = server.client(delivery.room), server.client(delivery.other), server.client()
    first = delivery.send(gateway)
    assert (first.status, first.json["status"]) == (200, "confirmed"), first.body
    if delivery.has_id:
        again = delivery.send(gateway)
        assert (again.status, again.json) == (200, {"status": "duplicate"})
    received, *others = until_end(gateway, member, other, nowhere)
    assert_received(received, delivery.event, delivery.args)
    assert others == [[], []]
    # To the digit, and to the white space.
    assert f'"data":[{",".join(delivery.args)}]'.encode() in witness.take(2)[0].body


@every_delivery
def test_what_is_not_signed_reaches_nobody_and_learns_nothing(gateway, server, delivery):
    member = server.client(delivery.room)
    signature = delivery.sign(secret_of(delivery.hook), delivery.body)
    wrong = "whsec_wrong" if delivery.hook == "stripe" else OTHER_SVIX_SECRET if delivery.hook == "clerk" else "wrong"
    answers = [
        delivery.send(gateway, headers={}),
        delivery.send(gateway, secret=wrong),
        delivery.send(gateway, headers=dict.fromkeys(signature, "")),
        delivery.send(gateway, headers={name: value[:-1] for name, value in signature.items()}),
        # An API key is no signature.
        delivery.send(gateway, headers=AUTHORIZED),
    ]
    if delivery.is_signed:
        answers += [delivery.send(gateway, body=body) for body in (delivery.body + b"\n", b"{}")]
    if delivery.has_age:
        answers += [delivery.send(gateway, age=301), delivery.send(gateway, age=-310)]
    problem = assert_problem(answers[0], 401, "not_authentic")
    assert problem.keys() == {"type", "title", "status", "detail", "code", "requestId", "retryable"}
    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers}) == 1
    # The names of the headers say no more than the body.
    assert len({tuple(name for name, _ in answer.headers.items()) for answer in answers}) == 1
    assert until_end(gateway, member) == [[]]


def test_of_github_other_events_are_ignored(gateway, server):
    member = server.client("repo:octocat/hello")
    ping = b'{"zen":"Keep it logically awesome.","hook_id":1,"repository":{"full_name":"octocat/hello"}}'
    headers = {"Content-Type": JSON, **webhooks.github(secret_of("github"), ping, "ping-1", event="ping")}
    answer = gateway.request("POST", "/v1/hooks/github", ping, headers)
    assert (answer.status, answer.json) == (200, {"status": "ignored"})
    assert until_end(gateway, member) == [[]]


def test_slack_finds_that_the_address_is_ours(gateway, server):
    everyone = server.client()
    body = b'{"token":"Jhj5dZrVaK7ZwHHjRyZWjbDl","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}'
    headers = {"Content-Type": JSON, **webhooks.slack(secret_of("slack"), body)}
    answer = gateway.request("POST", "/v1/hooks/slack", body, headers)
    assert (answer.status, answer.body) == (200, json.loads(body)["challenge"].encode())
    assert answer.headers["Content-Type"].split(";")[0] == "text/plain"
    unsigned = gateway.request("POST", "/v1/hooks/slack", body, {"Content-Type": JSON})
    assert_problem(unsigned, 401, "not_authentic")
    assert until_end(gateway, everyone) == [[]]


def test_meta_finds_that_the_address_is_ours(gateway, server):
    everyone = server.client()
    token = secret_of("whatsapp")
    answer = gateway.get(f"/v1/hooks/whatsapp?{webhooks.meta_question(token)}")
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, b"1158201444", "text/plain")
    for query in (webhooks.meta_question("another"), webhooks.meta_question(token, mode="unsubscribe"), ""):
        assert_problem(gateway.get(f"/v1/hooks/whatsapp?{query}"), 403, "handshake_refused")
    assert until_end(gateway, everyone) == [[]]


def test_trello_finds_that_the_address_is_ours(gateway):
    answer = gateway.request("HEAD", "/v1/hooks/trello")
    assert (answer.status, answer.body) == (200, b"")


def run(line, gateway, **variables):
    """The page's command against this gateway; what the shell said."""
    line = line.replace("https://gateway.example", "http://%s:%d" % gateway.address)
    return subprocess.run(["sh", "-c", line], env={**os.environ, **variables}, capture_output=True, text=True, timeout=20)


CRON = command("0 6 * * * curl").removeprefix("0 6 * * * ").strip()


def test_a_cron_job_tells_everyone(gateway, server):
    everyone = [server.client("room"), server.client()]
    done = run(CRON, gateway, NIGHTLY=secret_of("nightly"))
    assert done.returncode == 0 and json.loads(done.stdout)["status"] == "confirmed", done
    done = run(CRON.replace("nightly", "file") + " -d file=report.pdf", gateway, NIGHTLY=secret_of("nightly"))
    assert done.returncode == 0, done
    assert until_end(gateway, *everyone) == [[("report.ready",), ("report.ready", "report.pdf")]] * 2


def test_a_cron_job_with_a_wrong_token_fails(gateway, server):
    everyone = server.client()
    for token in ("", "wrong", secret_of("nightly") + "x", API_KEY):
        done = run(CRON, gateway, NIGHTLY=token)
        assert done.returncode == 22 and "401" in done.stderr and done.stdout == "", (token, done)
    assert until_end(gateway, everyone) == [[]]


def test_a_source_of_cloudevents_reaches_the_room_of_its_subject(gateway, server, witness):
    member, other, nowhere = server.client("user:42"), server.client("user:43"), server.client()
    line = command("curl https://gateway.example/v1/cloudevents")
    done = run(line, gateway, GATEWAY_API_KEY=API_KEY)
    assert done.returncode == 0 and json.loads(done.stdout)["status"] == "confirmed", done
    assert json.loads(run(line, gateway, GATEWAY_API_KEY=API_KEY).stdout) == {"status": "duplicate"}
    assert json.loads(run(line, gateway, GATEWAY_API_KEY="wrong").stdout)["code"] == "unauthorized"
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/shop",
        "type": "order.paid",
        "subject": "user:42",
        "datacontenttype": "application/json",
        "data": {"total": 10.5},
    }
    assert until_end(gateway, member, other, nowhere) == [[("order.paid", event)], [], []]
    assert b'"data":{"total": 10.50}' in witness.take(2)[0].body


def test_event_grid_may_deliver(gateway):
    answer = gateway.request("OPTIONS", "/v1/cloudevents", headers={"WebHook-Request-Origin": "eventgrid.azure.net"})
    assert answer.status == 200
    assert answer.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
    assert answer.headers["WebHook-Allowed-Rate"] == "*"


def test_the_first_example_works_with_its_fragments(broker, exchange, server, tmp_path):
    """GitHub's own example of a secret; and what the page says of arguments and conditions, in the same hook."""
    (hook,) = blocks(INTRODUCTION, "yaml")
    fragments = [block for block in blocks(SETTINGS, "yaml") if block.startswith(("args:", "when:"))]
    assert len(fragments) == 2
    config = tmp_path / "gateway.yaml"
    args, when = ("".join(f"    {line}\n" for line in block.splitlines()) for block in fragments)
    second = hook.removeprefix("hooks:\n").replace("name: github ", "name: second ")
    config.write_text(hook + second + args + when)
    with Gateway(broker.url, config=config, python_socketio_exchange=exchange) as gateway:
        member, other = server.client("repo:octocat/hello"), server.client("repo:octocat")
        secret = "It's a Secret to Everybody"
        for name, event, body in [
            ("github", "push", GITHUB_PUSH),
            ("second", "push", GITHUB_PUSH),
            (
                "second",
                "pull_request_review",
                '{"action":"opened","pull_request":{"base":{"ref":"main"}},"repository":{"full_name":"octocat/hello"},'
                '"commits":[],"pusher":{"name":"zoe"}}',
            ),
        ]:
            headers = {"Content-Type": JSON, **webhooks.github(secret, body.encode(), f"{name} {event}", event)}
            assert gateway.request("POST", f"/v1/hooks/{name}", body.encode(), headers).status == 200
        gateway.emit(event=END)
        first, second = member.until(END)
        assert first == ("github.push", json.loads(GITHUB_PUSH))
        constant = {"version": 2, "final": True}
        assert second == ("github.pull_request_review", [], "zoe has pushed", constant, 3, None)
        assert other.until(END) == []
