"""A person's archive on paper: an accessible PDF/A by typst, made from the archive alone, with its file for programs inside."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils import translation

from certificates.models import State, StatusEvent
from core import typesetting
from core.figures import figure
from core.text import printable
from courses.models import EditionRequirement, Line
from evaluation.archive import text_of
from evaluation.indicators.roster import Reason
from evaluation.models import Appeal, AppealDecision, Calculation, ClaimDecision, HourClaim, LearnedElsewhere, LedgerEntry, Reminder
from people.models import Duty, Leave, Person, Role
from quizzes import kinds, stems
from quizzes.models import Incident, Marking, Submission

LAYOUT = Path(__file__).parent / "layouts" / "archive.typ"
FILE = "archive.json"
MOST_ITEMS = 2000  # on paper: more would take the process hundreds of megabytes; the file inside has all of them
LASTS, NONE = "至今", "—"
_STATES = {"open": "未交卷，内容暂不提供", "results_wait": "成绩尚未公布", "on_paper": "转为纸笔作答，另有成绩"}

Table = dict[str, Any]
One = Mapping[str, Any]


def pdf(archive: dict[str, Any]) -> bytes:
    """The archive as PDF/A-3; the same bytes for the same archive. Chinese whatever language is spoken.

    Raises:
        Refused: a character has no glyph in the fonts ("missing_glyph").
        ImproperlyConfigured: the fonts are not installed.
    """
    carried = typesetting.Attachment(FILE, text_of(archive), "application/json", "source", "与本档案内容相同的机器可读文件")
    with translation.override("zh-hans"):
        data = _printable(sheet(archive))
    return typesetting.typeset(LAYOUT, data, at=datetime.fromisoformat(archive["made_at"]), archive=True, carried=[carried])


def sheet(archive: dict[str, Any]) -> dict[str, Any]:
    """What the layout is given: the person's particulars and tables of texts, one after the other."""
    person = archive["person"]
    particulars = [
        ("姓名", person["name"]),
        ("工号", person["number"]),
        ("单位", person["unit"]),
        ("职务", person["post"]),
        ("人员类别", _word(Person.StaffType, person["staff_type"])),
        ("状态", _word(Person.Status, person["status"])),
        ("电话", person["phone"]),
        ("电子邮件", person["email"]),
        ("可以登录", _yes(person["may_sign_in"])),
        ("建档时间", _at(person["recorded_at"])),
    ]
    return {
        "title": "个人学习档案",
        "name": person["name"],
        "number": person["number"],
        "made_at": _at(archive["made_at"]),
        "notes": _notes(archive),
        "particulars": [[label, value or NONE] for label, value in particulars],
        "sections": [
            *_posts(archive),
            *_learning(archive),
            *_tests(archive["attempts"]),
            *_exams(archive),
            *_earned(archive),
            *_ledger(archive),
            *_claims(archive["claims"]),
            *_evaluation(archive),
        ],
    }


def _notes(archive: dict[str, Any]) -> list[str]:
    notes = [
        "本档案依据《个人信息保护法》第四十五条提供，载明平台截至上述时间保存的本人信息；没有记录的注明“无”。",
        f"内容相同的机器可读文件 {FILE} 附在本 PDF 之内；题目选项、证书的全部载明事项等在其中逐字列出。",
        "尚未公布的成绩和未交卷的试卷不在其中；试题答案不属于个人信息。本档案含个人信息，请妥善保管。",
    ]
    if archive["made_for"] == "hr":
        notes.append("本份由人事部门导出，只含其有权查看的记录，电话已作遮蔽。")
    if len(_on_paper(archive["attempts"])) < sum(bool(one["items"]) for one in archive["attempts"]):
        notes.append("逐题作答较多，较早的只列在机器可读文件中。")
    if archive["withheld"]:
        notes.append(f"另有 {sum(archive['withheld'].values())} 条记录属于其他县或原单位，未列入本份。")
    return notes


# ---- tables: a title and columns "heading:share" with ">" before figures; rows are texts -----------------------


def _table(title: str, columns: str, rows: Iterable[Sequence[Any]], *, level: int = 2) -> Table:
    heads = []
    for column in columns.split():
        name, _colon, share = column.partition(":")
        heads.append({"name": name.removeprefix(">"), "share": float(share or 1), "right": name.startswith(">")})
    return {
        "title": title,
        "level": level,
        "columns": heads,
        "rows": [[NONE if cell in (None, "") else str(cell) for cell in row] for row in rows],
    }


