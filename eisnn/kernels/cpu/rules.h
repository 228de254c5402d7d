// The options of a layer, as eisnn.kernels.rules hands them over.

#pragma once

#include <ATen/core/Tensor.h>

namespace eisnn {

enum Stabiliser { MIN_POSITIVE, EPSILON, CLAMP, NONE };
enum Surrogate { SIGMOID, ATAN, TRIANGLE };

struct Rules {
  // rectify: s_I = max(0, I_ie), as without Dale's law
  bool subtractive, divisive, rectify;
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
    TORCH_CHECK(
        v[3] >= MIN_POSITIVE && v[3] <= NONE,
        "circuit_spikes: rules[3], the stabiliser, must be 0 to 3, given ", v[3]
    );
    TORCH_CHECK(
        v[12] >= SIGMOID && v[12] <= TRIANGLE,
        "circuit_spikes: rules[12], the surrogate, must be 0 to 2, given ", v[12]
    );
    subtractive = v[0], divisive = v[1], rectify = v[2], stabiliser = v[3], zero_tolerance = v[4],
    zero_floor = v[5], epsilon = v[6];
    detach = v[7], scale_W_EI = v[8], scale_g_I = v[9], decay = v[10], threshold = v[11],
    surrogate = v[12], alpha = v[13];
    soft = v[14], detach_reset = v[15];
  }
};

}  // namespace eisnn
