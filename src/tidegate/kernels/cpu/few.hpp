// few.hpp — one step of few rows, without packing: the rows of the weights lie ready in memory as dot products.
//
// Forward: each thread takes some of the units, and reads the rows of the weights that lead to them once. Backward goes
// through the same rows: with the gradients of the gates it has their gradients, and adds what they pass back to d x
// and d h, of which each thread has its own until the end.
#pragma once
#include "cells.hpp"
#include "forward.hpp"

namespace tidegate {
namespace TIDEGATE_ISA {

constexpr Index few_rows = 32;      // beyond, packed weights pay back what packing takes
constexpr Index few_together = 4;   // rows of the weights that are read side by side
constexpr Index longest_chain = 64;  // multiply-adds that follow each other; see "Rounding" in docs/explanation/kernels.md

inline bool is_few(const Call& call) {
  return call.T == 1 && call.B <= few_rows && !call.w_hr && !call.rows && (!call.lengths || real_rows(call) == call.B);
}

inline Plan plan_of_few(const Call& call, Index gates, Index element) {
  const Index bytes = gates * call.H * (call.H + call.I) * element;
  return call.threads > 1 && bytes * (1 + call.B) / 2 > second_cache ? Plan{call.threads, 1} : Plan{1, 1};
}

// The sums over the lanes of four vectors.
template <typename T> TIDEGATE_INLINE void sum_lanes(const Vec<T>* a, T* to) {
  for (Index r = 0; r < few_together; ++r) {
    T part[width<T>];
    store(part, a[r]);
    for (int n = width<T> / 2; n > 0; n /= 2)
      for (int i = 0; i < n; ++i) part[i] += part[i + n];
    to[r] = part[0];
  }
}

#if defined(__AVX2__)
template <> TIDEGATE_INLINE void sum_lanes<float>(const Vec<float>* a, float* to) {
  __m256 half[4];
  for (int r = 0; r < 4; ++r)
#if defined(__AVX512F__)
    half[r] = _mm256_add_ps(_mm512_castps512_ps256((__m512)a[r]), _mm512_extractf32x8_ps((__m512)a[r], 1));
#else
    half[r] = (__m256)a[r];
#endif
  const __m256 all = _mm256_hadd_ps(_mm256_hadd_ps(half[0], half[1]), _mm256_hadd_ps(half[2], half[3]));
  _mm_storeu_ps(to, _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1)));
}
#endif

// total[r][n] += the products of the lanes of four rows of weights and of n inputs of K numbers.
template <typename T, int inputs>
TIDEGATE_INLINE void multiply_lanes(const T* const* w, const T* const* x, Index K, Vec<T> (&total)[inputs][few_together]) {
  constexpr int W = width<T>;
  for (Index k = 0; k < K;) {
    const Index until = smaller(K, k + longest_chain * W);
    Vec<T> a[inputs][few_together] = {};
    for (; k + W <= until; k += W) {
      Vec<T> v[inputs];
#pragma GCC unroll 4
      for (int n = 0; n < inputs; ++n) v[n] = load(x[n] + k);
#pragma GCC unroll 4
      for (Index r = 0; r < few_together; ++r) {
        const Vec<T> weight = load(w[r] + k);
#pragma GCC unroll 4
        for (int n = 0; n < inputs; ++n) a[n][r] += weight * v[n];
      }
    }
    if (k < until) {
      const int lanes = static_cast<int>(until - k);
      for (int n = 0; n < inputs; ++n)
        for (Index r = 0; r < few_together; ++r) a[n][r] += load_part(w[r] + k, lanes) * load_part(x[n] + k, lanes);
      k = until;
    }
    for (int n = 0; n < inputs; ++n)
      for (Index r = 0; r < few_together; ++r) total[n][r] += a[n][r];
  }
}

// Sums of one slot of four units, for n rows of the batch from b on, to to[b * to_row + unit].
template <typename T, int inputs>
TIDEGATE_INLINE void slot_of_units(const T* const* w_x, const T* const* w_h, const Call& call, Index b, T* to, Index to_row) {
  const T *x[inputs], *h[inputs];
  for (int n = 0; n < inputs; ++n) {
    x[n] = row_of<const T>(call.x, 0, b + n);
    h[n] = static_cast<const T*>(call.h0) + (b + n) * call.P;
  }
  Vec<T> total[inputs][few_together] = {};
  if (w_x) multiply_lanes<T, inputs>(w_x, x, call.I, total);
  if (w_h) multiply_lanes<T, inputs>(w_h, h, call.P, total);
  for (int n = 0; n < inputs; ++n) sum_lanes<T>(total[n], to + (b + n) * to_row);
}

