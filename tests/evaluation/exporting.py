"""Taking an export as a person does: by its form, with a purpose."""

from django.urls import reverse

PURPOSE = {"purpose": "evaluation", "more": "姚人社〔2026〕9号"}


def take(client, key: str, kind: str = "csv", filters: dict | None = None, **fields):
    """The answer to the form of an export, all columns ticked; that of the page itself where it shows no form."""
    door = reverse("export", args=[key], query=filters or {})
    page = client.get(door)
    if page.status_code != 200:
        return page
    form = page.context["form"]
    whole = [column for column, _title in form.fields["columns"].choices]
    return client.post(door, {**PURPOSE, "format": kind, "columns": whole, "form_key": form.fields["form_key"].initial, **fields})


def whole_file(response) -> bytes:
    """What a streamed answer sends."""
    return b"".join(response.streaming_content)
