// A layer of E-I circuits and its LIF cells over all time steps, forward and backward, in one pass over memory each.
//
// The readable twins are eisnn/layers/circuit.py (`integrate`, `stabilise`) and eisnn/layers/neurons.py (`lif`); names and equations are theirs.
// Activity is held channels-last: a row is one position of one (time step, image), its columns are the cells. The input's columns are
// the joint map of x, [I_ee | s_I]: n_E excitatory, then n_I inhibitory cells. No inhibitory cells at all: plain LIF cells.
//
// Forward, for a few images at a time: [I_sub | I_div] = s_I [W_EI^T | (W_EI g_I)^T] by one product, the zeros' replacement from each
// sample's smallest positive value, the current, the cells' spikes, 2x2 average pool or residual sum. All of it stays in the cache.
// Kept for the backward pass: the input, and two numbers per sample. Backward computes the rest again, row by row, which costs
// less than reading it from memory would, and needs no large temporaries. Fully connected layers have few rows and wide weights: there
// the products are torch's, over all rows at once, and net / D and 1 / D are kept (`Shape::keeps`).

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/Dispatch.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <torch/library.h>

#include <limits>
#include <tuple>

#include "multiply.h"

namespace eisnn {
namespace {

enum Stabiliser { MIN_POSITIVE, EPSILON, CLAMP, NONE };
enum Surrogate { SIGMOID, ATAN, TRIANGLE };

struct Rules {
  bool subtractive, divisive, rectify;  // rectify: s_I = max(0, I_ie), as without Dale's law
  int stabiliser;
  double zero_tolerance, zero_floor, epsilon;
  bool detach;
  double scale_W_EI, scale_g_I;  // of these parameters' gradients
  double decay, threshold;
  int surrogate;
  double alpha;
  bool soft, detach_reset;

  explicit Rules(at::ArrayRef<double> v) {  // in the order of eisnn.kernels.rules.Rules
    TORCH_CHECK(v.size() == 16, "circuit_spikes: 16 rules are needed, given ", v.size());
    subtractive = v[0], divisive = v[1], rectify = v[2], stabiliser = v[3], zero_tolerance = v[4], zero_floor = v[5], epsilon = v[6];
    detach = v[7], scale_W_EI = v[8], scale_g_I = v[9], decay = v[10], threshold = v[11], surrogate = v[12], alpha = v[13];
    soft = v[14], detach_reset = v[15];
    TORCH_CHECK(
        v[3] >= MIN_POSITIVE && v[3] <= NONE, "circuit_spikes: rules[3], the stabiliser, must be 0 to 3, given ", v[3]);
    TORCH_CHECK(v[12] >= SIGMOID && v[12] <= TRIANGLE, "circuit_spikes: rules[12], the surrogate, must be 0 to 2, given ", v[12]);
  }
};

struct Shape {
  int64_t T, B, E, I;         // time steps, images, excitatory and inhibitory cells
  int64_t height, width;      // positions of the map; fully connected: 1 x 1
  bool shared, pool;          // the same input at every step, [B, ...]; spikes averaged over 2x2 positions
  int64_t P, columns, P_out;  // positions; E + I; positions of the output
  bool keeps;                 // forward leaves [q | 1/D], q = net / D, of every row for backward; else only the limits of every sample

  int64_t input_row(int64_t t, int64_t b) const {
    return ((shared ? 0 : t) * B + b) * P;
  }
};

// f(first column, how many) for each vector's worth of n columns
template <typename F, typename Body>
inline void each_vector(int64_t n, const Body& body) {
  int64_t c = 0;
  for (; c + lanes<F> <= n; c += lanes<F>) body(c, lanes<F>);
  if (c < n) body(c, n - c);
}

// ---- the pieces of the definition -----------------------------------------------------------------------------------------------

// 1 / D of one sample: D = |I_div| <= tolerance ? smallest : max(I_div + epsilon, floor). A silent sample's net current is 0.
// Where I_div overflowed, no value lies above the tolerance: D is infinite at finite entries, and NaN at those that overflowed.
template <typename F>
struct Divisor {
  Vec<F> tolerance, smallest, epsilon, floor;
  bool silent = false;

