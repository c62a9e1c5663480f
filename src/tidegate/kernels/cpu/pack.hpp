// pack.hpp — weights as panels, in the order in which product.hpp reads them.
#pragma once
#include "simd.hpp"

namespace tidegate {
namespace TIDEGATE_ISA {

// w [w rows][w columns] -> out[column][row], a square of one vector a side.
template <typename T> TIDEGATE_INLINE void transpose_square(const T* w, Index w_row, T* out, Index out_row) {
  constexpr int W = width<T>;
  Vec<T> v[W];
#pragma GCC unroll 16
  for (int i = 0; i < W; ++i) v[i] = load(w + i * w_row);
#if defined(__AVX512F__)
  if constexpr (W == 16) {
    typename Simd<T>::Int low[4], high[4];
    for (int s = 0; s < 4; ++s)
      for (int i = 0; i < W; ++i) {
        const int d = 1 << s;
        low[s][i] = i & d ? W + i - d : i;
        high[s][i] = i & d ? W + i : i + d;
      }
#pragma GCC unroll 4
    for (int s = 0; s < 4; ++s) {
      const int d = 1 << s;
#pragma GCC unroll 16
      for (int i = 0; i < W; ++i)
        if (!(i & d)) {
          const Vec<T> a = v[i], b = v[i + d];
          v[i] = __builtin_shuffle(a, b, low[s]);
          v[i + d] = __builtin_shuffle(a, b, high[s]);
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) store(out + i * out_row, v[i]);
    return;
  }
#endif
  for (int j = 0; j < W; ++j) {
    Vec<T> column;
    for (int i = 0; i < W; ++i) column[i] = v[i][j];
    store(out + j * out_row, column);
  }
}

// Rows first .. first+n of w [.][K] -> one vector of a panel: out[k * out_row + unit], zero past n.
template <typename T>
void pack_transposed(const T* w, Index w_row, int n, Index K, T* out, Index out_row) {
  constexpr int W = width<T>;
  Index k = 0;
  if (n == W)
    for (; k + W <= K; k += W) transpose_square(w + k, w_row, out + k * out_row, out_row);
  for (; k < K; ++k)
    for (int i = 0; i < W; ++i) out[k * out_row + i] = i < n ? w[i * w_row + k] : T(0);
}

// Columns of w [K][.] -> one vector of a panel: out[k * out_row + column], zero past n.
template <typename T>
void pack_straight(const T* w, Index w_row, int n, Index K, T* out, Index out_row) {
  for (Index k = 0; k < K; ++k) store(out + k * out_row, load_part(w + k * w_row, n));
}

}  // namespace TIDEGATE_ISA
}  // namespace tidegate
