// simd.hpp — one vector type per element type, as wide as the instruction set this file is compiled for.
//
// Everything that is compiled more than once lives in a namespace named after the instruction set and
// avoids library templates: the linker would otherwise keep one copy, made for the wrong machine.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "call.hpp"

#if defined(__AVX512F__) || defined(__AVX2__) || defined(__SSE2__)
#include <immintrin.h>
#endif

#ifndef TIDEGATE_ISA
#define TIDEGATE_ISA generic
#endif

#define TIDEGATE_INLINE inline __attribute__((always_inline))

namespace tidegate {
namespace TIDEGATE_ISA {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
constexpr int accumulators = 24;  // of 32 registers
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
constexpr int accumulators = 12;  // of 16 registers
#elif defined(__aarch64__)
constexpr int vector_bytes = 16;
constexpr int accumulators = 24;
#else
constexpr int vector_bytes = 16;
constexpr int accumulators = 12;
#endif

template <typename T> struct Simd;

template <> struct Simd<float> {
  typedef float V __attribute__((vector_size(vector_bytes)));
  typedef float Unaligned __attribute__((vector_size(vector_bytes), aligned(4), may_alias));
  typedef std::int32_t Int __attribute__((vector_size(vector_bytes)));
  static constexpr int width = vector_bytes / 4;
};

template <> struct Simd<double> {
  typedef double V __attribute__((vector_size(vector_bytes)));
  typedef double Unaligned __attribute__((vector_size(vector_bytes), aligned(8), may_alias));
  static constexpr int width = vector_bytes / 8;
};

template <typename T> using Vec = typename Simd<T>::V;
template <typename T> constexpr int width = Simd<T>::width;

template <typename T> TIDEGATE_INLINE Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename Simd<T>::Unaligned*>(p);
}

template <typename T> TIDEGATE_INLINE void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename Simd<T>::Unaligned*>(p) = v;
}

template <typename T> TIDEGATE_INLINE Vec<T> zero() { return Vec<T>{}; }

#if defined(__AVX512F__)
TIDEGATE_INLINE Vec<float> fill(float s) { return (Vec<float>)_mm512_set1_ps(s); }
TIDEGATE_INLINE Vec<double> fill(double s) { return (Vec<double>)_mm512_set1_pd(s); }
#elif defined(__AVX2__)
TIDEGATE_INLINE Vec<float> fill(float s) { return (Vec<float>)_mm256_set1_ps(s); }
TIDEGATE_INLINE Vec<double> fill(double s) { return (Vec<double>)_mm256_set1_pd(s); }
#else
TIDEGATE_INLINE Vec<float> fill(float s) { return Vec<float>{s, s, s, s}; }
TIDEGATE_INLINE Vec<double> fill(double s) { return Vec<double>{s, s}; }
#endif

// The first n lanes; the others are zero.
template <typename T> TIDEGATE_INLINE Vec<T> load_part(const T* p, int n) {
  if (__builtin_expect(n >= width<T>, 1)) return load(p);
  Vec<T> v = zero<T>();
  for (int i = 0; i < n; ++i) v[i] = p[i];
  return v;
}

template <typename T> TIDEGATE_INLINE void store_part(T* p, Vec<T> v, int n) {
  if (__builtin_expect(n >= width<T>, 1)) return store(p, v);
  for (int i = 0; i < n; ++i) p[i] = v[i];
}

#if defined(__AVX512F__)
template <> TIDEGATE_INLINE Vec<float> load_part<float>(const float* p, int n) {
  if (__builtin_expect(n >= 16, 1)) return load(p);
  return (Vec<float>)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
template <> TIDEGATE_INLINE void store_part<float>(float* p, Vec<float> v, int n) {
  if (__builtin_expect(n >= 16, 1)) return store(p, v);  // a masked store takes several times as long
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
}
#endif

// A store to an aligned address that is not read again soon.
template <typename T> TIDEGATE_INLINE void stream(T* p, Vec<T> v, bool past_cache) {
#if defined(__AVX512F__)
  if (past_cache) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(p), (__m512i)v);
    return;
  }
#endif
  (void)past_cache;
  store(p, v);
}

TIDEGATE_INLINE bool is_aligned(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % vector_bytes == 0; }

TIDEGATE_INLINE void streams_done() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

// Asks for the cache lines of n numbers.
template <typename T> TIDEGATE_INLINE void prefetch(const T* p, Index n) {
  for (Index i = 0; i < n; i += 64 / static_cast<Index>(sizeof(T))) __builtin_prefetch(p + i, 0, 2);
}

// Cache lines that come from memory while a product runs, a few at a time: many at once would fill the queue of
// misses, and the product would wait for its weights behind them.
template <typename T> class Lines {
 public:
  // Those without room are left to whoever reads them.
  TIDEGATE_INLINE void add(const T* from, Index count) {
    for (Index i = 0; i < count && number_ < room; i += per_line) line_[number_++] = from + i;
  }
  TIDEGATE_INLINE void clear() { number_ = next_ = 0; }
  // How many calls of fetch_some are to share the lines.
  TIDEGATE_INLINE void spread_over(Index calls) { each_ = (number_ + calls - 1) / calls; }
  // Besides these, `count` numbers that stand together, over so many calls.
  TIDEGATE_INLINE void stream(const T* from, Index count, Index calls) {
    ahead_ = from, end_ = from + count;
    step_ = ((count + per_line - 1) / per_line + calls - 1) / calls * per_line;
  }
  TIDEGATE_INLINE void fetch_some() {
    const Index last = number_ - next_ < each_ ? number_ : next_ + each_;
    for (; next_ < last; ++next_) __builtin_prefetch(line_[next_], 0, 2);
    const T* const until = end_ - ahead_ < step_ ? end_ : ahead_ + step_;
    for (; ahead_ < until; ahead_ += per_line) __builtin_prefetch(ahead_, 0, 2);
  }

 private:
  static constexpr Index room = 2048, per_line = 64 / static_cast<Index>(sizeof(T));
  const T* line_[room];
  Index number_ = 0, next_ = 0, each_ = 0, step_ = 0;
  const T *ahead_ = nullptr, *end_ = nullptr;
};

// Denormal numbers become zero while an object of this class lives.
class FlushDenormals {
 public:
#if defined(__SSE2__)
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~FlushDenormals() { _mm_setcsr(before_); }
#elif defined(__aarch64__)
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" ::"r"(before_ | (std::uint64_t{1} << 24)));
  }
  ~FlushDenormals() { asm volatile("msr fpcr, %0" ::"r"(before_)); }
#endif
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
#if defined(__SSE2__)
  unsigned before_;
#elif defined(__aarch64__)
  std::uint64_t before_;
#endif
};

template <typename A> TIDEGATE_INLINE A smaller(A a, A b) { return a < b ? a : b; }
template <typename A> TIDEGATE_INLINE A larger(A a, A b) { return a < b ? b : a; }
TIDEGATE_INLINE Index blocks(Index n, Index size) { return (n + size - 1) / size; }

// The rows of a block of columns in memory. At a distance of a power of two, the same row of all blocks would fall into
// one set of the first cache, which holds twelve lines.
TIDEGATE_INLINE Index odd(Index rows) { return rows | 1; }

}  // namespace TIDEGATE_ISA
}  // namespace tidegate
