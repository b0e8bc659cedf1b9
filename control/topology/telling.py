"""A replacement told: its steps, what is not as it is to be, and what is other than it was. Pure."""

from collections.abc import Iterable, Iterator

from control import endpoints
from control.records import (
    Container,
    ContainerRef,
    EndpointOptions,
    Membership,
    MembershipState,
    NetworkSettings,
    Port,
    ReplacementStep,
)
from control.topology.replacement import Member, Plan, adapted, endpoint_of


def steps_of(plan: Plan) -> Iterator[ReplacementStep]:
    """Every step, in order."""
    network = plan.network
    for member in plan.members:
        address = member.was.endpoint.ipv4 or member.was.endpoint.ipv6
        state = f"{member.was.state}{f', {address}' if address and member.runs else ''}"
        yield ReplacementStep(
            action="disconnect",
            text=f"disconnect {_named(member.was.container)} from {network.name} ({state})",
            container=member.was.container,
        )
    yield ReplacementStep(action="remove-network", text=f"remove {network.name} ({network.id[:12]})")
    yield ReplacementStep(action="create-network", text=f"create {_told(plan.target)}", network=plan.target)
    for member in plan.members:
        endpoint = endpoint_of(member)
        options = _options(endpoint)
        yield ReplacementStep(
            action="connect",
            text=f"connect {_named(member.was.container)} to {network.name}{f' with {options}' if options else ''}",
            container=member.was.container,
            endpoint=endpoint,
        )


def _named(container: ContainerRef) -> str:
    return container.name or container.id[:12]


def _told(settings: NetworkSettings) -> str:
    parts = [settings.driver, *(pool.subnet for pool in settings.ipam.pools if pool.subnet)]
    parts += [name for name in ("internal", "attachable", "ipv6") if getattr(settings, name)]
    parts += [f"{key}={value}" for key, value in sorted(settings.options.items())]
    return f"{settings.name}: {', '.join(parts)}"


def _options(endpoint: EndpointOptions) -> str:
    """`ipv4 10.0.0.5, aliases a b`: what is asked for, in a word or two each."""
    told = []
    for name, value in endpoint:
        if isinstance(value, dict):
            words = [f"{key}={it}" for key, it in sorted(value.items())]
        else:
            words = [*value] if isinstance(value, tuple) else [] if value is None else [str(value)]
        if words:
            told.append(f"{name} {' '.join(words)}")
    return ", ".join(told)


def differs(was: Member, now: Container, member: Membership, version: endpoints.Version, *, live: bool) -> list[str]:
    """What of a member that was brought back is not as it is to be, in words; nothing where all is. `live`: the network
    shows it too (after a kill -9 of the engine the container alone may)."""
    told = [
        f"{now.name}'s {endpoints.WORDS[option]} is {values['present']!r} and not {values['wanted']!r}"
        for option, values in endpoints.difference(endpoints.exactly(adapted(was)), member, version).items()
    ]
    connected = live and member.state is MembershipState.CONNECTED
    if was.runs and now.state in {"running", "paused"} and not connected:
        told.append(f"{now.name} is not connected")
    return told


def by_chance(was: Member, now: Container, member: Membership, version: endpoints.Version) -> list[str]:
    """What is other than it was of a member that is as it is to be."""
    if not was.runs or member.state is not MembershipState.CONNECTED:
        return []
    told = endpoints.changed_by_chance(adapted(was), member) if not was.renumbered else []
    told += endpoints.unhonoured(endpoints.exactly(adapted(was)), member, version, made=True)
    if set(was.ports) != set(now.ports):
        told.append(f"Its ports were {_ports(was.ports)} and are {_ports(now.ports)}.")
    return [f"{now.name}: {it}" for it in told]


def _ports(ports: Iterable[Port]) -> str:
    told = [f"{it.host_address}:{it.host_port}->{it.container_port}/{it.protocol}" for it in ports if it.host_port]
    return ", ".join(told) or "not published"
