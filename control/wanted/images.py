"""An image to build."""

from pydantic import ConfigDict

from control.wanted.values import Filled, ImageName, Labels, Path, Text, Variable, Wanted


class WantedBuild(Wanted):
    """An image to build. `context` is a folder under CONTROL_BUILD_ROOTS, for a build by path; a build from a tar
    has the rest as query parameters."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"context": "/srv/app", "tag": "app:1", "args": {"VERSION": "1"}}]}
    )

    context: Path | None = None
    tag: ImageName | None = None
    dockerfile: Filled = "Dockerfile"
    target: Filled | None = None
    args: dict[Variable, Text] = {}
    labels: Labels = {}
    no_cache: bool = False
