"""The package of a frozen period: written from the frozen rows alone, the same bytes whenever it is made again.

Its bytes are kept at the freeze and handed out as long as they and the rows are what was sealed: another release of the software
that writes workbooks may write other ones, and shall take no county's results away.

A supplementary list is sealed and written the same way, with `differences.csv` in place of the tables.

A ZIP of `units.csv`, `people.csv`, `results.xlsx` with both tables, `manifest.json` with the SHA-256 of each, `manifest.sig`
(Ed25519 over the manifest's bytes) and `public-key.pem`. Headings and words in it are the format's own, never those of a
translation. Everything is stored, not deflated: another build of zlib would press it into other bytes.
How to check it: docs/evaluation.md.
"""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter

import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from certificates import keyring
from certificates.storage import papers
from core import clock
from core.errors import Refused
from core.exports import Column, Exporter, csv_chunks, write_xlsx
from core.reconcile import Gap
from evaluation.indicators.calculation import digest_of
from evaluation.models import Calculation, Period, PeriodStep, PersonLine, Seal, UnitLine
from evaluation.periods import lines

log = structlog.get_logger(__name__)

_EARLY = (1980, 1, 1, 0, 0, 0)  # the first moment that a ZIP can tell
_CENT = Decimal("0.01")
# The words of every format. Another word is another format: a package that was sealed says what it said.
_DUTIES = {
    "chief": "主要领导",
    "deputy": "分管领导",
    "section_head": "科室负责人",
    "staff": "具体工作人员",
    "liaison": "联络员",
    "publisher": "发布员",
    "county_leader": "县领导",
    "lecturer": "讲师",
    "appraiser": "考评",
}
_REASONS = {
    "roster": "期初在册",
    "joined": "期中调入已满期限",
    "moved": "期中调动，在现单位计入",
    "merged": "原单位并入本单位，连续计入",
    "moved_late": "调动未满期限，在原单位计入",
    "left_late": "截止前离开，仍计入",
    "joined_late": "调入未满期限",
    "left": "已离开",
    "leave": "离岗或病产假已满期限",
    "brief": "任职时间过短",
}
_YES = {True: "是", False: "否"}
_HEADINGS = {
    "person_name": "姓名",
    "unit_code": "单位编码",
    "unit_name": "单位",
    "post_title": "职务",
    "duties": "职责",
    "held_in": "职责计入单位编码",
    "counted": "计入",
    "reason": "计入说明",
    "required": "应修必修课",
    "done": "完成必修课",
    "tests": "应考",
    "passed": "合格",
    "hours": "学时",
    "target": "学时目标",
    "is_vertical": "垂直管理",
    "bonus": "加分",
    "deduction": "扣分",
    "total": "总分",
    "band": "等次",
    "rank": "名次",
}
_CHANGES = {"changed": "变动", "added": "新增", "gone": "取消", "same": "与定案一致"}


@dataclass(frozen=True)
class Package:
    """A whole package: its name and its bytes."""

    name: str
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def standing_freeze(period: Period) -> Calculation | None:
    """The calculation that the period's last freeze wrote, as long as the period stands at it: not before, and not once it was reopened. One query."""
    steps = PeriodStep.objects.filter(period=period).select_related("calculation__period__county").order_by("-number")
    for step in steps:
        if step.state == Period.State.FROZEN and step.calculation is not None:
            return step.calculation
        if step.state != Period.State.HANDED_OVER:
            break
    return None


def frozen(period: Period) -> Calculation:
    """The same, where there has to be one. One query.

    Raises:
        Refused: the period is not frozen, or was reopened since ("not_frozen").
    """
    found = standing_freeze(period)
    if found is not None:
        return found
    raise Refused(_("The evaluation of %(year)d is not frozen.") % {"year": period.year}, code="not_frozen")


def digest(period: Period) -> str:
    """The SHA-256 of the package of a frozen period, as it was sealed. Two queries. Raises as `frozen` does."""
    return Seal.objects.get(calculation=frozen(period)).sha256


def of(period: Period) -> Package:
    """The package of a frozen period. Raises as `frozen` and `make` do."""
    return make(frozen(period))


def make(calculation: Calculation) -> Package:
    """The package of a sealed calculation: the bytes that were kept, where its rows are those that were sealed; else made again from them.

    Raises:
        Refused: what the rows give now is not what was sealed ("changed"): somebody changed them, or other software writes them
            and nothing was kept.
    """
    seal = Seal.objects.get(calculation=calculation)
    kept = _kept(seal)
    if kept is not None and digest_of(calculation) == calculation.digest:
        return Package(_name(calculation.period), kept)
    return _made_again(calculation, seal)


