"""What a browser sends of a form that stands on a page."""

from bs4 import BeautifulSoup


def typed_in(page, *, holding: str = "opened_on", **changes) -> dict:
    """The fields of the form that holds this one, as a browser sends them (nothing of disabled ones), with what somebody types."""
    form = BeautifulSoup(page.text, "html.parser").find(attrs={"name": holding}).find_parent("form")
    sent: dict = {}
    for field in form.select("input[name]:not([disabled]), textarea[name]:not([disabled]), select[name]:not([disabled])"):
        if field.name == "select":
            chosen = field.find("option", selected=True) or field.find("option")
            sent[field["name"]] = chosen["value"] if chosen else ""
        elif field.name == "textarea":
            sent[field["name"]] = field.text.removeprefix("\n")
        elif field.get("type") not in ("checkbox", "radio"):
            sent.setdefault(field["name"], []).append(field.get("value", ""))
        elif field.has_attr("checked"):
            sent.setdefault(field["name"], []).append(field.get("value", "on"))
    return {name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in sent.items()} | changes
