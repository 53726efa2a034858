"""The one door for HTML that people wrote. Moving to nh3 means changing the body of `clean` alone."""

import bleach

TAGS = {"p", "br", "hr", "h3", "h4", "b", "strong", "i", "em", "ul", "ol", "li", "a", "sub", "sup", "blockquote"}
ATTRIBUTES = {"a": ["href", "title"]}
PROTOCOLS = {"http", "https", "mailto"}


def clean(html: str) -> str:
    """HTML with nothing in it but plain text marks: no script, style, event, image or frame."""
    return bleach.clean(html or "", tags=TAGS, attributes=ATTRIBUTES, protocols=PROTOCOLS, strip=True)
