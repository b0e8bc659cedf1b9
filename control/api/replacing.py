"""Replacements of networks over HTTP, and the bringing to an end of those that were broken off.

Concurrency: a replacement has its network alone and all its containers, and plans by what it finds then. One task,
`keep_finishing`, looks for those that were broken off, by a crash or because the engine went away, when control starts
and whenever one is left behind, until there is none.
"""

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control import log
from control.api.asking import asking, planned, reason_of
from control.api.etags import check_match, etag_of
from control.api.http import reply
from control.api.methods import by_method
from control.api.operations import operation
from control.api.state import State, state_of
from control.errors import (
    AddressConflict,
    AddressesOutside,
    Ambiguous,
    Conflict,
    EngineAway,
    InUse,
    MemoryUnavailable,
    NameTaken,
    Problem,
    ReplacementUnfinished,
    Unsupported,
)
from control.records import Network, NetworkDetail, NetworkRef, Replacement, RequestRef
from control.topology import replacing
from control.topology.planning import plan
from control.topology.replacement import Plan, plain
from control.topology.replacing import Overtaken
from control.topology.telling import steps_of
from control.wanted import WantedReplacement

LOOKS: Final = 4
"""Times that a network is looked at whose containers change while it is to be replaced."""

PAUSE: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds between tries to bring a replacement to its end."""


@operation(
    action="network.replace",
    answers={200: Replacement},
    problems=(
        Ambiguous,
        AddressConflict,
        AddressesOutside,
        Conflict,
        InUse,
        MemoryUnavailable,
        NameTaken,
        ReplacementUnfinished,
        Unsupported,
    ),
    conditional=True,
)
async def replace_network(request: Request, wanted: WantedReplacement) -> Response:
    """Change what Docker calls immutable: driver, subnets, options, labels. Containers run on.

    Every container is disconnected, the network removed and created as it is to be, and every container connected again
    with all its options (also those that do not run). What is left out of the body stays as it is; the name stays, the
    id does not. Where a step fails, everything is put back as it was, and the problem says so. `dry_run` answers the
    plan. What can't stay exactly as it was is told in `warnings`: an address that the engine chose, a host port that it
    chose, a MAC.
    """
    state = state_of(request)
    engine = state["engine"]
    network = await engine.networks.resolve(request.path_params["network"])
    if wanted.dry_run:
        planned(request)
        found, made = await _plan(request, network, wanted)
        return reply(_answer(found, made, dry_run=True))
    held: set[str] = set()
    for _ in range(LOOKS):
        async with state["order"].turn(alone=[network.id], networks=[network.name], containers=held):
            found, made = await _plan(request, network, wanted)
            there = {it.id for it in replacing.containers_of(made)} if made else set()
            if there <= held:
                await asking(request, network=network, name=network.name)
                return reply(await _carry_out(state, found, made))
        held |= there
    raise Conflict(f"Containers keep joining {network.name} while it is to be replaced: see who does (GET /events).")


async def _plan(request: Request, network: Network, wanted: WantedReplacement) -> tuple[NetworkDetail, Plan | None]:
    state = state_of(request)
    observed = await replacing.observe(state["engine"], network)
    check_match(request, etag_of(observed.network))
    asked_by = RequestRef(request.scope["request_id"], request.user.display_name, reason_of(request))
    made = plan(observed, wanted, asked_by)
    if made is not None:
        await replacing.check(state["engine"], made)
    return observed.network, made


async def _carry_out(state: State, found: NetworkDetail, made: Plan | None) -> Replacement:
    answer = _answer(found, made, dry_run=False)
    if made is None:
        return answer.model_copy(update={"network": found})
    try:
        network, warnings = await state["replacements"].carry_out(made)
    finally:
        _touch(state, made)
    return answer.model_copy(update={"network": network, "warnings": (*answer.warnings, *warnings)})


def _answer(found: Network, made: Plan | None, *, dry_run: bool) -> Replacement:
    before = plain(found)
    if made is None:
        return Replacement(dry_run=dry_run, before=before, steps=(), warnings=(), network=None)
    return Replacement(
        dry_run=dry_run, before=before, steps=tuple(steps_of(made)), warnings=made.warnings, network=None
    )


def _touch(state: State, made: Plan) -> None:
    # Of what is done to a container that does not run, the engine tells nothing.
    for container in replacing.containers_of(made):
        state["recorder"].touch(container.id)


async def keep_finishing(state: State) -> None:
    """Bring to their end the replacements that were broken off, until cancelled."""
    replacements = state["replacements"]
    tries = 0
    while True:
        replacements.unfinished.clear()
        try:
            for left in await replacements.pending():
                await _finish(state, left)
            tries = 0
            await replacements.unfinished.wait()
        except Problem as problem:
            log.logger().warning(log.REPLACEMENT_UNFINISHED, **{log.DETAIL: problem.detail})
            tries += 1
        except Exception:  # noqa: BLE001  (whatever it is, it is tried again)
            log.logger().exception(log.REPLACEMENT_UNFINISHED)
            tries += 1
        await asyncio.sleep(PAUSE[min(tries, len(PAUSE) - 1)])


async def _finish(state: State, left: Plan) -> None:
    await state["engine"].ping()
    network = left.network
    containers = [it.id for it in replacing.containers_of(left)]
    async with state["order"].turn(alone=[network.id], networks=[network.name], containers=containers):
        asked = await state["intents"].begin(
            left.request,
            "network.replace",
            method="POST",
            path=f"/networks/{network.name}/replace",
            network=NetworkRef(network.id, network.name, network.driver, network.scope),
            name=network.name,
        )
        outcome, told = "unknown", "not known"
        try:
            forward = await state["replacements"].finish(left)
            outcome, told = "done", "replaced" if forward else "as it was"
        except Overtaken:
            outcome, told = "refused", "somebody else has made a network of this name"
        except Problem as problem:
            outcome = "unknown" if isinstance(problem, EngineAway) else "failed"
            raise
        finally:
            await state["intents"].end(asked, outcome, status=None, problem=None)
            _touch(state, left)
    log.logger().info(
        log.REPLACEMENT_FINISHED,
        **{log.NETWORK: network.name, log.OUTCOME: told, log.REQUEST_ID: left.request_id},
    )


routes = [Route("/networks/{network}/replace", by_method(POST=replace_network))]
