"""As much of Prometheus' language as the scalers use: sums of rates and gauges, arithmetic, `> n` as a filter, `or`.

A value is a number, or a list of numbers: a vector whose labels were dealt with already. A sum of nothing is nothing, as there."""

import math
import re

TOKEN = re.compile(r'\s*(?:(\d+(?:\.\d+)?)|([a-z_]+(?::[a-z0-9_]+)*)|(\{[^}]*\})|(\[\d+[smh]\])|([-+*/()>,]))')
FUNCTIONS = {
    "sum": lambda vector: [math.fsum(vector)] if vector else [],
    "rate": lambda vector: vector,
    "vector": lambda number: [number],
    "clamp_min": lambda vector, least: [max(value, least) for value in vector],
}


def tokens(text):
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise AssertionError(f"the tests cannot read {text[at:]!r}")
        found.append(match[match.lastindex])
        at = match.end()
    return found


def each(operation, left, right):
    """Element by element; labels are gone, so of two vectors each has one element or none."""
    lefts, rights = (side if isinstance(side, list) else [side] for side in (left, right))
    if len(lefts) > 1 and len(rights) > 1:
        raise AssertionError("two vectors of several elements match by labels, which the tests do not know")
    made = [operation(a, b) for a in lefts for b in rights]
    return made if isinstance(left, list) or isinstance(right, list) else made[0]


def divide(a, b):
    return a / b if b else math.nan if not a else math.inf


class Query:
    """One reading of one query. `series`: of a metric's name, pairs of labels and value; a rate where a rate is asked for."""

    def __init__(self, text, series):
        self.left, self.series = tokens(text), series

    def value(self):
        """As KEDA reads it: the one element; None where there is none."""
        found = self.either()
        if self.left:
            raise AssertionError(f"the tests cannot read {self.left}")
        if not isinstance(found, list):
            return found
        if len(found) > 1 or any(map(math.isnan, found)):
            raise AssertionError(f"one number is wanted, not {found}")
        return found[0] if found else None

    def next_is(self, *wanted):
        return self.left and self.left[0] in wanted and self.left.pop(0)

    def either(self):
        found = self.compared()
        while self.next_is("or"):
            other = self.compared()
            found = found or other
        return found

    def compared(self):
        found = self.added()
        while self.next_is(">"):
            least = self.added()
            found = [value for value in found if value > least]
        return found

    def added(self):
        found = self.multiplied()
        while sign := self.next_is("+", "-"):
            found = each((lambda a, b: a + b) if sign == "+" else (lambda a, b: a - b), found, self.multiplied())
        return found

    def multiplied(self):
        found = self.single()
        while sign := self.next_is("*", "/"):
            found = each((lambda a, b: a * b) if sign == "*" else divide, found, self.single())
        return found

    def single(self):
        word = self.left.pop(0)
        if word == "(":
            return self.closed(self.either())
        if word[0].isdigit():
            return float(word)
        if self.next_is("("):
            arguments = [self.either()]
            while self.next_is(","):
                arguments.append(self.either())
            return self.closed(FUNCTIONS[word](*arguments))
        return self.selected(word)

    def closed(self, found):
        if not self.next_is(")"):
            raise AssertionError("a bracket is not closed")
        return found

    def selected(self, metric):
        wanted = {}
        if self.left and self.left[0].startswith("{"):
            wanted = dict(re.findall(r'([a-z_]+)="([^"]*)"', self.left.pop(0)))
        if self.left and self.left[0].startswith("["):
            self.left.pop(0)
        return [value for labels, value in self.series.get(metric, []) if wanted.items() <= labels.items()]
