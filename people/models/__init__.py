from people.models.access import ActivationCode, ApiToken, ReadingOfOthers, Role, RoleGrant
from people.models.person import Person
from people.models.posting import Duty, DutyAssignment, Posting
from people.models.roster_import import RosterImport
from people.models.snapshot import ServedAt
from people.models.unit import Unit

__all__ = [
    "ActivationCode",
    "ApiToken",
    "Duty",
    "DutyAssignment",
    "Person",
    "Posting",
    "ReadingOfOthers",
    "Role",
    "RoleGrant",
    "RosterImport",
    "ServedAt",
    "Unit",
]
