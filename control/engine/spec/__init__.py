"""What is wanted, as the engine's JSON. Pure.

It is built anew from checked values: nothing that a client sends is passed on as it came (a field that a checker
does not know is how Docker's own authorisation plugins were fooled: CVE-2024-41110).
"""

from control.engine.spec.containers import container_config
from control.engine.spec.endpoints import endpoint_config
from control.engine.spec.limits import update_config
from control.engine.spec.networks import network_config

__all__ = ["container_config", "endpoint_config", "network_config", "update_config"]
