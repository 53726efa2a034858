"""Essay: a longer text that a person marks, by a rubric where there is one."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quizzes.kinds.base import Cells, ForPerson, Given, ItemKind, OnPaper, Wrong, check_marked, clean_text
from quizzes.rules import decimal_text, number

LONGEST = 5000
USUAL = 2000
MOST_CRITERIA = 10
MOST_LEVELS = 8
SETTING = re.compile(r"^(字数|评阅人数)\s*[:：]\s*(\d{1,5})$")
CRITERION = re.compile(r"^评分点\s*[:：]\s*(.+)[,，]\s*([\d.]+)\s*分?$")
LEVEL = re.compile(r"^[-–—－]\s*([\d.]+)\s*分?\s*[:：]\s*(.+)$")
SAMPLE = re.compile(r"^参考答案\s*[:：]\s*(.*)$")


@dataclass(frozen=True)
class Written:
    """What the result page shows of an essay."""

    own: str
    sample: str
    rubric: list[dict]
    given: Given | None = None


class Essay(ItemKind):
    """content {"longest": characters, "rubric": [{"name", "points", "levels": [{"points", "text"}]}], "markers": 1 or 2}.

    key {"sample": text}. Points are decimals as texts. They are the marker's scale: what a paper gives
    for the question is shared out by their sum. Without a rubric the marker gives a share of the whole.
    """

    key = "essay"
    rank = 100
    label = gettext_lazy("Essay")
    names = ("论述", "问答", "主观")
    shape = "one"
    keeps_empty_lines = True
    template = "quizzes/kinds/essay.html"
    result_template = "quizzes/results/essay.html"
    hint = gettext_lazy(
        "字数：800 and 评阅人数：1 or 2 where wanted; a criterion a line, 评分点：要点完整，6分, its levels below it, - 6：…; "
        "then 参考答案： and the sample answer."
    )
    sheet_hint = gettext_lazy("The answer is the sample answer, or all lines as they are written in the form, in one cell.")

    def instruction_for(self, shown: dict) -> Any:
        return _("Write at most %(limit)d characters. Your answer is marked by a person.") % {"limit": shown["longest"]}

    def check(self, stem: str, content: Any, key: Any) -> None:
        super().check(stem, content, key)
        content = content if isinstance(content, dict) else {}
        longest, rubric = content.get("longest"), content.get("rubric")
        if not isinstance(longest, int) or isinstance(longest, bool) or not 1 <= longest <= LONGEST:
            raise Wrong(_("the length must be between 1 and %(limit)d characters") % {"limit": LONGEST}, _("length (字数)"))
        if content.get("markers") not in (1, 2):
            raise Wrong(_("one or two people mark it"), _("markers (评阅人数)"))
        if not isinstance(rubric, list) or len(rubric) > MOST_CRITERIA:
            raise Wrong(_("at most %(limit)d criteria") % {"limit": MOST_CRITERIA}, _("rubric"))
        for criterion in rubric:
            self._check_criterion(criterion)
        if not isinstance(key, dict) or not isinstance(key.get("sample"), str) or len(key["sample"]) > LONGEST:
            raise Wrong(_("the sample answer must be a text of at most %(limit)d characters") % {"limit": LONGEST}, _("answer"))
        check_marked(key["sample"], field=_("answer"))

    def _check_criterion(self, criterion: Any) -> None:
        field = _("rubric")
        name = criterion.get("name") if isinstance(criterion, dict) else None
        if not isinstance(name, str) or not name.strip() or len(name) > 200 or "\n" in name:
            raise Wrong(_("each criterion needs a name of one line"), field)
        whole, levels = _points(criterion.get("points")), criterion.get("levels")
        if whole is None or whole == 0:
            raise Wrong(_("“%(name)s” needs points above 0") % {"name": name[:40]}, field)
        if not isinstance(levels, list) or len(levels) > MOST_LEVELS:
            raise Wrong(_("at most %(limit)d levels") % {"limit": MOST_LEVELS}, field)
        for level in levels:
            points, text = (_points(level.get("points")), level.get("text")) if isinstance(level, dict) else (None, None)
            if points is None or points > whole or not isinstance(text, str) or not text.strip() or len(text) > 500 or "\n" in text:
                raise Wrong(_("a level of “%(name)s” needs a text and no more than its points") % {"name": name[:40]}, field)

    def from_cells(self, cells: Cells) -> tuple[str, dict, Any]:
        content, key = self.from_lines([line.strip() for line in cells.answer.split("\n")])
        self.check(cells.stem, content, key)
        return cells.stem, content, key

    def to_cells(self, stem: str, content: Any, key: Any) -> Cells:
        *settings, _sample = self._settings(content)
        return Cells(stem, {}, "\n".join([*settings, f"参考答案：{key['sample']}"]))

    def from_mapping(self, row: Mapping) -> tuple[dict, Any]:
        rubric = row.get("rubric") or []
        if not isinstance(rubric, list) or not all(
            isinstance(criterion, Mapping) and isinstance(criterion.get("levels") or [], list) for criterion in rubric
        ):
            raise Wrong(_("the rubric must be a list of criteria with name and points"), _("rubric"))
        content = {
            "longest": row.get("longest", USUAL),
            "rubric": [
                {
                    "name": str(criterion.get("name", "")).strip(),
                    "points": str(criterion.get("points", "")),
                    "levels": [
                        {"points": str(level.get("points", "")), "text": str(level.get("text", "")).strip()}
                        if isinstance(level, Mapping)
                        else {}
                        for level in criterion.get("levels") or []
                    ],
                }
                for criterion in rubric
            ],
            "markers": row.get("markers", 1),
        }
        key = {"sample": str(row.get("answer") or "").strip()}
        self.check(str(row.get("stem", "")), content, key)
        return content, key

    def from_lines(self, lines: list[str]) -> tuple[dict, Any]:
        content: dict[str, Any] = {"longest": USUAL, "rubric": [], "markers": 1}
        rest = list(lines)
        while rest:
            line = rest[0]
            if not line:
                pass
            elif found := SETTING.match(line):
                content["longest" if found[1] == "字数" else "markers"] = int(found[2])
            elif found := CRITERION.match(line):
                content["rubric"].append({"name": found[1].strip(), "points": found[2], "levels": []})
            elif content["rubric"] and (found := LEVEL.match(line)):
                content["rubric"][-1]["levels"].append({"points": found[1], "text": found[2].strip()})
            else:
                break
            rest.pop(0)
        if rest and (found := SAMPLE.match(rest[0])):
            rest[0] = found[1]
        key = {"sample": "\n".join(rest).strip()}
        self.check("", content, key)
        return content, key

    def to_lines(self, content: Any, key: Any) -> list[str]:
        sample = key["sample"].strip()
        return [*self._settings(content), *(line if line.strip() else "" for line in sample.split("\n") if sample)]

    def _settings(self, content: Any) -> list[str]:
        lines = [f"字数：{content['longest']}", f"评阅人数：{content['markers']}"]
        for criterion in content["rubric"]:
            lines.append(f"评分点：{criterion['name']}，{criterion['points']}分")
            lines += [f"- {level['points']}：{level['text']}" for level in criterion["levels"]]
        return [*lines, "参考答案："]

    def lay_out(self, stem: str, content: Any, *, rng: random.Random, shuffle: bool) -> dict:
        return {"stem": stem, "longest": content["longest"]}

    def tokened(self, shown: dict, content: Any, key: Any) -> dict:
        return {"sample": key["sample"], "rubric": content["rubric"], "markers": content["markers"]}

    def amend(self, content: Any, mended: Any, key: Any) -> tuple[Any, Any]:
        return {**mended, "longest": content["longest"]}, key  # the rubric is by what it is marked

    def on_paper(self, content: Any, key: Any, *, rng: random.Random) -> OnPaper:
        return OnPaper(rows=max(4, min(content["longest"] // 40, 24)), key=list(filter(None, self.to_lines(content, key))))

    def read(self, shown: dict, response: Any) -> Any:
        return clean_text(response or "", shown["longest"]) or None

    def fields(self, shown: dict, response: Any) -> list[dict]:
        return [{"value": response or "", "longest": shown["longest"]}]

    def said(self, shown: dict, response: Any) -> list[str]:
        return [response] if response else []

    def mark(self, key: Any, response: Any) -> Fraction | None:
        return None

    def for_person(self, shown: dict, key: Any, response: Any) -> list[ForPerson]:
        if response is None:
            return []
        return [ForPerson(0, shown["stem"], response, key["sample"], key["rubric"], key["markers"])]

    def by_people(self, shown: dict) -> bool:
        return True

    def explain(self, shown: dict, key: Any, response: Any) -> list[Written]:
        return [Written(response or "", key["sample"], key["rubric"])]

    def with_given(self, lines: list, given: Mapping[int, Given]) -> list:
        return [replace(line, given=given.get(0)) for line in lines]

    def analyse(self, shown: dict, key: Any, response: Any) -> list[str]:
        return []

    def right(self, shown: dict, key: Any) -> Any:
        return (key["sample"] or _("See the material."))[: shown["longest"]]

    def wrong(self, shown: dict, key: Any) -> Any:
        return "—"


def _points(text: Any) -> Fraction | None:
    """Points as the bank keeps them: a plain decimal of at most 1000, as text."""
    value = number(text) if isinstance(text, str) and re.fullmatch(r"\d{1,4}(\.\d{1,2})?", text) else None
    return value if value is not None and value <= 1000 and decimal_text(value) else None


KIND = Essay()
