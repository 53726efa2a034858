from quizzes.models.attempts import Answer, Attempt, AttemptItem, GoneOnPaper, ItemMark, LatePaper, LatePaperDecision, Marking, Submission
from quizzes.models.bank import KnowledgePoint, Question, QuestionVersion
from quizzes.models.corrections import PaperCorrection, PaperCorrectionDecision
from quizzes.models.exchange import ImportJob
from quizzes.models.images import BankImage
from quizzes.models.papers import Paper, PaperItem, Seal
from quizzes.models.quiz import DrawRule, Quiz
from quizzes.models.ratings import (
    MarkingTask,
    Rating,
    RatingCorrection,
    RatingCorrectionDecision,
    Remark,
    RemarkDecision,
    RemarkedMarking,
    RemarkProgress,
)
from quizzes.models.reports import Analysis
from quizzes.models.sittings import Allowance, Candidate, Extension, Incident, Presence, Sitting

__all__ = [
    "Allowance",
    "Analysis",
    "Answer",
    "Attempt",
    "AttemptItem",
    "BankImage",
    "Candidate",
    "DrawRule",
    "Extension",
    "GoneOnPaper",
    "ImportJob",
    "Incident",
    "ItemMark",
    "KnowledgePoint",
    "LatePaper",
    "LatePaperDecision",
    "Marking",
    "MarkingTask",
    "Paper",
    "PaperCorrection",
    "PaperCorrectionDecision",
    "PaperItem",
    "Presence",
    "Question",
    "QuestionVersion",
    "Quiz",
    "Rating",
    "RatingCorrection",
    "RatingCorrectionDecision",
    "Remark",
    "RemarkDecision",
    "RemarkProgress",
    "RemarkedMarking",
    "Seal",
    "Sitting",
    "Submission",
]
