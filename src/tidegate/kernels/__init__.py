"""The same, fast: the backends that run a recurrent layer, and the choice between them."""

from tidegate.kernels.dispatch import BACKENDS, Backend, choose, use_backend
from tidegate.kernels.request import Request

__all__ = ["BACKENDS", "Backend", "Request", "choose", "use_backend"]
