"""Floodmark: telemetry in Kafka becomes few, explained incidents."""

__version__ = "0.1.0"
