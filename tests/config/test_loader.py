import os
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from floodmark.config.loader import ConfigError, load, load_with_warnings
from floodmark.config.models import Config


@pytest.fixture
def write(tmp_path):
    def write(text, name="floodmark.yaml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def problems(path, environ=None):
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {})
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return [(p.line, p.column, p.path, p.message, p.hint) for p in caught.value.problems]


def only(path, environ=None):
    (problem,) = problems(path, environ)
    return problem


INPUT = "inputs: [{topic: t, signal: metric}]\n"


def test_an_empty_file_is_the_defaults(write):
    for text in ("", "# nothing\n", "---\n", "~\n", "inputs:\ndetectors:\nkafka:\n"):
        assert load(write(text), {}) == Config()


def test_a_whole_file(write):
    path = write(
        "kafka: {brokers: ['a:1', 'b:2'], session_timeout: 1m30s}\n"
        "inputs:\n  - {topic: m, signal: metric}\n  - {topic: l, signal: log, format: native}\n"
        "limits: {message: 1MB}\n"
        "detectors: [{match: {name: 'http_*', env: [prod, test]}, false_alarms: 3/day}]\n"
        "services: {web: {depends_on: [db]}, db: }\n"
    )
    config = load(path, {})
    assert config.kafka.session_timeout == 90
    assert [i.signal for i in config.inputs] == ["metric", "log"]
    assert config.limits.message == 1_000_000
    assert config.detectors[0].false_alarms == 3 / 86400


def test_the_line_says_all(write):
    path = write("inputs:\n  - topic: t\n    signal: metrix\n")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert str(caught.value) == (
        f"{path}:3:13: inputs[0].signal: 'metrix' is not one of "
        "metric, log, prediction, outcome, change, span, alert, action; "
        "did you mean 'metric'?"
    )


def test_every_problem_at_once_in_the_order_of_the_file(write):
    path = write(
        "kafka:\n  broker: [x]\n"
        "inputs:\n  - signal: metric\n  - {topic: a, signal: log}\n  - {topic: a, signal: log}\n"
        "limits: {labels: 0, label: '${LABEL}', message: big, ahead: [1]}\n"
        "detectors:\n  - model: river.anomaly.Nothing\n    false_alarms: daily\n"
        "http: {port: 70000}\n"
    )
    assert [p[:3] for p in problems(path)] == [
        (2, 3, "kafka"),
        (4, 5, "inputs[0]"),
        (6, 13, "inputs[2].topic"),
        (7, 18, "limits.labels"),
        (7, 28, "limits.label"),
        (7, 49, "limits.message"),
        (7, 61, "limits.ahead"),
        (9, 12, "detectors[0].model"),
        (10, 19, "detectors[0].false_alarms"),
        (11, 14, "http.port"),
    ]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("limits: {labels: x}", "expected a whole number ≥ 1, got 'x'", ""),
        ("http: {port: 70000}", "expected a whole number from 0 to 65535, got 70000", ""),
        ("logs: {similarity: 0}", "expected a number > 0 and ≤ 1, got 0", ""),
        ("logs: {window: 0s}", "expected a duration such as 30s, 5m, 2h or 1d ≥ 1s, got '0s'", ""),
        ("correlate: {gap: soon}", "expected a duration such as 30s, 5m, 2h or 1d, got 'soon'", ""),
        ("limits: {body: -1}", "expected a size such as 1MB or 512KiB, got -1", ""),
        (
            "detectors: [{false_alarms: 5}]",
            "expected an alert budget such as 1/week, 3/day or 0.5/month, got 5",
            "say in which time, as in 5/week",
        ),
        ("http: {enabled: maybe}", "expected true or false, got 'maybe'", ""),
        ("kafka: {group: 5}", "expected text, got 5", "put it in quotes"),
        ("kafka: {group: true}", "expected text, got true", "put it in quotes"),
        ("kafka: {group: }", "expected text, got nothing", ""),
        ("kafka: {brokers: []}", "expected a non-empty list of text, got an empty list", ""),
        ("kafka: {brokers: 'a:1'}", "expected a non-empty list of text, got 'a:1'", "write brokers: [a:1]"),
        ("kafka: [a]", "expected a section with keys, got a list", ""),
        ("inputs: {a: b}", "expected a list, got a mapping", "begin each item with a dash"),
        (
            "detectors: [{heads: [rage]}]",
            "'rage' is not one of forecast, range, level, drift, variance, shape, flatline, stale, count",
            "range",
        ),
        ("logging: {level: WARNING}", "'WARNING' is not one of debug, info, warning, error", "warning"),
        ("detectors: [{match: {code: 500}}]", "expected text or a list of text, got 500", "put it in quotes"),
        ("detectors: [{match: {code: [500]}}]", "expected text, got 500", "put it in quotes"),
        ("models: [{every: 0}]", "expected a duration such as 30s, 5m, 2h or 1d ≥ 1s, got 0", ""),
        ("kafka: {groop: x}", "unknown key 'groop'", "group"),
        ("gap: 3s", "unknown key 'gap'", "it belongs to correlate"),
        ("inputs: [{topic: t}]", "'signal' is missing", "What the events are"),
        ("inputs: [{topik: t, signal: log}]", "unknown key 'topik'", "topic"),  # and not "topic is missing" besides
        ("inputs: [{topic: '', signal: log}]", "expected text that is not empty, got ''", ""),
    ],
)
def test_messages_are_in_plain_words(write, text, message, hint):
    found = only(write(text + "\n"))
    assert found[3] == message
    assert hint in found[4]
    assert bool(hint) == bool(found[4])


