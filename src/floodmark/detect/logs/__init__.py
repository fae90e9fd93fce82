"""Logs become series: templates are mined online, lines counted by window, and lines kept as evidence."""

from floodmark.detect.logs.miner import Match, Template, TemplateMiner
from floodmark.detect.logs.sources import LogSources, source_key

__all__ = ["LogSources", "Match", "Template", "TemplateMiner", "source_key"]
