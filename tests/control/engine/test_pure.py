"""The pure parts of the engine's adapter: names to ids, wordings to problems, frames to output, versions."""

from collections.abc import AsyncIterator, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control import errors
from control.engine.connection import agree
from control.engine.events import engine_time, parse_event
from control.engine.faults import translate
from control.engine.multiplexed import Output, collect
from control.engine.resolve import resolve
from control.errors import Ambiguous, EngineAway, NotFound, Problem

ONE, TWO = "aaaaaaaaaaaa" + "1" * 52, "aaaaaaaaaaaa" + "2" * 52


@pytest.mark.parametrize(
    ("reference", "expected"),
    [("web", ONE), (ONE, ONE), (TWO, TWO), (ONE[:13], ONE), (TWO[:60], TWO)],
)
def test_resolves(reference: str, expected: str) -> None:
    """Full id before name before prefix."""
    assert resolve("network", reference, [(ONE, "web"), (TWO, "db")], lambda thing: thing)[0] == expected


def test_a_name_that_looks_like_anothers_id_is_the_id() -> None:
    """A network may be named like another's id; the id wins, so an id always means one thing."""
    assert resolve("network", TWO, [(ONE, TWO), (TWO, "db")], lambda thing: thing) == (TWO, "db")


@pytest.mark.parametrize("reference", ["", "a", "aaaaaaaaaaa", "we", "WEB", "web "])
def test_does_not_guess(reference: str) -> None:
    """No short prefixes, no other case, nothing trimmed."""
    with pytest.raises(NotFound):
        resolve("network", reference, [(ONE, "web"), (TWO, "db")], lambda thing: thing)


@pytest.mark.parametrize("reference", ["web", "aaaaaaaaaaaa"])
def test_says_when_more_than_one_is_meant(reference: str) -> None:
    """With the ids that it could be."""
    with pytest.raises(Ambiguous) as raised:
        resolve("network", reference, [(ONE, "web"), (TWO, "web")], lambda thing: thing)
    assert raised.value.members == {"ids": [ONE, TWO]}


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        # As Docker 20.10 and 26.1 word them.
        (403, "endpoint with name c1 already exists in network n1", errors.AlreadyConnected),
        (500, "container 0f3 is not connected to network n1", errors.NotConnected),
        (500, "container 0f3 is not connected to the network n1", errors.NotConnected),
        (403, "error while removing network: network n1 id 96f has active endpoints", errors.InUse),
        (403, "Pool overlaps with other one on this address space", errors.AddressConflict),
        (404, "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the "
         "network", errors.AddressConflict),
        (409, "network with name n1 already exists", errors.NameTaken),
        (400, "network n1 is ambiguous (2 matches found on name)", errors.Ambiguous),
        (403, "Address already in use", errors.AddressConflict),
        (500, "Invalid address 10.9.0.1: It does not belong to any of this network's subnets", errors.Invalid),
        (400, "user specified IP address is supported only when connecting to networks with user configured subnets",
         errors.Invalid),
        (400, "container cannot be connected to host network", errors.NetworkModeConflict),
        (403, "bridge is a pre-defined network and cannot be removed", errors.Forbidden),
        (403, 'only one instance of "host" network is allowed', errors.Forbidden),
        (500, 'This node is not a swarm manager. Use "docker swarm init"', errors.NoSwarm),
        (409, 'Conflict. The container name "/x" is already in use by container "0f3". You have to remove',
         errors.NameTaken),
        (500, "driver failed programming external connectivity on endpoint x (1): Bind for 127.0.0.1:80 failed: port "
         "is already allocated", errors.PortTaken),
        (500, "driver failed programming external connectivity on endpoint x (1): Error starting userland proxy: "
         "listen tcp4 127.0.0.1:80: bind: address already in use", errors.PortTaken),
        (400, 'OCI runtime create failed: exec: "/no": stat /no: no such file or directory: unknown',
         errors.StartFailed),
        (409, "Container 0f3 is not running", errors.NotRunning),
        (409, "You cannot remove a running container 0f3. Stop the container before attempting removal or force "
         "remove", errors.InUse),
        (409, "remove vol: volume is in use - [0f3]", errors.InUse),
        (403, "bridge driver doesn't support multiple subnets", errors.Invalid),
        (500, "failed to allocate gateway (10.6.0.1): Requested address is out of range", errors.Invalid),
        (500, "failed to allocate gateway (10.7.0.0): Address already in use", errors.AddressConflict),
        (403, "auxiliary address: (x:10.13.0.1) must belong to the master pool: 10.12.0.0/24", errors.Invalid),
        (500, "Invalid subnet  : invalid CIDR address:", errors.Invalid),
        (403, "cannot create network 74d (br-74d): conflicts with network 147 (br-147): networks have overlapping IPv4",
         errors.AddressConflict),
        (403, "cannot create network 721 (br0): conflicts with network 8de (br0): networks have same bridge name",
         errors.Conflict),
        (500, "network dm-1bb161cdb785 is already using parent interface docker0", errors.Conflict),
        (500, "operation not supported", errors.Unsupported),
        (500, "failed to create docker0.50 vlan link: operation not supported", errors.Unsupported),
        (500, "failed to create the ipvlan port: operation not supported", errors.Unsupported),
        (500, "invalid subinterface vlan name nosuch0, example formatting is eth0.10", errors.Invalid),
        (500, "requested ipvlan mode 'l9' is not valid, 'l2' mode is the ipvlan driver default", errors.Invalid),
        (404, 'plugin "bogus" not found', errors.Invalid),
        (500, "ipv4 pool is empty", errors.Invalid),
        (403, "Ingress network can only be global scope network", errors.Invalid),
        (500, 'failed to parse com.docker.network.driver.mtu value: x (strconv.Atoi: parsing "x": invalid syntax)',
         errors.Invalid),
        (500, "failed to check bridge interface existence: numerical result out of range", errors.Invalid),
        (403, "configuration network can only contain network specific fields. Network operator fields like "
         "[ ingress | internal | attachable | scope ] are not supported", errors.Invalid),
        (404, 'configuration network "nosuch" does not exist', errors.NotFound),
        (403, "user specified configurations are not supported if the network depends on a configuration network",
         errors.Invalid),
        (403, 'error while removing network: configuration network "h1" is in use', errors.InUse),
        (403, "cannot create endpoint on configuration-only network", errors.Conflict),
        (403, "cannot create a swarm scoped network when swarm is not active", errors.NoSwarm),
        (403, "cannot downgrade network scope for overlay networks", errors.Invalid),
        (409, "rpc error: code = AlreadyExists desc = ingress network (ho0m) is already present", errors.Conflict),
        (400, "rpc error: code = InvalidArgument desc = ipam configuration: subnet 10.73.0.0/24 does not contain "
         "gateway 10.99.0.1", errors.Invalid),
        (400, "rpc error: code = FailedPrecondition desc = network ujvi is in use by service m4em", errors.InUse),
        (500, "invalid filter: 'type'='bogus'", errors.Invalid),
        (404, "No such image: nothing:latest", errors.NotFound),
        (404, "network n9 not found", errors.NotFound),
        (418, "short and stout", errors.BadRequest),
        (500, "something new", errors.EngineFailed),
        (900, "Cannot connect to Docker Engine", errors.EngineAway),
        (400, "client version 1.51 is too new. Maximum supported API version is 1.41", errors.EngineAway),
    ],
)  # fmt: skip
def test_the_engines_words_have_their_problem(status: int, message: str, kind: type[Problem]) -> None:
    """Whatever status the engine gave it."""
    problem = translate(status, f"{message}\n")
    assert type(problem) is kind
    assert message.split("\n", maxsplit=1)[0].rstrip(".") in problem.detail or kind is EngineAway


