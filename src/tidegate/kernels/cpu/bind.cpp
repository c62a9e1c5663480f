// bind.cpp — the only file that knows Python, and where the instruction set is chosen.
//
// Tensors arrive as addresses: the caller has checked shapes, types, layouts and the lengths.
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

namespace nb = nanobind;
using namespace nb::literals;

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

// The C functions by which a package hands out its tensors: DLPack 1.3's DLPackExchangeAPI.
struct Exchange {
  struct {
    std::uint32_t major, minor;
  } version;
  void* older;
  void *allocate, *managed_of, *to_python;
  int (*look_at)(void* tensor, nb::dlpack::dltensor* found);
  void* stream;
};
const Exchange* exchange = nullptr;

// Newer versions of PyTorch have them.
void exchange_through(nb::handle capsule) {
  auto* found = static_cast<const Exchange*>(PyCapsule_GetPointer(capsule.ptr(), "dlpack_exchange_api"));
  if (!found) throw nb::python_error();
  if (found->version.major == 1) exchange = found;
}

bool fits(nb::handle tensor, const nb::tuple& shape, bool precise, const nb::dlpack::dltensor& t) {
  static PyObject* const is_neg = PyUnicode_InternFromString("is_neg");
  const bool right_type = t.dtype.code == static_cast<std::uint8_t>(nb::dlpack::dtype_code::Float) &&
                          t.dtype.bits == (precise ? 64 : 32) && t.dtype.lanes == 1;
  if (t.device.device_type != nb::device::cpu::value || !right_type || t.ndim != static_cast<int>(nb::len(shape)))
    return false;
  std::int64_t stride = 1;
  for (int axis = t.ndim - 1; axis >= 0; --axis) {
    if (t.shape[axis] != nb::cast<std::int64_t>(shape[axis]) || (t.shape[axis] != 1 && t.strides[axis] != stride)) return false;
    stride *= t.shape[axis];
  }
  const nb::object negated = nb::steal(PyObject_CallMethodNoArgs(tensor.ptr(), is_neg));
  return negated.ptr() == Py_False;
}

// Where the numbers of each tensor are, 0 for None; the shapes are repeated. None unless every tensor is of its shape
// and type, on the CPU, with its numbers in order in memory. To ask all that in Python takes longer than a short sequence.
nb::object addresses(const nb::list& tensors, const nb::tuple& shapes, bool precise) {
  const std::size_t count = nb::len(tensors), period = nb::len(shapes);
  nb::list found;
  if (!exchange || !exchange->look_at) return nb::none();
  for (std::size_t k = 0; k < count; ++k) {
    const nb::handle tensor = tensors[k];
    nb::dlpack::dltensor t{};
    if (!tensor.is_none()) {
      const bool seen = exchange->look_at(tensor.ptr(), &t) == 0;
      if (!seen || !fits(tensor, nb::borrow<nb::tuple>(shapes[k % period]), precise, t) || !t.data) {
        PyErr_Clear();
        return nb::none();
      }
    }
    found.append(reinterpret_cast<std::uintptr_t>(t.data) + t.byte_offset);
  }
  return found;
}

template <typename T> T* address(std::uintptr_t at) { return reinterpret_cast<T*>(at); }

using At = std::uintptr_t;

void run_forward(int cell, bool precise, Index T, Index B, Index I, Index H, At lengths, bool reverse, int threads,
                 At x, Index x_step, Index x_sequence, At w_ih, At w_hh, At b_ih, At b_hh, At h0, At c0,
                 At out, Index out_step, Index out_sequence, At hn, At cn, At saved, Index P, At w_hr) {
  Call call{};
  call.cell = static_cast<Cell>(cell);
  call.T = T, call.B = B, call.I = I, call.H = H, call.P = P;
  call.lengths = address<const Index>(lengths);
  call.reverse = reverse;
  call.threads = allowed(threads);
  call.x = {address<void>(x), x_step, x_sequence};
  call.w_ih = address<const void>(w_ih), call.w_hh = address<const void>(w_hh), call.w_hr = address<const void>(w_hr);
  call.b_ih = address<const void>(b_ih), call.b_hh = address<const void>(b_hh);
  call.h0 = address<const void>(h0), call.c0 = address<const void>(c0);
  call.out = {address<void>(out), out_step, out_sequence};
  call.hn = address<void>(hn), call.cn = address<void>(cn);
  call.saved = address<void>(saved);
  const Engine& engine = precise ? *chosen.precise : *chosen.single;
  nb::gil_scoped_release release;
  engine.forward(call);
}

