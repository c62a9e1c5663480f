// random_shapes.cpp — one engine over random shapes, for sanitizers and for machines without Python.
//
// Every array has exactly the size that the contract asks for. The judges need no second engine:
// the equations of one step, written plainly, and the difference quotient of a random loss.
//
//   random_shapes [calls] [seed]
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "../../src/tidegate/kernels/cpu/engine.cpp"

using namespace tidegate;

namespace {

std::mt19937 dice;

Index roll(Index low, Index high) { return std::uniform_int_distribution<Index>(low, high)(dice); }
bool coin() { return roll(0, 1) == 1; }

template <typename T> std::vector<T> noise(Index n, double scale = 1) {
  std::normal_distribution<double> normal(0, scale);
  std::vector<T> numbers(static_cast<std::size_t>(n));
  for (T& number : numbers) number = static_cast<T>(normal(dice));
  return numbers;
}

template <typename T> std::vector<T> unset(Index n) { return std::vector<T>(static_cast<std::size_t>(n), T(NAN)); }

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

struct Shape {
  Cell cell;
  Index T, B, I, H, P;  // P < H: h is projected
  bool bias, reverse, ragged, batch_first;
  int threads;
  bool pieces, drop, hold_h, hold_c, c_out;
  Index rows;  // of x
};

// The inputs of one call, and its results.
template <typename T> struct Problem {
  Shape shape;
  std::vector<Index> lengths, rows_of, first;
  std::vector<T> drop, hold_h, hold_c;
  std::vector<T> x, w_ih, w_hh, w_hr, b_ih, b_hh, h0, c0;

  explicit Problem(const Shape& s) : shape(s) {
    const Index G = gates(s.cell);
    if (s.pieces) {
      std::vector<Index> used(static_cast<std::size_t>(s.rows));
      for (Index b = 0; b < s.B; ++b) {
        const Index row = roll(0, s.rows - 1);
        Index& at = used[static_cast<std::size_t>(row)];
        const Index first_step = roll(at, s.T), length = roll(0, s.T - first_step);
        rows_of.push_back(row), first.push_back(first_step), lengths.push_back(length);
        at = first_step + length;
      }
    }
    for (Index b = 0; b < s.B && s.ragged && !s.pieces; ++b) lengths.push_back(roll(0, s.T));
    const auto shares = [](Index n) {
      std::vector<T> numbers = noise<T>(n);
      for (T& number : numbers) number = static_cast<T>(coin() ? roll(0, 1) : 0.3);
      return numbers;
    };
    if (s.drop) drop = noise<T>(s.rows * s.H);
    if (s.hold_h) hold_h = shares(s.T * s.rows * s.H);
    if (s.hold_c) hold_c = shares(s.T * s.rows * s.H);
    x = noise<T>(s.T * s.rows * s.I);
    w_ih = noise<T>(G * s.H * s.I, 0.5), w_hh = noise<T>(G * s.H * s.P, 0.5 / std::sqrt(double(s.P)));
    if (s.P < s.H) w_hr = noise<T>(s.P * s.H, 1 / std::sqrt(double(s.H)));
    if (s.bias) b_ih = noise<T>(G * s.H, 0.5), b_hh = noise<T>(G * s.H, 0.5);
    h0 = noise<T>(s.B * s.P), c0 = noise<T>(s.B * s.H);
  }

  std::vector<std::vector<T>*> inputs() { return {&x, &w_ih, &w_hh, &w_hr, &b_ih, &b_hh, &h0, &c0}; }

  Rows rows(std::vector<T>& data, Index n) const {
    if (shape.batch_first) return {data.data(), n, shape.T * n};
    return {data.data(), shape.rows * n, n};
  }

  Index length(Index b) const { return lengths.empty() ? shape.T : lengths[static_cast<std::size_t>(b)]; }
  Index row(Index b) const { return shape.pieces ? rows_of[static_cast<std::size_t>(b)] : b; }
  Index first_step(Index b) const { return shape.pieces ? first[static_cast<std::size_t>(b)] : 0; }

  Call call() {
    Call call{};
    call.cell = shape.cell, call.T = shape.T, call.B = shape.B, call.I = shape.I, call.H = shape.H, call.P = shape.P;
    call.lengths = lengths.empty() ? nullptr : lengths.data();
    if (shape.pieces) call.rows = rows_of.data(), call.first = first.data();
    if (shape.drop) call.drop = drop.data();
    if (shape.hold_h) call.hold_h = rows(hold_h, shape.H);
    if (shape.hold_c) call.hold_c = rows(hold_c, shape.H);
    call.reverse = shape.reverse, call.threads = shape.threads;
    call.x = rows(x, shape.I);
    call.w_ih = w_ih.data(), call.w_hh = w_hh.data(), call.w_hr = w_hr.empty() ? nullptr : w_hr.data();
    if (shape.bias) call.b_ih = b_ih.data(), call.b_hh = b_hh.data();
    call.h0 = h0.data(), call.c0 = c0.data();
    return call;
  }
};

template <typename T> struct Result {
  std::vector<T> out, c_out, hn, cn;
  std::unique_ptr<void, Free> saved;

  explicit Result(const Problem<T>& p) {
    const Shape& s = p.shape;
    out = unset<T>(s.T * s.rows * s.P), hn = unset<T>(s.B * s.P), cn = unset<T>(s.B * s.H);
    if (s.c_out) c_out = unset<T>(s.T * s.rows * s.H);
    if (s.pieces) out.assign(out.size(), T(0)), c_out.assign(c_out.size(), T(0));
    Index real = 0;
    for (Index b = 0; b < s.B; ++b) real += p.length(b);
    constexpr Index W = TIDEGATE_ISA::width<T>;
    const Index bytes = real * ((s.H + W - 1) / W) * saved_vectors(s.cell, s.drop || s.hold_h || s.hold_c) * TIDEGATE_ISA::vector_bytes;
    void* memory = nullptr;
    if (bytes && posix_memalign(&memory, 64, static_cast<std::size_t>(bytes))) std::abort();
    saved.reset(memory);
  }
};

template <typename T> Result<T> run(Problem<T>& p, bool save) {
  Result<T> result(p);
  Call call = p.call();
  call.out = p.rows(result.out, p.shape.P);
  if (p.shape.c_out) call.c_out = p.rows(result.c_out, p.shape.H);
  call.hn = result.hn.data(), call.cn = result.cn.data();
  call.saved = save ? result.saved.get() : nullptr;
  TIDEGATE_ISA::Engines<T>::forward_any(call);
  if (p.shape.cell != Cell::lstm) result.cn.assign(result.cn.size(), T(0));
  return result;
}

// The same by the equations, one number after the other.
Result<double> plainly(Problem<double>& p) {
  const Shape& s = p.shape;
  const Index H = s.H, P = s.P, G = gates(s.cell);
  Result<double> result(p);
  result.out.assign(result.out.size(), 0.0);
  result.c_out.assign(result.c_out.size(), 0.0);
  result.hn = p.h0;
  result.cn = s.cell == Cell::lstm ? p.c0 : std::vector<double>(p.c0.size(), 0.0);
  const Rows x = p.rows(p.x, s.I), out = p.rows(result.out, P);
  const auto sigmoid = [](double a) { return 1 / (1 + std::exp(-a)); };
  for (Index b = 0; b < s.B; ++b)
    for (Index step = 0; step < p.length(b); ++step) {
      const Index t = p.first_step(b) + (s.reverse ? p.length(b) - 1 - step : step), row = p.row(b);
      const double* const x_t = static_cast<const double*>(x.data) + t * x.step + row * x.sequence;
      double* const h = result.hn.data() + b * P;
      double* const c = result.cn.data() + b * H;
      const auto at_step = [&](std::vector<double>& rows, Index j) {
        const Rows of = p.rows(rows, H);
        return static_cast<double*>(of.data) + t * of.step + row * of.sequence + j;
      };
      std::vector<double> from_x(static_cast<std::size_t>(G * H)), from_h(from_x);
      for (Index g = 0; g < G * H; ++g) {
        const std::size_t at = static_cast<std::size_t>(g);
        if (s.bias) from_x[at] = p.b_ih[at], from_h[at] = p.b_hh[at];
        for (Index k = 0; k < s.I; ++k) from_x[at] += p.w_ih[static_cast<std::size_t>(g * s.I + k)] * x_t[k];
        for (Index k = 0; k < P; ++k)
          from_h[at] += p.w_hh[static_cast<std::size_t>(g * P + k)] * h[k] * (s.drop ? p.drop[static_cast<std::size_t>(row * H + k)] : 1);
      }
      std::vector<double> whole(h, h + P);
      whole.resize(static_cast<std::size_t>(H));
      for (Index j = 0; j < H; ++j) {
        const auto u = [&](Index gate) { return from_h[static_cast<std::size_t>(gate * H + j)]; };
        const auto a = [&](Index gate) { return from_x[static_cast<std::size_t>(gate * H + j)]; };
        const auto sum = [&](Index gate) { return a(gate) + u(gate); };
        double& h_j = whole[static_cast<std::size_t>(j)];
        const double h_old = h_j, c_old = c[j];
        if (s.cell == Cell::rnn_tanh) h_j = std::tanh(sum(0));
        if (s.cell == Cell::rnn_relu) h_j = std::fmax(sum(0), 0.0);
        if (s.cell == Cell::lstm) {
          c[j] = sigmoid(sum(1)) * c[j] + sigmoid(sum(0)) * std::tanh(sum(2));
          h_j = sigmoid(sum(3)) * std::tanh(c[j]);
        }
        if (s.cell == Cell::gru) {
          const double z = sigmoid(sum(1)), n = std::tanh(a(2) + sigmoid(sum(0)) * u(2));
          h_j = (1 - z) * n + z * h_j;
        }
        if (s.hold_h) h_j += *at_step(p.hold_h, j) * (h_old - h_j);
        if (s.hold_c) c[j] += *at_step(p.hold_c, j) * (c_old - c[j]);
        if (s.c_out) *at_step(result.c_out, j) = c[j];
      }
      for (Index j = 0; j < P; ++j) {
        h[j] = P < H ? 0 : whole[static_cast<std::size_t>(j)];
        for (Index k = 0; k < H && P < H; ++k) h[j] += p.w_hr[static_cast<std::size_t>(j * H + k)] * whole[static_cast<std::size_t>(k)];
        static_cast<double*>(out.data)[t * out.step + row * out.sequence + j] = h[j];
      }
    }
  return result;
}

// d out, d hn, d cn: the weights of a random loss, and the gradients that backward makes of them.
template <typename T> struct Gradients {
  std::vector<T> d_out, d_c_out, d_hn, d_cn, x, w_ih, w_hh, w_hr, b_ih, b_hh, h0, c0;

  Gradients(Problem<T>& p, const Result<T>& result) {
    const Shape& s = p.shape;
    if (s.c_out) d_c_out = noise<T>(s.T * s.rows * s.H);
    d_out = noise<T>(s.T * s.rows * s.P), d_hn = noise<T>(s.B * s.P), d_cn = noise<T>(s.B * s.H);
    std::vector<T>* const mine[] = {&x, &w_ih, &w_hh, &w_hr, &b_ih, &b_hh, &h0, &c0};
    const auto given = p.inputs();
    for (std::size_t i = 0; i < given.size(); ++i) *mine[i] = unset<T>(static_cast<Index>(given[i]->size()));
    if (s.pieces) x.assign(x.size(), T(0));
    Call call = p.call();
    std::vector<T> out = result.out;
    call.out = p.rows(out, s.P), call.saved = result.saved.get();
    if (s.c_out) call.d_c_out = p.rows(d_c_out, s.H);
    call.d_out = p.rows(d_out, s.P), call.d_hn = d_hn.data(), call.d_cn = d_cn.data();
    call.d_x = p.rows(x, s.I);
    call.d_w_ih = w_ih.data(), call.d_w_hh = w_hh.data(), call.d_w_hr = w_hr.empty() ? nullptr : w_hr.data(), call.d_h0 = h0.data(), call.d_c0 = c0.data();
    if (s.bias) call.d_b_ih = b_ih.data(), call.d_b_hh = b_hh.data();
    TIDEGATE_ISA::Engines<T>::backward_any(call);
    if (s.cell != Cell::lstm) c0.assign(c0.size(), T(0));
  }

  std::vector<const std::vector<T>*> inputs() const { return {&x, &w_ih, &w_hh, &w_hr, &b_ih, &b_hh, &h0, &c0}; }

  double loss(const Result<T>& r) const {
    double sum = 0;
    for (std::size_t i = 0; i < d_out.size(); ++i) sum += double(d_out[i]) * double(r.out[i]);
    for (std::size_t i = 0; i < d_c_out.size(); ++i) sum += double(d_c_out[i]) * double(r.c_out[i]);
    for (std::size_t i = 0; i < d_hn.size(); ++i) sum += double(d_hn[i]) * double(r.hn[i]);
    for (std::size_t i = 0; i < d_cn.size(); ++i) sum += double(d_cn[i]) * double(r.cn[i]);
    return sum;
  }
};

double furthest(const std::vector<double>& a, const std::vector<double>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::fmax(most, std::isfinite(a[i]) ? std::fabs(a[i] - b[i]) : INFINITY);
  return most;
}

// The slope of the loss along a random direction, from the gradients and from two more calls.
double slope_error(Problem<double>& p) {
  const Result<double> result = run(p, true);
  const Gradients<double> gradients(p, result);
  Problem<double> up = p, down = p;
  double slope = 0, size = 1;
  constexpr double step = 1e-6;
  const auto above = up.inputs(), below = down.inputs();
  const auto slopes = gradients.inputs();
  for (std::size_t i = 0; i < slopes.size(); ++i)
    for (std::size_t k = 0; k < slopes[i]->size(); ++k) {
      const double along = noise<double>(1)[0], part = along * (*slopes[i])[k];
      slope += part, size += part * part;
      (*above[i])[k] += step * along, (*below[i])[k] -= step * along;
    }
  const double quotient = (gradients.loss(run(up, false)) - gradients.loss(run(down, false))) / (2 * step);
  const double error = std::fabs(quotient - slope) / std::sqrt(size);
  return std::isfinite(error) ? error : INFINITY;
}

bool holds(const Shape& s) {
  Problem<double> p(s);
  const Result<double> fast = run(p, false), plain = plainly(p);
  const double of_states = std::fmax(furthest(fast.hn, plain.hn), furthest(fast.cn, plain.cn));
  const double forward = std::fmax(std::fmax(furthest(fast.out, plain.out), furthest(fast.c_out, plain.c_out)), of_states);
  // the slope of relu jumps, and a difference quotient may straddle the jump
  const double backward = s.cell == Cell::rnn_relu ? (slope_error(p), 0.0) : slope_error(p);

  Problem<float> single(s);
  const Result<float> result = run(single, true);
  const Gradients<float> gradients(single, result);
  bool finite = true;
  for (const auto* gradient : gradients.inputs())
    for (const float value : *gradient) finite = finite && std::isfinite(value);

  if (forward < 1e-10 && backward < 1e-6 && finite) return true;
  std::printf("cell %d T %d B %d I %d H %d P %d bias %d reverse %d ragged %d batch_first %d threads %d pieces %d drop %d hold %d %d c_out %d: forward %.1e backward %.1e%s\n",
              int(s.cell), int(s.T), int(s.B), int(s.I), int(s.H), int(s.P), s.bias, s.reverse, s.ragged, s.batch_first, s.threads, s.pieces, s.drop,
              s.hold_h, s.hold_c, s.c_out, forward, backward, finite ? "" : " not finite");
  return false;
}

bool machine_can_run() {
#if defined(__AVX512F__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
#elif defined(__AVX2__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return true;
#endif
}

}  // namespace

