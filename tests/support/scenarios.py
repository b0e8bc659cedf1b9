"""The rows of engine-facts, section 1, as things to do at an engine's own API: to a real one and to the fake alike.

A scenario names all that it makes after itself (`stop.box`, `stop.n1`), so what an engine tells of it can be picked
out of a stream in which many were played, and read as a text: `start.box` connects to `start.n1` reads `C n1`.
"""

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import pytest

from tests.support.api import ALPINE, SLEEP
from tests.support.engine import EngineRefused
from tests.support.polling import eventually

Raw = Mapping[str, Any]
"""An event as the engine sends it."""


class Answering(Protocol):
    """An engine: the private one and the fake both are."""

    def call(self, method: str, path: str, *, json: object = None, **query: str) -> Any: ...  # noqa: ANN401  (any JSON)


class Play:
    """What one scenario does at an engine. Names are the scenario's own: `box` stands for `<slug>.box`."""

    def __init__(self, engine: Answering, slug: str, number: int) -> None:
        self.engine = engine
        self._slug = slug
        self._number = number
        self._networks = 0

    def name(self, short: str) -> str:
        """`stop.box`; the engine's own networks keep their names."""
        return short if short in {"bridge", "host", "none", "default"} else f"{self._slug}.{short}"

    def network(self, short: str, **options: Any) -> str:  # noqa: ANN401  (any JSON)
        """A network with a subnet of its own: many scenarios would use up the engine's pools."""
        subnet = f"10.{100 + self._number}.{self._networks}.0/24"
        self._networks += 1
        body = {"Name": self.name(short), "IPAM": {"Config": [{"Subnet": subnet}]}, **options}
        return str(self.engine.call("POST", "/networks/create", json=body)["Id"])

    def address(self, network: int, host: int) -> str:
        """An address on the scenario's network of this number, from 0."""
        return f"10.{100 + self._number}.{network}.{host}"

    def create(
        self,
        short: str,
        mode: str,
        *,
        command: list[str] | None = None,
        endpoint: Raw | None = None,
        **host: Any,  # noqa: ANN401  (any JSON)
    ) -> str:
        """A container, not started. `host` are fields of HostConfig."""
        mode = mode if mode.startswith("container:") else self.name(mode)
        body: dict[str, Any] = {
            "Image": ALPINE,
            "Cmd": command or SLEEP,
            "HostConfig": {"NetworkMode": mode, **host},
        }
        if endpoint is not None:
            body["NetworkingConfig"] = {"EndpointsConfig": {mode: endpoint}}
        return str(self.engine.call("POST", "/containers/create", json=body, name=self.name(short))["Id"])

    def run(self, short: str, mode: str, **options: Any) -> str:  # noqa: ANN401  (of create)
        """A container, started."""
        identifier = self.create(short, mode, **options)
        self.do("start", short)
        return identifier

    def do(self, verb: str, short: str = "box", **query: str) -> None:
        """`POST /containers/<short>/<verb>`."""
        self.engine.call("POST", f"/containers/{self.name(short)}/{verb}", **query)

    def remove(self, short: str = "box") -> None:
        """`docker rm -f`."""
        self.engine.call("DELETE", f"/containers/{self.name(short)}", force="true")

    def connect(self, network: str, short: str = "box", endpoint: Raw | None = None) -> None:
        """To a network, with an EndpointConfig where there is one."""
        body = {"Container": self.name(short), "EndpointConfig": endpoint or {}}
        self.engine.call("POST", f"/networks/{self.name(network)}/connect", json=body)

    def disconnect(self, network: str, short: str = "box", *, force: bool = False) -> None:
        """From a network."""
        body = {"Container": self.name(short), "Force": force}
        self.engine.call("POST", f"/networks/{self.name(network)}/disconnect", json=body)

    def inspect(self, short: str = "box") -> dict[str, Any]:
        """The container, as the engine shows it."""
        shown: dict[str, Any] = self.engine.call("GET", f"/containers/{self.name(short)}/json")
        return shown

    def entry(self, network: str, short: str = "box") -> dict[str, Any] | None:
        """The container's entry for a network, or None."""
        entry: dict[str, Any] | None = self.inspect(short)["NetworkSettings"]["Networks"].get(self.name(network))
        return entry

    def until(self, status: str, short: str = "box") -> None:
        """Wait for the container to be `exited`, say."""
        eventually(lambda: self.inspect(short)["State"]["Status"] == status)

    def gone(self, short: str = "box") -> None:
        """Wait for the container to be no more."""

        def away() -> bool:
            with contextlib.suppress(EngineRefused):
                self.inspect(short)
                return False
            return True

        eventually(away)

    @contextmanager
    def refused(self, *statuses: int) -> Iterator[None]:
        """What is done within is refused with one of these statuses."""
        with pytest.raises(EngineRefused) as refusal:
            yield
        assert refusal.value.status in statuses, refusal.value


