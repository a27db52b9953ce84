"""The database of a `listings dev` that runs on this machine, for commands that look at what it serves.

Nobody is told that database's address, a socket in the data folder. `listings doctor` and `listings smoke` in another
terminal mean it where no database is configured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr

from listings.embedded import EmbeddedPostgres, EmbeddedServerError

if TYPE_CHECKING:
    from pathlib import Path

    from listings.environment import Configuration
    from listings.settings import DatabaseSettings


def private_postgres(data_folder: Path) -> EmbeddedPostgres:
    """The server of a data folder, not started; raises EmbeddedServerError where none can run."""
    return EmbeddedPostgres(data_folder.absolute() / "postgres")


def database_beside_dev(configuration: Configuration, data_folder: Path) -> DatabaseSettings | None:
    """Settings for the private database; None where another one is configured, or none runs. Starts nothing."""
    if configuration.names_database or not data_folder.is_dir():
        return None
    try:
        dsn = private_postgres(data_folder).found()
    except EmbeddedServerError:
        return None
    database = configuration.settings.database
    return None if dsn is None else database.model_copy(update={"url": SecretStr(dsn)})
