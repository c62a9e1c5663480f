// bind.cpp — the kernels as Python calls them, and where the instruction set is chosen.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>
#include <string>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

#include "call.hpp"
#include "pool.hpp"
#include "tensors.hpp"
#include "threads.hpp"

using namespace nanobind::literals;

namespace tidegate {

#define TIDEGATE_DECLARE(isa) \
  namespace isa {             \
  extern const Engine engine_float, engine_double; \
  double fma_peak(int threads, int repeats);       \
  }
TIDEGATE_DECLARE(generic)
#ifdef TIDEGATE_X86
TIDEGATE_DECLARE(avx2)
TIDEGATE_DECLARE(avx512)
#endif

namespace {

struct Choice {
  const char* name;
  const Engine *single, *precise;
};

// What this machine can run, the fastest first.
std::vector<Choice> choices() {
  std::vector<Choice> found;
#ifdef TIDEGATE_X86
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    found.push_back({"avx512", &avx512::engine_float, &avx512::engine_double});
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    found.push_back({"avx2", &avx2::engine_float, &avx2::engine_double});
#endif
  found.push_back({"generic", &generic::engine_float, &generic::engine_double});
  return found;
}

Choice chosen{};
bool after_fork = false;

void choose(const std::string& wanted) {
  std::string known;
  for (const Choice& choice : choices()) {
    if (wanted.empty() || wanted == choice.name) {
      chosen = choice;
      return;
    }
    known += known.empty() ? choice.name : std::string(", ") + choice.name;
  }
  throw nb::value_error(known.c_str());
}

// OpenMP's threads do not survive a fork, and the child would wait for them forever.
int allowed(int threads) { return after_fork ? 1 : threads; }

nb::capsule owner_of(void* memory) {
  return nb::capsule(memory, [](void* p) noexcept { give_back(p); });
}

void exchange_through(nb::handle capsule) {
  if (capsule.is_none()) {
    exchange = nullptr;
    return;
  }
  auto* found = static_cast<const Exchange*>(PyCapsule_GetPointer(capsule.ptr(), "dlpack_exchange_api"));
  if (found && found->version.major == 1 && found->look_at) exchange = found;
  PyErr_Clear();  // of another kind: tensors are then read by their attributes
}

Index kept(const Call& call) { return saved_vectors(call.cell, is_noisy(call)); }

// What is read of a call of `directions` directions before it runs.
struct Reading {
  Reader read;
  Index directions = 0;
  Call call[2] = {};

  const Engine& engine() const { return read.kind == Kind::float64 ? *chosen.precise : *chosen.single; }

  // Where each direction keeps numbers for backward; `saved` may be None.
  void keep_in(nb::handle saved) {
    if (!read.fits || saved.is_none()) return;
    const Seen seen = read.any(saved);
    const Index width = engine().vector_bytes / read.bytes(), size = seen.count() / directions;
    const Index vectors = real_rows(call[0]) * ((call[0].H + width - 1) / width) * kept(call[0]);
    read.fits = read.fits && seen.kind == Kind::byte && seen.axes == 1 && seen.is_dense() && size >= vectors * engine().vector_bytes;
    for (Index d = 0; d < directions; ++d) call[d].saved = seen.at ? seen.at + d * size : nullptr;
  }

  bool run(void (*const Engine::*pass)(const Call&)) {
    if (!read.fits) return false;
    const auto function = engine().*pass;
    nb::gil_scoped_release release;
    for (Index d = 0; d < directions; ++d) function(call[d]);
    return true;
  }
};

// The calls of a layer's directions: what forward and backward both read. `weights` has w_ih, w_hh, b_ih, b_hh and,
// where h is projected, w_hr of each direction.
struct Layer : Reading {
  Index weights = 0;  // of one direction
  Index of_rows = 0;  // rows of x

