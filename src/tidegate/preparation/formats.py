"""Strptime formats of dates and times: which ones a text may have, and the regular expression of each."""

from __future__ import annotations

import datetime
import re

from tidegate.errors import DataError

ISO = "ISO 8601"
NUMBER = "number"

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_WEEKDAY = "(?:mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
_OFFSET = r"z|[+-]\d{2}(?::?\d{2})?"
_ZONE = rf"(?:\s?(?P<z>{_OFFSET}|utc|gmt))?"
_FRACTION = r"(?P<f>\d{1,9})0*"
WIDTH = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "I": 2, "M": 2, "S": 2, "j": 3, "G": 4, "V": 2}
_WORDS = {
    "b": f"(?P<b>{_MONTH})",
    "B": f"(?P<b>{_MONTH})",
    "a": f"(?P<a>{_WEEKDAY})",
    "A": f"(?P<a>{_WEEKDAY})",
    "u": "(?P<u>[1-7])",
    "w": "(?P<w>[0-6])",
    "p": r"(?P<p>[ap]\.?m\.?)",
    "f": _FRACTION,
    "z": f"(?P<z>{_OFFSET})",
    "Z": "(?P<z>utc|gmt|z)",
    "%": "%",
}
DATE_FIELDS = frozenset("YymdbjGV")
_SAME_PART = {"b": "m", "B": "m", "j": "md", "y": "Y", "G": "Y", "V": "md", "I": "H", "Z": "z"}
_SAME_PART |= dict.fromkeys("Auw", "a")

# Distinct texts are matched whole and without regard to case; RE2 has no flag for it, hence the prefix.
_ISO_TIME = r"(?P<H>\d{1,2})(?::(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,]" + _FRACTION + ")?)?)?"
ISO_TEXT = r"(?P<Y>\d{4})-(?P<m>\d{1,2})(?:-(?P<d>\d{1,2})(?:[T ]" + _ISO_TIME + _ZONE + ")?)?"
ISO_BASIC = (
    r"(?P<Y>\d{4})(?P<m>\d{2})(?P<d>\d{2})"
    r"(?:[T ](?P<H>\d{2})(?P<M>\d{2})(?:(?P<S>\d{2})(?:[.,]" + _FRACTION + ")?)?" + _ZONE + ")?"
)
_NUMBER_TEXT = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
# As pandas and Python write durations, and times of day with hours that may go on beyond 24.
_CLOCK = (
    r"(?:(?P<D>-?\d{1,5}) days?(?:, ?| |$))?"
    r"(?:\+?(?P<H>\d{1,6}):(?P<M>\d{2}):(?P<S>\d{2})(?:[.,]" + _FRACTION + ")?)?"
)
_HOURS = r"(?P<H>\d{1,6}):(?P<M>\d{2})"
_MINUTES = r"(?P<M>\d{1,6}):(?P<S>\d{2})[.,]" + _FRACTION

# A date at the beginning of a text, and the formats it may have, {0} and {1} standing for what separates its parts.
_DATES = tuple(
    (re.compile(form + r"(?!\d)", re.IGNORECASE | re.ASCII), formats)
    for form, formats in (
        (r"\d{4}([-/.])\d{1,2}\1\d{1,2}", ("%Y{0}%m{0}%d",)),
        (r"\d{1,2}([-/.])\d{1,2}\1\d{4}", ("%d{0}%m{0}%Y", "%m{0}%d{0}%Y")),
        (r"\d{1,2}([-/.])\d{1,2}\1\d{2}", ("%d{0}%m{0}%y", "%m{0}%d{0}%y", "%y{0}%m{0}%d")),
        (r"\d{8}", ("%Y%m%d",)),
        (r"\d{4}(-?)W\d{2}\1[1-7]", ("%G{0}W%V{0}%u",)),
        (r"\d{4}(-?)W\d{2}", ("%G{0}W%V",)),
        (r"\d{1,2}([-/])\d{4}", ("%m{0}%Y",)),
        (r"\d{4}(/)\d{1,2}", ("%Y{0}%m",)),
        (rf"\d{{1,2}}(\. ?|[-/ ]?){_MONTH}([-/ ]?|, )\d{{4}}", ("%d{0}%b{1}%Y",)),
        (rf"\d{{1,2}}([-/ ]?){_MONTH}\1\d{{2}}", ("%d{0}%b{0}%y",)),
        (rf"\d{{4}}([-/ ]){_MONTH}\1\d{{1,2}}", ("%Y{0}%b{0}%d",)),
        (rf"{_MONTH} \d{{1,2}}(,? )\d{{4}}", ("%b %d{0}%Y",)),
        (rf"{_MONTH}([-/ ])\d{{4}}", ("%b{0}%Y",)),
    )
)
_WEEKDAY_FIRST = re.compile(rf"({_WEEKDAY})(,? )", re.IGNORECASE)
_LONG_MONTH = re.compile("january|february|march|april|june|july|august|september|october|november|december", re.I)
_TIME = re.compile(
    r"(?P<between>, |[T :]|)"
    r"(?:(?P<colons>\d{1,2}:\d{2}(?P<seconds>:\d{2}(?:[.,]\d+)?)?)|(?P<digits>\d{4})(?P<more>\d{2}(?:[.,]\d+)?)?)"
    rf"(?:(?P<before_half> ?)[ap]\.?m\.?)?(?P<zone>{_ZONE.replace('?P<z>', '?:')})",
    re.IGNORECASE | re.ASCII,
)


_UNDATED = {NUMBER: _NUMBER_TEXT, ISO: ISO_TEXT, "%H:%M:%S": _CLOCK, "%H:%M": _HOURS, "%M:%S": _MINUTES}


