"""Signals become series, series are judged: see `stage` for the whole, `series` for the common currency."""

from floodmark.detect.stage import DetectStage

__all__ = ["DetectStage"]
