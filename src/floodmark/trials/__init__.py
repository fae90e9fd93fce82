"""Tests of a config: input that is described becomes events, and what came is held against what was expected. Pure."""
