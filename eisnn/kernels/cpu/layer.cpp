// A fully connected layer as one operation: the map of its input, then circuit and cells. Its
// products are torch's.

#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <torch/library.h>

#include "checks.h"
#include "circuit.h"

namespace eisnn {
namespace {

// x [N, in] -> [I_ee | s_I] [N, n_E + n_I], without a copy of the weights side by side
at::Tensor map_both(const at::Tensor& x, const at::Tensor& W_EE, const at::Tensor& W_IE) {
  TORCH_CHECK(x.dim() == 2, "circuit_layer: x must be [N, in], given ", x.sizes());
  TORCH_CHECK(
      W_EE.dim() == 2 && W_IE.dim() == 2, "circuit_layer: W_EE and W_IE must be [n, in], given ",
      W_EE.sizes(), " and ", W_IE.sizes()
  );
  const int64_t E = W_EE.size(0), I = W_IE.size(0);
  check("W_EE", W_EE, {E, x.size(1)}, x);
  check("W_IE", W_IE, {I, x.size(1)}, x);
  const auto both = at::empty({x.size(0), E + I}, x.options());
  auto I_ee = both.narrow(1, 0, E), s_I = both.narrow(1, E, I);
  at::mm_out(I_ee, x, W_EE.t());
  at::mm_out(s_I, x, W_IE.t());
  return both;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> circuit_layer(
    const at::Tensor& x, const at::Tensor& W_EE, const at::Tensor& W_IE, const at::Tensor& W_EI,
    const at::Tensor& g_I, const at::Tensor& g_E, const at::Tensor& b_E, int64_t T, bool shared,
    at::ArrayRef<double> rules
) {
  const auto current = map_both(x, W_EE, W_IE);
  auto [spikes, kept] =
      circuit_spikes(current, W_EI, g_I, g_E, b_E, std::nullopt, T, shared, false, rules);
  return {spikes, current, kept};
}

}  // namespace

TORCH_LIBRARY_IMPL(eisnn, CPU, library) { library.impl("circuit_layer", &circuit_layer); }

}  // namespace eisnn
