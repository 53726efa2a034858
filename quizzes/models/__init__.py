from quizzes.models.attempts import Answer, Attempt, AttemptItem, ItemMark, Submission
from quizzes.models.bank import KnowledgePoint, Question
from quizzes.models.quiz import DrawRule, Quiz

__all__ = ["Answer", "Attempt", "AttemptItem", "DrawRule", "ItemMark", "KnowledgePoint", "Question", "Quiz", "Submission"]
