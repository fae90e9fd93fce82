"""How what an input holds should be, and how it is: read, fresh, keyed by its series, and in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from floodmark.config.models import Config, Input
from floodmark.diagnose.contents import Contents, contents
from floodmark.diagnose.finding import Finding, Mark, lasting, spell
from floodmark.diagnose.guessing import guess
from floodmark.diagnose.sampling import Sample
from floodmark.flow import REKEYED
from floodmark.records import Record, Schemas

FAST: Final = 5.0
"""Seconds that a clock may be ahead of Kafka's: what is sent cannot be older than nothing."""
LATE: Final = 120.0
"""Seconds that the quickest event of a source may need to Kafka."""
STALE: Final = 3_600.0
_WORST: Final = 5
_NOUNS: Final = {
    "metric": ("series", "series"), "log": ("log source",), "prediction": ("model",), "outcome": ("model",),
}  # fmt: skip
_RARE: Final = ("action", "alert", "change", "outcome", "prediction")


def inputs(
    config: Config,
    samples: dict[str, Sample],
    partitions: dict[str, int],
    now: float,
    schemas: Schemas | None = None,
) -> Iterator[Finding]:
    """`now`: the time of this machine, in epoch seconds. `schemas`: those that the samples need."""
    for source in config.inputs:
        sample = samples.get(source.topic)
        if sample is None:
            continue
        if sample.reason:
            yield Finding("inputs", "unknown", source.topic, f"cannot be sampled: {sample.reason}")
        elif not sample.records:
            yield _nothing(config, source, held=bool(sample.held))
        else:
            found = contents(config, source, sample.records, schemas)
            yield from _read(config, source, found, sample.records)
            yield from _keys(source, found, partitions.get(source.topic, 1))
            yield from _clocks(config, source, found, now)


def _nothing(config: Config, source: Input, *, held: bool) -> Finding:
    posted = config.gateway.sources if config.gateway is not None else {}
    names = [name for name, each in posted.items() if each.topic == source.topic]
    todo = "does the producer write to this topic?"
    if names:
        todo = f"does it come by floodmark gateway, from who posts to /{names[0]}?"
    if held:
        return Finding("inputs", "warning", source.topic, "holds nothing that can be read", todo)
    if source.signal in ("action", "alert", "change"):  # what is quiet for days, and well all the same
        return Finding("inputs", "ok", source.topic, f"is empty: no {source.signal} has come yet", more=(todo,))
    return Finding("inputs", "warning", source.topic, "is empty: nothing can be told until something comes", todo)


def _read(config: Config, source: Input, found: Contents, records: Sequence[Record]) -> Iterator[Finding]:
    sampled = f"of the newest {spell(found.records, 'record')}"
    if found.accepted:
        kinds = ", ".join(f"{count:,} {kind}{'s' * (count != 1)}" for kind, count in found.signals.most_common())
        things = spell(len(found.series), *_NOUNS.get(source.signal, ("service",)))
        words = f"{sampled}: {kinds}; {things}"
        if found.things and source.signal == "metric":
            words += f" of {_some(sorted(found.things))}"
        words += f"; from {_time(found.earliest)} to {_time(found.latest)}"
        if found.formats:
            told = ", ".join(f"{name} ({count:,})" for name, count in found.formats.most_common())
            words += f"; {source.format} tells {told}"
        yield Finding("inputs", "ok", source.topic, words, more=(f"for example {found.example}",))
    if found.rejected:
        yield _refused(config, source, found, records)
    if found.tombstones:
        words = f"{spell(found.tombstones, 'record')} without a value (of a compacted topic) will be refused as empty"
        yield Finding("inputs", "warning", source.topic, words, "do they belong here?")
    nameless = len(found.series.get("(no source)", ())) if source.signal == "log" else 0
    if nameless:
        words = f"log lines without any of the labels {', '.join(config.logs.source)} are all one source"
        yield Finding("inputs", "warning", source.topic, words, "name the label of theirs in logs.source, or map one")