template <typename T, typename C> void forward_few(const Call& call) {
  constexpr int W = width<T>, S = C::slots, G = C::gates;
  constexpr Index sums = (W + few_together - 1) / few_together * few_together;  // of one vector of units
  const Index B = call.B, I = call.I, H = call.H, P = call.P, H_blocks = blocks(H, W);
  const Plan how = plan_of_few(call, G, sizeof(T));

  const bool ran = run_team(how, [&](int q) {
    T acc[S * few_rows * sums] = {};
    const Range own = share_of(H_blocks, q, how.threads);
    for (Index u = own.first; u < own.last; ++u) {
      const Index unit = u * W;
      const int lanes = static_cast<int>(smaller<Index>(W, H - unit));
      for (int s = 0; s < S; ++s) {
        const bool from_x = s >= C::x_slot && s < C::x_slot + G, from_h = s >= C::h_slot && s < C::h_slot + G;
        for (Index first = 0; first < lanes; first += few_together) {
          const T *w_x[few_together], *w_h[few_together];
          for (Index r = 0; r < few_together; ++r) {  // behind the last unit, that one again
            const Index row = unit + smaller<Index>(first + r, lanes - 1);
            w_x[r] = from_x ? static_cast<const T*>(call.w_ih) + (C::gate_of_x(s) * H + row) * I : nullptr;
            w_h[r] = from_h ? static_cast<const T*>(call.w_hh) + (C::gate_of_h(s) * H + row) * P : nullptr;
          }
          T* const to = acc + s * few_rows * sums + first;
          const T* const* const x = from_x ? w_x : nullptr;
          const T* const* const h = from_h ? w_h : nullptr;
          Index b = 0;
          if (B > 2)
            for (; b + 3 <= B; b += 3) slot_of_units<T, 3>(x, h, call, b, to, sums);
          for (; b + 2 <= B; b += 2) slot_of_units<T, 2>(x, h, call, b, to, sums);
          for (; b < B; ++b) slot_of_units<T, 1>(x, h, call, b, to, sums);
        }
      }
      Vec<T> bias[S];
      for (int s = 0; s < S; ++s) {
        bias[s] = zero<T>();
        if (s >= C::x_slot && s < C::x_slot + G && call.b_ih)
          bias[s] += load_part(static_cast<const T*>(call.b_ih) + C::gate_of_x(s) * H + unit, lanes);
        if (s >= C::h_slot && s < C::h_slot + G && call.b_hh)
          bias[s] += load_part(static_cast<const T*>(call.b_hh) + C::gate_of_h(s) * H + unit, lanes);
      }
      for (Index b = 0; b < B; ++b) {
        Vec<T> a[S], keep[C::saved + 1], c = zero<T>(), old = zero<T>();
        for (int s = 0; s < S; ++s) a[s] = bias[s] + load(acc + (s * few_rows + b) * sums);
        if (C::has_c) c = load_part(static_cast<const T*>(call.c0) + b * H + unit, lanes);
        if (C::needs_old_h) old = load_part(static_cast<const T*>(call.h0) + b * H + unit, lanes);
        const Vec<T> h = C::forward(a, old, c, keep);
        store_part(row_of<T>(call.out, 0, b) + unit, h, lanes);
        store_part(static_cast<T*>(call.hn) + b * H + unit, h, lanes);
        if (C::has_c) store_part(static_cast<T*>(call.cn) + b * H + unit, c, lanes);
        if (C::has_c && call.c_out.data) store_part(row_of<T>(call.c_out, 0, b) + unit, c, lanes);
        if (C::saved && call.saved)
          for (int v = 0; v < C::saved; ++v) store(static_cast<T*>(call.saved) + ((u * B + b) * C::saved + v) * W, keep[v]);
      }
    }
  });
  if (!ran) forward_few<T, C>(on_one_thread(call));
}

