"""The hands: each does its operations one after the other, and writes down what came of them.

Concurrency: a hand is one thread with connections of its own. Hands share a `World`, which says under a lock what
stands in each slot. A hand whose call was refused a connection has done nothing, waits, and tries again; one whose
call broke off writes down that it does not know.
"""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Self

import httpx2

from tests.chaos.calls import Call, api_call, ends_by_itself, socket_call
from tests.chaos.journal import ABSENT, NOTHING, Done, Member, View
from tests.chaos.plan import Operation
from tests.chaos.shown import Shown, may_be_connected, view_of

ANSWER_SECONDS: Final = 60.0
PATIENCE_SECONDS: Final = 120.0


class Refused(Exception):
    """Nobody listens: nothing was sent."""


@dataclass(frozen=True)
class Places:
    """Where the engine and control are, and control's token (which is there once it has run)."""

    socket: str
    url: str
    token: Callable[[], str]


class World:
    """What stands in each slot: the ids of containers and networks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: dict[str, str] = {}

    def id_of(self, slot: str) -> str:
        """The id, or the slot's own name where nothing is known to stand there."""
        with self._lock:
            return self._ids.get(slot, slot)

    def stands(self, slot: str, identity: str) -> None:
        """It was made."""
        with self._lock:
            self._ids[slot] = identity

    def gone(self, slot: str, identity: str) -> None:
        """It was removed."""
        with self._lock:
            if self._ids.get(slot) == identity:
                del self._ids[slot]

    def learn(self, shown: Shown) -> None:
        """At a rest: what there is."""
        found = {network["Name"]: network["Id"] for network in shown.networks}
        found |= {container["Name"].strip("/x"): container["Id"] for container in shown.containers}
        with self._lock:
            self._ids = found