def _refused(config: Config, source: Input, found: Contents, records: Sequence[Record]) -> Finding:
    share = 1 - found.share
    reasons = sorted(found.refused.items(), key=lambda pair: (-pair[1].count, pair[0]))
    more = [f"{each.count:,} {error}: {each.message}; for example {each.example}" for error, each in reasons[:_WORST]]
    words = f"{spell(found.rejected, 'event')} ({share:.0%}) would be refused"
    todo = "floodmark dead-letters show has them once the engine runs; mend the producer"
    better = guess(config, records, source.topic) if share > 0.5 else None
    if better is not None and better.share > found.share + 0.3:
        what = f"signal: {better.source.signal}, format: {better.source.format}"
        envelope = f", envelope: {better.source.envelope}" if better.source.envelope != "none" else ""
        mapping = " and fields as floodmark init would write them" if better.source.fields is not None else ""
        todo = f"write {what}{envelope}{mapping}: so {better.share:.0%} would be read"
    mark: Mark = "problem" if share > 0.5 else "warning"
    return Finding("inputs", mark, source.topic, words, todo, tuple(more))


def _keys(source: Input, found: Contents, partitions: int) -> Iterator[Finding]:
    if source.signal not in REKEYED or partitions < 2 or source.rekey:
        return
    split = sorted(name for name, on in found.series.items() if len(on) > 1)
    keyless = found.keyless / max(1, found.records)
    if split:
        on = sorted(found.series[split[0]])
        words = f"{len(split):,} of {len(found.series):,} series come on several partitions"
        cause = f": {keyless:.0%} of the records have no key" if found.keyless else ", whatever their key"
        words += f"{cause}; {split[0][:100]} on {', '.join(map(str, on))}"
        todo = "set rekey: true for this input, or let the producer key by series (by source for logs)"
        yield Finding("inputs", "problem", source.topic, words, todo)
    elif found.keyless:
        words = (
            f"{keyless:.0%} of the records have no key: a series may come on several partitions, and be learned on each"
        )
        yield Finding("inputs", "warning", source.topic, words, "set rekey: true for this input, or key by series")


def _clocks(config: Config, source: Input, found: Contents, now: float) -> Iterator[Finding]:
    if found.impossible:
        words = f"Kafka's time of {spell(found.impossible, 'record')} is no time between 1973 and 2100"
        todo = "let the producer send milliseconds, or set message.timestamp.type=LogAppendTime"
        yield Finding("clocks", "warning", source.topic, words, todo)
    late = -LATE if source.signal not in _RARE else -float("inf")  # what is said of the past comes when it is known
    wrong = [(name, ahead) for name, ahead in found.ahead.items() if ahead > FAST or ahead < late]
    wrong.sort(key=lambda pair: -abs(pair[1]))
    if wrong:
        lines = [f"{name[:100]} {_skew(ahead)}" for name, ahead in wrong[:_WORST]]
        rest = f", and {len(wrong) - _WORST:,} more" if len(wrong) > _WORST else ""
        words = f"the time of {spell(len(wrong), 'source')} of {len(found.ahead):,} does not fit Kafka's{rest}"
        far = max(ahead for _, ahead in wrong)
        refused = far > config.limits.ahead
        todo = (
            "set these clocks by NTP"
            if any(abs(a) < 900 for _, a in wrong)
            else "let the producer send times with their offset"
        )
        yield Finding("clocks", "problem" if refused else "warning", source.topic, words, todo, tuple(lines))
    elif found.ahead:
        words = f"the times of {spell(len(found.ahead), 'source')} fit Kafka's"
        yield Finding("clocks", "ok", source.topic, words)
    if found.arrived > now + FAST:
        words = f"Kafka's time of the newest record is {lasting(found.arrived - now)} ahead of this machine's clock"
        yield Finding(
            "clocks", "warning", source.topic, words, "set the clock of the producer, the broker or this machine"
        )
    elif found.arrived and now - found.arrived > STALE and source.signal not in _RARE:
        words = f"the newest record came {lasting(now - found.arrived)} ago"
        yield Finding("inputs", "warning", source.topic, words, "does the producer still run?")


def _skew(ahead: float) -> str:
    """A skew in words. Whole hours are a time zone, what is behind may have been sent late."""
    hours = round(ahead / 1800) / 2
    if hours and abs(ahead - hours * 3600) < 150:
        return f"is {lasting(ahead)} {'ahead' if ahead > 0 else 'behind'}: local time written as if it were UTC?"
    if ahead > 0:
        return f"is {lasting(ahead)} ahead or more"
    return f"is {lasting(ahead)} behind, or sends so late"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3:,} more"


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
