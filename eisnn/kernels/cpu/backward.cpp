// Backward computes the forward pass again, row by row, which costs less than reading it from
// memory would, then goes back through time.

#include "pieces.h"

namespace eisnn {

// What every thread sums up by itself
template <typename F>
struct Sums {
  std::vector<F> W, g_E, b_E;  // [I, both], [E_pad], [E_pad]
};

template <typename F>
void run_backward(
    const Shape& shape, const Rules& given, const F* upstream, const F* input, const F* W_EI,
    const F* g_I, const F* g_E, const F* b_E, const F* kept, F* d_input, F* d_inhibition, F* d_W_EI,
    F* d_g_I, F* d_g_E, F* d_b_E
) {
  constexpr int64_t V = lanes<F>;
  const Weights<F> weights(shape, W_EI, g_I, true);
  const int64_t both = weights.both;
  const int64_t E_pad = weights.E_pad;
  const int64_t I_pad = weights.I_pad;
  const int64_t E = shape.E;
  const int64_t I = shape.I;
  const int64_t P = shape.P;
  const bool keeps = shape.keeps;
  // of our own scratch not a power of two, which would put a column's entries into the same few
  // cache lines
  const int64_t row_size = keeps ? 2 * E : both + V, half = keeps ? E : E_pad;
  const int64_t steps = shape.shared ? 1 : shape.T, all = shape.B * P;
  const int64_t row_bytes = (row_size + 2 * I_pad) * sizeof(F) * steps;
  const int64_t cut =
      std::clamp<int64_t>(512 * 1024 / row_bytes, 1, ceil_div(all, at::get_num_threads()));
  const int64_t threads = at::get_num_threads();
  std::vector<Sums<F>> sums(threads);

  at::parallel_for(0, ceil_div(all, cut), 1, [&](int64_t begin, int64_t end) {
    const Rules rules = given;
    Sums<F>& sum = sums[at::get_thread_num()];
    sum.W.assign(keeps ? 0 : I * both, 0);
    sum.g_E.assign(E_pad, 0);
    sum.b_E.assign(E_pad, 0);
    const int64_t own = keeps ? 0 : steps * cut;
    std::vector<F> inhibition(own * row_size), s_I(own * I_pad), d_s_I(own * I_pad),
        membrane(shape.T * V);
    std::vector<Divisor<F>> divisors;
    const Vec<F> decay(rules.decay), threshold(rules.threshold), zero(0), one(1);

    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t first = piece * cut;
      const int64_t rows = std::min(cut, all - first);
      const int64_t step_size = (keeps ? all : rows) * row_size;
      if (I && !keeps) {
        for (int64_t t = 0; t < steps; ++t)
          read_inhibition(
              shape, rules, input + (t * all + first) * shape.columns, rows, I_pad,
              s_I.data() + t * rows * I_pad
          );
        multiply<F>(
            steps * rows, both, I, s_I.data(), I_pad, 1, weights.forward.data(), 0,
            inhibition.data(), row_size, false
        );
      }
      // where [q | 1/D] is found, and [dI_sub | dI_div] left: in the same place, unless it was kept
      F* gradients = keeps ? d_inhibition + first * row_size : inhibition.data();
      const F* quotients = keeps ? kept + first * row_size : gradients;

      for (int64_t r = 0; r < rows; ++r) {
        const int64_t b = (first + r) / P, p = (first + r) % P;
        const int64_t p_out =
            shape.pool ? p / shape.width / 2 * (shape.width / 2) + p % shape.width / 2 : p;
        if (I && !keeps && (r == 0 || p == 0)) {
          divisors.clear();
          for (int64_t t = 0; t < steps; ++t)
            divisors.emplace_back(rules, kept + 2 * (t * shape.B + b));
        }
        each_vector<F>(E, [&](int64_t c, int64_t n) {
          // forward again: q = net / D and 1 / D of each step (in place of I_sub and I_div), and
          // the membrane potentials
          const auto gain = I ? Vec<F>::loadu(g_E + c, n) : one,
                     bias = I ? Vec<F>::loadu(b_E + c, n) : zero;
          Vec<F> u(0), current(0);
          for (int64_t t = 0; t < shape.T; ++t) {
            if (t < steps) {
              const int64_t there = t * step_size + r * row_size + c;
              if (!keeps)
                current = Vec<F>::loadu(input + (t * all + first + r) * shape.columns + c, n);
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
            auto d_spike =
                Vec<F>::loadu(upstream + ((t * shape.B + b) * shape.P_out + p_out) * E + c, n);
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
      multiply<F>(
          steps * rows, I_pad, both, inhibition.data(), row_size, 1, weights.backward.data(), 0,
          d_s_I.data(), I_pad, false
      );
      multiply<F>(
          I, both, steps * rows, s_I.data(), 1, I_pad, inhibition.data(), row_size, sum.W.data(),
          both, true
      );
      for (int64_t t = 0; t < steps; ++t)
        for (int64_t r = 0; r < rows; ++r)
          each_vector<F>(I, [&](int64_t c, int64_t n) {
            const int64_t row = t * rows + r;
            auto d = Vec<F>::loadu(d_s_I.data() + row * I_pad + c);
            if (rules.rectify)
              d = Vec<F>::blendv(d, zero, Vec<F>::loadu(s_I.data() + row * I_pad + c) <= zero);
            d.store(d_input + (t * all + first + r) * shape.columns + E + c, n);
          });
    }
  });

  if (!I) return;
  Sums<F> total{std::vector<F>(keeps ? 0 : I * both), std::vector<F>(E_pad), std::vector<F>(E_pad)};
  const auto add = [](std::vector<F>& to, const std::vector<F>& more) {
    for (size_t i = 0; i < more.size(); ++i) to[i] += more[i];
  };
  for (const Sums<F>& sum : sums)
    add(total.W, sum.W), add(total.g_E, sum.g_E), add(total.b_E, sum.b_E);
  std::copy_n(total.g_E.begin(), E, d_g_E);
  std::copy_n(total.b_E.begin(), E, d_b_E);
  if (keeps) return;
  std::fill_n(d_g_I, I, F(0));
  // A few rows of W_EI at a time, which stay in the cache while i runs.
  for (int64_t start = 0; start < E; start += V)
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

template void run_backward(
    const Shape&, const Rules&, const float*, const float*, const float*, const float*,
    const float*, const float*, const float*, float*, float*, float*, float*, float*, float*
);
template void run_backward(
    const Shape&, const Rules&, const double*, const double*, const double*, const double*,
    const double*, const double*, const double*, double*, double*, double*, double*, double*,
    double*
);

}  // namespace eisnn