// What four rows of weights (the last of them may be fewer, and are then repeated with nothing to pass back) have to do
// with K inputs of each row of the batch: d_w[r] = sum over the batch of d[b][r] x[b], and passed[b] += sum over the
// rows of d[b][r] w[r].
template <typename T> struct FewRows {
  const T* w[few_together];
  T* d_w[few_together];
  T d[few_rows][few_together];
  Index count;

  void gradients(const T* const* x, Index B, Index K) const {
    constexpr int W = width<T>, vectors = 2;
    Index k = 0;
    for (; k + vectors * W <= K; k += vectors * W) {
      Vec<T> a[few_together][vectors] = {};
      for (Index b = 0; b < B; ++b) {
        const Vec<T> v[vectors] = {load(x[b] + k), load(x[b] + k + W)};
#pragma GCC unroll 4
        for (Index r = 0; r < few_together; ++r)
          for (int i = 0; i < vectors; ++i) a[r][i] += fill(d[b][r]) * v[i];
      }
      for (Index r = 0; r < count; ++r)
        for (int i = 0; i < vectors; ++i) store(d_w[r] + k + i * W, a[r][i]);
    }
    for (; k < K; k += W) {
      const int lanes = static_cast<int>(smaller<Index>(W, K - k));
      Vec<T> a[few_together] = {};
      for (Index b = 0; b < B; ++b) {
        const Vec<T> v = load_part(x[b] + k, lanes);
        for (Index r = 0; r < few_together; ++r) a[r] += fill(d[b][r]) * v;
      }
      for (Index r = 0; r < count; ++r) store_part(d_w[r] + k, a[r], lanes);
    }
  }
  // For `inputs` rows of the batch from b on.
  template <int inputs> TIDEGATE_INLINE void pass_some(T* passed, Index row, Index b, Index K) const {
    constexpr int W = width<T>;
    for (Index k = 0; k < K; k += W) {
      const int lanes = static_cast<int>(smaller<Index>(W, K - k));
      Vec<T> sum[inputs] = {};
#pragma GCC unroll 4
      for (Index r = 0; r < few_together; ++r) {
        const Vec<T> weight = load_part(w[r] + k, lanes);
        for (int n = 0; n < inputs; ++n) sum[n] += fill(d[b + n][r]) * weight;
      }
      for (int n = 0; n < inputs; ++n) {
        T* const to = passed + (b + n) * row + k;
        store(to, load(to) + sum[n]);
      }
    }
  }
  void pass(T* passed, Index row, Index B, Index K) const {
    Index b = 0;
    for (; b + 4 <= B; b += 4) pass_some<4>(passed, row, b, K);
    for (; b < B; ++b) pass_some<1>(passed, row, b, K);
  }
};