def test_places(write):
    text = "kafka:\n  group: 5\n  groop: x\ninputs:\n  -\n    signal: log\n  - topic: 'ü'\n    signal:    nope\n"
    assert [p[:3] for p in problems(write(text))] == [
        (2, 10, "kafka.group"),
        (3, 3, "kafka"),
        (6, 5, "inputs[0]"),
        (7, 12, "inputs[1].topic"),
        (8, 16, "inputs[1].signal"),
    ]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: [1\n", (1, 4), "the [ that opens here is not closed"),
        ("a: b: c\n", (1, 5), "a second colon on the line"),
        ("kafka:\n\tgroup: x\n", (2, 1), "a tab cannot indent"),
        ("kafka: {group: *g}\n", (1, 16), "* at the beginning names an alias, and there is none"),
        ("kafka: {}\n---\nkafka: {}\n", (2, 1), "single document"),
        ("kafka:\n  group: a\x07\n", (2, 11), "control character"),
        ("- a\n", (1, 1), "a configuration is a mapping of sections"),
        ("text\n", (1, 1), "a configuration is a mapping of sections"),
        ("kafka: {group: !env X}\n", (1, 16), "the tag !env is not supported"),
        ("kafka: {? [a] : b}\n", (1, 11), "a key must be text"),
        ("kafka:\n  group: a\n  client_id: b\n  group: c\n", (4, 3), "the first is on line 2"),
        ("services: {<<: 5}\n", (1, 16), "<< can only merge mappings"),
        ("kafka: &k {security: *k}\n", None, ""),
        ("[" * 3000, None, ""),
    ],
)
def test_yaml_that_is_wrong(write, text, place, words):
    found = problems(write(text))
    assert words in found[0][3]
    assert place is None or found[0][:2] == place


def test_a_bomb_of_aliases_is_refused(write):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "more than 100000 values" in problems(write("\n".join(lines)))[0][3]


def test_anchors_and_merge_keys(write):
    path = write(
        "detectors:\n  - &base {name: a, warmup: 9, match: {x: y}}\n"
        "  - {<<: *base, name: b}\n  - &base {name: c, match: {x: z}}\n"
    )
    assert [(d.name, d.warmup) for d in load(path, {}).detectors] == [("a", 9), ("b", 9), ("c", 20)]


def test_words_are_yaml_1_2(write):
    services = load(write("services: {on: {depends_on: [no, yes]}, 123: , 1e3: }\n"), {}).services
    assert list(services) == ["on", "123", "1e3"]
    assert services["on"].depends_on == ["no", "yes"]


def test_files_that_cannot_be_read(write, tmp_path):
    assert only(write(b"kafka:\n  group: \xff\n"))[:4] == (2, 10, "", "the file is not UTF-8 text")
    nowhere = only(tmp_path / "none.yaml")
    assert nowhere[3] == "there is no such file or folder"
    assert "floodmark init" in nowhere[4]
    assert "cannot be read" in only(write("") / "below.yaml")[3]
    (tmp_path / "empty").mkdir()
    assert only(tmp_path / "empty")[3] == "the folder holds no *.yaml or *.yml file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_may_not_be_read(tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    assert only(folder)[3].startswith("the folder cannot be read: ")


def test_a_byte_order_mark_is_forgiven(write):
    assert load(write(b"\xef\xbb\xbfkafka: {group: g}\n"), {}).kafka.group == "g"


