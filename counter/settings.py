"""The settings, all from `COUNTER_*` environment variables. `python -m counter --help` prints this table."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

ENV_PREFIX = "COUNTER_"


def _usable_url(url: SecretStr) -> SecretStr:
    """Refuse a URL that pymongo would refuse, before anything starts. SRV names are looked up later."""
    text = url.get_secret_value()
    if not text.startswith("mongodb+srv://"):
        try:
            parse_uri(text)
        except (PyMongoError, ValueError) as error:
            raise ValueError(str(error)) from error
    return url


class Settings(BaseSettings):
    """Every setting has a default, a bound and a description; the README's table is tested against this."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_ignore_empty=True, frozen=True)

    mongodb_url: Annotated[SecretStr, AfterValidator(_usable_url)] = Field(
        default=SecretStr("mongodb://127.0.0.1:27017"),
        description="Where MongoDB is. A database named in the path is used instead of `test`.",
    )
    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        max_length=255,
        description="Address to listen on. Others than this machine reach it only if you say `0.0.0.0`.",
    )
    port: int = Field(default=8000, ge=1, le=65535, description="TCP port to listen on.")
    workers: int = Field(default=1, ge=1, le=64, description="Processes that share the port.")
    database_timeout: float = Field(
        default=1.3,
        ge=0.2,
        le=1.8,
        description="Seconds that one commit may take before its requests are answered 503.",
    )
    shutdown_timeout: int = Field(
        default=3,
        ge=1,
        le=4,
        description="Seconds that SIGTERM leaves to the requests under way.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="`auto` writes JSON, or readable lines where standard output is a terminal."
    )
    log_requests: bool = Field(default=True, description="Whether each request is logged as one line.")


def load() -> Settings:
    """The settings from the environment. Exits with one line per unusable value."""
    try:
        return Settings()
    except ValidationError as error:
        lines = (f"{env_name(str(e['loc'][0]))}: {e['msg']}" for e in error.errors(include_input=False))
        raise SystemExit("counter: " + "\ncounter: ".join(lines)) from None


def env_name(field: str) -> str:
    """The environment variable of a field."""
    return ENV_PREFIX + field.upper()


def describe() -> Iterator[tuple[str, str, str]]:
    """Rows of (environment variable, default, description)."""
    for name, field in Settings.model_fields.items():
        default = field.default
        text = default.get_secret_value() if isinstance(default, SecretStr) else str(default)
        text = text.lower() if isinstance(default, bool) else text
        yield env_name(name), text, field.description or ""
