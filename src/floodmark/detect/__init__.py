"""Signals become series, series are judged: see `stage` for the whole, `series` for the common currency, `twin` for the
same as objects of River."""

from floodmark.detect.stage import DetectStage
from floodmark.detect.twin import HeadDetector, SeriesDetector, SeriesDrift

__all__ = ["DetectStage", "HeadDetector", "SeriesDetector", "SeriesDrift"]
