"""What can be told, and with what it is reached: a section each, of which a target has one."""

from __future__ import annotations

from floodmark.config.targets.chat import Email, Slack, Teams, Webhook
from floodmark.config.targets.pagers import Alertmanager, Jira, Keep, Opsgenie, PagerDuty
from floodmark.config.targets.platforms import Elasticsearch, GitlabAlerts, Grafana, NewRelic
from floodmark.config.targets.runs import (
    Airflow,
    ArgoCd,
    ArgoWorkflows,
    GitlabPipeline,
    Jenkins,
    Kubernetes,
    Mlflow,
    Wandb,
)

__all__ = [
    "Airflow",
    "Alertmanager",
    "ArgoCd",
    "ArgoWorkflows",
    "Elasticsearch",
    "Email",
    "GitlabAlerts",
    "GitlabPipeline",
    "Grafana",
    "Jenkins",
    "Jira",
    "Keep",
    "Kubernetes",
    "Mlflow",
    "NewRelic",
    "Opsgenie",
    "PagerDuty",
    "Slack",
    "Teams",
    "Wandb",
    "Webhook",
]