int main(int count, char** words) {
  if (!machine_can_run()) return std::printf("%s: this machine cannot run it\n", TIDEGATE_ISA::engine_float.isa), 0;
  const int calls = count > 1 ? std::atoi(words[1]) : 200;
  dice.seed(count > 2 ? unsigned(std::atoi(words[2])) : 0u);
  int wrong = 0;
  for (int i = 0; i < calls; ++i) {
    Shape s{};
    s.cell = static_cast<Cell>(roll(0, 3));
    // few large sides at once, so that many calls fit a minute
    const bool large = i % 8 == 0;
    s.T = roll(1, large ? 40 : 12), s.B = roll(1, large ? 70 : 9), s.I = roll(1, 40), s.H = roll(1, large ? 180 : 70);
    if (i % 8 == 3) s.T = 1;  // the step without packing, and beyond the rows that it takes
    if (i % 40 == 1) s.T = roll(1, 3), s.B = roll(1, 20), s.H = roll(280, 420);  // weights that leave the second cache
    if (i % 40 == 9) s.T = roll(1, 6), s.B = roll(300, 900), s.I = roll(1, 3), s.H = roll(1, 20);  // several waves
    s.P = s.cell == Cell::lstm && s.H > 1 && coin() ? roll(1, s.H - 1) : s.H;
    s.bias = coin(), s.reverse = coin(), s.ragged = coin(), s.batch_first = coin();
    s.threads = static_cast<int>(roll(1, 3));
    s.pieces = roll(0, 2) == 0;
    s.rows = s.pieces ? roll(1, s.B) : s.B;
    if (i % 3 == 2 && s.P == s.H) s.drop = coin(), s.hold_h = coin(), s.hold_c = s.cell == Cell::lstm && coin();
    s.c_out = s.cell == Cell::lstm && coin();
    wrong += !holds(s);
  }
  std::printf("%s: %d calls, %d wrong\n", TIDEGATE_ISA::engine_float.isa, calls, wrong);
  return wrong != 0;
}
