from quizzes.models.attempts import Answer, Attempt, AttemptItem, ItemMark, Submission
from quizzes.models.bank import Kind, KnowledgePoint, Question
from quizzes.models.quiz import DrawRule, Quiz

__all__ = ["Answer", "Attempt", "AttemptItem", "DrawRule", "ItemMark", "Kind", "KnowledgePoint", "Question", "Quiz", "Submission"]
