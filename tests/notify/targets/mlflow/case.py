"""MLflow in the shared suite: a tag set twice is a tag."""

from __future__ import annotations

from suite import Case, Taker

CASES = [
    Case(
        kind="mlflow",
        section={"url": "http://mlflow:5000", "alias": "champion", "token": "mlf-0f9e8d7c6b5a"},
        hosts=frozenset({"mlflow:5000"}),
        vendor=lambda: Taker(body=b"{}"),
    )
]
