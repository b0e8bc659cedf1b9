"""A volume to create."""

from pydantic import ConfigDict

from control.wanted.values import Filled, Labels, LongName, Options, Wanted


class WantedVolume(Wanted):
    """A volume to create; one without a name is given one, of 64 digits. `options` are the driver's: the local one
    takes `type`, `device`, `o` and `size`, for tmpfs, nfs and cifs, and for folders under CONTROL_BIND_ROOTS."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"name": "mydb"},
                {"name": "scratch", "options": {"type": "tmpfs", "device": "tmpfs", "o": "size=64m"}},
            ]
        }
    )

    name: LongName | None = None
    driver: Filled = "local"
    options: Options = {}
    labels: Labels = {}
