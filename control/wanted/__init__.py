"""What a client may ask for: the bodies of the API's requests, checked before the engine sees any of it. Pure.

Docker takes names such as `a b`, `-x` and `x/y`, and fields that it does not know; nothing here does.
"""

from control.wanted.containers import WantedContainer, WantedHost, WantedLog, WantedName
from control.wanted.endpoints import WantedAttachment, WantedEndpoint, WantedMembership
from control.wanted.execs import TerminalMessage, TerminalSize, WantedCommand, WantedExec, WantedTerminal
from control.wanted.health import WantedHealthcheck
from control.wanted.images import WantedBuild, WantedPull, WantedTag, reference_of
from control.wanted.limits import WantedLimits, WantedUlimit, WantedUpdate
from control.wanted.mounts import WantedMount
from control.wanted.networks import WantedIpam, WantedNetwork, WantedPool
from control.wanted.ports import WantedExposed, WantedPort
from control.wanted.prune import WantedFullPrune, WantedPrune
from control.wanted.replacement import WantedReplacement
from control.wanted.signals import Signal
from control.wanted.swarm import WantedJoin, WantedSwarm
from control.wanted.values import Filled, ImageName, Wanted
from control.wanted.volumes import WantedVolume

__all__ = [
    "Filled",
    "ImageName",
    "Signal",
    "TerminalMessage",
    "TerminalSize",
    "Wanted",
    "WantedAttachment",
    "WantedBuild",
    "WantedCommand",
    "WantedContainer",
    "WantedEndpoint",
    "WantedExec",
    "WantedExposed",
    "WantedFullPrune",
    "WantedHealthcheck",
    "WantedHost",
    "WantedIpam",
    "WantedJoin",
    "WantedLimits",
    "WantedLog",
    "WantedMembership",
    "WantedMount",
    "WantedName",
    "WantedNetwork",
    "WantedPool",
    "WantedPort",
    "WantedPrune",
    "WantedPull",
    "WantedReplacement",
    "WantedSwarm",
    "WantedTag",
    "WantedTerminal",
    "WantedUlimit",
    "WantedUpdate",
    "WantedVolume",
    "reference_of",
]
