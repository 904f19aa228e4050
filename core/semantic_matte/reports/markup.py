"""Elements of HTML and SVG, in which every text and every attribute is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

# What a text must not hold in HTML and XML, in any spelling; lone surrogates have no UTF-8.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9:-]*")
_WITHOUT_END = frozenset({"meta", "img", "br"})


class Markup(str):
    """Text that is markup already. Only `element` and `joined` make it, and `raw` of what the page itself
    brings."""

    __slots__ = ()


Content = str | Markup | Iterable["str | Markup"]


def escaped(text: str) -> Markup:
    """Any text as it is read: no markup, no control characters. A newline stays."""
    return Markup(html.escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text), quote=True))


def raw(text: str) -> Markup:
    """Text of this package's own that is markup; never anything that was read."""
    return Markup(text)


def joined(parts: Content) -> Markup:
    """Parts one after the other; what is no markup is escaped."""
    if isinstance(parts, Markup):
        return parts
    if isinstance(parts, str):
        return escaped(parts)
    return Markup("".join(part if isinstance(part, Markup) else escaped(part) for part in parts))


def element(tag: str, content: Content = (), /, **attributes: object) -> Markup:
    """An element. attributes: `class_` is class, underscores are hyphens, None and False are left out, True is
    the name alone; all others are escaped. Raises ValueError for a name that is none."""
    said = ""
    for key, value in attributes.items():
        name = key.rstrip("_").replace("_", "-")
        if not _NAME.fullmatch(name):
            raise ValueError(f"expected an attribute's name, got {key!r}")
        if value is True:
            said += f" {name}"
        elif value is not None and value is not False:
            said += f' {name}="{escaped(str(value))}"'
    if tag in _WITHOUT_END:
        return Markup(f"<{tag}{said}>")
    return Markup(f"<{tag}{said}>{joined(content)}</{tag}>")
