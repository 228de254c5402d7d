// What the operations ask of their tensors: each error names the argument.

#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include "circuit.h"

namespace eisnn {

inline Shape describe(
    const at::Tensor& input, const at::Tensor& W_EI, int64_t T, bool shared, bool pool
) {
  TORCH_CHECK(
      input.dim() == 2 || input.dim() == 4,
      "circuit_spikes: the input must be [N, n] or [N, n, height, width]"
  );
  TORCH_CHECK(
      T >= 1 && T <= INT32_MAX, "circuit_spikes: T must be at least 1 and below 2^31, given ", T
  );
  TORCH_CHECK(
      input.scalar_type() == at::kFloat || input.scalar_type() == at::kDouble,
      "circuit_spikes: the input must be float32 or float64, given ", input.scalar_type()
  );
  TORCH_CHECK(W_EI.dim() == 2, "circuit_spikes: W_EI must be [n_E, n_I], given ", W_EI.sizes());
  TORCH_CHECK(
      W_EI.size(1) < input.size(1), "circuit_spikes: the input's ", input.size(1),
      " columns leave no excitatory cells beside the ", W_EI.size(1), " inhibitory cells of W_EI"
  );
  TORCH_CHECK(!pool || input.dim() == 4, "circuit_spikes: pool needs maps [N, n, height, width]");
  Shape s;
  s.T = T, s.shared = shared, s.pool = pool;
  s.columns = input.size(1), s.I = W_EI.size(1), s.E = s.columns - s.I;
  s.height = input.dim() == 4 ? input.size(2) : 1, s.width = input.dim() == 4 ? input.size(3) : 1;
  s.B = shared ? input.size(0) : input.size(0) / T;
  TORCH_CHECK(
      shared || input.size(0) == s.B * T, "circuit_spikes: ", input.size(0),
      " samples are not a multiple of T = ", T
  );
  TORCH_CHECK(
      !s.I || W_EI.size(0) == s.E, "circuit_spikes: W_EI has ", W_EI.size(0), " rows for ", s.E,
      " excitatory cells"
  );
  TORCH_CHECK(
      !pool || (s.height % 2 == 0 && s.width % 2 == 0),
      "circuit_spikes: only maps of even size are pooled"
  );
  s.P = s.height * s.width, s.P_out = pool ? s.P / 4 : s.P, s.keeps = s.I && input.dim() == 2;
  return s;
}

// Refuses a tensor that the kernels would read beyond its end, or as another type.
inline void check(
    const char* name, const at::Tensor& x, at::IntArrayRef sizes, const at::Tensor& input
) {
  TORCH_CHECK(
      x.sizes() == sizes, "circuit_spikes: ", name, " must have the shape ", sizes, ", given ",
      x.sizes()
  );
  TORCH_CHECK(
      x.scalar_type() == input.scalar_type(), "circuit_spikes: ", name,
      " must be of the input's type, ", input.scalar_type(), ", given ", x.scalar_type()
  );
  TORCH_CHECK(
      x.device() == input.device(), "circuit_spikes: ", name,
      " must be on the input's device, given ", x.device()
  );
}

inline void check_weights(
    const Shape& s, const at::Tensor& input, const at::Tensor& W_EI, const at::Tensor& g_I,
    const at::Tensor& g_E, const at::Tensor& b_E
) {
  check("W_EI", W_EI, {s.E, s.I}, input);
  if (!s.I) return;  // cells alone: no gains, no bias
  check("g_I", g_I, {s.I}, input);
  check("g_E", g_E, {s.E}, input);
  check("b_E", b_E, {s.E}, input);
}

inline std::vector<int64_t> output_sizes(const Shape& s, const at::Tensor& input) {
  if (input.dim() == 2) return {s.T * s.B, s.E};
  const int64_t shrink = s.pool ? 2 : 1;
  return {s.T * s.B, s.E, s.height / shrink, s.width / shrink};
}

inline at::Tensor channels_last(const at::Tensor& x) {
  return x.contiguous(x.dim() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous);
}

inline at::Tensor new_map(
    const at::Tensor& like, int64_t N, int64_t n, int64_t height, int64_t width
) {
  if (like.dim() == 2) return at::empty({N, n}, like.options());
  return at::empty({N, n, height, width}, like.options(), at::MemoryFormat::ChannelsLast);
}

}  // namespace eisnn
