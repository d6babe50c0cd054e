"""The owner's report as an e-mail, with its pictures as parts of it."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import make_msgid

from whatsit.catalogue.owner_report.catalogue_report import CatalogueReport
from whatsit.catalogue.owner_report.report_page import STATES, ReportPage
from whatsit.catalogue.owner_report.report_pictures import ReportPictures


def report_mail(report: CatalogueReport, pictures: ReportPictures, to: str, sender: str) -> bytes:
    """Return the message as a mail program or `sendmail -t` takes it.

    Args:
        report: the figures.
        pictures: makes thumbnails.
        to: address of who gets it.
        sender: address of who sends it.
    """
    parts: dict[bytes, str] = {}

    def address(picture: bytes) -> str:
        if picture not in parts:
            parts[picture] = make_msgid(domain="whatsit.report")
        return f"cid:{parts[picture][1:-1]}"

    page = ReportPage(report, pictures, address).html()
    message = EmailMessage()
    message["To"], message["From"] = to, sender
    message["Subject"] = f"{report.name}: searches from {report.since} to {report.until}"
    message.set_content(_plain(report))
    message.add_alternative(page, subtype="html")
    html = message.get_payload()[1]  # type: ignore[index]  # of a message of two alternatives
    for picture, id in parts.items():
        html.add_related(picture, "image", "jpeg", cid=id)  # type: ignore[union-attr]  # an EmailMessage
    return message.as_bytes()


def _plain(report: CatalogueReport) -> str:
    total = report.searches["total"]
    lines = [f"{report.name}, {report.since} to {report.until}", ""]
    lines += [f"{total[name]} searches {words}" for name, words, _ in STATES]
    lines += ["", f"Looked for in vain: {sum(one.searches for one in report.clusters)} searches for "
              f"{len(report.clusters)} things.", f"Often confused: {len(report.confused)} pairs of items.",
              f"Pictures to retake: {len(report.faults)}.",
              f"Never found: {report.never_count} of {report.counts['items']} items."]  # fmt: skip
    return "\n".join(lines) + "\n"
