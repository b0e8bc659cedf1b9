"""Containers run over HTTP: what is asked for is checked against the host and the networks, made, and told.

Concurrency: a run has the turn of its name and a share of its networks, and from the container's creation on the turn
of the container, so that nothing is done to one that is half made. A client that breaks off leaves nothing behind,
unless it sent an Idempotency-Key, by which it can ask again.
"""

import re
import secrets
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from control import endpoints, hostaccess
from control.api.asking import asking
from control.api.http import reply
from control.api.idempotency import LABEL, Mark, labels_of, mark_of
from control.api.operations import operation
from control.api.overlays import is_hidden, missing_overlay, network_for
from control.api.presence import while_there
from control.api.state import state_of
from control.engine import Engine
from control.engine.starting import place_of
from control.errors import (
    AddressConflict,
    Ambiguous,
    ClientGone,
    InUse,
    Invalid,
    NameTaken,
    NetworkModeConflict,
    NotFound,
    PortTaken,
    StartFailed,
)
from control.records import ContainerDetail, ContainerRun, Network, NetworkName
from control.wanted import WantedAttachment, WantedContainer

LINKS_WARNING: Final = (
    "links are deprecated by Docker and work one way only: put both containers on a network of your own, where "
    "each finds the other by name"
)


class Attached(NamedTuple):
    """A network that is wanted, and how the container is to be on it."""

    network: Network
    wanted: WantedAttachment


@operation(
    action="container.run",
    answers={201: ContainerRun},
    problems=(
        Ambiguous,
        NameTaken,
        PortTaken,
        AddressConflict,
        InUse,
        NetworkModeConflict,
        StartFailed,
        NotFound,
        ClientGone,
    ),
    creates=True,
)
async def run_container(request: Request, wanted: WantedContainer) -> Response:
    """Create a container and start it: 201 with the container and its Location.

    A run that fails leaves nothing behind, nor does one whose client breaks off, unless that sent an Idempotency-Key.
    What the engine did not heed is told in `warnings`. An image that is not there is not pulled: pull it first.
    """
    engine, mark = state_of(request)["engine"], mark_of(request)
    wanted = await _checked(request, wanted, mark)
    attached = [Attached(await network_for(engine, it.network), it) for it in wanted.networks]
    _check_networks(attached)
    await asking(request, name=wanted.name)
    work = _run(request, wanted, attached, mark)
    try:
        detail, warnings = await (work if mark else while_there(request, work))
    except StartFailed as error:
        if unseen := [it.network.name for it in attached if is_hidden(it.network)]:
            raise missing_overlay(unseen) from error
        raise
    made = ContainerRun(**dict(detail), warnings=tuple(warnings))
    return reply(made, status=201, headers={"Location": f"/containers/{detail.id}"})


async def _checked(request: Request, wanted: WantedContainer, mark: Mark | None) -> WantedContainer:
    """What is wanted, with a name, the full id of a container whose network it shares, and its mounts checked."""
    state = state_of(request)
    mounts = hostaccess.check_mounts(wanted.mounts, state["settings"].bind_roots)
    changes: dict[str, object] = {"mounts": mounts, "labels": {**wanted.labels, **labels_of(request)}}
    if wanted.network_mode is not None and wanted.network_mode.startswith("container:"):
        target = await state["engine"].containers.resolve(wanted.network_mode.removeprefix("container:"))
        changes["network_mode"] = f"container:{target.id}"
    if wanted.name is None:
        changes["name"] = given_name(wanted.image, mark)
    return wanted.model_copy(update=changes)


def given_name(image: str, mark: Mark | None = None) -> str:
    """A name for a container that is run without one: the log knows by it which request a container came from, even
    after a crash in between. Each request of one key has the same, so that the engine makes one container alone."""
    plain = re.sub(r"[^a-zA-Z0-9_.-]", "", image.rpartition("/")[2].partition("@")[0].partition(":")[0])
    own = mark.digest[:8] if mark else secrets.token_hex(4)
    return f"{plain.lstrip('_.-')[:100] or 'container'}-{own}"


def _check_networks(attached: list[Attached]) -> None:
    """Raises Invalid for what the engine would refuse in fewer words, or find out at the start."""
    seen: set[str] = set()
    for network, wanted in attached:
        if network.id in seen:
            raise Invalid(f"{network.name} is there twice among the networks: name it once, with all options.")
        seen.add(network.id)
        if told := endpoints.misfit(wanted, network):
            raise Invalid(told)


async def _run(
    request: Request, wanted: WantedContainer, attached: list[Attached], mark: Mark | None
) -> tuple[ContainerDetail, list[str]]:
    state = state_of(request)
    engine, order = state["engine"], state["order"]
    assert wanted.name is not None  # noqa: S101  (`_checked` gave one)
    networks = [(NetworkName(id=it.network.id, name=it.network.name), it.wanted) for it in attached]
    async with order.turn(containers=[wanted.name], networks=[it.network.id for it in attached]):
        if mark is not None and mark.again and (made := await _made_before(engine, mark, wanted, attached)) is not None:
            return made, _warnings(engine, wanted, attached, made)
        try:
            created = await engine.runs.create(wanted, networks, keep=mark is not None)
        except NameTaken:
            # A request with this key of which the engine's answer never came may have been under way until now.
            made = None if mark is None else await _made_before(engine, mark, wanted, attached)
            if made is None:
                raise
            return made, _warnings(engine, wanted, attached, made)
        async with engine.runs.whole(created, wanted, keep=mark is not None), order.turn(containers=[created.id]):
            detail = await engine.runs.complete(created, wanted, networks)
    return detail, [*_warnings(engine, wanted, attached, detail), *created.warnings]


async def _made_before(
    engine: Engine, mark: Mark, wanted: WantedContainer, attached: list[Attached]
) -> ContainerDetail | None:
    """The container that a request with this key has made, if it is whole; one that is not is removed."""
    found = None
    for listed in await engine.containers.listed(filters={"label": [f"{LABEL}={mark.digest}"]}):
        detail = await engine.containers.detail(listed.id)
        on = [place_of(member, [it.network for it in attached]) for member in detail.networks]
        whole = detail.started is not None if wanted.start else all(it.network in on for it in attached)
        if whole and found is None:
            found = detail
        else:
            await engine.containers.remove(listed.id, force=True, volumes=True)
    return found


def _warnings(engine: Engine, wanted: WantedContainer, attached: list[Attached], made: ContainerDetail) -> list[str]:
    warnings = [LINKS_WARNING] if wanted.links else []
    version = endpoints.version_of(engine.connection.api_version)
    for network, options in attached:
        for member in made.networks:
            if place_of(member, [network]) is not None:
                told = endpoints.unhonoured(options, member, version, made=True)
                warnings += [f"{network.name}: {it}" for it in told]
    if wanted.auto_remove and made.state == "removing":
        warnings.append("It has ended already, and was removed as auto_remove asks: this is how it was before.")
    return warnings