@dataclass(frozen=True, slots=True)
class Scenario:
    """A row of the table, or a part of one."""

    slug: str
    row: str
    play: Callable[[Play], None]


def _created(play: Play) -> None:
    play.network("n1")
    play.create("box", "n1")


def _started(play: Play) -> None:
    play.network("n1")
    play.network("n2")
    play.create("box", "n1")
    play.connect("n2")
    play.do("start")


def _stopped(play: Play) -> None:
    _started(play)
    play.do("stop", t="0")


def _restarted(play: Play) -> None:
    _started(play)
    play.do("restart", t="0")


def _killed(play: Play) -> None:
    _started(play)
    play.do("kill")
    play.until("exited")


def _removed(play: Play) -> None:
    _started(play)
    play.remove()


def _exits(play: Play) -> None:
    play.network("n1")
    play.run("box", "n1", command=["sh", "-c", "sleep 0.2; exit 3"])
    play.until("exited")


def _auto_removed(play: Play) -> None:
    play.network("n1")
    play.run("box", "n1", command=["sleep", "0.2"], AutoRemove=True)
    play.gone()


def _out_of_memory(play: Play) -> None:
    play.network("n1")
    play.run("box", "n1", command=["tail", "/dev/zero"], Memory=6_291_456, MemorySwap=6_291_456)
    play.until("exited")


def _restart_policy(play: Play) -> None:
    play.network("n1")
    policy = {"Name": "on-failure", "MaximumRetryCount": 2}
    play.run("box", "n1", command=["sh", "-c", "sleep 0.2; exit 3"], RestartPolicy=policy)
    play.until("exited")


def _no_network_events(play: Play) -> None:
    box = play.run("box", "bridge")
    play.do("pause")
    play.do("unpause")
    play.do("kill", signal="CONT")
    made = play.engine.call("POST", f"/containers/{box}/exec", json={"Cmd": ["sleep", "0"], "AttachStdout": True})
    play.engine.call("POST", f"/exec/{made['Id']}/start", json={"Detach": True})
    time.sleep(0.3)
    play.do("rename", name=play.name("renamed"))


def _connected_running(play: Play) -> None:
    play.network("n1")
    play.network("n2")
    play.run("box", "n1")
    play.connect("n2")


def _connected_paused(play: Play) -> None:
    play.network("n1")
    play.run("box", "bridge")
    play.do("pause")
    play.connect("n1")


def _disconnected_running(play: Play) -> None:
    play.network("n1")
    play.run("box", "n1")
    play.disconnect("n1")


def _disconnected_with_force(play: Play) -> None:
    play.network("n1")
    play.run("box", "n1")
    play.disconnect("n1", force=True)


def _disconnected_paused(play: Play) -> None:
    play.network("n1")
    play.run("box", "n1")
    play.do("pause")
    play.disconnect("n1")


def _connected_created(play: Play) -> None:
    play.network("n1")
    play.create("box", "bridge")
    play.connect("n1")
    play.connect("n1")
    assert play.entry("n1") is not None


def _connected_stopped(play: Play) -> None:
    play.network("n1")
    play.run("box", "bridge")
    play.do("stop", t="0")
    play.connect("n1")
    play.connect("n1")
    assert play.entry("n1") is not None


def _disconnected_created(play: Play) -> None:
    play.network("n1")
    play.create("box", "n1")
    play.disconnect("n1")
    with play.refused(500):
        play.disconnect("n1")


def _disconnected_stopped(play: Play) -> None:
    play.network("n1")
    play.run("box", "n1")
    play.do("kill")
    play.until("exited")
    play.disconnect("n1")
    with play.refused(500):
        play.disconnect("n1")


def _twice(play: Play) -> None:
    play.network("n1")
    play.run("box", "bridge")
    play.connect("n1")
    with play.refused(403):
        play.connect("n1")
    play.disconnect("n1")
    with play.refused(500):
        play.disconnect("n1")


def _bad_command(play: Play) -> None:
    play.network("n1")
    play.create("box", "n1", command=["there-is-no-such-command"])
    with play.refused(400):
        play.do("start")


def _second_network_gone(play: Play) -> None:
    gone = play.network("n1")
    play.create("box", "bridge")  # the one network that is always connected first
    play.connect("n1")
    play.engine.call("DELETE", f"/networks/{gone}")
    with play.refused(404):
        play.do("start")