template <typename T, typename C> void backward_few(const Call& call) {
  constexpr int W = width<T>, S = C::slots, G = C::gates;
  constexpr Index groups_of_chain = longest_chain / few_together;
  const Index B = call.B, I = call.I, H = call.H, P = call.P, H_blocks = blocks(H, W);
  const Index x_row = blocks(I, W) * W, h_row = blocks(P, W) * W;  // whole vectors
  const Plan how = plan_of_few(call, G, sizeof(T));

  // Two levels of what is passed back: sums of one chain each, and their sum.
  Arena arena;
  const Index at_d = arena.reserve<T>(S * B * (H_blocks + 1) * W);
  const Index at_x = arena.reserve<T>(2 * B * x_row), at_h = arena.reserve<T>(2 * B * h_row);
  arena.allocate(how.threads);
  const T* const saved = static_cast<const T*>(call.saved);
  Barrier barrier;

  const bool ran = run_team(how, [&](int q) {
    T* const d = arena.at<T>(at_d, q);
    T* const d_x = call.d_x.data ? arena.at<T>(at_x, q) : nullptr;
    T* const d_h = call.d_h0 ? arena.at<T>(at_h, q) : nullptr;
    if (d_x) std::memset(d_x, 0, static_cast<std::size_t>(2 * B * x_row) * sizeof(T));
    if (d_h) std::memset(d_h, 0, static_cast<std::size_t>(2 * B * h_row) * sizeof(T));
    const Index d_row = (H_blocks + 1) * W;  // d[slot][b][unit]
    const Range own = share_of(H_blocks, q, how.threads);

    for (Index u = own.first; u < own.last; ++u) {
      const Index unit = u * W;
      const int lanes = static_cast<int>(smaller<Index>(W, H - unit));
      Vec<T> sum[S] = {};
      for (Index b = 0; b < B; ++b) {
        Vec<T> keep[C::saved + 1], of[S], dh = zero<T>(), dc = zero<T>(), c_old = zero<T>(), h_old = zero<T>(), h = zero<T>();
        for (int v = 0; v < C::saved; ++v) keep[v] = load(saved + ((u * B + b) * C::saved + v) * W);
        if (call.d_out.data) dh += load_part(row_of<const T>(call.d_out, 0, b) + unit, lanes);
        if (call.d_hn) dh += load_part(static_cast<const T*>(call.d_hn) + b * H + unit, lanes);
        if (C::has_c) {
          if (call.d_cn) dc = load_part(static_cast<const T*>(call.d_cn) + b * H + unit, lanes);
          if (call.d_c_out.data) dc += load_part(row_of<const T>(call.d_c_out, 0, b) + unit, lanes);
          c_old = load_part(static_cast<const T*>(call.c0) + b * H + unit, lanes);
        }
        if (C::needs_old_h) h_old = load_part(static_cast<const T*>(call.h0) + b * H + unit, lanes);
        if (C::needs_new_h) h = load_part(row_of<const T>(call.out, 0, b) + unit, lanes);
        const Vec<T> direct = C::backward(dh, dc, keep, c_old, h_old, h, of);
        for (int s = 0; s < S; ++s) {
          store(d + (s * B + b) * d_row + unit, of[s]);
          sum[s] += of[s];
        }
        if (d_h) store_part(d_h + (B + b) * h_row + unit, direct, lanes);
        if (C::has_c && call.d_c0) store_part(static_cast<T*>(call.d_c0) + b * H + unit, dc, lanes);
      }
      for (int s = 0; s < S; ++s) {
        if (s >= C::x_slot && s < C::x_slot + G && call.d_b_ih)
          store_part(static_cast<T*>(call.d_b_ih) + C::gate_of_x(s) * H + unit, sum[s], lanes);
        if (s >= C::h_slot && s < C::h_slot + G && call.d_b_hh)
          store_part(static_cast<T*>(call.d_b_hh) + C::gate_of_h(s) * H + unit, sum[s], lanes);
      }
    }

    // The rows of the weights that lead to the units of this thread.
    const Index first_unit = own.first * W, last_unit = smaller(own.last * W, H);
    const auto through = [&](const void* w, void* d_w, int slot, Index gate, const T* const* in, T* passed, Index row, Index K,
                             Index& in_chain) {
      if (!d_w && !passed) return;
      for (Index unit = first_unit; unit < last_unit; unit += few_together) {
        FewRows<T> rows;
        rows.count = smaller(few_together, last_unit - unit);
        for (Index r = 0; r < few_together; ++r) {
          const Index at = (gate * H + unit + smaller(r, rows.count - 1)) * K;
          rows.w[r] = static_cast<const T*>(w) + at;
          rows.d_w[r] = static_cast<T*>(d_w) + (d_w ? at : 0);
          for (Index b = 0; b < B; ++b) rows.d[b][r] = r < rows.count ? d[(slot * B + b) * d_row + unit + r] : T(0);
        }
        if (d_w) rows.gradients(in, B, K);
        if (passed) rows.pass(passed, row, B, K);
        if (passed && ++in_chain == groups_of_chain) {
          in_chain = 0;
          for (Index v = 0; v < B * row; v += W) {
            store(passed + B * row + v, load(passed + B * row + v) + load(passed + v));
            store(passed + v, zero<T>());
          }
        }
      }
    };
    const T *x[few_rows], *h[few_rows];
    for (Index b = 0; b < B; ++b) {
      x[b] = row_of<const T>(call.x, 0, b);
      h[b] = static_cast<const T*>(call.h0) + b * P;
    }
    Index x_chain = 0, h_chain = 0;
    for (int j = 0; j < G; ++j) {
      const int of_x = C::x_slot + j, of_h = C::h_slot + j;
      through(call.w_ih, call.d_w_ih, of_x, C::gate_of_x(of_x), x, d_x, x_row, I, x_chain);
      through(call.w_hh, call.d_w_hh, of_h, C::gate_of_h(of_h), h, d_h, h_row, P, h_chain);
    }
    barrier.wait(how.threads);

    const auto sum_up = [&](Index at, Index row, Index N, Index b, T* to, bool add) {
      const Range mine = share_of(blocks(N, W), q, how.threads);
      for (Index v = mine.first; v < mine.last; ++v) {
        const int lanes = static_cast<int>(smaller<Index>(W, N - v * W));
        Vec<T> sum = add ? load_part(to + v * W, lanes) : zero<T>();
        for (int other = 0; other < how.threads; ++other)
          for (Index level = 1; level >= 0; --level) sum += load(arena.at<T>(at, other) + (level * B + b) * row + v * W);
        store_part(to + v * W, sum, lanes);
      }
    };
    for (Index b = 0; b < B; ++b) {
      if (d_x) sum_up(at_x, x_row, I, b, row_of<T>(call.d_x, 0, b), call.add_to_d_x);
      if (d_h) sum_up(at_h, h_row, P, b, static_cast<T*>(call.d_h0) + b * P, false);
    }
  });
  if (!ran) backward_few<T, C>(on_one_thread(call));
}

}  // namespace TIDEGATE_ISA
}  // namespace tidegate
