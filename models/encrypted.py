"""Columns that are sealed in the database, and the list of them.

Belongs here: the column type and the walk over the metadata that finds its columns. Does not belong here: keys
(`models.crypto`) and the rotation itself (`app.services.key_rotation`). A column says its own name, which goes into the
seal, so that a ciphertext copied to another column does not open.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, NoReturn

import sqlalchemy as sa
from sqlalchemy.sql.operators import OperatorType, is_, is_not
from sqlalchemy.types import TypeDecorator

from models.crypto import keyring

Payload = Literal["text", "json", "bytes"]


class Encrypted(TypeDecorator[Any]):
    """`Encrypted("mailbox.password")`: text, JSON or bytes in Python, sealed bytes in the database. None stays NULL.

    It can be asked whether it is NULL, and nothing else: equal values have different ciphertexts. Store
    `keyring().token_hash()` beside it where one must look up by value. A JSON value is replaced, not changed in place.
    """

    impl = sa.LargeBinary
    cache_ok = True

    class Comparator(TypeDecorator.Comparator[Any]):
        def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> sa.ColumnElement[Any]:
            if op in (is_, is_not) or (other and other[0] is None):
                return super().operate(op, *other, **kwargs)
            _refuse()

        def reverse_operate(self, op: OperatorType, other: Any, **kwargs: Any) -> NoReturn:
            _refuse()

    comparator_factory = Comparator

    def __init__(self, name: str, payload: Payload = "text") -> None:
        super().__init__()
        self.name_in_seal = name
        self.payload = payload

    @property
    def aad(self) -> bytes:
        return self.name_in_seal.encode()

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> bytes | None:
        return None if value is None else keyring().seal(self._to_bytes(value), aad=self.aad)

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> Any:
        if value is None:
            return None
        raw = keyring().open(bytes(value), aad=self.aad)
        if self.payload == "bytes":
            return raw
        return json.loads(raw) if self.payload == "json" else raw.decode()

    def _to_bytes(self, value: Any) -> bytes:
        if self.payload == "json":
            return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
        if self.payload == "bytes" and isinstance(value, bytes):
            return value
        if self.payload == "text" and isinstance(value, str):
            return value.encode()
        raise TypeError(f"{self.name_in_seal} holds {self.payload}, not {type(value).__name__}.")


def sealed_columns(metadata: sa.MetaData) -> Iterator[tuple[sa.Column[Any], bytes]]:
    """Every sealed column with its AAD: those of type `Encrypted`, and byte columns with `info={"sealed": aad}`.

    Raises ValueError where a column names another place than its own: its values would not survive a rename unnoticed.
    """
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, Encrypted):
                if column.type.name_in_seal != f"{table.name}.{column.name}":
                    raise ValueError(f"{table.name}.{column.name} is sealed as {column.type.name_in_seal}.")
                yield column, column.type.aad
            elif "sealed" in column.info:
                yield column, str(column.info["sealed"]).encode()


def _refuse() -> NoReturn:
    raise TypeError("An encrypted column cannot be compared or sorted. Keep a keyed hash beside it to look it up.")
