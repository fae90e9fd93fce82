"""Grafana's dashboards of Floodmark as code; what Grafana reads is dashboards/*.json, which this writes.

    python deploy/grafana/dashboards.py           # write them
    python deploy/grafana/dashboards.py --check   # say whether they are what the code says (make lint)

Needs grafana-foundation-sdk. Each expression is tried against a real Prometheus
by tests/integration/test_monitoring.py.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueGraphMode, LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
)

FOLDER = Path(__file__).parent / "dashboards"
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
WIDE = 24
RATE = "[$__rate_interval]"


def of(name: str, **labels: str) -> str:
    """A selector of a metric, of the jobs that are chosen. A value that begins with ~ is a regular expression."""
    both = {"job": "~$job", **labels}
    matchers = (
        label + ("=~" if value[:1] == "~" else "=") + f'"{value.lstrip(chr(126))}"' for label, value in both.items()
    )
    return f"{name}{{{','.join(matchers)}}}"


def rate(name: str, **labels: str) -> str:
    return f"rate({of(name, **labels)}{RATE})"


def hour(name: str, **labels: str) -> str:
    return f"increase({of(name, **labels)}[1h])"


def quantile(share: float, name: str, by: str) -> str:
    """A quantile of a histogram, by one label."""
    return f"histogram_quantile({share}, sum by (le, {by}) ({rate(f'{name}_bucket')}))"


def query(number: int, expression: str, legend: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + number))


def lines(title: str, unit: str, *targets: tuple[str, str], says: str = "", width: int = 12) -> timeseries.Panel:
    """A panel of lines: pairs of an expression and what its lines are called."""
    panel = timeseries.Panel().title(title).unit(unit).datasource(SOURCE).span(width).height(8)
    panel = panel.line_width(1).fill_opacity(8).min(0)
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    panel = panel.legend(legend.show_legend(True))
    if says:
        panel = panel.description(says)
    for number, (expression, name) in enumerate(targets):
        panel = panel.with_target(query(number, expression, name))
    return panel


def one(title: str, unit: str, expression: str, *, says: str = "", bad: float | None = None, low: bool = False) -> Any:
    """A panel of one number; red from `bad` on (`low`: below it)."""
    panel = stat.Panel().title(title).unit(unit).datasource(SOURCE).span(4).height(4)
    panel = panel.graph_mode(BigValueGraphMode.NONE if low else BigValueGraphMode.AREA)
    if says:
        panel = panel.description(says)
    if bad is not None:
        first, then = ("red", "green") if low else ("green", "red")
        steps = [Threshold(value=None, color=first), Threshold(value=bad, color=then)]
        panel = panel.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    return panel.with_target(query(0, expression, title))


def board(name: str, title: str, says: str, rows: Mapping[str, list[Any]]) -> dashboard.Dashboard:
    """A dashboard of rows of panels."""
    made = (
        dashboard.Dashboard(f"Floodmark: {title}")
        .uid(f"floodmark-{name}")
        .description(says)
        .tags(["floodmark"])
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Floodmark").type(DashboardLinkType.DASHBOARDS).tags(["floodmark"]).keep_time(True)
        )
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(
            dashboard.QueryVariable("job")
            .label("Job")
            .datasource(SOURCE)
            .query("label_values(floodmark_build_info, job)")
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .multi(True)
            .include_all(True)
        )
    )
    for row, panels in rows.items():
        made = made.with_row(dashboard.Row(row))
        for panel in panels:
            made = made.with_panel(panel)
    return made


def engine() -> dashboard.Dashboard:
    events, state = "floodmark_task_events_total", "floodmark_task_state"
    well = [
        one("Ready", "bool_yes_no", f"min({of('floodmark_ready')})", bad=1, low=True, says="/readyz says why not"),
        one("Records behind", "short", f"sum({of('floodmark_lag_records')})", bad=50_000),
        one("All records a second", "short", f"sum({rate('floodmark_records_total')})"),
        one("Dead letters, 1 h", "short", f"sum({hour('floodmark_dead_letters_total')})", bad=1),
        one(
            "Records lost, 24 h",
            "short",
            f"sum(increase({of('floodmark_records_lost_total')}[24h])) or vector(0)",
            bad=1,
            says="Kafka deleted them before they were read",
        ),
        one("Kafka away", "s", f"max({of('floodmark_kafka_away_seconds')})", bad=30),
    ]
    flow = [
        lines(
            "Records not taken yet",
            "short",
            (f"sum by (group, topic) ({of('floodmark_lag_records')})", "{{group}} {{topic}}"),
        ),
        lines("Records a second", "short", (f"sum by (topic) ({rate('floodmark_records_total')})", "{{topic}}")),
        lines(
            "Time for a slice of records",
            "s",
            (quantile(0.5, "floodmark_process_seconds", "group"), "{{group}} median"),
            (quantile(0.99, "floodmark_process_seconds", "group"), "{{group}} 99 %"),
        ),
        lines(
            "Transactions a second",
            "ops",
            (f"sum by (group, result) ({rate('floodmark_transactions_total')})", "{{group}} {{result}}"),
        ),
        lines(
            "What is waited for",
            "s",
            (f"max by (topic) ({of('floodmark_correlate_oldest_wait_seconds')})", "oldest anomaly in {{topic}}"),
            says="The correlator waits for the slowest detect task, so that all tell one story",
        ),
        lines(
            "Starts",
            "short",
            (f"sum by (group) ({hour('floodmark_rebalances_total')})", "{{group}} assignments an hour"),
            (f"sum by (group, topic) ({of('floodmark_replay_records')})", "{{group}} {{topic}} still to be replayed"),
        ),
    ]
    said = [
        lines(
            "Refused, skipped, late, forgotten",
            "short",
            (
                f"sum by (event, reason) ({rate(events, event='~refused|skipped|late.*|evicted.*')})",
                "{{event}} {{reason}}",
            ),
            says="A second. Refused ones are in the dead letters",
        ),
        lines(
            "Held back on purpose",
            "short",
            (f"sum by (event, reason) ({hour(events, event='~held|held_back')})", "{{event}} {{reason}}"),
            says="An hour: hours, maintenance, what people have said, what may be no more than chance",
        ),
    ]
    held = [
        lines(
            "Series, sources, models",
            "short",
            (
                f"sum by (kind) ({of(state, kind='~series|log_sources|log_templates|models|entities|warming')})",
                "{{kind}}",
            ),
        ),
        lines("Memory", "bytes", (of("process_resident_memory_bytes"), "{{instance}}")),
        lines("Cores", "short", (rate("process_cpu_seconds_total"), "{{instance}}")),
        lines(
            "Age of the newest snapshot",
            "s",
            (f"max by (group, topic) ({of('floodmark_snapshot_age_seconds')})", "{{group}} {{topic}}"),
            says="A restart replays as much",
        ),
        lines(
            "The state's store",
            "s",
            (quantile(0.99, "floodmark_state_store_seconds", "operation"), "{{operation}} 99 %"),
        ),
        lines(
            "Snapshots an hour",
            "short",
            (f"sum by (result) ({hour('floodmark_snapshots_total')})", "{{result}}"),
            (f"sum by (reason) ({hour('floodmark_state_store_failures_total')})", "store: {{reason}}"),
        ),
    ]
    rows = {"Is it well?": well, "Flow": flow, "What is not judged": said, "State": held}
    return board("engine", "Engine", "Is the engine well, and does it keep up?", rows)


def incidents() -> dashboard.Dashboard:
    events, state = "floodmark_task_events_total", "floodmark_task_state"
    anomalies, opened = of(events, event="anomalies"), of(events, event="incidents", reason="opened")
    now = [
        one("Open incidents", "short", f"sum({of(state, kind='open_incidents')})"),
        one("Opened, 24 h", "short", f"sum(increase({of(events, event='incidents', reason='opened')}[24h]))"),
        one("Open alarms", "short", f"sum({of(state, kind='open_alarms')})", says="Series that are odd now"),
        one("Anomalies, 24 h", "short", f"sum(increase({anomalies}[24h]))"),
        one(
            "Anomalies an incident",
            "short",
            f"sum(increase({anomalies}[24h])) / sum(increase({opened}[24h]))",
            says="How much of the noise is put together",
        ),
        one(
            "Alarms, series and week",
            "short",
            f"7 * sum(increase({anomalies}[1d])) / sum({of(state, kind='series')})",
            says="Real faults included; 7 is the default budget of one a day. Far above it the budget does not fit",
        ),
    ]
    course = [
        lines(
            "Revisions of incidents, an hour",
            "short",
            (f"sum by (reason) ({hour(events, event='incidents')})", "{{reason}}"),
            width=WIDE,
        ),
        lines(
            "Anomalies opened an hour, by head",
            "short",
            (f"sum by (reason) ({hour(events, event='anomalies')})", "{{reason}}"),
        ),
        lines(
            "What is held",
            "short",
            (
                f"sum by (kind) ({of(state, kind='~open_incidents|candidates|resolved_incidents|open_alarms')})",
                "{{kind}}",
            ),
            says="Candidates may yet be no more than chance",
        ),
    ]
    late = [
        lines(
            "From the first odd record to being told",
            "s",
            (quantile(0.5, "floodmark_delay_seconds", "stage"), "{{stage}} median"),
            (quantile(0.9, "floodmark_delay_seconds", "stage"), "{{stage}} 90 %"),
        ),
        lines(
            "Of that: how much more had to be seen",
            "s",
            (quantile(0.5, "floodmark_decision_seconds", "stage"), "{{stage}} median"),
            (quantile(0.9, "floodmark_decision_seconds", "stage"), "{{stage}} 90 %"),
            says="Event time, the same on any machine. The rest was on its way: senders, backlog, machine",
        ),
    ]
    people = [
        lines(
            "What people did to incidents, an hour",
            "short",
            (f"sum by (reason) ({hour(events, event='actions')})", "{{reason}}"),
        ),
        lines(
            "What people have said",
            "short",
            (f"sum({of('floodmark_feedback_standing')})", "verdicts that stand"),
            (f"sum({of('floodmark_maintenance_standing')})", "maintenance that is announced"),
        ),
    ]
    rows = {"Now": now, "Course": course, "How late": late, "People": people}
    return board("incidents", "Incidents", "What is told, how much of it, and how late", rows)


def models() -> dashboard.Dashboard:
    events, state = "floodmark_task_events_total", "floodmark_task_state"
    watched = [
        one("Models", "short", f"sum({of(state, kind='models')})"),
        one("Versions", "short", f"sum({of(state, kind='versions')})"),
        one("Features", "short", f"sum({of(state, kind='features')})"),
        one("Predictions a second", "short", f"sum({rate(events, event='predictions')})"),
        one("Outcomes a second", "short", f"sum({rate(events, event='outcomes')})"),
        one("Requests unanswered", "short", f"sum({of(state, kind='pending_requests')})"),
    ]
    unmet = "~expired_.*|evicted_(prediction|outcome)|duplicate_.*|late_.*"
    flow = [
        lines(
            "Predictions and outcomes a second",
            "short",
            (f"sum by (event) ({rate(events, event='~predictions|outcomes|joined')})", "{{event}}"),
            says="joined: a prediction met its outcome, and performance is known",
        ),
        lines(
            "Waiting for each other",
            "short",
            (
                f"sum by (kind) ({of(state, kind='~pending_predictions|pending_outcomes|pending_requests')})",
                "{{kind}}",
            ),
        ),
        lines(
            "Not joined, an hour",
            "short",
            (
                f"sum by (event) ({hour(events, event=unmet)})",
                "{{event}}",
            ),
            says="expired: the other half never came within `models[].join`; evicted: too many waited",
        ),
        lines(
            "Features left out, an hour",
            "short",
            (f"sum by (event) ({hour(events, event='~feature_.*|incomparable_label|missing_label')})", "{{event}}"),
        ),
    ]
    said = [
        lines(
            "Anomalies of models an hour, by head",
            "short",
            (
                f"sum by (reason) (increase({of(events, event='anomalies')}[1h])"
                f" and on (job, instance, group, topic, partition) {of(state, kind='models')} > 0)",
                "{{reason}}",
            ),
            width=WIDE,
            says="Of the tasks that watch models; drift, performance and the series that are made of predictions",
        ),
    ]
    rows = {"What is watched": watched, "Predictions and outcomes": flow, "What is said": said}
    return board("models", "Models", "Are predictions and outcomes coming, and do they meet?", rows)


def people() -> dashboard.Dashboard:
    told = [
        one("Undelivered", "short", f"sum({of('floodmark_notify_pending')})"),
        one("Oldest undelivered", "s", f"max({of('floodmark_notify_oldest_pending_seconds')})", bad=900),
        one("Given up, 24 h", "short", f"sum(increase({of('floodmark_notify_unreachable_total')}[24h]))", bad=1),
        one("Escalations, 24 h", "short", f"sum(increase({of('floodmark_notify_escalations_total')}[24h]))"),
        one("Muted, 24 h", "short", f"sum(increase({of('floodmark_notify_silenced_total')}[24h]))"),
        one("Had to wait, 24 h", "short", f"sum(increase({of('floodmark_notify_throttled_total')}[24h]))"),
    ]
    notify = [
        lines(
            "Messages an hour",
            "short",
            (f"sum by (target, result) ({hour('floodmark_notify_sent_total')})", "{{target}} {{result}}"),
        ),
        lines(
            "From Kafka to the target",
            "s",
            (quantile(0.5, "floodmark_notify_delay_seconds", "target"), "{{target}} median"),
            (quantile(0.95, "floodmark_notify_delay_seconds", "target"), "{{target}} 95 %"),
            says="With the time that it was held on purpose",
        ),
        lines(
            "What desks hold",
            "short",
            (f"sum by (kind) ({of('floodmark_notify_state')})", "{{kind}}"),
            (f"sum({of('floodmark_notify_pending')})", "pending"),
        ),
        lines(
            "What desks do besides, an hour",
            "short",
            (f"sum by (event, reason) ({hour('floodmark_notify_events_total')})", "{{event}} {{reason}}"),
            (f"sum by (result) ({hour('floodmark_notify_records_total')})", "records {{result}}"),
        ),
    ]
    console = [
        one("Console behind", "s", f"max({of('floodmark_console_behind_seconds')})", bad=120),
        one("Records behind", "short", f"sum({of('floodmark_console_behind_records')})"),
        one("Open pages", "short", f"sum({of('floodmark_console_sse_clients')})"),
        one("Gaps, 24 h", "short", f"sum(increase({of('floodmark_console_sse_gaps_total')}[24h]))"),
        one("Size of the view", "bytes", f"sum({of('floodmark_console_store_bytes')})"),
        one("Built again, 24 h", "short", f"sum(increase({of('floodmark_console_rebuilds_total')}[24h]))"),
        lines(
            "Requests, 95 %",
            "s",
            (f"histogram_quantile(0.95, sum by (le) ({rate('floodmark_console_requests_seconds_bucket')}))", "95 %"),
        ),
        lines(
            "Records a second, by topic",
            "short",
            (f"sum by (topic, result) ({rate('floodmark_console_records_total')})", "{{topic}} {{result}}"),
        ),
        lines(
            "What people do, an hour",
            "short",
            (f"sum by (verb, result) ({hour('floodmark_actions_total')})", "{{verb}} {{result}}"),
        ),
    ]
    gateway = [
        lines(
            "Webhooks, an hour",
            "short",
            (
                f"sum by (source, result, reason) ({hour('floodmark_gateway_requests_total')})",
                "{{source}} {{result}} {{reason}}",
            ),
        ),
        lines("Time for a webhook, 95 %", "s", (quantile(0.95, "floodmark_gateway_seconds", "source"), "{{source}}")),
    ]
    rows = {
        "Who was told?": told,
        "floodmark notify": notify,
        "floodmark console": console,
        "floodmark gateway": gateway,
    }
    return board("people", "Notify & Console", "Are people told, and do they see what is?", rows)


def written() -> dict[str, str]:
    """The files, by their names."""
    boards = {"engine": engine(), "incidents": incidents(), "models": models(), "people": people()}
    return {
        f"{name}.json": JSONEncoder(sort_keys=True, indent=1).encode(b.build()) + "\n" for name, b in boards.items()
    }


def main(arguments: list[str]) -> int:
    files = written()
    if arguments == ["--check"]:
        there = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
        wrong = sorted(name for name in files.keys() | there.keys() if files.get(name) != there.get(name))
        if wrong:
            sys.stderr.write(f"{FOLDER}: {', '.join(wrong)} not as the code says. Run: make dashboards\n")
        return bool(wrong)
    if arguments:
        sys.stderr.write("usage: dashboards.py [--check]\n")
        return 2
    FOLDER.mkdir(exist_ok=True)
    for name, text in files.items():
        (FOLDER / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
