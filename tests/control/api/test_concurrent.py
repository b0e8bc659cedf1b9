"""Opposite requests for the same containers, many at once: what each is told is what it made, one after the other."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2

from tests.support.api import run
from tests.support.engine import PrivateEngine

CONTAINERS = [f"crowd-{number}" for number in range(20)]
NETWORKS = [f"square-{number}" for number in range(4)]
OPERATIONS = 200
AT_ONCE = 16

Pair = tuple[str, str]


def ask(api: httpx2.Client, what: str, network: str, container: str) -> httpx2.Response:
    place = f"/networks/{network}/containers/{container}"
    match what:
        case "connect":
            return api.put(place, json={"aliases": ["somebody"]})
        case "disconnect":
            return api.delete(place)
        case "start":
            return api.post(f"/containers/{container}/start")
        case _:
            return api.post(f"/containers/{container}/stop", params={"timeout": 0})


def claims(answer: httpx2.Response, what: str, network: str, container: str) -> dict[Pair, str]:
    """What an answer says of the pairs that it is about: all those of a container that was started or stopped."""
    if what == "disconnect":
        return {(network, container): "absent"}
    if what == "connect":
        return {(network, container): answer.json()["state"]}
    shown = {member["network"]["name"]: member["state"] for member in answer.json()["networks"]}
    return {(name, container): shown.get(name, "absent") for name in NETWORKS}


def order_of(api: httpx2.Client, requests: set[str]) -> list[str]:
    """The ids of requests in the order in which they were done: that in which the log has their outcomes."""
    found: list[str] = []
    after = 0
    while True:
        page = api.get("/events", params={"kind": "request", "after": after, "limit": 1000}).json()
        for it in page["items"]:
            if it["detail"]["phase"] == "outcome" and it["request"]["id"] in requests:
                found.append(it["request"]["id"])
            after = it["seq"]
        if not page["items"]:
            return found


def state_of(shown: dict[str, Any], network: str) -> str:
    """The state of a membership by the engine's own inspect of a container."""
    entry = shown["NetworkSettings"]["Networks"].get(network)
    if entry is None:
        return "absent"
    return "connected" if shown["State"]["Running"] and entry["EndpointID"] else "configured"


def test_many_at_once_end_in_what_their_answers_claim(api: httpx2.Client, engine: PrivateEngine) -> None:
    """200 connects, disconnects, starts and stops of 20 containers on 4 networks: none fails, and each pair is in the
    end as the last answer about it said."""
    for name in NETWORKS:
        assert api.post("/networks", json={"name": name}).status_code == 201
    for name in CONTAINERS:
        run(api, name, start=False)
    chance = random.Random(4)
    kinds = ["connect"] * 4 + ["disconnect"] * 3 + ["start"] * 2 + ["stop"]
    wanted = [(chance.choice(kinds), chance.choice(NETWORKS), chance.choice(CONTAINERS)) for _ in range(OPERATIONS)]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(lambda it: ask(api, *it), wanted))
    assert [(it.status_code, it.text) for it in answers if not it.is_success] == []

    told = {it.headers["x-request-id"]: (it, asked) for it, asked in zip(answers, wanted, strict=True)}
    order = order_of(api, set(told))
    assert sorted(order) == sorted(told)
    expected: dict[Pair, str] = dict.fromkeys(((n, c) for n in NETWORKS for c in CONTAINERS), "absent")
    for request in order:
        answer, asked = told[request]
        expected |= claims(answer, *asked)
    shown = {name: engine.call("GET", f"/containers/{name}/json") for name in CONTAINERS}
    assert {(n, c): state_of(shown[c], n) for n, c in expected} == expected


def test_opposite_requests_for_one_pair_are_put_in_order(api: httpx2.Client, engine: PrivateEngine) -> None:
    """Connects and disconnects of one pair, all at once: each connect is 201 or 200 by what it found, so the 201s are
    one more than the disconnects in between, at most."""
    assert api.post("/networks", json={"name": "square-0"}).status_code == 201
    run(api, "crowd-0")
    wanted = ["connect", "disconnect"] * 15
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(lambda what: ask(api, what, "square-0", "crowd-0"), wanted))
    assert {it.status_code for it in answers} <= {200, 201, 204}
    told = {it.headers["x-request-id"]: it.status_code for it in answers}
    connected = False
    for request in order_of(api, set(told)):
        match told[request]:
            case 201:
                assert not connected, "made a connection that there was"
                connected = True
            case 200:
                assert connected, "found a connection that there was not"
            case _:
                connected = False
    entry = engine.call("GET", "/containers/crowd-0/json")["NetworkSettings"]["Networks"].get("square-0")
    assert (entry is not None) == connected
