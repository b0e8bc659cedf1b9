"""The section on the event log: that it runs and tells, not what it measures."""

from tests.bench import eventlog


def test_measures_and_tells() -> None:
    """A short log: every change recorded and told, a row a figure, each met or missed."""
    measured = eventlog.measure(rows=2_000, seconds=1, questions=20)
    assert measured.filled == 2_000
    assert measured.rows == 400
    assert len(measured.latencies) == measured.steps == 100
    assert measured.total_rows >= 2_500
    text, _ = eventlog.report(measured)
    rows = [line for line in text.splitlines() if line.endswith(("| holds |", "| MISSED |"))]
    assert len(rows) == 6, text