def _second_address_taken(play: Play) -> None:
    play.network("n1")
    wanted = {"IPAMConfig": {"IPv4Address": play.address(0, 50)}}
    play.run("other", "n1", endpoint=wanted)
    play.create("box", "bridge")
    play.connect("n1", endpoint=wanted)
    with play.refused(403, 500):
        play.do("start")


def _connected_restarting(play: Play) -> None:
    play.network("n1")
    play.network("n2")
    policy = {"Name": "on-failure", "MaximumRetryCount": 4}
    play.run("box", "n1", command=["sh", "-c", "exit 3"], RestartPolicy=policy)

    def last_pause() -> bool:  # of 0.8 s, before the fifth start
        shown = play.inspect()
        return bool(shown["RestartCount"] == 4 and shown["State"]["Restarting"])

    eventually(last_pause)
    play.connect("n2")
    entry = play.entry("n2")
    assert entry is not None
    assert entry["IPAddress"]
    play.until("exited")


def _network(play: Play) -> None:
    made = play.network("n1")
    play.engine.call("DELETE", f"/networks/{made}")


def _pruned(play: Play) -> None:
    for short in ("n1", "n2"):
        play.network(short, Labels={"scenario": "pruned"})
    play.run("box", "n2")
    play.engine.call("POST", "/networks/prune", filters=json.dumps({"label": ["scenario=pruned"]}))


def _canary(play: Play) -> None:
    play.network("n1")
    filters = {"label": ["there.is.no.such.label"], "until": ["1"]}
    answer = play.engine.call("POST", "/networks/prune", filters=json.dumps(filters))
    assert not answer["NetworksDeleted"]


def _own_networks(play: Play) -> None:
    play.run("hosted", "host")
    play.run("alone", "none")
    play.run("bridged", "bridge")
    play.run("linked", "bridge", Links=[f"{play.name('bridged')}:friend"])


def _anothers_network(play: Play) -> None:
    play.network("n1")
    other = play.run("other", "n1")
    play.run("box", f"container:{other}")
    assert play.inspect()["NetworkSettings"]["Networks"] == {}


def _off_none(play: Play) -> None:
    play.network("n1")
    play.run("box", "none")
    play.disconnect("none")
    play.connect("n1")


def _connect_fails(play: Play) -> None:
    play.network("n1")
    wanted = {"IPAMConfig": {"IPv4Address": play.address(0, 50)}}
    play.run("other", "n1", endpoint=wanted)
    play.run("box", "bridge")
    with play.refused(403):
        play.connect("n1", endpoint=wanted)
    entry = play.entry("n1")
    assert entry is not None
    assert not entry["IPAddress"]


SCENARIOS: Final = (
    Scenario("created", "create", _created),
    Scenario("started", "start", _started),
    Scenario("stopped", "stop", _stopped),
    Scenario("restarted", "restart", _restarted),
    Scenario("killed", "kill", _killed),
    Scenario("removed", "rm -f", _removed),
    Scenario("exits", "exit by itself", _exits),
    Scenario("auto-removed", "--rm", _auto_removed),
    Scenario("out-of-memory", "OOM", _out_of_memory),
    Scenario("restart-policy", "restart policy", _restart_policy),
    Scenario("no-network-events", "pause, unpause, rename, exec, non-fatal kill", _no_network_events),
    Scenario("connected-running", "connect, container running", _connected_running),
    Scenario("connected-paused", "connect, container paused", _connected_paused),
    Scenario("disconnected-running", "disconnect, running", _disconnected_running),
    Scenario("disconnected-with-force", "disconnect, running, with force", _disconnected_with_force),
    Scenario("disconnected-paused", "disconnect, paused", _disconnected_paused),
    Scenario("connected-created", "connect, container created", _connected_created),
    Scenario("connected-stopped", "connect, container stopped", _connected_stopped),
    Scenario("disconnected-created", "disconnect, created", _disconnected_created),
    Scenario("disconnected-stopped", "disconnect, stopped", _disconnected_stopped),
    Scenario("twice", "duplicate connect / disconnect, running", _twice),
    Scenario("bad-command", "start with a bad command", _bad_command),
    Scenario("second-network-gone", "start when its 2nd network is gone", _second_network_gone),
    Scenario("second-address-taken", "start when a static IP on y is taken", _second_address_taken),
    Scenario("connected-restarting", "connect while restarting", _connected_restarting),
    Scenario("network", "network create / rm", _network),
    Scenario("pruned", "network prune", _pruned),
    Scenario("canary", "a prune of nothing: the nameless event alone", _canary),
    Scenario("own-networks", "host, none, default bridge, --link", _own_networks),
    Scenario("anothers-network", "container:<id> network mode", _anothers_network),
    Scenario("off-none", "disconnect from none", _off_none),
    Scenario("connect-fails", "a connect that fails", _connect_fails),
)


