"""The roster: from a spreadsheet to a plan of what would change, and from the plan to the change.

A plan is a dry run and writes nothing. Applying makes the plan again under lock and goes on only
if it is still the same, so nobody confirms one thing and gets another. Everything is compared and
written in sets: the number of queries does not grow with the rows.

What a cell means: an absent column and an empty cell say nothing and change nothing — except an
empty 政务公开职责, which says that there is no duty, and an empty 内设机构 with a new 单位, 职务 or 任现职时间, which means the unit
itself. Section and post stay while the 单位 stays; another 单位 without them means the unit itself and no post. A cell that is
merged into another one refuses its row, a column that stands twice the file; columns that are not read are named in a notice. Without that column duties go along into a new post, and a notice
names the role that they bring there; into another county goes none that brings a role. 性别 is not read: nothing here needs it.
A person whom the file does not name is reported and stays as they are. A later 任现职时间 in the same post begins a new
stretch there; an earlier one corrects the start. A number stays with the person: who left comes back under the same name.
"""

from people.services.roster.changes import PersonChange, RosterPlan, UnitChange
from people.services.roster.file import PEOPLE_READ, Parsed, RosterError, parse, rows_of
from people.services.roster.planning import plan
from people.services.roster.writing import apply, content_of, keep, left_out, refused_file, wipe_kept

__all__ = [
    "PEOPLE_READ",
    "Parsed",
    "PersonChange",
    "RosterError",
    "RosterPlan",
    "UnitChange",
    "apply",
    "content_of",
    "keep",
    "left_out",
    "parse",
    "plan",
    "refused_file",
    "rows_of",
    "wipe_kept",
]
