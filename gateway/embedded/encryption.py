"""The values of block documents are encrypted where they are stored, by Fernet (https://cryptography.io/en/latest/fernet).

The keys are those of the setting `encryption_key`, of which the first encrypts and each decrypts. Where none is given, one
is made and kept in the database, as in Prefect: it guards rows that are copied or logged without it, not the whole database.
A mark, encrypted by the key in use, tells at the start whether the keys are right.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from pydantic_core import from_json
from sqlalchemy import Connection, delete, insert, select, update

from gateway.embedded.database import DatabaseError
from gateway.embedded.expressions import member
from gateway.embedded.prepared import Prepared
from gateway.embedded.tables import CONFIGURATIONS, TABLES
from gateway.embedded.tables.types import dump_json

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

DOCUMENTS = TABLES["block_documents"]

OPTION = "encryption_keys"
"""The keys that are given, as an option of the connections."""

KEY, MARK = "ENCRYPTION_KEY", "ENCRYPTION_MARK"
MARKED = b"prefect-graphql"

SETTING = "PREFECT_GRAPHQL_ENCRYPTION_KEY"
LOCKED = (
    f"The values of the database's block documents are encrypted by another key than {SETTING} gives. Give it the key that it"
    " had, behind the new one and a comma where that is to change."
)
UNFIT = (
    f"{SETTING} is no key, or several with commas between. One is made by"
    " `python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'`."
)


class Locked(Exception):
    """Values can't be decrypted by the keys that there are."""


def options(setting: SecretStr | None) -> dict[str, tuple[str, ...]]:
    """Return the options of connections that encrypt as the setting says."""
    given = setting.get_secret_value() if setting else ""
    return {OPTION: tuple(key.strip() for key in given.split(",") if key.strip())}


def settle(connection: Connection) -> None:
    """Let all values be encrypted by the first key; raises DatabaseError where the keys do not fit, and nothing is changed."""
    given, kept = _given(connection), _kept(connection)
    if not given and KEY in kept:
        return
    if not given and MARK in kept:
        raise DatabaseError(LOCKED)
    keys = given or (_made(connection),)
    try:
        first, every = _vault(keys[:1]), _vault((*keys, *_own(kept)))
    except ValueError:
        raise DatabaseError(UNFIT) from None
    if MARK in kept:
        if _decrypted(first, kept[MARK]) is not None:
            return
        if _decrypted(every, kept[MARK]) is None:
            raise DatabaseError(LOCKED)
    _encrypt_anew(connection, every)
    _keep(connection, MARK, every.encrypt(MARKED).decode())
    if given:
        connection.execute(delete(CONFIGURATIONS).where(CONFIGURATIONS.c.id == KEY))


def sealed(connection: Connection, values: dict[str, Any]) -> str:
    """Encrypt the values of a document; raises Locked where there is no key."""
    return _in_use(connection).encrypt(dump_json(values).encode()).decode()


def opened(connection: Connection, stored: Sequence[Any]) -> list[dict[str, Any]]:
    """Decrypt the values of documents; those that are not encrypted are returned as they are. Raises Locked."""
    vault = _in_use(connection) if any(isinstance(each, str) for each in stored) else None
    return [each if vault is None or not isinstance(each, str) else _opened(vault, each) for each in stored]


def _opened(vault: "MultiFernet", token: str) -> dict[str, Any]:
    values = _decrypted(vault, token)
    if values is None:
        raise Locked(LOCKED)
    found: dict[str, Any] = from_json(values)
    return found


def _decrypted(vault: "MultiFernet", token: str) -> bytes | None:
    from cryptography.fernet import InvalidToken  # noqa: PLC0415  takes time that a server without blocks need not spend

    try:
        return vault.decrypt(token)
    except InvalidToken:
        return None


@cache
def _vault(keys: tuple[str, ...]) -> "MultiFernet":
    from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415

    return MultiFernet([Fernet(key) for key in keys])


def _in_use(connection: Connection) -> "MultiFernet":
    keys = (*_given(connection), *_own(_kept(connection)))
    if not keys:
        raise Locked(LOCKED)
    return _vault(keys)


def _given(connection: Connection) -> tuple[str, ...]:
    keys: tuple[str, ...] = connection.get_execution_options().get(OPTION, ())
    return keys


def _kept(connection: Connection) -> dict[str, str]:
    return {id_: value for id_, value in _stored().rows(connection, {"values": [KEY, MARK]})}  # noqa: C416  (rows of two)


@cache
def _stored() -> Prepared:
    return Prepared(select(CONFIGURATIONS.c.id, CONFIGURATIONS.c.value).where(member(CONFIGURATIONS.c.id)))


def _own(kept: dict[str, str]) -> tuple[str, ...]:
    return (kept[KEY],) if KEY in kept else ()


def _made(connection: Connection) -> str:
    from cryptography.fernet import Fernet  # noqa: PLC0415

    key = Fernet.generate_key().decode()
    _keep(connection, KEY, key)
    return key


def _keep(connection: Connection, name: str, value: str) -> None:
    """Keep a value under a name, which is its id too: of two servers that start at once, one makes a key."""
    connection.execute(delete(CONFIGURATIONS).where(CONFIGURATIONS.c.id == name))
    connection.execute(insert(CONFIGURATIONS).values(id=name, key=name, value=value))


def _encrypt_anew(connection: Connection, vault: "MultiFernet") -> None:
    every = connection.execute(select(DOCUMENTS.c.id, DOCUMENTS.c.data).with_for_update()).all()
    for id_, stored in every:
        (values,) = opened(connection, [from_json(stored)])
        token = vault.encrypt(dump_json(values).encode()).decode()
        changed = update(DOCUMENTS).where(DOCUMENTS.c.id == id_)
        connection.execute(changed.values(data=token, updated=DOCUMENTS.c.updated))