class Engine:
    """The engine's bare socket, for one thread."""

    def __init__(self, socket: str) -> None:
        self._client = httpx2.Client(
            transport=httpx2.HTTPTransport(uds=socket), base_url="http://engine", timeout=ANSWER_SECONDS
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def send(self, call: Call) -> httpx2.Response:
        """Raises Refused, httpx2.HTTPError."""
        return _send(self._client, call, {})

    def get(self, path: str, **query: str) -> Any:  # noqa: ANN401  (any JSON)
        """What the engine says; None where there is no such thing. Raises Refused, httpx2.HTTPError."""
        answer = self.send(Call("GET", path, query=query))
        if answer.status_code == 404:
            return None
        return answer.raise_for_status().json()

    def shown(self) -> Shown:
        """Everything."""
        networks = [self.get(f"/networks/{network['Id']}") for network in self.get("/networks")]
        listed = self.get("/containers/json", all="true")
        containers = [self.get(f"/containers/{container['Id']}/json") for container in listed]
        return Shown([one for one in networks if one], [one for one in containers if one])


class Hand:
    """One hand."""

    def __init__(self, places: Places, world: World, run: str) -> None:
        """`run` begins the ids of its requests."""
        self._places = places
        self._world = world
        self._run = run
        self._stack = ExitStack()
        self._engine = self._stack.enter_context(Engine(places.socket))
        self._api = self._stack.enter_context(httpx2.Client(base_url=places.url, timeout=ANSWER_SECONDS))

    def close(self) -> None:
        """Close its connections."""
        self._stack.close()

    def perform(self, operation: Operation) -> list[Done]:
        """Do it: what was sent, one entry a call."""
        time.sleep(operation.pause)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._perform(operation)
            except Refused:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _perform(self, operation: Operation) -> list[Done]:
        if operation.verb == "flap":
            return self._flap(operation)
        if operation.verb == "run" and operation.via == "socket":
            created = self._one(replace(operation, verb="create"))
            return [created, self._one(replace(operation, verb="start"))] if created.succeeded else [created]
        return [self._one(operation)]

    def _flap(self, operation: Operation) -> list[Done]:
        """Disconnect and connect, as fast as it goes, with a look at the container before and after all of it."""
        assert operation.container is not None
        container = self._world.id_of(operation.container)
        network = self._world.id_of(operation.network or "")
        first, spontaneous = self._look(container)
        if first is None or not first.runs or len(network) < 64:
            return [self._one(replace(operation, verb="connect"))]
        done: list[Done] = []
        before = first
        since = time.time_ns()
        for turn in range(2 * operation.times):
            connected = before.members.get(network, ABSENT).state == "connected"
            single = replace(operation, verb="disconnect" if connected else "connect")
            try:
                entry = self._sent(single, turn, container, network, first.name)
            except Refused:
                if not done:
                    raise
                break
            after = None
            if entry.succeeded:
                members = {key: member for key, member in before.members.items() if key != network}
                after = replace(before, members=members if connected else {**members, network: Member("connected")})
            done.append(replace(entry, before=before, after=after, spontaneous=spontaneous))
            if after is None:
                break
            before = after
        through = time.time_ns()
        return [replace(entry, since=since, through=through) for entry in done]

    def _one(self, operation: Operation) -> Done:
        slot, verb = operation.container, operation.verb
        makes = verb in {"create", "run"}
        container = None if slot is None else (slot if makes else self._world.id_of(slot))
        network = None if operation.network is None else operation.network
        if network is not None and verb != "net_create":
            network = self._world.id_of(network)
        if makes and operation.mode is not None:
            network = self._world.id_of(operation.mode) if operation.number % 2 else operation.mode
        before, spontaneous = (NOTHING, operation.program != "sleep") if makes else self._look(container)
        name = "" if before is None else before.name
        done = self._sent(operation, 0, container, network, name)
        if makes and done.container is not None:
            assert slot is not None
            self._world.stands(slot, done.container)
        if done.verb == "net_create" and done.network is not None:
            assert operation.network is not None
            self._world.stands(operation.network, done.network)
        if done.succeeded and verb in {"rm", "rm_force"}:
            self._world.gone(slot or "", container or "")
        if done.succeeded and verb.startswith("net_remove"):
            self._world.gone(operation.network or "", network or "")
        try:
            after, _ = self._look(done.container)
        except Refused:
            after = None
        if done.status == 409 and makes:
            self._learn(slot or "")
        if done.status in {502, 503, 504}:
            time.sleep(0.3)  # control or its engine is in trouble: do not burn the plan on that
        return replace(done, before=before, after=after, settled=time.time_ns(), spontaneous=spontaneous)

    def _sent(self, operation: Operation, turn: int, container: str | None, network: str | None, name: str) -> Done:
        """One call, and what came of it. Raises Refused."""
        api = operation.via == "api"
        request = f"{self._run}-{operation.number}-{operation.verb}-{turn}" if api else None
        began = time.time_ns()
        status, body, error = None, None, ""
        try:
            if request is not None:
                call = api_call(operation, container or "", network or "")
                headers = {
                    "Authorization": f"Bearer {self._places.token()}",
                    "X-Request-ID": request,
                    "Reason": f"chaos {operation.number}",
                }
                answer = _send(self._api, call, headers)
            else:
                renamed = name.rstrip("x") if name.endswith("x") else f"{name}x"
                answer = self._engine.send(socket_call(operation, container or "", network or "", renamed))
            status = answer.status_code
            body = answer.json() if "json" in answer.headers.get("content-type", "") and answer.content else None
            if answer.is_error:
                error = str((body or {}).get("detail" if api else "message", answer.text))[:300]
        except (httpx2.HTTPError, ValueError) as broken:
            error = f"{type(broken).__name__}: {broken}"[:300]
        ended = time.time_ns()
        made = str((body or {}).get("id" if api else "Id", "")) if status == 201 else ""
        if operation.verb in {"create", "run"}:
            container, network = made or None, None
        if operation.verb == "net_create":
            network = made or None
        return Done(
            number=operation.number,
            hand=operation.hand,
            via=operation.via,
            verb=operation.verb,
            began=began,
            ended=ended,
            settled=ended,
            container=container if container is None or len(container) == 64 else None,
            container_name=operation.container,
            network=network if network is None or len(network) == 64 else None,
            request=request,
            status=status,
            error=error,
        )

    def _look(self, container: str | None) -> tuple[View | None, bool]:
        """The container as the engine shows it now, and whether it ends by itself; None where that can't be known.
        Raises Refused."""
        if container is None or len(container) != 64:
            return None, False
        try:
            raw = self._engine.get(f"/containers/{container}/json")
            if raw is None:
                return NOTHING, False
            networks = {network["Id"]: network for network in self._engine.get("/networks")}
            for identity in may_be_connected(raw, networks.values()):
                networks[identity] = self._engine.get(f"/networks/{identity}") or networks[identity]
            return view_of(raw, networks.values()), ends_by_itself(raw)
        except httpx2.HTTPError:
            return None, False

    def _learn(self, slot: str) -> None:
        """A container of that name was there: it stands in the slot."""
        try:
            raw = self._engine.get(f"/containers/{slot}/json")
        except (Refused, httpx2.HTTPError):
            return
        if raw is not None:
            self._world.stands(slot, raw["Id"])


def _send(client: httpx2.Client, call: Call, headers: dict[str, str]) -> httpx2.Response:
    try:
        return client.request(call.method, call.path, json=call.body, params=dict(call.query), headers=headers)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, FileNotFoundError) as error:
        raise Refused(str(error)) from error
