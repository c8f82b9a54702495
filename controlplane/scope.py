"""What travels in the scope of a request: where it stands, and the address it came from."""

from __future__ import annotations

from typing import Any, Final

# Key of the ASGI scope under which the outermost application leaves the workspace's name.
WORKSPACE_KEY: Final = "tailrace.workspace"
# And the one that says whether the path names it; without, it is the default one.
CHOSEN_KEY: Final = "tailrace.workspace_chosen"
# And the one under which the guard leaves the operation's id.
OPERATION_KEY: Final = "tailrace.operation"
# And the one under which a handler leaves what its change was about, where the path does not say.
OBJECT_KEY: Final = "tailrace.object"
# And the one under which the services of this control plane stand, by name.
SERVICES_KEY: Final = "tailrace.services"
DEFAULT_WORKSPACE: Final = "default"


def client_address(scope: Any) -> str:
    """The address that the connection came from, '' when unknown."""
    client = scope.get("client")
    return str(client[0]) if client else ""