def test_a_folder_is_merged_in_order_of_names(write, tmp_path):
    write("inputs: [{topic: b, signal: log}]\nkafka: {client_id: c}\nservices: {b: }\n", "d/20-b.yml")
    write("inputs: [{topic: a, signal: log}]\nkafka: {group: g}\nservices: {a: {depends_on: [b]}}\n", "d/10-a.yaml")
    write("kafka:\n", "d/30.yaml")
    write("nonsense: [", "d/notes.txt")
    write("nonsense: [", "d/.hidden.yaml")
    (tmp_path / "d" / "folder.yaml").mkdir()
    config = load(tmp_path / "d", {})
    assert [i.topic for i in config.inputs] == ["a", "b"]
    assert (config.kafka.group, config.kafka.client_id) == ("g", "c")
    assert list(config.services) == ["a", "b"]


def test_a_value_set_in_two_files_names_both(write, tmp_path):
    first = write("kafka:\n  group: a\n", "d/1.yaml")
    second = write("kafka: {group: a, brokers: [x]}\ninputs: {}\n", "d/2.yaml")
    third = write("inputs: []\n", "d/3.yaml")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "d", {})
    assert str(caught.value).splitlines()[0] == (
        f"{second}:1:16: kafka.group: set twice; it is already set at {first}:2:10; remove one of the two"
    )
    assert {p.file for p in caught.value.problems} == {str(second), str(third)}


def test_problems_of_merged_lists_are_in_their_own_files(write, tmp_path):
    write("inputs: [{topic: a, signal: log}]\n", "d/1.yaml")
    second = write("inputs:\n  - {topic: a, signal: nope}\n", "d/2.yaml")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "d", {})
    assert {(p.file, p.line) for p in caught.value.problems} == {(str(second), 2)}


def test_the_environment_is_put_in(write):
    path = write(
        "kafka: {group: 'a-${A}-${B:-b}', client_id: '$${A}', brokers: ['${A}:9092', '${H:-h}:1']}\n"
        "http: {port: '${PORT}', enabled: '${NO}'}\nlogs: {window: '${W}', similarity: '${S}'}\n"
        "limits: {message: '${M}'}\n"
        "detectors:\n  - model: river.anomaly.HalfSpaceTrees\n    parameters:\n      n_trees: ${TREES}\n"
    )
    environ = {"A": "x", "PORT": "1", "NO": "false", "W": "90", "S": ".25", "M": "2MB", "TREES": "7", "H": ""}
    config = load(path, environ)
    assert (config.kafka.group, config.kafka.client_id) == ("a-x-b", "${A}")
    assert config.kafka.brokers == ["x:9092", "h:1"]
    assert (config.http.port, config.http.enabled) == (1, False)
    assert (config.logs.window, config.logs.similarity, config.limits.message) == (90, 0.25, 2_000_000)
    assert config.detectors[0].parameters == {"n_trees": 7}


def test_text_stays_text_whatever_the_environment_says(write):
    path = write(
        "kafka:\n  group: ${G}\n"
        "  security: {protocol: SASL_SSL, sasl_mechanism: PLAIN, username: u, password: '${P}'}\n"
    )
    config = load(path, {"G": "007", "P": "1e5"})
    assert config.kafka.group == "007"
    assert config.kafka.security.password.get_secret_value() == "1e5"


def test_the_environment_never_becomes_yaml(write):
    path = write("kafka: {group: '${G}'}\nservices: {a: {depends_on: ['${G}']}}\n")
    evil = "x, client_id: evil}\nhttp: {port: 1}\n# ${HOME}"
    config = load(path, {"G": evil})
    assert config.kafka.group == evil
    assert config.kafka.client_id == "floodmark"


@pytest.mark.parametrize("bad", ["${", "${}", "${1A}", "a ${A b", "${A:b}", "${A-b}"])
def test_a_substitution_that_is_none(write, bad):
    assert "must begin ${NAME}" in only(write(f"kafka: {{group: '{bad}'}}\n"), {"A": "x"})[3]


def test_a_substitution_in_braces_wants_quotes(write):
    assert only(write("http: {port: ${PORT}}\n"), {"PORT": "1"})[4] == "put quotes around ${…} inside of { } and [ ]"


def test_a_variable_that_is_not_set(write):
    line, column, path, message, _ = only(write("kafka:\n  group: x-${NOPE}\n"))
    assert (line, column, path) == (2, 10, "kafka.group")
    assert message == "the environment variable NOPE is not set; set it, or write ${NOPE:-default}"
    assert only(write("http: {port: '${NOPE}'}\n"))[2] == "http.port"  # and no second word about its type


SECURITY = "kafka:\n  security: {protocol: SASL_SSL, sasl_mechanism: PLAIN, username: u, password: %s}\n"


