"""What no single value of a detector shows: windows without a length, limits that no value keeps, models that cannot be
built, KPIs that everything would be. As `checks`, it works on the located tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from floodmark.config.locate import Located, absent, items, put_in, text, values
from floodmark.config.problems import Path, Problem, nearest
from floodmark.config.quantities import clock, moment


def errors(tree: Located) -> list[Problem]:
    return [*_models(tree), *_schedules(tree), *_limits(tree)]


def warnings(tree: Located) -> list[Problem]:
    return [*_idle(tree), *_kpis(tree)]


def _models(tree: Located) -> Iterator[Problem]:
    if not any(text(item.child("model")) for item in items(tree.at(("detectors",)))):
        return
    from floodmark.config import river_models  # noqa: PLC0415 - River takes a second to import, and few name a model

    for index, item in enumerate(items(tree.at(("detectors",)))):
        path: Path = ("detectors", index)
        model, parameters = item.child("model"), item.child("parameters")
        name = text(model)
        if model is None or name is None:
            continue
        if parameters is not None and not isinstance(parameters.value, dict | None):
            continue
        scale = item.child("scale")
        scaled = scale is None or scale.value is not False
        try:
            river_models.prove(name, values(parameters) or {} if parameters else {}, scaled)
        except river_models.RiverModelError as error:
            hidden = put_in(model) or (parameters is not None and put_in(parameters))
            message, hint = error.message, _of_river(name) or error.hint
            if hidden:  # what River says may quote a value that came from the environment
                message, hint = "no River model can be built from this and the values that were put in", ""
            if error.at is None or parameters is None:
                yield model.place.problem((*path, "model"), message, hint)
            else:
                wrong = parameters.at(error.at) or parameters
                parent = parameters.at(error.at[:-1])
                place = parent.keys.get(str(error.at[-1]), wrong.place) if parent and error.at else wrong.place
                yield place.problem((*path, "parameters", *error.at), message, hint)


def _of_river(name: str) -> str:
    """The detector of River that a name without its module is of."""
    from river import anomaly  # noqa: PLC0415 - it has been imported by now

    near = nearest(name, (each for each in dir(anomaly) if each[0].isupper())) if "." not in name else None
    return f"write river.anomaly.{near}" if near else ""


def _schedules(tree: Located) -> Iterator[Problem]:
    """Windows without a length. A quiet one that ends before it begins does so on the next day."""
    for index, detector in enumerate(items(tree.at(("detectors",)))):
        for number, window in enumerate(items(detector.child("quiet"))):
            start, end = _times(window, clock)
            if end is not None and (start == end or (start, end) == (86400.0, 0.0)):
                path: Path = ("detectors", index, "quiet", number)
                hint = "for the whole day, write from: 00:00 and to: 24:00"
                yield window.place.problem(path, "begins and ends at the same time", hint)
    for index, window in enumerate(items(tree.at(("maintenance",)))):
        start, end = _times(window, moment)
        if start is not None and end is not None and end <= start:
            word = "at the same time as" if start == end else "before"
            yield window.place.problem(("maintenance", index), f"ends {word} it begins", "put to after from")


def _limits(tree: Located) -> Iterator[Problem]:
    for index, detector in enumerate(items(tree.at(("detectors",)))):
        here = detector.child("limit")
        if here is None or not isinstance(here.value, dict):
            continue
        path: Path = ("detectors", index, "limit")
        if absent(here, "above") and absent(here, "below"):
            yield here.place.problem(path, "there is no limit", "set above, below, or both")
            continue
        above, below = (here.child(key) for key in ("above", "below"))
        if above is None or below is None:
            continue
        high, low = above.value, below.value
        if isinstance(high, int | float) and isinstance(low, int | float) and high <= low:
            yield above.place.problem((*path, "above"), "no value is below `above` and above `below`", "swap them")


def _times(window: Located, read: Callable[[object], float]) -> tuple[float | None, float | None]:
    """`from` and `to`; both None unless both can be read."""
    start, end = window.child("from"), window.child("to")
    if start is None or end is None:
        return None, None
    try:
        return read(start.value), read(end.value)
    except ValueError:
        return None, None


def _idle(tree: Located) -> Iterator[Problem]:
    """What says nothing, or leaves nothing to judge by."""
    for index, item in enumerate(items(tree.at(("detectors",)))):
        parameters, heads = item.child("parameters"), item.child("heads")
        path: Path = ("detectors", index)
        nameless = absent(item, "model")
        limitless = absent(item, "limit")
        if parameters is not None and parameters.value and nameless:
            yield parameters.place.problem((*path, "parameters"), "is not used without a model")
        if heads is not None and heads.value == [] and nameless and limitless:
            hint = "leave heads out for all of them, or write enabled: false"
            yield heads.place.problem((*path, "heads"), "no head and no model: nothing judges these series", hint)


def _kpis(tree: Located) -> Iterator[Problem]:
    """KPIs that everything would be, or that nobody watches; harm of which nobody would ever be told."""
    for index, item in enumerate(items(tree.at(("detectors",)))):
        path: Path = ("detectors", index)
        kpi, worse = item.child("kpi"), item.child("worse")
        if kpi is not None and kpi.value is True:
            enabled = item.child("enabled")
            if not values(item.child("match")):
                hint = "match the few series that say how well the business goes"
                yield kpi.place.problem((*path, "kpi"), "without a match every series would be a KPI", hint)
            if enabled is not None and enabled.value is False:
                yield kpi.place.problem((*path, "kpi"), "is not used: series that match are not watched")
        direction = text(item.child("direction"))
        if worse is not None and {text(worse), direction} == {"up", "down"}:
            words = f"it hurts {text(worse)}wards, and only what goes {direction} may alarm"
            yield worse.place.problem((*path, "worse"), words, "leave direction out, or write the same in both")
