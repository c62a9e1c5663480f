#include "threads.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace tidegate {

void nap() { std::this_thread::sleep_for(std::chrono::microseconds(5)); }

// Half the time there and back.
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
      if (me >= 0 && omp_get_num_threads() == threads) {
        std::chrono::steady_clock::time_point start;
        for (int n = 0; n < warm + counted; ++n) {
          if (n == warm) start = std::chrono::steady_clock::now();
          while (__atomic_load_n(turn, __ATOMIC_ACQUIRE) != 2 * n + me) {
          }
          __atomic_store_n(turn, 2 * n + me + 1, __ATOMIC_RELEASE);
        }
        if (me == 0) taken = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      }
#endif
    }
    most = std::max(most, taken / (2 * counted) * 1e9);
  }
  return most;
}

}  // namespace tidegate
