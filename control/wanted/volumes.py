"""A volume to create."""

from control.wanted.values import Filled, Labels, LongName, Options, Wanted


class WantedVolume(Wanted):
    """A volume to create."""

    name: LongName
    driver: Filled = "local"
    options: Options = {}
    labels: Labels = {}
