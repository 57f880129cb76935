"""Sharing a page: by text message, by mail, or as a QR code, in words that tell on nobody.

A message on a locked screen, or in the wrong hands, must not say what a page is about: it holds
one plain sentence and the address, and a listing's address goes without its readable end.
"""

from dataclasses import dataclass
from urllib.parse import quote

import segno
from flask import request
from markupsafe import Markup

from directory.web.language import gettext


@dataclass(frozen=True, slots=True)
class Share:
    """Ways to share one page. ``qr`` is an SVG of ``url``."""

    url: str
    sms: str
    mail: str
    qr: Markup


def share(path: str) -> Share:
    """How to share our page at ``path``, an address without its host."""
    # As for the header that asks for https: a proxy's word is enough.
    secure = request.is_secure or request.headers.get("X-Forwarded-Proto") == "https"
    url = f"{'https' if secure else 'http'}://{request.host}{path}"
    said = gettext("I want to share this page with you: %(url)s", url=url)
    subject = quote(gettext("A page for you"), safe="")
    body = quote(said, safe="")
    return Share(
        url=url,
        sms=f"sms:?&body={body}",  # the form that phones of both makers take
        mail=f"mailto:?subject={subject}&body={body}",
        qr=qr(url),
    )


def qr(text: str) -> Markup:
    """A QR code as SVG: dark on light in dark mode too, which not every camera reads inverted."""
    # To try all eight masks takes three times as long, and cameras read each of them.
    code = segno.make_qr(text, error="l", boost_error=False, mask=2)
    drawn = code.svg_inline(
        border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=True
    )
    return Markup(drawn)  # noqa: S704 - drawn from black and white squares alone
