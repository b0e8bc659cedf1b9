"""Instants: nanoseconds in, RFC 3339 out, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control import instants


@given(st.integers(min_value=0, max_value=2**62))
def test_rendering_and_parsing_are_inverse(instant: int) -> None:
    """No nanosecond is lost."""
    assert instants.parse(instants.render(instant)) == instant


@given(st.integers(min_value=0, max_value=2**62), st.integers(min_value=0, max_value=2**62))
def test_rendered_instants_sort_as_text(one: int, other: int) -> None:
    """Which is why the decimals are always nine."""
    assert (one < other) == (instants.render(one) < instants.render(other))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1_500_000_000),
        ("1970-01-01t01:00:00.000000001+01:00", 1),
        ("1969-12-31T23:00:00-01:00", 0),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
    ],
)
def test_parses_every_form(text: str, expected: int) -> None:
    """Fractions of any length, offsets, small letters, a leap second."""
    assert instants.parse(text) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-23", "2026-11-23T18:05:00", "2026-13-01T00:00:00Z", "0"])
def test_refuses_what_is_no_instant(text: str) -> None:
    """Above all a time without an offset, which could be anyone's."""
    with pytest.raises(ValueError, match=r".+"):
        instants.parse(text)


def test_dockers_zero_time_is_none() -> None:
    """The engine writes year 1 for never."""
    assert instants.parse_or_none("0001-01-01T00:00:00Z") is None
    assert instants.parse_or_none("") is None
    assert instants.parse_or_none("1970-01-01T00:00:00Z") == 0
