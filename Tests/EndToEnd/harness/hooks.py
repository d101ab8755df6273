"""A hook of every scheme, and how deliveries to them are signed."""

import base64
import uuid

from . import webhooks

SECRET = "It's a Secret to Everybody"
VERIFY_TOKEN = "meatyhamhock"
CALLBACK_URL = "https://gateway.example/v1/hooks/trello?a=b"
STANDARD_SECRET = "whsec_" + base64.b64encode(SECRET.encode()).decode()


# By the hook's name: what a delivery of this body says of itself.
SIGNATURES = {
    "github": lambda body: webhooks.github(SECRET, body),
    "stripe": lambda body: webhooks.stripe(SECRET, body),
    "slack": lambda body: webhooks.slack(SECRET, body),
    "standard": lambda body: webhooks.standard(STANDARD_SECRET, body, f"msg_{uuid.uuid4()}"),
    "shopify": lambda body: webhooks.shopify(SECRET, body),
    "meta": lambda body: webhooks.meta(SECRET, body),
    "trello": lambda body: webhooks.trello(SECRET, body, CALLBACK_URL),
    "bearer": lambda body: {"Authorization": f"Bearer {SECRET}"},
    "token": lambda body: webhooks.gitlab(SECRET),
}
SCHEMES = {
    "github": {"scheme": "github"},
    "stripe": {"scheme": "stripe"},
    "slack": {"scheme": "slack"},
    "standard": {"scheme": "standard-webhooks", "secrets": [STANDARD_SECRET]},
    "shopify": {"scheme": "hmac", "header": "X-Shopify-Hmac-Sha256", "encoding": "base64"},
    "meta": {"scheme": "meta", "verifyToken": VERIFY_TOKEN},
    "trello": {"scheme": "trello", "callbackUrl": CALLBACK_URL},
    "bearer": {"scheme": "bearer"},
    "token": {"scheme": "token", "header": "X-Gitlab-Token"},
}


def hook_entry(name, **members):
    """A hook of the configuration that takes emits as they are posted; unsigned, unless its name is one of `SCHEMES`."""
    scheme = {"secrets": [SECRET], **SCHEMES[name]} if name in SCHEMES else {"scheme": "none"}
    return {"name": name, **scheme, "event": "{/event}", "rooms": ["{/rooms/0}"], **members}
