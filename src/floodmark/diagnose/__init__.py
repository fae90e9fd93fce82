"""What is between a config and an engine that works: cluster, rights, what flows in, the store. Changes nothing.

    finding.py   one thing that was looked at: how it is, where, and what to do
    asking.py    what Kafka says of itself, of topics, groups and rights; without a group, and nothing is committed
    topics.py    how brokers and topics should be, for this config
    rights.py    what must be granted
    sampling.py  the newest records of a topic
    contents.py  what records hold for an input: signals, series, refusals, keys, clocks
    inputs.py    how that should be
    guessing.py  which signal, format, envelope and mapping fit records that nobody has described
    fields.py    a mapping for somebody else's JSON
    drafting.py  a commented config from what was guessed
    store.py     the store of snapshots
    engine.py    the engine that runs, asked at its endpoint

Only asking, sampling, store and engine speak to anybody; the rest is plain functions.
"""
