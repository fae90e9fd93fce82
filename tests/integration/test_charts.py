"""deploy/helm and deploy/keda as helm, the definitions of other kinds, and a real API server see them."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

sys.path.insert(0, str(Path(__file__).parent))

import kubernetes_parts as parts
from deployed import CHART, GOLDEN, SETS, templated, told

SCALED_OBJECT = CHART.parents[1] / "keda" / "scaledobject.yaml"
pytestmark = [pytest.mark.deploy, pytest.mark.timeout(3600)]
Made = TypeVar("Made")


def had(make: Callable[[], Made]) -> Made:
    """What is made, or a skip with the reason; a failure where it is required."""
    try:
        return make()
    except parts.PartUnavailableError as error:
        if os.environ.get("FLOODMARK_REQUIRE_DEPLOY") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def helm(request: pytest.FixtureRequest) -> Path:
    if not parts.helm_is_here() and "deploy" not in request.config.getoption("markexpr"):
        pytest.skip("helm is not built here; pytest -m deploy does, which takes minutes")
    return had(parts.helm)


@pytest.fixture(scope="module")
def definitions(request: pytest.FixtureRequest) -> Mapping[str, Path]:
    if not parts.definitions_are_here() and "deploy" not in request.config.getoption("markexpr"):
        pytest.skip("the definitions of other kinds are not here; pytest -m deploy fetches them")
    return had(parts.definitions)


def documents(text: str) -> list[dict[str, Any]]:
    return [each for each in YAML(typ="safe").load_all(text) if each]


@pytest.mark.parametrize("name", SETS)
def test_helm_finds_nothing_wrong(helm: Path, name: str):
    done = told(helm, "lint", "--strict", str(CHART), *SETS[name])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SETS)
def test_the_golden_file_is_what_helm_makes(helm: Path, name: str):
    done = templated(helm, *SETS[name])
    assert done.returncode == 0, done.stderr
    golden = GOLDEN / f"{name}.yaml"
    assert done.stdout == golden.read_text(), f"not as {golden}; run: python tests/integration/deployed.py"


def test_the_chart_can_be_packed_and_has_all_that_it_needs(helm: Path, tmp_path: Path):
    done = told(helm, "package", str(CHART), "--destination", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.glob("*.tgz")
    values = str(CHART / "ci" / "everything.yaml")
    packed = told(helm, "template", "shop", str(package), "--namespace", "aiops", "--values", values)
    assert packed.stdout == (GOLDEN / "everything.yaml").read_text()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--set", "engine.replicas=2"], "state that all can reach"),
        (["--set", "keda.enabled=true"], "state that all can reach"),
        (["--set", "console.enabled=true"], "console.enabled needs config.console.auth.kind"),
        (["--set", "gateway.enabled=true"], "gateway.enabled needs config.gateway.sources"),
        (["--set", "config.kafka.instance_id=me"], "each pod of the engine has its own name"),
        (["--set-json", "config.inputs=[]"], "name the topics to read"),
        (["--set", "engine.replica=2"], "replica"),
        (["--set", "engine.terminationGracePeriodSeconds=5"], "terminationGracePeriodSeconds"),
        (["--set", "engine.persistence.size=big"], "size"),
        (["--set", "image.digest=latest"], "digest"),
        (["--set-json", "secrets=[{\"name\":\"Kafka\",\"secretName\":\"k\"}]"], "secrets"),
        (["--set-json", "config.kafka.brokers=[]"], "brokers"),
    ],
)  # fmt: skip
def test_values_that_would_not_work_are_refused_in_words(helm: Path, wrong: list[str], words: str):
    done = templated(helm, *wrong)
    assert done.returncode != 0
    assert words in done.stderr


def test_dashboards_reach_grafanas_sidecar_as_they_are(helm: Path):
    done = templated(helm, "--set", "monitoring.enabled=true", "--set", "monitoring.dashboards=true")
    (found,) = [each for each in documents(done.stdout) if each["metadata"]["labels"].get("grafana_dashboard") == "1"]
    folder = CHART.parents[1] / "grafana" / "dashboards"
    assert {name: json.loads(text) for name, text in found["data"].items()} == {
        f"floodmark-{path.name}": json.loads(path.read_text()) for path in folder.glob("*.json")
    }
    assert len(done.stdout) < 900_000  # a ConfigMap holds a mebibyte


def test_notes_say_what_to_do_next(helm: Path):
    for name, more in SETS.items():
        command = ("install", "shop", str(CHART), "--dry-run=client", "--namespace", "aiops", *more)
        done = told(helm, *command)
        assert done.returncode == 0, done.stderr
        notes = done.stdout.split("NOTES:")[1]
        assert "floodmark doctor" in notes
        assert ("Nobody is told yet" in notes) == (name != "everything")


def test_kinds_of_others_are_what_their_definitions_allow(definitions: Mapping[str, Path]):
    seen = set()
    both = [*(GOLDEN / f"{name}.yaml" for name in SETS), SCALED_OBJECT]
    for document in (document for path in both for document in documents(path.read_text())):
        if (kind := document["kind"]) in definitions:
            schema = parts.schema_of(definitions[kind], document["apiVersion"].split("/")[1])
            errors = [f"{e.json_path}: {e.message}" for e in Draft202012Validator(schema).iter_errors(document)]
            assert errors == [], f"{kind} {document['metadata']['name']}"
            seen.add(kind)
            for trigger in document["spec"].get("triggers", []):
                assert trigger["metadata"].keys() <= parts.trigger_keys()
    assert seen == definitions.keys()
    # A judge that lets everything pass would have passed.
    wrong = documents(SCALED_OBJECT.read_text())[0]
    wrong["spec"]["maxReplicas"] = 3
    schema = parts.schema_of(definitions["ScaledObject"], "v1alpha1")
    assert not Draft202012Validator(schema).is_valid(wrong)


@pytest.fixture(scope="module")
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, definitions: Mapping[str, Path]
) -> Iterator[parts.Cluster]:
    """An API server that knows the kinds of others, and the namespace."""
    if not parts.server_is_here() and request.config.getoption("markexpr").strip() != "deploy":
        pytest.skip("kube-apiserver is not built here; pytest -m deploy alone does, which takes ten CPU minutes")
    running = parts.cluster(tmp_path_factory.mktemp("cluster"))
    server = had(running.__enter__)
    try:
        for definition in definitions.values():
            done = server.kubectl("apply", "--server-side", "-f", str(definition))
            assert done.returncode == 0, done.stderr
        done = server.kubectl("create", "namespace", "aiops")
        assert done.returncode == 0, done.stderr
        wait = server.kubectl("wait", "--for=condition=established", "--timeout=60s", "crd", "--all")
        assert wait.returncode == 0, wait.stderr
        yield server
    finally:
        running.__exit__(None, None, None)


@pytest.mark.parametrize("name", [*SETS, "keda"])
def test_a_real_api_server_would_take_it(cluster: parts.Cluster, name: str):
    path = SCALED_OBJECT if name == "keda" else GOLDEN / f"{name}.yaml"
    dry = ("apply", "--dry-run=server", "--validate=strict", "--namespace", "aiops", "-f", str(path))
    done = cluster.kubectl(*dry)
    assert done.returncode == 0, done.stderr
    taken = re.findall(r"^\S+ created \(server dry run\)$", done.stdout, re.MULTILINE)
    assert len(taken) == len(documents(path.read_text()))
    assert "Warning" not in done.stderr


def test_it_would_not_take_a_key_that_there_is_not(cluster: parts.Cluster, tmp_path: Path):
    wrong = (GOLDEN / "default.yaml").read_text().replace("podManagementPolicy", "podManagmentPolicy")
    (tmp_path / "wrong.yaml").write_text(wrong)
    dry = ("apply", "--dry-run=server", "--validate=strict", "--namespace", "aiops", "-f", str(tmp_path / "wrong.yaml"))
    done = cluster.kubectl(*dry)
    assert done.returncode != 0
    assert "podManagmentPolicy" in done.stderr


def test_an_upgrade_changes_nothing_that_cannot_be_changed(cluster: parts.Cluster, helm: Path, tmp_path: Path):
    """From one topic to two, with more of everything: selectors, claims and Jobs stay what they were, or are others."""
    before, after = tmp_path / "before.yaml", tmp_path / "after.yaml"
    before.write_text(templated(helm).stdout)
    more = 'config.inputs=[{"topic":"metrics","signal":"metric"},{"topic":"spans","signal":"span"}]'
    after.write_text(templated(helm, "--set-json", more, "--set", "engine.startupSeconds=600").stdout)
    assert cluster.kubectl("apply", "--namespace", "aiops", "-f", str(before)).returncode == 0
    try:
        done = cluster.kubectl("apply", "--dry-run=server", "--namespace", "aiops", "-f", str(after))
        assert done.returncode == 0, done.stderr
        assert "statefulset.apps/shop-floodmark-engine configured" in done.stdout
    finally:
        cluster.kubectl("delete", "--namespace", "aiops", "--wait=false", "-f", str(before))
