"""A network's replacement: what comes in its place, who goes along, and where it stands by what there is. Pure."""

from collections.abc import Iterable

from control.records import (
    AddressPool,
    EndpointOptions,
    Ipam,
    Membership,
    Network,
    NetworkSettings,
    Port,
    Record,
    RequestRef,
)


class Member(Record):
    """A container that goes along: how it was on the network, whether its addresses are given up, and its ports."""

    was: Membership
    renumbered: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    runs: bool


class Plan(Record):
    """A replacement: whose request it is, the network as it was, what comes in its place, and who goes along, in the
    order in which they are connected. `made` is the id of what was created, `back` whether it is being taken back."""

    request_id: str
    principal: str
    reason: str | None
    network: Network
    target: NetworkSettings
    members: tuple[Member, ...]
    warnings: tuple[str, ...]
    made: str | None = None
    back: bool = False

    @property
    def request(self) -> RequestRef:
        """The request that asked for it."""
        return RequestRef(self.request_id, self.principal, self.reason)


def settings_of(network: Network) -> NetworkSettings:
    """What a network was made with, as far as the engine tells it."""
    told = {name: getattr(network, name) for name in NetworkSettings.model_fields if name != "ipam"}
    pools = tuple(
        AddressPool(**{name: getattr(pool, name) for name in AddressPool.model_fields}) for pool in network.ipam.pools
    )
    return NetworkSettings(**told, ipam=Ipam(driver=network.ipam.driver, options=network.ipam.options, pools=pools))


def plain(network: Network) -> Network:
    """A network as a list has it, of an inspect."""
    told = {name: getattr(network, name) for name in Network.model_fields if name != "ipam"}
    return Network(**told, ipam=settings_of(network).ipam)


def alike(settings: NetworkSettings, network: Network) -> bool:
    """Whether a network is as these settings say; what they leave to the engine does not differ."""
    present = settings_of(network)
    if settings.model_copy(update={"ipam": present.ipam}) != present:
        return False
    mine, its = settings.ipam, present.ipam
    if (mine.driver, mine.options) != (its.driver, its.options):
        return False
    return not mine.pools or (
        len(mine.pools) == len(its.pools)
        and all(
            getattr(ours, name) in {None, getattr(theirs, name)}
            for ours, theirs in zip(mine.pools, its.pools, strict=True)
            for name in ("subnet", "range", "gateway")
        )
        and all(
            ours.auxiliary_addresses == theirs.auxiliary_addresses
            for ours, theirs in zip(mine.pools, its.pools, strict=True)
        )
    )


class Standing(Record):
    """Where a replacement stands by what the engine shows: the network as it was or was made again, what came in its
    place, and what somebody else has made of its name meanwhile."""

    old: Network | None
    new: Network | None
    foreign: Network | None


def standing(plan: Plan, networks: Iterable[Network]) -> Standing:
    """Find out where a replacement stands. What was made last may be known by what it is like alone."""
    old = new = foreign = None
    settings = settings_of(plan.network)
    for network in networks:
        if network.id == plan.network.id:
            old = network
        elif network.id == plan.made:
            new = network
        elif network.name != plan.network.name:
            continue
        elif plan.back and old is None and alike(settings, network):
            old = network
        elif plan.made is None and new is None and alike(plan.target, network):
            new = network
        else:
            foreign = network
    return Standing(old=old, new=new, foreign=foreign)


def endpoint_of(member: Member) -> EndpointOptions:
    """How a member is connected to what comes in the network's place."""
    return member.was.wanted.model_copy(update=dict.fromkeys(member.renumbered))


def adapted(member: Member) -> Membership:
    """A member as it is to be there."""
    return member.was.model_copy(update={"wanted": endpoint_of(member)})
