// call.hpp — what one call asks for: one direction of one layer over one batch.
//
// Sizes are counted in elements. Rows (x, out and their gradients) have unit stride inside and any
// stride between steps and sequences. Everything else is contiguous. A null pointer means "none".
#pragma once
#include <cstdint>

namespace tidegate {

using Index = std::int64_t;

enum class Cell : int { rnn_tanh = 0, rnn_relu = 1, lstm = 2, gru = 3 };

constexpr int gates(Cell cell) { return cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1; }
constexpr int saved_vectors(Cell cell, bool noisy) {
  return cell == Cell::lstm ? 5 + noisy : cell == Cell::gru ? 4 : noisy;
}

struct Rows {
  void* data;
  Index step, sequence;  // strides
};

struct Call {
  Cell cell;
  Index T, B, I, H;
  Index P;               // features of h: H, or what the projection of an LSTM leaves of them
  const Index* lengths;  // [B]; none: every sequence has T steps
  const Index *rows, *first;  // [B]: each sequence is a piece of a row of x, from a step on; none: it is a row
  bool reverse;
  int threads;

  Rows x;                      // [T, rows, I]; a row is a sequence, unless `rows` says otherwise
  const void *w_ih, *w_hh;     // [G*H, I], [G*H, P]
  const void* w_hr;            // [P, H]; none: h is not projected, and P is H
  const void *b_ih, *b_hh;     // [G*H]
  const void *h0, *c0;         // [B, P], [B, H]
  Rows out;                    // [T, rows, P], zero after the end of a sequence; what no piece covers is left alone
  Rows c_out;                  // [T, rows, H], c after every step likewise; none: not wanted
  void *hn, *cn;               // [B, P], [B, H]
  void* saved;                 // saved_vectors() vectors a real step and vector of units, 64-aligned; none: nothing is saved

  // noise: none of it where all three are none
  const void* drop;            // [rows, H]: h is multiplied by it before the recurrent product
  Rows hold_h, hold_c;         // [T, rows, H]: the share of the old state that stays

  // backward only
  Rows d_out, d_c_out;
  const void *d_hn, *d_cn;
  Rows d_x;
  bool add_to_d_x;             // the other direction has already written d_x
  void *d_w_ih, *d_w_hh, *d_w_hr, *d_b_ih, *d_b_hh, *d_h0, *d_c0;
};

// Rows of all steps together. Static, as this file is compiled for several instruction sets: the linker would keep one.
[[maybe_unused]] static Index real_rows(const Call& call) {
  if (!call.lengths) return call.T * call.B;
  Index sum = 0;
  for (Index b = 0; b < call.B; ++b) sum += call.lengths[b];
  return sum;
}

[[maybe_unused]] static bool is_noisy(const Call& call) { return call.drop || call.hold_h.data || call.hold_c.data; }

struct Engine {
  const char* isa;
  int vector_bytes;
  void (*forward)(const Call&);
  void (*backward)(const Call&);
};

}  // namespace tidegate
