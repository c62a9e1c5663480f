"""A cell's equations as a graph: which boxes hold weights, which operators join them, and who reads whom."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Literal

from tidegate.cells.description import Block, Description

OPERATORS = {ast.Mult: "×", ast.Add: "+", ast.Sub: "−"}


@dataclass(frozen=True, eq=False)
class Node:
    """A state, a box (weights and what is applied to them) or an operator that works element by element."""

    kind: Literal["state", "box", "operator"]
    label: str
    """The state's name, the operator's sign, or the activation; a box without one shows its affine terms."""
    inputs: tuple[Node, ...] = ()
    reads: tuple[str, ...] = ()
    """What the weights of a box multiply: x, a state, or both."""
    terms: str = ""
    """The affine terms of a box: W_i x + U_i h + b_i."""
    block: Block | None = None

    @property
    def functions(self) -> list[Node]:
        """The inputs that are operators with one input: tanh, 1−."""
        return [node for node in self.inputs if node.kind == "operator" and len(node.inputs) == 1]


def wire(description: Description) -> dict[str, Node]:
    """The node that gives each value: the old states, the blocks, and the new states with a prime.

    >>> from tidegate.cells.description import DESCRIPTIONS
    >>> node = wire(DESCRIPTIONS["lstm"])["c'"]
    >>> node.label, [operand.label for operand in node.inputs]
    ('+', ['×', '×'])
    """
    values = {state: Node("state", state) for state in description.states}
    blocks = {block.symbol: block for block in description.blocks}
    for equation in description.equations:
        target, formula = equation.split(" = ")
        expression = ast.parse(_as_python(formula), mode="eval").body
        values[target] = _read(expression, values, blocks.get(target.rstrip("'")))
    return values


def _as_python(formula: str) -> str:
    formula = formula.replace("⊙", "*").replace("−", "-").replace("'", "_new")
    return re.sub(r"\b([WU]\w*) (\w+)", r"\1 @ \2", formula)


def _as_formula(expression: ast.expr) -> str:
    return ast.unparse(expression).replace(" @ ", " ").replace("_new", "'")


def _read(expression: ast.expr, values: dict[str, Node], block: Block | None = None) -> Node:
    match expression:
        case ast.Name(name):
            return values[name.replace("_new", "'")]
        case ast.Call(ast.Name(activation), [argument]):
            pass
        case _:
            activation, argument = "", expression
    terms = _terms(argument)
    affine = [term for term in terms if _is_affine(term, values)]
    if affine:
        return Node(
            "box",
            activation,
            inputs=tuple(_read(term, values) for term in terms if term not in affine),
            reads=tuple(_as_formula(term.right) for term in affine if isinstance(term, ast.BinOp)),
            terms=" + ".join(map(_as_formula, affine)),
            block=block,
        )
    if activation:
        return Node("operator", activation, (_read(argument, values),))
    match expression:
        case ast.BinOp(ast.Constant(1), ast.Sub(), right):
            return Node("operator", "1−", (_read(right, values),))
        case ast.BinOp(left, sign, right) if type(sign) in OPERATORS:
            return Node("operator", OPERATORS[type(sign)], (_read(left, values), _read(right, values)))
    raise ValueError(f"no drawing for {_as_formula(expression)}")


def _terms(expression: ast.expr) -> list[ast.expr]:
    match expression:
        case ast.BinOp(left, ast.Add(), right):
            return [*_terms(left), *_terms(right)]
    return [expression]


def _is_affine(term: ast.expr, values: dict[str, Node]) -> bool:
    """A product with weights, or a name that no equation gives: a bias."""
    match term:
        case ast.BinOp(_, ast.MatMult(), _):
            return True
        case ast.Name(name):
            return name.replace("_new", "'") not in values
    return False
