"""Which cell: experiments over cells, sizes and seeds, and the table and the verdict that follow from them."""

from tidegate.compare.budget import BUDGETS, Budget
from tidegate.compare.experiment import CELLS, COMPARISON, FORMAT, compare

__all__ = ["BUDGETS", "CELLS", "COMPARISON", "FORMAT", "Budget", "compare"]
