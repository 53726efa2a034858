"""What is known of the units while a plan is made."""

import difflib
from collections import defaultdict

from people import rules
from people.models import Posting, Unit

DEEPEST = 10  # levels of units, the county among them: more are refused where they do not stand already; a path in the database has room for some sixty


class Known:
    """The units that stand or are planned, and how a roster names them."""

    def __init__(self, county: Unit | None) -> None:
        stand = Unit.objects.within(county) if county else Unit.objects.all()
        self.standing: dict[str, Unit] = {unit.code: unit for unit in stand}
        self.by_path: dict[str, Unit] = {unit.path: unit for unit in self.standing.values()}
        self.above: dict[str, Unit] = self.by_path
        if county is not None and county.depth > 1:
            heads = [county.path[: Unit.steplen], county.path[: Unit.steplen * 2]]
            self.above = {unit.path: unit for unit in Unit.objects.filter(path__in=heads)}
        self.kind: dict[str, str] = {}
        self.name: dict[str, str] = {}
        self.parent: dict[str, str] = {}
        self.renamed: dict[str, str] = {}
        self.closed: set[str] = set()
        self.named: dict[str, set[str]] = defaultdict(set)
        self.sections: dict[tuple[str, str], str] = {}
        for unit in self.standing.values():
            above = self.by_path.get(unit.path[: -Unit.steplen])
            self.add(unit.code, unit.name, unit.short_name, unit.kind, above.code if above else "")
            if not unit.is_open:
                self.closed.add(unit.code)
        self.code_of: dict[int | None, str] = {unit.pk: unit.code for unit in self.standing.values()}

    def add(self, code: str, name: str, short_name: str, kind: str, parent_code: str) -> None:
        self.kind[code], self.name[code], self.parent[code] = kind, name, parent_code
        self.named[code].add(code)
        self.named[name].add(code)
        if short_name:
            self.named[short_name].add(code)
        if kind == Unit.Kind.SECTION:
            self.sections[(parent_code, name)] = code

    def now(self, code: str) -> str:
        """The code under which a unit goes on that stands with this one."""
        return self.renamed.get(code, code)

    def code_now(self, unit_id: int | None) -> str:
        """The same of a unit that stands, by its key; "" where it is no unit of this county."""
        return self.now(self.code_of.get(unit_id, ""))

    def at(self, path: str) -> str:
        """The code, as planned, of the unit that stands at this path."""
        return self.now((self.by_path.get(path) or self.above[path]).code)

    def forget(self, code: str) -> None:
        for codes in self.named.values():
            codes.discard(code)
        self.sections = {key: value for key, value in self.sections.items() if value != code}

    def organ(self, name: str, *, left: bool = False) -> str:
        """The code of the unit so named; departments, townships and counties before sections. Those who left may have left a closed one.

        Raises:
            rules.Unreadable: unit_unknown, unit_unknown_near, unit_ambiguous, unit_closed.
        """
        codes = self.named.get(name) or set()
        organs = {code for code in codes if self.kind[code] != Unit.Kind.SECTION}
        codes = organs or codes
        open_ones = codes - self.closed or (codes if left else set())
        if codes and not open_ones:
            raise rules.Unreadable("unit_closed", value=name)
        if len(open_ones) > 1:
            raise rules.Unreadable("unit_ambiguous", value=name)
        if not open_ones:
            near = difflib.get_close_matches(name, [key for key, some in self.named.items() if some and key], n=1, cutoff=0.75)
            if near:
                raise rules.Unreadable("unit_unknown_near", value=name, near=near[0])
            raise rules.Unreadable("unit_unknown", value=name)
        return next(iter(open_ones))

    def reached_from(self, code: str, reach: str, parent: str = "") -> Unit:
        """The organ or the county, as planned, over which a duty held here brings its role. See Unit.organ_path.

        `parent` is what lies above a section that is not planned yet. A unit that does not stand yet comes
        unsaved, with a path below its parent's.
        """
        chain = self._upwards(code, parent)
        top = self.standing.get(chain[-1])
        first = top.depth if top else 1
        depth = first + len(chain) - 1
        is_section = self.kind.get(code, Unit.Kind.SECTION) == Unit.Kind.SECTION
        wanted = 1 if reach == rules.COUNTY or depth == 1 or (depth == 2 and is_section) else 2
        if wanted < first and top is not None:
            return self.above[top.path[: Unit.steplen * wanted]]
        return self._as_planned(chain[first - wanted - 1])

    def county(self, code: str, parent: str = "") -> str:
        """The code of the topmost unit known above this one, as planned."""
        return self._upwards(code, parent)[-1]

    def lies_in(self, code: str, above: str, parent: str = "") -> bool:
        """Whether a unit, as planned, is this one or lies below it."""
        return above in self._upwards(code, parent)

    def organ_has(self, organ_code: str, code: str) -> bool:
        """Whether a unit, as planned, is this one or a section of it, or one of its sections."""
        for each in self._upwards(code):
            if each == organ_code:
                return True
            if self.kind.get(each) != Unit.Kind.SECTION:
                break
        return False

    def depth(self, code: str) -> int:
        """On which level a unit lies, as planned; the county is the first."""
        chain = self._upwards(code)
        top = self.standing.get(chain[-1])
        return (top.depth if top else 1) + len(chain) - 1

    def _upwards(self, code: str, parent: str = "") -> list[str]:
        chain = [code]
        above = self.parent.get(code, parent)
        while above and above not in chain:
            chain.append(above)
            above = self.parent.get(above, "")
        return chain

    def _as_planned(self, code: str) -> Unit:
        if code in self.standing:
            return self.standing[code]
        above = self.parent.get(code, "")
        path = f"{self._as_planned(above).path if above else ''}+{code}"
        return Unit(code=code, name=self.name[code], kind=self.kind[code], path=path)

    def label(self, code: str) -> str:
        if self.kind.get(code) == Unit.Kind.SECTION and self.parent.get(code):
            return f"{self.name[self.parent[code]]} {self.name[code]}"
        return self.name.get(code, code)

    def place_of(self, posting: Posting) -> str:
        """Unit and post of a posting that stands, as it is planned that they are called."""
        code = self.code_now(posting.unit_id)
        return f"{self.label(code) if code else '—'} {posting.title}".strip()
