from people.models.access import ActivationCode, ApiToken, ReadingOfOthers, Role, RoleGrant
from people.models.leave import Leave
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
    "Leave",
    "Person",
    "Posting",
    "ReadingOfOthers",
    "Role",
    "RoleGrant",
    "RosterImport",
    "ServedAt",
    "Unit",
]
