"""`floodmark init`: look at the topics, guess what they hold, write a commented config."""

from __future__ import annotations

import asyncio
import fnmatch
import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from floodmark.cli.speaking import err, fail, out
from floodmark.config.loader import ConfigError, load_with_warnings
from floodmark.config.models import Config, Input, Kafka
from floodmark.config.problems import did_you_mean
from floodmark.diagnose.asking import Topic, names
from floodmark.diagnose.contents import Contents
from floodmark.diagnose.drafting import Drafted, draft, template
from floodmark.diagnose.finding import spell
from floodmark.diagnose.guessing import guess, why_not
from floodmark.diagnose.sampling import Sample, sample
from floodmark.runtime import RunError

_INTERNAL: Final = re.compile(
    r"_.*|.*-(?:changelog|repartition)|.*KSTREAM.*|.*(?:connect|mm2)[-_.](?:configs?|offsets?|status)(?:\..*)?|"
    r".*\.(?:heartbeats|checkpoints\.internal)|strimzi\..*|schemas?-?history.*"
)
"""Topics that other systems keep for themselves."""
_PIPED: Final = 200
"""Columns of a table that nobody looks at in a terminal."""


def init(
    brokers: Annotated[str, typer.Option(help="host:port, several with commas; left out, a template is written.")] = "",
    topics: Annotated[str, typer.Option(help="Only these topics, with commas; also globs: 'shop.*'.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Topics that other systems keep for themselves, too.")
    ] = False,
    output: Annotated[Path, typer.Option("--out", "-o", help="The file to write; - for standard output.")] = Path(
        "floodmark.yaml"
    ),
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")] = False,
    records: Annotated[
        int, typer.Option(min=1, max=5000, help="Newest records that are read of each partition.")
    ] = 200,
    timeout: Annotated[float, typer.Option(min=0.5, help="Seconds that each answer may take.")] = 10.0,
    group: Annotated[str, typer.Option(help="Prefix of the consumer groups.")] = "floodmark",
    protocol: Annotated[str, typer.Option(help="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.")] = "PLAINTEXT",
    mechanism: Annotated[str, typer.Option(help="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.")] = "",
    username: Annotated[str, typer.Option(help="SASL user name.")] = "",
    password: Annotated[
        str, typer.Option(help="Where the SASL password is: '${NAME}' or file:/path, never itself.")
    ] = "",
    ca_file: Annotated[str, typer.Option(help="PEM file of the authority of the brokers' certificates.")] = "",
) -> None:
    """Look at the topics, guess what they hold, and write a commented config that `floodmark check` accepts.

    Of each topic the newest records are read, without a group; every signal, format and envelope is tried on them, then
    a mapping for JSON of your own. What cannot be guessed stands in the file with the reason, commented out.
    """
    if str(output) != "-" and output.exists() and not force:
        fail(f"{output} is there already; write another with --out, or overwrite it with --force.")
    kafka, lines = _kafka(brokers, group, (protocol, mechanism, username, password, ca_file))
    if not brokers:
        _write(output, template(kafka))
        return
    wanted = [name for name in re.split(r"[,\s]+", topics) if name]
    try:
        found = asyncio.run(_look(kafka, wanted, everything, records, timeout))
    except RunError as error:
        fail(str(error))
    if not found:
        fail("There is no topic to look at: name some with --topics, or take in those of other systems with --all.")
    if str(output) != "-":
        _show(found)
    _write(output, draft(kafka, lines, found))


def _kafka(brokers: str, group: str, security: Sequence[str]) -> tuple[Kafka, list[str]]:
    """How to reach the cluster, and the lines that say so in the file."""
    servers = [server for server in re.split(r"[,\s]+", brokers) if server] or ["localhost:9092"]
    keys = ("protocol", "sasl_mechanism", "username", "password", "ca_file")
    given = {key: value for key, value in zip(keys, security, strict=True) if value}
    if given.get("password") and not re.match(r"\$\{\w+|file:", given["password"]):
        fail(
            "--password says where the password is: '${NAME}' or file:/path. Here everybody could read it.",
            2,
        )
    lines = (
        []
        if set(given) == {"protocol"} and given["protocol"] == "PLAINTEXT"
        else [f"{k}: {v}" for k, v in given.items()]
    )
    text = "\n".join(["kafka:", f"  brokers: [{', '.join(repr(server) for server in servers)}]", f"  group: {group}"])
    if lines:
        text += "\n  security:\n" + "\n".join(f"    {line}" for line in lines)
    return _loaded(text + "\n").kafka, lines


def _quoted(value: str) -> str:
    return value if re.fullmatch(r"[\w./${}-]+|file:[\w./-]+", value) else json.dumps(value)


