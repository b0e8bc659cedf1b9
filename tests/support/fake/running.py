"""What a fake engine does to containers when it is asked, and what they do by themselves.

What takes time in a real engine takes none here, but for `start_takes` and the pauses of a restart policy: a process
ends when it is told to, grace or not.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from tests.support.fake.model import Container, Entry, Network, Refusal, World
from tests.support.fake.networking import Networking
from tests.support.fake.stream import NANOSECONDS
from tests.support.fake.telling import Teller

BACKOFF: Final = 0.1
"""Seconds before the first automatic restart; each further one takes twice as long."""

KNOWN: Final = frozenset({"sleep", "sh", "tail", "cat", "top", "true", "false", "busybox", "nc", "httpd", "ping"})
"""The commands that a container has. Any other can't be started."""

UNSTARTED: Final = 128
NO_COMMAND: Final = 127
"""Exit codes of a container whose start failed."""

FOR_EVER: Final = 3600.0
"""Seconds of sleep that nobody waits for."""

SIGNALS: Final = {"HUP": 1, "INT": 2, "QUIT": 3, "KILL": 9, "USR1": 10, "USR2": 12, "TERM": 15, "CONT": 18}

_SCRIPT = re.compile(r"(?:sleep (?P<seconds>[\d.]+))?[; ]*(?:exit (?P<code>\d+))?")


