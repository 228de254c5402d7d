"""The page as text, with tables and without pictures as files."""

from reports.page.page import write_report

LIGHT = ("html", "csv", "md")


def page_of(folder, **options):
    return write_report(folder, formats=LIGHT, **options).read_text(encoding="utf-8")