def test_a_secret_from_a_file(write, tmp_path):
    write("hunter2\r\n", "secrets/pw")
    for spelling in ("file:secrets/pw", f"file:{tmp_path}/secrets/pw", "'file:${DIR}/pw'"):
        config = load(write(SECURITY % spelling), {"DIR": "secrets"})
        assert config.kafka.security.password.get_secret_value() == "hunter2"
        assert "hunter2" not in repr(config)


def test_only_the_yaml_can_name_a_file(write):
    write("hunter2", "pw")
    config = load(write(SECURITY % "'${P}'"), {"P": "file:pw"})
    assert config.kafka.security.password.get_secret_value() == "file:pw"
    assert load(write("kafka: {group: 'file:pw'}\n"), {}).kafka.group == "file:pw"


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"\n", "is empty"), (b"\xff", "not UTF-8"), (b"x" * 70_000, "more than 65536 bytes")],
)
def test_secret_files_that_do_not_serve(write, content, words):
    if content is not None:
        write(content, "pw")
    found = only(write(SECURITY % "file:pw"))
    assert found[2] == "kafka.security.password"
    assert words in found[3]


@pytest.mark.parametrize(
    "text",
    [
        "kafka: {security: {password: [hunter2]}}",
        "kafka: {security: {password: {a: hunter2}}}",
        "kafka: {security: {pasword: hunter2}}",
        "kafka: {security: {password: '${'}}\nhttp: {port: '${P}'}",
        "http: {port: '${P}', enabled: '${P}'}",
        "inputs: [{topic: 'a ${P}', signal: '${P}'}, {topic: 'a ${P}', signal: log}]",
        "logs: {window: '${P}', similarity: '${P}', lines: '${P}'}",
        "limits: {message: '${P}'}\ndetectors: [{false_alarms: '${P}', heads: ['${P}']}]",
        "detectors: [{model: '${P}'}]",
        "detectors: [{model: river.anomaly.LODA, parameters: {n_bins: '${P}'}}]",
        "detectors: [{model: river.anomaly.LODA, parameters: {n_bins: {'river.${P}': {}}, x: '${P}'}}]",
        "kafka: '${P}'\nhttp: ['${P}']\ndetect: {entity: '${P}'}",
        "topics: {alerts: '${P}', anomalies: '${P}'}",
    ],
)
def test_a_secret_is_in_no_message_and_no_traceback(write, text):
    environ = {"P": "hunter2"}
    path = write(text + "\n")
    with pytest.raises(ConfigError) as caught:
        load(path, environ)
    error = caught.value
    shown = [str(error), repr(error), repr(error.problems), *traceback.format_exception(error)]
    assert not any("hunter2" in text for text in shown)
    assert error.__context__ is None


def test_warnings_do_not_stop_a_load(write):
    loaded = load_with_warnings(write("services: {a: {depends_on: [b]}}\n" + INPUT), {})
    assert loaded.config.services["a"].depends_on == ["b"]
    assert [w.path for w in loaded.warnings] == ["services.a.depends_on[0]"]
    assert load_with_warnings(write(INPUT), {}).warnings == []


YAML = st.recursive(
    st.sampled_from(["x", "5", "true", "${A}", "${NOPE}", "''", "~", "1.5", "river.anomaly.LODA", "metric", "30s"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]".replace("${", "$$ {"))
        | st.dictionaries(
            st.sampled_from(
                ["kafka", "security", "inputs", "topic", "signal", "detectors", "match", "password", "services"]
            ),
            inner,
            max_size=3,
        ).map(lambda d: "{" + ", ".join(f'{k}: "{v}"' if "$" in v else f"{k}: {v}" for k, v in d.items()) + "}")
    ),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from([*Config.model_fields, "x"]), YAML, max_size=4), st.binary(max_size=20))
def test_any_file_is_a_config_or_a_list_of_problems(tmp_path_factory, sections, tail):
    path = tmp_path_factory.mktemp("fuzz") / "c.yaml"
    path.write_bytes("".join(f"{k}: {v}\n" for k, v in sections.items()).encode() + tail)
    try:
        assert isinstance(load(path, {"A": "a"}), Config)
    except ConfigError as error:
        found = error.problems
    else:
        return
    assert found
    assert all(p.message and p.file == str(path) for p in found)


def test_keys_of_a_section_that_do_not_go_together_are_said(write):
    path = write("notify: {targets: {chat: {slack: {token: xoxb-123456}}}}\n")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    (problem,) = caught.value.problems
    assert (problem.path, problem.message) == (
        "notify.targets.chat.slack",
        "`token` needs `channel`: the id of a channel, C0123456789",
    )
    assert "xoxb" not in str(caught.value)