def _posts(archive: dict[str, Any]) -> list[Table]:
    roles = [
        (_word(Role, one["role"]), one["unit"], _span(one), "随职责" if one["from_duty"] else one["granted_by"]) for one in archive["roles"]
    ]
    postings = [
        (
            one["unit"] + ("" if one["is_main"] else "（兼任）"),
            one["post"],
            _span(one),
            _lines(f"{_word(Duty, duty['duty'])} {_span(duty)}" for duty in one["duties"]),
        )
        for one in archive["postings"]
    ]
    leaves = [
        (
            one["id"],
            "撤销" if one["is_void"] else _word(Leave.Kind, one["kind"]),
            _span(one),
            one["voucher"],
            _lines([f"{one['by']} {_at(one['at'])}", f"更正第{one['replaces']}号" if one["replaces"] else "", one["reason"]]),
        )
        for one in archive["leaves"]
    ]
    return [
        _table("平台角色", "角色 单位:2 起止:1.6 授予人", roles),
        _table("任职与职责", "单位:2 职务 起止:1.6 职责:2.2", postings),
        _table("请假与离岗", "编号:0.6 类别:0.8 起止:1.4 凭证:1.8 登记:1.8", leaves),
    ]


def _learning(archive: dict[str, Any]) -> list[Table]:
    enrolments = archive["enrolments"]
    met = [
        (
            _course(one),
            f"{_word(EditionRequirement.Kind, asked['kind'])}：{asked['title']}",
            _at(asked["at"]),
            _score(asked["score"]),
            _withdrawn(asked["withdrawal"]),
        )
        for one in enrolments
        for asked in one["requirements_met"]
    ]
    lessons = [
        (
            _course(one),
            place["title"],
            _at(place["opened_at"]),
            _at(place["seen_at"]),
            _minutes(place["seconds"]),
            f"{place['furthest_percent']}%",
        )
        for one in enrolments
        for place in one["lessons"]
    ]
    begun = [(_course(one), one["course_title"], f"第{one['edition']}版", _at(one["enrolled_at"]), _where(one)) for one in enrolments]
    return [
        _table("开始学习的课程", "课程 名称:2 版次:0.7 开始时间:1.2 当时单位与职务:2", begun),
        _table("已达成的学习要求", "课程 要求:2.2 达成时间:1.2 >成绩:0.7 撤销:1.4", met, level=3),
        _table("各课学习情况", "课程 课:2.2 首次打开:1.2 最近打开:1.2 >用时:0.8 >读到:0.7", lessons, level=3),
    ]


def _withdrawn(withdrawal: One | None) -> str:
    return f"{_at(withdrawal['at'])} {withdrawal['reason']}" if withdrawal else ""


def _tests(attempts: list[dict[str, Any]]) -> list[Table]:
    rows = [
        (
            _lines([one["quiz"], one["sitting"]]),
            _course(one),
            one["number"],
            _lines([_at(one["started_at"]), _at(one["submitted_at"])]),
            _word(Submission.Cause, one["cause"]) if one["cause"] else "",
            _outcome(one),
        )
        for one in attempts
    ]
    made = [_table("测试与考试", "测试:1.8 课程 >次:0.4 开始与交卷:1.3 结束方式:0.9 结果:1.8", rows)]
    shown = _on_paper(attempts)
    for one in attempts:
        if one["id"] in shown:
            heading = f"{one['quiz']}（{_course(one)}，第{one['number']}次，{_at(one['started_at'])}）"
            made.append(_table(heading, ">题:0.4 题目:3 本人作答:2.4 >得分:0.8", map(_item, one["items"]), level=3))
    noted = [
        (_lines([one["quiz"], f"第{one['number']}次"]), _at(each["at"]), _word(Incident.Kind, each["kind"]), _detail(each["detail"]))
        for one in attempts
        for each in one["incidents"] or ()
    ]
    return [*made, _table("考试中记下的事项", "测试:1.6 时间:1.2 事项:1.4 细节:2", noted, level=3)]


