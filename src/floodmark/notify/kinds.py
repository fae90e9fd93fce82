"""What kinds of targets are told differently from others, by the name of their section in the config."""

from __future__ import annotations

from typing import Final

PAGERS: Final = frozenset({"alertmanager", "jira", "opsgenie", "pagerduty"})
"""What rings, or gives somebody a task: what is over before it was told is not told there at all."""

RECORDS: Final = frozenset({"elasticsearch", "newrelic"})
"""What keeps all for later. It disturbs nobody, so it gets every revision, at once: no hold, no silence, no storm."""

GROUPERS: Final = frozenset({"alertmanager", "grafana", "keep"})
"""Machines that make of many what they like, and forget what is not told again: they hear of each, and of no digest."""

REHEARSES: Final = frozenset({"argocd", "kubernetes"})
"""What can say what it would do, and do nothing: it is asked to for the dry run of a playbook."""

PEOPLE: Final = frozenset({"email", "gitlab_alerts", "jira", "opsgenie", "pagerduty", "slack", "teams"})
"""What people read, so that it is throttled by default; others are only where `burst` or `every` is written."""
