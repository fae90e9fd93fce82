import pytest

from floodmark.config.checks import check
from floodmark.config.locate import read_yaml


def look(text):
    tree, problems = read_yaml(text, "c.yaml")
    assert problems == []
    errors, warnings = check(tree)
    return [str(e) for e in errors], [str(w) for w in warnings if "no inputs" not in w.message]


INPUT = "inputs:\n  - {topic: a, signal: log}\n"


def test_a_topic_is_read_once():
    errors, _ = look(INPUT + "  - {topic: a, signal: metric}\n")
    message = "inputs[1].topic: 'a' is read twice; it is already inputs[0].topic (c.yaml:2); one topic, one input"
    assert errors == [f"c.yaml:3:13: {message}"]


@pytest.mark.parametrize("topic", ["anomalies", "alerts", "dead-letters", "model-events", "rekeyed"])
def test_our_own_topics_are_not_read(topic):
    errors, _ = look(f"inputs: [{{topic: floodmark.{topic}, signal: log}}]\n")
    assert len(errors) == 1
    assert "is a topic that Floodmark writes" in errors[0]


def test_a_renamed_topic_of_ours_is_not_read_either():
    errors, _ = look(
        "topics: {alerts: pages}\ninputs: [{topic: pages, signal: log}, {topic: floodmark.alerts, signal: log}]\n"
    )
    assert len(errors) == 1
    assert "(topics.alerts)" in errors[0]


def test_the_topic_of_feedback_is_one_of_ours_once_there_is_feedback():
    inputs = "inputs: [{topic: floodmark.feedback, signal: log}]\n"
    assert look(inputs)[0] == []
    assert "(feedback.topic)" in look(inputs + "feedback: {}\n")[0][0]
    errors, _ = look("feedback: {topic: floodmark.alerts}\n")
    assert errors == ["c.yaml:1:19: feedback.topic: is the same topic as topics.alerts; each needs its own"]


def test_our_topics_differ():
    errors, _ = look("topics: {alerts: x, anomalies: x}\n")
    assert errors == ["c.yaml:1:18: topics.alerts: is the same topic as topics.anomalies; each needs its own"]
    assert len(look("topics: {anomalies: floodmark.alerts}\n")[0]) == 1


@pytest.mark.parametrize("topic", ["a b", "a/b", "..", ".", "ü", "x" * 250])
def test_names_that_kafka_does_not_take(topic):
    assert "not a name that Kafka takes" in look(f"inputs: [{{topic: '{topic}', signal: log}}]\n")[0][0]


@pytest.mark.parametrize(
    ("security", "needs"),
    [
        ("{protocol: SASL_SSL}", ["sasl_mechanism", "username", "password"]),
        ("{protocol: SASL_SSL, sasl_mechanism: PLAIN, username: u}", ["password"]),
        ("{protocol: SSL, cert_file: c}", ["key_file"]),
        ("{protocol: SSL, key_file: c}", ["cert_file"]),
        ("{protocol: SSL}", []),
        ("{protocol: SASL_SSL, sasl_mechanism: PLAIN, username: u, password: p}", []),
        ("{protocol: SASL_SSL, sasl_mechanism: OAUTHBEARER}", ["oauth"]),
        ("{protocol: SASL_SSL, oauth: {token_file: t}}", ["sasl_mechanism"]),
        ("{protocol: SASL_SSL, sasl_mechanism: OAUTHBEARER, oauth: {token_file: t}}", []),
    ],
)
def test_security_that_lacks_something(security, needs):
    errors, warnings = look(f"kafka: {{security: {security}}}\n")
    assert [e.rpartition(".")[2] for e in errors] == needs
    assert warnings == []


@pytest.mark.parametrize(
    ("security", "count"),
    [
        ("{username: u, password: p}", 2),
        ("{protocol: SSL, username: u}", 1),
        ("{ca_file: c}", 1),
        ("{protocol: SASL_PLAINTEXT, sasl_mechanism: PLAIN, username: u, password: p}", 1),
        ("{protocol: SASL_PLAINTEXT, sasl_mechanism: OAUTHBEARER, oauth: {token_file: t}}", 1),
        ("{protocol: SASL_SSL, sasl_mechanism: OAUTHBEARER, username: u, password: p, oauth: {token_file: t}}", 2),
        ("{protocol: SASL_SSL, sasl_mechanism: PLAIN, username: u, password: p, oauth: {token_file: t}}", 1),
        ("{oauth: {token_file: t}, check_hostname: false, key_password: p}", 3),
        ("{protocol: SSL, key_password: p}", 1),
        ("{protocol: SSL, check_hostname: false}", 1),
        ("{protocol: SSL, check_hostname: true}", 0),
        ("{protocol: SASL_SSL, sasl_mechanism: SCRAM-SHA-256, username: u, password: p, ca_file: c}", 0),
    ],
)
def test_security_that_is_not_used(security, count):
    errors, warnings = look(f"kafka: {{security: {security}}}\n")
    assert errors == []
    assert len(warnings) == count


