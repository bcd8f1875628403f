#!/usr/bin/env python3
"""Makes caption_cleaning.json: captions and what the cleaning `t5-captions` turns them into. Tests of the engine read that file.

The rules are those of DeepFloyd IF's captions for T5, in the version that LlamaGen took over (`T5Embedder.text_preprocessing` in its
language/t5.py at commit ce98ec4, which cleans twice). They were written down here from that description, and from two libraries' behavior:

- Beautiful Soup 4.11.2 with Python's html.parser, of which the text of a document is taken (Python 3.11.2);
- ftfy 6.3.1, `fix_text`, without the repair of text that was decoded in a wrong encoding, which the engine does not do either.

Run this program by hand when captions are added.
"""

from __future__ import annotations

import html
import html.entities
import json
import re
import unicodedata
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

FILE = Path(__file__).with_suffix(".json")

FORMATS = "png|jpg|jpeg|bmp|webp|eps|pdf|apk|mp4"
DOMAIN = r"[a-zA-Z0-9.\-]+\.(?:com|co|ru|net|org|edu|gov|it)[\w/-]*\b/?(?!@)"
DASHES = (
    "\u002d\u058a\u05be\u1400\u1806\u2010\u2011\u2012\u2013\u2014\u2015\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u301c\u3030\u30a0\ufe31\ufe32\ufe58"
    "\ufe63\uff0d"
)
Rules = list[tuple[str, str]]  # patterns and replacements, in order

BEFORE_MARKUP: Rules = [
    ("<person>", "person"),
    (rf"\b(?:https?:(?:/{{1,3}}|[a-zA-Z0-9%])|{DOMAIN})", ""),
    (rf"\b(?:www:(?:/{{1,3}}|[a-zA-Z0-9%])|{DOMAIN})", ""),
]
AFTER_MARKUP: Rules = [
    (r"@\w+\b", ""),
    ("[\u31c0-\u9fff]+", ""),  # Chinese characters and their neighbors
    (f"[{re.escape(DASHES)}]+", "-"),
    ("[`´«»“”¨]", '"'),
    ("[‘’]", "'"),
    ("&quot;?", ""),
    ("&amp", ""),
    (r"\d{1,3}(?:\.\d{1,3}){3}", " "),  # IP addresses
    (r"\d:\d\d\s+$", ""),
    (r"\\n", " "),
    (r"#\d{1,3}\b", ""),
    (r"#\d{5,}\b", ""),
    (r"\b\d{6,}\b", ""),
    (rf"\S+\.(?:{FORMATS})", ""),
    ("[\"']{2,}", '"'),
    (r"\.{2,}", " "),
    (r"[#®•©™&@·º½¾¿¡§~()\[\]{}|\\/*]+", " "),
    (r"\s+\.\s+", " "),
]
AFTER_REPAIR: Rules = [
    (r"\b[a-zA-Z]{1,3}\d{3,15}\b", ""),
    (r"\b[a-zA-Z]+\d+[a-zA-Z]+\b", ""),
    (r"\b\d+[a-zA-Z]+\d+\b", ""),
    (r"(?:worldwide\s+)?(?:free\s+)?shipping", ""),
    (r"(?:free\s)?download(?:\sfree)?", ""),
    (r"\bclick\b\s(?:for|on)\s\w+", ""),
    (rf"\b(?:{FORMATS})(?:\simages?)?", ""),
    (r"\bpage\s+\d+\b", ""),
    (r"\b\d*[a-zA-Z]+\d+[a-zA-Z]+\d+[a-zA-Z\d]*\b", " "),
    (r"\b\d+\.?\d*[xх×]\d+\.?\d*\b", ""),  # the second letter is Cyrillic
    (r"\b\s+:\s+", ": "),
    (r"(\D[,./])\b", r"\1 "),
    (r"\s+", " "),
    # The published code trims here, but drops the result: a space at the edge keeps the next rules from matching.
    ("^[\"']([\\w\\W]+)[\"']$", r"\1"),
    (r"^['_,\-:;]", ""),
    (r"['_,\-:+]$", ""),
    (r"^\.\S+$", ""),
]


