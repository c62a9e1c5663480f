// engine.cpp — the kernels for one instruction set; compiled once for each.
#include "backward.hpp"
#include "few.hpp"

namespace tidegate {
namespace TIDEGATE_ISA {
namespace {

template <typename C, Cell cell> constexpr bool is = C::gates == gates(cell) && C::saved == saved_vectors(cell, false) &&
                                                      C::saved + C::held == saved_vectors(cell, true);

template <typename T, typename C> void forward_either(const Call& call) {
  if (is_noisy(call)) return forward<T, C, true>(call);
  return is_few(call) ? forward_few<T, C>(call) : forward<T, C>(call);
}
template <typename T, typename C> void backward_either(const Call& call) {
  if (is_noisy(call)) return backward<T, C, true>(call);
  return is_few(call) ? backward_few<T, C>(call) : backward<T, C>(call);
}

template <typename T> struct Engines {
  static_assert(is<Rnn<T, false>, Cell::rnn_tanh> && is<Rnn<T, true>, Cell::rnn_relu>);
  static_assert(is<Lstm<T>, Cell::lstm> && is<Gru<T>, Cell::gru>);

  static void forward_any(const Call& call) {
    switch (call.cell) {
      case Cell::rnn_tanh: return forward_either<T, Rnn<T, false>>(call);
      case Cell::rnn_relu: return forward_either<T, Rnn<T, true>>(call);
      case Cell::lstm: return forward_either<T, Lstm<T>>(call);
      case Cell::gru: return forward_either<T, Gru<T>>(call);
    }
  }
  static void backward_any(const Call& call) {
    switch (call.cell) {
      case Cell::rnn_tanh: return backward_either<T, Rnn<T, false>>(call);
      case Cell::rnn_relu: return backward_either<T, Rnn<T, true>>(call);
      case Cell::lstm: return backward_either<T, Lstm<T>>(call);
      case Cell::gru: return backward_either<T, Gru<T>>(call);
    }
  }
};

#define TIDEGATE_TEXT_OF(name) #name
#define TIDEGATE_TEXT(name) TIDEGATE_TEXT_OF(name)

const char* const name = TIDEGATE_TEXT(TIDEGATE_ISA);

}  // namespace

extern const Engine engine_float{name, vector_bytes, Engines<float>::forward_any, Engines<float>::backward_any};
extern const Engine engine_double{name, vector_bytes, Engines<double>::forward_any, Engines<double>::backward_any};

}  // namespace TIDEGATE_ISA
}  // namespace tidegate
