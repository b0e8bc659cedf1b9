"""Every error that control answers with, one class a problem type (RFC 9457).

    Problem
    ├── BadRequest 400            ├── Unauthenticated 401      ├── Forbidden 403
    ├── NotFound 404              ├── MethodNotAllowed 405     ├── Conflict 409 (and its kinds)
    ├── FollowerStalled 408       ├── ClientGone 408
    ├── LogTrimmed 410            ├── PreconditionFailed 412
    ├── TooLarge 413              ├── UnsupportedMediaType 415 ├── Invalid 422
    ├── UpgradeRequired 426       ├── TooManyTerminals 429     ├── Internal 500
    ├── EngineFailed 502          ├── EngineAway 503           ├── EngineTimeout 504, CommandTimeout 504
    ├── RegistryAway 502          ├── SwarmAway 502            ├── ReplacementUnfinished 502
    ├── LogUnavailable 503        └── MemoryUnavailable 503

They are raised anywhere and become a response in one place (`control.api.problems`). `detail` says what to do.
"""

from http import HTTPStatus
from typing import Any, ClassVar

PREFIX = "urn:pontlevis:problem:"


class Problem(Exception):
    """An error that a client is told. Keyword arguments become further members of the problem object."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something broke here"

    def __init__(self, detail: str, *, headers: dict[str, str] | None = None, **members: Any) -> None:  # noqa: ANN401  (any JSON)
        super().__init__(detail)
        self.detail = detail
        self.headers = headers or {}
        self.members = members

    def document(self) -> dict[str, Any]:
        """The problem object: type, title, status, detail, and what else this problem carries."""
        return {
            "type": PREFIX + self.slug,
            "title": self.title,
            "status": int(self.status),
            "detail": self.detail,
            **self.members,
        }


class BadRequest(Problem):
    """The request can't be read."""

    status, slug, title = HTTPStatus.BAD_REQUEST, "bad-request", "The request can't be read"


class Unauthenticated(Problem):
    """No token, or a wrong one."""

    status, slug, title = HTTPStatus.UNAUTHORIZED, "unauthenticated", "A token is needed"


class Forbidden(Problem):
    """Understood, and never done."""

    status, slug, title = HTTPStatus.FORBIDDEN, "forbidden", "This is not allowed"


class NotFound(Problem):
    """There is no such thing."""

    status, slug, title = HTTPStatus.NOT_FOUND, "not-found", "There is no such thing"


class MethodNotAllowed(Problem):
    """The path exists, the method on it does not."""

    status, slug, title = HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", "Another method is needed"


class Conflict(Problem):
    """The engine's state stands against it."""

    status, slug, title = HTTPStatus.CONFLICT, "conflict", "The present state stands against it"


class Ambiguous(Conflict):
    """More than one thing has this name."""

    slug, title = "ambiguous", "More than one thing has this name"


class NameTaken(Conflict):
    """The name is in use."""

    slug, title = "name-taken", "The name is in use"


class InUse(Conflict):
    """Others still use it; `users` names them."""

    slug, title = "in-use", "It is still in use"


class AlreadyConnected(Conflict):
    """The container has an endpoint on this network already."""

    slug, title = "already-connected", "It is connected already"


class NotConnected(Conflict):
    """The container has no endpoint on this network."""

    slug, title = "not-connected", "It is not connected"


class ConnectedOtherwise(Conflict):
    """The container is on the network already, with other options; `difference` tells which."""

    slug, title = "connected-otherwise", "It is connected with other options"


class AddressConflict(Conflict):
    """The address or the subnet is taken."""

    slug, title = "address-taken", "The address or subnet is taken"


class AddressesOutside(Conflict):
    """Fixed addresses of containers are none of the new subnets; `addresses` names them."""

    slug, title = "addresses-outside", "Fixed addresses would be lost"


class PortTaken(Conflict):
    """The host port is in use."""

    slug, title = "port-taken", "The host port is in use"


class NotRunning(Conflict):
    """The container is not running."""

    slug, title = "not-running", "The container is not running"


class NetworkModeConflict(Conflict):
    """The container's network mode, or the network's driver, rules this out."""

    slug, title = "network-mode", "The network mode rules this out"


class NoSwarm(Conflict):
    """An overlay needs a swarm, and this engine is in none."""

    slug, title = "no-swarm", "This engine is in no swarm"


class InSwarm(Conflict):
    """This engine is in a swarm already; `difference` tells what is other than asked for."""

    slug, title = "in-swarm", "This engine is in a swarm"


class PlanChanged(Conflict):
    """What the plan was made of has changed since; `changed` tells what."""

    slug, title = "plan-changed", "What was planned has changed"


