"""Prunes over HTTP: what nothing uses goes, after a plan that is what happens.

Concurrency: each thing is removed in a turn of its own, in which it is looked at once more, so what came into use since
it was planned stays, and is told as `failed`. A plan is in control's memory, by its token, and goes with its use.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control import instants, pruning
from control.api.asking import asking, planned
from control.api.http import reply
from control.api.methods import by_method
from control.api.operations import operation
from control.api.state import State, state_of
from control.engine import Engine
from control.errors import InUse, MemoryUnavailable, NotFound, PlanChanged, Problem
from control.instants import NANOSECONDS
from control.pruning import Candidate, Decision
from control.records import Pruned, PruneItem, PrunePlan, Unremoved
from control.wanted import WantedFullPrune, WantedPrune

KIND: Final = "plan"
LIFETIME: Final = 900
"""Seconds for which a token stands for its plan."""


class Family(NamedTuple):
    """Things of one kind: how they are looked at, and how one is removed."""

    name: str
    model: type[WantedPrune]
    survey: Callable[[Engine, WantedPrune], Awaitable[Iterable[Candidate]]]
    remove: Callable[[State, Candidate], Awaitable[None]]
    shared: bool = False
    """Whether sizes can't be added up."""


async def _networks(engine: Engine, _: WantedPrune) -> Iterable[Candidate]:
    found = await engine.networks.list()
    containers = await engine.containers.list()
    services: dict[str, tuple[str, ...]] = {}
    for network in found:
        if network.scope == "swarm":
            detail = await engine.networks.inspect(network.id, name=network.name)
            services[network.id] = tuple(service.name for service in detail.services)
    return pruning.networks(found, containers, services)


async def _remove_network(state: State, one: Candidate) -> None:
    networks = state["engine"].networks
    async with state["order"].turn(alone=[one.item.id], networks=[one.item.name]):
        found = [network for network in await networks.list() if network.id == one.item.id]
        if not found:
            raise NotFound(f"The network {one.item.name} is gone already.")
        # The engine itself would let go what only containers refer to that do not run.
        if await networks.used(found):
            raise InUse(f"{one.item.name} has come into use. Plan anew, to see by whom.")
        await networks.remove(one.item.id)


async def _containers(engine: Engine, _: WantedPrune) -> Iterable[Candidate]:
    found = await engine.containers.list()
    stopped = [it.id for it in found if it.state in pruning.STOPPED]
    return pruning.containers(found, await engine.containers.sizes(stopped))


async def _remove_container(state: State, one: Candidate) -> None:
    async with state["order"].turn(containers=[one.item.id]):
        await state["engine"].containers.remove(one.item.id)


async def _volumes(engine: Engine, wanted: WantedPrune) -> Iterable[Candidate]:
    found = await engine.volumes.list()
    return pruning.volumes(found, await engine.containers.list(), await engine.volumes.sizes(), wanted)


async def _remove_volume(state: State, one: Candidate) -> None:
    await state["engine"].volumes.remove(one.item.name)


async def _images(engine: Engine, wanted: WantedPrune) -> Iterable[Candidate]:
    return pruning.images(await engine.images.list(), await engine.containers.list(), wanted)


async def _remove_image(state: State, one: Candidate) -> None:
    for name in one.names:
        await state["engine"].images.remove(name)


NETWORKS: Final = Family("networks", WantedPrune, _networks, _remove_network)
CONTAINERS: Final = Family("containers", WantedPrune, _containers, _remove_container)
VOLUMES: Final = Family("volumes", WantedFullPrune, _volumes, _remove_volume)
IMAGES: Final = Family("images", WantedFullPrune, _images, _remove_image, shared=True)


async def prune(request: Request, family: Family, wanted: WantedPrune) -> Response:
    """Plan, or remove: what a token stands for, else what is found now."""
    state = state_of(request)
    if wanted.token is not None:
        return reply(await _as_planned(request, family, wanted.token))
    decision = await _decide(state, family, wanted)
    if wanted.dry_run:
        planned(request)
        return reply(await _plan(request, family, wanted, decision))
    return reply(await _remove(request, family, decision))


async def _decide(state: State, family: Family, wanted: WantedPrune) -> Decision:
    candidates = await family.survey(state["engine"], wanted)
    return pruning.decide(candidates, wanted, state["recorder"].clock.now())


