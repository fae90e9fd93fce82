"""Requests as each kind of sender makes them, written from the vendors' documentation and not from our own code."""

import base64
import hashlib
import hmac

SECRET = "correct horse battery staple"
OLD = "the secret of last year, changed"
NOW = 1_790_000_000


def mac(key, signed):
    return hmac.new(key if isinstance(key, bytes) else key.encode(), signed, hashlib.sha256)


def bearer(secret, body, now):
    return {"authorization": f"Bearer {secret}"}


def basic(secret, body, now):
    return {"authorization": "Basic " + base64.b64encode(f"floodmark:{secret}".encode()).decode()}


def gitlab(secret, body, now):
    return {"x-gitlab-token": secret, "x-gitlab-event": "Deployment Hook", "idempotency-key": "7c1a"}


def hub(secret, body, now):
    return {"x-hub-signature": "sha256=" + mac(secret, body).hexdigest()}


def hub_256(secret, body, now):
    return {"x-hub-signature-256": "sha256=" + mac(secret, body).hexdigest()}


def pagerduty(secret, body, now):
    """In the middle of a change of its secret PagerDuty signs with both."""
    return {"x-pagerduty-signature": f"v1={mac('another', body).hexdigest()},v1={mac(secret, body).hexdigest()}"}


def slack(secret, body, now):
    signed = b"v0:%d:%s" % (now, body)
    return {"x-slack-request-timestamp": str(now), "x-slack-signature": "v0=" + mac(secret, signed).hexdigest()}


def mlflow(secret, body, now):
    signed = b"d-81.%d.%s" % (now, body)
    signature = base64.b64encode(mac(secret, signed).digest()).decode()
    return {
        "x-mlflow-delivery-id": "d-81",
        "x-mlflow-timestamp": str(now),
        "x-mlflow-signature": f"v1,{signature}",
    }


def standard(secret, body, now):
    key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret
    signature = base64.b64encode(mac(key, b"msg-5.%d.%s" % (now, body)).digest()).decode()
    return {
        "webhook-id": "msg-5",
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1a,bm9uZQ== v1,{signature}",
    }


def grafana(secret, body, now):
    return {"x-grafana-alerting-signature": mac(secret, body).hexdigest()}


def grafana_timed(secret, body, now):
    signed = b"%d:%s" % (now, body)
    return {
        "x-grafana-alerting-timestamp": str(now),
        "x-grafana-alerting-signature": mac(secret, signed).hexdigest(),
    }


def wandb(secret, body, now):
    return {"x-wandb-signature": mac(secret, body).hexdigest()}


def wandb_base64(secret, body, now):
    return {"x-wandb-signature": base64.b64encode(mac(secret, body).digest()).decode()}


def own_header(secret, body, now):
    return {"x-floodmark-key": secret}


SIGNED = [
    ("gitlab", gitlab),
    ("jira", hub),
    ("jira", hub_256),
    ("generic", hub_256),
    ("generic", standard),
    ("pagerduty", pagerduty),
    ("slack", slack),
    ("mlflow", mlflow),
    ("grafana", grafana),
    ("grafana", grafana_timed),
    ("wandb", wandb),
    ("wandb", wandb_base64),
]
"""A kind, and how it proves itself in its own way."""
SHOWING = [
    (kind, way)
    for kind in (
        "alertmanager",
        "argocd",
        "docker",
        "generic",
        "gitlab",
        "grafana",
        "jenkins",
        "jira",
        "kibana",
        "newrelic",
        "openlineage",
        "opsgenie",
        "prometheus_remote_write",
        "wandb",
    )
    for way in (bearer, basic, own_header)
]
"""Kinds that can show the secret itself."""
TIMED = [("slack", slack), ("mlflow", mlflow), ("generic", standard), ("grafana", grafana_timed)]
OVER_BODY = [pair for pair in SIGNED if pair[1] is not gitlab]
"""Those whose proof is of the body."""
