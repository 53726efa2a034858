"""What a lesson is made of."""

from copy import copy, deepcopy

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.contrib.typed_table_block.blocks import TypedTableBlock
from wagtail.documents.blocks import DocumentChooserBlock
from wagtail.images.blocks import ImageChooserBlock
from wagtail.rich_text import RichText

from courses.slots import QUIZZES
from people.models import Unit

# Words of the previews in the block chooser; they show the look, and what a good block says.
SAMPLE_TEXT = (
    "<h3>谁公开</h3><p>行政机关<strong>制作</strong>的政府信息，由制作该信息的机关公开。</p>"
    "<ul><li>牵头制作的：由牵头机关公开</li><li>从公民处获取并保存的：由保存机关公开</li></ul>"
)

RICH_TEXT = ["h3", "h4", "bold", "italic", "ol", "ul", "link", "hr"]


class ListOf(blocks.ListBlock):
    """A list that also takes raw items without an id ({"type": "item", "value": …}), as files and programs write them."""

    def to_python(self, value):
        return super().to_python(self._with_ids(value))

    def bulk_to_python(self, values):
        return super().bulk_to_python([self._with_ids(value) for value in values])

    @staticmethod
    def _with_ids(value):
        return [
            {"id": None} | item if isinstance(item, dict) and item.get("type") == "item" and "value" in item else item for item in value
        ]


class PictureBlock(blocks.StructBlock):
    image = ImageChooserBlock(label=_("image"))
    description = blocks.CharBlock(label=_("description for those who cannot see it"), max_length=200)
    caption = blocks.CharBlock(label=_("caption"), required=False, max_length=200)

    class Meta:
        icon = "image"
        label = _("Image")
        template = "courses/blocks/picture.html"
        description = _("A picture with a description for those who cannot see it.")
        preview_template = "courses/blocks/previews/picture.html"


class VideoBlock(blocks.StructBlock):
    video = DocumentChooserBlock(label=_("video file (mp4, webm)"))
    captions = DocumentChooserBlock(label=_("captions (vtt)"))
    title = blocks.CharBlock(label=_("title"), max_length=120)
    transcript = blocks.RichTextBlock(label=_("transcript"), features=RICH_TEXT, required=False)

    PLAYED = {"video": ("mp4", "webm"), "captions": ("vtt",)}  # what a browser plays; the upload saw to it that the content is that

    def clean(self, value):
        cleaned = super().clean(value)
        wrong = {
            name: ValidationError(
                _("No browser plays “%(file)s” here: choose a document that ends with %(endings)s."),
                params={"file": cleaned[name].filename, "endings": " / ".join(f".{ending}" for ending in endings)},
            )
            for name, endings in self.PLAYED.items()
            if cleaned[name] and cleaned[name].file_extension.lower() not in endings
        }
        if wrong:
            raise blocks.StructBlockValidationError(block_errors=wrong)
        return cleaned

    class Meta:
        icon = "media"
        label = _("Video")
        template = "courses/blocks/video.html"
        description = _("A video file with captions; the transcript helps on a weak network.")
        preview_template = "courses/blocks/previews/video.html"


class FileBlock(blocks.StructBlock):
    document = DocumentChooserBlock(label=_("document"))
    note = blocks.CharBlock(label=_("what it is for"), required=False, max_length=200)

    class Meta:
        icon = "doc-full"
        label = _("Document")
        template = "courses/blocks/file.html"
        description = _("A form or document to download.")
        preview_template = "courses/blocks/previews/file.html"


class ClauseBlock(blocks.StructBlock):
    law = blocks.CharBlock(label=_("law or document"), max_length=120)
    number = blocks.CharBlock(label=_("document number"), required=False, max_length=60)
    article = blocks.CharBlock(label=_("article"), required=False, max_length=60)
    gist = blocks.TextBlock(label=_("what it says, in our words"), rows=3)
    mark = blocks.ChoiceBlock(
        label=_("evidence"),
        choices=[("V", _("checked against the text")), ("S", _("secondary source")), ("D", _("set by the county"))],
    )

    class Meta:
        icon = "openquote"
        label = _("Clause")
        template = "courses/blocks/clause.html"
        description = _("What a law says, in your own words, with its article and how it was checked.")
        preview_value = {
            "law": "政府信息公开条例",
            "number": "国令第711号",
            "article": "第二十六条",
            "gist": "属于主动公开范围的，自形成或者变更之日起20个工作日内及时公开；法律、法规另有规定的，从其规定。",
            "mark": "V",
        }


