"""Targets that do something: train a model again, roll a release back."""

from __future__ import annotations

from typing import Literal

from pydantic import SecretStr

from floodmark.config.section import Section


class Airflow(Section):
    """Airflow 3: a run of a DAG, by REST. (A DAG can also read the topic itself: docs/requests.md.)"""

    url: str
    """Its address: http://airflow:8080."""
    dag: str
    """Id of the DAG."""
    username: str | None = None
    """User name for /auth/token."""
    password: SecretStr | None = None
    """What proves it; write ${ENV_NAME} or file:/path rather than the secret itself."""
    token: SecretStr | None = None
    """A token, instead of a user name."""


class Mlflow(Section):
    """MLflow: tags `floodmark.*` on the model's version; an alias only if it is named here."""

    url: str
    """Its address: http://mlflow:5000."""
    alias: str | None = None
    """Alias that a rollback moves to the version asked for; left out, aliases are never touched."""
    username: str | None = None
    """User name for HTTP's basic authentication."""
    password: SecretStr | None = None
    """What proves it; write ${ENV_NAME} or file:/path rather than the secret itself."""
    token: SecretStr | None = None
    """Bearer token, instead of a user name."""


class Jenkins(Section):
    """Jenkins: a build with parameters."""

    url: str
    """Its address: https://jenkins.example.org."""
    job: str
    """The job, with its folders: ml/retrain."""
    username: str
    """User of `token`."""
    token: SecretStr
    """API token."""


class GitlabPipeline(Section):
    """GitLab: a pipeline by a trigger token."""

    url: str = "https://gitlab.com"
    """Its address."""
    project: str
    """Id or path of the project: ml/fraud."""
    ref: str = "main"
    """Branch or tag."""
    token: SecretStr
    """Trigger token of the project."""
    read_token: SecretStr | None = None
    """Access token with read_api, to find a pipeline that an unanswered request has started all the same."""


class ArgoWorkflows(Section):
    """Argo Workflows: a workflow of a template."""

    url: str
    """Address of the server: https://argo:2746."""
    namespace: str
    """Namespace of the template."""
    template: str
    """Name of the WorkflowTemplate."""
    token: SecretStr
    """Bearer token."""


class Wandb(Section):
    """Weights & Biases: a run's alert and an artifact's alias, by its API."""

    url: str = "https://api.wandb.ai"
    """Its address."""
    api_key: SecretStr
    """API key."""
    entity: str
    """Entity (user or team)."""
    project: str
    """Project of the model registry, or of the runs."""
    alias: str = "floodmark-retrain"
    """Alias that the model's version gets: an automation starts what trains."""


class ArgoCd(Section):
    """Argo CD: the rollback of an application."""

    url: str
    """Address of the server."""
    token: SecretStr
    """Bearer token of an account that may sync the applications."""
    namespace: str | None = None
    """Namespace of the applications, where they may be in any."""
    application: str = "{service}"
    """Name of the application; {service} is the service of the incident's first cause."""


class Kubernetes(Section):
    """Kubernetes: the rollback of a deployment to its last revision."""

    url: str = "https://kubernetes.default.svc"
    """Address of the API server."""
    token: SecretStr
    """Bearer token; file:/var/run/secrets/kubernetes.io/serviceaccount/token inside of a cluster."""
    ca_file: str | None = None
    """PEM file of the authority that signed its certificate (default: the system's)."""
    namespace: str = "default"
    """Namespace of the deployments."""
    deployment: str = "{service}"
    """Name of the deployment; {service} is the service of the incident's first cause."""
    kind: Literal["rollback", "restart"] = "rollback"
    """Go back to the last revision, or start the pods anew."""
