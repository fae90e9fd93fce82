"""What is said of `notify`, and where."""

from pathlib import Path

import pytest

from floodmark.config.loader import ConfigError, load_with_warnings
from floodmark.config.locate import read_yaml
from floodmark.config.notify_checks import warnings

GOOD = """
actions:
services:
  checkout: {owner: payments, tier: 1}
  cart: {owner: shop}
notify:
  link: https://floodmark.example.org/incidents/{incident}
  targets:
    room: {slack: {webhook: "https://hooks.example.org/x"}}
    pager: {pagerduty: {routing_key: "0123456789abcdef0123456789abcdef"}}
    roll: {webhook: {url: "https://hook.example.org"}}
  people:
    ann: {targets: [pager], quiet: [{from: "22:00", to: "07:00"}]}
    bob: {targets: [pager]}
  schedules:
    duty: {timezone: Europe/Berlin, rotation: [ann, bob]}
  chains:
    main: {steps: [{notify: [duty], wait: 5m}, {notify: [bob]}], fallback: [room]}
  playbooks:
    back: {target: roll, services: [checkout]}
  routes:
    - {name: payments, match: {owner: payments}, targets: [room], chain: main, playbooks: [back]}
    - {name: rest, targets: [room], fallback: [roll]}
"""


def said(tmp_path, text):
    """Errors, or warnings, a line each without the file."""
    path = tmp_path / "f.yaml"
    path.write_text(text)
    try:
        problems = load_with_warnings(path).warnings
    except ConfigError as error:
        problems = error.problems
    return [
        f"{p.line}:{p.column}: {p.path}: {p.message}" for p in problems if p.path.startswith(("notify", "services"))
    ]


def test_a_good_one(tmp_path):
    assert said(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("targets: [room], chain: main", "targets: [rom], chain: main", "22:60: notify.routes[0].targets[0]: 'rom'"),
        ("chain: main", "chain: man", "notify.routes[0].chain: 'man' is not among notify.chains"),
        ("playbooks: [back]", "playbooks: [bck]", "notify.routes[0].playbooks[0]: 'bck' is not among"),
        ("fallback: [roll]", "fallback: [rol]", "notify.routes[1].fallback[0]: 'rol' is not among"),
        ("bob: {targets: [pager]}", "bob: {targets: [pagr]}", "notify.people.bob.targets[0]: 'pagr' is not among"),
        ("rotation: [ann, bob]", "rotation: [ann, bo]", "notify.schedules.duty.rotation[1]: 'bo' is not among"),
        ("notify: [duty]", "notify: [dty]", "notify.chains.main.steps[0].notify[0]: 'dty' is not among"),
        ("target: roll", "target: room", "notify.playbooks.back.target: 'room' is slack, which runs nothing"),
        ("bob: {targets", "duty: {targets", "notify.schedules.duty: is the name of one of notify.people too"),
        ("roll: {webhook: {url: \"https://hook.example.org\"}}", "roll: {}", "targets.roll: nothing says what it is"),
        ("room: {slack:", "room: {teams: {webhook: x}, slack:", "notify.targets.room: it is slack and teams at once"),
        ("{slack: {webhook: \"https://hooks.example.org/x\"}}", "{slack: {token: x}}", "`token` needs `channel`"),
        ("rotation: [ann, bob]}", "rotation: [ann], handoff: noon}", "handoff: 'noon' is not a handoff"),
        ("rotation: [ann, bob]}", "ics: nowhere.ics}", "ics: the calendar cannot be used: No such file"),
        ("rotation: [ann, bob]}", "ics: x.ics, rotation: [ann]}", "a calendar and rotations at once"),
        (", rotation: [ann, bob]}", "}", "notify.schedules.duty: there is nobody in it"),
        ("rotation: [ann, bob]}", "rotation: [ann], every: 0s}", "every: a turn without a length"),
        ("to: \"07:00\"", "to: \"22:00\"", "notify.people.ann.quiet[0]: begins and ends at the same time"),
        ("name: rest", "name: payments", "notify.routes[1]: has the name 'payments' of notify.routes[0]"),
        ("name: rest, targets: [room],", "name: rest,", "notify.routes[1]: it tells nobody"),
        ("incidents/{incident}", "incidents", "notify.link: leads to no incident"),
        ("  routes:", "  changes: [{match: {servce: x}, targets: [room]}]\n  routes:", "changes have no 'servce'"),
        ("Europe/Berlin", "Europe/Berln", "notify.schedules.duty.timezone"),
        # warnings
        ("match: {owner: payments}, ", "", "22:7: notify.routes[0]: matches everything, so that notify.routes[1]"),
        ("name: rest, targets", "name: rest, match: {scope: x}, targets", "services.cart: no route is sure to have"),
        ("match: {owner: payments}", "match: {owners: payments}", "asks for a label 'owners'"),
        ("match: {owner: payments}", "match: {owner: paymnts}", "no service has the owner 'paymnts'"),
        ("fallback: [roll]", "fallback: [room]", "'room' stands in for itself"),
        ("services: [checkout]", "services: []", "notify.playbooks.back: it may be run for no service"),
        ("actions:\n", "\n", "notify.playbooks.back: it waits for somebody to approve"),
        ("actions:\n", "\n", "notify.routes[0].chain: whoever is called cannot say that they have it"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_where_it_stands(tmp_path, old, new, words):
    assert old in GOOD
    assert any(words in line for line in said(tmp_path, GOOD.replace(old, new, 1))), said(
        tmp_path, GOOD.replace(old, new, 1)
    )


def test_gaps_are_warned_of():
    hours = '{rotation: [ann], hours: [{days: [mon, tue, wed, thu, fri], from: "08:00", to: "18:00"}]}'
    text = GOOD.replace("rotation: [ann, bob]", f"layers: [{hours}]")
    tree, _ = read_yaml(text, "f.yaml")
    (gap,) = [each for each in warnings(tree, 1_800_000_000.0) if "on call" in each.message]
    assert gap.path == "notify.schedules.duty"
    assert gap.message == (
        "nobody is on call in 511 hours of the next 30 days, first from 2027-01-15 17:00 to 2027-01-18 07:00 UTC"
    )


def test_no_routes_tell_nobody(tmp_path):
    assert "there are no routes" in "".join(said(tmp_path, GOOD[: GOOD.index("  routes:")]))


def test_without_services_the_last_route_takes_all(tmp_path):
    text = "notify:\n  targets: {a: {webhook: {url: 'https://x'}}}\n  routes: [{match: {scope: prod}, targets: [a]}]\n"
    assert said(tmp_path, text) == [
        "3:12: notify.routes[0]: no route is sure to have an incident: some may be told to nobody"
    ]


def test_the_example_of_the_docs(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "notify.md"
    example = page.read_text().partition("```yaml\n")[2].partition("```")[0]
    example = example.replace("file:/run/secrets/pagerduty", "0123456789abcdef0123456789abcdef")
    path = tmp_path / "f.yaml"
    path.write_text(example)
    environ = dict.fromkeys(("SLACK_TOKEN", "ELASTIC_KEY", "ARGOCD_TOKEN"), "x")
    found = [problem for problem in load_with_warnings(path, environ).warnings if problem.path]
    assert found == []
