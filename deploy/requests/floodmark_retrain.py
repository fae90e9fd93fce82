"""An Airflow DAG (3.0 or newer) that reads Floodmark's requests from Kafka by itself, and trains.

Needs apache-airflow-providers-apache-kafka and apache-airflow-providers-common-messaging, the topic in
FLOODMARK_REQUESTS (default: floodmark.model-requests), and a connection `floodmark` of type Apache Kafka whose extra is

    {"bootstrap.servers": "kafka:9092", "group.id": "airflow-floodmark", "auto.offset.reset": "earliest",
     "isolation.level": "read_committed", "enable.auto.commit": "false"}

The trigger commits an offset before the run is there: if Airflow dies in that moment, ask again. A repeated request has
the same id; `train` is where to look whether it is known.
"""

from __future__ import annotations

import json
import os

from airflow.providers.common.messaging.triggers.msg_queue import MessageQueueTrigger
from airflow.sdk import Asset, AssetWatcher, dag, task


def request_of(message):
    """The request that a record holds, for the run; nothing for what is none, which starts none."""
    kind = dict(message.headers() or ()).get("ce_type", b"")
    if kind != b"dev.floodmark.model-request.v1":
        return None
    return json.loads(message.value())


trigger = MessageQueueTrigger(
    scheme="kafka",
    topics=[os.environ.get("FLOODMARK_REQUESTS", "floodmark.model-requests")],
    kafka_config_id="floodmark",
    apply_function="floodmark_retrain.request_of",
)
requests = Asset("floodmark_requests", watchers=[AssetWatcher(name="floodmark", trigger=trigger)])


@dag(schedule=[requests], catchup=False, max_active_runs=1)
def floodmark_retrain():
    @task
    def train(triggering_asset_events=None):
        for event in triggering_asset_events[requests]:
            request = event.extra["payload"]
            print(f"{request['kind']} {request['model']} for {request['id']}: {request['why']}")
            # Here goes what trains: dvc exp run, an MLflow run, a job of your own.

    train()


floodmark_retrain()
