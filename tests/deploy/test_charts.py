"""What helm makes of the chart, by the golden files: Kubernetes would take it, and Floodmark would take its config.

That the golden files are what helm makes is for tests/integration/test_charts.py, as it needs helm.
"""

import sys
from pathlib import Path

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

sys.path.insert(0, str(Path(__file__).parent))

from manifests import DEPLOY, FOREIGN, NAMES, documents, golden, pods

from floodmark import __version__
from floodmark.config.loader import load

CHART = DEPLOY / "helm" / "floodmark"


@pytest.mark.parametrize("name", NAMES)
def test_kubernetes_knows_every_key_of_it(name):
    own = [each for each in golden(name) if each["kind"] not in FOREIGN]
    assert own
    for each in own:
        kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("name", NAMES)
def test_its_config_is_right_and_only_the_engine_has_static_membership(name, tmp_path):
    (data,) = (
        each["data"] for each in golden(name) if each["kind"] == "ConfigMap" and "floodmark.yaml" in each["data"]
    )
    for part, pod in pods(name):
        folder = tmp_path / part
        folder.mkdir()
        (config,) = (volume["configMap"]["items"] for volume in pod["volumes"] if volume["name"] == "config")
        for item in config:
            text = data[item["key"]].replace("/run/secrets", str(tmp_path / "secrets"))
            (folder / item["path"]).write_text(text)
        mounted = {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
        for secret in ("kafka/password", "metrics/token", "slack/token", "gitlab/token", "oidc/secret"):
            path = tmp_path / "secrets" / secret
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("0123456789abcdef0123456789abcdef")
            if f"/run/secrets/{secret}" in data["floodmark.yaml"]:
                assert f"/run/secrets/{secret.split('/')[0]}" in mounted
        loaded = load(folder, {"FLOODMARK_INSTANCE": f"{part}-0"})
        assert loaded.kafka.instance_id == ("engine-0" if part == "engine" else None)
        assert loaded.http.host == "0.0.0.0"
        if name == "everything":
            assert loaded.console.url == "https://floodmark.example.org"


@pytest.mark.parametrize("name", NAMES)
def test_its_pods_are_locked_in_and_probed(name):
    for part, pod in pods(name):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        # A file that is mounted by subPath never changes, and the compiled core lies in the image.
        assert not [mount for mount in container["volumeMounts"] if "subPath" in mount]
        assert "/var/cache/floodmark" not in {mount["mountPath"] for mount in container["volumeMounts"]}
        if part == "topics":
            continue
        paths = [container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")]
        assert paths == ["/healthz", "/healthz", "/readyz"]
        startup = container["startupProbe"]
        assert startup["periodSeconds"] * startup["failureThreshold"] >= 1800
        assert pod["terminationGracePeriodSeconds"] >= 30


@pytest.mark.parametrize("name", NAMES)
def test_selectors_find_the_pods_that_they_are_for(name):
    labels = {
        part: each["spec"]["template"]["metadata"]["labels"]
        for each in golden(name)
        if "template" in each.get("spec", {})
        for part in [each["metadata"]["labels"]["app.kubernetes.io/component"]]
    }
    for each in golden(name):
        spec = each.get("spec", {})
        part = each["metadata"]["labels"]["app.kubernetes.io/component"]
        selectors = {
            "Service": lambda spec=spec: spec["selector"],
            "NetworkPolicy": lambda spec=spec: spec["podSelector"]["matchLabels"],
            "PodDisruptionBudget": lambda spec=spec: spec["selector"]["matchLabels"],
            "PodMonitor": lambda spec=spec: spec["selector"]["matchLabels"],
            "StatefulSet": lambda spec=spec: spec["selector"]["matchLabels"],
            "Deployment": lambda spec=spec: spec["selector"]["matchLabels"],
        }
        if each["kind"] in selectors:
            chosen = selectors[each["kind"]]()
            found = [name for name, has in labels.items() if chosen.items() <= has.items()]
            assert found == [part], f"{each['kind']} {each['metadata']['name']}"
    services = {
        each["metadata"]["name"]: each["metadata"]["labels"] for each in golden(name) if each["kind"] == "Service"
    }
    for each in golden(name):
        if each["kind"] == "ServiceMonitor":
            chosen = each["spec"]["selector"]["matchLabels"].items()
            assert len([name for name, has in services.items() if chosen <= has.items()]) == 1


def test_its_rules_and_dashboards_are_those_of_deploy():
    (rule,) = (each for each in golden("everything") if each["kind"] == "PrometheusRule")
    assert rule["spec"] == YAML(typ="safe").load(DEPLOY / "prometheus" / "floodmark.rules.yaml")
    assert (CHART / "files" / "floodmark.rules.yaml").resolve() == DEPLOY / "prometheus" / "floodmark.rules.yaml"
    assert (CHART / "files" / "dashboards").resolve() == DEPLOY / "grafana" / "dashboards"


def test_it_names_the_version_that_it_runs():
    chart = YAML(typ="safe").load(CHART / "Chart.yaml")
    assert chart["appVersion"] == __version__


def test_the_scaler_of_the_chart_is_that_of_the_folder_keda():
    (own,) = documents(DEPLOY / "keda" / "scaledobject.yaml")
    (charts,) = (each for each in golden("scaled") if each["kind"] == "ScaledObject")
    for key in ("minReplicaCount", "maxReplicaCount", "pollingInterval", "cooldownPeriod", "advanced"):
        assert charts["spec"][key] == own["spec"][key]
    assert [trigger["metadata"]["topic"] for trigger in charts["spec"]["triggers"]] == ["metrics", "logs"]
    for trigger in [*charts["spec"]["triggers"], *own["spec"]["triggers"]]:
        assert trigger["metadata"]["consumerGroup"] == "floodmark-detect"
        assert trigger["metadata"].keys() == own["spec"]["triggers"][0]["metadata"].keys()
    (scaled,) = (each for each in golden("scaled") if each["kind"] == "StatefulSet")
    assert "replicas" not in scaled["spec"]  # or each upgrade would undo what KEDA has done
