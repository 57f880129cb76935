"""The web: pages for people and the JSON API. Views parse, ask and render."""

from dataclasses import dataclass
from typing import cast

from flask import current_app
from sqlalchemy import Engine

from directory.config import Config


@dataclass(frozen=True, slots=True)
class State:
    """What requests share: the settings and the engine that searches read from."""

    config: Config
    reader: Engine


def state() -> State:
    """The state of the running application."""
    return cast(State, current_app.extensions["directory"])
