"""What the words of a roster mean, and which role a duty brings. Pure: no database, no clock."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from core.text import printable, squeeze

# Which role a duty brings, and over what: the organ of the posting (department, township,
# or the county government itself), or the whole county.
ORGAN, COUNTY = "organ", "county"
ROLE_OF_DUTY = {
    "chief": ("leader", ORGAN),
    "deputy": ("leader", ORGAN),
    "county_leader": ("leader", COUNTY),
    "liaison": ("liaison", ORGAN),
    "lecturer": ("trainer", COUNTY),
    "appraiser": ("hr", COUNTY),
}

DUTY_WORDS = {
    "主要领导": "chief",
    "分管领导": "deputy",
    "科室负责人": "section_head",
    "具体工作人员": "staff",
    "工作人员": "staff",
    "联络员": "liaison",
    "发布员": "publisher",
    "信息发布员": "publisher",
    "县领导": "county_leader",
    "讲师": "lecturer",
    "考评": "appraiser",
    "考评员": "appraiser",
}
STAFF_TYPE_WORDS = {
    "公务员": "civil_servant",
    "参公": "reference",
    "参公管理": "reference",
    "参照公务员法管理": "reference",
    "事业": "institution",
    "事业编": "institution",
    "事业编制": "institution",
    "事业人员": "institution",
    "工勤": "worker",
    "工勤人员": "worker",
    "公益性岗位": "welfare",
    "公益岗": "welfare",
    "公益岗位": "welfare",
    "借调": "seconded",
    "外聘": "external",
    "编外": "external",
}
STATUS_WORDS = {
    "在岗": "on_duty",
    "在职": "on_duty",
    "产假": "on_leave",
    "病假": "on_leave",
    "事假": "on_leave",
    "休假": "on_leave",
    "离岗": "on_leave",
    "离岗学习": "on_leave",
    "脱产学习": "on_leave",
    "外派": "on_leave",
    "挂职": "on_leave",
    "停职": "on_leave",
    "调出": "left",
    "调离": "left",
    "离职": "left",
    "辞职": "left",
    "辞退": "left",
    "去世": "left",
    "退休": "retired",
}
UNIT_KIND_WORDS = {
    "县": "county",
    "县政府": "county",
    "部门": "department",
    "县级部门": "department",
    "乡镇": "township",
    "镇": "township",
    "乡": "township",
    "街道": "township",
    "内设机构": "section",
    "股室": "section",
    "科室": "section",
}
YES_NO_WORDS = {
    "是": True,
    "√": True,
    "y": True,
    "yes": True,
    "1": True,
    "true": True,
    "否": False,
    "": False,
    "n": False,
    "no": False,
    "0": False,
    "false": False,
}

EARLIEST = date(1950, 1, 1)
_NUMBER = re.compile(r"[A-Za-z0-9_-]{1,32}")
_CODE = re.compile(r"[A-Za-z0-9_-]{1,40}")
_SEPARATORS = re.compile(r"[、,，;；/／|+\s]+")
_MOBILE = re.compile(r"1[3-9]\d{9}")
_LANDLINE = re.compile(r"(0\d{2,3})?[2-9]\d{6,7}(-\d{1,6})?")
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_SCIENTIFIC = re.compile(r"[0-9](\.[0-9]+)?[eE]\+?[0-9]+")
_CHINESE_ONLY = re.compile(r"[㐀-䶿一-鿿豈-﫿\U00020000-\U0003ffff ]+")
_DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2})\s*日?|\s*月)?(?:[T ]0{1,2}:00(?::00)?)?")
_DATE_PACKED = re.compile(r"(\d{4})(\d{2})(\d{2})")
_EXCEL_EPOCH = date(1899, 12, 30)


class Unreadable(ValueError):
    """A cell breaks a rule; `code` names the rule (see people.services.roster.RULES for the words)."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


def identifier(value: object, *, pattern: re.Pattern = _NUMBER) -> str:
    """An employee number (or code) as text: half width, no blanks; 1001.0 reads as 1001.

    Raises:
        Unreadable: number_fraction, number_scientific (digits are lost), number_letters.
    """
    if isinstance(value, float):
        if not value.is_integer():
            raise Unreadable("number_fraction", value=value)
        if abs(value) >= 2**53:  # a cell that holds a number keeps no more digits than these
            raise Unreadable("number_scientific", value=int(value))
        return str(int(value))
    text = re.sub(r"\s+", "", unicodedata.normalize("NFKC", str(value if value is not None else "")))
    if not text:
        return ""
    if _SCIENTIFIC.fullmatch(text) and ("+" in text or "." in text):
        raise Unreadable("number_scientific", value=text)
    if re.fullmatch(r"\d+\.0+", text):
        text = text.split(".")[0]
    if not pattern.fullmatch(text):
        raise Unreadable("number_letters", value=text)
    return text


def unit_code(value: object) -> str:
    """A unit's code; the same rules as an employee number, up to 40 signs."""
    return identifier(value, pattern=_CODE)


def is_county_code(code: str) -> bool:
    """Whether a code is one of GB/T 2260, six digits: a county's stands in each of its certificate numbers."""
    return len(code) == 6 and code.isascii() and code.isdecimal()


def stray_sign(text: str) -> str:
    """The first angle bracket or control character, as a reader can name it; "" when there is none."""
    for letter in text:
        if letter in "<>":
            return letter
        if unicodedata.category(letter) == "Cc":
            return f"U+{ord(letter):04X}"
    return ""


