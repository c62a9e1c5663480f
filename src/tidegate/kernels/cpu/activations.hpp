// activations.hpp — σ and tanh on whole vectors, finite for every finite input; NaN stays NaN.
#pragma once
#include "simd.hpp"

namespace tidegate {
namespace TIDEGATE_ISA {

#if defined(__AVX512F__)

TIDEGATE_INLINE Vec<float> at_most(Vec<float> x, float limit) {  // min returns its second operand for NaN
  return (Vec<float>)_mm512_min_ps((__m512)fill(limit), (__m512)x);
}
TIDEGATE_INLINE Vec<float> at_least(Vec<float> x, float limit) {
  return (Vec<float>)_mm512_max_ps((__m512)fill(limit), (__m512)x);
}
TIDEGATE_INLINE Vec<float> nearest(Vec<float> x) { return (Vec<float>)_mm512_roundscale_ps((__m512)x, 0); }
TIDEGATE_INLINE Vec<float> times_power_of_two(Vec<float> x, Vec<float> n) {
  return (Vec<float>)_mm512_scalef_ps((__m512)x, (__m512)n);
}
// 14 bits from the table, doubled by one step of Newton's method.
TIDEGATE_INLINE Vec<float> reciprocal(Vec<float> d) {
  const Vec<float> y = (Vec<float>)_mm512_rcp14_ps((__m512)d);
  return (Vec<float>)_mm512_fmadd_ps((__m512)y, _mm512_fnmadd_ps((__m512)d, (__m512)y, _mm512_set1_ps(1.0f)), (__m512)y);
}

#else

TIDEGATE_INLINE Vec<float> at_most(Vec<float> x, float limit) { return x > fill(limit) ? fill(limit) : x; }
TIDEGATE_INLINE Vec<float> at_least(Vec<float> x, float limit) { return x < fill(limit) ? fill(limit) : x; }
TIDEGATE_INLINE Vec<float> nearest(Vec<float> x) {  // right for |x| < 2^22
  const Vec<float> magic = fill(12582912.0f);
  return (x + magic) - magic;
}
TIDEGATE_INLINE Vec<float> times_power_of_two(Vec<float> x, Vec<float> n) {  // right for |n| <= 126
  const auto bits = (__builtin_convertvector(n, Simd<float>::Int) + 127) << 23;
  return x * (Vec<float>)bits;
}
TIDEGATE_INLINE Vec<float> reciprocal(Vec<float> d) { return fill(1.0f) / d; }

#endif

// σ(x) = 1 / (1 + 2^t) with t = -x log2(e) = n + f, |f| <= 1/2; the polynomial is 2^f to 2e-9.
TIDEGATE_INLINE Vec<float> sigmoid(Vec<float> x) {
  const Vec<float> t = at_least(at_most(x * fill(-1.44269504f), 126.0f), -126.0f);
  const Vec<float> n = nearest(t);
  const Vec<float> f = t - n;
  Vec<float> p = fill(0.000154614446986f);
  p = p * f + fill(0.00134004281776f);
  p = p * f + fill(0.00961805667852f);
  p = p * f + fill(0.0555032722667f);
  p = p * f + fill(0.240226509223f);
  p = p * f + fill(0.693147206703f);
  p = p * f + fill(1.0f);
  return reciprocal(fill(1.0f) + times_power_of_two(p, n));
}

// tanh(x) = x P(x²) / Q(x²) to 2e-9 for |x| < 7.9053, where it reaches 1 in single precision. Both begin
// with exactly 1: an error that always has the same sign near zero would add up from step to step.
TIDEGATE_INLINE Vec<float> tanh(Vec<float> x) {
  x = at_least(at_most(x, 7.90531110763549805f), -7.90531110763549805f);
  const Vec<float> y = x * x;
  Vec<float> p = fill(-1.19916489e-13f);
  p = p * y + fill(6.50767875e-11f);
  p = p * y + fill(-2.25754705e-08f);
  p = p * y + fill(1.17016812e-05f);
  p = p * y + fill(3.15480851e-03f);
  p = p * y + fill(1.31291724e-01f);
  p = p * y + fill(1.0f);
  Vec<float> q = fill(2.62102167e-04f);
  q = q * y + fill(2.46965131e-02f);
  q = q * y + fill(4.64625047e-01f);
  q = q * y + fill(1.0f);
  return x * p * reciprocal(q);
}

TIDEGATE_INLINE Vec<double> sigmoid(Vec<double> x) {
  Vec<double> y;
  for (int i = 0; i < width<double>; ++i) y[i] = 1.0 / (1.0 + std::exp(-x[i]));
  return y;
}

TIDEGATE_INLINE Vec<double> tanh(Vec<double> x) {
  Vec<double> y;
  for (int i = 0; i < width<double>; ++i) y[i] = std::tanh(x[i]);
  return y;
}

template <typename V> TIDEGATE_INLINE V relu(V x) { return x < V{} ? V{} : x; }

}  // namespace TIDEGATE_ISA
}  // namespace tidegate
