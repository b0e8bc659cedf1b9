"""Replacements carried out, taken back where a step fails, and finished after a crash.

Concurrency: a replacement is made in its network's own turn and its containers' (`control.ordering`), so nobody here
changes them meanwhile; others may, on the engine itself. So each step looks at what is there and does what is missing
for it, and at the end everything is looked at again. That makes every step one that may be repeated.

What survives a crash: the whole plan is in control's memory, durable, before the first step, and is taken out after the
last. One that is still there is no longer under way, unless its name is in `active`: `finish` brings it to its end, on
(where the new network was made) or back.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Final

from control import endpoints
from control.endpoints import membership_on
from control.engine import Engine
from control.errors import (
    AlreadyConnected,
    Conflict,
    EngineAway,
    EngineFailed,
    EngineTimeout,
    MemoryUnavailable,
    NotConnected,
    NotFound,
    Problem,
    ReplacementUnfinished,
)
from control.memory import Memory
from control.records import ContainerRef, Ipam, Network, NetworkDetail, NetworkSettings
from control.topology import reconnect
from control.topology.planning import Observed
from control.topology.replacement import (
    Member,
    Plan,
    adapted,
    settings_of,
    standing,
)
from control.topology.telling import by_chance, differs
from control.wanted import WantedIpam, WantedNetwork, WantedPool

KIND: Final = "replacement"
ROUNDS: Final = 3
"""How often a network is looked at for containers that are still on it, or come."""


class Overtaken(Exception):
    """Somebody else has made a network of this name meanwhile: what was planned is void."""


async def check(engine: Engine, plan: Plan) -> None:
    """Find out what stands against the network that is to come, before anything is touched. Raises what a creation of
    it does."""
    await engine.networks.check(_wanted(plan.target), instead_of=plan.network.id)


async def observe(engine: Engine, network: Network) -> Observed:
    """Look at a network and everything on it. Raises NotFound."""
    detail, networks = await asyncio.gather(
        engine.networks.inspect(network.id, name=network.name), engine.networks.list()
    )
    containers = await engine.containers.inspect_each([member.container.id for member in detail.containers])
    return Observed(network=detail, containers=tuple(containers), networks=tuple(networks))


class Replacements:
    """The replacements of one engine. `active` are the names of those under way; `unfinished` is set when one has
    ended, and may have left something behind."""

    def __init__(self, engine: Engine, memory: Memory) -> None:
        self._engine = engine
        self._memory = memory
        self.active: set[str] = set()
        self.unfinished = asyncio.Event()

    async def pending(self) -> list[Plan]:
        """Those that were begun and are not under way, oldest first. Raises MemoryUnavailable."""
        kept = await self._memory.all(KIND)
        return [Plan.model_validate(value) for name, value in kept.items() if name not in self.active]

    async def carry_out(self, plan: Plan) -> tuple[NetworkDetail, list[str]]:
        """Replace a network: the new one, and what is other than it was. Where that fails everything is put back, and
        the problem says so; raises ReplacementUnfinished where that failed too."""
        name = plan.network.name
        if not await self._memory.put_new(KIND, name, plan.model_dump(mode="json")):
            raise Conflict(
                f"An earlier replacement of {name} was broken off and is being brought to its end: ask again soon.",
                headers={"Retry-After": "2"},
            )
        self.active.add(name)
        try:
            done = await self._forward(plan)
        except Exception as error:
            # Not by whoever asked: a client that goes away leaves a whole network.
            await asyncio.shield(self._take_back(plan, error))
            raise
        else:
            await self._forget(name)
            return done
        finally:
            # Of one that was cancelled, control being stopped, the plan stays for the next start. Whoever waits for
            # what is left looks at the memory, so this is set when it is no longer active, and not before.
            self.active.discard(name)
            self.unfinished.set()

    async def finish(self, plan: Plan) -> bool:
        """Bring one that was broken off to its end: whether the new network stands. Raises Overtaken, and Problem where
        it can't be done now."""
        name = plan.network.name
        self.active.add(name)
        try:
            at = standing(plan, await self._engine.networks.list())
            if at.foreign is not None:
                await self._forget(name)
                raise Overtaken
            forward = not plan.back and at.old is None and at.new is not None
            if forward and at.new is not None:
                try:
                    await self._arrive(at.new.id, plan.members)
                except (EngineAway, EngineTimeout):
                    raise
                except Problem:
                    forward = False
            if not forward:
                await self._back(plan)
            await self._forget(name)
            return forward
        finally:
            self.active.discard(name)

    async def _forward(self, plan: Plan) -> tuple[NetworkDetail, list[str]]:
        await self._leave(plan.network)
        await self._engine.networks.remove(plan.network.id)
        made = await self._engine.networks.create(_wanted(plan.target))
        await self._note(plan.model_copy(update={"made": made.id}))
        await self._arrive(made.id, plan.members)
        warnings = await self._compare(made, plan.members)
        return await self._engine.networks.inspect(made.id), warnings

    async def _take_back(self, plan: Plan, error: Exception) -> None:
        name = plan.network.name
        try:
            await self._back(plan)
        except Problem as second:
            left = await self._left(plan)
            why = error.detail if isinstance(error, Problem) else "Something broke here."
            raise ReplacementUnfinished(
                f"{name} could not be replaced: {why} Nor could it be put back as it was yet: {second.detail} Control "
                "goes on trying, also after a restart. What is not as it was is in `left`.",
                left=left,
            ) from error
        await self._forget(name)
        if isinstance(error, Problem):
            error.detail += f" {name} and every container on it are as they were."
            error.members["rolled_back"] = True

    async def _back(self, plan: Plan) -> None:
        """Put the network back as it was, from wherever it stands."""
        networks = self._engine.networks
        plan = plan.model_copy(update={"back": True})
        with contextlib.suppress(MemoryUnavailable):
            await self._note(plan)
        at = standing(plan, await networks.list())
        if at.foreign is not None:
            raise Conflict(f"Somebody else has made a network {plan.network.name} meanwhile.")
        if at.new is not None:
            await self._leave(at.new)
            with contextlib.suppress(NotFound):
                await networks.remove(at.new.id)
        old = at.old or await networks.create(_wanted(settings_of(plan.network)))
        as_they_were = [member.model_copy(update={"renumbered": ()}) for member in plan.members]
        await self._arrive(old.id, as_they_were)

    async def _leave(self, network: Network) -> None:
        """Have everything leave a network, also what came meanwhile and what the engine has forgotten on it."""
        for _ in range(ROUNDS):
            seen = await self._engine.networks.inspect(network.id, name=network.name)
            here = [member.container.id for member in seen.containers]
            here += [it.container or it.name or "" for it in seen.other_endpoints]
            if not here:
                return
            for container in here:
                await self._disconnect(network.id, container)

    async def _disconnect(self, network_id: str, container_id: str) -> None:
        networks = self._engine.networks
        try:
            await networks.disconnect(network_id, container_id)
        except (NotConnected, NotFound):
            # Somebody was quicker, or it is what a failed connect has left.
            with contextlib.suppress(NotConnected, NotFound):
                await networks.disconnect(network_id, container_id, force=True)

    async def _arrive(self, network_id: str, members: Iterable[Member]) -> None:
        """Have every member on a network as it is to be, and see that it is. Raises EngineFailed where one is not."""
        network, _ = await self._engine.networks.endpoints(network_id)
        for member in members:
            seen = await self._look(network, member)
            if seen is None or not self._differs(member, seen):
                continue
            if seen.member is not None:
                await reconnect.disconnect(self._engine, network, seen.container)
            # Where somebody has just connected it, what follows finds whether that is as it is to be.
            with contextlib.suppress(AlreadyConnected):
                wanted = endpoints.exactly(adapted(member))
                await reconnect.connect(self._engine, network, seen.container, wanted)
        told: list[str] = []
        for member in members:
            seen = await self._look(network, member)
            told += [] if seen is None else self._differs(member, seen)
        if told:
            raise EngineFailed(f"The engine did not bring back on {network.name} what it was told: {'; '.join(told)}.")

    async def _look(self, network: Network, member: Member) -> reconnect.Seen | None:
        """A member as both the network and the container show it; None where it was removed meanwhile."""
        try:
            return await reconnect.look(self._engine, network.id, member.was.container.id)
        except NotFound:
            if await self._engine.containers.inspect_or_none(member.was.container.id) is None:
                return None
            raise

    def _differs(self, member: Member, seen: reconnect.Seen) -> list[str]:
        if seen.member is None:
            return [f"{seen.container.name} is not on it"]
        return differs(member, seen.container, seen.member, self._version, live=seen.live)

    async def _compare(self, network: Network, members: Iterable[Member]) -> list[str]:
        told: list[str] = []
        for member in members:
            now = await self._engine.containers.inspect_or_none(member.was.container.id)
            present = None if now is None else membership_on(now, network)
            if now is not None and present is not None:
                told += by_chance(member, now, present, self._version)
        return told

    async def _left(self, plan: Plan) -> list[str]:
        """What is not as it was, as far as the engine can be asked."""
        try:
            at = standing(plan.model_copy(update={"back": True}), await self._engine.networks.list())
            told = [f"the network {plan.network.name} is not there"] if at.old is None else []
            for member in plan.members:
                now = await self._engine.containers.inspect_or_none(member.was.container.id)
                if now is not None and (at.old is None or membership_on(now, at.old) is None):
                    told.append(f"{now.name} is not on {plan.network.name}")
        except Problem as problem:
            return [f"not known: {problem.detail}"]
        return told

    async def _note(self, plan: Plan) -> None:
        await self._memory.put(KIND, plan.network.name, plan.model_dump(mode="json"))

    async def _forget(self, name: str) -> None:
        # Where it can't be forgotten now, it is found whole and forgotten at the next look.
        with contextlib.suppress(MemoryUnavailable):
            await self._memory.remove(KIND, name)

    @property
    def _version(self) -> endpoints.Version:
        return endpoints.version_of(self._engine.connection.api_version)


def containers_of(plan: Plan) -> list[ContainerRef]:
    """The containers that a replacement is about."""
    return [member.was.container for member in plan.members]


def _wanted(settings: NetworkSettings) -> WantedNetwork:
    """The wish that makes such a network. Not validated: Docker may have what could not be asked for here."""
    fields = {name: getattr(settings, name) for name in NetworkSettings.model_fields if name != "ipam"}
    return WantedNetwork.model_construct(**fields, ipam=_wanted_ipam(settings.ipam))


def _wanted_ipam(ipam: Ipam) -> WantedIpam:
    pools = tuple(WantedPool.model_construct(**dict(pool)) for pool in ipam.pools)
    return WantedIpam.model_construct(driver=ipam.driver, options=ipam.options, pools=pools)