void run_backward(int cell, bool precise, Index T, Index B, Index I, Index H, At lengths, bool reverse, int threads,
                  At x, Index x_step, Index x_sequence, At w_ih, At w_hh, At h0, At c0,
                  At out, Index out_step, Index out_sequence, At saved,
                  At d_out, Index d_out_step, Index d_out_sequence, At d_hn, At d_cn,
                  At d_x, Index d_x_step, Index d_x_sequence, bool add_to_d_x,
                  At d_w_ih, At d_w_hh, At d_b_ih, At d_b_hh, At d_h0, At d_c0, Index P, At w_hr, At d_w_hr) {
  Call call{};
  call.cell = static_cast<Cell>(cell);
  call.T = T, call.B = B, call.I = I, call.H = H, call.P = P;
  call.lengths = address<const Index>(lengths);
  call.reverse = reverse;
  call.threads = allowed(threads);
  call.x = {address<void>(x), x_step, x_sequence};
  call.w_ih = address<const void>(w_ih), call.w_hh = address<const void>(w_hh), call.w_hr = address<const void>(w_hr);
  call.h0 = address<const void>(h0), call.c0 = address<const void>(c0);
  call.out = {address<void>(out), out_step, out_sequence};
  call.saved = address<void>(saved);
  call.d_out = {address<void>(d_out), d_out_step, d_out_sequence};
  call.d_hn = address<const void>(d_hn), call.d_cn = address<const void>(d_cn);
  call.d_x = {address<void>(d_x), d_x_step, d_x_sequence};
  call.add_to_d_x = add_to_d_x;
  call.d_w_ih = address<void>(d_w_ih), call.d_w_hh = address<void>(d_w_hh), call.d_w_hr = address<void>(d_w_hr);
  call.d_b_ih = address<void>(d_b_ih), call.d_b_hh = address<void>(d_b_hh);
  call.d_h0 = address<void>(d_h0), call.d_c0 = address<void>(d_c0);
  const Engine& engine = precise ? *chosen.precise : *chosen.single;
  nb::gil_scoped_release release;
  engine.backward(call);
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
#ifdef TIDEGATE_X86
    if (chosen.single == &avx512::engine_float) return avx512::fma_peak(threads, repeats);
    if (chosen.single == &avx2::engine_float) return avx2::fma_peak(threads, repeats);
#endif
    return generic::fma_peak(threads, repeats);
  });

  m.def("exchange_through", &exchange_through, "capsule"_a);
  m.def("addresses", &addresses, "tensors"_a, "shapes"_a, "precise"_a);
  m.def("vector_bytes", [] { return chosen.single->vector_bytes; });
  m.def("saved_vectors", [](int cell) { return saved_vectors(static_cast<Cell>(cell)); });
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

  // h as wide as the cell, and h projected: P and w_hr (and d_w_hr) come last.
  m.def("forward",
        [](int cell, bool precise, Index T, Index B, Index I, Index H, At lengths, bool reverse, int threads,
           At x, Index x_step, Index x_sequence, At w_ih, At w_hh, At b_ih, At b_hh, At h0, At c0,
           At out, Index out_step, Index out_sequence, At hn, At cn, At saved) {
          run_forward(cell, precise, T, B, I, H, lengths, reverse, threads, x, x_step, x_sequence, w_ih, w_hh, b_ih, b_hh, h0, c0,
                      out, out_step, out_sequence, hn, cn, saved, H, 0);
        });
  m.def("forward", &run_forward);
  m.def("backward",
        [](int cell, bool precise, Index T, Index B, Index I, Index H, At lengths, bool reverse, int threads,
           At x, Index x_step, Index x_sequence, At w_ih, At w_hh, At h0, At c0,
           At out, Index out_step, Index out_sequence, At saved,
           At d_out, Index d_out_step, Index d_out_sequence, At d_hn, At d_cn,
           At d_x, Index d_x_step, Index d_x_sequence, bool add_to_d_x,
           At d_w_ih, At d_w_hh, At d_b_ih, At d_b_hh, At d_h0, At d_c0) {
          run_backward(cell, precise, T, B, I, H, lengths, reverse, threads, x, x_step, x_sequence, w_ih, w_hh, h0, c0, out, out_step,
                       out_sequence, saved, d_out, d_out_step, d_out_sequence, d_hn, d_cn, d_x, d_x_step, d_x_sequence, add_to_d_x,
                       d_w_ih, d_w_hh, d_b_ih, d_b_hh, d_h0, d_c0, H, 0, 0);
        });
  m.def("backward", &run_backward);
}