def _on_paper(attempts: list[dict[str, Any]]) -> set[int]:
    """The attempts whose items are printed: the newest ones, as many as the paper takes."""
    shown, room = set(), MOST_ITEMS
    for one in reversed(attempts):
        room -= len(one["items"] or ())
        if one["items"] and room >= 0:
            shown.add(one["id"])
    return shown


def _outcome(attempt: One) -> str:
    result = attempt["result"]
    if result is None:
        gone = attempt["gone_on_paper"]
        return _lines([_STATES[attempt["state"]], gone and f"{_at(gone['at'])} {gone['reason']}"])
    score = f"{_percent(result['percent'])}（{figure(result['score'])}/{figure(result['out_of'])} 分）"
    verdict = "合格" if result["passed"] else "未完成评阅" if not result["is_complete"] else "不合格"
    return _lines([f"{score} {verdict}", f"合格线 {attempt['pass_percent']}%", _word(Marking.Cause, result["cause"])])


def _item(item: One) -> tuple[Any, ...]:
    asked = _lines(
        [
            f"【{kinds.of(item['kind']).called}】{stems.plain(item['shown']['stem'])}",
            *(_part(one) for one in item["shown"].get("parts", ())),
        ]
    )
    said = _lines(
        [
            *map(stems.plain, item["answer"]),
            *(f"评语：{comment}" for comment in item["comments"]),
            *map(_by_criteria, item["rubrics"], item["criteria"]),
            *(f"得分更正（{_at(one['at'])}）：{one['reason']}" for one in item["corrections"]),
        ]
    )
    earned = "待评阅" if item["earned"] is None else f"{figure(item['earned'])}/{figure(item['points'])}"
    return item["position"], asked, said or "未作答", earned


def _by_criteria(rubric: Any, points: Any) -> str:
    """What each criterion earned; without a rubric the whole was marked as a percentage."""
    if not rubric:
        return f"评阅得分：满分的{_percent(points[0])}"
    told = (f"{one['name']} {figure(earned)}/{figure(one['points'])}" for one, earned in zip(rubric, points, strict=True))
    return f"各评分点得分：{'；'.join(told)}"


def _part(part: Any) -> str:
    """A question of a case; what a stem with blanks is split into stands in the stem already."""
    return stems.plain(part["shown"]["stem"]) if isinstance(part, dict) else ""


def _detail(detail: Any) -> str:
    return "；".join(f"{name}：{value}" for name, value in detail.items()) if isinstance(detail, dict) else str(detail or "")


def _exams(archive: dict[str, Any]) -> list[Table]:
    listed = [
        (_lines([one["quiz"], one["sitting"]]), _lines([_at(one["opens_at"]), _at(one["closes_at"])]), one["room"], one["seat"])
        for one in archive["sittings"]
    ]
    given = [
        (
            _lines([one["quiz"], one["sitting"]]),
            _lines(
                [
                    f"延长{one['extra_minutes']}分钟" if one["extra_minutes"] else "",
                    f"增加{one['extra_attempts']}次" if one["extra_attempts"] else "",
                ]
            ),
            one["reason"],
            _at(one["at"]),
        )
        for one in archive["allowances"]
    ]
    return [
        _table("考试名单", "考试:2.4 开始与结束:1.4 考场 座位:0.7", listed),
        _table("延时与加试", "考试:2 内容:1.2 理由:2 时间:1.2", given),
    ]


