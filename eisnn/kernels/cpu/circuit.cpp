// A layer of E-I circuits and its LIF cells over all time steps, forward and backward, in one pass
// over memory each.
//
// The readable twins are eisnn/layers/circuit.py (`integrate`, `stabilise`) and
// eisnn/layers/neurons.py (`lif`); names and equations are theirs. Activity is held channels-last:
// a row is one position of one (time step, image), its columns are the cells. The input's columns
// are the joint map of x, [I_ee | s_I]: n_E excitatory, then n_I inhibitory cells. Without
// inhibitory cells they are plain LIF cells.
//
// Kept for the backward pass: the input, and two numbers per sample. Fully connected layers have
// few rows and wide weights: there the products are torch's, over all rows at once, and net / D and
// 1 / D are kept (`Shape::keeps`).

#include "circuit.h"

#include <ATen/Dispatch.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>
#include <torch/library.h>

#include "checks.h"

namespace eisnn {
namespace {

// The I cells' activity [N, n_I], rectified where Dale's law is off
at::Tensor inhibition(const at::Tensor& x, const Shape& s, const Rules& rules) {
  const auto s_I = x.narrow(1, s.E, s.I);
  return rules.rectify ? s_I.clamp_min(0) : s_I;
}

// The weights of both kinds of inhibition, [W_EI; W_EI g_I], [2 n_E, n_I]
at::Tensor joined(const at::Tensor& W, const at::Tensor& g_I) {
  const int64_t E = W.size(0), I = W.size(1);
  const auto both = at::empty({2 * E, I}, W.options());
  AT_DISPATCH_FLOATING_TYPES(W.scalar_type(), "joined", [&] {
    const auto *w = W.const_data_ptr<scalar_t>(), *g = g_I.const_data_ptr<scalar_t>();
    auto* out = both.mutable_data_ptr<scalar_t>();
    std::copy_n(w, E * I, out);
    for (int64_t e = 0; e < E; ++e)
      for (int64_t i = 0; i < I; ++i) out[(E + e) * I + i] = w[e * I + i] * g[i];
  });
  return both;
}

// Sets the gradient of I cells to 0 where they are rectified.
void silence(const at::Tensor& d_s_I, const at::Tensor& s_I) {
  AT_DISPATCH_FLOATING_TYPES(s_I.scalar_type(), "silence", [&] {
    auto* d = d_s_I.mutable_data_ptr<scalar_t>();
    const auto* s = s_I.const_data_ptr<scalar_t>();
    for (int64_t n = 0; n < s_I.size(0); ++n)
      for (int64_t i = 0; i < s_I.size(1); ++i)
        if (s[n * s_I.stride(0) + i] <= 0) d[n * d_s_I.stride(0) + i] = 0;
  });
}

// From the gradients of [W_EI; W_EI g_I] those of W_EI and g_I; uses up the former.
// A product is stored before it is summed, so that no compiler fuses the two: the bits are those of
// torch's own operations.
void separate(
    at::Tensor& d_both, const at::Tensor& W, const at::Tensor& g_I, const Rules& rules,
    const at::Tensor& d_W, at::Tensor d_g_I
) {
  const int64_t E = W.size(0), I = W.size(1);
  AT_DISPATCH_FLOATING_TYPES(W.scalar_type(), "separate", [&] {
    const auto *w = W.const_data_ptr<scalar_t>(), *g = g_I.const_data_ptr<scalar_t>();
    auto *d_sub = d_both.mutable_data_ptr<scalar_t>(), *d_div = d_sub + E * I,
         *out = d_W.mutable_data_ptr<scalar_t>();
    const scalar_t scale = rules.scale_W_EI;
    for (int64_t e = 0; e < E; ++e)
      for (int64_t i = 0; i < I; ++i) out[e * I + i] = d_div[e * I + i] * g[i];
    for (int64_t n = 0; n < E * I; ++n) out[n] = (d_sub[n] + out[n]) * scale;
    for (int64_t n = 0; n < E * I; ++n) d_div[n] = w[n] * d_div[n];
  });
  at::sum_out(d_g_I, d_both.narrow(0, E, E), 0);
  d_g_I.mul_(rules.scale_g_I);
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> circuit_spikes(
    const at::Tensor& input, const at::Tensor& W_EI, const at::Tensor& g_I, const at::Tensor& g_E,
    const at::Tensor& b_E, const std::optional<at::Tensor>& residual, int64_t T, bool shared,
    bool pool, at::ArrayRef<double> rules
) {
  const Shape s = describe(input, W_EI, T, shared, pool);
  check_weights(s, input, W_EI, g_I, g_E, b_E);
  if (residual) check("the residual", *residual, output_sizes(s, input), input);
  Rules{rules};
  const auto x = channels_last(input), W = W_EI.contiguous(), gi = g_I.contiguous(),
             ge = g_E.contiguous(), be = b_E.contiguous();
  const auto spikes = new_map(x, T * s.B, s.E, s.height / (pool ? 2 : 1), s.width / (pool ? 2 : 1));
  auto kept = at::empty({s.I ? x.size(0) : 0, s.keeps ? 2 * s.E : 2}, x.options());
  if (!x.numel()) return {spikes, kept};
  if (s.keeps) { kept = inhibition(x, s, Rules(rules)).mm(joined(W, gi).t()); }
  const auto added = residual ? channels_last(*residual) : at::Tensor();
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "circuit_spikes", [&] {
    run_forward<scalar_t>(
        s, Rules(rules), x.const_data_ptr<scalar_t>(), W.const_data_ptr<scalar_t>(),
        gi.const_data_ptr<scalar_t>(), ge.const_data_ptr<scalar_t>(), be.const_data_ptr<scalar_t>(),
        residual ? added.const_data_ptr<scalar_t>() : nullptr, spikes.mutable_data_ptr<scalar_t>(),
        kept.mutable_data_ptr<scalar_t>()
    );
  });
  return {spikes, kept};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> circuit_spikes_backward(
    const at::Tensor& upstream, const at::Tensor& input, const at::Tensor& W_EI,
    const at::Tensor& g_I, const at::Tensor& g_E, const at::Tensor& b_E, const at::Tensor& kept,
    int64_t T, bool shared, bool pool, at::ArrayRef<double> rules
) {
  const Shape s = describe(input, W_EI, T, shared, pool);
  check_weights(s, input, W_EI, g_I, g_E, b_E);
  check("upstream", upstream, output_sizes(s, input), input);
  check("kept", kept, {s.I ? input.size(0) : 0, s.keeps ? 2 * s.E : 2}, input);
  Rules{rules};
  const auto x = channels_last(input), up = channels_last(upstream), left = kept.contiguous();
  const auto W = W_EI.contiguous(), gi = g_I.contiguous(), ge = g_E.contiguous(),
             be = b_E.contiguous();
  const auto d_x = new_map(x, x.size(0), s.columns, s.height, s.width);
  const auto d_inhibition = s.keeps ? at::empty_like(left) : at::empty({0}, x.options());
  const auto d_W = at::empty_like(W), d_gi = at::empty_like(gi), d_ge = at::empty_like(ge),
             d_be = at::empty_like(be);
  if (!x.numel()) return {d_x, d_W.zero_(), d_gi.zero_(), d_ge.zero_(), d_be.zero_()};
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "circuit_spikes_backward", [&] {
    run_backward<scalar_t>(
        s, Rules(rules), up.const_data_ptr<scalar_t>(), x.const_data_ptr<scalar_t>(),
        W.const_data_ptr<scalar_t>(), gi.const_data_ptr<scalar_t>(), ge.const_data_ptr<scalar_t>(),
        be.const_data_ptr<scalar_t>(), left.const_data_ptr<scalar_t>(),
        d_x.mutable_data_ptr<scalar_t>(), d_inhibition.mutable_data_ptr<scalar_t>(),
        d_W.mutable_data_ptr<scalar_t>(), d_gi.mutable_data_ptr<scalar_t>(),
        d_ge.mutable_data_ptr<scalar_t>(), d_be.mutable_data_ptr<scalar_t>()
    );
  });
  if (s.keeps) {
    const Rules given(rules);
    auto d_s_I = d_x.narrow(1, s.E, s.I);
    at::mm_out(d_s_I, d_inhibition, joined(W, gi));
    if (given.rectify) silence(d_s_I, x.narrow(1, s.E, s.I));
    auto d_both = d_inhibition.t().mm(inhibition(x, s, given));
    separate(d_both, W, gi, given, d_W, d_gi);
  }
  return {d_x, d_W, d_gi, d_ge, d_be};
}

TORCH_LIBRARY_IMPL(eisnn, CPU, library) {
  library.impl("circuit_spikes", &circuit_spikes);
  library.impl("circuit_spikes_backward", &circuit_spikes_backward);
}

}  // namespace eisnn
