"""Words of this app in templates."""

from django import template
from django.utils.translation import gettext, gettext_noop

from people.forms import password_rules
from people.models import Duty

register = template.Library()

# The doors that write readings, in words; other apps name theirs with the same English keys.
DOORS = {
    "people": gettext_noop("list of people"),
    "person": gettext_noop("page of a person"),
    "plan of a roster": gettext_noop("what a roster would change of people"),
    "changes by a roster": gettext_noop("what a roster changed of people"),
    "people of a unit to close": gettext_noop("who serves in a unit and holds roles over it"),
    "hours to correct": gettext_noop("hours of a person, to correct them"),
    "completion to reverse": gettext_noop("completion of a person, to reverse it"),
    "plan of candidates": gettext_noop("people whom a list of candidates would take in"),
    "people to appoint": gettext_noop("people to appoint for an exam"),
    "leave": gettext_noop("leave of a person"),
    "activation codes": gettext_noop("activation codes"),
    "activation code": gettext_noop("activation code made"),
    "started over": gettext_noop("password ended, new activation code made"),
    "second factor": gettext_noop("two-step sign-in taken off"),
    "sign-in stopped": gettext_noop("sign-in stopped"),
    "sign-in allowed": gettext_noop("sign-in allowed again"),
    "sign-in opened by a roster": gettext_noop("sign-in opened again by a roster"),
    "sign-in ended by a roster": gettext_noop("sign-in ended by a roster"),
    "password ended by a roster": gettext_noop("password ended by a roster: another name"),
    "completions": gettext_noop("completion records"),
    "entries of hours": gettext_noop("entries of hours"),
    "units": gettext_noop("list of units"),
    "courses": gettext_noop("list of courses"),
    "periods": gettext_noop("periods of evaluation"),
    "results of units": gettext_noop("results of units"),
    "results of people": gettext_noop("results of people"),
    "completion records": gettext_noop("completion records"),
    "entries of the hour ledger": gettext_noop("entries of the hour ledger"),
    "completion records csv": gettext_noop("completion records as CSV"),
    "completion records xlsx": gettext_noop("completion records as Excel"),
    "people of a unit": gettext_noop("people of a unit"),
    "people of a unit csv": gettext_noop("people of a unit with their hours as CSV"),
    "people of a unit xlsx": gettext_noop("people of a unit with their hours as Excel"),
    "learning file": gettext_noop("learning file of a person"),
    "personal archive": gettext_noop("personal archive of a person"),
    "certificate held": gettext_noop("whether a person holds a certificate"),
    "certificate pdf": gettext_noop("certificate of a person as PDF"),
    "certificate png": gettext_noop("certificate picture of a person"),
    "certificates": gettext_noop("certificates of others"),
    "certificate": gettext_noop("certificate of a person"),
    "certificate proposals": gettext_noop("proposals about certificates"),
    "certificate proposal": gettext_noop("proposal about a certificate"),
    "certificates as ZIP": gettext_noop("certificates of others as ZIP"),
    "certificates running out": gettext_noop("certificates that run out"),
    "higher certificate of a person": gettext_noop("conditions of a person for a higher certificate"),
    "higher certificates": gettext_noop("people and higher certificates"),
    "who would gain a certificate": gettext_noop("who would gain a certificate by new conditions"),
    "certificate badge": gettext_noop("badge of a person's certificate"),
    "certificate proof": gettext_noop("proof of a person's certificate"),
    "attempt": gettext_noop("test attempt of a person"),
    "dashboard: people behind": gettext_noop("dashboard: people behind"),
    "exam candidates": gettext_noop("candidates of an exam"),
    "exam candidates xlsx": gettext_noop("candidates of an exam as Excel"),
    "exam allowances": gettext_noop("extra time and attempts in an exam"),
    "exam watch": gettext_noop("watch over an exam"),
    "exam candidate": gettext_noop("a candidate in the watch over an exam"),
    "receipt slip": gettext_noop("receipt slip of a person"),
    "quiz attempts": gettext_noop("quiz attempts of a person"),
    "re-marking": gettext_noop("who gains or loses by a re-mark"),
    "ratings of an answer": gettext_noop("what markers gave for answers"),
    "similar answers": gettext_noop("similar answers in an exam"),
    "marks from paper": gettext_noop("marks of a person from paper"),
    "answer sheets": gettext_noop("answer sheets with names"),
    "hours known": gettext_noop("hours of a person as known on a day"),
    "hours known csv": gettext_noop("hours of a unit as known on a day, as CSV"),
    "hours known xlsx": gettext_noop("hours of a unit as known on a day, as Excel"),
    "claims of hours": gettext_noop("claims of hours of others"),
    "claim of hours": gettext_noop("claim of hours of a person"),
    "figures of units csv": gettext_noop("figures of units as CSV"),
    "hand-overs": gettext_noop("list of hand-overs"),
    "comparison before the freeze": gettext_noop("lines of people that a freeze would change"),
    "rows of a hand-over": gettext_noop("results of people that were handed over"),
    "supplementary list": gettext_noop("supplementary list of results"),
    "package of results": gettext_noop("package of results of people"),
    "evidence of a claim": gettext_noop("evidence of a person's claim of hours"),
    "people behind a figure": gettext_noop("people behind a figure of the evaluation"),
    "evaluation package": gettext_noop("package of a yearly evaluation"),
    "appeals": gettext_noop("appeals of others"),
    "appeal": gettext_noop("appeal of a person"),
    "evidence of an appeal": gettext_noop("evidence of an appeal"),
    "chain of responsibility": gettext_noop("reminders of responsibility and their answers"),
    "reminder of responsibility": gettext_noop("reminder of responsibility of a person"),
}


@register.filter
def door_name(what: str) -> str:
    """What was read, in the reader's language; the key itself where nobody has named it."""
    return gettext(DOORS.get(what, what)) if what else ""


@register.filter
def duty_names(duties) -> str:
    """Duty keys in words, 、 between."""
    return "、".join(str(Duty(duty).label) for duty in duties)


# What a browser calls itself, the telling names first: all of them also say Chrome, Safari or Mozilla.
BROWSERS = {
    "MicroMessenger": gettext_noop("WeChat"),
    "DingTalk": gettext_noop("DingTalk"),
    "QQBrowser": gettext_noop("QQ Browser"),
    "HuaweiBrowser": gettext_noop("Huawei Browser"),
    "Edg": "Edge",
    "Firefox": "Firefox",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
SYSTEMS = {
    "HarmonyOS": gettext_noop("HarmonyOS"),
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "Linux": "Linux",
}


@register.filter
def device_name(user_agent: str) -> str:
    """“WeChat · Android” of what a browser says of itself; its own words, cut, where nothing in them is known."""
    found = [next((gettext(name) for sign, name in names.items() if sign in user_agent), "") for names in (BROWSERS, SYSTEMS)]
    return " · ".join(filter(None, found)) or user_agent[:120]


@register.simple_tag
def rules_of_passwords() -> list[str]:
    """The password rules in words."""
    return password_rules()