  Divisor(const Rules& rules, const F* limits) : tolerance(-1), smallest(1), epsilon(0), floor(-infinity()) {
    if (!rules.divisive) {
      tolerance = Vec<F>(infinity());
    } else if (rules.stabiliser == MIN_POSITIVE) {
      silent = limits[1] == SILENT;
      const bool overflowed = !silent && limits[0] == infinity();
      tolerance = Vec<F>(overflowed ? std::numeric_limits<F>::max() : limits[0]);
      smallest = Vec<F>(overflowed ? infinity() : limits[1]);
      if (overflowed) epsilon = Vec<F>(std::numeric_limits<F>::quiet_NaN());
    } else if (rules.stabiliser == EPSILON) {
      epsilon = Vec<F>(rules.epsilon);
    } else if (rules.stabiliser == CLAMP) {
      floor = Vec<F>(rules.epsilon);
    }
  }
  Vec<F> reciprocal(const Vec<F>& I_div) const {
    return Vec<F>(1) / Vec<F>::blendv(at::vec::maximum(I_div + epsilon, floor), smallest, I_div.abs() <= tolerance);
  }
  // net / D and 1 / D; both are 0 in a silent sample, whatever its currents are
  std::pair<Vec<F>, Vec<F>> divide(const Vec<F>& net, const Vec<F>& I_div) const {
    if (silent) return {Vec<F>(0), Vec<F>(0)};
    const auto inverse = reciprocal(I_div);
    return {net * inverse, inverse};
  }
  static constexpr F SILENT = 0;  // in place of the smallest value, which is positive
  static F infinity() {
    return std::numeric_limits<F>::infinity();
  }
};

// Of one sample's I_div: the value at or below which it counts as zero, and the smallest above that.
// Silent samples, without any value above the floor, are marked by SILENT.
template <typename F>
void find_limits(const Rules& rules, const F* I_div, int64_t rows, int64_t row_size, int64_t columns, F* limits) {
  const Vec<F> infinity(Divisor<F>::infinity());
  F largest = 0;
  const auto smallest_above = [&](F bound) {
    Vec<F> high(0), low = infinity;
    for (int64_t r = 0; r < rows; ++r)
      each_vector<F>(columns, [&](int64_t c, int64_t n) {
        const auto value = Vec<F>::loadu(I_div + r * row_size + c, n);  // zeros beyond the last column
        high = at::vec::maximum(high, value);
        low = at::vec::minimum(low, Vec<F>::blendv(infinity, value, value > Vec<F>(bound)));
      });
    F highs[lanes<F>], lows[lanes<F>];
    high.store(highs);
    low.store(lows);
    for (const F x : highs) largest = x > largest || x != x ? x : largest;  // NaN stays
    return *std::min_element(lows, lows + lanes<F>);
  };
  const F floor = rules.zero_floor, smallest = smallest_above(floor);
  limits[0] = std::max<F>(largest * F(rules.zero_tolerance), floor);
  limits[1] = smallest > limits[0] ? smallest : smallest_above(limits[0]);  // rounding noise of a convolution: look above it
  if (largest <= floor) limits[0] = floor, limits[1] = Divisor<F>::SILENT;
}

template <typename F>
inline Vec<F> after_reset(const Rules& rules, const Vec<F>& v, const Vec<F>& spike) {
  return rules.soft ? v - Vec<F>(rules.threshold) * spike : v * (Vec<F>(1) - spike);
}

// h(x), the derivative that stands in for that of the spike
template <typename F>
inline Vec<F> surrogate_gradient(const Rules& rules, const Vec<F>& x) {
  const Vec<F> one(1), alpha(rules.alpha);
  if (rules.surrogate == SIGMOID) {
    const auto e = (x.abs() * Vec<F>(-rules.alpha)).exp_u20();  // within 20 units in the last place
    return alpha * e / ((one + e) * (one + e));
  }
  if (rules.surrogate == ATAN) {
    const auto y = Vec<F>(1.5707963267948966 * rules.alpha) * x;
    return Vec<F>(rules.alpha / 2) / at::vec::fmadd(y, y, one);
  }
  return alpha * at::vec::maximum(Vec<F>(0), one - alpha * x.abs());
}

// W_EI laid out for both directions: [I_sub | I_div] = s_I forward, and ds_I = [dI_sub | dI_div] backward.
template <typename F>
struct Weights {
  int64_t E_pad, I_pad, both;  // padded cells; columns of [I_sub | I_div]
  std::vector<F> forward, backward;

