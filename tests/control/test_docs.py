"""The README says everything that there is: settings, routes, problems."""

import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from starlette.routing import Route

import control.app  # noqa: F401  (so that every metric is there)
from control import errors, log
from control.api.methods import Methods
from control.api.routes import ROUTES
from control.settings import Row, Settings, table

README = (Path(__file__).parents[2] / "README.md").read_text()

HTTP = [route for route in ROUTES if isinstance(route, Route)]


@pytest.mark.parametrize("row", table(), ids=lambda row: row.variable)
def test_every_setting_is_in_the_table(row: Row) -> None:
    """With its default, its bounds and what it is for, word for word."""
    assert row.description
    assert f"| `{row.variable}` | {row.default} | {row.bounds} | {row.description} |" in README.splitlines()


def test_the_table_has_no_setting_that_is_none() -> None:
    """What is gone from the code is gone from the README."""
    told = set(re.findall(r"^\| `CONTROL_([A-Z_]+)`", README, re.MULTILINE))
    assert told == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("route", HTTP, ids=lambda route: route.path)
def test_every_route_is_in_the_table(route: Route) -> None:
    """Each path with each of its methods."""
    methods = set(route.endpoint.operations) - {"HEAD"} if isinstance(route.endpoint, Methods) else {"GET"}
    path = route.path.replace(":path", "")
    for method in methods:
        assert re.search(rf"^\| `{method}` \| `{re.escape(path)}` \|", README, re.MULTILINE), f"{method} {path}"


def _kinds(base: type[errors.Problem]) -> list[type[errors.Problem]]:
    return [base, *(kind for child in base.__subclasses__() for kind in _kinds(child))]


@pytest.mark.parametrize("kind", _kinds(errors.Problem), ids=lambda kind: kind.__name__)
def test_every_problem_is_in_the_table(kind: type[errors.Problem]) -> None:
    """By its type and status."""
    assert f"| `{kind.slug}` | {int(kind.status)} |" in README


LINES = sorted(value for name, value in vars(log).items() if name.isupper() and isinstance(value, str) and "." in value)


@pytest.mark.parametrize("line", LINES)
def test_every_log_line_is_named(line: str) -> None:
    """What control itself writes."""
    assert f"`{line}`" in README


METRICS = sorted(family.name for family in REGISTRY.collect() if family.name.startswith("control_"))


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_named(metric: str) -> None:
    """By its name in /metrics."""
    assert f"`{metric}" in README


def test_there_are_lines_and_metrics() -> None:
    """So that the two tests above test something."""
    assert len(LINES) > 10
    assert "control_request_duration_seconds" in METRICS
