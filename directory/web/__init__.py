"""The web: pages for people and the JSON API. Views parse, ask and render."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from urllib.parse import urlsplit

from flask import Response, abort, current_app
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from directory.asking import Answered
from directory.config import Config
from directory.demand import Tens
from directory.models import Listing
from directory.web.tiles import Archive


@dataclass(frozen=True, slots=True)
class State:
    """What requests share: the settings, the engine that searches read from, the file of map
    tiles, if there is one, and the counts of what is looked for, unless that is off."""

    config: Config
    reader: Engine
    archive: Archive | None = None
    tens: Tens | None = None

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


def count(response: Response, found: Answered, now: datetime) -> Response:
    """``response`` as it is; what was asked is counted, and written after it was sent."""
    tens = state().tens
    if tens is not None and tens.add(found.whole or found.search, now):
        response.call_on_close(tens.write)
    return response


def listing_of(session: Session, typed: str) -> Listing:
    """The listing whose id is in an address; 404 where it is no id, or nobody's."""
    try:
        found = session.get(Listing, uuid.UUID(typed))
    except ValueError:
        abort(404)
    if found is None:
        abort(404)
    return found
