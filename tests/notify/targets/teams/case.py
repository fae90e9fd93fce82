"""Teams in the shared suite: a workflow takes everything, and knows nothing of what it has posted."""

from __future__ import annotations

from suite import Case, Taker

CASES = [
    Case(
        kind="teams",
        section={
            "webhook": "https://prod-99.westeurope.logic.azure.com/workflows/abcdef0123456789/triggers/manual/paths/invoke"
            "?api-version=2016-06-01&sig=SigSigSig-0987654321"
        },
        hosts=frozenset({"prod-99.westeurope.logic.azure.com"}),
        vendor=lambda: Taker(202),
        most=20_000,
    )
]