def _earned(archive: dict[str, Any]) -> list[Table]:
    done = [
        (
            _lines([_course(one), one["course_title"], f"{_word(Line, one['line'])} · 第{one['edition']}版 · {one['minutes']}分钟"]),
            _at(one["completed_at"]),
            _lines([f"学习 {figure(one['study_hours'])}", f"测试 {figure(one['test_hours'])}"]),
            _score(one["score"]),
            _where(one),
            _reversed(one["reversal"]),
        )
        for one in archive["completions"]
    ]
    certificates = [
        (
            _lines([one["facts"]["title"], one["number"], *(f"依据：{ground}" for ground in one["rests_on"])]),
            one["facts"]["course"],
            _lines([one["facts"]["issued_on"], f"至 {one['facts']['valid_until']}" if one["facts"]["valid_until"] else "长期有效"]),
            f"{figure(one['facts']['hours'])} 学时",
            _word(State, one["state"]),
            _lines(_event(event) for event in one["events"]),
        )
        for one in archive["certificates"]
    ]
    shared = [
        (one["number"], _at(link["made_at"]), _at(link["expires_at"]), _at(link["ended_at"]))
        for one in archive["certificates"]
        for link in one["share_links"] or ()
    ]
    attested = [
        (one["certificate"], one["condition"], "认定" if one["is_met"] else "撤回", one["evidence"], f"{one['by']} {_at(one['at'])}")
        for one in archive["attestations"]
    ]
    return [
        _table("完成的课程", "课程:2 完成时间:1.1 >学时:0.9 >成绩:0.7 当时单位与职务:1.8 撤销:1.2", done),
        _table("证书", "证书:2.6 课程:1.4 有效期:1.1 学时:0.8 状态:0.8 变更记录:2", certificates),
        _table("证书分享链接", "编号:2.4 建立时间:1.2 到期:1.2 结束:1.2", shared, level=3),
        _table("证书条件的认定", "证书:1.4 条件:1.6 结果:0.6 依据:1.8 认定人与时间:1.5", attested, level=3),
    ]


def _reversed(reversal: One | None) -> str:
    return _lines([f"{reversal['by']} {_at(reversal['at'])}", reversal["reason"]]) if reversal else ""


def _event(event: One) -> str:
    return " ".join(filter(None, [_at(event["at"]), _word(StatusEvent.Kind, event["kind"]), "、".join(event["by"]), event["reason"]]))


def _ledger(archive: dict[str, Any]) -> list[Table]:
    years = [(f"{year}年", f"{figure(hours)} 学时") for year, hours in archive["hours_by_year"].items()]
    entries = [
        (
            _at(one["at"]),
            one["year"],
            _word(LedgerEntry.Kind, one["kind"]),
            _lines([f"{one['course_code']} {one['course_title']}".strip(), f"第{one['claim']}号申报" if one["claim"] else "", one["rule"]]),
            _where(one),
            _signed(one["hours"]),
        )
        for one in archive["hours"]
    ]
    return [
        _table("各年学时", "年度 学时:5", years),
        _table("学时台账", "登记时间:1.1 年度:0.6 类别:0.9 来源与规则:2.6 当时单位与职务:1.8 >学时:0.6", entries),
    ]


def _claims(claims: list[dict[str, Any]]) -> list[Table]:
    filed = [
        (
            one["id"],
            _lines([one["title"], one["organiser"], one["note"]]),
            _lines([_word(LearnedElsewhere, one["kind"]), _days(one)]),
            figure(one["hours"]),
            _lines([_word(HourClaim.State, one["state"]), f"申报 {_at(one['at'])}", _filed(one)]),
        )
        for one in claims
    ]
    decided = [
        (one["id"], _word(ClaimDecision.Verdict, each["verdict"]), each["reason"], each["by"], _at(each["at"]))
        for one in claims
        for each in one["decisions"]
    ]
    return [
        _table("学时申报", "编号:0.5 内容:2.6 方式与日期:1.4 >学时:0.6 状态:1.5", filed),
        _table("申报的审批", "编号:0.5 结果 意见:2.4 审批人 时间:1.3", decided, level=3),
        _evidence("申报的证明材料", claims),
    ]


def _filed(claim: dict[str, Any]) -> str:
    """Who filed a claim for the person, and why."""
    return f"由{claim['filed_by']}代本人申报：{claim['filing_reason']}" if claim["filed_by"] else ""


def _evidence(title: str, filed: list[dict[str, Any]]) -> Table:
    rows = [(one["id"], each["name"], each["size"], each["sha256"]) for one in filed for each in one["evidence"]]
    return _table(title, "编号:0.5 文件:1.8 >字节:0.7 SHA-256:3", rows, level=3)


