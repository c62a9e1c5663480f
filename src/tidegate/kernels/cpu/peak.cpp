// peak.cpp — how many multiply-adds this machine does when nothing else holds it up.
#include <chrono>

#include "simd.hpp"

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

}  // namespace TIDEGATE_ISA
}  // namespace tidegate
