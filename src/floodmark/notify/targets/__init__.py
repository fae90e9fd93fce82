"""What can be told: a package each, whose `sink(settings, exchange)` makes a `floodmark.notify.sink.Sink`.

It has the name of its section in `notify.targets.NAME` (`floodmark.config.targets`), and a README.md for whoever sets
it up.
"""
