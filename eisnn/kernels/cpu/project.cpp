// The projection of parameters onto the non-negative orthant, in one call for all of them.

#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <torch/library.h>

#include "multiply.h"

namespace eisnn {
namespace {

constexpr int64_t GRAIN = 1 << 15;  // values for which another thread is worth its start

void project(at::TensorList parameters) {
  for (const auto& parameter : parameters) {
    TORCH_CHECK(
        parameter.is_non_overlapping_and_dense(),
        "project_: parameters must be dense, given strides ", parameter.strides()
    );
    AT_DISPATCH_FLOATING_TYPES(parameter.scalar_type(), "project_", [&] {
      using V = Vec<scalar_t>;
      auto* x = parameter.mutable_data_ptr<scalar_t>();
      at::parallel_for(0, parameter.numel(), GRAIN, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i += V::size()) {
          const int64_t count = std::min<int64_t>(V::size(), end - i);
          // NaN stays.
          at::vec::clamp_min(V::loadu(x + i, count), V(0)).store(x + i, count);
        }
      });
    });
  }
}

}  // namespace

TORCH_LIBRARY_IMPL(eisnn, CPU, library) { library.impl("project_", &project); }

}  // namespace eisnn
