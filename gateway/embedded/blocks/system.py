"""The block types that Prefect itself needs.

They are what the SDK of Prefect 3.9.1 sends, to the letter: it looks for a schema by a checksum of its own, and changes a
type that is another than its own.
"""

from dataclasses import dataclass, field
from typing import Any

from gateway.embedded.blocks.checksums import Fields

VERSION = "3.9.1"
LOGOS = (
    "https://raw.githubusercontent.com/PrefectHQ/prefect/420d0d6a78bb6df1fc18bcf188fdad43c1d22ea9/assets/block-logos"
)
DOCS = "https://www.prefect.io/docs/latest"


@dataclass(frozen=True)
class SystemBlock:
    """A block type and its schema."""

    row: dict[str, Any]
    fields: Fields
    capabilities: list[str] = field(default_factory=list)
    version: str = VERSION


def _block(
    name: str, logo: str, docs: str, example: str, fields: Fields, capabilities: list[str] | None = None
) -> SystemBlock:
    row = {
        "name": name,
        "slug": fields["block_type_slug"],
        "logo_url": f"{LOGOS}/{logo}.png",
        "documentation_url": f"{DOCS}/{docs}",
        "description": fields["description"],
        "code_example": example,
    }
    return SystemBlock(row, {"block_schema_references": {}, "type": "object", **fields}, capabilities or [])


SECRET: Fields = {
    "block_type_slug": "secret",
    "title": "Secret",
    "description": (
        "A block that represents a secret value. The value stored in this block will be obfuscated when this block is"
        " viewed or edited in the UI."
    ),
    "properties": {
        "value": {
            "title": "Value",
            "description": "A value that should be kept secret.",
            "format": "password",
            "writeOnly": True,
            "position": 0,
            "anyOf": [
                {"type": "string", "format": "password", "writeOnly": True},
                {"title": "string", "type": "string"},
                {"$ref": "#/definitions/JsonValue", "title": "JSON"},
            ],
            "examples": ["sk-1234567890", {"username": "johndoe", "password": "s3cr3t"}],
        }
    },
    "required": ["value"],
    "secret_fields": ["value", "value"],
    "definitions": {"JsonValue": {}},
}

WEBHOOK: Fields = {
    "block_type_slug": "webhook",
    "title": "Webhook",
    "description": "Block that enables calling webhooks.",
    "properties": {
        "method": {
            "title": "Method",
            "description": "The webhook request method. Defaults to `POST`.",
            "type": "string",
            "enum": ["GET", "POST", "PUT", "PATCH", "DELETE"],
            "default": "POST",
            "position": 0,
        },
        "url": {
            "title": "Webhook URL",
            "description": "The webhook URL.",
            "type": "string",
            "format": "password",
            "writeOnly": True,
            "examples": ["https://hooks.slack.com/XXX"],
            "position": 1,
        },
        "headers": {
            "title": "Webhook Headers",
            "description": "A dictionary of headers to send with the webhook request.",
            "type": "object",
            "position": 2,
        },
        "allow_private_urls": {
            "title": "Allow Private Urls",
            "description": "Whether to allow notifications to private URLs. Defaults to True.",
            "type": "boolean",
            "default": True,
            "position": 3,
        },
        "verify": {
            "title": "Verify",
            "description": "Whether or not to enforce a secure connection to the webhook.",
            "type": "boolean",
            "default": True,
            "position": 4,
        },
    },
    "required": ["url"],
    "secret_fields": ["url", "headers.*"],
}

LOCAL_FILE_SYSTEM: Fields = {
    "block_type_slug": "local-file-system",
    "title": "LocalFileSystem",
    "description": "Store data as a file on a local file system.",
    "properties": {
        "basepath": {
            "title": "Basepath",
            "description": "Default local path for this block to write to.",
            "anyOf": [{"type": "string"}, {"type": "null"}],
            "default": None,
            "position": 0,
        }
    },
    "secret_fields": [],
}

VALUE_EXAMPLE = """```python
from prefect.blocks.system import Secret

Secret(value="sk-1234567890").save("BLOCK_NAME", overwrite=True)

secret_block = Secret.load("BLOCK_NAME")

# Access the stored secret
secret_block.get()
```"""

WEBHOOK_EXAMPLE = """```python
from prefect.blocks.webhook import Webhook

webhook_block = Webhook.load("BLOCK_NAME")
```"""

LOCAL_FILE_SYSTEM_EXAMPLE = """Load stored local file system config:
```python
from prefect.filesystems import LocalFileSystem

local_file_system_block = LocalFileSystem.load("BLOCK_NAME")
```"""

SYSTEM = (
    _block("Secret", "secret", "develop/blocks", VALUE_EXAMPLE, SECRET),
    _block("Webhook", "webhook", "automate/events/webhook-triggers", WEBHOOK_EXAMPLE, WEBHOOK),
    _block(
        "Local File System",
        "filesystem",
        "develop/results#specifying-a-default-filesystem",
        LOCAL_FILE_SYSTEM_EXAMPLE,
        LOCAL_FILE_SYSTEM,
        ["read-path", "write-path", "get-directory", "put-directory"],
    ),
)
"""The system's block types; they can't be deleted."""
