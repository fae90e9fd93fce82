"""Settings of targets that would make every delivery fail are refused, and no secret is in what is said of them."""

import pytest

from floodmark.config.loader import ConfigError, load

CASES = [
    ("teams: {webhook: prod-1.logic.azure.com/secretpart}", "no address"),
    ("teams: {webhook: 'ftp://x/secretpart'}", "no address"),
    ("slack: {webhook: 'https://hooks.slack.com/secretpart x'}", "no address"),
    ("slack: {token: secretpart}", "`token` needs `channel`"),
    ("slack: {}", "either `token` and `channel`, or `webhook`"),
    ("grafana: {url: 'grafana:3000', token: secretpart}", "no address"),
    ("elasticsearch: {url: 'https://'}", "no address"),
    ("gitlab_alerts: {url: secretpart, token: secretpart}", "no address"),
    ("alertmanager: {url: 'am:9093', token: secretpart}", "no address"),
    ("alertmanager: {url: 'http://am:9093', labels: {bad-label: secretpart}}", "no name of a label"),
    ("jira: {url: 'http://j', project: P, token: 'secretpart x'}", "cannot be sent in a header"),
    ("keep: {api_key: 'secretpartü'}", "cannot be sent in a header"),
    ("opsgenie: {api_key: ''}", "cannot be sent in a header"),
    ("webhook: {url: 'https://h', secret: whsec_secretpart*}", "no base64"),
    ("webhook: {url: 'https://h', headers: {'X Y': secretpart}}", "no name of a header"),
    ("email: {host: h, sender: nobody, to: [a@example.org]}", "no address of mail"),
    ('email: {host: h, sender: a@example.org, to: ["a@example.org\\nBcc: b@example.org"]}', "no address of mail"),
    ("newrelic: {account: acme, api_key: secretpart}", "no id"),
]


@pytest.mark.parametrize(("section", "said"), CASES)
def test_it_is_said_what_is_wrong_and_no_secret(tmp_path, section, said):
    path = tmp_path / "floodmark.yaml"
    path.write_text(f"notify: {{targets: {{it: {{{section}}}}}}}\n")
    with pytest.raises(ConfigError, match=said) as caught:
        load(path, {})
    assert "secretpart" not in str(caught.value)


def test_what_is_right_is_taken(tmp_path):
    path = tmp_path / "floodmark.yaml"
    path.write_text(
        "notify:\n  targets:\n"
        "    a: {teams: {webhook: 'https://prod-1.logic.azure.com/workflows/1?sig=x'}}\n"
        "    b: {slack: {token: xoxb-1, channel: C1}}\n"
        "    c: {grafana: {url: 'http://[::1]:3000/sub', token: t, ca_file: /etc/ca.pem}}\n"
        "    d: {newrelic: {account: '123', api_key: k, region: eu}}\n"
        "    e: {elasticsearch: {url: 'https://elastic:9200', stream: null}}\n"
    )
    assert sorted(load(path, {}).notify.targets) == ["a", "b", "c", "d", "e"]
