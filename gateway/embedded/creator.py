"""Who creates a row: an automation says so by headers, as in Prefect."""

import base64
import binascii
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header


def _creator(
    prefect_automation_id: Annotated[UUID | None, Header(include_in_schema=False)] = None,
    prefect_automation_name: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> dict[str, Any] | None:
    if not (prefect_automation_id and prefect_automation_name):
        return None
    try:
        name = base64.b64decode(prefect_automation_name).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return {"id": str(prefect_automation_id), "type": "AUTOMATION", "display_value": name}


Creator = Annotated[dict[str, Any] | None, Depends(_creator)]
"""The `created_by` of what a request creates; null where it does not say."""
