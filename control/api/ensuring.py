"""What a connect by the API comes to: what is asked for, what speaks against it, and what is done.

Concurrency: called inside the container's turn, with what was seen in it.
"""

from typing import Literal, NamedTuple

from starlette.requests import Request

from control import endpoints
from control.api.asking import widen
from control.api.state import engine_of, state_of
from control.engine import Engine
from control.engine.memberships import LIVE
from control.errors import (
    AddressConflict,
    AlreadyConnected,
    ConnectedOtherwise,
    Invalid,
    NetworkModeConflict,
    NothingToRestore,
)
from control.records import Container, Membership, MembershipState, Network
from control.topology import reconnect
from control.topology.reconnect import Seen
from control.wanted import WantedEndpoint, WantedMembership


class Asked(NamedTuple):
    """What is asked of a pair: the options, and the membership that is to be restored where that is it."""

    options: WantedEndpoint
    remembered: Membership | None


class Done(NamedTuple):
    """What came of it."""

    member: Membership
    what: Literal["connected", "reconnected", "nothing"]


async def asked_of(request: Request, network: Network, container: Container, wanted: WantedMembership) -> Asked:
    """What a request asks of a pair. Raises NothingToRestore."""
    if not wanted.restore:
        return Asked(wanted, None)
    remembered = await reconnect.recall(state_of(request)["memory"], network, container)
    if remembered is None:
        raise NothingToRestore(
            f"It is not remembered how {container.name} was on {network.name}: it was not disconnected here within the "
            "last 30 days. Connect it with the options that you want."
        )
    return Asked(endpoints.exactly(remembered), remembered)


async def ensure(request: Request, asked: Asked, seen: Seen, *, replace: bool) -> Done:
    """Have the container on the network as asked. Raises what speaks against it."""
    engine, member = engine_of(request), seen.member
    container, network = seen.container, seen.network
    if member is None or seen.residue:
        _check_possible(asked.options, seen)
        if member is not None or seen.live:
            widen(request, "network.reconnect")
        try:
            return Done(await reconnect.connect(engine, network, container, asked.options), "connected")
        except AlreadyConnected:  # by someone else, since it was looked at
            member = reconnect.required(await reconnect.look_at(engine, network, container.id), network, container)
    differs = endpoints.difference(asked.options, member, _version(engine))
    if not differs:
        return Done(member, "nothing")
    if not replace:
        words = [endpoints.WORDS[option] for option in differs]
        raise ConnectedOtherwise(
            f"{container.name} is on {network.name} with other {' and '.join(words)}. To reconnect it with what you "
            "ask for, send it again with ?replace=true.",
            difference=differs,
        )
    _check_possible(asked.options, seen)
    await reconnect.remember(state_of(request)["memory"], member, network)
    widen(request, "network.reconnect")
    return Done(await reconnect.reconnect(engine, network, container, member, asked.options), "reconnected")


def _check_possible(options: WantedEndpoint, seen: Seen) -> None:
    """Raises what the engine would say in fewer words, leave traces of, or find out at the container's next start."""
    network, container = seen.network, seen.container
    if told := endpoints.impossible(network, container):
        raise NetworkModeConflict(told)
    if told := endpoints.misfit(options, network):
        raise Invalid(told)
    if told := endpoints.reserved(options, network):
        raise AddressConflict(f"{told} Choose another address, or let the engine choose.")
    if container.state in LIVE and (told := endpoints.taken(options, network, seen.endpoints, container.id)):
        raise AddressConflict(f"{told} Choose another address, or let the engine choose.")
    if container.state in LIVE and not seen.live and (told := endpoints.full(network, seen.endpoints)):
        raise AddressConflict(f"{told} Disconnect others from it, or use a larger network.")


def told_of(engine: Engine, asked: Asked, seen: Seen, done: Done) -> tuple[str, ...]:
    """What the client should know of what was done."""
    member = done.member
    warnings = warnings_of(engine, asked, member, made=done.what != "nothing")
    if member.state is MembershipState.CONFIGURED:
        options, network = asked.options, seen.network
        if told := endpoints.misfit(options, network) or endpoints.reserved(options, network):  # asked of the engine
            warnings += (
                f"{told} {seen.container.name} can't start like this: disconnect it, or connect it otherwise.",
            )
        elif told := endpoints.taken(options, network, seen.endpoints, member.container.id):
            warnings += (f"{told} It must be free when {seen.container.name} starts.",)
    return warnings


def warnings_of(engine: Engine, asked: Asked, member: Membership, *, made: bool = True) -> tuple[str, ...]:
    """What the engine did not do of what was asked, by the membership as it is now."""
    warnings = endpoints.unhonoured(asked.options, member, _version(engine), made=made)
    if asked.remembered is not None:
        warnings += endpoints.changed_by_chance(asked.remembered, member)
    return tuple(warnings)


def _version(engine: Engine) -> endpoints.Version:
    return endpoints.version_of(engine.connection.api_version)