def person_name(value: object) -> str:
    """A name with its characters untouched (NFC); the blanks that pad 张　明 to three places go.

    Raises:
        Unreadable: name_lost (a sign that stands for a lost rare character), name_signs (angle brackets,
            control characters), name_private (a private-use character that other machines cannot show), too_long.
    """
    text = squeeze(value)
    if _CHINESE_ONLY.fullmatch(text):
        text = text.replace(" ", "")
    if "�" in text or "?" in text or "？" in text:
        raise Unreadable("name_lost", value=text)
    stray = stray_sign(text)
    if stray:
        raise Unreadable("name_signs", value=printable(text)[:60], sign=stray)
    for letter in text:
        kind = unicodedata.category(letter)
        if kind == "Co":
            raise Unreadable("name_private", value=text, point=f"U+{ord(letter):04X}")
        if kind in {"Cf", "Cs"}:
            raise Unreadable("name_private", value=text, point=f"U+{ord(letter):04X}")
    if len(text) > 60:
        raise Unreadable("too_long", limit=60)
    return text


def words(value: object) -> list[str]:
    """A cell with several words, split at 、，；/ and blanks."""
    return [word for word in _SEPARATORS.split(squeeze(value)) if word]


def duties(value: object) -> list[str]:
    """The duty keys that a cell names, each once, in the order of Duty.

    Raises:
        Unreadable: duty_unknown.
    """
    found = set()
    for word in words(value):
        key = DUTY_WORDS.get(word)
        if key is None:
            raise Unreadable("duty_unknown", value=word)
        found.add(key)
    return [key for key in dict.fromkeys(DUTY_WORDS.values()) if key in found]


def day(value: object, *, today: date) -> date | None:
    """A cell as a day: a date, 2024-01-31, 2024/1/31, 2024.1, 2024年1月31日, 20240131, or an Excel day number.

    A month alone is its first day. Empty is None.

    Raises:
        Unreadable: date_unreadable, date_impossible, date_future, date_early.
    """
    if isinstance(value, datetime):
        found = value.date()
    elif isinstance(value, date):
        found = value
    elif isinstance(value, bool):
        raise Unreadable("date_unreadable", value=value)
    elif isinstance(value, int | float):
        found = _day_of_number(value)
    else:
        text = squeeze(unicodedata.normalize("NFKC", str(value or "")))
        if not text:
            return None
        match = _DATE.fullmatch(text) or _DATE_PACKED.fullmatch(text)
        if match is None:
            if re.fullmatch(r"\d{5}(\.0+)?", text):
                found = _day_of_number(float(text))
            else:
                raise Unreadable("date_unreadable", value=text)
        else:
            year, month, dom = match.groups()
            try:
                found = date(int(year), int(month), int(dom or 1))
            except ValueError:
                raise Unreadable("date_impossible", value=text) from None
    if found > today:
        raise Unreadable("date_future", value=found.isoformat())
    if found < EARLIEST:
        raise Unreadable("date_early", value=found.isoformat())
    return found


def _day_of_number(value: float) -> date:
    if value != value or value in (float("inf"), float("-inf")):
        raise Unreadable("date_unreadable", value=value)
    if 19000101 <= value <= 99991231 and float(value).is_integer():
        match = _DATE_PACKED.fullmatch(str(int(value)))
        try:
            return date(*(int(part) for part in match.groups()))  # type: ignore[union-attr]
        except ValueError:
            raise Unreadable("date_impossible", value=int(value)) from None
    if 10_000 <= value < 100_000:
        return _EXCEL_EPOCH + timedelta(days=int(value))
    raise Unreadable("date_unreadable", value=value)


def phone(value: object) -> str:
    """A mobile or landline number without blanks.

    Raises:
        Unreadable: phone.
    """
    if isinstance(value, float):
        value = str(int(value)) if value == value and abs(value) < 2**53 and value.is_integer() else str(value)
    text = re.sub(r"[\s()]+", "", unicodedata.normalize("NFKC", str(value if value is not None else "")))
    if not text:
        return ""
    text = re.sub(r"^(\+86|0086)-?", "", text)
    text = re.sub(r"\.0+$", "", text)
    plain = text.replace("-", "")
    if _MOBILE.fullmatch(plain):
        return plain
    if _LANDLINE.fullmatch(text) or _LANDLINE.fullmatch(re.sub(r"^(0\d{2,3})-", r"\1", text)):
        return text
    raise Unreadable("phone", value=text)


def mail(value: object) -> str:
    """An e-mail address in half width.

    Raises:
        Unreadable: mail.
    """
    text = re.sub(r"\s+", "", unicodedata.normalize("NFKC", str(value if value is not None else "")))
    if text and (not _MAIL.fullmatch(text) or len(text) > 254 or ".." in text):
        raise Unreadable("mail", value=text)
    return text


def one_of(value: object, vocabulary: dict[str, str], code: str) -> str:
    """A cell's word as its key; "" when the cell is empty.

    Raises:
        Unreadable: the given code.
    """
    text = squeeze(value)
    if not text:
        return ""
    if text not in vocabulary:
        raise Unreadable(code, value=text)
    return vocabulary[text]


def section_code(organ_code: str, name: str, taken: Iterable[str] = ()) -> str:
    """The code of a section that the roster only names: derived from its name, so the same in every file.

    Four hexadecimal digits of the name's SHA-256 behind the organ's code, more where `taken` has it.
    """
    digest = hashlib.sha256(squeeze(name).encode()).hexdigest().upper()
    occupied = set(taken)
    for length in range(4, 17):
        code = f"{organ_code}-S{digest[:length]}"
        if code not in occupied:
            return code
    raise Unreadable("code_taken", value=name)


def roles_of(duties_held: Iterable[str]) -> dict[tuple[str, str], str]:
    """{(role, reach): duty that brings it}, the first duty named where two bring the same."""
    found: dict[tuple[str, str], str] = {}
    for duty in duties_held:
        if duty in ROLE_OF_DUTY:
            found.setdefault(ROLE_OF_DUTY[duty], duty)
    return found
