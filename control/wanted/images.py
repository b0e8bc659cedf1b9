"""An image to build."""

from control.wanted.values import Filled, ImageName, Labels, Path, Text, Variable, Wanted


class WantedBuild(Wanted):
    """An image to build. `context` is a folder under CONTROL_BUILD_ROOTS, for a build by path; a build from a tar
    has the rest as query parameters."""

    context: Path | None = None
    tag: ImageName | None = None
    dockerfile: Filled = "Dockerfile"
    target: Filled | None = None
    args: dict[Variable, Text] = {}
    labels: Labels = {}
    no_cache: bool = False
