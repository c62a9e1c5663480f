// machine.cpp — what this machine allows: multiply-adds when nothing else holds them up, and how far apart its cores are.
#include <chrono>

#include "simd.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace tidegate {
namespace TIDEGATE_ISA {
namespace {

constexpr int rounds = 1 << 20;

volatile float kept;

// As many independent chains as a kernel's tile has accumulators, each with its own start and all of them read
// at the end, so that the compiler neither merges nor drops one.
__attribute__((noinline)) float multiply_add(float near_one) {
  Vec<float> sums[accumulators], a = fill(near_one), b = fill(1e-6f);
  for (int i = 0; i < accumulators; ++i) sums[i] = fill(near_one * static_cast<float>(i));
  for (int n = 0; n < rounds; ++n)
#pragma GCC unroll 32
    for (auto& sum : sums) sum = a * sum + b;
  float total = 0;
  for (auto& sum : sums) total += sum[0];
  return total;
}

}  // namespace

// Float32 GFLOP/s of all threads together, the best of `repeats` tries of a few milliseconds.
double fma_peak(int threads, int repeats) {
  double best = 0;
  volatile float near_one = 0.999f;
  for (int n = 0; n < repeats; ++n) {
    const auto start = std::chrono::steady_clock::now();
    float sum = 0;
#pragma omp parallel num_threads(threads) reduction(+ : sum)
    sum += multiply_add(near_one);
    kept = sum;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = larger(best, 2e-9 * rounds * accumulators * width<float> * threads / seconds.count());
  }
  return best;
}

// Nanoseconds until what the first thread writes is seen by the thread furthest from it: half the time there and back.
double handover_ns(int threads) {
  constexpr int warm = 200, counted = 1000;
  alignas(64) int turn[16] = {};  // a line of its own
  double most = 0;
  for (int far = 1; far < threads; ++far) {
    turn[0] = 0;
    double taken = 0;
#pragma omp parallel num_threads(threads)
    {
#ifdef _OPENMP
      const int q = omp_get_thread_num(), me = q == 0 ? 0 : q == far ? 1 : -1;
      std::chrono::steady_clock::time_point start;
      for (int n = 0; n < warm + counted && me >= 0 && omp_get_num_threads() == threads; ++n) {
        if (n == warm) start = std::chrono::steady_clock::now();
        while (__atomic_load_n(turn, __ATOMIC_ACQUIRE) != 2 * n + me) {
        }
        __atomic_store_n(turn, 2 * n + me + 1, __ATOMIC_RELEASE);
      }
      if (me == 0) taken = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
#endif
    }
    most = larger(most, taken / (2 * counted) * 1e9);
  }
  return most;
}

}  // namespace TIDEGATE_ISA
}  // namespace tidegate