@pytest.mark.parametrize(
    ("oauth", "wrong"),
    [
        ("{}", ["nothing says where the token comes from"]),
        ("{scope: s}", ["nothing says where the token comes from"]),
        ("{token_file: t, token_url: 'https://t'}", ["the token can come from one place only"]),
        ("{token_url: 'https://t'}", ["token_url needs client_id", "token_url needs client_secret"]),
        ("{token_url: t, client_id: c, client_secret: s}", ["is not an address of the web"]),
        ("{token_url: 'https://[t', client_id: c, client_secret: s}", ["is not an address of the web"]),
        ("{token_url: 'https://a:b@t', client_id: c, client_secret: s}", ["a user and password in the address"]),
        ("{token_url: 'https://t/x', client_id: c, client_secret: s, scope: s, ca_file: c}", []),
    ],
)
def test_where_a_token_comes_from(oauth, wrong):
    errors, warnings = look(OAUTH % oauth)
    assert len(errors) == len(wrong)
    for error, words in zip(errors, wrong, strict=True):
        assert error.startswith("c.yaml:3:")
        assert words in error
        assert "a:b" not in error
    assert (warnings == []) == (oauth != "{scope: s}")


OAUTH = "kafka:\n  security: {protocol: SASL_SSL, sasl_mechanism: OAUTHBEARER,\n    oauth: %s}\n"


@pytest.mark.parametrize(("url", "count"), [("http://t:80/x", 1), ("http://127.0.0.1:80/x", 0), ("http://[::1]/x", 0)])
def test_a_secret_on_an_open_line(url, count):
    _, warnings = look(OAUTH % f"{{token_url: '{url}', client_id: c, client_secret: s}}")
    assert ["readable to the network" in w for w in warnings] == [True] * count


@pytest.mark.parametrize(
    ("http", "count"),
    [
        ("{host: 0.0.0.0}", 1),
        ("{host: '::'}", 1),
        ("{host: metrics.shop}", 1),
        ("{host: 0.0.0.0, token: t}", 0),
        ("{host: 0.0.0.0, enabled: false}", 0),
        ("{host: localhost}", 0),
        ("{host: 127.0.0.2}", 0),
        ("{host: '::1'}", 0),
        ("{port: 1}", 0),
    ],
)
def test_metrics_open_to_the_network(http, count):
    errors, warnings = look(f"http: {http}\n")
    assert errors == []
    assert ["/metrics is open to whoever reaches" in w for w in warnings] == [True] * count


def test_an_empty_token():
    assert look("http: {token: ''}\n")[0] == [
        "c.yaml:1:15: http.token: an empty token protects nothing; set one, or leave it out"
    ]


def test_dependencies_on_strangers_are_warned_of():
    errors, warnings = look(
        "services:\n  checkout: {depends_on: [payment, cart, chekout, checkout]}\n  cart: {depends_on: [checkout]}\n"
    )
    assert errors == []
    assert warnings == [
        "c.yaml:2:27: services.checkout.depends_on[0]: 'payment' is not among the services; "
        "add it, or leave it as an outer service",
        "c.yaml:2:42: services.checkout.depends_on[2]: 'chekout' is not among the services; did you mean 'checkout'?",
        "c.yaml:2:51: services.checkout.depends_on[3]: a service that depends on itself says nothing; remove it",
    ]


def test_what_is_never_reached():
    _, warnings = look("detectors: [{name: a}, {name: b}]\nmodels: [{match: x}, {match: '*'}, {match: y}]\n")
    assert [w.split(": ")[1] for w in warnings] == ["detectors[0]", "models[1]"]
    assert look("detectors: [{match: {a: b}}, {name: b}]\n")[1] == []


def test_settings_without_effect():
    _, warnings = look("detectors: [{parameters: {a: 1}, heads: []}]\n")
    assert [w.split(": ")[1] for w in warnings] == ["detectors[0].parameters", "detectors[0].heads"]


def test_rekey_where_it_says_nothing():
    errors, warnings = look(
        "inputs:\n"
        "  - {topic: a, signal: prediction, rekey: true}\n"
        "  - {topic: b, signal: change, rekey: true}\n"
        "  - {topic: c, signal: metric, rekey: true}\n"
        "  - {topic: d, signal: outcome, rekey: false}\n"
    )
    assert errors == []
    assert warnings == [
        "c.yaml:2:43: inputs[0].rekey: says nothing for predictions: they always are, by their model; leave it out",
        "c.yaml:3:39: inputs[1].rekey: says nothing for changes: every task hears of them; leave it out",
    ]


def test_no_inputs():
    tree, _ = read_yaml("kafka: {}\n", "c.yaml")
    assert [w.message for w in check(tree)[1]] == ["there are no inputs: nothing will be read"]