def unkept(at: datetime) -> list[Gap]:
    """Seals whose package lies in storage no more, was cut off there or never kept: it is made again and put there. For reconcile."""
    seals = Seal.objects.select_related("calculation__period__county", "calculation__version").order_by("pk")
    missing = [seal for seal in seals if not _lies_whole(_stored_name(seal.sha256), seal.size)]
    return [Gap(f"package {seal.sha256[:16]}", lambda seal=seal: _keep(_made_again(seal.calculation, seal).data)) for seal in missing]


def _stored_name(sha256: str) -> str:
    return f"packages/{sha256}.zip"


def _keep(data: bytes) -> None:
    name = _stored_name(hashlib.sha256(data).hexdigest())
    if not _lies_whole(name, len(data)):
        papers().delete(name)
        papers().save(name, ContentFile(data))


def _lies_whole(name: str, size: int) -> bool:
    return papers().exists(name) and papers().size(name) == size


def _kept(seal: Seal) -> bytes | None:
    """The bytes in storage, where they are those that were sealed."""
    try:
        with papers().open(_stored_name(seal.sha256)) as stored:
            data = stored.read()
    except FileNotFoundError:
        return None
    except Exception:  # each kind of storage raises its own
        log.warning("package_not_read", sha256=seal.sha256, exc_info=True)
        return None
    return data if hashlib.sha256(data).hexdigest() == seal.sha256 else None


def _made_again(calculation: Calculation, seal: Seal) -> Package:
    data = _zip(_files(calculation, seal.format), seal.manifest.encode(), base64.b64decode(seal.signature), seal.public_key)
    made = Package(_name(calculation.period), data)
    if made.sha256 != seal.sha256:
        raise Refused(
            _("The package made now is not the one that was sealed at the freeze: its rows or the software that writes it were changed."),
            code="changed",
        )
    return made


def seal(calculation: Calculation, *, at: datetime) -> Seal:
    """Write the manifest of a calculation and sign it, in the transaction of the freeze, and keep the package.

    Raises:
        Refused: there is no key to sign with here ("no_key").
    """
    files = _files(calculation, Seal.FORMAT)
    manifest = _manifest(calculation, files, keyring.kid_in_use("badge"), at)
    kid, signature = keyring.sign(manifest)
    if json.loads(manifest)["key"] != kid:  # rotated between the two
        manifest = _manifest(calculation, files, kid, at)
        kid, signature = keyring.sign(manifest)
    public_key = keyring.badge_key(kid)
    if public_key is None or not keyring.is_signed(public_key, manifest, signature):
        raise Refused(_("The signing key was changed at this moment. Please do it again."), code="no_key")
    data = _zip(files, manifest, signature, public_key)
    transaction.on_commit(lambda: _keep(data), robust=True)  # a full disk stops no freeze: reconcile keeps it then
    return Seal.objects.create(
        calculation=calculation,
        manifest=manifest.decode(),
        kid=kid,
        public_key=public_key,
        signature=base64.b64encode(signature).decode(),
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        at=at,
    )


def _name(period: Period) -> str:
    return f"evaluation-{period.county.code}-{period.year}.zip"