class CalloutBlock(blocks.StructBlock):
    kind = blocks.ChoiceBlock(
        label=_("kind"),
        default="tip",
        choices=[("example", _("Example")), ("tip", _("Tip")), ("warning", _("Mind")), ("mistake", _("Common mistake"))],
    )
    title = blocks.CharBlock(label=_("title"), required=False, max_length=120)
    body = blocks.RichTextBlock(label=_("text"), features=RICH_TEXT)

    class Meta:
        icon = "info-circle"
        label = _("Callout")
        template = "courses/blocks/callout.html"
        description = _("An example, a tip, a warning or a common mistake, set apart from the text.")
        preview_value = {
            "kind": "mistake",
            "title": "把“履行职责”当作“履行行政管理职能”",
            "body": RichText("<p>2019年修订后，只有在履行<strong>行政管理职能</strong>过程中制作或者获取的，才是政府信息。</p>"),
        }


class SelfCheckBlock(blocks.StructBlock):
    question = blocks.TextBlock(label=_("question"), rows=2)
    options = ListOf(
        blocks.StructBlock(
            [
                ("text", blocks.CharBlock(label=_("option"), max_length=300)),
                ("correct", blocks.BooleanBlock(label=_("right"), required=False)),
                ("feedback", blocks.CharBlock(label=_("why"), required=False, max_length=400)),
            ]
        ),
        label=_("options"),
        min_num=2,
        max_num=8,
    )

    def clean(self, value):
        cleaned = super().clean(value)
        if not any(option["correct"] for option in cleaned["options"]):
            told = ValidationError(_("Mark the right option, or several: whatever a learner chose would be called wrong."))
            raise blocks.StructBlockValidationError(block_errors={"options": told})
        return cleaned

    class Meta:
        icon = "help"
        label = _("Self-check question")
        template = "courses/blocks/self_check.html"
        description = _("A question that is not scored; the answer with its reason follows at once.")
        preview_value = {
            "question": "乡镇转发县里的通知，由谁主动公开？",
            "options": [
                {"text": "制作通知的县级机关", "correct": True, "feedback": "谁制作谁公开。"},
                {"text": "转发的乡镇", "correct": False, "feedback": "转发不是制作。"},
            ],
        }


def quiz_choices() -> list[tuple[str, str]]:
    """A function of its own, because a migration cannot name a bound method."""
    return QUIZZES.choices()


class QuizBlock(blocks.ChoiceBlock):
    """An embedded quiz, by its key; the choices come from the app above that owns quizzes."""

    def __init__(self, **kwargs):
        kwargs.setdefault("choices", quiz_choices)
        super().__init__(**kwargs)

    class Meta:
        icon = "tasks"
        label = _("Quiz")
        template = "courses/blocks/quiz.html"
        description = _("A quiz from the question bank; passing it counts towards the course.")
        preview_value = "preview"


class LessonBody(blocks.StreamBlock):
    """The blocks of one lesson, in reading order."""

    text = blocks.RichTextBlock(
        label=_("Text"),
        features=RICH_TEXT,
        icon="pilcrow",
        template="courses/blocks/text.html",
        description=_("Headings, paragraphs and lists."),
        preview_value=SAMPLE_TEXT,
    )
    image = PictureBlock()
    video = VideoBlock()
    document = FileBlock()
    clause = ClauseBlock()
    callout = CalloutBlock()
    table = TypedTableBlock(
        [("text", blocks.CharBlock(label=_("Text"), required=False))],
        label=_("Table"),
        icon="table",
        template="courses/blocks/table.html",
        description=_("A table; its first column names the rows."),
        preview_value={
            "columns": [{"type": "text", "heading": "情形"}, {"type": "text", "heading": "期限"}],
            "rows": [{"values": ["主动公开", "20个工作日内"]}, {"values": ["依申请公开答复", "20个工作日内"]}],
            "caption": "两个期限",
        },
    )
    key_points = ListOf(
        blocks.CharBlock(max_length=300),
        label=_("Key points"),
        icon="list-ul",
        template="courses/blocks/key_points.html",
        description=_("What to remember; a lesson ends well with it."),
        preview_value=["谁制作谁公开", "20个工作日内公开"],
    )
    self_check = SelfCheckBlock()
    quiz = QuizBlock()

    def for_county(self, county: Unit) -> "LessonBody":
        """The same blocks, where the quiz block offers what this county may embed.

        Copied, not made anew: Wagtail keeps every block that is ever made, and finds its preview by that.
        """
        body, quiz = copy(self), copy(self.child_blocks["quiz"])
        quiz.field = deepcopy(quiz.field)
        quiz.field.choices = [("", _("Choose a quiz")), *QUIZZES.choices(county)]
        body.child_blocks = self.child_blocks | {"quiz": quiz}
        return body