@pytest.mark.parametrize(
    ("detector", "place", "words"),
    [
        ("model: os.system", "1:21: detectors[0].model", "does not name a model of River"),
        ("model: river.anomaly.LODAA", "1:21: detectors[0].model", "did you mean 'LODA'?"),
        (
            "model: river.anomaly.LODA, parameters: {n_bin: 3}",
            "1:54: detectors[0].parameters.n_bin",
            "did you mean 'n_bins'?",
        ),
        (
            "model: river.anomaly.LODA, parameters: {n_bins: ten}",
            "1:54: detectors[0].parameters.n_bins",
            "expects a whole number here, not text",
        ),
    ],
)
def test_models_that_cannot_be_built(detector, place, words):
    errors, _ = look(f"detectors: [{{{detector}}}]\n")
    assert len(errors) == 1
    assert place in errors[0]
    assert words in errors[0]


@pytest.mark.parametrize(
    "text",
    [
        "inputs: 5\nservices: [a]\ndetectors: {a: b}\nkafka: x\ntopics: [a]\nmodels: x\n",
        "inputs: [5, {topic: [a]}]\nservices: {a: [b], c: {depends_on: {d: e}}}\nkafka: {security: x}\n",
        "detectors: [5, {model: 5}, {model: river.anomaly.LODA, parameters: [x]}, {heads: x, parameters: 5}]\n",
    ],
)
def test_other_forms_are_left_to_the_models(text):
    assert look(text)[0] == []


def test_no_patience_is_refused_with_its_line():
    errors, _ = look(INPUT + "correlate:\n  patience: 0\n")
    assert errors == ["c.yaml:4:13: correlate.patience: 0 gives up every detect task that takes a breath; write 30s"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("correlate: {patience: 2m}\n", "120 s is more than 4 times kafka.session_timeout (15 s)"),
        ("correlate: {patience: 30s}\nkafka: {session_timeout: 6s}\n", "30 s is more than 4 times kafka.session_time"),
    ],
)
def test_more_patience_than_the_session_timeout_allows_is_refused_with_its_line(text, words):
    (error,), _ = look(INPUT + text)
    assert error.startswith(f"c.yaml:3:23: correlate.patience: {words}")
    assert "raise kafka.session_timeout" in error


def test_patience_within_the_session_timeout_is_right():
    assert look(INPUT + "kafka: {session_timeout: 30s}\ncorrelate: {patience: 2m}\n")[0] == []
    assert look(INPUT + "kafka: {session_timeout: 3s}\n")[0] == []  # nobody has asked for more
    assert look(INPUT + "correlate: {patience: soon}\n")[0] == []  # that is no duration: told elsewhere


def test_a_kpi_has_a_match_and_is_watched():
    _, warnings = look("detectors: [{match: {name: orders}, kpi: true, unit: EUR, worse: down}]\n")
    assert warnings == []
    _, warnings = look("detectors: [{kpi: true}]\n")
    assert warnings == [
        "c.yaml:1:19: detectors[0].kpi: without a match every series would be a KPI; "
        "match the few series that say how well the business goes"
    ]
    _, warnings = look("detectors: [{match: {name: orders}, kpi: true, enabled: false}]\n")
    assert warnings == ["c.yaml:1:42: detectors[0].kpi: is not used: series that match are not watched"]
    assert look("detectors: [{match: {name: orders}, kpi: false}]\n")[1] == []


def test_harm_that_may_not_alarm():
    _, warnings = look("detectors: [{match: {name: orders}, worse: down, direction: up}]\n")
    assert warnings == [
        "c.yaml:1:44: detectors[0].worse: it hurts downwards, and only what goes up may alarm; "
        "leave direction out, or write the same in both"
    ]
    assert look("detectors: [{match: {name: orders}, worse: both, direction: up}]\n")[1] == []


@pytest.mark.parametrize("budget", ["60/hour", "200/day"])
def test_a_budget_in_which_nearly_every_anomaly_opens_an_incident_is_remarked(budget):
    errors, (warning,) = look(f"{INPUT}correlate: {{false_incidents: {budget}}}\n")
    assert errors == []
    assert "false incidents a day open one for nearly every anomaly" in warning


@pytest.mark.parametrize("budget", ["1/week", "5/day", "1/month", "nonsense", "0/day"])
def test_other_budgets_are_not_or_are_the_models_business(budget):
    assert look(f"{INPUT}correlate: {{false_incidents: {budget}}}\n") == ([], [])


def test_alerts_and_actions_need_somebody_who_hears_them():
    _, warnings = look("inputs: [{topic: a, signal: alert}, {topic: b, signal: action}]\n")
    assert [each.partition(": ")[2].partition(":")[0] for each in warnings] == ["inputs[0].signal", "inputs[1].signal"]
    assert "add actions: {}" in warnings[1]
    fine = "inputs: [{topic: a, signal: alert}, {topic: b, signal: action}, {topic: m, signal: metric}]\nactions: {}\n"
    assert look(fine) == ([], [])
    _, warnings = look("inputs: [{topic: a, signal: alert, rekey: true}, {topic: m, signal: metric}]\n")
    assert "says nothing for alerts" in warnings[0]
