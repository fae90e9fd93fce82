"""The engine as a pod of the chart has it: its config as a mounted ConfigMap, and its own name in the group."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from apache_kafka import free_ports
from deployed import GOLDEN
from ruamel.yaml import YAML
from test_end_to_end import FLOODMARK, answer, until

pytestmark = [pytest.mark.deploy, pytest.mark.kafka]


def mount(folder: Path, version: str, files: dict[str, str]) -> None:
    """As the kubelet does it: a folder of each version, and a symlink that is swapped for another in one step."""
    (folder / version).mkdir(parents=True)
    for name, text in files.items():
        (folder / version / name).write_text(text)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data", name))
    (folder / "..data_tmp").symlink_to(version)
    (folder / "..data_tmp").rename(folder / "..data")


async def test_a_changed_configmap_is_taken_up_by_a_running_engine(kafka: str, tmp_path: Path):
    documents = [each for each in YAML(typ="safe").load_all(GOLDEN / "default.yaml") if each]
    (data,) = (each["data"] for each in documents if each["kind"] == "ConfigMap")
    (pod,) = (each["spec"]["template"]["spec"] for each in documents if each["kind"] == "StatefulSet")
    (container,) = pod["containers"]
    (port,) = free_ports(1)
    text = data["floodmark.yaml"].replace("kafka:9092", kafka).replace("/var/lib/floodmark", str(tmp_path / "state"))
    text = text.replace("host: 0.0.0.0", f"host: 127.0.0.1\n  port: {port}")
    text = text.replace("kafka:\n", f"kafka:\n  group: chart-{os.getpid()}\n")
    files = {"floodmark.yaml": text, "membership.yaml": data["membership.yaml"]}
    folder = tmp_path / "etc"
    mount(folder, "..2026_1", files)
    environment = os.environ | {"FLOODMARK_CONFIG": str(folder), "FLOODMARK_INSTANCE": "shop-floodmark-engine-0"}
    assert {"FLOODMARK_CONFIG", "FLOODMARK_INSTANCE"} <= {each["name"] for each in container["env"]}
    made = [*FLOODMARK, "topics", "create", "--replication", "1"]
    subprocess.run(made, env=environment, check=True, capture_output=True, timeout=300)

    async def says(words: str) -> bool:
        return words in (await answer(f"http://127.0.0.1:{port}/metrics"))[1]

    async def ready() -> bool:
        return (await answer(f"http://127.0.0.1:{port}/readyz"))[0] == 200

    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([*FLOODMARK, *container["args"]], env=environment, stdout=out, stderr=out)
        try:
            await until(ready, seconds=120)
            changed = f"{text}\ndetectors:\n- {{name: all, false_alarms: 2/day}}\n"
            mount(folder, "..2026_2", files | {"floodmark.yaml": changed})
            await until(lambda: says('floodmark_config_reloads_total{result="success"} 2.0'), seconds=60)
            mount(
                folder, "..2026_3", files | {"floodmark.yaml": text + "detectors: [{name: all, false_alarms: often}]\n"}
            )
            await until(lambda: says("floodmark_config_last_reload_successful 0.0"), seconds=60)
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
    assert "detectors[all]" in log.read_text()