def play_all(engine: Answering, *, pause: float) -> None:
    """Play every scenario, one after the other, with a pause after each for what the engine tells late."""
    for number, scenario in enumerate(SCENARIOS):
        play(engine, scenario, number)
        time.sleep(pause)


def play(engine: Answering, scenario: Scenario, number: int = 0) -> None:
    """Play one. Its number chooses its subnets."""
    scenario.play(Play(engine, scenario.slug, number))


def told(events: Iterable[Raw]) -> dict[str, list[str]]:
    """What a stream tells of each scenario, as texts.

    `C n1` and `D n1` are a connect and a disconnect of `box`, `die 137` its death; another container's name comes
    first (`other start`). Neighbours of one kind and one container are sorted: their order is random (`start`
    connects the further networks in the order of a Go map).
    """
    names: dict[str, str] = {}
    found: dict[str, list[str]] = {}
    for event in events:
        attributes = event["Actor"]["Attributes"]
        identifier = event["Actor"]["ID"]
        if event["Type"] == "container":
            full = names.setdefault(identifier, attributes["name"])
            slug, _, short = full.partition(".")
            action = event["Action"].partition(":")[0]
            detail = {"kill": "signal", "die": "exitCode", "rename": "oldName"}.get(action)
            text = f"{action} {attributes[detail]}" if detail else action
            found.setdefault(slug, []).append(text if short == "box" else f"{short} {text}")
        elif event["Action"] in {"connect", "disconnect"}:
            slug, _, short = names[attributes["container"]].partition(".")
            text = f"{event['Action'][0].upper()} {_short(attributes['name'])}"
            found.setdefault(slug, []).append(text if short == "box" else f"{short} {text}")
        elif attributes.get("name"):
            slug = attributes["name"].partition(".")[0]
            found.setdefault(slug, []).append(f"{event['Action']} {_short(attributes['name'])}")
        else:  # a prune says no name: it is of the scenario told of last
            found[next(reversed(found))].append(event["Action"])
    return {slug: _in_order(texts) for slug, texts in found.items()}


def shown(engine: Answering) -> dict[str, Any]:
    """What an engine's inspects and lists show, after the scenarios, but for what differs each time: ids are told by
    the names of what they are of, or by whether there is one."""
    networks = {network["Id"]: network["Name"] for network in engine.call("GET", "/networks")}
    found: dict[str, Any] = {}
    for listed in engine.call("GET", "/containers/json", all="true"):
        box = engine.call("GET", f"/containers/{listed['Id']}/json")
        found[box["Name"]] = {
            "mode": box["HostConfig"]["NetworkMode"].partition(":")[0],
            "restarts": box["RestartCount"],
            "listed as": listed["State"],
            **{
                key: box["State"][key] for key in ("Status", "Running", "Paused", "Restarting", "OOMKilled", "ExitCode")
            },
            "entries": _entries(box["NetworkSettings"]["Networks"], networks, box["Id"]),
            "entries listed": _entries(listed["NetworkSettings"]["Networks"], networks, box["Id"]),
        }
    for identifier, name in networks.items():
        network = engine.call("GET", f"/networks/{identifier}")
        own = name == "bridge"  # whose addresses depend on who was there before, and whose options on the machine
        found[name] = {
            "keys": sorted(network),
            "pools": [] if own else network["IPAM"]["Config"],
            "members": sorted(
                (member["Name"], "" if own else member["IPv4Address"], bool(member["EndpointID"]))
                for member in network["Containers"].values()
            ),
        }
    return found


def _entries(entries: Mapping[str, Any], networks: Mapping[str, str], box: str) -> dict[str, Any]:
    result = {}
    for name, entry in entries.items():
        aliases = entry["Aliases"] and ["<short id>" if alias == box[:12] else alias for alias in entry["Aliases"]]
        address = bool(entry["IPAddress"]) if name == "bridge" else entry["IPAddress"]
        there = {key: bool(entry[key]) for key in ("EndpointID", "MacAddress")}
        network = networks.get(entry["NetworkID"], "gone" if entry["NetworkID"] else "")
        result[name] = {**entry, **there, "Aliases": aliases, "IPAddress": address, "NetworkID": network}
    return result


def _short(network: str) -> str:
    return network.partition(".")[2] or network


def _in_order(texts: list[str]) -> list[str]:
    result: list[str] = []
    run: list[str] = []
    for text in texts:
        kind = re.sub(r" \S+$", "", text) if re.search(r"\b[CD] \S+$", text) else None
        if run and kind != re.sub(r" \S+$", "", run[-1]):
            result += sorted(run)
            run = []
        if kind is None:
            result.append(text)
        else:
            run.append(text)
    return result + sorted(run)
