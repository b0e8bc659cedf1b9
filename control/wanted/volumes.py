"""A volume to create."""

from pydantic import ConfigDict

from control.wanted.values import Filled, Labels, LongName, Options, Wanted


class WantedVolume(Wanted):
    """A volume to create."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "mydb", "labels": {"tier": "data"}}]})

    name: LongName
    driver: Filled = "local"
    options: Options = {}
    labels: Labels = {}
