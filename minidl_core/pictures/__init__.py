"""Draws a finished training, and writes its report: what is made with matplotlib and jinja2, which an extra brings."""

from minidl_core.pictures.gallery import pictures_of
from minidl_core.pictures.picture import Picture
from minidl_core.pictures.report import About, report_html

__all__ = ["About", "Picture", "pictures_of", "report_html"]
