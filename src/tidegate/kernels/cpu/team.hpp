// team.hpp — the threads of one call, and which rows run when.
#pragma once
#if defined(__linux__)
#include <sched.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#include "pool.hpp"
#include "simd.hpp"
#include "threads.hpp"

namespace tidegate {
namespace TIDEGATE_ISA {

// Where the members of a team run. Linux may wake one on the core of another, though others are idle, and leave both
// there: then each step of both takes a time slice.
class Seats {
 public:
  Seats() {
    for (int& core : core_) core = -1;
  }
  void take(int q) {
#if defined(__linux__)
    if (q >= most) return;
    const int core = sched_getcpu();
    for (int other = 0; other < q; ++other)
      if (core == __atomic_load_n(&core_[other], __ATOMIC_RELAXED)) move_from_the_others();
    __atomic_store_n(&core_[q], sched_getcpu(), __ATOMIC_RELAXED);
#endif
  }

 private:
  static constexpr int most = 64;
  int core_[most];

#if defined(__linux__)
  // Narrowing the set of cores moves this thread at once; then it may run where it might before.
  void move_from_the_others() {
    cpu_set_t allowed, free;
    if (sched_getaffinity(0, sizeof allowed, &allowed)) return;
    free = allowed;
    for (const int& core : core_) {
      const int taken = __atomic_load_n(&core, __ATOMIC_RELAXED);
      if (taken >= 0 && taken < CPU_SETSIZE) CPU_CLR(taken, &free);
    }
    if (CPU_COUNT(&free) && !sched_setaffinity(0, sizeof free, &free)) sched_setaffinity(0, sizeof allowed, &allowed);
  }
#endif
};

// All n threads wait for each other. They spin, as steps are short; but while a member has no core to run on, spinning
// only keeps one from it: then the others nap. (To be woken by that member would put them on its core.)
class Barrier {
 public:
  void wait(int n) {
    if (n == 1) return;
    const int round = __atomic_load_n(&round_, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&arrived_, 1, __ATOMIC_ACQ_REL) == n) {
      __atomic_store_n(&arrived_, 0, __ATOMIC_RELAXED);
      __atomic_store_n(&round_, round + 1, __ATOMIC_RELEASE);
      return;
    }
    for (int spins = 0; __atomic_load_n(&round_, __ATOMIC_ACQUIRE) == round; ++spins) {
      if (spins > 10000) nap();
#if defined(__SSE2__)
      _mm_pause();
#endif
    }
  }

 private:
  alignas(64) int arrived_ = 0;
  alignas(64) int round_ = 0;
};

// Whether members meet within `longest` nanoseconds where nothing holds them up. All are told the same.
class Meeting {
 public:
  bool is_short(int q, int n, double longest) {
    constexpr int tries = 8;
    barrier_.wait(n);
    for (int i = 0; i < tries; ++i) {
      const double start = q ? 0 : now_ns();
      barrier_.wait(n);
      if (!q) shortest_ = smaller(shortest_, now_ns() - start);
    }
    barrier_.wait(n);
    return shortest_ <= longest;
  }

 private:
  Barrier barrier_;
  double shortest_ = 1e9;
};

// Carves one pooled block into aligned arrays, in one copy or several. Measure first, then take.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() {
#if defined(__SANITIZE_ADDRESS__)
    ASAN_UNPOISON_MEMORY_REGION(start_, static_cast<std::size_t>(size_ * copies_));
#endif
    give_back(start_);
  }
  template <typename A> Index reserve(Index n) {
    const Index at = size_;
    size_ += blocks(n * static_cast<Index>(sizeof(A)), 64) * 64;
#if defined(__SANITIZE_ADDRESS__)
    fences_[number_of_fences_++] = size_;
    size_ += 64;
#endif
    return at;
  }
  // Copies stand a page or more apart: a core fetches ahead, and would take lines that another core writes.
  void allocate(int copies) {
    copies_ = copies;
    if (copies > 1) size_ = blocks(size_ + 4096, 64) * 64;
    start_ = static_cast<char*>(take(static_cast<std::size_t>(size_ * copies)));
#if defined(__SANITIZE_ADDRESS__)
    for (int copy = 0; copy < copies; ++copy)
      for (int i = 0; i < number_of_fences_; ++i) ASAN_POISON_MEMORY_REGION(start_ + copy * size_ + fences_[i], 64);
#endif
  }
  template <typename A> A* at(Index offset, int copy = 0) const { return reinterpret_cast<A*>(start_ + copy * size_ + offset); }

 private:
  char* start_ = nullptr;
  Index size_ = 0;
  int copies_ = 1;
#if defined(__SANITIZE_ADDRESS__)
  Index fences_[32];  // memory between the arrays that nobody may touch
  int number_of_fences_ = 0;
#endif
};

constexpr Index second_cache = 1 << 20;    // bytes
constexpr Index worth_sharing = 96 << 10;  // bytes of weights from which on one step is work enough for several threads
constexpr Index most_in_wave = 192;        // rows

// Sequences by falling length: at step s the first active(s) rows of the order still run.
// Row i runs step s at time first[i] + s, or, in the reverse direction, at first[i] + length[i] - 1 - s, of row[i] of x.
struct Schedule {
  Index steps;
  bool full, reverse;
  Index *order, *length, *row, *first;  // [B]
  Index* offset;          // [steps + 1]: rows of all steps before s

