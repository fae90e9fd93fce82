"""What operators write who know other tools: refused or warned of, with an example of the right form."""

import pytest

from floodmark.config.loader import ConfigError, load_with_warnings


@pytest.fixture
def said(tmp_path):
    def look(text, environ=None):
        path = tmp_path / "c.yaml"
        path.write_text(text + "\n")
        try:
            return False, [w for w in load_with_warnings(path, environ or {}).warnings if "no inputs" not in w.message]
        except ConfigError as error:
            return True, error.problems

    return look


REFUSED = [
    # budgets that are none
    ("detectors: [{false_alarms: 0.01}]", "neither a share nor a probability", "write 1/week, 3/day or 0.5/month"),
    ("correlate: {false_incidents: 0.05}", "neither a share nor a probability", "write 1/week"),
    ("detectors: [{false_alarms: 1 per week}]", "an alert budget", "write 1/week"),
    ("detectors: [{false_alarms: once a day}]", "an alert budget", "write 1/day"),
    ("detectors: [{false_alarms: 1/7d}]", "an alert budget", "write 1/week"),
    ("detectors: [{false_alarms: 5/minute}]", "an alert budget", "write 300/hour"),
    ("detectors: [{false_alarms: 1/year}]", "an alert budget", "write 0.0833/month"),
    ("detectors: [{false_alarms: 5%}]", "an alert budget", "a budget is no share"),
    # selectors of PromQL, regular expressions with a prefix
    ("detectors: [{match: {'service=~\"web.*\"': x}}]", "is no label", 'write match: {service: "web*"}'),
    ("detectors: [{match: {service=~: web.*}}]", "is no label", 'write match: {service: "web*"}'),
    ("detectors: [{match: '{service=~\"web.*\", env=\"prod\"}'}]", "a mapping", 'match: {service: "web*", env: prod}'),
    ("detectors: [{match: 'up{job=\"x\"}'}]", "a mapping", "write match: {name: up, job: x}"),
    ("detectors: [{match: {name: 'up{job=\"x\"}'}}]", "a selector of PromQL", "write match: {name: up, job: x}"),
    ("detectors: [{match: 'service!=\"web\"'}]", "a mapping", "there is no `not` here"),
    ("detectors: [{match: {name: 're:^cpu'}}]", "matched as a glob", 'write "cpu*"'),
    ("detectors: [{match: {name: ['=~cpu.+', x]}}]", "matched as a glob", 'write "cpu*"'),
    ("detectors: [{match: {name: '!~cpu.+'}}]", "matched as a glob", "a detector of their own"),
    ("detectors: [{match: {labels: {service: web}}}]", "text or a list", "labels stand directly below match"),
    # stores that are almost URLs
    ("state: {store: 's3:/bucket'}", "is no URL", "write s3://bucket"),
    ("state: {store: 's3:bucket/x'}", "is no URL", "write s3://bucket/x"),
    ("state: {store: 's3//bucket'}", "lacks the colon", "write s3://"),
    ("state: {store: 'gcs://bucket'}", "is called gs:// here", "write gs://bucket"),
    ("state: {store: 'hdfs://bucket'}", "no store that can be used", "s3://bucket/prefix"),
    ("state: {store: 'https:/x.blob.core.windows.net/c'}", "is no URL", "write https://x.blob"),
    # brokers
    ("kafka: {brokers: ['http://kafka:9092']}", "no http://", "write kafka:9092"),
    ("kafka: {brokers: ['PLAINTEXT://a:1,PLAINTEXT://b:2']}", "no PLAINTEXT://", "write [a:1, b:2]"),
    ("kafka: {brokers: ['a:1,b:2']}", "several brokers in one item", "write [a:1, b:2]"),
    ("kafka: {brokers: 'a:1, b:2'}", "list of text", "write brokers: [a:1, b:2]"),
    ("kafka: {brokers: ['a:']}", "no port after its colon", "write host:9092"),
    ("kafka: {brokers: ['a:kafka']}", "no port after its colon", "write host:9092"),
    ("kafka: {brokers: ['fe80::1']}", "without brackets", '"[fe80::1]:9092"'),
    ("kafka: {brokers: ['a:1 ']}", "blanks around it", "write a:1"),
    ("kafka: {brokers: ['kafka:1:2']}", "more than one colon", "write host:9092"),
    ("kafka: {brokers: [{host: a, port: 1}]}", "text", "write host:port"),
    ("kafka: {brokers: {host: a, port: 1}}", "list of text", "write host:port"),
    ("state: {store: 's3://AKIA:s3cret@bucket'}", "credentials in the address", "state.options"),
    ("state: {store: 's3://b', options: {endpoint: 'minio:9000'}}", "no address of the web", "write http://"),
    # quantities in other notations
    ("detectors: [{adopt: never}]", "a duration", "long enough"),
    ("detectors: [{false_alarms: never}]", "an alert budget", "the least that you can bear"),
    ("logs: {similarity: 50}", "a number", "write 0.5 for 50 %"),
    ("detect: {false_discoveries: {rate: 10}}", "a number", "write 0.1 for 10 %"),
    ("detectors: [{quiet: [{from: 22, to: '06:00'}]}]", "a time of day", 'write "22:00"'),
    ("logs: {window: 5 minutes}", "a duration", "write 5m"),
    ("logs: {window: PT1H30M}", "a duration", "write 1h30m"),
    ("logs: {window: '00:05:00'}", "a duration", "write 5m"),
    ("logs: {window: 1 month}", "a duration", "write 30d"),
    ("kafka: {session_timeout: '15'}", "a duration", "leave the quotes out"),
    ("limits: {message: 1 GB}", "a size", "write 1000MB"),
    ("limits: {message: 1.5MB}", "a size", "write 1500kB"),
    ("detectors: [{quiet: [{from: 10pm, to: '06:00'}]}]", "a time of day", 'write "22:00"'),
    ("detectors: [{quiet: 22:00-06:00}]", "a list", 'write quiet: [{from: "22:00", to: "06:00"}]'),
    ("detectors: [{quiet: [{from: '1:00', to: '2:00', days: mon-wed}]}]", "list of", "write days: [mon, tue, wed]"),
    ("detectors: [{quiet: [{from: '1:00', to: '2:00', timezone: Berlin}]}]", "timezone", "'Europe/Berlin'"),
    ("detectors: [{quiet: [{from: '1:00', to: '2:00', timezone: GMT+2}]}]", "timezone", "an offset is no timezone"),
    ("maintenance: [{from: 2026-01-31 22:00, to: '2026-02-01T00:00:00Z'}]", "offset", "2026-01-31T22:00:00Z"),
    ("detectors: [{limit: {above: 90%}}]", "a number", "write 0.9 for 90%"),
    ("detectors: [{min_deviation: {absolute: 5ms}}]", "a number", "write the number alone"),
    ("detectors: [{min_deviation: {absolute: '1,000'}}]", "a number", "write 1000"),
    ("detectors: [{warmup: 5m}]", "a whole number", "it counts, and has no unit"),
    ("detectors: [{limit: 90}]", "a section", "write limit: {above: 90}"),
    ("detectors: [{min_deviation: 0.1}]", "a section", "{relative: 0.1}"),
    # regular expressions say what is wrong with them
    ("logs: {masks: '(abc'}", "a list", "the ( at character 1 is never closed"),
    ("logs: {masks: ['(abc']}", "a section", "the ( at character 1 is never closed"),
    ("logs: {masks: [{name: x, pattern: '(abc'}]}", "the ( at character 1 is never closed", ""),
    ("logs: {secrets: {patterns: ['[abc']}}", "the [ at character 1 is never closed", ""),
    # one thing where a list or a section is expected, and the other way round
    ("inputs: [{topic: [a, b], signal: log}]", "text", "an input has one topic"),
    ("inputs: [{topic: 'a,b', signal: log}]", "not a name", "an input has one topic"),
    ("inputs: [{topic: 'a-*', signal: log}]", "not a name", "named one by one"),
    ("inputs: {a: {signal: log}}", "a list", "- topic: a"),
    ("detectors: {errors: {direction: up}}", "a list", "- name: errors"),
    ("services: [web, api]", "a mapping", "write each as a key: web: {}"),
    ("services: {web: [db]}", "a section", "write web: {depends_on: [db]}"),
    ("services: {web: {depends_on: db}}", "list of text", "write depends_on: [db]"),
    ("http: [{port: 1}]", "a section", "remove the dash"),
    ("kafka: group:a", "a section", "put a blank after the colon"),
    # words and keys of other tools
    ("inputs: [{topic: a, signal: traces}]", "is not one of", "write span"),
    ("inputs: [{topic: a, signal: log, format: otlp}]", "is not one of", "write otlp_json or otlp_proto"),
    ("detectors: [{direction: increasing}]", "is not one of", "write up"),
    ("logging: {level: warn}", "is not one of", "write warning"),
    ("kafka: {security: {protocol: TLS}}", "is not one of", "write SSL"),
    ("kafka: {bootstrap.servers: a}", "unknown key", "here it is 'brokers'"),
    ("kafka: {group.id: a}", "unknown key", "here it is 'group'"),
    ("detectors: [{heads: all}]", "a list", "leave heads out"),
    ("inputs: [{topic: a, signal: metric, format: json, fields: {value: $.x.y, name: n}}]", "a JSONPath", "write x.y"),
    ("inputs: [{topic: a, signal: metric, format: json, fields: {value: .x.y, name: n}}]", "a source", "write x.y"),
    ("inputs: [{topic: a, signal: metric, format: json, fields: {value: x, name: n, labels: host}}]",
     "a mapping", "write labels: {host: host}"),
    ("inputs: [{topic: a, signal: metric, format: json, fields: {value: x, name: n, timestamp_format: yyyy-MM-dd}}]",
     "a format of times", 'write "%Y-%m-%d"'),
    ("inputs: [{topic: a, signal: log, format: json, fields: {message: x}}]", "unknown key", "here it is 'body'"),
    ("inputs: [{topic: a, signal: metric, fields: {value: x, name: n}}]", "has fields", "write format: json"),
    ("inputs: [{topic: a, signal: [metric, log]}]", "one of", "an input has one signal"),
    ("inputs: [metrics]", "a section", "write - topic: metrics"),
    ("detectors: [{limit: {max: 90}}]", "unknown key", "here it is 'above'"),
    ("detectors: [{match: '*cpu*'}]", "a mapping", 'write match: {name: "*cpu*"}'),
    ("detectors: [{match: [cpu, mem]}]", "a mapping", "write match: {name: [cpu, mem]}"),
    ("detectors: [{model: HalfSpaceTrees}]", "does not name a model", "write river.anomaly.HalfSpaceTrees"),
    ("services: [{name: web, depends_on: [db]}]", "a mapping", "web: {depends_on: [db]}"),
    ("maintenance: [{from: '2026-01-31T22:00:00Z', to: 2h}]", "a time", "write the moment itself"),
    ("correlate: {false_incidents: 1}", "an alert budget", "as in 1/week"),
    ("feedback: true", "a section", "write feedback: {}"),
    ("kafka: {start: 2h}", "is not one of", "state.history"),
    ("workers: 4", "unknown key", "floodmark run --workers N"),
    ("kafka.brokers: [a]", "unknown key", "write kafka: and below it, indented, brokers:"),
    ("detectors: [{false-alarms: 1/day}]", "unknown key", "here it is 'false_alarms'"),
    ("detectors: [{threshold: 5}]", "unknown key", "here it is 'limit'"),
    ("inputs: [{topic: a, type: log}]", "unknown key", "here it is 'signal'"),
    ("inputs: [{-topic: a, signal: log}]", "unknown key", "a blank after the dash"),
    ("http: {host: '0.0.0.0:9464'}", "more than an address", "write host: 0.0.0.0 and port: 9464"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words", "hint"), REFUSED)
def test_refused_with_the_right_form(said, text, words, hint):
    refused, problems = said(text)
    assert refused
    assert any(words in p.message and hint in p.hint and p.line == 1 and p.column > 0 for p in problems), problems


WARNED = [
    ("detectors: [{match: {name: '^cpu_.*$'}}]", "looks like a regular expression", 'write "cpu_*"'),
    ("detectors: [{match: {name: '(cpu|mem)_.*'}}]", "looks like a regular expression", 'write ["cpu_*", "mem_*"]'),
    ("detectors: [{match: {name: '/cpu.*/'}}]", "looks like a regular expression", 'write "cpu*"'),
    ("detectors: [{match: {service: 'web.*'}}]", "looks like a regular expression", 'write "web*"'),
    ("models: [{match: 'fraud.*'}]", "looks like a regular expression", 'write "fraud*"'),
    ("detectors: [{match: {service: 'web,api'}}]", "one value, with a sign in it", "write [web, api]"),
    ("detectors: [{match: {service: ['web|api']}}]", "one value, with a sign in it", "write [web, api]"),
    ("detectors: [{match: {service: 'web-{a,b}'}}]", "braces are plain", "write [web-a, web-b]"),
    ("detectors: [{match: {service: 'web%'}}]", "% is a plain character", 'write "web*"'),
    ("detectors: [{match: {service: '!web'}}]", "there is no `not`", "a detector of their own"),
    ("detectors: [{match: {__name__: up}}]", "only series that have a label", "write name:"),
    ("detectors: [{limit: {above: 90}, direction: down}]", "alarms when the series goes up", "write direction: up"),
    ("detectors: [{limit: {below: 9}, direction: up}]", "alarms when the series goes down", "write direction: down"),
    ("detectors: [{min_deviation: {relative: 20}}]", "20 is 2,000 %", "write 0.2 for 20 %"),
    ("detectors: [{false_alarms: 500/day}]", "500 false alarms a day", "1/day"),
    ("kafka: {session_timeout: 15000}", "counted in seconds: 4.2 h", "write 15s"),
    ("correlate: {gap: 3}", "3 is counted in seconds, and usual are 3 min", "else 3m"),
    ("state: {history: 7}", "7 is counted in seconds", "7d"),
    ("detectors: [{name: cpu_usage}]", "without a match this judges every series", "write match: {name: cpu_usage}"),
    ("state: {store: s3}", "a folder of that name", "write s3://bucket/prefix"),
    ("kafka: {brokers: [kafka]}", "names no port", "write host:9092"),
    ("kafka: {brokers: ['kafka:2181']}", "ZooKeeper's", "9092"),
    ("kafka: {brokers: ['a:1', 'a:1']}", "the same broker", "remove one"),
    ("state: {store: '~/state'}", "a folder named ~", "${HOME}"),
    ("state: {store: $HOME/state}", "nothing fills that in", "write ${HOME}"),
    ("state: {store: none}", "nothing is written null", "write null"),
    ("kafka: {group: '{{ .Values.group }}'}", "nothing fills that in", "write the value"),
    ("kafka: {group: CHANGEME}", "an example that nobody filled in", "write the value"),
    ("kafka: {group: “a”}", "typographic quotes", "use"),
    ("inputs: [{topic: __consumer_offsets, signal: log}]", "Kafka's own", "telemetry"),
]


@pytest.mark.parametrize(("text", "words", "hint"), WARNED)
def test_warned_of_with_the_right_form(said, text, words, hint):
    refused, problems = said(text)
    assert not refused, problems
    assert any(words in p.message and hint in p.hint and p.line == 1 for p in problems), problems


@pytest.mark.parametrize(
    "text",
    [
        "detectors: [{match: {name: [http_*, 'system.*', jvm.memory.*], host: 'web.*', path: /var/log/}}]",
        "detectors: [{match: {instance: 'db-[0-9]*:9187', device: 'C:', user: a@b, version: 1.2-rc+3}}]",
        "detectors: [{match: {Volume Name: data, 'a(b)': c, k8s.pod/name: d}}]",
        "detectors: [{match: {path: '100%', url: 'a%20b', time: 22:30}}]",
        "detectors: [{limit: {above: 90}, direction: up, match: {name: a}}, {min_deviation: {relative: 0.5}}]",
        "detectors: [{false_alarms: 3/day, adopt: 21600, refractory: 3600}]",
        "kafka: {brokers: [a.b.c:9092, '[::1]:9092', '10.0.0.1:9093'], session_timeout: 30}",
        "state: {store: 's3://bucket/prefix', history: 86400}",
        "state: {store: /var/lib/floodmark}",
        "state: {store: null}",
        "state: {store: 'file:///var/lib/x'}",
        "state: {store: 'https://x.blob.core.windows.net/c'}",
        "http: {host: '::1'}",
        "detectors: [{name: everything else, refractory: 0, limit: {above: 9, within: 30m}}]",
        "detectors: [{name: catch_all}]",
    ],
)
def test_what_is_right_is_left_alone(said, text):
    assert said(text) == (False, [])


def test_what_came_from_the_environment_is_in_no_hint(said):
    environ = {"P": "hunter2,hunter3"}
    for text in (
        "kafka: {brokers: '${P}'}", "kafka: {brokers: ['${P}']}", "kafka: {brokers: ['http://${P}']}",
        "state: {store: 's3:/${P}'}", "logs: {window: '5 ${P}'}", "detectors: [{match: '${P}'}]",
        "detectors: [{match: {service: '${P}'}}]", "services: {web: ['${P}']}", "logs: {masks: '(${P}'}",
    ):  # fmt: skip
        _, problems = said(text, environ)
        assert not any("hunter" in str(problem) for problem in problems)


def test_a_secret_is_in_no_hint(said):
    for text in (
        "kafka: {security: [hunter2]}", "state: {options: [hunter2]}", "kafka: {security: {password: [hunter2]}}",
        "kafka: {security: {oauth: {client_secret: {hunter2: x}}}}", "state: {options: hunter2:x}",
        "kafka: {security: {password: $HUNTER2}}",
    ):  # fmt: skip
        _, problems = said(text)
        assert problems
        assert not any("hunter" in str(problem).lower() for problem in problems)
