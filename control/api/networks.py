"""Networks over HTTP."""

from typing import Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control.api.asking import asking
from control.api.http import Page, Paging, Query, Several, engine_filters, no_content, reply, reply_page
from control.api.methods import by_method
from control.api.operations import operation
from control.api.state import engine_of
from control.errors import AddressConflict, Ambiguous, InUse, NameTaken, NoSwarm
from control.records import Network, NetworkDetail
from control.wanted import WantedNetwork


class ListQuery(Paging):
    """Filters are the engine's own: `name` is a part of the name, `label` is `key` or `key=value`."""

    name: str | None = None
    driver: str | None = None
    scope: Literal["local", "global", "swarm"] | None = None
    label: Several = Field((), description="May be given several times: all must match.")
    dangling: bool | None = None
    type: Literal["builtin", "custom"] | None = None


class RemoveQuery(Query):
    """`force` disconnects its containers first."""

    force: bool = False


@operation(answers={200: Page[Network]})
async def list_networks(request: Request, query: ListQuery) -> Response:
    """Networks, by name."""
    filters = engine_filters(
        name=query.name,
        driver=query.driver,
        scope=query.scope,
        label=query.label,
        dangling=query.dangling,
        type=query.type,
    )
    networks = await engine_of(request).networks.list(filters)
    return reply_page(networks, query, _by_name)


def _by_name(network: Network) -> tuple[str, str]:
    return network.name, network.id


@operation(
    action="network.create", answers={201: NetworkDetail}, problems=(NameTaken, AddressConflict, NoSwarm), creates=True
)
async def create_network(request: Request, wanted: WantedNetwork) -> Response:
    """Create a network. 201 with the network; its place is in `Location`."""
    await asking(request, name=wanted.name)
    network = await engine_of(request).networks.create(wanted)
    return reply(network, status=201, headers={"Location": f"/networks/{network.id}"})


@operation(answers={200: NetworkDetail}, problems=(Ambiguous,))
async def inspect_network(request: Request) -> Response:
    """A network, its options and addresses, and the containers on it."""
    networks = engine_of(request).networks
    network = await networks.resolve(request.path_params["network"])
    return reply(await networks.inspect(network.id))


@operation(action="network.remove", answers={204: None}, problems=(Ambiguous, InUse))
async def remove_network(request: Request, query: RemoveQuery) -> Response:
    """Remove a network. 409 while containers use it, naming them; `force` disconnects them first."""
    networks = engine_of(request).networks
    network = await networks.resolve(request.path_params["network"])
    await asking(request, network=network)
    if query.force:
        for member in (await networks.inspect(network.id)).containers:
            await networks.disconnect(network.id, member.container.id)
    try:
        await networks.remove(network.id)
    except InUse as error:
        users = [member.container.name for member in (await networks.inspect(network.id)).containers]
        raise InUse(
            f"{network.name} is in use by {', '.join(str(user) for user in users) or 'others'}. Disconnect them first, "
            "or ask with force=true.",
            users=users,
        ) from error
    return no_content()


routes = [
    Route("/networks", by_method(GET=list_networks, POST=create_network)),
    Route("/networks/{network}", by_method(GET=inspect_network, DELETE=remove_network)),
]
