// A layer of E-I circuits and its LIF cells over all time steps: what its files share.

#pragma once

#include <optional>
#include <tuple>
#include <vector>

#include "rules.h"

namespace eisnn {

struct Shape {
  int64_t T, B, E, I;         // time steps, images, excitatory and inhibitory cells
  int64_t height, width;      // positions of the map; fully connected: 1 x 1
  // The same input at every step, [B, ...]; spikes averaged over 2x2 positions.
  bool shared, pool;
  int64_t P, columns, P_out;  // positions; E + I; positions of the output
  // Forward leaves [q | 1/D], q = net / D, of every row for backward; else only the limits of every
  // sample.
  bool keeps;

  int64_t input_row(int64_t t, int64_t b) const { return ((shared ? 0 : t) * B + b) * P; }
};

// forward.cpp: the spikes, and what `run_backward` needs.
template <typename F>
void run_forward(
    const Shape& shape, const Rules& given, const F* input, const F* W_EI, const F* g_I,
    const F* g_E, const F* b_E, const F* residual, F* spikes, F* kept
);

// backward.cpp: every gradient; of layers whose products are torch's, those of the current, g_E and
// b_E, and d_inhibition.
template <typename F>
void run_backward(
    const Shape& shape, const Rules& given, const F* upstream, const F* input, const F* W_EI,
    const F* g_I, const F* g_E, const F* b_E, const F* kept, F* d_input, F* d_inhibition, F* d_W_EI,
    F* d_g_I, F* d_g_E, F* d_b_E
);

// circuit.cpp: `run_forward` as an operation on tensors.
std::tuple<at::Tensor, at::Tensor> circuit_spikes(
    const at::Tensor& input, const at::Tensor& W_EI, const at::Tensor& g_I, const at::Tensor& g_E,
    const at::Tensor& b_E, const std::optional<at::Tensor>& residual, int64_t T, bool shared,
    bool pool, at::ArrayRef<double> rules
);

}  // namespace eisnn
