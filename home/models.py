"""The site's front page."""

from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import FieldPanel
from wagtail.fields import RichTextField
from wagtail.models import Page


class HomePage(Page):
    """What a visitor who has not signed in reads first; catalogues stand below it."""

    intro = RichTextField(_("introduction"), blank=True, features=["h3", "bold", "ol", "ul", "link"])

    content_panels = [*Page.content_panels, FieldPanel("intro")]
    max_count = 1
    subpage_types = ["courses.CataloguePage"]

    class Meta:
        verbose_name = _("home page")
