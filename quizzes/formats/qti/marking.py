"""Whether an item is marked as we mark: by the standard's templates, the same written out, or what our own export writes."""

import re

from lxml import etree

from quizzes.formats import xml
from quizzes.rules import number

EXACT = {"match_correct", "cc2_match", "cc2_match_basic"}
TEMPLATES = EXACT | {"map_response", "cc2_map_response"}

# Shapes are names without qti-, with what stands below in brackets. Other values than 0 are set where it says `base-value`.
_RIGHT = r"(match|equal)\(variable,correct\)"
_PATTERN = r"pattern-match\(variable\)"
_SET, _NOTHING = r"set-outcome-value\(base-value\)", r"set-outcome-value\(nothing\)"
_ELSE = rf"(,response-else\({_NOTHING}\))?"
_MAPPED = r"map-response"
_SHAPES = [
    re.compile(shape)
    for shape in (
        _NOTHING,
        rf"response-condition\(response-if\(({_RIGHT}|{_PATTERN}|and\({_PATTERN},lt\(share,base-value\)\)),{_SET}\){_ELSE}\)",
        rf"response-condition\(response-if\(is-null\(variable\),{_NOTHING}\),response-else\(set-outcome-value\({_MAPPED}\)\)\)",
        rf"set-outcome-value\({_MAPPED}\)",
        rf"set-outcome-value\((divide\()?sum\({_MAPPED}(,{_MAPPED})*\)(,base-value\))?\)",
        r"set-outcome-value\(sum\(product\(base-value,share\)(,product\(base-value,share\))*\)\)",
    )
]


def is_usual(root: etree._Element, *, parts: int = 1) -> bool:
    """Whether the item's `qti-response-processing` gives the mark for the right answer, or by the mapping, and for nothing else.

    So does an item that has none. What only sets a feedback is no marking. Unknown rules are not usual, whatever they come to.
    A case of so many `parts` may weigh them.
    """
    processing = root.find("{*}qti-response-processing")
    if processing is None:
        return True
    if (template := template_of(processing)) and len(processing) == 0:
        return template in TEMPLATES
    feedbacks = {
        declared.get("identifier") for declared in root.iterfind("{*}qti-outcome-declaration") if declared.get("base-type") == "identifier"
    }
    responses = {declared.get("identifier") for declared in root.iterfind("{*}qti-response-declaration")}
    given: set[str | None] = set()
    for rule in processing:
        shape = _shape(rule, feedbacks, responses)
        if not shape:
            continue
        if all(usual.fullmatch(shape) is None for usual in _SHAPES) or shape.count("product(") > parts:
            return False
        targets = [one.get("identifier") for one in rule.iter("{*}qti-set-outcome-value")]
        target = next((one for one in targets if one not in feedbacks), None)
        if target is None:  # the names of an older QTI, which have no qti-
            return False
        if target in given and "lt(" not in shape:  # the later would undo the earlier
            return False
        if "base-value" in shape or "map-response" in shape:
            given.add(target)
    return True


def template_of(processing: etree._Element) -> str:
    """The last word of the template that a `qti-response-processing` names; "" for none."""
    template = processing.get("template") or processing.get("template-location") or ""
    return template.rpartition("/")[2].removesuffix(".xml").lower()


def _shape(element: etree._Element, feedbacks: set, responses: set) -> str:
    """An element and all below it as one line; "" for what sets feedback only."""
    name = xml.name_of(element).removeprefix("qti-")
    if name == "set-outcome-value" and element.get("identifier") in feedbacks:
        return ""
    if name == "response-condition" and all(
        one.get("identifier") in feedbacks for one in element.iter() if xml.name_of(one) == "qti-set-outcome-value"
    ):
        return ""
    if name == "variable" and element.get("identifier") not in responses:
        return "share"
    if name == "base-value" and (value := number(element.text or "")) is not None and value <= 0:
        return "less" if value else "nothing"
    below = [shape for one in element if (shape := _shape(one, feedbacks, responses))]
    if below:
        return f"{name}({','.join(below)})"
    return "" if name == "response-else" else name
