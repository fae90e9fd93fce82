"""What can be told: a package each, whose `sink(settings, exchange)` makes a `floodmark.notify.sink.Sink`.

It has the name of its section in `notify.targets.NAME` (`floodmark.config.targets`), and a README.md for whoever sets
it up. `build` makes the sink of a target of the config.
"""

from __future__ import annotations

from importlib import import_module

from floodmark.config.notify import Target
from floodmark.notify.secrets import Guarded, Secrets, masking
from floodmark.notify.sink import Exchange, Sink


def build(target: Target, exchange: Exchange) -> Sink:
    """The sink of a target, whose outcomes hold none of its secrets. Its requests go through `exchange`."""
    kind = target.kind()
    settings = getattr(target, kind)
    secrets = Secrets(settings)
    made: Sink = import_module(f"{__name__}.{kind}").sink(settings, masking(exchange, secrets))
    return Guarded(made, secrets)
