// The pieces of the definition: divisor, limits, reset, surrogate, and the weights laid out for
// products.

#pragma once

#include <ATen/Parallel.h>

#include <limits>

#include "circuit.h"
#include "multiply.h"

namespace eisnn {

// f(first column, how many) for each vector's worth of n columns
template <typename F, typename Body>
inline void each_vector(int64_t n, const Body& body) {
  int64_t c = 0;
  for (; c + lanes<F> <= n; c += lanes<F>) body(c, lanes<F>);
  if (c < n) body(c, n - c);
}

// 1 / D of one sample: D = |I_div| <= tolerance ? smallest : max(I_div + epsilon, floor). A silent
// sample's net current is 0. Where I_div overflowed, no value lies above the tolerance: D is
// infinite at finite entries, and NaN at those that overflowed.
template <typename F>
struct Divisor {
  Vec<F> tolerance, smallest, epsilon, floor;
  bool silent = false;

  Divisor(const Rules& rules, const F* limits)
      : tolerance(-1), smallest(1), epsilon(0), floor(-infinity()) {
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
    return Vec<F>(1) /
        Vec<F>::blendv(
               at::vec::maximum(I_div + epsilon, floor), smallest, I_div.abs() <= tolerance
        );
  }
  // net / D and 1 / D; both are 0 in a silent sample, whatever its currents are
  std::pair<Vec<F>, Vec<F>> divide(const Vec<F>& net, const Vec<F>& I_div) const {
    if (silent) return {Vec<F>(0), Vec<F>(0)};
    const auto inverse = reciprocal(I_div);
    return {net * inverse, inverse};
  }
  static constexpr F SILENT = 0;  // in place of the smallest value, which is positive
  static F infinity() { return std::numeric_limits<F>::infinity(); }
};

// Finds the value at or below which one sample's I_div counts as zero, and the smallest above that.
// Silent samples, without any value above the floor, are marked by SILENT.
template <typename F>
void find_limits(
    const Rules& rules, const F* I_div, int64_t rows, int64_t row_size, int64_t columns, F* limits
) {
  const Vec<F> infinity(Divisor<F>::infinity());
  F largest = 0;
  const auto smallest_above = [&](F bound) {
    Vec<F> high(0), low = infinity;
    for (int64_t r = 0; r < rows; ++r)
      each_vector<F>(columns, [&](int64_t c, int64_t n) {
        // Zeros beyond the last column.
        const auto value = Vec<F>::loadu(I_div + r * row_size + c, n);
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
  // Rounding noise of a convolution: look above it.
  limits[1] = smallest > limits[0] ? smallest : smallest_above(limits[0]);
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
    // Within 20 units in the last place.
    const auto e = (x.abs() * Vec<F>(-rules.alpha)).exp_u20();
    return alpha * e / ((one + e) * (one + e));
  }
  if (rules.surrogate == ATAN) {
    const auto y = Vec<F>(1.5707963267948966 * rules.alpha) * x;
    return Vec<F>(rules.alpha / 2) / at::vec::fmadd(y, y, one);
  }
  return alpha * at::vec::maximum(Vec<F>(0), one - alpha * x.abs());
}

// W_EI laid out for both directions: [I_sub | I_div] = s_I forward, and ds_I = [dI_sub | dI_div]
// backward.
template <typename F>
struct Weights {
  int64_t E_pad, I_pad, both;  // padded cells; columns of [I_sub | I_div]
  std::vector<F> forward, backward;

  Weights(const Shape& shape, const F* W_EI, const F* g_I, bool for_backward)
      : E_pad(padded<F>(shape.E)),
        I_pad(padded<F>(shape.I)),
        both(2 * E_pad),
        forward(shape.keeps ? 0 : shape.I * both) {
    if (shape.keeps) return;
    if (for_backward) backward.resize(both * I_pad);
    at::parallel_for(0, shape.E, 64, [&](int64_t begin, int64_t end) {
      for (int64_t e = begin; e < end; ++e)
        for (const bool divisive : {false, true}) {
          const int64_t column = divisive ? E_pad + e : e;
          const Panel panel = panel_at<F>(both, column);
          F* there = forward.data() + panel.start * shape.I + (column - panel.start);
          for (int64_t i = 0; i < shape.I; ++i)
            there[i * panel.width] = W_EI[e * shape.I + i] * (divisive ? g_I[i] : 1);
          if (!for_backward) continue;
          for (int64_t start = 0; start < I_pad;) {
            const int64_t width = panel_at<F>(I_pad, start).width;
            const int64_t stop = std::min(start + width, shape.I);
            F* back = backward.data() + start * both + column * width;
            for (int64_t i = start; i < stop; ++i)
              back[i - start] = W_EI[e * shape.I + i] * (divisive ? g_I[i] : 1);
            start += width;
          }
        }
    });
  }
};

// s_I of some rows, side by side, rectified where Dale's law is off
template <typename F>
void read_inhibition(
    const Shape& shape, const Rules& rules, const F* input, int64_t rows, int64_t I_pad, F* s_I
) {
  for (int64_t r = 0; r < rows; ++r)
    each_vector<F>(shape.I, [&](int64_t c, int64_t count) {
      auto s = Vec<F>::loadu(input + r * shape.columns + shape.E + c, count);
      if (rules.rectify) s = at::vec::maximum(s, Vec<F>(0));
      s.store(s_I + r * I_pad + c);
    });
}

}  // namespace eisnn
