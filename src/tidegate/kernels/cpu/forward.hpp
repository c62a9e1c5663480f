// forward.hpp — all steps of one direction of one layer.
//
// Time goes in chunks: W x + b of a chunk as one product, then its steps one by one, each a product
// with the recurrent panels and the pointwise part of the cell while the gates are still in cache.
#pragma once
#include "cells.hpp"
#include "pack.hpp"
#include "product.hpp"
#include "team.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace tidegate {
namespace TIDEGATE_ISA {

constexpr Index k_block = 1024;          // columns of a panel that stay in cache while the rows pass
constexpr Index rows_block = 96;         // rows whose sums stay in cache while the panel passes
constexpr Index past_cache = 4 << 20;    // bytes; a larger result is not read again from cache

template <typename T> TIDEGATE_INLINE T* row_of(const Rows& rows, Index t, Index b) {
  return static_cast<T*>(rows.data) + t * rows.step + b * rows.sequence;
}

// False, and nothing done, when there are fewer threads than asked for, or they are too far apart to share the work.
template <typename F> bool run_team(const Plan& how, F body) {
#ifdef _OPENMP
  if (how.threads > 1) {
    bool done = true;
    Seats seats;
    Meeting meeting;
    seats.take(0);
#pragma omp parallel num_threads(how.threads)
    {
      const int q = omp_get_thread_num();
      if (q) seats.take(q);
      if (omp_get_num_threads() == how.threads &&
          (!how.longest_meeting || meeting.is_short(q, how.threads, how.longest_meeting))) {
        FlushDenormals guard;
        body(q);
      } else if (q == 0) {
        done = false;
      }
    }
    return done;
  }
#endif
  if (how.threads > 1) return false;
  FlushDenormals guard;
  body(0);
  return true;
}

inline Call on_one_thread(Call call) {
  call.threads = 1;
  return call;
}

// Copies n numbers of a row into column blocks.
template <typename T> TIDEGATE_INLINE void block_row(const T* from, Index n, T* to, Index block) {
  for (Index k = 0; k < n; k += width<T>, to += block) store(to, load_part(from + k, static_cast<int>(smaller<Index>(n - k, width<T>))));
}

// Where the pointwise part of one row finds its numbers, for the first of `wide` vectors of units.
template <typename T> struct ForwardRow {
  const T *acc, *h_old;  // acc: slots after slots
  T *c, *h_new, *out, *c_out, *saved;
  const T *drop, *hold_h, *hold_c;  // noise
  T* held;                          // h as it is, beside h_new, which is multiplied by `drop`
};

// The share of the old value that stays, with the rest of the new one: exactly one of them where it is 0 or 1.
template <typename V> TIDEGATE_INLINE V hold(V share, V old_value, V new_value) {
  return share * old_value + (new_value - share * new_value);
}

// How many vectors a step keeps for backward.
template <typename C, bool noisy> constexpr int kept_vectors = C::saved + (noisy ? C::held : 0);

template <typename T, typename C, bool noisy>
TIDEGATE_INLINE void forward_row(ForwardRow<T> row, Index wide, Index lanes, Index block, Index saved_block, bool past) {
  constexpr int W = width<T>, kept = kept_vectors<C, noisy>;
  for (Index u = 0; u < wide; ++u, lanes -= W) {
    const int n = static_cast<int>(smaller<Index>(W, lanes));
    Vec<T> a[C::slots], keep[C::saved + 2], c = zero<T>(), old = zero<T>();
#pragma GCC unroll 8
    for (int v = 0; v < C::slots; ++v) a[v] = load(row.acc + v * W);
    if (C::has_c) c = load(row.c);
    if (noisy) old = load(row.held);
    else if (C::needs_old_h) old = load(row.h_old);
    const Vec<T> c_old = c;
    Vec<T> h = C::forward(a, old, c, keep);
    if constexpr (noisy) {
      if (!C::has_c && C::held) keep[C::saved] = h;
      if (row.hold_h) h = hold(load_part(row.hold_h, n), old, h), row.hold_h += W;
      if (C::has_c && row.hold_c) c = hold(load_part(row.hold_c, n), c_old, c), row.hold_c += W;
      if (C::has_c) keep[C::saved] = c;
      store(row.held, h);
      row.held += block;
      store(row.h_new, row.drop ? h * load_part(row.drop, n) : h);
      if (row.drop) row.drop += W;
    } else {
      store(row.h_new, h);
    }
    if (C::has_c) {
      store(row.c, c);
      if (row.c_out) store_part(row.c_out, c, n), row.c_out += W;
    }
    store_part(row.out, h, n);
    if (kept && row.saved) {
#pragma GCC unroll 8
      for (int v = 0; v < kept; ++v) stream(row.saved + v * W, keep[v], past);
      row.saved += saved_block;
    }
    row.acc += C::slots * W, row.h_old += block, row.c += block, row.h_new += block, row.out += W;
  }
}

template <typename T, typename C, bool noisy = false> void forward(const Call& call) {
  constexpr int W = width<T>, U = C::units, S = C::slots, G = C::gates, kept = kept_vectors<C, noisy>;
  const Index B = call.B, I = call.I, H = call.H, P = call.P;
  const Index H_blocks = blocks(H, W), I_blocks = blocks(I, W), P_blocks = blocks(P, W), panels = blocks(H_blocks, U);
  const Index slots = S * U;
  const bool projected = call.w_hr;

  Schedule schedule;
  schedule.steps = longest(call);
  const Index total = real_rows(call);
  const Plan how = plan(call, G, total, schedule.steps, sizeof(T));
  const int members = how.members();
  const Index waves = waves_of(blocks(B, how.groups), G * H * (P + I) * static_cast<Index>(sizeof(T)));
  const Index rows_each = blocks(blocks(B, how.groups), waves), panels_each = blocks(panels, members);
  const Index chunk_rows = larger<Index>(rows_each, smaller<Index>(128, blocks(total, how.groups)));
  const Index x_size = blocks(I_blocks * odd(chunk_rows) * W + 16, 16) * 16;
  const Index gates_size = blocks(panels_each * chunk_rows * slots * W + 16, 16) * 16;

  // in a copy for each group; the schedule only in the first
  Arena arena;
  const Index at_order = arena.reserve<Index>(B), at_length = arena.reserve<Index>(B), at_count = arena.reserve<Index>(call.T + 2);
  const Index at_row = arena.reserve<Index>(B), at_first = arena.reserve<Index>(B);
  const Index at_offset = arena.reserve<Index>(schedule.steps + 1), at_share = arena.reserve<Index>(members * (schedule.steps + 1));
  const Index at_w_ih = arena.reserve<T>(H_blocks * G * W * I), at_w_hh = arena.reserve<T>(H_blocks * G * W * P);
  const Index at_w_hr = projected ? arena.reserve<T>(P_blocks * W * H) : 0;
  const Index at_m = projected ? arena.reserve<T>(H_blocks * odd(rows_each) * W) : 0;
  const Index at_bias = arena.reserve<T>(panels * slots * W);
  const Index at_h = arena.reserve<T>(2 * P_blocks * odd(rows_each) * W);
  const Index at_c = C::has_c ? arena.reserve<T>(H_blocks * odd(rows_each) * W) : 0;
  const Index at_held = noisy ? arena.reserve<T>(H_blocks * odd(rows_each) * W) : 0;
  const Index at_x = arena.reserve<T>(members * x_size), at_gates = arena.reserve<T>(members * gates_size);
  arena.allocate(how.groups);

  schedule.order = arena.at<Index>(at_order);
  schedule.length = arena.at<Index>(at_length);
  schedule.row = arena.at<Index>(at_row), schedule.first = arena.at<Index>(at_first);
  schedule.offset = arena.at<Index>(at_offset);
  fill_schedule(call, schedule, arena.at<Index>(at_count));

  const bool past = total * H * kept * static_cast<Index>(sizeof(T)) > past_cache;
  const T* const drop = noisy ? static_cast<const T*>(call.drop) : nullptr;
  Barrier barrier;

  const bool ran = run_team(how, [&](int q) {
    const int group = q / members, member = q % members;
    T* const w_ih = arena.at<T>(at_w_ih, group);
    T* const w_hh = arena.at<T>(at_w_hh, group);
    T* const w_hr = arena.at<T>(at_w_hr, group);
    T* const m_blocked = arena.at<T>(at_m, group);  // h before its projection
    T* const bias = arena.at<T>(at_bias, group);
    T* const h_blocked = arena.at<T>(at_h, group);
    T* const c_blocked = arena.at<T>(at_c, group);
    T* const held = arena.at<T>(at_held, group);  // h before noise
    T* const x = arena.at<T>(at_x, group) + member * x_size;
    T* const gates = arena.at<T>(at_gates, group) + member * gates_size;

    const Range own = share_of(panels, member, members);
    const Range own_c{own.first * U, smaller(own.last * U, H_blocks)};
    const Range own_h = projected ? share_of(P_blocks, member, members) : own_c;
    const Index block = odd(rows_each) * W, half = P_blocks * block;

    // weights and state, blocked; each member a part
    for (Index p = own.first; p < own.last; ++p) {
      const Index wide = smaller<Index>(U, H_blocks - p * U);  // vectors of units in this panel
      for (Index u = 0; u < wide; ++u) {
        const Index unit = (p * U + u) * W;
        const int lanes = static_cast<int>(smaller<Index>(W, H - unit));
        for (int s = 0; s < S; ++s) {
          T* const b = bias + (p * slots + (u + s)) * W;
          Vec<T> sum = zero<T>();
          if (s >= C::x_slot && s < C::x_slot + G) {
            const int gate = C::gate_of_x(s), j = s - C::x_slot;
            if (call.b_ih) sum += load_part(static_cast<const T*>(call.b_ih) + gate * H + unit, lanes);
            pack_transposed(static_cast<const T*>(call.w_ih) + (gate * H + unit) * I, I, lanes, I,
                            w_ih + p * U * G * W * I + (u + j) * W, wide * G * W);
          }
          if (s >= C::h_slot && s < C::h_slot + G) {
            const int gate = C::gate_of_h(s), j = s - C::h_slot;
            if (call.b_hh) sum += load_part(static_cast<const T*>(call.b_hh) + gate * H + unit, lanes);
            pack_transposed(static_cast<const T*>(call.w_hh) + (gate * H + unit) * P, P, lanes, P,
                            w_hh + p * U * G * W * P + (u + j) * W, wide * G * W);
          }
          store(b, sum);
        }
      }
    }

    if (projected)
      for (Index u = own_h.first; u < own_h.last; ++u)
        pack_transposed(static_cast<const T*>(call.w_hr) + u * W * H, H, static_cast<int>(smaller<Index>(W, P - u * W)), H,
                        w_hr + u * W * H, Index(W));
    const Index acc_row = slots * W, acc_panel = chunk_rows * slots * W;
    const Index own_full = larger(Index(0), smaller(own.last, H_blocks / U) - own.first);  // panels of full width

    // Weights that do not stay in the second cache from step to step come while the panel before multiplies.
    const bool streams = G * H * (P + I) * static_cast<Index>(sizeof(T)) / members > second_cache;
    Lines<T> lines;

    // acc += a @ w for every panel of this thread
    const auto product = [&](Index first, Index last, Index rows, Index K, const T* a, Index a_block, const T* w, T* acc) {
      constexpr int wide = G * U;
      const Index w_panel = wide * W * K;
      for (Index k = 0; k < K; k += 2 * k_block) {
        const Index depth = smaller(2 * k_block, K - k);
        const Index full = smaller(last, own_full) - first;
        if (full > 0)
          rows_panels<T, wide>(full, rows, depth, a + k / W * a_block, a_block, w + (own.first + first) * w_panel + k * wide * W,
                               w_panel, acc + first * acc_panel, acc_row, acc_panel, streams ? &lines : nullptr);
        if (last > own_full && U > 1) {
          const int narrow = static_cast<int>(H_blocks % U);
          rows_panel<T>(narrow, rows, depth, a + k / W * a_block, a_block, w + (own.first + own_full) * w_panel + k * narrow * W,
                        acc + own_full * acc_panel, acc_row);
        }
      }
    };

    const auto clear = [&](const Rows& rows, Index N, Range own, Index t, Index b) {
      T* const out = row_of<T>(rows, t, b);
      const bool past_out = call.T * B * N * static_cast<Index>(sizeof(T)) > past_cache && is_aligned(out);
      for (Index u = own.first; u < own.last; ++u) {
        const Index lanes = N - u * W;
        if (lanes >= W) stream(out + u * W, zero<T>(), past_out);
        else store_part(out + u * W, zero<T>(), static_cast<int>(lanes));
      }
    };
    Index* const offsets = arena.at<Index>(at_share, group) + member * (schedule.steps + 1);
    for (Index wave = 0; wave < waves; ++wave) {
      const Share share = share_of_rows(schedule, B, group, how.groups, wave, waves, offsets);
      for (Index r = 0; r < share.count; ++r) {
        const Index b = schedule.order[share.row(r)];
        for (Index u = own_h.first; u < own_h.last; ++u) {
          const int lanes = static_cast<int>(smaller<Index>(W, P - u * W));
          const Vec<T> h = load_part(static_cast<const T*>(call.h0) + b * P + u * W, lanes);
          if (noisy) store(held + u * block + r * W, h);
          store(h_blocked + u * block + r * W, drop ? h * load_part(drop + schedule.row[share.row(r)] * H + u * W, lanes) : h);
        }
        if (C::has_c)
          for (Index u = own_c.first; u < own_c.last; ++u)
            store(c_blocked + u * block + r * W,
                  load_part(static_cast<const T*>(call.c0) + b * H + u * W, static_cast<int>(smaller<Index>(W, H - u * W))));
      }
      barrier.wait(members);

      for (Index s_first = 0, s_last; s_first < share.steps; s_first = s_last) {
        Index rows = 0;
        for (s_last = s_first; s_last < share.steps; ++s_last) {
          const Index more = share.active(s_last);
          if (s_last > s_first && rows + more > chunk_rows) break;
          for (Index r = 0; r < more; ++r) {
            const Index i = share.row(r);
            block_row(row_of<const T>(call.x, schedule.time(i, s_last), schedule.row[i]), I, x + (rows + r) * W, odd(chunk_rows) * W);
          }
          rows += more;
        }
        for (Index p = own.first; p < own.last; ++p)
          for (Index r = 0; r < rows; ++r)
            for (Index v = 0; v < slots; ++v)
              store(gates + (p - own.first) * acc_panel + r * acc_row + v * W, load(bias + (p * slots + v) * W));
        product(0, own.last - own.first, rows, I, x, odd(chunk_rows) * W, w_ih, gates + C::x_slot * W);

        Index done = 0;
        T unprojected[U * W];
        for (Index s = s_first; s < s_last; ++s) {
          const Index running = share.active(s);
          const T* const h_old = h_blocked + (s % 2) * half;
          T* const h_new = h_blocked + ((s + 1) % 2) * half;
          const Index together = running == 1 ? own.last - own.first : 1;
          for (Index first = own.first; first < own.last && running > 0; first += together) {
            product(first - own.first, first - own.first + together, running, P, h_old, block, w_hh, gates + done * acc_row + C::h_slot * W);
            for (Index p = first; p < first + together; ++p) {
              const Index wide = smaller<Index>(U, H_blocks - p * U);
              for (Index r = 0; r < running; ++r) {
                const Index i = share.row(r), unit = p * U * W, state = p * U * block + r * W;
                const Index t = schedule.time(i, s), b = schedule.row[i];
                ForwardRow<T> row{};
                row.acc = gates + (p - own.first) * acc_panel + (done + r) * acc_row;
                row.h_old = h_old + state;
                row.h_new = projected ? m_blocked + state : h_new + state;
                row.c = c_blocked + state;
                row.out = projected ? unprojected : row_of<T>(call.out, t, b) + unit;
                row.c_out = C::has_c && call.c_out.data ? row_of<T>(call.c_out, t, b) + unit : nullptr;
                row.saved = kept && call.saved ? static_cast<T*>(call.saved) + schedule.kept(s, H_blocks, p * U, i) * kept * W : nullptr;
                if constexpr (noisy) {
                  row.held = held + state;
                  row.drop = drop ? drop + b * H + unit : nullptr;
                  row.hold_h = call.hold_h.data ? row_of<const T>(call.hold_h, t, b) + unit : nullptr;
                  row.hold_c = call.hold_c.data ? row_of<const T>(call.hold_c, t, b) + unit : nullptr;
                }
                forward_row<T, C, noisy>(row, wide, H - unit, block, schedule.active(s) * kept * W, past);
              }
            }
          }
          done += running;
          if (projected) {
            barrier.wait(members);
            for (Index u = own_h.first; u < own_h.last && running > 0; ++u) {
              const int lanes = static_cast<int>(smaller<Index>(W, P - u * W));
              T* const h = h_new + u * block;
              for (Index r = 0; r < running; ++r) store(h + r * W, zero<T>());
              rows_panel<T, 1>(running, H, m_blocked, block, w_hr + u * W * H, h, Index(W));
              for (Index r = 0; r < running; ++r) {
                const Index i = share.row(r);
                store_part(row_of<T>(call.out, schedule.time(i, s), schedule.row[i]) + u * W, load(h + r * W), lanes);
              }
            }
          }
          barrier.wait(members);
          for (Index u = 0; u < P_blocks && members > 1; ++u)
            if (u < own_h.first || u >= own_h.last) prefetch(h_new + u * block, share.active(s + 1) * W);
        }
      }

      // final states, and zeros after the end of a sequence
      for (Index r = 0; r < share.count; ++r) {
        const Index i = share.row(r), b = schedule.order[i], length = schedule.length[i];
        const T* const last = (noisy ? held : h_blocked + (length % 2) * half) + r * W;
        if (C::has_c)
          for (Index u = own_c.first; u < own_c.last; ++u)
            store_part(static_cast<T*>(call.cn) + b * H + u * W, load(c_blocked + r * W + u * block),
                       static_cast<int>(smaller<Index>(W, H - u * W)));
        for (Index u = own_h.first; u < own_h.last; ++u) {
          const int lanes = static_cast<int>(smaller<Index>(W, P - u * W));
          store_part(static_cast<T*>(call.hn) + b * P + u * W, load(last + u * block), lanes);
        }
      }
      for (Index t = 0; t < call.T && !call.rows; ++t)
        for (Index r = share.active(t); r < share.count; ++r) {
          const Index b = schedule.order[share.row(r)];
          clear(call.out, P, own_h, t, b);
          if (C::has_c && call.c_out.data) clear(call.c_out, H, own_c, t, b);
        }
    }
    streams_done();
  });
  if (!ran) forward<T, C, noisy>(on_one_thread(call));
}

}  // namespace TIDEGATE_ISA
}  // namespace tidegate
