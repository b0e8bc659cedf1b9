"""Images over HTTP: listed, inspected, named and removed. `making` builds and pulls them."""

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from control.api import making
from control.api.asking import asking
from control.api.http import Page, Paging, Query, Several, engine_filters, no_content, reply, reply_page
from control.api.methods import by_method
from control.api.operations import operation
from control.api.state import engine_of
from control.errors import InUse, NotFound
from control.records import Image, ImageDetail
from control.wanted import WantedTag, reference_of


class ListQuery(Paging):
    """Filters are the engine's own."""

    all: bool = Field(default=False, description="Those too that are mere layers of others.")
    reference: Several = Field((), description="A name, in which `*` stands for anything; several: any of them.")
    label: Several = Field((), description="`key` or `key=value`; several: all must match.")
    dangling: bool | None = Field(None, description="Whether it has no tag and nothing was made of it.")
    before: str | None = Field(None, description="Made before this image.")
    since: str | None = Field(None, description="Made after this image.")


class RemoveQuery(Query):
    """`force` removes it also when it has other names or a stopped container uses it; `noprune` keeps the images
    without a name that it was made of."""

    force: bool = False
    noprune: bool = False


@operation(answers={200: Page[Image]}, problems=(NotFound,))
async def list_images(request: Request, query: ListQuery) -> Response:
    """Images, by tag."""
    filters = engine_filters(
        reference=query.reference,
        label=query.label,
        dangling=query.dangling,
        before=query.before,
        since=query.since,
    )
    images = await engine_of(request).images.list(filters, intermediate=query.all)
    return reply_page(images, query, lambda image: ((image.tags or ("",))[0], image.id))


@operation(answers={200: ImageDetail})
async def inspect_image(request: Request) -> Response:
    """An image, how its containers run, and which containers use it."""
    return reply(await engine_of(request).images.detail(request.path_params["image"]))


@operation(action="image.tag", answers={201: ImageDetail})
async def tag_image(request: Request, wanted: WantedTag) -> Response:
    """Give an image a further name. It is taken from another image that has it."""
    images = engine_of(request).images
    await asking(request, name=wanted.name)
    named = reference_of(wanted.name)
    name = f"{named.repository}:{named.tag or 'latest'}"
    await images.tag(request.path_params["image"], named.repository, named.tag or "latest")
    return reply(await images.detail(name), status=201, headers={"Location": f"/images/{name}"})


@operation(action="image.remove", answers={204: None}, problems=(InUse,))
async def remove_image(request: Request, query: RemoveQuery) -> Response:
    """Remove an image. 409 while a container uses it, naming the containers. Of several names, the one that is said
    goes, and the image with the last."""
    images = engine_of(request).images
    reference = request.path_params["image"]
    await asking(request, name=reference)
    try:
        await images.remove(reference, force=query.force, prune=not query.noprune)
    except InUse as problem:
        image = await images.inspect(reference)
        users = [user.name for user in await images.users(image.id)]
        told = f" {' and '.join(users)}: these containers use it." if users else ""
        raise InUse(problem.detail + told, users=users) from problem
    return no_content()


routes = [
    Route("/images", by_method(GET=list_images)),
    *making.routes,
    Route("/images/{image:path}/tag", by_method(POST=tag_image), methods=["POST"]),
    Route("/images/{image:path}", by_method(GET=inspect_image, DELETE=remove_image)),
]