  Layer(int cell, nb::handle x, nb::handle h0, nb::handle c0, const nb::list& all, nb::handle lengths, const nb::list& noise,
        nb::handle saved, int threads) {
    const Seen of_x = read.any(x), of_h0 = read.any(h0);
    const Index count = static_cast<Index>(nb::len(all));
    read.kind = of_x.kind;
    directions = of_h0.shape[0];
    read.fits = read.fits && (of_x.kind == Kind::float32 || of_x.kind == Kind::float64) && of_x.axes == 3 &&
                of_h0.axes == 3 && (directions == 1 || directions == 2) &&
                (count == 4 * directions || (count == 5 * directions && !c0.is_none() && nb::len(noise) == 0)) &&
                (nb::len(noise) == 0 || static_cast<Index>(nb::len(noise)) == 3 * directions);
    if (!read.fits) return;
    weights = count / directions;
    const Index T = of_x.shape[0], rows = of_x.shape[1], I = of_x.shape[2], B = of_h0.shape[1], P = of_h0.shape[2];
    const Seen of_c0 = c0.is_none() ? of_h0 : read.any(c0);
    const Index H = of_c0.axes == 3 ? of_c0.shape[2] : 0;
    const Cell kind = static_cast<Cell>(cell);
    const Index G = gates(kind) * H;
    read.fits = read.fits && (kind == Cell::lstm) != c0.is_none() && (weights == 5 ? P <= H : P == H);
    read.thorough = T * B * G * (I + P) >= Index(1) << 16;
    for (Index d = 0; d < directions; ++d) {
      Call& to = call[d];
      to.cell = kind;
      to.T = T, to.B = B, to.I = I, to.H = H, to.P = P;
      read.lengths(lengths, rows, to);
      to.reverse = d == 1;
      to.threads = allowed(threads);
      to.x = read.rows(x, T, rows, I, 0);
      if (nb::len(noise) > 0) {
        const auto part = [&](Index k) { return noise[static_cast<std::size_t>(3 * d + k)]; };
        to.drop = read.dense(part(0), {rows, H});
        to.hold_h = read.rows(part(1), T, rows, H, 0), to.hold_c = read.rows(part(2), T, rows, H, 0);
      }
      to.h0 = state(h0, d, P), to.c0 = state(c0, d, H);
      const auto weight = [&](Index k) { return all[static_cast<std::size_t>(weights * d + k)]; };
      to.w_ih = read.needed(weight(0), {G, I}), to.w_hh = read.needed(weight(1), {G, P});
      to.b_ih = read.dense(weight(2), {G}), to.b_hh = read.dense(weight(3), {G});
      to.w_hr = weights == 5 ? read.needed(weight(4), {P, H}) : nullptr;
    }
    of_rows = rows;
    keep_in(saved);
  }

  // What a tensor [D, B, N] has for direction d.
  char* state(nb::handle tensor, Index d, Index N) {
    char* const at = read.dense(tensor, {directions, call[0].B, N});
    return at ? at + d * call[0].B * N * read.bytes() : nullptr;
  }
  // What a tensor [T, rows, D*N] has for direction d.
  Rows output(nb::handle tensor, Index d, Index N) {
    return read.rows(tensor, call[0].T, of_rows, directions * N, d * N);
  }
};

// The call of one step, and what its forward and backward both read.
struct Step : Reading {
  Step(int cell, nb::handle x, nb::handle h0, nb::handle c0, nb::handle w_ih, nb::handle w_hh, nb::handle b_ih, nb::handle b_hh,
       nb::handle hn, nb::handle saved, int threads) {
    const Seen of_x = read.any(x), of_h0 = read.any(h0);
    read.kind = of_x.kind;
    read.fits = read.fits && (of_x.kind == Kind::float32 || of_x.kind == Kind::float64) && of_x.axes == 2 && of_h0.axes == 2;
    if (!read.fits) return;
    const Cell kind = static_cast<Cell>(cell);
    const Index B = of_x.shape[0], I = of_x.shape[1], H = of_h0.shape[1], G = gates(kind) * H;
    read.fits = (kind == Cell::lstm) != c0.is_none() && B > 0;
    read.thorough = B * G * (I + H) >= Index(1) << 16;
    directions = 1;
    Call& call = this->call[0];
    call.cell = kind;
    call.T = 1, call.B = B, call.I = I, call.H = call.P = H;
    call.threads = allowed(threads);
    call.x = rows(x, I);
    call.h0 = read.needed(h0, {B, H}), call.c0 = read.dense(c0, {B, H});
    call.w_ih = read.needed(w_ih, {G, I}), call.w_hh = read.needed(w_hh, {G, H});
    call.b_ih = read.dense(b_ih, {G}), call.b_hh = read.dense(b_hh, {G});
    if (!hn.is_none()) call.out = {read.needed(hn, {B, H}), 0, H};
    keep_in(saved);
  }

