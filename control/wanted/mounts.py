"""What is to be mounted in a container."""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from control.wanted.values import Filled, Labels, Options, Path, Wanted

_OF_VOLUMES: Final = ("no_copy", "driver", "options", "labels")
_OF_TMPFS: Final = ("size", "mode")


class WantedMount(Wanted):
    """A volume, a folder of the engine's host (under CONTROL_BIND_ROOTS), or a tmpfs.

    A volume without a `source` is an anonymous one. One that is not there is made: with `driver`, `options` and
    `labels`, and with what the image has at `target`, unless `no_copy`. A tmpfs takes a `size` in bytes, and a `mode`
    in octal digits. What is mounted in a bound folder of the host later does not show in the container, nor the other
    way round (propagation `rprivate`).
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"source": "mydb", "target": "/data/db"},
                {"type": "bind", "source": "/srv/site", "target": "/site", "read_only": True},
                {"type": "tmpfs", "target": "/scratch", "size": 16777216, "mode": "1777"},
            ]
        }
    )

    type: Literal["volume", "bind", "tmpfs"] = "volume"
    source: Filled | None = None
    target: Path
    read_only: bool = False
    no_copy: bool = False
    driver: Filled | None = None
    options: Options = {}
    labels: Labels = {}
    size: Annotated[int, Field(strict=True, ge=1, le=2**62)] | None = None
    mode: Annotated[str, StringConstraints(pattern=r"^[0-7]{3,4}$")] | None = None

    @model_validator(mode="after")
    def _source_fits(self) -> Self:
        if self.type == "tmpfs" and self.source is not None:
            raise ValueError("a tmpfs has no source")
        if self.type == "bind" and (self.source is None or not self.source.startswith("/")):
            raise ValueError("the source of a bind mount is an absolute path of the engine's host")
        if self.type == "volume" and self.source is not None and "/" in self.source:
            raise ValueError("the source of a volume mount is the volume's name; for a folder use type bind")
        return self

    @model_validator(mode="after")
    def _options_fit(self) -> Self:
        for kind, options in (("volume", _OF_VOLUMES), ("tmpfs", _OF_TMPFS)):
            given = [option for option in options if getattr(self, option)]
            if given and self.type != kind:
                raise ValueError(f"{' and '.join(given)} can be given for type {kind} alone")
        return self
