"""The web: pages for people and the JSON API. Views parse, ask and render."""

import uuid
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from flask import abort, current_app
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from directory.config import Config
from directory.models import Listing
from directory.web.tiles import Archive


@dataclass(frozen=True, slots=True)
class State:
    """What requests share: the settings, the engine that searches read from, and the file of map
    tiles, if there is one."""

    config: Config
    reader: Engine
    archive: Archive | None = None

    @property
    def tiles(self) -> str:
        """The address of map tiles with {z}, {x} and {y}; "" where the map is outlines."""
        return "/tiles/{z}/{x}/{y}" if self.archive else self.config.map_tiles

    @property
    def tile_host(self) -> str:
        """The scheme and host of map tiles from elsewhere; "" where maps are our own."""
        parts = urlsplit(self.tiles)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def state() -> State:
    """The state of the running application."""
    return cast(State, current_app.extensions["directory"])


def listing_of(session: Session, typed: str) -> Listing:
    """The listing whose id is in an address; 404 where it is no id, or nobody's."""
    try:
        found = session.get(Listing, uuid.UUID(typed))
    except ValueError:
        abort(404)
    if found is None:
        abort(404)
    return found
