"""What is deployed is driven by the same browser as the page of the gateway."""

from tests.gateway.http.conftest import browser, visit

__all__ = ["browser", "visit"]