def _evaluation(archive: dict[str, Any]) -> list[Table]:
    lines = [
        (
            _lines(
                [
                    f"{one['county']} {one['year']}年",
                    f"{_word(Calculation.Purpose, one['purpose'])}（第{one['calculation']}次计算）",
                    _at(one["at"]),
                ]
            ),
            _lines([_where(one), f"{'计入' if one['counted'] else '不计入'}：{_word(Reason, one['reason'])}"]),
            f"{one['done']}/{one['required']}",
            f"{one['passed']}/{one['tests']}",
            figure(one["hours"]) + (f"/{figure(one['target'])}" if one["target"] else ""),
        )
        for one in archive["evaluations"]
    ]
    appeals = [
        (
            one["id"],
            _lines([f"{one['county']} {one['year']}年", one["name"], one["item"]]),
            one["text"],
            _lines([_word(Appeal.State, one["state"]), f"申诉 {_at(one['at'])}", f"限 {one['due_on']} 前答复"]),
        )
        for one in archive["appeals"]
    ]
    decided = [
        (one["id"], _word(AppealDecision.Verdict, each["verdict"]), _lines([_remedy(each), each["reason"]]), each["by"], _at(each["at"]))
        for one in archive["appeals"]
        for each in one["decisions"]
    ]
    responsible = [
        (
            _lines([f"{one['county']} {one['year']}年", one["unit"]]),
            _lines([_word(Reminder.Level, one["level"]), one["action"], _duties(one["duties"])]),
            _lines([f"{figure(one['total'])}分" if one["total"] else "", one["band"]]),
            _at(one["at"]),
            _lines(f"{_at(each['at'])} {each['text']}" for each in one["answers"]),
        )
        for one in archive["responsibility_reminders"]
    ]
    reminded = [(_at(one["at"]), one["unit"], one["missing"], one["by"]) for one in archive["learning_reminders"]]
    return [
        _table("年度考评中的本人数据", "年度与用途:1.8 单位、职务、计入情况:2.4 >完成/必修:0.9 >通过/测试:0.9 >学时/目标:0.9", lines),
        _table("申诉", "编号:0.5 对象:1.4 内容:2.4 状态:1.5", appeals),
        _table("申诉的处理", "编号:0.5 结果:0.9 处理与理由:2.6 处理人 时间:1.3", decided, level=3),
        _evidence("申诉的证明材料", archive["appeals"]),
        _table("责任提醒", "年度与单位:1.5 责任与要求:1.4 得分:0.7 时间:1.1 本人答复:2.4", responsible),
        _table("学习提醒", "时间:1.2 单位:1.8 >所缺课程:0.8 提醒人", reminded),
    ]


def _remedy(decision: One) -> str:
    if decision["record"]:
        return f"更正记录：{_word(AppealDecision.Record, decision['record'])} {decision['link']}"
    return f"{decision['item']} {figure(decision['points'])}分" if decision["points"] else ""


# ---- words -----------------------------------------------------------------------------------------------------


def _word(choices: Any, value: str) -> str:
    """The label of a choice; a value that has none any more stands as it is."""
    return str(dict(choices.choices).get(value, value))


def _lines(texts: Iterable[str | None]) -> str:
    return "\n".join(filter(None, texts))


def _at(instant: str | None) -> str:
    """“2026-06-15 12:00” of an instant in the county's time zone."""
    return instant[:16].replace("T", " ") if instant else ""


def _span(one: One) -> str:
    return f"{one['starts_on']} — {one['ends_on'] or LASTS}"


def _days(one: One) -> str:
    return one["starts_on"] if one["starts_on"] == one["ends_on"] else _span(one)


def _course(one: One) -> str:
    return f"{one['course_code']} 第{one['round']}轮" if one["round"] > 1 else str(one["course_code"])


def _where(one: One) -> str:
    return _lines([f"{one['unit']} {one['post']}".strip(), _duties(one["duties"])])


def _duties(duties: Iterable[str]) -> str:
    return "、".join(_word(Duty, duty) for duty in duties)


def _score(score: str | None) -> str:
    return "" if score is None else figure(score)


def _percent(value: str) -> str:
    return f"{figure(value)}%"


def _signed(hours: str) -> str:
    return figure(hours) if hours.startswith("-") else f"+{figure(hours)}"


def _minutes(seconds: int) -> str:
    return f"{seconds // 60}分{seconds % 60}秒"


def _yes(value: bool) -> str:
    return "是" if value else "否"


def _printable(data: Any) -> Any:
    """The same data with texts as they go on paper."""
    if isinstance(data, str):
        return printable(data.replace("\t", " ").replace("\r\n", "\n"))
    if isinstance(data, dict):
        return {name: _printable(value) for name, value in data.items()}
    return [_printable(value) for value in data] if isinstance(data, list | tuple) else data


__all__ = ["pdf", "sheet"]
