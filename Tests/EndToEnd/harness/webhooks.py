"""Deliveries as webhooks' senders make them: signed here, after each provider's own description."""

import base64
import hashlib
import hmac
import time
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"


def github(secret, body, delivery=None, event="push"):
    """docs.github.com, "Validating webhook deliveries"."""
    headers = {"X-GitHub-Event": event, "X-Hub-Signature-256": "sha256=" + _hex(secret, body), "User-Agent": "GitHub-Hookshot/a1"}
    return headers if delivery is None else {**headers, "X-GitHub-Delivery": delivery}


def stripe(secret, body, age=0):
    """docs.stripe.com, "Verify webhook signatures manually". `age` is in seconds."""
    date = _date(age)
    code = _hex(secret, date + b"." + body)
    return {"Stripe-Signature": f"t={date.decode()},v0=6ffbb59b2300aae63f272406069a9788598b792a,v1={code}"}


def slack(secret, body, age=0):
    """docs.slack.dev, "Verifying requests from Slack"."""
    date = _date(age)
    return {
        "X-Slack-Request-Timestamp": date.decode(),
        "X-Slack-Signature": "v0=" + _hex(secret, b"v0:" + date + b":" + body),
    }


def standard(secret, body, id, age=0, prefix="webhook"):
    """standardwebhooks.com; Svix says `svix-`."""
    date = _date(age)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    code = hmac.new(key, id.encode() + b"." + date + b"." + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(code).decode()
    return {f"{prefix}-id": id, f"{prefix}-timestamp": date.decode(), f"{prefix}-signature": signature}


def shopify(secret, body):
    """shopify.dev, "Verify webhooks"."""
    code = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"X-Shopify-Hmac-Sha256": base64.b64encode(code).decode()}


def meta(secret, body):
    """developers.facebook.com, "Webhooks: Get Started", "Validating Payloads"."""
    return {"X-Hub-Signature-256": "sha256=" + _hex(secret, body), "User-Agent": "facebookexternalua"}


def meta_question(token, challenge="1158201444", mode="subscribe"):
    """The same page, "Verification Requests": a query."""
    return urlencode({"hub.mode": mode, "hub.challenge": challenge, "hub.verify_token": token})


def trello(secret, body, callback_url):
    """developer.atlassian.com, "Trello: Webhooks", "Webhook Signatures"."""
    code = hmac.new(secret.encode(), body + callback_url.encode(), hashlib.sha1).digest()
    return {"X-Trello-Webhook": base64.b64encode(code).decode()}


def gitlab(token, body=None, key=None):
    """docs.gitlab.com, "Webhooks": nothing of the body is signed."""
    headers = {"X-Gitlab-Token": token, "X-Gitlab-Event": "Push Hook", "User-Agent": "GitLab/17.11.0"}
    return headers if key is None else {**headers, "Idempotency-Key": key}


def telegram(token, body=None):
    """core.telegram.org/bots/api, "setWebhook"."""
    return {"X-Telegram-Bot-Api-Secret-Token": token}


def _hex(secret, message):
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def _date(age):
    return str(int(time.time()) - age).encode()
