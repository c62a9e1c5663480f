// sanitize.cpp — random calls of every engine of this machine, for AddressSanitizer and UndefinedBehaviorSanitizer.
//
//   sanitize ISA CALLS    every array is an allocation of its own, of the exact size
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "call.hpp"

namespace tidegate {
#define DECLARE(isa) \
  namespace isa { extern const Engine engine_float, engine_double; }
DECLARE(generic)
#ifdef TIDEGATE_X86
DECLARE(avx2)
DECLARE(avx512)
#endif
}  // namespace tidegate

using namespace tidegate;

namespace {

std::mt19937 random_bits(1);
Index pick(Index low, Index high) { return std::uniform_int_distribution<Index>(low, high)(random_bits); }
bool chance(int in) { return pick(1, in) == 1; }
Index size(Index usual, Index large) { return chance(8) ? pick(1, large) : pick(1, usual); }

int gates(Cell cell) { return cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1; }

// An array of numbers, or of rows with gaps between them, that starts anywhere a number may start.
template <typename T> struct Array {
  std::unique_ptr<char[]> memory;
  T* data = nullptr;
  Index n = 0;
  void make(Index numbers, T scale) {
    n = numbers;
    const Index skip = pick(0, 3);
    memory.reset(new char[static_cast<std::size_t>(n + skip) * sizeof(T)]);
    data = reinterpret_cast<T*>(memory.get()) + skip;
    std::normal_distribution<double> normal;
    for (Index i = 0; i < n; ++i) data[i] = static_cast<T>(normal(random_bits)) * scale;
  }
};

template <typename T> struct Grid {
  Array<T> array;
  Rows rows{};
  void make(Index T_, Index B, Index N, T scale) {
    const Index gap = chance(2) ? 0 : pick(1, 5);
    const bool batch_first = chance(2);
    rows.sequence = batch_first ? T_ * (N + gap) : N + gap;
    rows.step = batch_first ? N + gap : B * (N + gap);
    array.make((T_ - 1) * rows.step + (B - 1) * rows.sequence + N, scale);
    rows.data = array.data;
  }
};

template <typename T> bool finite(const Array<T>& a) {
  for (Index i = 0; i < a.n; ++i)
    if (!std::isfinite(a.data[i])) return false;
  return true;
}

template <typename T> bool run(const Engine& engine) {
  Call call{};
  call.cell = static_cast<Cell>(pick(0, 3));
  call.T = size(12, 300), call.B = size(9, 80), call.I = size(20, 150), call.H = size(40, 200);
  while (call.T * call.B * (call.I + call.H) * call.H > 4'000'000) call.T = (call.T + 1) / 2, call.B = (call.B + 1) / 2, call.H = (call.H + 1) / 2;
  const Index Ts = call.T, B = call.B, I = call.I, H = call.H, G = gates(call.cell);
  const bool lstm = call.cell == Cell::lstm;
  call.reverse = chance(2);
  call.threads = static_cast<int>(pick(1, 3));

  std::unique_ptr<Index[]> lengths(new Index[static_cast<std::size_t>(B)]);
  Index real = Ts * B;
  if (chance(2)) {
    real = 0;
    for (Index b = 0; b < B; ++b) real += lengths[static_cast<std::size_t>(b)] = pick(0, Ts);
    call.lengths = lengths.get();
  }

  const T scale = T(0.5 / std::sqrt(double(H)));
  Grid<T> x, out, d_out, d_x;
  Array<T> w_ih, w_hh, b_ih, b_hh, h0, c0, hn, cn, d_hn, d_cn, d_w_ih, d_w_hh, d_b_ih, d_b_hh, d_h0, d_c0;
  x.make(Ts, B, I, T(1)), out.make(Ts, B, H, T(0)), d_out.make(Ts, B, H, T(1)), d_x.make(Ts, B, I, T(0));
  call.x = x.rows, call.out = out.rows;
  const auto give = [](Array<T>& array, Index n, T s) {
    array.make(n, s);
    return array.data;
  };
  call.w_ih = give(w_ih, G * H * I, scale), call.w_hh = give(w_hh, G * H * H, scale);
  if (chance(2)) call.b_ih = give(b_ih, G * H, scale), call.b_hh = give(b_hh, G * H, scale);
  call.h0 = give(h0, B * H, T(0.5)), call.hn = give(hn, B * H, T(0));
  if (lstm) call.c0 = give(c0, B * H, T(0.5)), call.cn = give(cn, B * H, T(0));

  const Index width = engine.vector_bytes / static_cast<Index>(sizeof(T));
  const Index bytes = real * ((H + width - 1) / width) * saved_vectors(call.cell) * engine.vector_bytes;
  std::unique_ptr<char, void (*)(void*)> saved(nullptr, std::free);
  if (bytes) saved.reset(static_cast<char*>(std::aligned_alloc(64, static_cast<std::size_t>((bytes + 63) / 64 * 64))));
  call.saved = chance(5) ? nullptr : saved.get();
  engine.forward(call);
  bool fine = finite(out.array) && finite(hn) && finite(cn);
  if (bytes && !call.saved) return fine;

  if (!chance(4)) call.d_out = d_out.rows;
  if (chance(2)) call.d_hn = give(d_hn, B * H, T(1));
  if (lstm && chance(2)) call.d_cn = give(d_cn, B * H, T(1));
  if (!chance(4)) call.d_x = d_x.rows, call.add_to_d_x = chance(2);
  if (!chance(4)) call.d_w_ih = give(d_w_ih, G * H * I, T(0));
  if (!chance(4)) call.d_w_hh = give(d_w_hh, G * H * H, T(0));
  if (!chance(4)) call.d_b_ih = give(d_b_ih, G * H, T(0)), call.d_b_hh = give(d_b_hh, G * H, T(0));
  if (!chance(4)) call.d_h0 = give(d_h0, B * H, T(0));
  if (lstm && !chance(4)) call.d_c0 = give(d_c0, B * H, T(0));
  engine.backward(call);
  for (const Array<T>* a : {&d_x.array, &d_w_ih, &d_w_hh, &d_b_ih, &d_b_hh, &d_h0, &d_c0}) fine = fine && finite(*a);
  if (!fine)
    std::fprintf(stderr, "not finite: cell %d T %ld B %ld I %ld H %ld threads %d\n", static_cast<int>(call.cell), long(Ts),
                 long(B), long(I), long(H), call.threads);
  return fine;
}

bool supported(const char* isa) {
#ifdef TIDEGATE_X86
  if (!std::strcmp(isa, "avx512"))
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
  if (!std::strcmp(isa, "avx2")) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return !std::strcmp(isa, "generic");
}

}  // namespace

int main(int argc, char** argv) {
  const char* isa = argc > 1 ? argv[1] : "generic";
  const int calls = argc > 2 ? std::atoi(argv[2]) : 300;
  if (!supported(isa)) {
    std::printf("%s: not on this machine\n", isa);
    return 0;
  }
  const Engine *single = &generic::engine_float, *precise = &generic::engine_double;
#ifdef TIDEGATE_X86
  if (!std::strcmp(isa, "avx2")) single = &avx2::engine_float, precise = &avx2::engine_double;
  if (!std::strcmp(isa, "avx512")) single = &avx512::engine_float, precise = &avx512::engine_double;
#endif
  for (int n = 0; n < calls; ++n)
    if (!(chance(2) ? run<float>(*single) : run<double>(*precise))) return 1;
  std::printf("%s: %d random calls, forward and backward\n", isa, calls);
  return 0;
}