def formats_of(text: str) -> tuple[str, ...]:
    """The formats that one text may have: NUMBER, ISO, strptime formats without fractions and offsets, or none.

    >>> formats_of("3/4/2020 8:00 PM")
    ('%d/%m/%Y %I:%M %p', '%m/%d/%Y %I:%M %p')
    """
    for form, pattern in _UNDATED.items():
        if re.fullmatch(pattern, text, re.IGNORECASE | re.ASCII):
            return (form,)
    before, rest = "", text
    if day := _WEEKDAY_FIRST.match(text):
        before, rest = ("%a" if len(day[1]) == 3 else "%A") + day[2], text[day.end() :]
    matches = ((form.match(rest), formats) for form, formats in _DATES)
    date, formats = next((match for match in matches if match[0]), (None, ("",)))
    after = rest[date.end() :] if date else rest
    clock = ""
    if after:
        time = _TIME.fullmatch(after)
        if time is None or bool(time["between"]) != bool(date):
            return ()
        seconds = time["seconds"] or time["more"]
        half = time["before_half"] is not None
        if date is None and (before or time["digits"] or time["zone"]):
            return ()
        clock = time["between"] + ("%I" if half else "%H")
        clock += ("%M%S" if seconds else "%M") if time["digits"] else (":%M:%S" if seconds else ":%M")
        clock += time["before_half"] + "%p" if half else ""
    elif date is None:
        return ()
    separators = date.groups() if date else ()
    made = tuple(before + form.format(*separators) + clock for form in formats)
    return tuple(form.replace("%b", "%B") for form in made) if date and _LONG_MONTH.search(date[0]) else made


def pattern_of(form: str, loose: bool = False) -> str | None:
    """The regular expression of a strptime format; None where it has directives that only strptime knows.

    A fraction may be left out. Digits that follow each other without a mark between have their full number.
    `loose` allows what `formats_of` leaves open: a fraction and an offset.
    """
    tokens = _tokens(form)
    only_minutes = not {"%H", "%I"} & set(tokens)
    parts = []
    for n, token in enumerate(tokens):
        name = token[1:2] if token.startswith("%") and len(token) > 1 else ""
        if name in WIDTH:
            beside = [*tokens[max(n - 1, 0) : n], *tokens[n + 1 : n + 2]]
            exact = name in "YyG" or any(other[0] == "%" and other[1:2] in WIDTH for other in beside)
            most = 6 if name == "M" and only_minutes and not exact else WIDTH[name]
            parts.append(rf"(?P<{name}>\d{{{'' if exact else '1,'}{most}}})")
            if len(token) > 2 or (loose and name == "S"):
                parts.append(f"(?:[.,]{_FRACTION})?")
        elif name in _WORDS:
            parts.append(_WORDS[name])
        elif name or token == "%":
            return None
        else:
            parts.append(r"\s+" if token.isspace() else re.escape(token))
    return "".join(parts) + (_ZONE if loose and "%M" in form else "")


def loose_pattern(form: str) -> str:
    return _UNDATED.get(form) or pattern_of(form, loose=True) or ""


def _tokens(form: str) -> list[str]:
    return re.findall(r"%S[.,]%f|%.|%|\s+|[^%\s]", form, re.DOTALL)


def check_format(given: str) -> None:
    """Raise DataError where no text could be read by the format, or only by a guess at its meaning."""
    names = _names(given)
    fault = ""
    if given == ISO:
        return
    if pattern_of(given) is None:
        fault = _fault_of_strptime(given)
    elif len(set(parts := "".join(_SAME_PART.get(name, name) for name in names))) < len(parts):
        fault = "it gives a part of the time twice"
    elif set(names) & set("aAuw") and not set(names) & {*DATE_FIELDS, "B"}:
        fault = "a weekday alone does not tell one week from another"
    elif not set(names) & {*DATE_FIELDS, "B", "H", "I", "M"}:
        fault = "it names no year, month, day, hour or minute"
    elif ("G" in names) != ("V" in names):
        fault = "%G needs %V and %V needs %G"
    if not fault and ("I" in names) != ("p" in names):
        fault = "%I needs %p and %p needs %I"
    if fault:
        raise DataError(
            got=f"--time-format {given!r} ({fault})",
            wanted='"ISO8601" or a strptime format',
            do='pass one such as --time-format "%d.%m.%Y %H:%M"',
        )


def _fault_of_strptime(given: str) -> str:
    """What is wrong with a format that only strptime knows: it ignores weeks and weekdays that it has no use for."""
    when = datetime.datetime(2020, 1, 31, 8, tzinfo=datetime.timezone.utc)
    try:
        read = datetime.datetime.strptime(when.strftime(given), given)
    except ValueError as error:
        return str(error).split(",")[0]
    same = read.replace(tzinfo=when.tzinfo).strftime(given) == when.strftime(given)
    return "" if same else "it does not tell one day from another"


def lacking(form: str) -> str:
    """What dates of a format lack to stand in one order: "year", "month and year" or "".

    >>> lacking("%d %b"), lacking("%d %H:%M"), lacking("%d.%m.%y")
    ('year', 'month and year', '')
    """
    names = set(_names(form))
    if form == ISO or names & set("YyGcx") or not names & {*DATE_FIELDS, *"BUW"}:
        return ""
    return "year" if names & set("mbBjUW") else "month and year"


def kinds_of(form: str) -> str:
    """What texts of a format are, in words."""
    names = set(_names(form))
    if form == ISO or names & {*DATE_FIELDS, "B"}:
        return "dates"
    return "times of day" if names & set("HI") else "durations"


def _names(form: str) -> list[str]:
    return [name for name in re.findall("%(.)", form, re.DOTALL) if name != "%"]