def _loaded(text: str) -> Config:
    """What is written, read as any config; its problems end the command."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "floodmark.yaml")
        path.write_text(text)
        try:
            return load_with_warnings(path).config
        except ConfigError as error:
            for problem in error.problems:
                err.print(f"{problem.path}: {problem.message}; {problem.hint}", markup=False, soft_wrap=True)
            fail("Nothing was written.", 2)


async def _look(kafka: Kafka, wanted: list[str], everything: bool, records: int, seconds: float) -> list[Drafted]:
    there = await names(kafka, seconds)
    patterns = bool(wanted)
    seen = _chosen(there, kafka.group, everything)
    wanted = [
        name for want in wanted for name in (fnmatch.filter(seen, want) if re.search(r"[*?\[]", want) else [want])
    ]
    for name in wanted:
        if name not in there:
            hint = did_you_mean(name, there) or "`floodmark init` without --topics lists what there is"
            fail(f"There is no topic {name}, or it may not be seen; {hint}")
    chosen = {name: there[name] for name in wanted} if wanted or patterns else seen
    readable = {name: len(topic.partitions) for name, topic in chosen.items() if not _unreadable(topic)}
    samples = await sample(kafka, readable, records, seconds)
    config = Config(kafka=kafka)
    return [
        Drafted(name, None, reason=_unreadable(topic)) if _unreadable(topic)
        else _guessed(config, name, len(topic.partitions), samples[name])
        for name, topic in sorted(chosen.items())
    ]  # fmt: skip


def _chosen(there: dict[str, Topic], group: str, everything: bool) -> dict[str, Topic]:
    """Not Kafka's own nor ours, and unless `everything` not those that other systems keep for themselves."""
    ours = (f"{group}.", "floodmark.")
    return {
        name: topic
        for name, topic in there.items()
        if not topic.internal and not name.startswith(("__", *ours)) and (everything or not _INTERNAL.fullmatch(name))
    }


def _unreadable(topic: Topic) -> str:
    if topic.error:
        return f"Kafka says {topic.error}"
    return "READ is not granted" if topic.rights is not None and "READ" not in topic.rights else ""


def _guessed(config: Config, name: str, partitions: int, found: Sample) -> Drafted:
    if found.reason:
        return Drafted(name, None, reason=f"it could not be read: {found.reason}")
    if not found.records:
        return Drafted(name, None, reason="it is empty, so that nobody can say what it holds")
    best = guess(config, found.records, name, partitions)
    if best is None:
        return Drafted(name, None, reason=why_not(config, found.records, name))
    return Drafted(name, best.source, best.found, remarks=_remarks(best.source, best.found))


def _remarks(source: Input, found: Contents) -> list[str]:
    kinds = ", ".join(spell(count, kind) for kind, count in found.signals.most_common())
    remarks = [f"{spell(found.records, 'record')} read: {kinds}. For example {found.example}"]
    for error, each in found.refused.items():
        remarks.append(f"Refused would be {spell(each.count, 'event')} ({error}): {each.message}")
    form = source.fields.timestamp_format if source.fields is not None else None
    if form is not None and not form.endswith(("z", "Z")):
        remarks.append(
            "Its times have no offset, and are taken as UTC; else add timezone: Europe/Berlin to the fields."
        )
    if source.fields is not None and source.fields.timestamp is None:
        remarks.append("No time was found in its events, so Kafka's counts; else add timestamp: to the fields.")
    return remarks


def _show(found: Sequence[Drafted]) -> None:
    table = Table(
        Column("topic", overflow="fold"), "signal", Column("format", overflow="fold"), Column("read", justify="right"),
        Column("series", justify="right"), Column("of", overflow="fold"),
        Column("for example", overflow="fold", max_width=70),
        box=None, header_style="bold",
    )  # fmt: skip
    for each in found:
        if each.source is None or each.found is None:
            continue
        form = each.source.format + (f" in {each.source.envelope}" if each.source.envelope != "none" else "")
        things = sorted(each.found.things)
        some = ", ".join(things[:2]) + (f" +{len(things) - 2}" if len(things) > 2 else "")
        table.add_row(
            Text(each.topic), each.source.signal, Text(form + (", rekey" if each.source.rekey else "")),
            f"{each.found.share:.0%}", f"{len(each.found.series):,}", Text(some), Text(each.found.example),
        )  # fmt: skip
    if table.row_count:
        (out if out.is_terminal else Console(highlight=False, width=_PIPED)).print(table)
        out.print()
    for each in found:
        if each.source is None:
            out.print(Text.assemble((f"{each.topic} is not read: ", "yellow"), each.reason), soft_wrap=True)


def _write(output: Path, text: str) -> None:
    _loaded_quietly(text)
    if str(output) == "-":
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        fail(f"{output} cannot be written: {error.strerror}")
    out.print(
        f"Written: {output}. Read it, then: floodmark check, floodmark topics create, floodmark doctor, floodmark run",
        markup=False,
        soft_wrap=True,
    )


def _loaded_quietly(text: str) -> None:
    """What is written must be a config that can be used; an unset variable is for later."""
    environ = dict.fromkeys(re.findall(r"\$\{(\w+)", text), "-")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "floodmark.yaml")
        path.write_text(text)
        load_with_warnings(path, environ)