  Index active(Index s) const { return s < steps ? offset[s + 1] - offset[s] : 0; }
  Index time(Index i, Index s) const { return first[i] + (reverse ? length[i] - 1 - s : s); }
  // What is kept for backward stands step after step, in blocks of units with all rows of the step.
  Index kept(Index s, Index H_blocks, Index block, Index i) const { return offset[s] * H_blocks + block * active(s) + i; }
};

inline Index longest(const Call& call) {
  if (!call.lengths) return call.B ? call.T : 0;
  Index most = 0;
  for (Index b = 0; b < call.B; ++b) most = larger(most, call.lengths[b]);
  return most;
}

// `count` is room for T + 2 numbers.
inline void order_by_length(const Call& call, Schedule& schedule, Index* count) {
  const Index B = call.B, T = call.T;
  schedule.reverse = call.reverse;
  schedule.full = true;
  if (call.lengths)
    for (Index b = 0; b < B; ++b) schedule.full = schedule.full && call.lengths[b] == schedule.steps;
  if (schedule.full) {
    for (Index b = 0; b < B; ++b) schedule.order[b] = b, schedule.length[b] = schedule.steps;
    for (Index s = 0; s <= schedule.steps; ++s) schedule.offset[s] = s * B;
    return;
  }
  for (Index n = 0; n <= T + 1; ++n) count[n] = 0;
  for (Index b = 0; b < B; ++b) ++count[T - call.lengths[b] + 1];
  for (Index n = 1; n <= T + 1; ++n) count[n] += count[n - 1];
  for (Index b = 0; b < B; ++b) {
    const Index i = count[T - call.lengths[b]]++;
    schedule.order[i] = b;
    schedule.length[i] = call.lengths[b];
  }
  Index running = B;
  schedule.offset[0] = 0;
  for (Index s = 0; s < schedule.steps; ++s) {
    while (running > 0 && schedule.length[running - 1] <= s) --running;
    schedule.offset[s + 1] = schedule.offset[s] + running;
  }
}

inline void fill_schedule(const Call& call, Schedule& schedule, Index* count) {
  order_by_length(call, schedule, count);
  for (Index i = 0; i < call.B; ++i) {
    const Index b = schedule.order[i];
    schedule.row[i] = call.rows ? call.rows[b] : b;
    schedule.first[i] = call.rows ? call.first[b] : 0;
  }
}

// The rows of one group of threads in one wave: first, first + stride, …; in its blocked arrays they stand together.
struct Share {
  Index first, stride, count, steps;
  Index* offset;  // [steps + 1]: rows of all steps before s

  Index row(Index r) const { return first + r * stride; }
  Index active(Index s) const { return s < steps ? offset[s + 1] - offset[s] : 0; }
};

// A group takes its rows in waves, one after the other through all their steps, where what more of them have on their
// way would leave the second cache; weights that leave it themselves want many rows each time they come.
inline Index waves_of(Index rows_each, Index bytes_of_weights) {
  return bytes_of_weights > second_cache ? 1 : larger<Index>(1, blocks(rows_each, most_in_wave));
}

// `offset` is room for schedule.steps + 1 numbers, where there is more than one group or wave.
inline Share share_of_rows(const Schedule& schedule, Index B, int group, int groups, Index wave, Index waves, Index* offset) {
  if (groups == 1 && waves == 1) return {0, 1, B, schedule.steps, schedule.offset};
  const Index start = schedule.full ? B * group / groups : group, stride = schedule.full ? 1 : groups;
  const Index all = schedule.full ? B * (group + 1) / groups - start : blocks(B - group, groups);
  const Index before = all * wave / waves;
  Share share{start + stride * before, stride, all * (wave + 1) / waves - before, 0, offset};
  share.steps = share.count ? schedule.length[share.first] : 0;
  offset[0] = 0;
  for (Index s = 0; s < share.steps; ++s)
    offset[s + 1] = offset[s] + smaller(share.count, blocks(schedule.active(s) - share.first, share.stride));
  return share;
}

struct Range {
  Index first, last;
};

inline Range share_of(Index n, int q, int threads) { return {n * q / threads, n * (q + 1) / threads}; }

// How one call is spread over threads. Each group takes some of the rows through all steps, and groups meet only where
// backward adds up their gradients: two cores may lie far apart, and then to read what the other wrote takes as long as
// a thousand multiply-adds. The threads of one group share its units and meet after every step.
struct Plan {
  int threads, groups;
  double longest_meeting = 0;  // nanoseconds beyond which sharing does not pay; 0: it always does
  int members() const { return threads / groups; }
};

inline Plan plan(const Call& call, Index gates, Index rows, Index steps, Index element) {
  const Index of_h = gates * call.H * call.H * element, all = of_h + gates * call.H * call.I * element;
  const int threads = call.threads;
  if (threads <= 1 || double(rows) * double(all) < 1e6 * double(element)) return {1, 1};
  const Index together = steps ? blocks(rows, steps) : call.B;  // rows of a step, as sequences have different lengths
  const bool many = together >= 8 * threads;
  if (many && (of_h > second_cache || all > 4 * second_cache)) return {threads, 1};
  if (!many && of_h >= worth_sharing) {
    // One thread reads about 100 bytes of weights a nanosecond, and to share a step costs about five meetings.
    const double step = 0.01 * double(of_h) * double(1 + together) / 2;
    return {threads, 1, step * (1 - 1.0 / threads) / 5};
  }
  const int groups = many ? threads : static_cast<int>(smaller<Index>(threads, call.B));
  return {groups, groups};
}

}  // namespace TIDEGATE_ISA
}  // namespace tidegate
