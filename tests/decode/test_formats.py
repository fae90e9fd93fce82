"""The names that the configuration knows and the decoders that there are must be the same."""

from typing import get_args

import pytest

from floodmark.config.formats import CARRIES, FormatName
from floodmark.config.models import Limits
from floodmark.decode import COLUMNS, DECODERS, decoder

PAIRS = [(format, signal) for format, signals in CARRIES.items() for signal in signals]


def test_every_pair_has_its_decoder():
    assert set(CARRIES) == set(get_args(FormatName))
    assert set(DECODERS) == {(format, signal) for format, signal in PAIRS if format not in ("auto", "json")}
    assert set(COLUMNS) <= {format for format, signal in PAIRS if signal == "metric"}


@pytest.mark.parametrize(("format", "signal"), [pair for pair in PAIRS if pair[0] != "json"])
def test_a_decoder_starts_with_nothing_repaired(format, signal):
    assert not any(decoder(signal, format, Limits()).counts().values())
