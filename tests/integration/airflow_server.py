"""Airflow from PyPI, with SQLite: its API server, scheduler, DAG processor and triggerer.

    with airflow(folder, dags, kafka) as url:
        ...  # POST url/auth/token {"username": "floodmark", "password": PASSWORD}

About a minute from nothing to the first task on two cores; 700 MB of memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from apache_kafka import free_ports
from python_programs import ProgramUnavailableError, environment, started

AIRFLOW = (
    "apache-airflow==3.3.2",
    "apache-airflow-providers-apache-kafka==2.1.0",
    "apache-airflow-providers-common-messaging==2.1.2",
)
PASSWORD = "only-for-tests"


@contextlib.contextmanager
def airflow(folder: Path, dags: Path, kafka: str, topic: str) -> Iterator[str]:
    """Run it while entered, with a connection `floodmark` to a Kafka; its address. Raises ProgramUnavailableError."""
    programs = environment("airflow-3.3.2", sys.executable, *AIRFLOW)
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    (folder / "passwords.json").write_text(json.dumps({"floodmark": PASSWORD}))
    extra = {
        "bootstrap.servers": kafka,
        "group.id": "airflow-floodmark",
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "enable.auto.commit": "false",
    }
    settings = {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "floodmark:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "passwords.json"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a-secret-that-only-this-test-has-and-that-is-long",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW_CONN_FLOODMARK": json.dumps({"conn_type": "kafka", "extra": extra}),
        "FLOODMARK_REQUESTS": topic,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(dags),
    }
    for name in ("PYTEST_CURRENT_TEST", "VIRTUAL_ENV"):
        settings[name] = ""
    program = str(programs / "airflow")
    made = subprocess.run(
        [program, "db", "migrate"], env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise ProgramUnavailableError(f"its database could not be made: {made.stderr[-300:]}")
    with contextlib.ExitStack() as running:
        ready = f"{url}/api/v2/monitor/health"
        running.enter_context(started([program, "api-server"], settings, folder / "api-server.log", ready))
        for part in ("dag-processor", "scheduler", "triggerer"):  # a task that meets no API server fails for good
            running.enter_context(started([program, part], settings, folder / f"{part}.log"))
        yield url