  // A tensor [B, N] whose rows are dense; none where it is None.
  Rows rows(nb::handle tensor, Index N) {
    if (tensor.is_none()) return {};
    const Seen seen = read.any(tensor);
    read.fits = read.fits && seen.kind == read.kind && seen.has_shape({call[0].B, N}) && (seen.stride[1] == 1 || N == 1);
    return {seen.at, 0, seen.stride[0]};
  }
};

bool run_step(int cell, nb::handle x, nb::handle h0, nb::handle c0, nb::handle w_ih, nb::handle w_hh, nb::handle b_ih,
              nb::handle b_hh, nb::handle hn, nb::handle cn, nb::handle saved, int threads) {
  Step step(cell, x, h0, c0, w_ih, w_hh, b_ih, b_hh, hn, saved, threads);
  Call& call = step.call[0];
  call.hn = call.out.data;
  call.cn = step.read.fits ? step.read.dense(cn, {call.B, call.H}) : nullptr;
  return step.run(&Engine::forward);
}

bool run_step_backward(int cell, nb::handle x, nb::handle h0, nb::handle c0, nb::handle w_ih, nb::handle w_hh, nb::handle b_ih,
                       nb::handle b_hh, nb::handle hn, nb::handle saved, nb::handle d_hn, nb::handle d_cn, const nb::list& to,
                       int threads) {
  Step step(cell, x, h0, c0, w_ih, w_hh, b_ih, b_hh, hn, saved, threads);
  Reader& read = step.read;
  Call& call = step.call[0];
  if (!read.fits || nb::len(to) != 7) return false;
  const Index B = call.B, I = call.I, H = call.H, G = gates(call.cell) * H;
  call.d_hn = read.dense(d_hn, {B, H}), call.d_cn = read.dense(d_cn, {B, H});
  call.d_x = step.rows(to[0], I);
  call.d_h0 = read.dense(to[1], {B, H}), call.d_c0 = read.dense(to[2], {B, H});
  call.d_w_ih = read.dense(to[3], {G, I}), call.d_w_hh = read.dense(to[4], {G, H});
  call.d_b_ih = read.dense(to[5], {G}), call.d_b_hh = read.dense(to[6], {G});
  const bool reads_h = call.cell == Cell::rnn_tanh || call.cell == Cell::rnn_relu;
  read.fits = read.fits && (call.saved || !kept(call)) && (call.out.data || !reads_h);
  return step.run(&Engine::backward);
}

bool run_forward(int cell, nb::handle x, nb::handle h0, nb::handle c0, const nb::list& weights, nb::handle lengths,
                 const nb::list& noise, nb::handle out, nb::handle c_out, nb::handle hn, nb::handle cn, nb::handle saved,
                 int threads) {
  Layer layer(cell, x, h0, c0, weights, lengths, noise, saved, threads);
  for (Index d = 0; layer.read.fits && d < layer.directions; ++d) {
    Call& call = layer.call[d];
    call.out = layer.output(out, d, call.P), call.c_out = layer.output(c_out, d, call.H);
    call.hn = layer.state(hn, d, call.P), call.cn = layer.state(cn, d, call.H);
  }
  return layer.run(&Engine::forward);
}

bool run_backward(int cell, nb::handle x, nb::handle h0, nb::handle c0, const nb::list& weights, nb::handle lengths,
                  const nb::list& noise, nb::handle out, nb::handle saved, nb::handle d_out, nb::handle d_c_out, nb::handle d_hn,
                  nb::handle d_cn, nb::handle d_x, nb::handle d_h0, nb::handle d_c0, const nb::list& d_weights, int threads) {
  Layer layer(cell, x, h0, c0, weights, lengths, noise, saved, threads);
  Reader& read = layer.read;
  read.fits = read.fits && nb::len(d_weights) == nb::len(weights);
  for (Index d = 0; read.fits && d < layer.directions; ++d) {
    Call& call = layer.call[d];
    const Index I = call.I, H = call.H, P = call.P, G = gates(call.cell) * H;
    call.out = layer.output(out, d, P), call.d_out = layer.output(d_out, d, P), call.d_c_out = layer.output(d_c_out, d, H);
    call.d_hn = layer.state(d_hn, d, P), call.d_cn = layer.state(d_cn, d, H);
    call.d_x = read.rows(d_x, call.T, layer.of_rows, I, 0);
    call.add_to_d_x = d == 1;
    call.d_h0 = layer.state(d_h0, d, P), call.d_c0 = layer.state(d_c0, d, H);
    const auto gradient = [&](Index k) { return d_weights[static_cast<std::size_t>(layer.weights * d + k)]; };
    call.d_w_ih = read.dense(gradient(0), {G, I}), call.d_w_hh = read.dense(gradient(1), {G, P});
    call.d_b_ih = read.dense(gradient(2), {G}), call.d_b_hh = read.dense(gradient(3), {G});
    call.d_w_hr = layer.weights == 5 ? read.dense(gradient(4), {P, H}) : nullptr;
    read.fits = read.fits && (call.saved || !kept(call) || real_rows(call) == 0);
  }
  return layer.run(&Engine::backward);
}

}  // namespace
}  // namespace tidegate

