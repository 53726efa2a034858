"""One corpus of hostile HTML through our one door, and through nh3 as a second opinion."""

import re

import nh3
import pytest

from core.sanitize import ATTRIBUTES, PROTOCOLS, TAGS, clean

HOSTILE = [
    "<script>alert(1)</script>",
    "<p onclick=alert(1)>x</p>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href=' &#106;avascript:alert(1)'>x</a>",
    "<a href='data:text/html;base64,PHNjcmlwdD4='>x</a>",
    "<iframe src=//evil.example></iframe>",
    "<style>*{display:none}</style>",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<form action=//evil.example><input name=p></form>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0>",
    "<object data=x></object><embed src=x>",
    "<<script>script>alert(1)<</script>/script>",
    "<p><b>unclosed",
    "<!-- <script> --><p>x</p>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<a href='vbscript:x'>x</a>",
    "<template><script>x</script></template>",
    "<a href='https://ok.example' target=_blank onmouseover=x>x</a>",
    "<video><source onerror=alert(1)></video>",
    "<textarea><script>alert(1)</script></textarea>",
    "<p>正常的一段</p><h3>标题</h3><ul><li>一</li></ul>",
]


def tags_of(html: str) -> set[str]:
    return set(re.findall(r"<\s*([a-zA-Z0-9]+)", html))


@pytest.mark.parametrize("html", HOSTILE)
def test_nothing_is_left_that_nh3_would_still_remove(html):
    cleaned = clean(html)
    again = nh3.clean(
        cleaned, tags=TAGS, attributes={tag: set(names) for tag, names in ATTRIBUTES.items()}, url_schemes=PROTOCOLS, link_rel=None
    )

    assert tags_of(cleaned) == tags_of(again)
    assert tags_of(cleaned) <= TAGS
    assert not re.search(r"<[^>]*\son\w+\s*=", cleaned)
    assert not re.search(r"""<[^>]*(?:href|src)\s*=\s*["']?\s*(?:java|vb|data)""", cleaned, re.I)


def test_ordinary_text_passes_unharmed():
    html = '<h3>公开时限</h3><p>自<strong>形成或者变更之日起</strong>20个工作日内。</p><ol><li>一</li></ol><a href="https://www.gov.cn/">国务院</a>'

    assert clean(html) == html
