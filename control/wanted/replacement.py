"""What is to be changed of a network, which Docker itself never changes."""

from pydantic import ConfigDict

from control.wanted.networks import WantedIpam
from control.wanted.values import Filled, Labels, Options, Wanted


class WantedReplacement(Wanted):
    """What is to be other than it is of a network; what is left out stays. The name stays always.

    `dry_run` answers the plan and changes nothing. With `renumber`, a container whose fixed address is none of the new
    subnets gets another one, which the engine chooses; without, it stands against the change.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"ipam": {"pools": [{"subnet": "10.120.0.0/23"}]}, "dry_run": True},
                {"options": {"com.docker.network.driver.mtu": "1400"}},
            ]
        }
    )

    driver: Filled | None = None
    internal: bool | None = None
    attachable: bool | None = None
    ipv6: bool | None = None
    labels: Labels | None = None
    options: Options | None = None
    ipam: WantedIpam | None = None
    renumber: bool = False
    dry_run: bool = False
