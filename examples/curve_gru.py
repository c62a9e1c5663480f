"""A GRU fits y = sin(3x) + x over 1,000 steps, and goes on a little beyond what it saw."""

import matplotlib.pyplot as plt
import numpy as np

import tidegate as tg


def main(steps: int = 5000, hidden_size: int = 128, picture: str = "curve.png") -> float:
    x = np.linspace(-3, 3, 1000)[None, :, None]  # one sequence, 1,000 steps, one channel
    model = tg.SequenceRegressor("gru", hidden_size, steps=steps, learning_rate=5e-4, verbose=True)
    model.fit(x, np.sin(3 * x) + x)

    further = np.linspace(-3, 3.1, 1000)[None, :, None]
    fit, truth = model.predict(further), np.sin(3 * further) + further
    plt.plot(further[0], truth[0], label="sin(3x) + x", linewidth=4, alpha=0.4)
    plt.plot(further[0], fit[0], label="GRU", linestyle="--")
    plt.legend()
    plt.savefig(picture)
    plt.close()
    return float(np.mean((fit - truth) ** 2))


if __name__ == "__main__":
    print(f"mean squared error {main():.2e}")