class Running:
    """The containers of one engine."""

    def __init__(self, world: World, teller: Teller, networking: Networking) -> None:
        self.world = world
        self.teller = teller
        self.networking = networking
        self.start_takes = 0.0
        """Seconds between a start's connects and its `start`, in which the container is busy."""

        self._execs: dict[str, tuple[Container, str]] = {}
        self._plans: set[asyncio.Task[None]] = set()

    def create(self, name: str, body: Mapping[str, Any]) -> Container:
        """`POST /containers/create`."""
        name = name.removeprefix("/") or f"unnamed_{self.world.new_id()[:8]}"
        if any(other.name == name for other in self.world.containers.values()):
            raise Refusal(409, f'Conflict. The container name "/{name}" is already in use')
        host = dict(body.get("HostConfig") or {})
        wanted = dict((body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {})
        if len(wanted) > 1 and not self.world.version.takes_many_endpoints:
            raise Refusal(400, f"Container cannot be connected to network endpoints: {', '.join(sorted(wanted))}")
        container = Container(
            id=self.world.new_id(),
            name=name,
            image=body.get("Image") or "",
            command=[*(body.get("Entrypoint") or ()), *(body.get("Cmd") or ())],
            labels=dict(body.get("Labels") or {}),
            host=host,
            created=self.teller.now(),
        )
        if not container.mode.startswith("container:"):
            wanted.setdefault(container.mode, {})
            for key, endpoint in wanted.items():
                # The name of a network that is not there is taken, and fails the start.
                network = next((net for net in self.world.networks.values() if key in {net.id, net.name}), None)
                shown = key if network is None or key == container.mode else network.name
                entry = Entry() if network is None else self.networking.entry(network, endpoint or {})
                container.entries[shown] = entry
        container.note()
        self.world.containers[container.id] = container
        self.teller.of_container("create", container)
        return container

    async def start(self, reference: str) -> bool:
        """`POST /containers/<id>/start`; False where it runs already."""
        container = self.world.container(reference)
        async with self.world.locks[container.id]:
            if container.status in {"running", "paused"}:
                return False
            container.stopped_by_hand, container.restarts = False, 0
            await self.launch(container)
            return True

    async def launch(self, container: Container) -> None:
        """It joins its networks and its process starts. The container's lock is held, or nobody else is there."""
        joined: list[Network] = []
        for name in self._order(container):
            entry = container.entries[name]
            try:
                network = self.world.network_of(name, entry)
            except Refusal:
                self._give_back(container, joined, UNSTARTED)
                raise
            # Where it was connected while it waited for its restart, it is told again with no disconnect between.
            self.world.detach(network, container)
            try:
                self.world.attach(network, container, entry)
            except Refusal:
                self._give_back(container, [*joined, network], UNSTARTED)
                raise
            container.note()
            joined.append(network)
            self.teller.of_pair("connect", network, container.id)
        if not container.command or container.command[0].rpartition("/")[2] not in KNOWN:
            self._give_back(container, joined, NO_COMMAND)
            raise Refusal(
                400,
                "failed to create shim task: OCI runtime create failed: unable to start container process: exec: "
                f'"{" ".join(container.command[:1])}": executable file not found in $PATH: unknown',
            )
        await asyncio.sleep(self.start_takes)
        container.status, container.started, container.exit_code = "running", self.teller.now(), 0
        container.lives += 1
        self.teller.of_container("start", container)
        self.plan_end(container)

    def _order(self, container: Container) -> list[str]:
        """The default bridge first; the others in the order of a Go map."""
        names = [name for name in container.entries if name != "bridge"]
        self.world.chance.shuffle(names)
        return [*(["bridge"] if "bridge" in container.entries else []), *names]

    def _give_back(self, container: Container, networks: list[Network], code: int) -> None:
        """A start that failed: each network is left, the one that could not be joined too."""
        for network in networks:
            self.world.detach(network, container)
            self.teller.of_pair("disconnect", network, container.id)
        container.exit_code = code
        for entry in container.entries.values():
            entry.clear()

    def plan_end(self, container: Container) -> None:
        """A command that ends by itself will."""
        words, life = container.command, container.lives
        script = words[2] if words[:2] == ["sh", "-c"] else " ".join(words)
        match = _SCRIPT.fullmatch(script)
        if words == ["tail", "/dev/zero"]:
            self._later(0.05, lambda: self._end_of(container, life, 137, out_of_memory=True))
        elif script in {"true", "false"}:
            self._later(0.0, lambda: self._end_of(container, life, int(script == "false")))
        elif match and (seconds := float(match["seconds"] or 0)) < FOR_EVER:
            code = int(match["code"] or 0)
            self._later(seconds, lambda: self._end_of(container, life, code))

    async def _end_of(self, container: Container, life: int, code: int, *, out_of_memory: bool = False) -> None:
        if container.lives == life and container.status in {"running", "paused"}:
            await self.exit(container.id, code, out_of_memory=out_of_memory)

    async def exit(self, reference: str, code: int = 0, *, out_of_memory: bool = False) -> None:
        """Its process ends by itself."""
        container = self.world.container(reference)
        async with self.world.locks[container.id]:
            if out_of_memory:
                container.out_of_memory = True
                self.teller.of_container("oom", container)
            self._die(container, code)
        if container.host.get("AutoRemove") and container.status == "exited":
            await self.remove(container.id, force=True)

    def _die(self, container: Container, code: int, *, stopped: bool = False) -> None:
        """The end of its process, and what the engine does then. `stopped` tells `stop` as well."""
        self.end(container, code)
        if self.world.version.leaves_before_dying:
            self.leave_all(container)
            if stopped:
                self.teller.of_container("stop", container)
            self.tell_of_death(container)
        else:
            self.tell_of_death(container)
            self.leave_all(container)
            if stopped:
                self.teller.of_container("stop", container)

    def end(self, container: Container, code: int) -> None:
        """Its process has ended, which nobody is told yet; a restart may follow."""
        container.exit_code, container.finished = code, self.teller.now()
        container.status = "exited"
        if self._restarts(container, code):
            container.status = "restarting"
            pause, life = BACKOFF * 2**container.restarts, container.lives
            container.restarts += 1
            self._later(pause, lambda: self._restart(container, life))

    def tell_of_death(self, container: Container) -> None:
        """`die`."""
        attributes = {"exitCode": str(container.exit_code)}
        if self.world.version.tells_duration:
            attributes["execDuration"] = str(max(container.finished - container.started, 0) // NANOSECONDS)
        self.teller.of_container("die", container, attributes)

    def leave_all(self, container: Container) -> None:
        """It leaves its networks, and is told to."""
        for _, entry, network in self.world.live_entries(container):
            self.world.detach(network, container)
            entry.clear()
            container.note()
            self.teller.of_pair("disconnect", network, container.id)

    def _restarts(self, container: Container, code: int) -> bool:
        if container.stopped_by_hand:
            return False
        if container.policy == "on-failure":
            most = (container.host.get("RestartPolicy") or {}).get("MaximumRetryCount") or 0
            return code != 0 and (most == 0 or container.restarts < most)
        return container.policy in {"always", "unless-stopped"}

    async def _restart(self, container: Container, life: int) -> None:
        async with self.world.locks[container.id]:
            if container.status == "restarting" and container.lives == life:
                try:
                    await self.launch(container)
                except Refusal:
                    container.status = "exited"

    async def stop(self, reference: str, *, grace: bool = True) -> bool:
        """`POST /containers/<id>/stop`; False where it does not run."""
        container = self.world.container(reference)
        async with self.world.locks[container.id]:
            if not container.running:
                return False
            self._stop(container, grace=grace)
        if container.host.get("AutoRemove"):
            await self.remove(container.id, force=True)
        return True

    def _stop(self, container: Container, *, grace: bool) -> None:
        container.stopped_by_hand = True
        if container.status == "restarting":
            container.status = "exited"
            self.leave_all(container)
            self.teller.of_container("stop", container)
        else:
            self._die(container, self.signal(container, grace=grace), stopped=True)

    def signal(self, container: Container, *, grace: bool = True) -> int:
        """SIGTERM, and SIGKILL where that does not end it: the exit code."""
        self.teller.of_container("kill", container, {"signal": "15"})
        if grace and container.obeys:
            return 143
        self.teller.of_container("kill", container, {"signal": "9"})
        return 137

    async def restart(self, reference: str, *, grace: bool = True) -> None:
        """`POST /containers/<id>/restart`."""
        container = self.world.container(reference)
        async with self.world.locks[container.id]:
            if container.running:
                self._stop(container, grace=grace)
            container.stopped_by_hand = False
            await self.launch(container)
            self.teller.of_container("restart", container)

    async def kill(self, reference: str, signal: str = "KILL") -> None:
        """`POST /containers/<id>/kill`."""
        container = self.world.container(reference)
        number = SIGNALS.get(signal.removeprefix("SIG")) or (int(signal) if signal.isdigit() else 0)
        if not number:
            raise Refusal(400, f"Invalid signal: {signal}")
        async with self.world.locks[container.id]:
            if not container.running:
                raise Refusal(409, f"Cannot kill container: {reference}: Container {container.id} is not running")
            self.teller.of_container("kill", container, {"signal": str(number)})
            fatal = number == SIGNALS["KILL"] or (number == SIGNALS["TERM"] and container.obeys)
            if fatal:
                container.stopped_by_hand = True
                self._die(container, 128 + number)
        if fatal and container.host.get("AutoRemove"):
            await self.remove(container.id, force=True)

    async def remove(self, reference: str, *, force: bool = False) -> None:
        """`DELETE /containers/<id>`."""
        container = self.world.container(reference)
        async with self.world.locks[container.id]:
            if container.running:
                if not force:
                    raise Refusal(
                        409, f"You cannot remove a {container.status} container {container.id}. Stop it first"
                    )
                container.stopped_by_hand = True
                self.teller.of_container("kill", container, {"signal": "9"})
                self._die(container, 137)
            self.world.containers.pop(container.id, None)
            self.teller.of_container("destroy", container)
        self.world.locks.pop(container.id, None)

    async def pause(self, reference: str) -> None:
        """`POST /containers/<id>/pause`."""
        await self._swap(reference, "running", "paused", "pause")

    async def unpause(self, reference: str) -> None:
        """`POST /containers/<id>/unpause`."""
        await self._swap(reference, "paused", "running", "unpause")

    async def _swap(self, reference: str, before: str, after: str, action: str) -> None:
        container = self.world.container(reference)
        async with self.world.locks[container.id]:
            if container.status != before:
                raise Refusal(409, f"Container {container.id} is not {before}")
            container.status = after
            self.teller.of_container(action, container)

    async def rename(self, reference: str, name: str) -> None:
        """`POST /containers/<id>/rename`."""
        container = self.world.container(reference)
        if any(other.name == name for other in self.world.containers.values()):
            raise Refusal(409, f'Conflict. The container name "/{name}" is already in use')
        async with self.world.locks[container.id]:
            old, container.name = container.name, name
            self.teller.of_container("rename", container, {"oldName": f"/{old}"})

    def health(self, reference: str, status: str) -> None:
        """Its health check finds it `healthy` or `unhealthy`."""
        container = self.world.container(reference)
        container.health = status
        self.teller.of_container(f"health_status: {status}", container)

    def prepare_exec(self, reference: str, command: list[str]) -> str:
        """`POST /containers/<id>/exec`: the exec's id."""
        container = self.world.container(reference)
        if not container.running:
            raise Refusal(409, f"Container {container.id} is not running")
        identifier = self.world.new_id()
        self._execs[identifier] = (container, " ".join(command))
        self.teller.of_container(f"exec_create: {' '.join(command)}", container, {"execID": identifier})
        return identifier

    def start_exec(self, identifier: str) -> None:
        """`POST /exec/<id>/start`. The command ends at once and writes nothing."""
        if identifier not in self._execs:
            raise Refusal(404, f"No such exec instance: {identifier}")
        container, command = self._execs.pop(identifier)
        self.teller.of_container(f"exec_start: {command}", container, {"execID": identifier})
        self.teller.of_container("exec_die", container, {"execID": identifier, "exitCode": "0"})

    def forget_plans(self) -> None:
        """The engine is gone: it restarts nothing, and sees no end."""
        for plan in self._plans:
            plan.cancel()

    def _later(self, seconds: float, what: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def wait() -> None:
            await asyncio.sleep(seconds)
            await what()

        plan = asyncio.get_running_loop().create_task(wait())
        self._plans.add(plan)
        plan.add_done_callback(self._plans.discard)