def _manifest(calculation: Calculation, files: dict[str, bytes], kid: str, at: datetime) -> bytes:
    period, version = calculation.period, calculation.version
    said = {
        "@type": Seal.FORMAT,
        "appeal_days": period.appeal_days,
        "calculation": {"digest": calculation.digest, "number": calculation.number},
        "county": period.county.code,
        "cutoff_on": period.cutoff_on.isoformat(),
        "files": [{"name": name, "sha256": hashlib.sha256(files[name]).hexdigest(), "size": len(files[name])} for name in sorted(files)],
        "freeze_on": period.freeze_on.isoformat(),
        "frozen_at": clock.local(at).isoformat(timespec="seconds"),
        "indicator": {"key": version.indicator.key, "source": version.source, "version": version.number},
        "key": kid,
        "opens_on": period.opens_on.isoformat(),
        "publicity_days": period.publicity_days,
        "rows": {"people": calculation.people.count(), "units": calculation.units.count()},
        "year": period.year,
    }
    return (json.dumps(said, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _files(calculation: Calculation, format: str) -> dict[str, bytes]:
    if calculation.purpose == Calculation.Purpose.SUPPLEMENT:
        differences = _all_columns(calculation) if format == Seal.FIRST_FORMAT else _differences(calculation)
        return {"differences.csv": b"".join(csv_chunks(differences))}
    units, people = tables(calculation, format)
    book = io.BytesIO()
    write_xlsx([units, people], book, created=datetime(*_EARLY, tzinfo=UTC).replace(tzinfo=None))
    return {
        "people.csv": b"".join(csv_chunks(people)),
        "results.xlsx": _stored(book),
        "units.csv": b"".join(csv_chunks(units)),
    }


def tables(calculation: Calculation, format: str = Seal.FORMAT) -> tuple[Exporter, Exporter]:
    """The frozen rows as two tables: units by code, people by employee number.

    By code points, whatever the database sorts by; in the first format as the database sorts.
    """
    spec = calculation.version.spec
    unit_lines = list(UnitLine.objects.filter(calculation=calculation).order_by("unit_code"))
    if format != Seal.FIRST_FORMAT:
        unit_lines.sort(key=attrgetter("unit_code"))
    units = [
        Column("单位编码", lambda r: r.unit_code, 18),
        Column("单位", lambda r: r.unit_name, 30),
        Column("垂直管理", lambda r: _YES[r.is_vertical], 10),
        Column("总分", lambda r: _figure(r.total)),
        Column("等次", lambda r: r.band),
        Column("名次", lambda r: r.rank),
    ]
    for item in spec["items"]:
        units.append(Column(f"{item['key']} {item['name']}", _of_item(item["key"], "points")))
        units.append(Column(f"{item['key']} 满分", _of_item(item["key"], "full")))
    units += [Column("加分", lambda r: _figure(r.bonus)), Column("扣分", lambda r: _figure(r.deduction))]
    units += [Column(name, _of_figures(name)) for name in sorted({name for line in unit_lines for name in line.figures})]
    people = [
        Column("工号", lambda r: r.employee_number, 14),
        Column("姓名", lambda r: r.person_name, 12),
        Column("单位编码", lambda r: r.unit_code, 18),
        Column("单位", lambda r: r.unit_name, 30),
        Column("职务", lambda r: r.post_title, 14),
        Column("职责", lambda r: "、".join(_DUTIES.get(duty, duty) for duty in r.duties), 20),
        Column("计入", lambda r: _YES[r.counted], 8),
        Column("计入说明", lambda r: _REASONS.get(r.reason, r.reason), 20),
        Column("应修必修课", lambda r: r.required),
        Column("完成必修课", lambda r: r.done),
        Column("应考", lambda r: r.tests),
        Column("合格", lambda r: r.passed),
        Column("学时", lambda r: _figure(r.hours)),
        Column("学时目标", lambda r: _figure(r.target)),
    ]
    if format not in (Seal.FIRST_FORMAT, Seal.SECOND_FORMAT):
        after = next(place for place, column in enumerate(people, start=1) if column.title == "职责")
        people[after:after] = _of_places({line.unit_id: line for line in unit_lines})
    of_people = PersonLine.objects.filter(calculation=calculation)
    rows = _Again(of_people.order_by("employee_number")) if format == Seal.FIRST_FORMAT else _ByNumber(of_people)
    return Exporter("单位", units, unit_lines), Exporter("人员", people, rows)


def _of_places(units: Mapping[int, UnitLine]) -> list[Column]:
    """The units in whose figures a person's duties count, by code: under their codes, and by name with the duties in each.

    As they were frozen: units may be called otherwise by now.
    """
    codes = {key: unit.unit_code for key, unit in units.items()}
    names = {unit.unit_code: unit.unit_name for unit in units.values()}
    return [
        Column("职责计入单位编码", lambda r: "、".join(r.places(codes)), 24),
        Column("职责计入单位", lambda r: "、".join(f"{names[code]}（{_told(duties)}）" for code, duties in r.places(codes).items()), 40),
    ]


def _differences(supplement: Calculation) -> Exporter:
    """The columns that differ, of each row that is handed over with a supplementary list: as they were frozen, and as they are known now.

    A row that came or went has all its columns. Of one that an earlier list told otherwise and that is as frozen again, those of that list;
    of one that only an earlier list had, these too: it is gone.
    """
    keys = lines.in_order(lines.keys_of(supplement))
    earlier, now = lines.told_before(supplement, keys), lines.of_keys(supplement, keys)
    items = {one["key"]: one["name"] for one in supplement.version.spec["items"]}
    rows = []
    for one in lines.handed_rows(supplement, keys):
        known = now.get(one.key)
        changes = {name: (old, new, one.state) for name, old, new in one.changes}
        for name in earlier.get(one.key, ()):
            value = known.columns.get(name) if known else None
            changes.setdefault(name, (value, value, "same" if known else "gone"))
        rows += [(one.key, one.name, name, *changes[name]) for name in sorted(changes, key=_place)]
    columns = [
        Column("行", lambda r: r[0], 20),
        Column("名称", lambda r: r[1], 24),
        Column("栏目", lambda r: _heading(r[2], items), 20),
        Column("栏目代码", lambda r: r[2], 20),
        Column("定案值", lambda r: _worded(r[2], r[3]), 20),
        Column("现值", lambda r: _worded(r[2], r[4]), 20),
        Column("变化", lambda r: _CHANGES[r[5]], 12),
    ]
    return Exporter("补充清单", columns, rows)


def _place(column: str) -> tuple[int, str]:
    """Figures by name behind the other columns, items last: databases keep the names of a JSON object in orders of their own."""
    kind, _sep, name = column.partition(":")
    return (0, "") if not name else (1, name) if kind == "figures" else (2, "")


def _heading(column: str, items: Mapping[str, str]) -> str:
    """A column as `units.csv` and `people.csv` call it."""
    kind, _sep, name = column.partition(":")
    if not name:
        return _HEADINGS[column]
    return f"{name} {items.get(name, '')}".strip() if kind == "items" else name


def _worded(column: str, value: object) -> object:
    """A value as `units.csv` and `people.csv` write it."""
    if value is None:
        return None
    if column == "reason":
        return _REASONS.get(str(value), value)
    if column.startswith("items:"):
        return _figure(Decimal(str(value)))
    if column.startswith("figures:"):
        return Decimal(str(value))
    return _figure(value) if isinstance(value, Decimal) else _told(value)


def _all_columns(supplement: Calculation) -> Exporter:
    """The first format's list: each column of each row, whether it differs or not."""
    keys = sorted(lines.keys_of(supplement))
    now, before = (lines.of_keys(one, keys, places=False) for one in (supplement, lines.frozen_before(supplement)))
    rows = []
    for key in keys:
        was, known = before.get(key), now.get(key)
        names = dict.fromkeys([*(was.columns if was else ()), *(known.columns if known else ())])
        rows += [(key, name, was and was.columns.get(name), known and known.columns.get(name)) for name in names]
    columns = [
        Column("行", lambda r: r[0], 20),
        Column("栏目", lambda r: r[1], 20),
        Column("定案值", lambda r: _told(r[2]), 20),
        Column("现值", lambda r: _told(r[3]), 20),
    ]
    return Exporter("补充清单", columns, rows)


def _told(value: object) -> object:
    if isinstance(value, bool):
        return _YES[value]
    if isinstance(value, dict):
        return "、".join(f"{code}（{_told(duties)}）" for code, duties in value.items())
    if isinstance(value, list):
        return "、".join(_DUTIES.get(one, one) for one in value)
    return value


class _Again:
    """Rows that can be read more than once, streamed each time."""

    def __init__(self, rows) -> None:
        self.rows = rows

    def __iter__(self):
        return self.rows.iterator(chunk_size=2000)


class _ByNumber:
    """Lines of people by the code points of their employee numbers, streamed each time: what is held of all of them are the numbers."""

    def __init__(self, rows: QuerySet[PersonLine]) -> None:
        self.rows = rows.order_by()

    def __iter__(self) -> Iterator[PersonLine]:
        keys = [pk for _number, pk in sorted(self.rows.values_list("employee_number", "pk"))]
        for start in range(0, len(keys), 2000):
            part = keys[start : start + 2000]
            found = self.rows.in_bulk(part)
            yield from (found[pk] for pk in part)


def _of_item(key: str, name: str):
    def value(line: UnitLine) -> Decimal | None:
        item = next((one for one in line.items if one["key"] == key), None)
        return None if item is None else _figure(Decimal(item[name]))

    return value


def _of_figures(name: str):
    return lambda line: Decimal(line.figures[name]) if name in line.figures else None


def _figure(value: Decimal | None) -> Decimal | None:
    return None if value is None else Decimal(value).quantize(_CENT)


def _stored(book: io.BytesIO) -> bytes:
    """The same workbook with its parts stored under one date."""
    with zipfile.ZipFile(book) as archive:
        return _archive((name, archive.read(name)) for name in archive.namelist())


def _zip(files: dict[str, bytes], manifest: bytes, signature: bytes, public_key: str) -> bytes:
    pem = Ed25519PublicKey.from_public_bytes(keyring.ed25519_of(public_key)).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    whole = {**files, "manifest.json": manifest, "manifest.sig": signature, "public-key.pem": pem}
    return _archive((name, whole[name]) for name in sorted(whole))


def _archive(entries: Iterable[tuple[str, bytes]]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries:
            entry = zipfile.ZipInfo(name, _EARLY)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, data)
    return made.getvalue()


__all__ = ["Package", "digest", "frozen", "make", "of", "seal", "standing_freeze", "tables", "unkept"]
