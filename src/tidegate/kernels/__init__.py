"""The same, fast: the backends that run a recurrent layer, and the choice between them."""

from tidegate.kernels.dispatch import BACKENDS, Backend, Request, choose, use_backend

__all__ = ["BACKENDS", "Backend", "Request", "choose", "use_backend"]
