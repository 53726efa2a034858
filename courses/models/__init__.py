from courses.models.authoring import AuthorGroup, CountyCollection, ReviewTask
from courses.models.course import Course, DutyRule, Line, Need, PassRule
from courses.models.edition import Edition, EditionLesson, EditionRequirement
from courses.models.hours import CreditPolicy
from courses.models.learning import Completion, Enrolment, LessonPlace, RequirementMet, Reversal, Withdrawal
from courses.pages import CataloguePage, CoursePage, LessonPage

__all__ = [
    "AuthorGroup",
    "CataloguePage",
    "Completion",
    "CountyCollection",
    "Course",
    "CoursePage",
    "CreditPolicy",
    "DutyRule",
    "Edition",
    "EditionLesson",
    "EditionRequirement",
    "Enrolment",
    "LessonPage",
    "LessonPlace",
    "Line",
    "Need",
    "PassRule",
    "RequirementMet",
    "Reversal",
    "ReviewTask",
    "Withdrawal",
]
