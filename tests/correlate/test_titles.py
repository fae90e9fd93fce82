"""What the one on call reads: members in, titles out, as real producers name their series."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.alerts import Cause, Evidence
from floodmark.correlate.group import Group
from floodmark.correlate.narrate import title
from floodmark.correlate.symptoms import Symptom

from .making import T0, opened


def one(
    name, before, now, *, entity="payment", unit="", at=0.0, surprise=9.0, ended=None, facts=None, lines=(), **more
):
    """A symptom of a series that went from `before` to `now`; `ended`: seconds after `T0`."""
    direction = more.pop("direction", "up" if (now or 0) >= (before or 0) else "down")
    anomaly = opened(
        at,
        entity,
        name,
        unit=unit,
        expected=before,
        observed=now,
        direction=direction,
        surprise=surprise,
        evidence=Evidence(facts=facts or {}, lines=list(lines)),
        **more,
    )
    symptom = Symptom.of(anomaly, T0 + at, "first", late=False)
    symptom.id = f"{name}{sorted(anomaly.labels.items())}"
    symptom.ended = None if ended is None else T0 + ended
    return symptom


def group_of(*symptoms, lead=None, **more):
    ends = [s.ended for s in symptoms if s.ended is not None]
    group = Group(
        id="inc-1",
        scope="default",
        first=symptoms[0],
        started=min(s.started for s in symptoms),
        last_start=max(s.started for s in symptoms),
        last_end=max(ends, default=0.0),
        symptoms={s.id: s for s in symptoms},
        entities={s.entity: s.name for s in symptoms},
        open=sum(s.ended is None for s in symptoms),
        member_count=len(symptoms),
        **more,
    )
    lead = symptoms[0].entity if lead is None else lead
    group.causes = [Cause(entity=lead, share=0.9, reason="", anomalies=[s.id for s in symptoms if s.entity == lead])]
    return group


def log(name, before, now, *, template="", grade="", **more):
    facts = {"window_seconds": 60.0} if name in ("log_template", "log_errors", "log_lines") else {}
    key = {
        "log_new_templates": "new_template_1",
        "log_rare_templates": "rare_template_1",
        "log_errors": "commonest_error",
    }
    facts |= {key.get(name, "log.record.template"): template} if template else {}
    facts |= {"severity": grade} if grade else {}
    unit = {"log_error_ratio": "", "log_new_templates": "templates", "log_rare_templates": "templates"}.get(
        name, "lines"
    )
    worse = "both" if name in ("log_template", "log_lines", "log_parameter") else "up"
    labels = {"template": f"tpl-{template}"} if name == "log_template" else {}
    fields = {"signal": "log", "unit": unit, "worse": worse, "facts": facts, "labels": labels}
    return one(name, before, now, **(fields | more))


def codes(name, before, now, *, field="status", bad="5xx answers", **more):
    labels = {"field": field} | ({} if name == "log_code_mix" else {"codes": bad})
    unit = "lines" if name == "log_code_errors" else ""
    return one(name, before, now, **{"signal": "log", "unit": unit, "worse": "up", "labels": labels} | more)


def metric(name, before, now, **labels):
    return one(name, before, now, entity="db-1", labels={"service": "db-1"} | labels)


def others(*entities):
    return [one("http_errors_total", 0.1, 2, entity=entity, unit="1/s", at=60, surprise=5) for entity in entities]


ERRORS = {"unit": "1/s", "worse": "up"}

CASES = {
    # -- metrics of services, as native JSON, OpenTelemetry and Prometheus name them
    "payment: HTTP errors 0.1 → 38 a second": [one("http_errors_total", 0.1, 38, **ERRORS)],
    "payment: HTTP errors 0.1 → 38 a second; also checkout": [
        one("http_errors_total", 0.1, 38, **ERRORS), *others("checkout")],
    "payment: HTTP errors 0.1 → 38 a second; 3 more services affected": [
        one("http_errors_total", 0.1, 38, **ERRORS), *others("checkout", "web", "edge")],
    "payment: HTTP errors 0.64 → 1.3 a minute": [one("http_errors_total", 0.0106, 0.0214, **ERRORS)],
    "payment: HTTP errors 0.1 → 5 %; HTTP latency p95 215 → 275 ms": [
        one("http_error_ratio", 0.001, 0.05, unit="1", worse="up", surprise=20),
        one("http_errors_total", 0.1, 3, surprise=15, **ERRORS),  # the same in another unit
        one("http_latency_p95_ms", 214.9, 274.8, unit="ms", worse="up")],
    "payment: HTTP request duration p99 [POST /pay, code 500] 0.21 → 3.4 s": [
        one("http.server.request.duration_p99", 0.21, 3.4, unit="s", worse="up", labels={
            "http.request.method": "POST", "http.route": "/pay", "http.response.status_code": "500"})],
    "payment: HTTP requests [code 500] 0.1 → 38 a second": [
        one("http_requests_total", 0.1, 38, labels={"code": "500", "job": "payment", "instance": "payment"})],
    "payment: memory used 0.9 → 2.5 GB (3 pods)": [
        one("memory_used_bytes", 9e8, 2.5e9, unit="By", labels={"pod": f"payment-7d9f-{i}"}, surprise=9 - i)
        for i in range(3)],
    "payment: memory working set [payment-7d9f-2] 0.9 → 2.5 GB": [
        one("container_memory_working_set_bytes", 9e8, 2.5e9, labels={"pod": "payment-7d9f-2", "namespace": "shop"})],
    "payment: container restarts 0 → 4 a minute": [
        one("kube_pod_container_status_restarts_total", 0, 4 / 60, worse="up", labels={"namespace": "shop"})],
    "payment: JVM memory used [G1 Old Gen] 1.1 → 3.9 GB": [
        one("jvm.memory.used", 1.1e9, 3.9e9, unit="By", labels={"jvm.memory.pool.name": "G1 Old Gen"})],
    "payment: kafka consumer lag [orders, partition 3] 12 → 48,211": [
        one("kafka.consumer_lag", 12, 48_211, worse="up", labels={"topic": "orders", "partition": "3"})],
    "payment: availability ratio 99.95 → 99.1 %": [one("availability_ratio", 0.9995, 0.991, worse="down")],
    "payment: CPU usage rate 7 → 99 %; latency p90 0.6 → 45 s": [
        one("CpuUsageRate(%)", 7.04, 98.8, surprise=30), one("LatencyP90(s)", 0.603, 45, surprise=9)],
    # -- what hurts before what does not
    "payment: HTTP latency p95 0.2 → 3.1 s; HTTP requests 900 → 340 a second; HTTP errors 4 → 0.1 a second": [
        one("http_errors_total", 4, 0.1, surprise=200, **ERRORS),
        one("http_requests_total", 900, 340, unit="1/s", surprise=100),
        one("http_latency_p95", 0.2, 3.1, unit="s", worse="up", surprise=6)],
    "payment: HTTP errors 4 → 0.1 a second": [one("http_errors_total", 4, 0.1, surprise=200, **ERRORS)],
    "payment: requests 900 → 340 a second; memory used 929 → 886 MB": [
        one("memory_used_bytes", 929e6, 886e6, unit="By", surprise=12), one("requests", 900, 340, unit="1/s")],
    # -- hosts: collectd, node_exporter, Telegraf, Metricbeat
    "db-1: CPU [user] 3 → 96 % (2 series); CPU [idle, no. 0] 97 → 2 %": [
        *(one("cpu", 3, 96, entity="db-1", unit="/s", surprise=11 - i,
              labels={"host": "db-1", "plugin_instance": str(i), "type_instance": "user"}) for i in range(2)),
        one("cpu", 97, 2, entity="db-1", unit="/s", labels={"plugin_instance": "0", "type_instance": "idle"})],
    "db-1: CPU [idle] 97 → 2 %": [
        one("cpu", 97, 2, entity="db-1", unit="/s", worse="down", labels={"type_instance": "idle"})],
    "db-1: disk space [var, free] 56 → 14 GB": [
        metric("df_df_complex", 55.8e9, 13.9e9, plugin_instance="var", type_instance="free")],
    "db-1: disk pending operations [sda] 0.5 → 44": [metric("disk_pending_operations", 0.5, 44, plugin_instance="sda")],
    "db-1: network received [eth0] 1 → 25 MB a second": [
        one("interface_if_octets_rx", 1e6, 25e6, entity="db-1", unit="/s", labels={"plugin_instance": "eth0"})],
    "db-1: load (1 min) 0.8 → 24": [metric("load_shortterm", 0.8, 24.2)],
    "db-1: filesystem available /var 40 → 1.2 GB": [
        metric("node_filesystem_avail_bytes", 40e9, 1.2e9, mountpoint="/var", device="/dev/sdb1", fstype="ext4")],
    "db-1: memory available 8 → 0.6 GB": [
        metric("node_memory_MemAvailable_bytes", 8e9, 6e8)],
    "db-1: CPU [iowait] 2 → 71 % (8 CPUs)": [
        metric("node_cpu_seconds_total", 0.02, 0.71, cpu=str(i), mode="iowait") for i in range(8)],
    "db-1: network receive errors [eth0] 0 → 38 a second": [
        metric("node_network_receive_errs_total", 0, 38, device="eth0")],
    "db-1: CPU usage idle [cpu-total] 93 → 4.1 %": [metric("cpu_usage_idle", 93.2, 4.1, cpu="cpu-total")],
    "db-1: CPU 20 → 96 %": [metric("system.cpu.total.pct", 0.2, 0.96)],
    "db-1: temperature 41 → 88 °C": [one("temperature", 41, 88, entity="db-1", unit="Cel")],
    # -- the operator's own limit
    "db-1: filesystem used /var 96 %, limit 90 %; load (1 min) 0.8 → 24": [
        metric("load_shortterm", 0.8, 24.2),
        one("filesystem_used_ratio", 0.7, 0.96, entity="db-1", head="limit", high=0.9, low=None, surprise=4,
            labels={"mountpoint": "/var"})],
    "db-1: disk free /data 84 GB, reaches its limit of 50 GB at 01:13 UTC": [
        one("disk_free", 90e9, 84e9, entity="db-1", unit="By", head="limit", low=50e9, high=None, direction="down",
            labels={"path": "/data", "device": "sdb1"}, facts={"seconds_to_limit": 10_800.0})],
    # -- silence
    "payment: silent since 22:13 UTC": [one("payment", 3.0, None, head="stale", direction="none")],
    "payment: heartbeat silent since 22:13 UTC": [one("heartbeat", 3.0, None, head="stale", direction="none")],
    "payment: 4 series silent since 22:13 UTC; error lines 0.1 → 4 a minute": [
        *(one(f"m{i}", 3.0, None, head="stale", direction="none", at=i, surprise=5) for i in range(4)),
        log("log_errors", 0.1, 4, surprise=4)],
    "payment: queue depth stuck at 0": [one("queue_depth", 3.0, 0.0, head="flatline", direction="none")],
    # -- logs
    "payment: 'acquirer refused <*>' 23 lines a minute, new": [
        log("log_template", 0, 23, template="acquirer refused <*>"),
        log("log_new_templates", 0, 1, template="acquirer refused <*>")],
    "payment: 'acquirer refused <*>' 0.5 → 23 lines a minute": [
        log("log_template", 0.5, 23, template="acquirer refused <*>")],
    "payment: new log line 'NullPointerException: tokenVault is null in Car…'": [
        log("log_new_templates", 0, 1, template="NullPointerException: tokenVault is null in CardMapper.map line <*>")],
    "payment: 2 rare kinds of log lines, first 'listening on <*>, release <*>'": [
        log("log_rare_templates", 0, 2, template="listening on <*>, release <*>")],
    "payment: HTTP errors 0.1 → 38 a second; error lines 0.1 → 15 a minute: 'acquirer refused <*>'": [
        one("http_errors_total", 0.1, 38, **ERRORS),
        log("log_errors", 0.1, 15, template="acquirer refused <*>", surprise=7),
        log("log_error_ratio", 0.01, 0.6, surprise=6)],
    "payment: share of error lines 1 → 36 %": [log("log_error_ratio", 0.01, 0.36)],
    "payment: log lines 25 → 0 a minute": [log("log_lines", 25, 0)],
    "payment: 'authorised <*> EUR for order <*> in <*>' 116 → 301 ms": [
        log("log_parameter", 0.1156, 0.301, unit="s", labels={"parameter": "in", "place": "8"},
            template="authorised <*> EUR for order <*> in <*: 0.301 s, before 0.1 s>")],
    "payment: new log line 'NullPointerException: tokenVault is…'; "
    "HTTP errors 0.024 → 0.17 a second; also checkout and web": [
        log("log_new_templates", 0, 1, template="NullPointerException: tokenVault is null in CardMapper.map line <*>"),
        one("http_errors_total", 0.024, 0.17, unit="1/s"), *others("checkout", "web")],
    "payment: mix of log lines unusual": [log("log_mix", 0.9, 3.2, unit="")],
    # -- spans and models
    "payment: latency p99 [Charge] 0.2 → 3.1 s; failed requests [Charge] 0 → 12 a minute": [
        one("span_latency_p99", 0.2, 3.1, unit="s", signal="span", worse="up", labels={"operation": "Charge"}),
        one("span_errors", 0, 12, unit="requests", signal="span", worse="up", labels={"operation": "Charge"},
            facts={"window_seconds": 60.0}, surprise=8)],
    "fraud: accuracy 94 → 81 %; prediction error 3.9 → 9.9 %; feature distance_km drifted up": [
        one("model_accuracy", 0.944, 0.81, entity="fraud", signal="prediction", worse="down",
            labels={"version": "2.7.1"}, surprise=12),
        one("model_error", 0.039, 0.099, entity="fraud", signal="prediction", head="error_drift", worse="up",
            summary="fraud v2.7.1: error rate rose from 3.9 % to 9.9 %", surprise=11),
        one("model_feature", 13, 38, entity="fraud", signal="prediction", head="feature_drift",
            labels={"feature": "distance_km", "version": "2.7.1"},
            summary="fraud v2.7.1: feature distance_km drifted up: mean 38 instead of 13", surprise=20)],
    "fraud: feature device missing in 12 % of predictions": [
        one("model_feature", 0.0, 0.12, entity="fraud", signal="prediction", head="missing_values",
            labels={"feature": "device"})],
    "fraud: feature device has a value that is new": [
        one("model_feature", None, None, entity="fraud", signal="prediction", head="new_category", direction="none",
            labels={"feature": "device"})],
    "fraud: label delay 0.96 → 3.8 h": [
        one("model_label_delay", 3471, 13_825, entity="fraud", unit="s", signal="prediction", worse="up")],
    # -- what is over
    "payment: HTTP errors up to 38 a second, over since 22:23 UTC": [
        one("http_errors_total", 0.1, 38, ended=600, **ERRORS)],
    "payment: HTTP errors up to 38 a second, over since 22:23 UTC; checkout still affected": [
        one("http_errors_total", 0.1, 38, ended=600, **ERRORS), *others("checkout")],
    "payment: HTTP latency p95 0.2 → 3.1 s": [
        one("http_errors_total", 0.1, 38, ended=600, **ERRORS),
        one("http_latency_p95", 0.2, 3.1, unit="s", worse="up", surprise=4)],
    # -- codes in log lines
    "payment: 5xx answers 2 → 60 %": [
        codes("log_code_errors", 1.2, 36, facts={"window_seconds": 60.0}),
        codes("log_code_error_ratio", 0.02, 0.6, surprise=7),
        codes("log_code_mix", 0.7, 4.4, surprise=12)],
    "payment: 5xx answers 0.2 → 6 a minute; exits other than 0 0 → 3 a minute": [
        codes("log_code_errors", 1, 30, facts={"window_seconds": 300.0}, surprise=11),
        codes("log_code_errors", 0, 3, facts={"window_seconds": 60.0}, field="exit code", bad="exits other than 0")],
    "payment: mix of codes unusual": [codes("log_code_mix", 0.7, 4.4, labels={"field": "code"})],
    # -- what is odd by itself
    "payment: 3 of its series a little odd at once": [one("entity", None, 3, head="entity", direction="none")],
    "payment: 3 of its series a little odd at once: CPU usage up, HTTP errors up": [
        one("entity", None, 3, head="entity", direction="none", facts={
            "series_1": 'cpu_usage_ratio{service="payment"} up, p = 0.0024',
            "series_2": 'http_errors_total{service="payment"} up, p = 0.02',
            "series_3": 'http_error_ratio{service="payment"} up, p = 0.03'})],
    "payment: 'listening on <*>' 0 → 1 line a minute": [log("log_template", 0.00001, 1, template="listening on <*>")],
    "payment: clock 45 s ahead": [one("clock_skew_seconds", 0.0, 45, unit="s", head="clock")],
    "payment: requests unsteady": [one("requests", 2, 9, head="variance")],
    "payment: requests 12, unlike its past": [one("requests", None, 12, head="HalfSpaceTrees")],
}  # fmt: skip


@pytest.mark.parametrize("said", CASES)
def test_titles(said):
    symptoms = CASES[said]
    assert title(group_of(*symptoms)) == said


def test_the_case_table_is_long_enough():
    assert len(CASES) >= 50


def test_the_impact_ends_a_title_where_there_is_room():
    errors = one("http_errors_total", 0.1, 38, **ERRORS)
    orders = one("orders_total", 10, 6.8, entity="shop", unit="1/s", worse="down", kpi=True)
    short = group_of(errors, *others("checkout"))
    assert title(short, [orders]) == "payment: HTTP errors 0.1 → 38 a second; also checkout; orders \N{MINUS SIGN}32 %"
    broad = group_of(one("http_errors_total" + "x" * 60, 0.1, 38, **ERRORS), *others("a" * 20, "b" * 20, "c"))
    assert "orders" not in title(broad, [orders]) or len(title(broad, [orders])) <= 120


def test_a_kpi_that_leads_is_told_once():
    orders = one("orders_total", 10, 6.8, unit="1/s", worse="down", kpi=True)
    assert title(group_of(orders)) == "payment: orders 10 → 6.8 a second"


_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=80)


def test_what_the_telemetry_says_cannot_break_the_line():
    evil = log("log_template", 0, 9, template="a\n\x1b[2Jb \u202ec", entity="pay\rment", labels={"mode": "x\ty"})
    assert title(group_of(evil)) == "pay ment: 'a [2Jb c' 0 → 9 lines a minute"


_VALUE = st.none() | st.floats(allow_nan=True, allow_infinity=True)


@given(
    st.lists(
        st.builds(
            dict,
            name=_TEXT | st.sampled_from(["log_template", "log_new_templates", "cpu", "model_feature", "entity"]),
            entity=_TEXT,
            before=_VALUE,
            now=_VALUE,
            unit=_TEXT | st.sampled_from(["By", "1", "ms", "1/s", "%", "lines"]),
            head=st.sampled_from(["level", "stale", "limit", "flatline", "feature_drift", "clock", "entity"]),
            direction=st.sampled_from(["up", "down", "none"]),
            labels=st.dictionaries(_TEXT, _TEXT, max_size=5),
            facts=st.dictionaries(st.sampled_from(["log.record.template", "new_template_1"]), _TEXT),
            ended=st.none() | st.just(60.0),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_a_title_is_never_too_long_and_the_order_of_members_does_not_matter(found):
    symptoms = [one(fields.pop("name"), fields.pop("before"), fields.pop("now"), **fields) for fields in found]
    lead = symptoms[0].entity
    said = title(group_of(*symptoms, lead=lead))
    assert 0 < len(said) <= 120
    assert not any(sign in said for sign in "\n\r\t\x1b\u2028\u202e")
    if len({s.id for s in symptoms}) == len(symptoms):
        turned = group_of(*reversed(symptoms), lead=lead)
        turned.entities = group_of(*symptoms).entities
        assert title(turned) == said


def test_a_label_without_a_name_is_no_noun():
    found = [one("cpu", None, None, entity="", labels={}), one("cpu", None, None, entity="", labels={"": "0"})]
    assert "(2 series)" in title(group_of(*found, lead=""))
