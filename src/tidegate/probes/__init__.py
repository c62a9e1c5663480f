"""Look inside a recurrent layer: what it costs, remembers, passes back and opens."""

from tidegate.probes.cost import Cost, cost
from tidegate.probes.gates import saturation, trace_gates
from tidegate.probes.generalization import Gap, generalization
from tidegate.probes.gradients import GradientFlow, gradient_flow
from tidegate.probes.memory import Recall, memory_horizon, solve_recall
from tidegate.probes.speed import Speed, machine, speed

__all__ = [
    "Cost",
    "Gap",
    "GradientFlow",
    "Recall",
    "Speed",
    "cost",
    "generalization",
    "gradient_flow",
    "machine",
    "memory_horizon",
    "saturation",
    "solve_recall",
    "speed",
    "trace_gates",
]