@pytest.mark.parametrize(
    ("oldest", "newest", "expected"),
    [("1.12", "1.41", (1, 41)), ("1.24", "1.45", (1, 45)), ("1.44", "1.60", (1, 51)), ("1.12", "1.40", None)],
)
def test_agrees_on_a_version(oldest: str, newest: str, expected: tuple[int, int] | None) -> None:
    """The newest that both speak; none where there is none."""
    assert agree(oldest, newest) == expected


def test_versions_are_numbers_and_not_text() -> None:
    """1.9 is older than 1.41."""
    assert agree("1.9", "1.41") == (1, 41)
    with pytest.raises(EngineAway):
        agree("x", "1.41")


async def _chunks(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=30)), max_size=12), st.integers(1, 17))
async def test_frames_come_apart_however_they_are_cut(frames: list[tuple[int, bytes]], size: int) -> None:
    """The connection may cut anywhere, in a header too."""
    whole = b"".join(bytes([stream, 0, 0, 0]) + len(data).to_bytes(4) + data for stream, data in frames)
    output = Output(10_000)
    await collect(_chunks(whole[at : at + size] for at in range(0, len(whole), size)), output, raw=False)
    assert bytes(output.stdout) == b"".join(data for stream, data in frames if stream == 1)
    assert bytes(output.stderr) == b"".join(data for stream, data in frames if stream == 2)
    assert not output.truncated


@pytest.mark.parametrize(("last", "kept"), [(False, b"abc"), (True, b"efg")])
def test_output_is_bounded(*, last: bool, kept: bytes) -> None:
    """The first bytes are kept, or the last."""
    output = Output(3, last=last)
    for piece in (b"ab", b"cde", b"fg"):
        output.add(1, piece)
    assert (bytes(output.stdout), output.truncated) == (kept, True)


def test_times_for_the_engine_are_exact() -> None:
    """As text, because a float would lose nanoseconds."""
    assert engine_time(1_700_000_000_000_000_007) == "1700000000.000000007"


def test_events_are_read_as_they_are() -> None:
    """Exact time, full attributes; a line that is no event of an actor is none."""
    line = (
        b'{"status":"connect","id":"n","Type":"network","Action":"connect","Actor":{"ID":"n","Attributes":'
        b'{"container":"c","name":"x","type":"bridge"}},"time":1,"timeNano":1700000000000000007}'
    )
    event = parse_event(line)
    assert event is not None
    assert (event.type, event.action, event.actor, event.time) == ("network", "connect", "n", 1700000000000000007)
    assert event.attributes == {"container": "c", "name": "x", "type": "bridge"}
    assert parse_event(b'{"message":"something"}') is None
