"""Saves and loads blocks with Prefect's own library, and prints what it read as one line of JSON."""

import json
from typing import Any

from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.filesystems import LocalFileSystem
from pydantic import SecretStr


class Inner(Block):
    """A block with a secret, nested in others."""

    word: SecretStr
    note: str = "n"


class Outer(Block):
    """A block with another in it."""

    inner: Inner
    size: int = 1


def main() -> None:
    """Save, load, overwrite and delete."""
    Secret(value=SecretStr("first")).save("s")
    Secret(value=SecretStr("second")).save("s", overwrite=True)
    Secret(value={"user": "u", "password": "p"}).save("object")  # type: ignore[arg-type]  # pydantic takes it
    LocalFileSystem(basepath="/data").save("files")
    inner = Inner(word=SecretStr("inner"))
    inner.save("inner")
    Outer(inner=inner, size=2).save("outer")
    Outer(inner=Inner(word=SecretStr("unsaved"))).save("with-anonymous")
    outer: Any = Outer.load("outer")
    anonymous: Any = Outer.load("with-anonymous")
    secret: Any = Secret.load("s")
    json_secret: Any = Secret.load("object")
    files: Any = LocalFileSystem.load("files")
    Outer.delete("with-anonymous")
    seen = {
        "secret": secret.get(),
        "object": json_secret.get(),
        "files": files.basepath,
        "outer": [outer.inner.word.get_secret_value(), outer.inner.note, outer.size],
        "anonymous": anonymous.inner.word.get_secret_value(),
    }
    print(json.dumps(seen))


main()
