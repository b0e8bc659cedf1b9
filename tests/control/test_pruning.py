"""What a prune removes and keeps, by values."""

from typing import Any

import pytest
from pydantic import ValidationError

from control import instants, pruning
from control.pruning import Candidate
from control.records import Image, Kept, PruneItem, Volume
from control.wanted import WantedFullPrune, WantedPrune
from control.wanted.prune import instant_of

HOUR = 3600 * 10**9
NOON = instants.parse("2026-01-31T12:00:00Z")


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("24h", NOON - 24 * HOUR),
        ("1h30m", NOON - HOUR - HOUR // 2),
        ("1.5h", NOON - HOUR - HOUR // 2),
        ("90s", NOON - 90 * 10**9),
        ("10ms", NOON - 10**7),
        ("2us3ns", NOON - 2003),
        ("2026-01-31T11:00:00Z", NOON - HOUR),
        ("2026-01-31T12:00:00.000000001+00:00", NOON + 1),
    ],
)
def test_until_is_an_instant_or_a_duration_before_now(until: str, expected: int) -> None:
    assert instant_of(until, NOON) == expected
    assert WantedPrune(until=until).until == until


@pytest.mark.parametrize("until", ["", "24", "h", "1d", "-1h", "1h 30m", "yesterday", "2026-01-31", "9" * 65])
def test_nothing_else_is_until(until: str) -> None:
    with pytest.raises(ValidationError):
        WantedPrune(until=until)


def test_a_token_stands_alone() -> None:
    assert WantedPrune(token="t").token == "t"
    with pytest.raises(ValidationError):
        WantedPrune(token="t", dry_run=True)


def candidate(name: str, *, created: int | None = NOON, kept: Kept | None = None, **labels: str) -> Candidate:
    return Candidate(PruneItem(id=name, name=name, created=created), labels, f"mark of {name}", kept)


def names(wanted: WantedPrune, *candidates: Candidate) -> tuple[list[str], list[tuple[str, str]]]:
    decision = pruning.decide(candidates, wanted, NOON)
    return [it.item.name for it in decision.remove], [(it.name, it.why) for it in decision.kept]


def test_filters_keep_what_they_do_not_name() -> None:
    made = [candidate("a", team="x"), candidate("b", team="y"), candidate("c", team="x", keep=""), candidate("d")]
    assert names(WantedPrune(), *made)[0] == ["a", "b", "c", "d"]
    assert names(WantedPrune(label=("team",)), *made) == (["a", "b", "c"], [("d", "label")])
    assert names(WantedPrune(label=("team=x",)), *made)[0] == ["a", "c"]
    assert names(WantedPrune(label=("team", "keep")), *made)[0] == ["c"]
    assert names(WantedPrune(label=("keep=",)), *made)[0] == ["c"]
    assert names(WantedPrune(not_label=("keep",)), *made)[0] == ["a", "b", "d"]
    assert names(WantedPrune(not_label=("keep", "team=y")), *made)[0] == ["a", "d"]
    assert names(WantedPrune(label=("team",), not_label=("team=x",)), *made)[0] == ["b"]


def test_what_is_too_young_stays() -> None:
    """As does what has no date; what is as old as said is too young."""
    made = [candidate("new"), candidate("old", created=NOON - HOUR - 1), candidate("dateless", created=None)]
    made.append(candidate("edge", created=NOON - HOUR))
    kept = [("dateless", "too-young"), ("edge", "too-young"), ("new", "too-young")]
    assert names(WantedPrune(until="1h"), *made) == (["old"], kept)


def test_what_is_kept_for_a_reason_of_its_own_stays() -> None:
    used = Kept(id="a", name="a", why="in-use", users=("db",))
    assert names(WantedPrune(), candidate("a", kept=used), candidate("b")) == (["b"], [("a", "in-use")])


def test_what_has_changed_since_the_plan() -> None:
    used = Kept(id="used", name="used", why="in-use", users=("db",))
    planned = {name: {"name": name, "mark": f"mark of {name}"} for name in ("same", "gone", "used", "other")}
    now = [
        candidate("same"),
        candidate("used", kept=used),
        candidate("other")._replace(mark="another"),
        candidate("new"),
    ]
    assert pruning.changes(planned, now) == [
        {"id": "gone", "name": "gone", "change": "gone"},
        {"id": "used", "name": "used", "change": "in-use", "users": ["db"]},
        {"id": "other", "name": "other", "change": "changed"},
    ]
    assert pruning.changes({"same": planned["same"]}, now) == []


def volume(name: str, **labels: str) -> Volume:
    return Volume(
        name=name, driver="local", scope="local", created=NOON, mountpoint=None, labels=labels, options={}
    )  # fmt: skip


def why(candidates: Any) -> dict[str, str | None]:  # noqa: ANN401  (candidates of any kind)
    return {it.item.name: it.kept.why if it.kept else None for it in candidates}


def test_volumes_that_somebody_named_stay_unless_all_are_meant() -> None:
    """Told by the label of newer engines, and by the name of older ones."""
    found = [volume("a" * 64), volume("z" * 64), volume("props"), volume("new", **{pruning.ANONYMOUS: ""})]
    expected = {"a" * 64: None, "z" * 64: "named", "props": "named", "new": None}
    assert why(pruning.volumes(found, (), {}, WantedFullPrune())) == expected
    assert set(why(pruning.volumes(found, (), {}, WantedFullPrune(all=True))).values()) == {None}


def test_images_with_a_tag_stay_unless_all_are_meant() -> None:
    def image(id_: str, *tags: str) -> Image:
        return Image(id=id_, tags=tags, digests=(), created=NOON, size=5, labels={})

    found = [image("one"), image("two", "a:1", "b:2")]
    assert why(pruning.images(found, (), WantedFullPrune())) == {"one": None, "a:1": "tagged"}
    whole = list(pruning.images(found, (), WantedFullPrune(all=True)))
    assert [it.names for it in whole] == [("one",), ("a:1", "b:2")]
    assert {it.kept for it in whole} == {None}


def test_sums_are_of_what_is_known() -> None:
    items = [PruneItem(id=str(size), name="x", created=None, size=size) for size in (1, 2, None)]
    assert pruning.total(items) == 3
    assert pruning.total(items[2:]) is None
    assert pruning.total([]) is None
