"""Targets of playbooks: what they go back to, that they do it once, and when they will not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
from msgspec import structs

from floodmark.alerts import Cause, ChangeNotice, Incident
from floodmark.config import targets
from floodmark.notify.sink import Answer, Delivered, Later, Message, Refused, Request
from floodmark.notify.targets import argocd, kubernetes

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHANGE = ChangeNotice(id="chg-1", scope="", time=AT, service="cart", kind="deploy", summary="cart 2.0", version="2.0")
INCIDENT = Incident(
    id="inc-1", event="opened", revision=1, scope="default", severity="error", title="cart fails", why="together",
    started_at=AT + timedelta(minutes=1), updated_at=AT + timedelta(minutes=2), resolved_at=None, resolution="",
    entities=["cart"], member_count=1, members=[], changes=[CHANGE],
    causes=[Cause(entity="cart", share=0.9, reason="deploy before", anomalies=[], change="chg-1")],
)  # fmt: skip


def message(**more: Any) -> Message:
    given = {"incident": INCIDENT, "playbook": "rollback", **more}
    return Message(id="inc-1/1/t", key="inc-1", event="playbook", at=AT, **given)


class Script:
    def __init__(self, answers: dict[str, Answer]) -> None:
        self._answers, self.asked = answers, list[Request]()

    async def __call__(self, request: Request) -> Answer:
        self.asked.append(request)
        return self._answers[f"{request.method} {urlsplit(request.url).path}"]


def reply(status: int, body: object) -> Answer:
    return Answer(status, {}, orjson.dumps(body))


def entry(id: int, minutes: int, revision: str) -> dict[str, object]:
    return {"id": id, "deployedAt": (AT + timedelta(minutes=minutes)).isoformat(), "revision": revision}


HISTORY = [entry(3, -3000, "aaa"), entry(4, -60, "bbb"), entry(5, 0, "ccc")]
GET, POST = "GET /api/v1/applications/cart", "POST /api/v1/applications/cart/rollback"
ARGOCD = targets.ArgoCd(url="https://argocd", token="t0k")  # type: ignore[arg-type]


async def test_argocd_goes_back_to_what_was_there_before_the_change() -> None:
    script = Script({GET: reply(200, {"spec": {}, "status": {"history": HISTORY}}), POST: reply(200, {})})
    outcome = await argocd.sink(ARGOCD, script).deliver(message(), {})
    assert outcome == Delivered({"history": "4"}, "cart goes back to bbb")
    assert orjson.loads(script.asked[-1].body) == {"name": "cart", "id": 4, "prune": False, "dryRun": False}


async def test_argocd_does_the_same_when_asked_again() -> None:
    history = [*HISTORY, entry(6, 5, "bbb")]
    script = Script({GET: reply(200, {"spec": {}, "status": {"history": history}}), POST: reply(200, {})})
    await argocd.sink(ARGOCD, script).deliver(message(), {})
    assert orjson.loads(script.asked[-1].body)["id"] == 4


async def test_argocd_leaves_alone_what_syncs_by_itself() -> None:
    synced = {"spec": {"syncPolicy": {"automated": {}}}, "status": {"history": HISTORY}}
    script = Script({GET: reply(200, synced)})
    outcome = await argocd.sink(ARGOCD, script).deliver(message(), {})
    assert isinstance(outcome, Refused)
    assert "Git" in outcome.reason
    assert len(script.asked) == 1


async def test_argocd_only_tries_an_example() -> None:
    script = Script({GET: reply(200, {"spec": {}, "status": {"history": HISTORY}}), POST: reply(200, {})})
    outcome = await argocd.sink(ARGOCD, script).deliver(message(test=True), {})
    assert outcome == Delivered({"history": "4"}, "cart would go back to bbb")
    assert orjson.loads(script.asked[-1].body)["dryRun"] is True


async def test_argocd_says_that_there_is_nothing_to_go_back_to() -> None:
    script = Script({GET: reply(200, {"status": {"history": [entry(5, 0, "ccc"), {"id": 1}, "x"]}})})
    outcome = await argocd.sink(ARGOCD, script).deliver(message(), {})
    assert isinstance(outcome, Refused)
    assert "nothing" in outcome.reason


REVISION = "deployment.kubernetes.io/revision"
DEPLOYMENT: dict[str, Any] = {
    "metadata": {"uid": "u1", "resourceVersion": "99", "annotations": {REVISION: "5"}},
    "spec": {"selector": {"matchLabels": {"app": "cart"}}, "template": {"metadata": {"labels": {"app": "cart"}}}},
}


def replica_set(revision: int, image: str, owner: str = "u1") -> dict[str, object]:
    labels = {"app": "cart", "pod-template-hash": "h"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}}
    metadata = {"annotations": {REVISION: str(revision)}, "ownerReferences": [{"uid": owner}]}
    return {"metadata": metadata, "spec": {"template": template}}


SETS = [replica_set(3, "cart:1.8"), replica_set(4, "cart:1.9"), replica_set(5, "cart:2.0"), replica_set(4, "x", "u2")]
ONE = "/apis/apps/v1/namespaces/shop/deployments/cart"
ALL = "GET /apis/apps/v1/namespaces/shop/replicasets"
KUBERNETES = {"url": "https://kube", "token": "t0k", "namespace": "shop"}


def kube(script: Script, **more: Any) -> kubernetes.Kubernetes:
    return kubernetes.sink(targets.Kubernetes(**{**KUBERNETES, **more}), script)


async def test_kubernetes_goes_back_one_revision_and_marks_it() -> None:
    script = Script(
        {f"GET {ONE}": reply(200, DEPLOYMENT), ALL: reply(200, {"items": SETS}), f"PATCH {ONE}": reply(200, {})}
    )
    outcome = await kube(script).deliver(message(), {})
    assert outcome == Delivered({"deployment": "cart"}, "cart goes back to revision 4")
    patch = orjson.loads(script.asked[-1].body)
    assert patch[0] == {"op": "test", "path": "/metadata/resourceVersion", "value": "99"}
    assert patch[1]["value"]["spec"]["containers"][0]["image"] == "cart:1.9"
    assert patch[1]["value"]["metadata"]["labels"] == {"app": "cart"}
    assert patch[2]["value"] == "inc-1/1/t"
    assert "labelSelector=app%3Dcart" in script.asked[1].url


async def test_kubernetes_does_nothing_a_second_time() -> None:
    done = {
        **DEPLOYMENT,
        "metadata": {**DEPLOYMENT["metadata"], "annotations": {"floodmark.dev/playbook": "inc-1/1/t"}},
    }
    script = Script({f"GET {ONE}": reply(200, done)})
    outcome = await kube(script).deliver(message(), {})
    assert isinstance(outcome, Delivered)
    assert len(script.asked) == 1


async def test_kubernetes_waits_if_somebody_has_just_changed_it() -> None:
    answers = {f"GET {ONE}": reply(200, DEPLOYMENT), ALL: reply(200, {"items": SETS})}
    script = Script({**answers, f"PATCH {ONE}": reply(422, {"message": "testing value failed: test"})})
    assert isinstance(await kube(script).deliver(message(), {}), Later)


async def test_kubernetes_has_nothing_to_go_back_to() -> None:
    script = Script({f"GET {ONE}": reply(200, DEPLOYMENT), ALL: reply(200, {"items": SETS[2:]})})
    assert isinstance(await kube(script).deliver(message(), {}), Refused)


async def test_kubernetes_starts_pods_anew_and_only_tries_an_example() -> None:
    script = Script({f"GET {ONE}": reply(200, DEPLOYMENT), f"PATCH {ONE}": reply(200, {})})
    outcome = await kube(script, kind="restart").deliver(message(test=True), {})
    assert isinstance(outcome, Delivered)
    assert script.asked[-1].url.endswith("?dryRun=All")
    template = orjson.loads(script.asked[-1].body)[1]["value"]
    assert template["metadata"]["annotations"] == {"floodmark.dev/playbook": "inc-1/1/t"}


async def test_without_a_cause_nothing_is_rolled_back() -> None:
    blameless = message(incident=None)
    assert isinstance(await kube(Script({})).deliver(blameless, {}), Refused)
    assert isinstance(await argocd.sink(ARGOCD, Script({})).deliver(blameless, {}), Refused)


async def test_a_cause_that_is_no_name_is_no_address() -> None:
    odd = structs.replace(INCIDENT, changes=[], causes=[Cause(entity="../cart?x", share=1.0, reason="", anomalies=[])])
    assert isinstance(await kube(Script({})).deliver(message(incident=odd), {}), Refused)
    assert isinstance(await argocd.sink(ARGOCD, Script({})).deliver(message(incident=odd), {}), Refused)
