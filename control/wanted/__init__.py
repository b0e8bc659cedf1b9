"""What a client may ask for: the bodies of the API's requests, checked before the engine sees any of it. Pure.

Docker takes names such as `a b`, `-x` and `x/y`, and fields that it does not know; nothing here does.
"""

from control.wanted.containers import WantedContainer, WantedExec, WantedMount, WantedPort
from control.wanted.endpoints import WantedAttachment, WantedEndpoint, WantedMembership
from control.wanted.images import WantedBuild
from control.wanted.networks import WantedIpam, WantedNetwork, WantedPool
from control.wanted.values import Filled, ImageName, Wanted
from control.wanted.volumes import WantedVolume

__all__ = [
    "Filled",
    "ImageName",
    "Wanted",
    "WantedAttachment",
    "WantedBuild",
    "WantedContainer",
    "WantedEndpoint",
    "WantedExec",
    "WantedIpam",
    "WantedMembership",
    "WantedMount",
    "WantedNetwork",
    "WantedPool",
    "WantedPort",
    "WantedVolume",
]
