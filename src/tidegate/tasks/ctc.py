"""What a network with CTC writes (Graves et al. 2006): the best sign of each frame, or prefix beam search."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch

from tidegate.errors import ConfigError
from tidegate.preparation.transcripts import BLANK

LEAST_PROBABILITY = 1e-4
"""Signs of a frame below this are not followed by the beam search."""
PRUNED_AFTER, IN_DOUBT = 50, 100
"""Frames after which the beam search forgets prefixes that it no longer follows, and for which a sign is in doubt at
least: then what the most probable prefix has is settled."""


class Greedy:
    """The most probable sign of each frame, repetitions as one, blanks left out; pieces go on from each other.

    >>> log_probs = np.log(np.array([[0.1, 0.9], [0.1, 0.9], [0.9, 0.1], [0.2, 0.8]]))
    >>> greedy = Greedy()
    >>> greedy(log_probs[:1]), greedy(log_probs[1:]), greedy.numbers, greedy.frames
    (None, None, [1, 1], [0, 3])
    """

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.frames: list[int] = []
        """In which frame each was heard first."""
        self._last, self._heard = BLANK, 0

    def __call__(self, log_probs: np.ndarray) -> None:
        """Hear frames [T, V]."""
        for number in log_probs.argmax(axis=1).tolist():
            if number not in (BLANK, self._last):
                self.numbers.append(number)
                self.frames.append(self._heard)
            self._last = number
            self._heard += 1

    def take(self) -> list[int]:
        """What no later frame can change, beyond what was taken; it is forgotten here."""
        found, self.numbers, self.frames = self.numbers, [], []
        return found


class _Prefix:
    """A node of the tree of the prefixes that are followed."""

    __slots__ = ("born", "children", "factor", "number", "parent", "said")

    def __init__(self, parent: _Prefix | None, number: int, factor: float, born: int) -> None:
        self.parent, self.number, self.factor, self.born = parent, number, factor, born
        self.children: dict[int, _Prefix] = {}
        self.said: Any = None
        """What the language model says of it."""

    def goes_on_from(self, other: _Prefix) -> bool:
        node: _Prefix | None = self
        while node is not None and node is not other:
            node = node.parent
        return node is other

    def numbers(self) -> list[int]:
        """The signs behind the root of the tree."""
        found, node = [], self
        while node.parent is not None:
            found.append(node.number)
            node = node.parent
        return found[::-1]


class BeamSearch:
    """The most probable texts, each summed over its alignments (prefix beam search, Hannun et al. 2014).

    Args:
        width: prefixes that are kept after each frame.
        scorer: says how probable the next sign of each prefix is; none for the network alone.
        weight: of the logarithm of what it says.
        bonus: insertion bonus, added to the logarithm for each sign, of which the scorer would otherwise make too few.
    """

    def __init__(self, width: int, scorer: Scorer | None = None, weight: float = 0.5, bonus: float = 0.5) -> None:
        self.width, self.scorer, self.weight, self.bonus = width, scorer, weight, bonus
        root = _Prefix(None, BLANK, 1.0, 0)
        if scorer is not None:
            root.said = scorer.begin()
        self.beam: dict[_Prefix, tuple[float, float]] = {root: (1.0, 0.0)}
        """The probability of each prefix, with a blank and with its last sign at the end; the largest sum is 1."""
        self._sure: list[int] = []
        """What all prefixes begin with, before the root of the tree."""
        self._heard = 0

    def __call__(self, log_probs: np.ndarray) -> None:
        """Hear frames [T, V]."""
        for probabilities in np.exp(log_probs.astype(np.float64)):
            self._step(probabilities)
            self._heard += 1
            if self._heard % PRUNED_AFTER == 0:
                self._decide()
                self._settle()
                self._prune()

    def _step(self, probabilities: np.ndarray) -> None:
        if self.scorer is not None:
            self.scorer.extend([node for node in self.beam if node.said is None])
        blank = float(probabilities[BLANK])
        signs = [n for n in np.flatnonzero(probabilities > LEAST_PROBABILITY).tolist() if n != BLANK]
        likely = [(n, float(probabilities[n])) for n in signs]
        found: dict[_Prefix, list[float]] = {}
        for node, (with_blank, with_sign) in self.beam.items():
            both = with_blank + with_sign
            own = found.setdefault(node, [0.0, 0.0])
            own[0] += both * blank
            if node.number != BLANK:
                own[1] += with_sign * float(probabilities[node.number])
            for number, probability in likely:
                # A sign again is another one only behind a blank.
                before = with_blank if number == node.number else both
                if before:
                    child = self._child(node, number)
                    found.setdefault(child, [0.0, 0.0])[1] += before * probability * child.factor
        best = sorted(found.items(), key=lambda item: -(item[1][0] + item[1][1]))
        most = sum(best[0][1]) or 1.0
        self.beam = {node: (p[0] / most, p[1] / most) for node, p in islice(best, self.width)}

    def _child(self, node: _Prefix, number: int) -> _Prefix:
        child = node.children.get(number)
        if child is None:
            factor = 1.0
            if self.scorer is not None:
                factor = math.exp(self.weight * self.scorer.log_prob(node.said, number) + self.bonus)
            child = node.children[number] = _Prefix(node, number, factor, self._heard)
        return child

    @property
    def numbers(self) -> list[int]:
        """The most probable text, behind what was taken."""
        return [*self._sure, *next(iter(self.beam)).numbers()]

    def take(self) -> list[int]:
        """What all prefixes begin with, beyond what was taken; it is forgotten here."""
        self._settle()
        found, self._sure = self._sure, []
        return found

    def _decide(self) -> None:
        """Follow the prefixes alone that have the older signs of the most probable one.

        A place that was in doubt more than any after it would stay so without end.
        """
        old = next(iter(self.beam))
        while old.parent is not None and old.born > self._heard - IN_DOUBT:
            old = old.parent
        self.beam = {node: p for node, p in self.beam.items() if node.goes_on_from(old)}

    def _settle(self) -> None:
        """Make the last node that all prefixes probability the root."""
        nodes = set(self.beam)
        depths = {node: len(node.numbers()) for node in nodes}
        while len(nodes) > 1:
            deepest = max(nodes, key=lambda node: depths[node])
            nodes.remove(deepest)
            assert deepest.parent is not None
            nodes.add(deepest.parent)
            depths[deepest.parent] = depths[deepest] - 1
        (root,) = nodes
        while self.scorer is not None and root.said is None:
            # The scorer has not yet read it, and needs its parent for that.
            assert root.parent is not None
            root = root.parent
        self._sure += root.numbers()
        root.parent = None

    def _prune(self) -> None:
        """Forget nodes on the way to no prefix that is followed."""
        alive: set[_Prefix] = set()
        for one in self.beam:
            node: _Prefix | None = one
            while node is not None and node not in alive:
                alive.add(node)
                node = node.parent
        for node in alive:
            node.children = {number: child for number, child in node.children.items() if child in alive}


class Scorer:
    """What a language model of characters says of the next sign.

    Args:
        model: a `LanguageModel`.
        signs: of the alphabet, numbered from 1; letters in the other case where the model knows these alone.
    """

    def __init__(self, model: Any, signs: str) -> None:
        kind = getattr(getattr(model, "units_", None), "kind", None)
        if kind != "char":
            raise ConfigError(
                got=f"a {type(model).__name__}{f' of {kind}' if kind else ''} as the language model",
                wanted="a fitted LanguageModel of characters",
                do="train one with: tidegate fit language TEXT",
            )
        self.model = model
        self.units = [-1, *model.units_.encode("".join(_cased(signs, set(model.units_.signs)))).tolist()]
        """The model's unit of each number; none of the blank."""

    def begin(self) -> Any:
        """What it says of the first sign of a text, which begins a line where the model knows lines."""
        units = self.model.units_
        said = self._said([units.border], None)
        if "\n" in units.signs:
            said = self._said(units.encode("\n").tolist(), [said[0][1]])
        return said[0]

    def extend(self, nodes: Sequence[_Prefix]) -> None:
        """Say of the next sign of these prefixes, each one sign longer than its parent."""
        if nodes:
            states = [node.parent.said[1] for node in nodes if node.parent is not None]
            said = self._said([self.units[node.number] for node in nodes], states)
            for node, one in zip(nodes, said, strict=True):
                node.said = one

    def log_prob(self, said: Any, number: int) -> float:
        """The logarithm of the probability of a sign."""
        return float(said[0][self.units[number]])

    def _said(self, units: list[int], states: Any) -> list[Any]:
        """The log-probabilities of the next unit, and the state, after one unit for each of B prefixes."""
        network = self.model.network_
        with torch.inference_mode():
            state: Any = None
            if states is not None:
                state = tuple(torch.cat(parts, dim=1) for parts in zip(*states, strict=True))
                state = state if len(state) > 1 else state[0]
            output, state = network.rnn(network.embedding(torch.tensor([units])), state)
            probabilities = network.output(output[-1]).log_softmax(dim=1).numpy()
        parts = state if isinstance(state, tuple) else (state,)
        return [(probabilities[b], tuple(part[:, b : b + 1] for part in parts)) for b in range(len(units))]


def _cased(signs: str, known: set[str]) -> Iterator[str]:
    """The signs in the case that a model knows."""
    letters = [sign for sign in signs if sign.isalpha()]
    change: Callable[[str], str] = str
    if letters and not any(sign in known for sign in letters):
        change = next((to for to in (str.lower, str.upper) if any(to(sign) in known for sign in letters)), str)
    for sign in signs:
        changed = change(sign)
        yield changed if len(changed) == 1 else sign
