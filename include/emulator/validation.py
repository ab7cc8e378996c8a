"""The checks that CVAT makes on annotations it is sent, in its words.

It is lenient: a frame outside the job, a rectangle on a polygon label, an inverted box, an unknown attribute value
and unknown fields all pass.
"""

from collections.abc import Callable
from typing import Any

from include.emulator.annotations import KINDS, Item, Kind
from include.emulator.answers import invalid
from include.emulator.fields import REQUIRED

_SOURCES = ("auto", "semi-auto", "manual", "file", "consensus")
_LENGTHS: dict[str, Callable[[int], bool]] = {
    "rectangle": lambda n: n == 4,
    "ellipse": lambda n: n == 4,
    "polygon": lambda n: n >= 6 and n % 2 == 0,
    "polyline": lambda n: n >= 4 and n % 2 == 0,
    "points": lambda n: n >= 2 and n % 2 == 0,
    "cuboid": lambda n: n == 16,
    "mask": lambda n: n >= 5,
    "skeleton": lambda n: n == 0,
}

Errors = dict[str, Any]


def checked(body: dict[str, Any], *, new: bool) -> dict[Kind, list[Item]]:
    """The annotations in a request's body, normalized; with `new`, ids that were sent are forgotten.

    Raises:
        Refusal: 400 with an object of errors an item, empty for those without.
    """
    checks: dict[Kind, Callable[[Item, Errors], Item]] = {"tags": _tag, "shapes": _shape, "tracks": _track}
    answer: dict[Kind, list[Item]] = {}
    wrong: dict[str, Any] = {}
    for kind in KINDS:
        answer[kind], errors = _all(body.get(kind) or [], checks[kind], new=new)
        if any(errors):
            wrong[kind] = errors
    if wrong:
        raise invalid(wrong)
    return answer


def _all(items: list[Item], check: Callable[[Item, Errors], Item], *, new: bool) -> tuple[list[Item], list[Errors]]:
    checked_items, errors = [], []
    for item in items:
        error: Errors = {}
        checked_item = check(item, error)
        checked_item["id"] = None if new else item.get("id")
        checked_items.append(checked_item)
        errors.append(error)
    return checked_items, errors


def _tag(item: Item, errors: Errors) -> Item:
    return {
        "label_id": _whole(item, "label_id", errors),
        "frame": _whole(item, "frame", errors),
        "group": item.get("group") or 0,
        "source": _source(item, errors),
        "attributes": _attributes(item, errors),
    }


def _shape(item: Item, errors: Errors) -> Item:
    shape = {"type": item.get("type"), **_tag(item, errors), "score": _score(item, errors), **_geometry(item, errors)}
    shape["elements"], inner = _all(item.get("elements") or [], _element, new=True)
    for given, element in zip(item.get("elements") or [], shape["elements"], strict=True):
        element["id"] = given.get("id")
    if any(inner):
        errors["elements"] = inner
    return shape


def _element(item: Item, errors: Errors) -> Item:
    return {"type": item.get("type"), **_tag(item, errors), "score": _score(item, errors), **_geometry(item, errors)}


def _track(item: Item, errors: Errors) -> Item:
    track = _tag(item, errors)
    track["shapes"], inner = _all(item.get("shapes") or [], _tracked, new=True)
    if any(inner):
        errors["shapes"] = inner
    track["elements"], inner = _all(item.get("elements") or [], _track_element, new=True)
    if any(inner):
        errors["elements"] = inner
    return track


def _track_element(item: Item, errors: Errors) -> Item:
    track = _tag(item, errors)
    track["shapes"], inner = _all(item.get("shapes") or [], _tracked, new=True)
    if any(inner):
        errors["shapes"] = inner
    return track


def _tracked(item: Item, errors: Errors) -> Item:
    return {
        "type": item.get("type"),
        "frame": _whole(item, "frame", errors),
        **_geometry(item, errors),
        "attributes": _attributes(item, errors),
    }


def _geometry(item: Item, errors: Errors) -> Item:
    return {
        "occluded": bool(item.get("occluded", False)),
        "outside": bool(item.get("outside", False)),
        "z_order": item.get("z_order", 0),
        "rotation": _limited(item, "rotation", 0, 360, 0, errors),
        "points": _points(item, errors),
    }


def _points(item: Item, errors: Errors) -> list[float]:
    kind, points = item.get("type"), item.get("points") or []
    if kind not in _LENGTHS:
        errors["type"] = [f'"{kind}" is not a valid choice.'] if kind is not None else [REQUIRED]
        return []
    text = "[ErrorDetail(string='Value must be a float or an integer', code='invalid')]"
    wrong = {str(i): text for i, value in enumerate(points) if not isinstance(value, int | float)}
    if wrong:
        errors["points"] = wrong
        return []
    if not _LENGTHS[kind](len(points)):
        errors["points"] = [f"invalid length for shape type '{kind}'"]
    return [float(value) for value in points]


def _whole(item: Item, name: str, errors: Errors) -> int:
    value = item.get(name)
    if value is None:
        errors[name] = [REQUIRED]
        return 0
    if isinstance(value, str) and value.lstrip("-").isdecimal():
        value = int(value)
    if not isinstance(value, int):
        errors[name] = ["A valid integer is required."]
        return 0
    if value < 0:
        errors[name] = ["Ensure this value is greater than or equal to 0."]
    return value


def _limited(item: Item, name: str, least: float, most: float, default: float, errors: Errors) -> float:
    value = item.get(name, default)
    if not isinstance(value, int | float):
        errors[name] = ["A valid number is required."]
        return default
    if value > most:
        errors[name] = [f"Ensure this value is less than or equal to {most}."]
    if value < least:
        errors[name] = [f"Ensure this value is greater than or equal to {least}."]
    return float(value)


def _score(item: Item, errors: Errors) -> float:
    return _limited(item, "score", 0, 1, 1, errors)


def _source(item: Item, errors: Errors) -> str:
    source = item.get("source", "manual")
    if source not in _SOURCES:
        known = ", ".join(f"'{name}'" for name in _SOURCES)
        errors["source"] = [f"must be one of {known}, got '{source}'"]
    return str(source)


def _attributes(item: Item, errors: Errors) -> list[Item]:
    values = item.get("attributes") or []
    wrong = [{} if isinstance(value.get("spec_id"), int) else {"spec_id": [REQUIRED]} for value in values]
    if any(wrong):
        errors["attributes"] = wrong
        return []
    return [{"spec_id": value["spec_id"], "value": str(value.get("value", ""))} for value in values]
