"""What a lesson is made of."""

from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.contrib.typed_table_block.blocks import TypedTableBlock
from wagtail.documents.blocks import DocumentChooserBlock
from wagtail.images.blocks import ImageChooserBlock

from courses.slots import QUIZZES

RICH_TEXT = ["h3", "h4", "bold", "italic", "ol", "ul", "link", "hr"]


class PictureBlock(blocks.StructBlock):
    image = ImageChooserBlock(label=_("image"))
    description = blocks.CharBlock(label=_("description for those who cannot see it"), max_length=200)
    caption = blocks.CharBlock(label=_("caption"), required=False, max_length=200)

    class Meta:
        icon = "image"
        label = _("Image")
        template = "courses/blocks/picture.html"


class VideoBlock(blocks.StructBlock):
    video = DocumentChooserBlock(label=_("video file (mp4, webm)"))
    captions = DocumentChooserBlock(label=_("captions (vtt)"))
    title = blocks.CharBlock(label=_("title"), max_length=120)
    transcript = blocks.RichTextBlock(label=_("transcript"), features=RICH_TEXT, required=False)

    class Meta:
        icon = "media"
        label = _("Video")
        template = "courses/blocks/video.html"


class FileBlock(blocks.StructBlock):
    document = DocumentChooserBlock(label=_("document"))
    note = blocks.CharBlock(label=_("what it is for"), required=False, max_length=200)

    class Meta:
        icon = "doc-full"
        label = _("Document")
        template = "courses/blocks/file.html"


class ClauseBlock(blocks.StructBlock):
    law = blocks.CharBlock(label=_("law or document"), max_length=120)
    number = blocks.CharBlock(label=_("document number"), required=False, max_length=60)
    article = blocks.CharBlock(label=_("article"), required=False, max_length=60)
    gist = blocks.TextBlock(label=_("what it says, in our words"), rows=3)
    mark = blocks.ChoiceBlock(
        label=_("evidence"), default="V",
        choices=[("V", _("checked against the text")), ("S", _("secondary source")), ("D", _("set by the county"))],
    )

    class Meta:
        icon = "openquote"
        label = _("Clause")
        template = "courses/blocks/clause.html"


class CalloutBlock(blocks.StructBlock):
    kind = blocks.ChoiceBlock(
        label=_("kind"), default="tip",
        choices=[("example", _("Example")), ("tip", _("Tip")), ("warning", _("Mind")), ("mistake", _("Common mistake"))],
    )
    title = blocks.CharBlock(label=_("title"), required=False, max_length=120)
    body = blocks.RichTextBlock(label=_("text"), features=RICH_TEXT)

    class Meta:
        icon = "info-circle"
        label = _("Callout")
        template = "courses/blocks/callout.html"


class SelfCheckBlock(blocks.StructBlock):
    question = blocks.TextBlock(label=_("question"), rows=2)
    options = blocks.ListBlock(
        blocks.StructBlock([
            ("text", blocks.CharBlock(label=_("option"), max_length=300)),
            ("correct", blocks.BooleanBlock(label=_("right"), required=False)),
            ("feedback", blocks.CharBlock(label=_("why"), required=False, max_length=400)),
        ]),
        label=_("options"), min_num=2, max_num=8,
    )

    class Meta:
        icon = "help"
        label = _("Self-check question")
        template = "courses/blocks/self_check.html"


class QuizBlock(blocks.ChoiceBlock):
    """An embedded quiz, by its key; the choices come from the app above that owns quizzes."""

    def __init__(self, **kwargs):
        kwargs.setdefault("choices", QUIZZES.choices)
        super().__init__(**kwargs)

    class Meta:
        icon = "tasks"
        label = _("Quiz")
        template = "courses/blocks/quiz.html"


class LessonBody(blocks.StreamBlock):
    """The blocks of one lesson, in reading order."""

    text = blocks.RichTextBlock(label=_("Text"), features=RICH_TEXT, icon="pilcrow", template="courses/blocks/text.html")
    image = PictureBlock()
    video = VideoBlock()
    document = FileBlock()
    clause = ClauseBlock()
    callout = CalloutBlock()
    table = TypedTableBlock([("text", blocks.CharBlock(label=_("Text"), required=False))], label=_("Table"), icon="table", template="courses/blocks/table.html")
    key_points = blocks.ListBlock(blocks.CharBlock(max_length=300), label=_("Key points"), icon="list-ul", template="courses/blocks/key_points.html")
    self_check = SelfCheckBlock()
    quiz = QuizBlock()
