"""Which cell: experiments over cells, sizes and seeds, and the table and the verdict that follow from them."""

from tidegate.compare.budget import BUDGETS, Budget
from tidegate.compare.experiment import COMPARISON, compare
from tidegate.compare.question import CELLS, FORMAT

__all__ = ["BUDGETS", "CELLS", "COMPARISON", "FORMAT", "Budget", "compare"]
