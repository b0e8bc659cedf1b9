"""Networks, containers and batches for tests of the store."""

from control.eventlog.fold import Known, Pair, Transition
from control.eventlog.rows import Batch
from control.records import ContainerRef, Endpoint, MembershipState, NetworkRef, Source

ABSENT, CONNECTED = MembershipState.ABSENT, MembershipState.CONNECTED


def network(number: int, name: str | None = None) -> NetworkRef:
    return NetworkRef(id=f"{number:064x}", name=name or f"net{number}", driver="bridge", scope="local")


def container(number: int, name: str | None = None) -> ContainerRef:
    return ContainerRef(id=f"{number:064x}", name=name or f"ctr{number}", image="alpine")


def endpoint(number: int) -> Endpoint:
    return Endpoint(id=f"{number:064x}", ipv4="172.18.0.2", mac="02:42:ac:12:00:02", aliases=("web", "db"))


def connect(at: int, net: NetworkRef, ctr: ContainerRef, end: Endpoint | None = None) -> Transition:
    return Transition(net, ctr, ABSENT, CONNECTED, at, Source.STREAM, end)


def disconnect(at: int, net: NetworkRef, ctr: ContainerRef, end: Endpoint | None = None) -> Transition:
    return Transition(net, ctr, CONNECTED, ABSENT, at, Source.STREAM, end)


def batch(*transitions: Transition, cursor: int | None = None, digests: tuple[bytes, ...] = ()) -> Batch:
    """A batch that keeps the memberships as its transitions leave them."""
    memberships = {}
    for it in transitions:
        known = None if it.after is ABSENT else Known(it.after, it.at, it.endpoint)
        memberships[Pair(it.network.id, it.container.id)] = (it.network, it.container, known)
    return Batch(transitions=transitions, memberships=memberships, handled=digests, cursor=cursor)
