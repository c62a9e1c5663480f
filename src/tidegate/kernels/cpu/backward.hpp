// backward.hpp — the gradients of forward.hpp, from the last step to the first.
//
// Time goes in chunks again. The steps of a chunk leave the gradients d of its gates in column blocks;
// then, while d is in cache, the threads of a group share the large products: d x for the rows of the
// chunk and the chunk's part of the gradients of the weights, each thread its own units. In the end the
// groups add up their gradients of the weights.
#pragma once
#include "forward.hpp"

namespace tidegate {
namespace TIDEGATE_ISA {

struct Place {
  Index t, b;
};

// Where the pointwise part of one row finds its numbers, for the first of `wide` vectors of units.
template <typename T> struct BackwardRow {
  const T *acc, *saved, *c_old, *h_old, *h, *d_c_out;
  T *d, *dh, *dc;
  const T *hold_h, *hold_c;  // noise
};

template <typename T, typename C, bool noisy>
TIDEGATE_INLINE void backward_row(BackwardRow<T> row, Index wide, Index lanes, Index saved_block, Index c_block, Index state_block,
                                  Index d_block, Index d_slot) {
  constexpr int W = width<T>;
  for (Index u = 0; u < wide; ++u, lanes -= W) {
    const int n = static_cast<int>(smaller<Index>(W, lanes));
    Vec<T> keep[C::saved + 1], d[C::slots], c_old = zero<T>(), h_old = zero<T>(), h = zero<T>(), dc = zero<T>();
    Vec<T> dh = load(row.acc), dh_held = zero<T>(), dc_held = zero<T>();
#pragma GCC unroll 8
    for (int v = 0; v < C::saved; ++v) keep[v] = load(row.saved + v * W);
    if (C::has_c) {
      c_old = load_part(row.c_old, n), dc = load(row.dc);
      if (row.d_c_out) dc += load_part(row.d_c_out, n), row.d_c_out += W;
    }
    if (C::needs_old_h) h_old = load_part(row.h_old, n);
    if (C::needs_new_h) h = noisy ? load(row.saved) : load_part(row.h, n);
    if constexpr (noisy) {
      if (row.hold_h) dh_held = dh * load_part(row.hold_h, n), dh -= dh_held, row.hold_h += W;
      if (C::has_c && row.hold_c) dc_held = dc * load_part(row.hold_c, n), dc -= dc_held, row.hold_c += W;
    }
    dh = C::backward(dh, dc, keep, c_old, h_old, h, d);
    if constexpr (noisy) dh += dh_held, dc += dc_held;
#pragma GCC unroll 8
    for (int v = 0; v < C::slots; ++v) store(row.d + v * d_slot, d[v]);
    store(row.dh, dh);
    if (C::has_c) store(row.dc, dc);
    row.acc += W, row.saved += saved_block, row.c_old += c_block, row.h_old += W, row.h += W;
    row.d += d_block, row.dh += state_block, row.dc += state_block;
  }
}

// A running sum with what rounding has taken from it so far (Kahan 1965): thousands of steps end in one bias.
template <typename T> struct CarefulSum {
  Vec<T> sum = zero<T>(), lost = zero<T>();
  TIDEGATE_INLINE void add(Vec<T> value) {
    const Vec<T> whole = value - lost, next = sum + whole;
    lost = (next - sum) - whole;
    sum = next;
  }
};

// Adds to sums the sums over k of a[k], a[k] x0[k] and, for two inputs, a[k] x1[k]; x [k][one vector].
template <typename T, int inputs>
void add_sums(Index rows, const T* a, const T* x, CarefulSum<T>* sums) {
  constexpr int W = width<T>, chains = 2;
  CarefulSum<T> part[chains][inputs + 1];
  for (int i = 0; i <= inputs; ++i) part[0][i] = sums[i];
  const auto add = [&](Index k, int j) __attribute__((always_inline)) {
    const Vec<T> value = load(a + k * W);
    part[j][0].add(value);
    for (int i = 0; i < inputs; ++i) part[j][i + 1].add(value * fill(x[k * W + i]));
  };
  Index k = 0;
  for (; k + chains <= rows; k += chains)
#pragma GCC unroll 4
    for (int j = 0; j < chains; ++j) add(k + j, j);
  for (; k < rows; ++k) add(k, 0);
  for (int i = 0; i <= inputs; ++i) {
    part[0][i].add(part[1][i].sum);
    sums[i] = part[0][i];
  }
}

template <typename T, typename C, bool noisy = false> void backward(const Call& call) {
  constexpr int W = width<T>, S = C::slots, G = C::gates, kept = kept_vectors<C, noisy>;
  const Index B = call.B, I = call.I, H = call.H, P = call.P;
  const Index H_blocks = blocks(H, W), I_blocks = blocks(I, W), P_blocks = blocks(P, W);
  const bool projected = call.w_hr;

  Schedule schedule;
  schedule.steps = longest(call);
  const Index total = real_rows(call);
  const Plan how = plan(call, G, total, schedule.steps, sizeof(T));
  const int members = how.members();
  const Index waves = waves_of(blocks(B, how.groups), G * H * (P + I) * static_cast<Index>(sizeof(T)));
  const Index rows_each = blocks(blocks(B, how.groups), waves);
  const Index chunk_rows = larger<Index>(rows_each, smaller<Index>(how.groups > 1 ? 128 : 256, larger<Index>(blocks(total, how.groups), 1)));
  const Index d_rows = odd(chunk_rows + rows_each);  // the last ones hold the step after the chunk
  const bool small_input = I == 1 || I == 2;         // then d_w_ih goes with the sums for the biases

  // Panels of W_hh and W_hr, columns of them, wide_h vectors wide; fewer when each thread should have some.
  const Index wide_h = larger<Index>(1, smaller<Index>(4, P_blocks / members));
  const Index panels = blocks(H_blocks, wide_h), panels_p = blocks(P_blocks, wide_h);
  const Index wide_i = 4, panels_i = blocks(I_blocks, wide_i);

  // in a copy for each group; the schedule only in the first
  Arena arena;
  const Index at_order = arena.reserve<Index>(B), at_length = arena.reserve<Index>(B), at_count = arena.reserve<Index>(call.T + 2);
  const Index at_row = arena.reserve<Index>(B), at_first = arena.reserve<Index>(B);
  const Index at_offset = arena.reserve<Index>(schedule.steps + 1), at_share = arena.reserve<Index>(members * (schedule.steps + 1));
  const Index at_place = arena.reserve<Place>(chunk_rows);
  const Index at_w_hh = arena.reserve<T>(P_blocks * W * G * H);
  const Index at_w_hr = projected ? arena.reserve<T>(H_blocks * W * P) : 0;
  const Index at_w_ih = call.d_x.data ? arena.reserve<T>(I_blocks * W * G * H) : 0;
  const Index at_d = arena.reserve<T>(S * H_blocks * d_rows * W);
  const Index at_x = arena.reserve<T>(I_blocks * odd(chunk_rows) * W), at_h = arena.reserve<T>(P_blocks * odd(chunk_rows) * W);
  const Index at_dp = projected ? arena.reserve<T>(P_blocks * odd(chunk_rows) * W) : 0;
  const Index at_m = projected ? arena.reserve<T>(H_blocks * odd(chunk_rows) * W) : 0;
  const Index at_dh = arena.reserve<T>(H_blocks * odd(rows_each) * W);
  const Index at_dc = C::has_c ? arena.reserve<T>(H_blocks * odd(rows_each) * W) : 0;
  const Index acc_size = rows_block * 4 * W;
  const Index at_acc = arena.reserve<T>(members * acc_size);
  const Index at_sums = arena.reserve<CarefulSum<T>>(S * H_blocks * 3);
  // gradients of W_ih, W_hh and W_hr; the first group writes to where they belong
  T* const d_weights[3] = {small_input ? nullptr : static_cast<T*>(call.d_w_ih), static_cast<T*>(call.d_w_hh),
                           static_cast<T*>(call.d_w_hr)};
  const Index sizes[3] = {G * H * I, G * H * P, P * H};
  Index at_d_weights[3];
  for (int side = 0; side < 3; ++side)
    at_d_weights[side] = d_weights[side] && how.groups > 1 ? arena.reserve<T>(sizes[side]) : 0;
  arena.allocate(how.groups);

  schedule.order = arena.at<Index>(at_order);
  schedule.length = arena.at<Index>(at_length);
  schedule.row = arena.at<Index>(at_row), schedule.first = arena.at<Index>(at_first);
  schedule.offset = arena.at<Index>(at_offset);
  fill_schedule(call, schedule, arena.at<Index>(at_count));
  const Index d_block = d_rows * W, state_block = odd(rows_each) * W, chunk_block = odd(chunk_rows) * W;
  const T* const saved = static_cast<const T*>(call.saved);
  const T* const drop = noisy ? static_cast<const T*>(call.drop) : nullptr;
  Barrier barrier;

  const bool ran = run_team(how, [&](int q) {
    const int group = q / members, member = q % members;
    Place* const place = arena.at<Place>(at_place, group);
    T* const w_hh = arena.at<T>(at_w_hh, group);
    T* const w_ih = arena.at<T>(at_w_ih, group);
    T* const w_hr = arena.at<T>(at_w_hr, group);
    T* const d = arena.at<T>(at_d, group);
    T* const x = arena.at<T>(at_x, group);
    T* const h_before = arena.at<T>(at_h, group);
    T* const dp = arena.at<T>(at_dp, group);  // gradients of h
    T* const m = arena.at<T>(at_m, group);    // h before its projection
    T* const dh = arena.at<T>(at_dh, group);
    T* const dc = arena.at<T>(at_dc, group);
    T* const acc = arena.at<T>(at_acc, group) + member * acc_size;
    CarefulSum<T>* const sums = arena.at<CarefulSum<T>>(at_sums, group);
    const auto gradient_of_weight = [&](int side, int of_group) {
      return of_group && d_weights[side] ? arena.at<T>(at_d_weights[side], of_group) : d_weights[side];
    };

    const Range own = share_of(panels, member, members);
    const Range own_blocks{own.first * wide_h, smaller(own.last * wide_h, H_blocks)};
    const Range own_p = share_of(panels_p, member, members);
    const Range own_blocks_p{own_p.first * wide_h, smaller(own_p.last * wide_h, P_blocks)};
    const Range own_columns = share_of(S * H_blocks, member, members);

    for (Index p = own_p.first; p < own_p.last; ++p) {
      const Index wide = smaller(wide_h, P_blocks - p * wide_h);
      for (int j = 0; j < G; ++j)
        for (Index u = 0; u < wide; ++u) {
          const Index unit = (p * wide_h + u) * W;
          pack_straight(static_cast<const T*>(call.w_hh) + C::gate_of_h(C::h_slot + j) * H * P + unit, P,
                        static_cast<int>(smaller<Index>(W, P - unit)), H,
                        w_hh + (p * wide_h * G * H + j * H * wide + u) * W, wide * W);
        }
    }
    if (projected) {
      for (Index p = own.first; p < own.last; ++p) {
        const Index wide = smaller(wide_h, H_blocks - p * wide_h);
        for (Index u = 0; u < wide; ++u) {
          const Index unit = (p * wide_h + u) * W;
          pack_straight(static_cast<const T*>(call.w_hr) + unit, H, static_cast<int>(smaller<Index>(W, H - unit)), P,
                        w_hr + (p * wide_h * P + u) * W, wide * W);
        }
      }
    }
    if (call.d_x.data) {
      const Range packed_i = share_of(panels_i, member, members);
      for (Index p = packed_i.first; p < packed_i.last; ++p) {
        const Index wide = smaller(wide_i, I_blocks - p * wide_i);
        for (int j = 0; j < G; ++j)
          for (Index u = 0; u < wide; ++u) {
            const Index unit = (p * wide_i + u) * W;
            pack_straight(static_cast<const T*>(call.w_ih) + C::gate_of_x(C::x_slot + j) * H * I + unit, I,
                          static_cast<int>(smaller<Index>(W, I - unit)), H,
                          w_ih + (p * wide_i * G * H + j * H * wide + u) * W, wide * W);
          }
      }
    }
    for (Index v = own_columns.first * 3; v < own_columns.last * 3; ++v) sums[v] = CarefulSum<T>();

    const bool streams = G * H * P * static_cast<Index>(sizeof(T)) / members > second_cache;
    Lines<T> next, none;

    // acc[r] += sum over the gates of d[r] @ w; d starts at the first gate, w at the panel
    const auto product = [&](Index wide, Index rows, const T* left, const T* w, Lines<T>* lines) {
      const Index K = H % W ? H : G * H;  // gates are neighbors unless the last block of each is partly empty
      for (Index g = 0; g * K < G * H; ++g)
        for (Index k = 0; k < K; k += k_block) {
          const Index depth = smaller(k_block, K - k);
          const T* const piece = w + (g * K + k) * wide * W;
          if (streams) lines->stream(piece + depth * wide * W, depth * wide * W, calls_of<4>(rows, depth, W));
          rows_panel<T>(static_cast<int>(wide), rows, depth, left + (g * H_blocks + k / W) * d_block, d_block, piece, acc, wide * W, lines);
        }
    };

    bool first_chunk = true;
    Index* const offsets = arena.at<Index>(at_share, group) + member * (schedule.steps + 1);
    for (Index wave = 0; wave < waves; ++wave) {
      const Share share = share_of_rows(schedule, B, group, how.groups, wave, waves, offsets);
      for (Index r = 0; r < share.count; ++r) {
        const Index b = schedule.order[share.row(r)];
        for (Index u = own_blocks_p.first; u < own_blocks_p.last; ++u)
          store(dh + u * state_block + r * W,
                call.d_hn ? load_part(static_cast<const T*>(call.d_hn) + b * P + u * W, static_cast<int>(smaller<Index>(W, P - u * W)))
                          : zero<T>());
        if (C::has_c)
          for (Index u = own_blocks.first; u < own_blocks.last; ++u)
            store(dc + u * state_block + r * W,
                  call.d_cn ? load_part(static_cast<const T*>(call.d_cn) + b * H + u * W, static_cast<int>(smaller<Index>(W, H - u * W)))
                            : zero<T>());
      }
      barrier.wait(members);

      // Rows that multiply together: one tile, or as many as hide the cost of weights that come from memory.
      const Index count = larger<Index>(share.count, 1);
      const Index together = streams ? blocks(count, blocks(count, rows_block)) : most_rows<4>;
      const Index calls = calls_of<4>(together, projected ? P : G * H, W);

      for (Index s_last = share.steps, s_first; s_last > 0; s_last = s_first, first_chunk = false) {
        s_first = s_last - 1;
        while (s_first > 0 && share.offset[s_last] - share.offset[s_first - 1] <= chunk_rows) --s_first;
        const Index chunk_start = share.offset[s_first], rows = share.offset[s_last] - chunk_start;

        for (Index s = s_last - 1; s >= s_first; --s) {
          const Index running = share.active(s), later = share.active(s + 1);
          const Index at_s = share.offset[s] - chunk_start;
          const Index at_later = s + 1 < s_last ? at_s + running : chunk_rows;
          const auto d_out_of = [&](Index r) __attribute__((always_inline)) {
            const Index i = share.row(r);
            return row_of<const T>(call.d_out, schedule.time(i, s), schedule.row[i]);
          };
          // acc = the gradients of h of rows first .. last, for panel p of its features
          const auto gradients_of_h = [&](Index p, Index first, Index last) __attribute__((always_inline)) {
            const Index wide = smaller(wide_h, P_blocks - p * wide_h), unit = p * wide_h * W, units = smaller(wide * W, P - unit);
            for (Index r = first; r < last; ++r) {
              const T* const from = dh + p * wide_h * state_block + r * W;
              const T* const d_out = call.d_out.data ? d_out_of(r) + unit : nullptr;
              T* const to = acc + (r - first) * wide * W;
              for (Index u = 0; u < wide; ++u) {
                Vec<T> sum = load(from + u * state_block);
                if (d_out) sum += load_part(d_out + u * W, static_cast<int>(smaller<Index>(W, units - u * W)));
                store(to + u * W, sum);
              }
            }
          };
          const auto through_w_hh = [&](Index p, Index first, Index last, Lines<T>* lines) __attribute__((always_inline)) {
            if (later > first)
              product(smaller(wide_h, P_blocks - p * wide_h), smaller(last, later) - first,
                      d + C::h_slot * H_blocks * d_block + (at_later + first) * W, w_hh + p * wide_h * G * H * W, lines);
          };
          if (projected) {
            for (Index p = own_p.first; p < own_p.last; ++p) {
              const Index wide = smaller(wide_h, P_blocks - p * wide_h);
              for (Index first = 0; first < running; first += together) {
                const Index last = smaller(first + together, running);
                gradients_of_h(p, first, last);
                through_w_hh(p, first, last, &none);
                for (Index r = first; r < last; ++r)
                  for (Index u = 0; u < wide; ++u)
                    store(dp + (p * wide_h + u) * chunk_block + (at_s + r) * W, load(acc + ((r - first) * wide + u) * W));
              }
            }
            barrier.wait(members);
          }
          // acc = acc * drop + what else the gradients of h hold, after a product that began at zero
          const auto drop_and_add = [&](Index p, Index first, Index last) __attribute__((always_inline)) {
            const Index wide = smaller(wide_h, P_blocks - p * wide_h), unit = p * wide_h * W, units = smaller(wide * W, P - unit);
            for (Index r = first; r < last; ++r)
              for (Index u = 0; u < wide; ++u) {
                const int lanes = static_cast<int>(smaller<Index>(W, units - u * W));
                T* const to = acc + ((r - first) * wide + u) * W;
                Vec<T> sum = load(to) * load_part(drop + schedule.row[share.row(r)] * H + unit + u * W, lanes);
                sum += load(dh + (p * wide_h + u) * state_block + r * W);
                if (call.d_out.data) sum += load_part(d_out_of(r) + unit + u * W, lanes);
                store(to, sum);
              }
          };
          const Index saved_block = schedule.active(s) * kept * W, c_block = s ? schedule.active(s - 1) * kept * W : W;
          const bool copies = s % members == member;  // what the large products need of this step
          for (Index p = own.first; p < own.last; ++p) {
            const Index wide = smaller(wide_h, H_blocks - p * wide_h), unit = p * wide_h * W, units = smaller(wide * W, H - unit);
            const auto row = [&](Index r) __attribute__((always_inline)) {
              const Index i = share.row(r), b = schedule.order[i], state = p * wide_h * state_block + r * W;
              const Index at = schedule.row[i], t = schedule.time(i, s);
              BackwardRow<T> to{};
              to.saved = saved + schedule.kept(s, H_blocks, p * wide_h, i) * kept * W;
              if (C::has_c)
                to.c_old = s ? saved + schedule.kept(s - 1, H_blocks, p * wide_h, i) * kept * W + (kept - 1) * W
                             : static_cast<const T*>(call.c0) + b * H + unit;
              if (C::has_c && call.d_c_out.data) to.d_c_out = row_of<const T>(call.d_c_out, t, at) + unit;
              if (C::needs_old_h)
                to.h_old = s ? row_of<const T>(call.out, schedule.time(i, s - 1), at) + unit : static_cast<const T*>(call.h0) + b * H + unit;
              if (C::needs_new_h && !noisy) to.h = row_of<const T>(call.out, t, at) + unit;
              if constexpr (noisy) {
                to.hold_h = call.hold_h.data ? row_of<const T>(call.hold_h, t, at) + unit : nullptr;
                to.hold_c = call.hold_c.data ? row_of<const T>(call.hold_c, t, at) + unit : nullptr;
              }
              to.d = d + p * wide_h * d_block + (at_s + r) * W;
              to.dh = dh + state;
              to.dc = dc + state;
              return to;
            };
            // What the next rows read, to come from memory while those before multiply.
            const auto list = [&](Index first) {
              next.clear();
              for (Index r = first; r < smaller(first + together, running); ++r) {
                const Index i = share.row(r), b = schedule.row[i];
                const BackwardRow<T> from = row(r);
                for (Index u = 0; u < wide && kept; ++u) next.add(from.saved + u * saved_block, kept * W);
                for (Index u = 0; u < wide && C::has_c; ++u) next.add(from.c_old + u * c_block, W);
                if (s && (C::needs_old_h || copies)) next.add(row_of<const T>(call.out, schedule.time(i, s - 1), b) + unit, units);
                if (call.d_out.data && !projected) next.add(d_out_of(r) + unit, units);
                if (copies && p == own.first) next.add(row_of<const T>(call.x, schedule.time(i, s), b), I);
              }
            };
            list(0);
            next.spread_over(1);
            next.fetch_some();
            for (Index first = 0; first < running; first += together) {
              const Index last = smaller(first + together, running);
              if (drop)
                for (Index v = 0; v < (last - first) * wide; ++v) store(acc + v * W, zero<T>());
              else if (!projected) gradients_of_h(p, first, last);
              list(last);
              next.spread_over(calls);
              if (projected) {
                for (Index v = 0; v < (last - first) * wide; ++v) store(acc + v * W, zero<T>());
                rows_panel<T>(static_cast<int>(wide), last - first, P, dp + (at_s + first) * W, chunk_block, w_hr + p * wide_h * P * W,
                              acc, wide * W, &next);
              } else {
                through_w_hh(p, first, last, &next);
                if (drop) drop_and_add(p, first, last);
              }
              for (Index r = first; r < last; ++r) {
                BackwardRow<T> now = row(r);
                now.acc = acc + (r - first) * wide * W;
                backward_row<T, C, noisy>(now, wide, units, saved_block, c_block, state_block, d_block, H_blocks * d_block);
              }
            }
          }
          if (copies)
            for (Index r = 0; r < running; ++r) {
              const Index i = share.row(r), b = schedule.row[i], t = schedule.time(i, s), k = at_s + r;
              place[k] = {t, b};
              block_row(row_of<const T>(call.x, t, b), I, x + k * W, chunk_block);
              block_row(s ? row_of<const T>(call.out, schedule.time(i, s - 1), b) : static_cast<const T*>(call.h0) + schedule.order[i] * P,
                        P, h_before + k * W, chunk_block);
              for (Index u = 0; u < P_blocks && drop; ++u) {
                T* const h = h_before + u * chunk_block + k * W;
                store(h, load(h) * load_part(drop + b * H + u * W, static_cast<int>(smaller<Index>(W, H - u * W))));
              }
              if constexpr (C::has_c)
                for (Index u = 0; u < H_blocks && projected; ++u) {
                  const T* const keep = saved + schedule.kept(s, H_blocks, u, i) * kept * W;
                  store(m + u * chunk_block + k * W, load(keep + 3 * W) * tanh(load(keep + 4 * W)));
                }
            }
          barrier.wait(members);
          for (Index column = C::h_slot * H_blocks; column < (C::h_slot + G) * H_blocks && members > 1; ++column)
            if (column % H_blocks < own_blocks.first || column % H_blocks >= own_blocks.last)
              prefetch(d + column * d_block + at_s * W, running * W);
          if (s == s_first)
            for (Index block = own_blocks.first; block < own_blocks.last; ++block)
              for (int v = C::h_slot; v < C::h_slot + G; ++v) {
                T* const column = d + (v * H_blocks + block) * d_block;
                for (Index r = 0; r < running; ++r) store(column + (chunk_rows + r) * W, load(column + (at_s + r) * W));
              }
        }

        // d_w += dᵀ @ [x, h_before], d_w_hr += dpᵀ @ m and the sums of d, for the units of this thread
        constexpr int R = tile_columns<T>;
        for (Index k = 0; k < rows; k += 4 * chain) {
          const Index depth = smaller(4 * chain, rows - k);
          const bool overwrite = first_chunk && k == 0;
          for (int side = 0; side < 3; ++side) {
            const bool hr = side == 2;
            T* const target = gradient_of_weight(side, group);
            if (!target) continue;
            const Index N = hr ? H : side ? P : I, N_blocks = blocks(N, W), left_block = hr ? chunk_block : d_block;
            const T* const left = hr ? dp : d;
            const T* const right = hr ? m : side ? h_before : x;
            const int slot = hr ? 0 : side ? C::h_slot : C::x_slot;
            const Index left_units = hr ? P : H;
            const Range columns = share_of(hr ? P_blocks : G * H_blocks, member, members);
            for (Index c = 0; c < N_blocks; c += 3) {
              const int wide = static_cast<int>(smaller<Index>(3, N_blocks - c));
              for (Index column = slot * H_blocks + columns.first; column < slot * H_blocks + columns.last; ++column) {
                const int v = static_cast<int>(column / H_blocks);
                const Index unit = column % H_blocks * W, gate = hr ? 0 : side ? C::gate_of_h(v) : C::gate_of_x(v);
                for (int r_first = 0; r_first < W && unit + r_first < left_units; r_first += R) {
                  T tile[R * 3 * W];
                  T* const corner = target + (gate * H + unit + r_first) * N + c * W;
                  for (int r = 0; r < R && unit + r_first + r < left_units; ++r)  // comes while the tile is computed
                    prefetch(corner + r * N, smaller<Index>(wide * W, N - c * W));
                  const T* const a = left + column * left_block + k * W + r_first;
                  const T* const b = right + c * chunk_block + k * W;
                  if (wide == 3) columns_tile<T, R, 3>(depth, a, b, chunk_block, tile);
                  else if (wide == 2) columns_tile<T, R, 2>(depth, a, b, chunk_block, tile);
                  else columns_tile<T, R, 1>(depth, a, b, chunk_block, tile);
                  for (int r = 0; r < R && unit + r_first + r < left_units; ++r)
                    for (int j = 0; j < wide; ++j) {
                      T* const to = corner + r * N + j * W;
                      const int lanes = static_cast<int>(smaller<Index>(W, N - (c + j) * W));
                      Vec<T> sum = load(tile + (r * wide + j) * W);
                      if (!overwrite) sum += load_part(to, lanes);
                      store_part(to, sum, lanes);
                    }
                }
              }
            }
          }
        }
        for (Index column = own_columns.first; column < own_columns.last; ++column) {
          CarefulSum<T>* const sum = sums + column * 3;
          const T* const a = d + column * d_block;
          if (!small_input) add_sums<T, 0>(rows, a, x, sum);
          else if (I == 1) add_sums<T, 1>(rows, a, x, sum);
          else add_sums<T, 2>(rows, a, x, sum);
        }

        // d_x = d @ W_ih for the rows of this thread
        if (call.d_x.data) {
          const Range mine = share_of(rows, member, members);
          for (Index p = 0; p < panels_i; ++p) {
            const Index wide = smaller(wide_i, I_blocks - p * wide_i);
            for (Index k = mine.first; k < mine.last; k += rows_block) {
              const Index count = smaller(rows_block, mine.last - k);
              for (Index v = 0; v < count * wide; ++v) store(acc + v * W, zero<T>());
              product(wide, count, d + C::x_slot * H_blocks * d_block + k * W, w_ih + p * wide_i * G * H * W, &none);
              for (Index r = 0; r < count; ++r)
                for (Index u = 0; u < wide; ++u) {
                  const Index column = (p * wide_i + u) * W;
                  const int lanes = static_cast<int>(smaller<Index>(W, I - column));
                  T* const to = row_of<T>(call.d_x, place[k + r].t, place[k + r].b) + column;
                  Vec<T> sum = load(acc + (r * wide + u) * W);
                  if (call.add_to_d_x) sum += load_part(to, lanes);
                  store_part(to, sum, lanes);
                }
            }
          }
        }
        barrier.wait(members);
      }

      // gradients of the initial state
      const Index running = share.active(0);
      for (Index p = own_p.first; p < own_p.last; ++p) {
        const Index wide = smaller(wide_h, P_blocks - p * wide_h);
        for (Index r_first = 0; r_first < share.count; r_first += rows_block) {
          const Index r_last = smaller(r_first + rows_block, share.count);
          for (Index r = r_first; r < r_last; ++r)
            for (Index u = 0; u < wide; ++u)
              store(acc + ((r - r_first) * wide + u) * W, drop ? zero<T>() : load(dh + (p * wide_h + u) * state_block + r * W));
          if (call.d_h0 && running > r_first)
            product(wide, smaller(r_last, running) - r_first,
                    d + C::h_slot * H_blocks * d_block + (chunk_rows + r_first) * W, w_hh + p * wide_h * G * H * W, &none);
          for (Index r = r_first; r < r_last; ++r)
            for (Index u = 0; u < wide; ++u) {
              const Index block = p * wide_h + u, i = share.row(r), b = schedule.order[i];
              const int lanes = static_cast<int>(smaller<Index>(W, P - block * W));
              Vec<T> sum = load(acc + ((r - r_first) * wide + u) * W);
              if (drop) sum = sum * load_part(drop + schedule.row[i] * H + block * W, lanes) + load(dh + block * state_block + r * W);
              if (call.d_h0) store_part(static_cast<T*>(call.d_h0) + b * P + block * W, sum, lanes);
            }
        }
      }
      if (C::has_c && call.d_c0)
        for (Index r = 0; r < share.count; ++r)
          for (Index u = own_blocks.first; u < own_blocks.last; ++u)
            store_part(static_cast<T*>(call.d_c0) + schedule.order[share.row(r)] * H + u * W,
                       load(dc + u * state_block + r * W), static_cast<int>(smaller<Index>(W, H - u * W)));
      barrier.wait(members);
    }
    if (first_chunk && member == 0)  // no real step in this group
      for (int side = 0; side < 3; ++side)
        if (T* const target = gradient_of_weight(side, group)) std::memset(target, 0, static_cast<std::size_t>(sizes[side]) * sizeof(T));

    // what the groups have found, together
    if (how.groups > 1) {
      barrier.wait(how.threads);
      constexpr Index ahead = 32 * W;
      for (int side = 0; side < 3; ++side) {
        if (!d_weights[side]) continue;
        const Range mine = share_of(blocks(sizes[side], W), q, how.threads);
        for (Index v = mine.first; v < mine.last; ++v) {
          const int lanes = static_cast<int>(smaller<Index>(W, sizes[side] - v * W));
          prefetch(d_weights[side] + v * W + ahead, W);
          for (int other = 1; other < how.groups; ++other) prefetch(gradient_of_weight(side, other) + v * W + ahead, W);
          Vec<T> sum = load_part(d_weights[side] + v * W, lanes);
          for (int other = 1; other < how.groups; ++other) sum += load_part(gradient_of_weight(side, other) + v * W, lanes);
          store_part(d_weights[side] + v * W, sum, lanes);
        }
      }
    }
    const Range columns = share_of(S * H_blocks, q, how.threads);
    for (Index column = columns.first; column < columns.last; ++column) {
      const int v = static_cast<int>(column / H_blocks);
      const Index unit = column % H_blocks * W;
      const int lanes = static_cast<int>(smaller<Index>(W, H - unit));
      CarefulSum<T> sum[3];
      for (int i = 0; i < 3; ++i)
        for (int other = 0; other < how.groups; ++other) sum[i].add(arena.at<CarefulSum<T>>(at_sums, other)[column * 3 + i].sum);
      if (v >= C::x_slot && v < C::x_slot + G) {
        const Index row = C::gate_of_x(v) * H + unit;
        if (call.d_b_ih) store_part(static_cast<T*>(call.d_b_ih) + row, sum[0].sum, lanes);
        if (call.d_w_ih && small_input)
          for (int r = 0; r < lanes; ++r)
            for (Index j = 0; j < I; ++j) static_cast<T*>(call.d_w_ih)[(row + r) * I + j] = sum[1 + j].sum[r];
      }
      if (v >= C::h_slot && v < C::h_slot + G && call.d_b_hh)
        store_part(static_cast<T*>(call.d_b_hh) + C::gate_of_h(v) * H + unit, sum[0].sum, lanes);
    }
    // d_x past the end of a sequence
    if (call.d_x.data && !call.add_to_d_x && !call.rows)
      for (Index t = 0; t < call.T; ++t)
        for (Index i = schedule.active(t) + q; i < B; i += how.threads)
          for (Index k = 0; k < I; ++k) row_of<T>(call.d_x, t, schedule.order[i])[k] = T(0);
  });
  if (!ran) backward<T, C, noisy>(on_one_thread(call));
}

}  // namespace TIDEGATE_ISA
}  // namespace tidegate
