// cells.hpp — the pointwise part of the three cells, one vector of units at a time.
//
// Slots are the accumulators of a unit, in an order in which the gates fed by x and the gates fed by h
// are both neighbors: x feeds slots [x_slot, x_slot + gates), h feeds [h_slot, h_slot + gates).
// gate_of_x and gate_of_h name PyTorch's gate in such a slot. `held` vectors more are saved where noise changes the
// state after the cell: what backward needs and cannot tell from the rest.
#pragma once
#include "activations.hpp"

namespace tidegate {
namespace TIDEGATE_ISA {

// h = tanh(W x + U h + b), or relu in place of tanh.
template <typename T, bool is_relu> struct Rnn {
  using V = Vec<T>;
  static constexpr int gates = 1, slots = 1, x_slot = 0, h_slot = 0, saved = 0, held = 1;
  static constexpr int units = 4;  // vectors of units in a panel
  static constexpr bool has_c = false, needs_old_h = false, needs_new_h = true;
  static constexpr int gate_of_x(int slot) { return slot; }
  static constexpr int gate_of_h(int slot) { return slot; }

  static TIDEGATE_INLINE V forward(const V* a, V, V&, V*) { return is_relu ? relu(a[0]) : tanh(a[0]); }

  static TIDEGATE_INLINE V backward(V dh, V&, const V*, V, V, V h, V* d) {
    d[0] = is_relu ? (h <= zero<T>() ? zero<T>() : dh) : dh * (fill(T(1)) - h * h);
    return zero<T>();
  }
};

// i, f, o = σ(W x + U h + b); g = tanh(W x + U h + b); c = f c + i g; h = o tanh(c).
template <typename T> struct Lstm {
  using V = Vec<T>;
  static constexpr int gates = 4, slots = 4, x_slot = 0, h_slot = 0, saved = 5, held = 1;
  static constexpr int units = 1;
  static constexpr bool has_c = true, needs_old_h = false, needs_new_h = false;
  static constexpr int gate_of_x(int slot) { return slot; }
  static constexpr int gate_of_h(int slot) { return slot; }

  static TIDEGATE_INLINE V forward(const V* a, V, V& c, V* keep) {
    const V i = sigmoid(a[0]), f = sigmoid(a[1]), g = tanh(a[2]), o = sigmoid(a[3]);
    c = f * c + i * g;
    keep[0] = i, keep[1] = f, keep[2] = g, keep[3] = o, keep[4] = c;
    return o * tanh(c);
  }

  static TIDEGATE_INLINE V backward(V dh, V& dc, const V* keep, V c_old, V, V, V* d) {
    const V one = fill(T(1));
    const V i = keep[0], f = keep[1], g = keep[2], o = keep[3], t = tanh(keep[4]);
    const V all = dc + dh * o * (one - t * t);
    d[0] = all * g * i * (one - i);
    d[1] = all * c_old * f * (one - f);
    d[2] = all * i * (one - g * g);
    d[3] = dh * t * o * (one - o);
    dc = all * f;
    return zero<T>();
  }
};

// r, z = σ(W x + U h + b); n = tanh(W x + b + r u) with u = U h + b; h = n + z (h - n). Slots n, r, z, u.
template <typename T> struct Gru {
  using V = Vec<T>;
  static constexpr int gates = 3, slots = 4, x_slot = 0, h_slot = 1, saved = 4, held = 0;
  static constexpr int units = 1;
  static constexpr bool has_c = false, needs_old_h = true, needs_new_h = false;
  static constexpr int gate_of_x(int slot) { return slot == 0 ? 2 : slot - 1; }
  static constexpr int gate_of_h(int slot) { return slot - 1; }

  static TIDEGATE_INLINE V forward(const V* a, V h, V&, V* keep) {
    const V r = sigmoid(a[1]), z = sigmoid(a[2]), n = tanh(a[0] + r * a[3]);
    keep[0] = n, keep[1] = r, keep[2] = z, keep[3] = a[3];
    return n + z * (h - n);
  }

  static TIDEGATE_INLINE V backward(V dh, V&, const V* keep, V, V h_old, V, V* d) {
    const V one = fill(T(1));
    const V n = keep[0], r = keep[1], z = keep[2], u = keep[3];
    d[0] = dh * (one - z) * (one - n * n);
    d[1] = d[0] * u * r * (one - r);
    d[2] = dh * (h_old - n) * z * (one - z);
    d[3] = d[0] * r;
    return dh * z;
  }
};

}  // namespace TIDEGATE_ISA
}  // namespace tidegate