def clean(caption: str) -> str:
    return clean_once(clean_once(caption))


def clean_once(text: str) -> str:
    text = urllib.parse.unquote_plus(text).strip().lower()
    text = text_of_markup(apply(BEFORE_MARKUP, text))
    text = apply(AFTER_MARKUP, text)
    if len(re.findall("[-_]", text)) > 3:
        text = re.sub("[-_]", " ", text)
    text = html.unescape(html.unescape(repair(text))).strip()
    return apply(AFTER_REPAIR, text).strip()


def apply(rules: Rules, text: str) -> str:
    for pattern, replacement in rules:
        text = re.sub(pattern, replacement, text)
    return text


class Markup(HTMLParser):
    """Collects text as Beautiful Soup does: without comments, declarations, and the content of some elements."""

    HIDDEN = ("script", "style", "template", "rt", "rp")
    EMPTY = ("area", "base", "basefont", "bgsound", "br", "col", "command", "embed", "frame", "hr", "image", "img", "input", "isindex",
             "keygen", "link", "menuitem", "meta", "nextid", "param", "source", "spacer", "track", "wbr")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:  # elements that were opened after it are closed with it
            del self.open[len(self.open) - 1 - self.open[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        if not any(tag in self.HIDDEN for tag in self.open):
            self.parts.append(data)

    def handle_charref(self, name: str) -> None:
        number = int(name[1:], 16) if name[0] in "xX" else int(name)
        try:
            windows = bytes([number]).decode("windows-1252", "ignore") if number < 256 else ""
            self.handle_data(windows or chr(number))
        except (ValueError, OverflowError):
            self.handle_data("\N{REPLACEMENT CHARACTER}")

    def handle_entityref(self, name: str) -> None:
        self.handle_data(html.entities.html5.get(f"{name};", f"&{name}"))

    def unknown_decl(self, data: str) -> None:
        if data.upper().startswith("CDATA["):
            self.handle_data(data[len("CDATA[") :])


def text_of_markup(text: str) -> str:
    parser = Markup()
    parser.feed(text)
    parser.close()
    return "".join(parser.parts)


WIDTHS = {0x3000: " ", **{i: unicodedata.normalize("NFKC", chr(i)) for i in range(0xFF01, 0xFFF0)}}
CONTROLS = dict.fromkeys([*range(0x09), 0x0B, *range(0x0E, 0x20), 0x7F, *range(0x206A, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFD)])
LIGATURES = {ord(left): right for left, right in (
    ("Ĳ", "IJ"), ("ĳ", "ij"), ("ŉ", "ʼn"), ("Ǳ", "DZ"), ("ǲ", "Dz"), ("ǳ", "dz"), ("Ǆ", "DŽ"), ("ǅ", "Dž"), ("ǆ", "dž"), ("Ǉ", "LJ"),
    ("ǈ", "Lj"), ("ǉ", "lj"), ("Ǌ", "NJ"), ("ǋ", "Nj"), ("ǌ", "nj"), ("ﬀ", "ff"), ("ﬁ", "fi"), ("ﬂ", "fl"), ("ﬃ", "ffi"), ("ﬄ", "ffl"),
    ("ﬅ", "ſt"), ("ﬆ", "st"))}
ENTITIES = {f"&{name}": text for name, text in html.entities.html5.items() if name.endswith(";")}
ENTITIES |= {upper: text.upper() for entity, text in ENTITIES.items()
             if entity == entity.lower() and html.unescape(upper := entity.upper()) == upper}


def repair(text: str) -> str:
    """ftfy's rules, line by line. Entities are left alone from the first line on that contains a `<`."""
    lines, entities = [], True
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        entities = entities and "<" not in line
        before = None
        while line != before:
            before = line
            line = repair_once(line, entities)
        lines.append(line)
    return "".join(lines)


def repair_once(text: str, entities: bool) -> str:
    if entities:
        text = re.sub("&#?[0-9A-Za-z]{1,24};", lambda match: unescape(match[0]), text)
    text = re.sub("[\x80-\x9f]", lambda match: match[0].encode("latin-1").decode("windows-1252", "ignore") or match[0], text)
    text = text.translate(LIGATURES).translate(WIDTHS)
    text = re.sub("[\u201c-\u201f]", '"', re.sub("[\u02bc\u2018-\u201b]", "'", text))
    text = re.sub("\r\n|[\r\u2028\u2029\x85]", "\n", text)
    text = re.sub("\033\\[[0-9;]*[a-zA-Z]", "", text)
    return unicodedata.normalize("NFC", text.translate(CONTROLS))


def unescape(entity: str) -> str:
    if entity.startswith("&#"):
        text = html.unescape(entity)
        return entity if ";" in text else text
    return ENTITIES.get(entity, entity)


CAPTIONS: dict[str, list[str]] = {
    "plain text": ["A Red Fox", "  two   spaces \t and tabs ", "Über den Wolken", "", "   ", "a fox\nand a hare", "a fox\r\nand a hare"],
    "lower case": ["İstanbul at night", "ISTANBUL", "ΣΊΣΥΦΟΣ AND ΟΔΟΣ", "DŽungla ǅ ǈ", "STRASSE ẞ"],
    "percent encoding": ["a%20red%20fox", "a+red+fox", "1+1=2", "100% wool", "50%25 off", "%C3%BCber", "%E9t%E9", "%zz fox"],
    "<person>": ["<person> on a horse", "<PERSON> and <person>", "< person > on a horse"],
    "URLs": [
        "see https://example.com/fox.html now", "http:/one-slash a fox", "https:fox", "HTTP://EXAMPLE.ORG/a?b=c a fox",
        "a fox by example.com", "write to me@example.com", "fox.it is short", "a fox (foxes.ru/pictures/12) runs", "sub.domain-1.co.uk fox",
        "example.community center", "fox.coms", "end of sentence.it was late", "ftp://example.net/fox", "example.com/@fox"],
    "www:": [
        "www:example a fox", "www:/example.com a fox", "www:///a fox", "www:%41 fox", "www: example", "www.example.com a fox",
        "awww:cute fox"],
    "HTML": [
        "a <b>bold</b> fox", "a fox<br>and a hare", "<p>one</p><p>two</p>", "<script>alert(1)</script> a fox",
        "a <SCRIPT src='x'>var fox = 1 < 2;</SCRIPT> hare", "a fox <script>never closed", "<style>b { color: red }</style>a fox",
        "<template>hidden</template> a fox", "<ruby>fox<rp>(</rp><rt>reading</rt><rp>)</rp></ruby>", "a <!-- hidden --> fox",
        "<!doctype html>a fox", "<![CDATA[a fox]]>", "<?php echo 1 ?>a fox", "a < b and c > d", "a fox <3", "5<6 foxes", "a <b fox",
        "</b>a fox", "<img alt='hare' src='fox.png'>a fox", "a fox <", "a fox <template><b>hidden</template> and a hare"],
    "entities": [
        "salt &amp; pepper", "salt &AMP; pepper", "salt & pepper", "salt &amp pepper", "tom &lt;b&gt;jerry&lt;/b&gt;", "caf&eacute;",
        "caf&EACUTE;", "&#102;ox", "&#x66;ox", "&#150; dash &#8211; dash", "&#129; fox", "&#99999999; fox", "a fox &hellip; and a hare",
        "fox &word", "fox &word;", "&fox hare", "fox &quot", "fox &quot;hare&quot;", "&amp;amp; fox", "&amp;lt;b&amp;gt; fox", "fox &",
        "fox &#", "fox &#12", "&nbsp;fox&nbsp;", "this&not that", "fox &copy", "\uff06amp\uff1b fox", "\uff06eacute\uff1b fox"],
    "@names": ["a fox by @painter", "@painter_1: a fox", "me@home", "@ fox"],
    "East Asian characters": ["a 狐狸 fox", "キツネ a fox", "여우 a fox", "㈱ fox ㋿", "狐"],
    "dashes": ["a fox – running — fast", "fox‐hare―owl", "〜fox〰", "fox − hare", "-fox-", "fox--hare"],
    "quotes": [
        "“a fox”", "«a fox» ´a`", "‘a fox’", "\"a fox\"", "'a fox'", "'a fox", "a fox'", "\"\"\"FOX\"\"\"", "it's a fox's den",
        "‚a fox‛ „a‟", "\"a\" and \"b\"", "\"", "''"],
    "IP addresses": ["192.168.0.1 fox", "version 1.2.3.4.5", "1.2.3 fox"],
    "article ids": ["fox 1:23 ", "fox 1:23", "fox 1:23 hare", "fox 12:34\n"],
    "written line feeds": ["a fox\\nand a hare", "c:\\new"],
    "numbers with #": ["#1 fox", "#1234 fox", "#12345 fox", "fox #12a", "fox 123456", "fox 12345", "1234567fox"],
    "file names": ["fox.jpg", "my fox.png and hare", "see c:/pictures/fox.webp now", "fox.jpg2", "fox.gif", "movie.mp4.pdf"],
    "dots": ["a fox... and a hare", "a fox . a hare", "fox .. hare", ".", "...", ".fox", ". fox", "fox.", ".fox hare"],
    "other punctuation": [
        "***FOX***", "#FOX", "fox/hare", "fox | hare [1] {2} (3)", "½ fox", "fox~hare", "fox® and hare™ © 2020", "¿fox?", "100°"],
    "hyphens and underscores": ["this-is-my-cute-fox", "a-b-c-d", "this_is_my_fox", "my_cute_red_fox_1", "a-b_c-d_e"],
    "full-width forms and ligatures": [
        "ＡＢＣ fox", "fox\u3000hare", "ﬁsh and ﬂower ﬃ ﬆ ﬅ", "ĳs ŉ", "ﾊ half", "５００ fox", "fox！", "５x５ fox"],
    "combining characters": ["cafe\u0301", "a\u030a fox", "\u212b fox", "n\u0303o"],
    "control characters": [
        "a\u0000fox", "fox\u0007", "\ufeffa fox", "fox\u200bhare", "fox\u2028hare", "fox\u0085hare", "a\u0093fox\u0094", "\x1b[31mred fox",
        "fox\u00a0hare", "fox\u00adhare", "soft\u200dhare", "fox\u001fhare"],
    "catalog numbers": [
        "fox jc6640", "fox jc6640vc", "fox 6640vc231", "fox j2d1a2a", "fox ab12", "fox a1b", "fox 3d", "fox 1a2", "fox abcd1234",
        "fox abc1234567890123456"],
    "advertising": [
        "free shipping", "worldwide free shipping fox", "fox free download", "download free fox", "downloads", "click for fox",
        "click on the fox", "clicks for fox", "fox shipping container"],
    "image formats": ["fox jpg image", "fox png images", "pdf", "jpgfox", "a jpeg of a fox"],
    "page numbers": ["page 12 fox", "page  3", "pages 3", "webpage 3"],
    "dimensions": ["fox 10x20", "fox 10.5x20.25 cm", "fox 10х20", "fox 10×20", "10 x 20 fox", "10x20x30 fox", "4x4s"],
    "spaces around punctuation": [
        "fox : hare", "fox :hare", "fox,hare", "fox.hare", "1,000 foxes", "3.5 foxes", "fox, hare", "a fox,", "fox/ hare"],
    "edges": [
        "'fox", "_fox", ",fox", "-fox", ":fox", ";fox", "fox_", "fox,", "fox-", "fox:", "fox+", "fox;", " 'fox' ", "(fox)", "(-fox-)",
        "#1 -fox", "fox- #1", "(.fox)", "--fox--", "'-fox-'", ".fox.", "[\"fox\"]", "fox page 3-", "(,,fox)", "(fox::)",
        "page 3 -fox", "page 3 ::fox", "fox:: page 3", "fox_- page 3", "free shipping 'fox'", "ab123 ''fox", "jc6640 .fox"],
}


def main() -> None:
    captions = [{"rule": rule, "caption": caption, "expected": clean(caption)} for rule, group in CAPTIONS.items() for caption in group]
    FILE.write_text("[\n" + ",\n".join(map(json.dumps, captions)) + "\n]\n", encoding="ascii")


if __name__ == "__main__":
    main()