async def _plan(request: Request, family: Family, wanted: WantedPrune, decision: Decision) -> PrunePlan:
    token = secrets.token_urlsafe(24)
    kept: dict[str, Any] = {
        "family": family.name,
        "principal": request.user.display_name,
        "wanted": wanted.model_dump(mode="json"),
        "items": {it.item.id: {"name": it.item.name, "mark": it.mark} for it in decision.remove},
    }
    await state_of(request)["memory"].put(KIND, token, kept, seconds=LIFETIME)
    return PrunePlan(
        token=token,
        ends=instants.now() + LIFETIME * NANOSECONDS,
        remove=tuple(it.item for it in decision.remove),
        kept=decision.kept,
        reclaimable=None if family.shared else decision.reclaims(),
    )


async def _as_planned(request: Request, family: Family, token: str) -> Pruned:
    state = state_of(request)
    kept = await state["memory"].get(KIND, token)
    if kept is None or (kept["family"], kept["principal"]) != (family.name, request.user.display_name):
        raise NotFound(
            f"No plan of {family.name} has this token: it is good for {LIFETIME // 60} minutes and for one removal. "
            "Ask for a new plan with dry_run."
        )
    wanted = family.model.model_validate(kept["wanted"])
    found = list(await family.survey(state["engine"], wanted))
    if changed := pruning.changes(kept["items"], found):
        names = ", ".join(str(it["name"]) for it in changed)
        raise PlanChanged(
            f"Nothing was removed, because it is not as it was planned: {names}. Ask for a new plan with dry_run.",
            changed=changed,
        )
    if not await state["memory"].remove(KIND, token):
        raise NotFound("This plan is being carried out by another request. Ask for a new plan with dry_run.")
    present = {it.item.id: it for it in found}
    remove = tuple(present[id_] for id_ in kept["items"])
    return await _remove(request, family, Decision(remove, ()))


async def _remove(request: Request, family: Family, decision: Decision) -> Pruned:
    state = state_of(request)
    await asking(request, targets=[it.item.id for it in decision.remove])
    removed: list[PruneItem] = []
    failed: list[Unremoved] = []
    for one in decision.remove:
        try:
            await family.remove(state, one)
        except Problem as problem:
            failed.append(Unremoved(item=one.item, problem=problem.document()))
        else:
            removed.append(one.item)
    return Pruned(
        removed=tuple(removed),
        failed=tuple(failed),
        kept=decision.kept,
        reclaimed=None if family.shared else pruning.total(removed),
    )


@operation(
    action="network.prune",
    answers={200: (PrunePlan, Pruned)},
    problems=(PlanChanged, NotFound, MemoryUnavailable),
)
async def prune_networks(request: Request, wanted: WantedPrune) -> Response:
    """Remove the networks that nothing uses, or plan it.

    A network that only containers refer to that do not run is in use: Docker's own prune would remove it, and they
    could not start any more.
    """
    return await prune(request, NETWORKS, wanted)


@operation(
    action="container.prune",
    answers={200: (PrunePlan, Pruned)},
    problems=(PlanChanged, NotFound, MemoryUnavailable),
)
async def prune_containers(request: Request, wanted: WantedPrune) -> Response:
    """Remove the containers that do not run, or plan it.

    Their anonymous volumes stay. One whose network a running container shares stays too.
    """
    return await prune(request, CONTAINERS, wanted)


@operation(
    action="volume.prune",
    answers={200: (PrunePlan, Pruned)},
    problems=(PlanChanged, NotFound, MemoryUnavailable),
)
async def prune_volumes(request: Request, wanted: WantedFullPrune) -> Response:
    """Remove the volumes that no container mounts, and what is in them, or plan it.

    Volumes that somebody named stay, unless `all` is given, whatever the engine's version. Containers that do not run
    use their volumes as well.
    """
    return await prune(request, VOLUMES, wanted)


@operation(
    action="image.prune",
    answers={200: (PrunePlan, Pruned)},
    problems=(PlanChanged, NotFound, MemoryUnavailable),
)
async def prune_images(request: Request, wanted: WantedFullPrune) -> Response:
    """Remove the images that no container was made from, or plan it.

    Images with a tag stay, unless `all` is given. What an image shares with others is in its size, so the sum is not
    told.
    """
    return await prune(request, IMAGES, wanted)


# Other methods of these paths are about a thing named `prune`.
routes = [
    Route("/networks/prune", by_method(POST=prune_networks), methods=["POST"]),
    Route("/containers/prune", by_method(POST=prune_containers), methods=["POST"]),
    Route("/volumes/prune", by_method(POST=prune_volumes), methods=["POST"]),
    Route("/images/prune", by_method(POST=prune_images), methods=["POST"]),
]
