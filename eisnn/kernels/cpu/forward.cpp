// Forward computes, for a few images at a time, [I_sub | I_div] = s_I [W_EI^T | (W_EI g_I)^T] by
// one product, the replacement of zeros from each sample's smallest positive value, the current,
// the cells' spikes, and their 2x2 averages or sum with the residual. All of it stays in the cache.

#include "pieces.h"

namespace eisnn {

template <typename F>
void run_forward(
    const Shape& shape, const Rules& given, const F* input, const F* W_EI, const F* g_I,
    const F* g_E, const F* b_E, const F* residual, F* spikes, F* kept
) {
  const Weights<F> weights(shape, W_EI, g_I, false);
  const int64_t E_pad = weights.E_pad, I_pad = weights.I_pad, E = shape.E, P = shape.P;
  // A row of [I_sub | I_div], in `kept` or, in whole vectors, here.
  const int64_t half = shape.keeps ? E : E_pad, both = 2 * half;
  const int64_t row_bytes = (both + I_pad + E_pad) * sizeof(F);
  const int64_t images = std::clamp<int64_t>(
      768 * 1024 / (row_bytes * P), 1, ceil_div(shape.B, at::get_num_threads())
  );

  at::parallel_for(0, ceil_div(shape.B, images), 1, [&](int64_t begin, int64_t end) {
    // A copy that no store can alias, so that the inner loops decide once.
    const Rules rules = given;
    std::vector<F> inhibition(images * P * 2 * E_pad), s_I(images * P * I_pad),
        potential(images * P * E_pad);
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
            multiply<F>(
                rows, both, shape.I, s_I.data(), I_pad, 1, weights.forward.data(), 0, products,
                both, false
            );
          }
          for (int64_t b = 0; b < count; ++b) {
            F here[2],
                *limit =
                    shape.keeps ? here : kept + 2 * ((shape.shared ? 0 : t) * shape.B + b0 + b);
            F* sample = products + b * P * both;
            if (rules.stabiliser == MIN_POSITIVE && rules.divisive)
              find_limits<F>(rules, sample + half, P, both, E, limit);
            const Divisor<F> divisor(rules, limit);
            for (int64_t p = 0; p < P; ++p) {
              F* I_sub = sample + p * both;
              const F* I_ee = in + (b * P + p) * shape.columns;
              // Unless it is kept, in place of I_sub.
              F* I_int = inhibition.data() + (b * P + p) * 2 * E_pad;
              each_vector<F>(E, [&](int64_t c, int64_t n) {
                auto net = Vec<F>::loadu(I_ee + c, n);
                if (rules.subtractive) net = net - Vec<F>::loadu(I_sub + c, n);
                const auto [q, inverse] = divisor.divide(net, Vec<F>::loadu(I_sub + half + c, n));
                if (shape.keeps) q.store(I_sub + c, n), inverse.store(I_sub + half + c, n);
                at::vec::fmadd(Vec<F>::loadu(g_E + c, n), q, Vec<F>::loadu(b_E + c, n))
                    .store(I_int + c);
              });
            }
          }
        }
        // the cells of one position of the output: one position of the map, or the four that are
        // pooled
        const Vec<F> decay(rules.decay), threshold(rules.threshold);
        const auto fire = [&](int64_t row, int64_t c, int64_t n) {
          F* u = potential.data() + row * E_pad + c;
          const auto v = at::vec::fmadd(
              decay, Vec<F>::loadu(u), Vec<F>::loadu(current + row * current_row + c, n)
          );
          const auto spike = v.ge(threshold);
          after_reset<F>(rules, v, spike).store(u);
          return spike;
        };
        const int64_t step = (t * shape.B + b0) * shape.P_out;
        for (int64_t q = 0; q < count * shape.P_out; ++q) {
          F* out = spikes + (step + q) * E;
          const F* added = residual ? residual + (step + q) * E : nullptr;
          // Holds across images: P = 4 P_out.
          const int64_t half = std::max<int64_t>(shape.width / 2, 1);
          const int64_t row = q / half * 2 * shape.width + q % half * 2;
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

template void run_forward(
    const Shape&, const Rules&, const float*, const float*, const float*, const float*,
    const float*, const float*, float*, float*
);
template void run_forward(
    const Shape&, const Rules&, const double*, const double*, const double*, const double*,
    const double*, const double*, double*, double*
);

}  // namespace eisnn