  Weights(const Shape& shape, const F* W_EI, const F* g_I, bool for_backward)
      : E_pad(padded<F>(shape.E)), I_pad(padded<F>(shape.I)), both(2 * E_pad), forward(shape.keeps ? 0 : shape.I * both) {
    if (shape.keeps) return;
    if (for_backward) backward.resize(both * I_pad);
    at::parallel_for(0, shape.E, 64, [&](int64_t begin, int64_t end) {
      for (int64_t e = begin; e < end; ++e)
        for (const bool divisive : {false, true}) {
          const int64_t column = divisive ? E_pad + e : e;
          const Panel panel = panel_at<F>(both, column);
          F* there = forward.data() + panel.start * shape.I + (column - panel.start);
          for (int64_t i = 0; i < shape.I; ++i) there[i * panel.width] = W_EI[e * shape.I + i] * (divisive ? g_I[i] : 1);
          if (!for_backward) continue;
          for (int64_t start = 0; start < I_pad;) {
            const int64_t width = panel_at<F>(I_pad, start).width, stop = std::min(start + width, shape.I);
            F* back = backward.data() + start * both + column * width;
            for (int64_t i = start; i < stop; ++i) back[i - start] = W_EI[e * shape.I + i] * (divisive ? g_I[i] : 1);
            start += width;
          }
        }
    });
  }
};

// s_I of some rows, side by side, rectified where Dale's law is off
template <typename F>
void read_inhibition(const Shape& shape, const Rules& rules, const F* input, int64_t rows, int64_t I_pad, F* s_I) {
  for (int64_t r = 0; r < rows; ++r)
    each_vector<F>(shape.I, [&](int64_t c, int64_t count) {
      auto s = Vec<F>::loadu(input + r * shape.columns + shape.E + c, count);
      if (rules.rectify) s = at::vec::maximum(s, Vec<F>(0));
      s.store(s_I + r * I_pad + c);
    });
}

// ---- forward --------------------------------------------------------------------------------------------------------------------

template <typename F>
void run_forward(
    const Shape& shape, const Rules& given, const F* input, const F* W_EI, const F* g_I, const F* g_E, const F* b_E, const F* residual,
    F* spikes, F* kept) {
  const Weights<F> weights(shape, W_EI, g_I, false);
  const int64_t E_pad = weights.E_pad, I_pad = weights.I_pad, E = shape.E, P = shape.P;
  const int64_t half = shape.keeps ? E : E_pad, both = 2 * half;  // a row of [I_sub | I_div], in `kept` or, in whole vectors, here
  const int64_t row_bytes = (both + I_pad + E_pad) * sizeof(F);
  const int64_t images = std::clamp<int64_t>(768 * 1024 / (row_bytes * P), 1, ceil_div(shape.B, at::get_num_threads()));

  at::parallel_for(0, ceil_div(shape.B, images), 1, [&](int64_t begin, int64_t end) {
    const Rules rules = given;  // a copy that no store can alias, so that the inner loops decide once
    std::vector<F> inhibition(images * P * 2 * E_pad), s_I(images * P * I_pad), potential(images * P * E_pad);
    for (int64_t block = begin; block < end; ++block) {
      const int64_t b0 = block * images, count = std::min(images, shape.B - b0), rows = count * P;
      std::fill(potential.begin(), potential.end(), F(0));
      for (int64_t t = 0; t < shape.T; ++t) {
        // the current of every row, left in `current`
        const F* in = input + shape.input_row(t, b0) * shape.columns;
        const F* current = shape.I ? inhibition.data() : in;
        const int64_t current_row = shape.I ? 2 * E_pad : shape.columns;
        if (shape.I && (t == 0 || !shape.shared)) {
          F* products = shape.keeps ? kept + shape.input_row(t, b0) * both : inhibition.data();
          if (!shape.keeps) {
            read_inhibition(shape, rules, in, rows, I_pad, s_I.data());
            multiply<F>(rows, both, shape.I, s_I.data(), I_pad, 1, weights.forward.data(), 0, products, both, false);
          }
          for (int64_t b = 0; b < count; ++b) {
            F here[2], *limit = shape.keeps ? here : kept + 2 * ((shape.shared ? 0 : t) * shape.B + b0 + b);
            F* sample = products + b * P * both;
            if (rules.stabiliser == MIN_POSITIVE && rules.divisive)
              find_limits<F>(rules, sample + half, P, both, E, limit);
            const Divisor<F> divisor(rules, limit);
            for (int64_t p = 0; p < P; ++p) {
              F* I_sub = sample + p * both;
              const F* I_ee = in + (b * P + p) * shape.columns;
              F* I_int = inhibition.data() + (b * P + p) * 2 * E_pad;  // unless it is kept, in place of I_sub
              each_vector<F>(E, [&](int64_t c, int64_t n) {
                auto net = Vec<F>::loadu(I_ee + c, n);
                if (rules.subtractive) net = net - Vec<F>::loadu(I_sub + c, n);
                const auto [q, inverse] = divisor.divide(net, Vec<F>::loadu(I_sub + half + c, n));
                if (shape.keeps) q.store(I_sub + c, n), inverse.store(I_sub + half + c, n);
                at::vec::fmadd(Vec<F>::loadu(g_E + c, n), q, Vec<F>::loadu(b_E + c, n)).store(I_int + c);
              });
            }
          }
        }
        // the cells of one position of the output: one position of the map, or the four that are pooled
        const Vec<F> decay(rules.decay), threshold(rules.threshold);
        const auto fire = [&](int64_t row, int64_t c, int64_t n) {
          F* u = potential.data() + row * E_pad + c;
          const auto v = at::vec::fmadd(decay, Vec<F>::loadu(u), Vec<F>::loadu(current + row * current_row + c, n));
          const auto spike = v.ge(threshold);
          after_reset<F>(rules, v, spike).store(u);
          return spike;
        };
        const int64_t step = (t * shape.B + b0) * shape.P_out;
        for (int64_t q = 0; q < count * shape.P_out; ++q) {
          F* out = spikes + (step + q) * E;
          const F* added = residual ? residual + (step + q) * E : nullptr;
          const int64_t half = std::max<int64_t>(shape.width / 2, 1), row = q / half * 2 * shape.width + q % half * 2;  // holds across images: P = 4 P_out
          each_vector<F>(E, [&](int64_t c, int64_t n) {
            Vec<F> out_value;
            if (shape.pool) {
              const auto top = fire(row, c, n) + fire(row + 1, c, n);
              const auto bottom = fire(row + shape.width, c, n) + fire(row + shape.width + 1, c, n);
              out_value = Vec<F>(0.25) * (top + bottom);
            } else {
              out_value = fire(q, c, n);
            }
            if (added) out_value = out_value + Vec<F>::loadu(added + c, n);
            out_value.store(out + c, n);
          });
        }
      }
    }
  });
}

// ---- backward -------------------------------------------------------------------------------------------------------------------

// What every thread sums up by itself
template <typename F>
struct Sums {
  std::vector<F> W, g_E, b_E;  // [I, both], [E_pad], [E_pad]
};

template <typename F>
void run_backward(
    const Shape& shape, const Rules& given, const F* upstream, const F* input, const F* W_EI, const F* g_I, const F* g_E, const F* b_E,
    const F* kept, F* d_input, F* d_inhibition, F* d_W_EI, F* d_g_I, F* d_g_E, F* d_b_E) {
  constexpr int64_t V = lanes<F>;
  const Weights<F> weights(shape, W_EI, g_I, true);
  const int64_t both = weights.both, E_pad = weights.E_pad, I_pad = weights.I_pad, E = shape.E, I = shape.I, P = shape.P;
  const bool keeps = shape.keeps;
  // of our own scratch not a power of two, which would put a column's entries into the same few cache lines
  const int64_t row_size = keeps ? 2 * E : both + V, half = keeps ? E : E_pad;
  const int64_t steps = shape.shared ? 1 : shape.T, all = shape.B * P;
  const int64_t row_bytes = (row_size + 2 * I_pad) * sizeof(F) * steps;
  const int64_t cut = std::clamp<int64_t>(512 * 1024 / row_bytes, 1, ceil_div(all, at::get_num_threads()));
  const int64_t threads = at::get_num_threads();
  std::vector<Sums<F>> sums(threads);

  at::parallel_for(0, ceil_div(all, cut), 1, [&](int64_t begin, int64_t end) {
    const Rules rules = given;
    Sums<F>& sum = sums[at::get_thread_num()];
    sum.W.assign(keeps ? 0 : I * both, 0);
    sum.g_E.assign(E_pad, 0);
    sum.b_E.assign(E_pad, 0);
    const int64_t own = keeps ? 0 : steps * cut;
    std::vector<F> inhibition(own * row_size), s_I(own * I_pad), d_s_I(own * I_pad), membrane(shape.T * V);
    std::vector<Divisor<F>> divisors;
    const Vec<F> decay(rules.decay), threshold(rules.threshold), zero(0), one(1);

    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t first = piece * cut, rows = std::min(cut, all - first), step_size = (keeps ? all : rows) * row_size;
      if (I && !keeps) {
        for (int64_t t = 0; t < steps; ++t)
          read_inhibition(shape, rules, input + (t * all + first) * shape.columns, rows, I_pad, s_I.data() + t * rows * I_pad);
        multiply<F>(steps * rows, both, I, s_I.data(), I_pad, 1, weights.forward.data(), 0, inhibition.data(), row_size, false);
      }
      // where [q | 1/D] is found, and [dI_sub | dI_div] left: in the same place, unless it was kept
      F* gradients = keeps ? d_inhibition + first * row_size : inhibition.data();
      const F* quotients = keeps ? kept + first * row_size : gradients;

      for (int64_t r = 0; r < rows; ++r) {
        const int64_t b = (first + r) / P, p = (first + r) % P;
        const int64_t p_out = shape.pool ? p / shape.width / 2 * (shape.width / 2) + p % shape.width / 2 : p;
        if (I && !keeps && (r == 0 || p == 0)) {
          divisors.clear();
          for (int64_t t = 0; t < steps; ++t) divisors.emplace_back(rules, kept + 2 * (t * shape.B + b));
        }
        each_vector<F>(E, [&](int64_t c, int64_t n) {
          // forward again: q = net / D and 1 / D of each step (in place of I_sub and I_div), and the membrane potentials
          const auto gain = I ? Vec<F>::loadu(g_E + c, n) : one, bias = I ? Vec<F>::loadu(b_E + c, n) : zero;
          Vec<F> u(0), current(0);
          for (int64_t t = 0; t < shape.T; ++t) {
            if (t < steps) {
              const int64_t there = t * step_size + r * row_size + c;
              if (!keeps) current = Vec<F>::loadu(input + (t * all + first + r) * shape.columns + c, n);
              if (I && !keeps) {
                F* I_sub = gradients + there;
                if (rules.subtractive) current = current - Vec<F>::loadu(I_sub);
                const auto [q, inverse] = divisors[t].divide(current, Vec<F>::loadu(I_sub + E_pad));
                Vec<F>::set(zero, q, n).store(I_sub);  // 0 and 1 beyond the last cell
                Vec<F>::set(one, inverse, n).store(I_sub + E_pad);
              }
              if (I) current = at::vec::fmadd(gain, Vec<F>::loadu(quotients + there, n), bias);
            }
            const auto v = at::vec::fmadd(decay, u, current);
            v.store(membrane.data() + t * V);
            u = after_reset<F>(rules, v, v.ge(threshold));
          }
          // back through time: dL/dv_t = ds_t h_t + (du_t/dv_t) decay dL/dv_{t+1}
          Vec<F> after(0), shared_sum(0);
          auto sum_g = Vec<F>::loadu(sum.g_E.data() + c), sum_b = Vec<F>::loadu(sum.b_E.data() + c);
          for (int64_t t = shape.T - 1; t >= 0; --t) {
            const auto v = Vec<F>::loadu(membrane.data() + t * V);
            const auto h = surrogate_gradient<F>(rules, v - threshold);
            auto du_dv = rules.soft ? one : one - v.ge(threshold);
            if (!rules.detach_reset) du_dv = du_dv - (rules.soft ? threshold : v) * h;
            auto d_spike = Vec<F>::loadu(upstream + ((t * shape.B + b) * shape.P_out + p_out) * E + c, n);
            if (shape.pool) d_spike = d_spike * Vec<F>(0.25);
            after = at::vec::fmadd(d_spike, h, decay * du_dv * after);
            auto d_current = after;
            if (shape.shared) {
              shared_sum = shared_sum + after;
              if (t > 0) continue;
              d_current = shared_sum;
            }
            F* d_in = d_input + (t * all + first + r) * shape.columns + c;
            if (!I) {
              d_current.store(d_in, n);
              continue;
            }
            // through the circuit; straight-through: dD/dI_div = 1
            const int64_t there = t * step_size + r * row_size + c;
            const auto q = Vec<F>::loadu(quotients + there, n);
            const auto d_net = d_current * gain * Vec<F>::loadu(quotients + there + half, n);
            F* d_sub = gradients + there;
            sum_g = at::vec::fmadd(d_current, q, sum_g);
            sum_b = sum_b + d_current;
            d_net.store(d_in, n);
            const auto d_div = rules.divisive && !rules.detach ? zero - d_net * q : zero;
            (rules.subtractive ? zero - d_net : zero).store(d_sub, keeps ? n : V);
            d_div.store(d_sub + half, keeps ? n : V);
          }
          sum_g.store(sum.g_E.data() + c);
          sum_b.store(sum.b_E.data() + c);
        });
      }
      if (!I || keeps) continue;
      multiply<F>(steps * rows, I_pad, both, inhibition.data(), row_size, 1, weights.backward.data(), 0, d_s_I.data(), I_pad, false);
      multiply<F>(I, both, steps * rows, s_I.data(), 1, I_pad, inhibition.data(), row_size, sum.W.data(), both, true);
      for (int64_t t = 0; t < steps; ++t)
        for (int64_t r = 0; r < rows; ++r)
          each_vector<F>(I, [&](int64_t c, int64_t n) {
            const int64_t row = t * rows + r;
            auto d = Vec<F>::loadu(d_s_I.data() + row * I_pad + c);
            if (rules.rectify) d = Vec<F>::blendv(d, zero, Vec<F>::loadu(s_I.data() + row * I_pad + c) <= zero);
            d.store(d_input + (t * all + first + r) * shape.columns + E + c, n);
          });
    }
  });