using namespace tidegate;

NB_MODULE(_cpu, m) {
  choose("");
#if defined(__unix__) || defined(__APPLE__)
  pthread_atfork(nullptr, nullptr, [] { after_fork = true; });
#endif

  m.def("isa", [] { return chosen.name; });
  m.def("choose", &choose, "isa"_a);
  m.def("choices", [] {
    std::vector<std::string> names;
    for (const Choice& choice : choices()) names.emplace_back(choice.name);
    return names;
  });
  m.def("pooled_bytes", &pooled_bytes);
  m.def("release_pool", &release_pool);
  m.def("fma_peak", [](int threads, int repeats) {
    threads = allowed(threads);
#ifdef TIDEGATE_X86
    if (chosen.single == &avx512::engine_float) return avx512::fma_peak(threads, repeats);
    if (chosen.single == &avx2::engine_float) return avx2::fma_peak(threads, repeats);
#endif
    return generic::fma_peak(threads, repeats);
  });

  m.def("handover_ns", [](int threads) { return handover_ns(allowed(threads)); });

  m.def("exchange_through", &exchange_through, "capsule"_a.none());
  m.def("vector_bytes", [] { return chosen.single->vector_bytes; });
  m.def("gates", [](int cell) { return gates(static_cast<Cell>(cell)); });
  m.def("saved_vectors", [](int cell, bool noisy) { return saved_vectors(static_cast<Cell>(cell), noisy); }, "cell"_a, "noisy"_a);
  // Pooled memory as tensors that give it back.
  m.def("buffer", [](std::size_t bytes) {
    void* memory = take(bytes);
    return nb::ndarray<nb::pytorch, std::uint8_t, nb::ndim<1>>(memory, {bytes}, owner_of(memory));
  });
  m.def("result", [](bool precise, std::size_t T, std::size_t B, std::size_t N) {
    void* memory = take(T * B * N * (precise ? sizeof(double) : sizeof(float)));
    return nb::ndarray<nb::pytorch, nb::ndim<3>>(memory, {T, B, N}, owner_of(memory), {},
                                                 precise ? nb::dtype<double>() : nb::dtype<float>());
  });

  // False, and nothing done, unless every tensor is of its shape and type, on the CPU, with its numbers in order.
  m.def("forward", &run_forward, "cell"_a, "x"_a, "h0"_a, "c0"_a.none(), "weights"_a, "lengths"_a.none(), "noise"_a, "out"_a,
        "c_out"_a.none(), "hn"_a, "cn"_a.none(), "saved"_a.none(), "threads"_a);
  m.def("step", &run_step, "cell"_a, "x"_a, "h0"_a, "c0"_a.none(), "w_ih"_a, "w_hh"_a, "b_ih"_a.none(), "b_hh"_a.none(), "hn"_a,
        "cn"_a.none(), "saved"_a.none(), "threads"_a);
  m.def("step_backward", &run_step_backward, "cell"_a, "x"_a, "h0"_a, "c0"_a.none(), "w_ih"_a, "w_hh"_a, "b_ih"_a.none(),
        "b_hh"_a.none(), "hn"_a.none(), "saved"_a.none(), "d_hn"_a.none(), "d_cn"_a.none(), "to"_a, "threads"_a);
  m.def("backward", &run_backward, "cell"_a, "x"_a, "h0"_a, "c0"_a.none(), "weights"_a, "lengths"_a.none(), "noise"_a, "out"_a,
        "saved"_a.none(), "d_out"_a.none(), "d_c_out"_a.none(), "d_hn"_a.none(), "d_cn"_a.none(), "d_x"_a.none(),
        "d_h0"_a.none(), "d_c0"_a.none(), "d_weights"_a, "threads"_a);
}
