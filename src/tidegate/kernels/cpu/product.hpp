// product.hpp — matrix products on blocked operands, accumulated in registers.
//
// A blocked matrix of n rows and K columns is stored as [K / w][n][w], w lanes to a vector: w columns
// of all rows, then the next w. Read by rows it feeds one number at a time to a whole vector of
// weights; read by columns it is the vector. Both products below need no other copy.
//
// Every output is a sum of chains of multiply-adds in the order of k, whatever the tile it falls into,
// so results do not depend on the number of rows, threads or panels worked on together.
#pragma once
#include "simd.hpp"

namespace tidegate {
namespace TIDEGATE_ISA {

// A chain rounds as often as it is long, and each time at the size of what it holds: chains are short,
// begin at zero, and only their sums meet what was there before.
constexpr Index chain = 64;

// acc[panel][row][c] += sum over k of a[k][row] * w[panel][k][c], for R rows, C vectors, P panels.
template <typename T, int R, int C, int P>
__attribute__((noinline)) void rows_tile(Index K, const T* a, Index a_block, const T* w, Index w_panel, T* acc,
                                         Index acc_row, Index acc_panel, Lines<T>* lines = nullptr) {
  constexpr int W = width<T>;
  Vec<T> sum[P][R][C];
  const auto step = [&](const T* a_k, const T* w_k) __attribute__((always_inline)) {
#pragma GCC unroll 32
    for (int p = 0; p < P; ++p) {
      Vec<T> weight[C];
#pragma GCC unroll 32
      for (int c = 0; c < C; ++c) weight[c] = load(w_k + p * w_panel + c * W);
#pragma GCC unroll 32
      for (int r = 0; r < R; ++r) {
        const Vec<T> value = fill(a_k[r * W]);
#pragma GCC unroll 32
        for (int c = 0; c < C; ++c) sum[p][r][c] += value * weight[c];
      }
    }
  };
  for (Index first = 0; first < K; first += chain) {
    const Index depth = smaller(chain, K - first);
#pragma GCC unroll 32
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 32
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 32
        for (int c = 0; c < C; ++c) sum[p][r][c] = zero<T>();
    Index k = 0;
    for (; k + W <= depth; k += W, a += a_block) {
      if (lines) lines->fetch_some();
#pragma GCC unroll 4
      for (int j = 0; j < W; ++j, w += C * W) step(a + j, w);
    }
    for (int j = 0; j < depth - k; ++j, w += C * W) step(a + j, w);
#pragma GCC unroll 32
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 32
      for (int r = 0; r < R; ++r)
#pragma GCC unroll 32
        for (int c = 0; c < C; ++c) {
          T* const to = acc + p * acc_panel + r * acc_row + c * W;
          store(to, load(to) + sum[p][r][c]);
        }
  }
}

template <int C> constexpr int most_rows = accumulators / C > 8 ? 8 : accumulators / C;

template <typename T, int C, int R = most_rows<C>>
TIDEGATE_INLINE void one_tile(Index rows, Index K, const T* a, Index a_block, const T* w, T* acc, Index acc_row, Lines<T>* lines) {
  if (rows == R) return rows_tile<T, R, C, 1>(K, a, a_block, w, 0, acc, acc_row, 0, lines);
  if constexpr (R > 1) one_tile<T, C, R - 1>(rows, K, a, a_block, w, acc, acc_row, lines);
}

// One panel of C vectors for any number of rows, in tiles as even as possible.
template <typename T, int C>
void rows_panel(Index rows, Index K, const T* a, Index a_block, const T* w, T* acc, Index acc_row, Lines<T>* lines = nullptr) {
  Index tiles = blocks(rows, most_rows<C>);
  for (Index r = 0; tiles > 0; --tiles) {
    const Index n = blocks(rows - r, tiles);
    one_tile<T, C>(n, K, a + r * width<T>, a_block, w, acc + r * acc_row, acc_row, lines);
    r += n;
  }
}

// Calls of Lines::fetch_some in a product of a panel of C vectors.
template <int C> TIDEGATE_INLINE Index calls_of(Index rows, Index K, Index vector) {
  return larger<Index>(1, blocks(rows, most_rows<C>) * (K / vector));
}

// `panels` panels of C vectors each. Few rows leave registers free: then several panels go together,
// as one chain of multiply-adds alone would wait for its own results.
template <typename T, int C>
void rows_panels(Index panels, Index rows, Index K, const T* a, Index a_block, const T* w, Index w_panel, T* acc,
                 Index acc_row, Index acc_panel, Lines<T>* lines = nullptr) {
  Index p = 0;
  if (rows == 1) {
    constexpr int P = accumulators / C > 4 ? 4 : accumulators / C;
    for (; p + P <= panels; p += P)
      rows_tile<T, 1, C, P>(K, a, a_block, w + p * w_panel, w_panel, acc + p * acc_panel, acc_row, acc_panel);
    if constexpr (P > 2)
      for (; p + 2 <= panels; p += 2)
        rows_tile<T, 1, C, 2>(K, a, a_block, w + p * w_panel, w_panel, acc + p * acc_panel, acc_row, acc_panel);
  }
  for (; p < panels; ++p) {
    if (lines) lines->stream(w + (p + 1) * w_panel, K * C * width<T>, calls_of<C>(rows, K, width<T>));
    rows_panel<T, C>(rows, K, a, a_block, w + p * w_panel, acc + p * acc_panel, acc_row, lines);
  }
}

// The same with the number of vectors known only at run time.
template <typename T>
void rows_panel(int C, Index rows, Index K, const T* a, Index a_block, const T* w, T* acc, Index acc_row, Lines<T>* lines = nullptr) {
  if (C == 4) return rows_panel<T, 4>(rows, K, a, a_block, w, acc, acc_row, lines);
  if (C == 3) return rows_panel<T, 3>(rows, K, a, a_block, w, acc, acc_row, lines);
  if (C == 2) return rows_panel<T, 2>(rows, K, a, a_block, w, acc, acc_row, lines);
  rows_panel<T, 1>(rows, K, a, a_block, w, acc, acc_row, lines);
}

// out[r][c] = sum over k of a[k][r] * b[c][k]: R columns of one block of a against C blocks of b.
template <typename T, int R, int C>
__attribute__((noinline)) void columns_tile(Index K, const T* a, const T* b, Index b_block, T* out) {
  constexpr int W = width<T>;
  Vec<T> sum[R][C];
  for (Index first = 0; first < K; first += 2 * chain) {
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 32
      for (int c = 0; c < C; ++c) sum[r][c] = zero<T>();
    const Index last = smaller(first + 2 * chain, K);
#pragma GCC unroll 2
    for (Index k = first; k < last; ++k, a += W, b += W) {
      Vec<T> right[C];
#pragma GCC unroll 32
      for (int c = 0; c < C; ++c) right[c] = load(b + c * b_block);
#pragma GCC unroll 32
      for (int r = 0; r < R; ++r) {
        const Vec<T> left = fill(a[r]);
#pragma GCC unroll 32
        for (int c = 0; c < C; ++c) sum[r][c] += left * right[c];
      }
    }
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 32
      for (int c = 0; c < C; ++c) {
        T* const to = out + (r * C + c) * W;
        store(to, first ? load(to) + sum[r][c] : sum[r][c]);
      }
  }
}

// Columns of a in one tile of columns_tile.
template <typename T>
constexpr int tile_columns = accumulators / 3 >= 8 && width<T> >= 8 ? 8 : (width<T> < 4 ? width<T> : 4);

}  // namespace TIDEGATE_ISA
}  // namespace tidegate
