"""What a client sees of a counter whose database is well."""

import re

from tests.counter.conftest import Serve, Target


def test_get_adds_one_and_answers_a_bare_number(serve: Serve, target: Target) -> None:
    """`GET /` answers 1, 2, 3 as JSON that no cache keeps, and stores the last."""
    counter = serve(target.url)

    responses = [counter.http.get("/") for _ in range(3)]

    assert [response.json() for response in responses] == [1, 2, 3]
    assert [response.content for response in responses] == [b"1", b"2", b"3"]
    assert {response.status_code for response in responses} == {200}
    assert {response.headers["content-type"] for response in responses} == {"application/json"}
    assert {response.headers["cache-control"] for response in responses} == {"no-store"}
    assert list(target.collection.find({}, {"_id": 0})) == [{"count": 3}]


def test_guesses_and_side_requests_never_count(serve: Serve, target: Target) -> None:
    """HEAD, the favicon, prefetches, other methods and other paths leave the count alone."""
    counter = serve(target.url)
    assert counter.count() == 1

    head = counter.http.head("/")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == "application/json"
    assert head.headers["cache-control"] == "no-store"
    assert counter.http.get("/favicon.ico").status_code == 204
    for purpose in ("prefetch", "prefetch;prerender", "prefetch;anonymous-client-ip"):
        refused = counter.http.get("/", headers={"Sec-Purpose": purpose})
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:pontlevis:problem:prefetch-refused"
    for path in ("/healthz", "/readyz", "/metrics", "/nothing"):
        counter.http.get(path)
    assert counter.http.post("/").status_code == 405

    assert counter.count() == 2


def test_query_parameters_do_not_matter(serve: Serve, target: Target) -> None:
    """`GET /?whatever` counts like `GET /`."""
    assert serve(target.url).http.get("/?utm_source=x&%00=%ff").json() == 1


def test_what_is_not_there_is_a_problem(serve: Serve, target: Target) -> None:
    """An unknown path is a 404 problem, a wrong method a 405 with Allow."""
    counter = serve(target.url)

    missing = counter.http.get("/nothing/here")
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/problem+json"
    assert missing.json()["type"] == "urn:pontlevis:problem:not-found"

    for path in ("/", "/healthz", "/metrics"):
        wrong = counter.http.request("DELETE", path)
        assert wrong.status_code == 405
        assert set(wrong.headers["allow"].replace(" ", "").split(",")) == {"GET", "HEAD"}
        assert wrong.json()["type"] == "urn:pontlevis:problem:method-not-allowed"


def test_alive_ready_and_metrics(serve: Serve, target: Target) -> None:
    """`/healthz` and `/readyz` are 200, and `/metrics` counts requests and commits for Prometheus."""
    counter = serve(target.url)

    assert counter.http.get("/healthz").json() == {"status": "ok"}
    assert counter.http.get("/readyz").json() == {"status": "ready"}
    assert target.collection.count_documents({}) == 0, "being ready creates nothing"
    counter.count()
    counter.count()

    metrics = counter.http.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert 'counter_requests_total{method="GET",route="/",status="200"} 2.0' in metrics.text
    assert 'counter_commits_total{outcome="done"} 2.0' in metrics.text


def test_a_sane_request_id_is_kept_and_any_other_replaced(serve: Serve, target: Target) -> None:
    """The client's X-Request-ID comes back, also on an error; one of odd characters or length does not."""
    counter = serve(target.url)

    for given in ("abc-123", "A.b:c_d/e+f=", "0" * 128):
        for path in ("/", "/nothing"):
            assert counter.http.get(path, headers={"X-Request-ID": given}).headers["x-request-id"] == given
    ours = {
        counter.http.get("/", headers={"X-Request-ID": given}).headers["x-request-id"]
        for given in ("", "a b", "x" * 129, '"quoted"', "<script>")
    }
    assert len(ours) == 5
    assert all(re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", one) for one in ours)
