"""Settings: each is an environment variable `CONTROL_…` with a default and a bound.

Folders are lists separated by `:` as in PATH. `python -m control --help` prints this table, and a test holds
the README's table against it.
"""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple, get_args

from annotated_types import Ge, Le
from pydantic import AliasChoices, BeforeValidator, Field
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from control.datafolder import default_data_dir


def _paths(value: object) -> object:
    return [part for part in value.split(":") if part] if isinstance(value, str) else value


def _words(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Paths = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_paths)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]


class Settings(BaseSettings):
    """How this control is set up."""

    model_config = SettingsConfigDict(env_prefix="CONTROL_", frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(7070, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder of the event log and the first admin token.",
    )
    docker_host: str = Field(
        "unix:///run/docker.sock",
        pattern=r"^(unix|tcp|http|https)://.+",
        validation_alias=AliasChoices("CONTROL_DOCKER_HOST", "DOCKER_HOST"),
        description="The engine: unix:///path or tcp://host:port. Else DOCKER_HOST, else the local socket.",
    )
    allowed_hosts: Words = Field(
        ("127.0.0.1", "localhost", "[::1]"),
        description="Host headers answered, separated by commas; others are refused against DNS rebinding.",
    )
    bind_roots: Paths = Field(
        (),
        description="Folders of the engine's host that containers may mount, separated by `:`. None by default.",
    )
    build_roots: Paths = Field(
        (),
        description="Folders that an image may be built from by path, separated by `:`. None by default.",
    )
    body_limit: int = Field(1_048_576, ge=1024, le=67_108_864, description="Largest JSON body, in bytes.")
    build_limit: int = Field(
        2_147_483_648, ge=1024, le=68_719_476_736, description="Largest build context sent, in bytes."
    )
    engine_timeout: float = Field(30.0, ge=0.1, le=600, description="Seconds for one call of the engine.")
    build_timeout: float = Field(1800.0, ge=1, le=86_400, description="Seconds for a build or a pull.")
    registry_timeout: float = Field(
        15.0, ge=0.5, le=600, description="Seconds for a registry to begin to answer a pull."
    )
    exec_timeout: float = Field(
        60.0, ge=0.1, le=3600, description="Seconds for a command in a container, unless the request says."
    )
    output_limit: int = Field(
        1_048_576, ge=1024, le=67_108_864, description="Bytes kept of a command's output, or of a log."
    )
    idempotency_age: float = Field(
        24.0, ge=0.01, le=8760, description="Hours for which an answer by Idempotency-Key is kept."
    )
    heartbeat: float = Field(
        15.0, ge=0.1, le=300, description="Seconds between the comments that keep an event stream open."
    )
    reconcile_interval: float = Field(
        60.0, ge=1, le=86_400, description="Seconds between comparisons of the log with the engine."
    )
    canary_interval: float = Field(
        10.0,
        ge=1,
        le=3600,
        description="Seconds of silence of the engine after which a sign of life is asked of it.",
    )
    log_max_age: float = Field(
        0.0, ge=0, le=36_500, description="Days for which the event log keeps its records; 0 for ever."
    )
    log_max_size: int = Field(
        0,
        ge=0,
        le=1_099_511_627_776,
        description="Bytes that the event log may take before its oldest records go; 0 for no limit.",
    )
    send_timeout: float = Field(
        30.0, ge=1, le=600, description="Seconds for which a follower may read nothing before it is let go."
    )
    terminals: int = Field(32, ge=1, le=1024, description="Terminals open at once.")
    shutdown_timeout: int = Field(4, ge=1, le=60, description="Seconds that open requests are given at SIGTERM.")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="Log lines: json, console, or auto (console on a terminal)."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")


class Row(NamedTuple):
    """A setting as it is documented."""

    variable: str
    default: str
    bounds: str
    description: str


def table() -> list[Row]:
    """Every setting, in the order in which they stand above."""
    return [
        Row(
            f"CONTROL_{name.upper()}",
            "/var/lib/pontlevis for root" if field.default_factory else _written(name, field.default),
            _bounds(field),
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def _written(name: str, default: object) -> str:
    if isinstance(default, tuple):
        return (":" if name.endswith("roots") else ",").join(map(str, default)) or "none"
    return f"{default:g}" if isinstance(default, float) else str(default)


def _bounds(field: FieldInfo) -> str:
    if choices := get_args(field.annotation):
        words = [choice for choice in choices if isinstance(choice, str)]
        if words:
            return ", ".join(words)
    least = next((limit.ge for limit in field.metadata if isinstance(limit, Ge)), None)
    most = next((limit.le for limit in field.metadata if isinstance(limit, Le)), None)
    return "" if least is None else f"{least} to {most}"
