"""Options of earlier releases are taken, do nothing, and are said to do nothing, with what to do instead."""

import pytest

from floodmark.config.loader import ConfigError, load_with_warnings
from floodmark.config.models import Correlate

INPUTS = "inputs: [{topic: a, signal: log}]\n"


def loaded(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(INPUTS + text)
    found = load_with_warnings(path)
    return found.config, [str(warning) for warning in found.warnings]


@pytest.mark.parametrize("option", ["cap: 8m", "alone: 5m", "cap: nonsense", "alone:"])
def test_a_retired_option_is_a_warning_and_nothing_else(tmp_path, option):
    config, (warning,) = loaded(tmp_path, f"correlate:\n  gap: 2m\n  {option}\n")
    assert config.correlate == Correlate(gap=120)
    name = option.partition(":")[0]
    assert f"c.yaml:4:3: correlate.{name}: is no longer an option and has no effect" in warning
    assert warning.endswith("remove it")


def test_both_are_said_each_at_its_place(tmp_path):
    config, warnings = loaded(tmp_path, "correlate: {cap: 1h, alone: 1s}\n")
    assert config.correlate == Correlate()
    assert len(warnings) == 2


@pytest.mark.parametrize("text", ["correlate: {caps: 1h}\n", "detect: {cap: 1h}\n", "cap: 1h\n", "correlate: [cap]\n"])
def test_what_was_never_an_option_is_refused_as_ever(tmp_path, text):
    with pytest.raises(ConfigError):
        loaded(tmp_path, text)
