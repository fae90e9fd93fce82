"""Monitors of machine-learning models: labels joined to predictions, performance, and drift of what goes in and out.

Reads predictions and outcomes in one order, makes series and findings. Never does I/O and never judges a series.
"""

from floodmark.detect.predictions.monitor import ModelMonitors

__all__ = ["ModelMonitors"]
