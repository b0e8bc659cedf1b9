"""What engines say of registries, as problems: no engine is needed."""

import pytest

from control.engine.faults import translate
from control.errors import Forbidden, NotFound, Problem, RegistryAway

PORT = "127.0.0.1:5000"
SAID = [
    # As Docker 20.10 said it here.
    (500, f'Get "https://x.invalid/v2/": dial tcp: lookup x.invalid on {PORT}: network is unreachable', RegistryAway),
    (500, f'Get "http://{PORT}/v2/": dial tcp {PORT}: connect: connection refused', RegistryAway),
    (404, "manifest unknown", NotFound),
    (500, f'Head "http://{PORT}/v2/app/manifests/latest": no basic auth credentials', Forbidden),
    (500, "unauthorized", Forbidden),
    # As the sources of Docker and its registry client word it.
    (500, f'Get "https://{PORT}/v2/": net/http: TLS handshake timeout', RegistryAway),
    (500, f'Get "https://{PORT}/v2/": context deadline exceeded', RegistryAway),
    (500, f'Get "https://{PORT}/v2/": http: server gave HTTP response to HTTPS client', RegistryAway),
    (500, f'Get "https://{PORT}/v2/": x509: certificate signed by unknown authority', RegistryAway),
    (500, f'Get "https://{PORT}/v2/": net/http: request canceled while waiting for connection', RegistryAway),
    (500, f'failed to resolve reference "{PORT}/app:1": failed to do request: dial tcp: i/o timeout', RegistryAway),
    (500, "toomanyrequests: You have reached your pull rate limit", RegistryAway),
    (404, f"pull access denied for {PORT}/app, repository does not exist or may require 'docker login'", NotFound),
    (404, f"manifest for {PORT}/app:2 not found: manifest unknown: manifest unknown", NotFound),
    (404, "no matching manifest for linux/s390x in the manifest list entries", NotFound),
    (500, "unauthorized: authentication required", Forbidden),
    (500, "denied: requested access to the resource is denied", Forbidden),
]


@pytest.mark.parametrize(("status", "words", "kind"), SAID, ids=[words[-40:] for _, words, _ in SAID])
def test_what_a_registry_said(status: int, words: str, kind: type[Problem]) -> None:
    """Each wording is one kind of problem, and stands in its text."""
    problem = translate(status, words)
    assert type(problem) is kind
    assert words in problem.detail
