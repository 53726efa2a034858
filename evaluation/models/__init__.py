from evaluation.models.appeal import Appeal, AppealDecision, AppealEvidence
from evaluation.models.asked import AskedNote
from evaluation.models.chain import Reminder, ReminderAnswer
from evaluation.models.change import RecordChange
from evaluation.models.claim import ClaimDecision, Evidence, HourClaim, LearnedElsewhere
from evaluation.models.correction import PointCorrection, PointsTakenBack, PointWithdrawal
from evaluation.models.download import Download, DownloadPart, ExportChoice, Format
from evaluation.models.figure import FigureConfirmation, FigureWithdrawal, UnitFigure
from evaluation.models.handover import HandOver, HandOverTakenBack, Receiver, Reply, ReplyRow, Settlement
from evaluation.models.indicator import Indicator, IndicatorApproval, IndicatorVersion
from evaluation.models.learning_reminder import LearningReminder
from evaluation.models.ledger import LedgerEntry
from evaluation.models.period import Calculation, Period, PeriodStep, PersonLine, UnitLine
from evaluation.models.reopening import Cancellation, Reopening
from evaluation.models.seal import Seal
from evaluation.models.webhook import WebhookCall, WebhookEndpoint

__all__ = [
    "Appeal",
    "AppealDecision",
    "AppealEvidence",
    "AskedNote",
    "Calculation",
    "Cancellation",
    "ClaimDecision",
    "Download",
    "DownloadPart",
    "Evidence",
    "ExportChoice",
    "FigureConfirmation",
    "FigureWithdrawal",
    "Format",
    "HandOver",
    "HandOverTakenBack",
    "HourClaim",
    "Indicator",
    "IndicatorApproval",
    "IndicatorVersion",
    "LearnedElsewhere",
    "LearningReminder",
    "LedgerEntry",
    "Period",
    "PeriodStep",
    "PersonLine",
    "PointCorrection",
    "PointWithdrawal",
    "PointsTakenBack",
    "Receiver",
    "RecordChange",
    "Reminder",
    "ReminderAnswer",
    "Reopening",
    "Reply",
    "ReplyRow",
    "Seal",
    "Settlement",
    "UnitFigure",
    "UnitLine",
    "WebhookCall",
    "WebhookEndpoint",
]
