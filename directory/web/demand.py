"""The desk's page of what is looked for, by term and by state."""

from typing import Any

from flask import Blueprint, render_template, request

from directory import demand
from directory.vocabulary import vocabulary
from directory.web import state, wording
from directory.web.desk import reading
from directory.web.security import account, maintainers_only

pages = Blueprint("demand", __name__, url_prefix="/maintain/demand")
pages.before_request(maintainers_only)


@pages.context_processor
def _everywhere() -> dict[str, Any]:
    return {"account": account(), "samples": False, "called": called}


def called(code: str) -> str:
    """What a code is called; one that an upgrade has taken away is shown as it is."""
    known = code.startswith("kind:") or code in vocabulary().terms
    return wording.code_label(code) if known else code


@pages.get("")
def wanted() -> str:
    """What was looked for in the last days: everywhere, and in each state or one."""
    with reading() as connection:
        regions = demand.regions(connection)
        region = request.args.get("region", "")
        region = region if region in regions else ""
        return render_template(
            "desk_demand.html",
            terms=demand.by_term(connection),
            rows=demand.by_region(connection, region),
            regions=regions,
            region=region,
            counted=state().tens is not None,
            ten=demand.TEN,
            days=demand.SHOWN_DAYS,
            months=demand.KEPT_MONTHS,
            most=demand.SHOWN,
        )
