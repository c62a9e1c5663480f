#include "threads.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace tidegate {

double now_ns() {
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

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
        double start = 0;
        for (int n = 0; n < warm + counted; ++n) {
          if (n == warm) start = now_ns();
          while (__atomic_load_n(turn, __ATOMIC_ACQUIRE) != 2 * n + me) {
          }
          __atomic_store_n(turn, 2 * n + me + 1, __ATOMIC_RELEASE);
        }
        if (me == 0) taken = now_ns() - start;
      }
#endif
    }
    most = std::max(most, taken / (2 * counted));
  }
  return most;
}

}  // namespace tidegate
