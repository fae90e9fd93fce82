"""Anomalies become incidents: grouped, explained, with their causes ranked.

A reader follows an item through `stage` → `order` → `lifecycle` → (`relations`, `windows`) → `causes` → `narrate`.
"""

from floodmark.correlate.stage import CorrelateStage

__all__ = ["CorrelateStage"]