  if (!I) return;
  Sums<F> total{std::vector<F>(keeps ? 0 : I * both), std::vector<F>(E_pad), std::vector<F>(E_pad)};
  const auto add = [](std::vector<F>& to, const std::vector<F>& more) {
    for (size_t i = 0; i < more.size(); ++i) to[i] += more[i];
  };
  for (const Sums<F>& sum : sums) add(total.W, sum.W), add(total.g_E, sum.g_E), add(total.b_E, sum.b_E);
  std::copy_n(total.g_E.begin(), E, d_g_E);
  std::copy_n(total.b_E.begin(), E, d_b_E);
  if (keeps) return;
  std::fill_n(d_g_I, I, F(0));
  for (int64_t start = 0; start < E; start += V)  // a few rows of W_EI at a time, which stay in the cache while i runs
    for (int64_t i = 0; i < I; ++i) {
      const F* d_sub = total.W.data() + i * both;
      F d_gain = 0;
      for (int64_t e = start; e < std::min(start + V, E); ++e) {
        d_W_EI[e * I + i] = F(given.scale_W_EI) * (d_sub[e] + g_I[i] * d_sub[E_pad + e]);
        d_gain += W_EI[e * I + i] * d_sub[E_pad + e];
      }
      d_g_I[i] += F(given.scale_g_I) * d_gain;
    }
}

// ---- tensors --------------------------------------------------------------------------------------------------------------------

Shape describe(const at::Tensor& input, const at::Tensor& W_EI, int64_t T, bool shared, bool pool) {
  TORCH_CHECK(input.dim() == 2 || input.dim() == 4, "circuit_spikes: the input must be [N, n] or [N, n, height, width]");
  TORCH_CHECK(T >= 1, "circuit_spikes: T must be at least 1, given ", T);
  TORCH_CHECK(
      input.scalar_type() == at::kFloat || input.scalar_type() == at::kDouble,
      "circuit_spikes: the input must be float32 or float64, given ", input.scalar_type());
  TORCH_CHECK(W_EI.dim() == 2, "circuit_spikes: W_EI must be [n_E, n_I], given ", W_EI.sizes());
  TORCH_CHECK(
      W_EI.size(1) < input.size(1), "circuit_spikes: the input's ", input.size(1), " columns leave no excitatory cells beside the ",
      W_EI.size(1), " inhibitory cells of W_EI");
  TORCH_CHECK(!pool || input.dim() == 4, "circuit_spikes: pool needs maps [N, n, height, width]");
  Shape s;
  s.T = T, s.shared = shared, s.pool = pool;
  s.columns = input.size(1), s.I = W_EI.size(1), s.E = s.columns - s.I;
  s.height = input.dim() == 4 ? input.size(2) : 1, s.width = input.dim() == 4 ? input.size(3) : 1;
  s.B = shared ? input.size(0) : input.size(0) / T;
  TORCH_CHECK(shared || input.size(0) == s.B * T, "circuit_spikes: ", input.size(0), " samples are not a multiple of T = ", T);
  TORCH_CHECK(!s.I || W_EI.size(0) == s.E, "circuit_spikes: W_EI has ", W_EI.size(0), " rows for ", s.E, " excitatory cells");
  TORCH_CHECK(!pool || (s.height % 2 == 0 && s.width % 2 == 0), "circuit_spikes: only maps of even size are pooled");
  s.P = s.height * s.width, s.P_out = pool ? s.P / 4 : s.P, s.keeps = s.I && input.dim() == 2;
  return s;
}

// Refuses a tensor that the kernels would read beyond its end, or as another type.
void check(const char* name, const at::Tensor& x, at::IntArrayRef sizes, const at::Tensor& input) {
  TORCH_CHECK(x.sizes() == sizes, "circuit_spikes: ", name, " must have the shape ", sizes, ", given ", x.sizes());
  TORCH_CHECK(
      x.scalar_type() == input.scalar_type(), "circuit_spikes: ", name, " must be of the input's type, ", input.scalar_type(),
      ", given ", x.scalar_type());
  TORCH_CHECK(x.device() == input.device(), "circuit_spikes: ", name, " must be on the input's device, given ", x.device());
}

void check_weights(
    const Shape& s, const at::Tensor& input, const at::Tensor& W_EI, const at::Tensor& g_I, const at::Tensor& g_E, const at::Tensor& b_E) {
  check("W_EI", W_EI, {s.E, s.I}, input);
  if (!s.I) return;  // cells alone: no gains, no bias
  check("g_I", g_I, {s.I}, input);
  check("g_E", g_E, {s.E}, input);
  check("b_E", b_E, {s.E}, input);
}

std::vector<int64_t> output_sizes(const Shape& s, const at::Tensor& input) {
  if (input.dim() == 2) return {s.T * s.B, s.E};
  const int64_t shrink = s.pool ? 2 : 1;
  return {s.T * s.B, s.E, s.height / shrink, s.width / shrink};
}

at::Tensor channels_last(const at::Tensor& x) {
  return x.contiguous(x.dim() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous);
}

at::Tensor new_map(const at::Tensor& like, int64_t N, int64_t n, int64_t height, int64_t width) {
  if (like.dim() == 2) return at::empty({N, n}, like.options());
  return at::empty({N, n, height, width}, like.options(), at::MemoryFormat::ChannelsLast);
}

// Where [q | 1/D] is kept: the I cells' activity, and the weights of both products, [W_EI; W_EI g_I], [2 n_E, n_I]
std::pair<at::Tensor, at::Tensor> operands(const at::Tensor& x, const at::Tensor& W, const at::Tensor& g_I, const Rules& rules) {
  const auto s_I = x.narrow(1, W.size(0), W.size(1));
  return {rules.rectify ? s_I.clamp_min(0) : s_I, at::cat({W, W.mul(g_I)})};
}

std::tuple<at::Tensor, at::Tensor> circuit_spikes(
    const at::Tensor& input, const at::Tensor& W_EI, const at::Tensor& g_I, const at::Tensor& g_E, const at::Tensor& b_E,
    const std::optional<at::Tensor>& residual, int64_t T, bool shared, bool pool, at::ArrayRef<double> rules) {
  const Shape s = describe(input, W_EI, T, shared, pool);
  check_weights(s, input, W_EI, g_I, g_E, b_E);
  if (residual) check("the residual", *residual, output_sizes(s, input), input);
  Rules{rules};
  const auto x = channels_last(input), W = W_EI.contiguous(), gi = g_I.contiguous(), ge = g_E.contiguous(), be = b_E.contiguous();
  const auto spikes = new_map(x, T * s.B, s.E, s.height / (pool ? 2 : 1), s.width / (pool ? 2 : 1));
  auto kept = at::empty({s.I ? x.size(0) : 0, s.keeps ? 2 * s.E : 2}, x.options());
  if (!x.numel()) return {spikes, kept};
  if (s.keeps) {
    const auto [s_I, both] = operands(x, W, gi, Rules(rules));
    kept = s_I.mm(both.t());
  }
  const auto added = residual ? channels_last(*residual) : at::Tensor();
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "circuit_spikes", [&] {
    run_forward<scalar_t>(
        s, Rules(rules), x.const_data_ptr<scalar_t>(), W.const_data_ptr<scalar_t>(), gi.const_data_ptr<scalar_t>(),
        ge.const_data_ptr<scalar_t>(), be.const_data_ptr<scalar_t>(), residual ? added.const_data_ptr<scalar_t>() : nullptr,
        spikes.mutable_data_ptr<scalar_t>(), kept.mutable_data_ptr<scalar_t>());
  });
  return {spikes, kept};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> circuit_spikes_backward(
    const at::Tensor& upstream, const at::Tensor& input, const at::Tensor& W_EI, const at::Tensor& g_I, const at::Tensor& g_E,
    const at::Tensor& b_E, const at::Tensor& kept, int64_t T, bool shared, bool pool, at::ArrayRef<double> rules) {
  const Shape s = describe(input, W_EI, T, shared, pool);
  check_weights(s, input, W_EI, g_I, g_E, b_E);
  check("upstream", upstream, output_sizes(s, input), input);
  check("kept", kept, {s.I ? input.size(0) : 0, s.keeps ? 2 * s.E : 2}, input);
  Rules{rules};
  const auto x = channels_last(input), up = channels_last(upstream), left = kept.contiguous();
  const auto W = W_EI.contiguous(), gi = g_I.contiguous(), ge = g_E.contiguous(), be = b_E.contiguous();
  const auto d_x = new_map(x, x.size(0), s.columns, s.height, s.width);
  const auto d_inhibition = s.keeps ? at::empty_like(left) : at::empty({0}, x.options());
  const auto d_W = at::empty_like(W), d_gi = at::empty_like(gi), d_ge = at::empty_like(ge), d_be = at::empty_like(be);
  if (!x.numel()) return {d_x, d_W.zero_(), d_gi.zero_(), d_ge.zero_(), d_be.zero_()};
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "circuit_spikes_backward", [&] {
    run_backward<scalar_t>(
        s, Rules(rules), up.const_data_ptr<scalar_t>(), x.const_data_ptr<scalar_t>(), W.const_data_ptr<scalar_t>(),
        gi.const_data_ptr<scalar_t>(), ge.const_data_ptr<scalar_t>(), be.const_data_ptr<scalar_t>(), left.const_data_ptr<scalar_t>(),
        d_x.mutable_data_ptr<scalar_t>(), d_inhibition.mutable_data_ptr<scalar_t>(), d_W.mutable_data_ptr<scalar_t>(),
        d_gi.mutable_data_ptr<scalar_t>(), d_ge.mutable_data_ptr<scalar_t>(), d_be.mutable_data_ptr<scalar_t>());
  });
  if (s.keeps) {
    const Rules given(rules);
    const auto [s_I, both] = operands(x, W, gi, given);
    auto d_s_I = d_x.narrow(1, s.E, s.I);
    at::mm_out(d_s_I, d_inhibition, both);
    if (given.rectify) d_s_I.masked_fill_(s_I.le(0), 0);
    const auto d_both = d_inhibition.t().mm(s_I).view({2, s.E, s.I});
    d_W.copy_(d_both[0].add(d_both[1].mul(gi)).mul_(given.scale_W_EI));
    d_gi.copy_(W.mul(d_both[1]).sum(0).mul_(given.scale_g_I));
  }
  return {d_x, d_W, d_gi, d_ge, d_be};
}

// x [N, in] -> [I_ee | s_I] [N, n_E + n_I], without a copy of the weights side by side
at::Tensor map_both(const at::Tensor& x, const at::Tensor& W_EE, const at::Tensor& W_IE) {
  const int64_t E = W_EE.size(0), I = W_IE.size(0);
  const auto both = at::empty({x.size(0), E + I}, x.options());
  auto I_ee = both.narrow(1, 0, E), s_I = both.narrow(1, E, I);
  at::mm_out(I_ee, x, W_EE.t());
  at::mm_out(s_I, x, W_IE.t());
  return both;
}

}  // namespace

// The schemas are those of eisnn/kernels/ops.py.
TORCH_LIBRARY_IMPL(eisnn, CPU, library) {
  library.impl("map_both", &map_both);
  library.impl("circuit_spikes", &circuit_spikes);
  library.impl("circuit_spikes_backward", &circuit_spikes_backward);
}

}  // namespace eisnn
