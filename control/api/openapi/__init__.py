"""The OpenAPI 3.1 document, made from the operations themselves: from the models that validate and the problems that
each declares. Pure."""

from control.api.openapi.answered import At, problems_of
from control.api.openapi.document import document, operations

__all__ = ["At", "document", "operations", "problems_of"]