class NothingToRestore(Conflict):
    """Control does not remember how this container was on this network."""

    slug, title = "nothing-to-restore", "There is nothing to restore"


class Unsupported(Conflict):
    """This engine's version can't do it."""

    slug, title = "unsupported", "This engine can't do it"


class KeyInUse(Conflict):
    """A request with this Idempotency-Key is under way."""

    slug, title = "idempotency-key-in-use", "A request with this key is under way"


class FollowerStalled(Problem):
    """A stream's reader read nothing for too long; said as the stream's last message."""

    status, slug, title = HTTPStatus.REQUEST_TIMEOUT, "follower-stalled", "Nothing was read for too long"


class ClientGone(Problem):
    """The client broke off before its request was done, and what was begun was taken back; told in the log alone."""

    status, slug, title = HTTPStatus.REQUEST_TIMEOUT, "client-gone", "The client broke off"


class LogTrimmed(Problem):
    """The event log does not keep the records any more that were asked for."""

    status, slug, title = HTTPStatus.GONE, "log-trimmed", "These records are no longer kept"


class PreconditionFailed(Problem):
    """It is not any more as `If-Match` says."""

    status, slug, title = HTTPStatus.PRECONDITION_FAILED, "precondition-failed", "It was changed since"


class TooLarge(Problem):
    """The body is larger than the limit."""

    status, slug, title = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", "The body is too large"


class UnsupportedMediaType(Problem):
    """The body is of a type that is not read here."""

    status, slug, title = HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "media-type", "Another content type is needed"


class Invalid(Problem):
    """The request was read, and a value in it is wrong; `errors` lists each with its place."""

    status, slug, title = HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", "A value is wrong"


class KeyReused(Problem):
    """The Idempotency-Key was used for another request."""

    status, slug, title = (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
        "The key was used for another request",
    )


class BuildFailed(Problem):
    """The image could not be built; the engine's words are in `detail`."""

    status, slug, title = HTTPStatus.UNPROCESSABLE_ENTITY, "build-failed", "The image could not be built"


class StartFailed(Problem):
    """The container was made and could not start."""

    status, slug, title = HTTPStatus.UNPROCESSABLE_ENTITY, "start-failed", "The container can't start"


class UpgradeRequired(Problem):
    """This is spoken over WebSocket alone."""

    status, slug, title = HTTPStatus.UPGRADE_REQUIRED, "upgrade-required", "A WebSocket is needed"


class TooManyTerminals(Problem):
    """As many terminals are open as may be."""

    status, slug, title = HTTPStatus.TOO_MANY_REQUESTS, "too-many-terminals", "Too many terminals are open"


class Internal(Problem):
    """A defect of ours. The log has the traceback under the request id; the client has only the id."""


class EngineFailed(Problem):
    """The engine failed in a way that has no better name here; its words are in `detail`."""

    status, slug, title = HTTPStatus.BAD_GATEWAY, "engine-failed", "The Docker Engine failed"


class ReplacementUnfinished(Problem):
    """A network could be neither replaced nor put back yet; `left` tells what is not as it was."""

    status, slug, title = HTTPStatus.BAD_GATEWAY, "replacement-unfinished", "The replacement is not finished"


class EngineAway(Problem):
    """The engine can't be reached."""

    status, slug, title = HTTPStatus.SERVICE_UNAVAILABLE, "engine-away", "The Docker Engine is away"


class EngineTimeout(Problem):
    """The engine did not answer in time; whether it did what was asked is not known."""

    status, slug, title = HTTPStatus.GATEWAY_TIMEOUT, "engine-timeout", "The Docker Engine did not answer"


class CommandTimeout(Problem):
    """A command in a container took too long; `ended` tells whether it was ended, `stdout` and `stderr` its output."""

    status, slug, title = HTTPStatus.GATEWAY_TIMEOUT, "command-timeout", "The command took too long"


class RegistryAway(Problem):
    """The registry that an image's name stands for can't be reached by the engine."""

    status, slug, title = HTTPStatus.BAD_GATEWAY, "registry-away", "The image's registry can't be reached"


class SwarmAway(Problem):
    """No manager of the swarm that is to be joined can be reached by the engine."""

    status, slug, title = HTTPStatus.BAD_GATEWAY, "swarm-away", "The swarm can't be reached"


class LogUnavailable(Problem):
    """The event log can't be read or written now."""

    status, slug, title = HTTPStatus.SERVICE_UNAVAILABLE, "log-unavailable", "The event log is unavailable"


class MemoryUnavailable(Problem):
    """What control remembers beside the log can't be read or written now."""

    status, slug, title = HTTPStatus.SERVICE_UNAVAILABLE, "memory-unavailable", "Control's memory is unavailable"
