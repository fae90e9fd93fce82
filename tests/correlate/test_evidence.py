"""How improbable a group is, against exact sums and as properties."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from floodmark.correlate import evidence
from floodmark.correlate.nulls import Null

from .making import LEVEL, T0, opened, symptom, updated

totals = st.floats(0.01, 200)
shapes = st.floats(0.5, 60)


def erlang(shape, total):
    """ln P(sum of `shape` standard exponentials >= `total`), by its closed form."""
    terms, term = [], math.exp(-total)
    for i in range(shape):
        terms.append(term)
        term *= total / (i + 1)
    return math.log(math.fsum(terms))


@pytest.mark.parametrize("shape", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("total", [0.1, 1.0, 5.0, 20.0, 100.0])
def test_the_tail_of_a_whole_number_of_exponentials_is_exact(shape, total):
    assert evidence.ln_gamma_tail(shape, total) == pytest.approx(erlang(shape, total), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("shape", "total"), [(1, 2.0), (3, 4.0), (5, 12.0)])
def test_the_tail_is_the_integral_of_the_density(shape, total):
    steps, end = 20_000, total + 60.0
    width = (end - total) / steps

    def density(x):
        return math.exp((shape - 1) * math.log(x) - x - math.lgamma(shape))

    area = width * sum(density(total + (i + 0.5) * width) for i in range(steps))
    assert math.exp(evidence.ln_gamma_tail(shape, total)) == pytest.approx(area, rel=1e-5)


@pytest.mark.parametrize(("shape", "total"), [(1.5, 6.0), (2.25, 9.0), (4.5, 30.0)])
def test_between_whole_numbers_it_is_near_the_gamma_distribution(shape, total):
    steps, end = 40_000, total + 80.0
    width = (end - total) / steps
    area = width * sum(
        math.exp((shape - 1) * math.log(x) - x - math.lgamma(shape))
        for x in (total + (i + 0.5) * width for i in range(steps))
    )
    assert evidence.ln_gamma_tail(shape, total) == pytest.approx(math.log(area), abs=0.15)


@given(shapes, totals, st.floats(0, 50), st.floats(0, 20))
def test_more_in_all_is_less_probable_and_more_witnesses_make_it_more_so(shape, total, more, witnesses):
    here = evidence.ln_gamma_tail(shape, total)
    assert here <= 0
    assert math.isfinite(here)
    assert evidence.ln_gamma_tail(shape, total + more) <= here + 1e-9
    assert evidence.ln_gamma_tail(shape + witnesses, total) >= here - 1e-9


def test_nothing_said_is_no_surprise():
    assert evidence.ln_gamma_tail(3, 0.0) == 0.0
    assert evidence.surprise([], Null(), 0.01) == 0.0


@pytest.mark.parametrize("mean", [0.01, 0.3, 2.0, 9.0])
def test_the_tail_of_poisson_is_that_of_its_sum(mean):
    for least in range(30):
        exact = math.fsum(math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(least, least + 200))
        assert evidence.ln_poisson_tail(least, mean) == pytest.approx(math.log(exact), abs=1e-6)


# -- what one says


def test_evidence_is_what_is_beyond_the_level_and_bounded():
    assert evidence.nats(symptom(0, "a", p=LEVEL)) == pytest.approx(0.0, abs=1e-9)
    assert evidence.nats(symptom(0, "a", p=LEVEL / math.e**5)) == pytest.approx(5.0)
    assert evidence.nats(symptom(0, "a", p=1e-300)) == evidence.MOST
    assert evidence.nats(symptom(0, "a", p=0.5)) == 0.0
    assert evidence.nats(symptom(0, "a", p=math.nan)) == 0.0


def test_a_limit_is_certain_and_a_finding_of_a_test_is_worth_less():
    assert evidence.nats(symptom(0, "a", head="limit", p=1.0)) == evidence.MOST
    point = symptom(0, "model", p=1e-7, signal="prediction")
    found = symptom(0, "model", p=1e-7, signal="prediction", head="feature_drift")
    assert 0 < evidence.nats(found) < evidence.nats(point)
    river = symptom(0, "a", p=1e-7, head="HalfSpaceTrees")
    assert evidence.nats(river) == evidence.nats(point)


def test_the_level_of_an_older_release_is_that_of_one_a_day():
    assert evidence.nats(symptom(0, "a", p=1e-6, level=0.0)) == pytest.approx(
        evidence.nats(symptom(0, "a", p=1e-6, level=evidence.UNKNOWN_LEVEL))
    )


def test_an_anomaly_says_what_its_symptom_does():
    first = opened(0, "a", p=1e-9)
    assert evidence.nats_of(first) == evidence.nats(symptom(0, "a", p=1e-9))
    assert evidence.nats_of(updated(first, 60, surprise=4.0)) < evidence.nats_of(first)


# -- families


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"name": "cpu1"}, {"name": "cpu27"}, True),
        ({"name": "cpu"}, {"name": "memory"}, False),
        ({"name": "log_new_templates"}, {"name": "log_rare_templates"}, True),
        ({"name": "log_new_templates"}, {"name": "log_template", "head": "count", "expected": 0.2}, True),
        ({"name": "log_new_templates"}, {"name": "log_template", "head": "count", "expected": 20.0}, False),
        ({"name": "log_new_templates"}, {"name": "log_template", "head": "forecast", "expected": 0.0}, False),
    ],
)
def test_families(one, other, same):
    assert (evidence.family(symptom(0, "a", **one)) == evidence.family(symptom(0, "a", **other))) is same


@pytest.mark.parametrize(
    ("worse", "direction", "harmless"),
    [("both", "up", False), ("up", "up", False), ("up", "down", True), ("down", "up", True), ("up", "none", False)],
)
def test_harmless_is_what_goes_the_way_that_hurts_nobody(worse, direction, harmless):
    assert evidence.is_harmless(symptom(0, "a", worse=worse, direction=direction)) is harmless


# -- groups


def member(entity, name, p, change, direction):
    made = symptom(0, entity, name, p=p, direction=direction, worse="up")
    made.family, made.change = evidence.family(made), change
    return made


members = st.builds(
    member,
    st.sampled_from("abc"),
    st.sampled_from(["cpu1", "cpu2", "errors", "latency", "disk", "log_new_templates"]),
    st.sampled_from([1e-3, 1e-4, 1e-5, 1e-7, 1e-12]),
    st.sampled_from(["", "", "deploy"]),
    st.sampled_from(["up", "up", "up", "down"]),
)
chances = st.floats(1e-6, 0.9)


def taught():
    """What a scope has learned in some weeks."""
    null = Null()
    for i in range(60):
        families = {"a": {"errors": 1.0, "latency": 2.0}} if i % 3 else {"a": {"cpu": 0.5}, "b": {"disk": 0.3}}
        null.met(families)
        null.learn(T0 + 3600 * i, float(i % 4), families, {("deploy", "cpu"): 2.0} if i % 5 == 0 else {})
        if i % 2:
            null.changed("deploy")
    return null


TAUGHT = taught()


@given(st.lists(members, max_size=12), chances, st.sampled_from([Null(), TAUGHT]), st.randoms(use_true_random=False))
def test_the_order_of_the_symptoms_does_not_matter(symptoms, chance, null, random):
    rows = evidence.rows(symptoms, null)
    assert [row.nats for row in rows] == sorted((row.nats for row in rows), reverse=True)
    assert len({(row.entity, row.family) for row in rows}) == len(rows)
    mixed = list(symptoms)
    random.shuffle(mixed)
    assert evidence.rows(mixed, null) == rows
    said = evidence.surprise(rows, null, chance)
    assert math.isfinite(said)
    assert said >= -1e-9


@given(members, chances)
def test_one_by_itself_is_as_surprising_as_it_says(one, chance):
    one.change = ""
    rows = evidence.rows([one], Null())
    said = 0.0 if evidence.is_harmless(one) else evidence.nats(one)
    assert evidence.surprise(rows, Null(), chance) == pytest.approx(said, abs=1e-9)


@given(members)
def test_a_change_explains_and_never_adds(one):
    one.change = ""
    alone, _ = evidence.evident(one, TAUGHT)
    one.change = "deploy"
    explained, usual = evidence.evident(one, TAUGHT)
    assert 0.0 <= explained <= alone + 1e-9
    assert usual > 0.0


@given(st.lists(members, min_size=1, max_size=8), chances, chances)
def test_where_more_happens_anyway_a_group_is_less_surprising(symptoms, one, other):
    rows = evidence.rows(symptoms, TAUGHT)
    quiet, busy = sorted((one, other))
    assert evidence.surprise(rows, TAUGHT, busy) <= evidence.surprise(rows, TAUGHT, quiet) + 1e-9


def test_what_is_usually_odd_together_is_one_witness():
    pair = [member("a", name, 1e-6, "", "up") for name in ("errors", "latency")]
    new, known = Null(), TAUGHT
    assert evidence.surprise(evidence.rows(pair, known), known, 0.01) < evidence.surprise(
        evidence.rows(pair, new), new, 0.01
    )


def test_errors_after_a_change_say_more_than_memory_after_it():
    errors, memory = (member("a", name, 1e-9, "deploy", "up") for name in ("error_ratio", "memory_bytes"))
    assert evidence.evident(errors, Null())[0] > evidence.evident(memory, Null())[0] + 2


def weighed(*symptoms):
    for each in symptoms:
        each.family = evidence.family(each)
    null = Null()
    return evidence.surprise(evidence.rows(symptoms, null), null, 0.01)


def odd(entity, name, direction="up", **more):
    return symptom(0, entity, name, direction=direction, surprise=7.0, level=LEVEL, **more)


def test_more_work_everywhere_is_one_thing_and_what_is_used_where_nobody_has_more_is_not():
    surge = [odd(entity, name) for entity in ("web", "cart") for name in ("http_requests_total", "cpu_usage")]
    other = [odd(entity, name) for entity in ("web", "cart") for name in ("http_errors_total", "cpu_usage")]
    opposite = [odd("web", "http_requests_total", "down"), odd("web", "cpu_usage"), *surge[2:3], odd("cart", "disk")]
    assert weighed(*surge) < weighed(*other) - 5
    assert weighed(*surge) < weighed(*opposite)
    assert weighed(*surge) > weighed(surge[0])  # it is something all the same
