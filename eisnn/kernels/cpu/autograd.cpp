// The operations' gradients on a CPU. They are those of eisnn/kernels/ops.py, which serves tracing
// and every other device; here they save the time that Python takes at each call, which is most of
// a small network's step.

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace eisnn {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using Variables = torch::autograd::variable_list;
using Numbers = at::ArrayRef<double>;

template <typename Signature>
auto find(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

std::tuple<Tensor, Tensor> spikes_of(
    const Tensor& input, const Tensor& W_EI, const Tensor& g_I, const Tensor& g_E,
    const Tensor& b_E, const std::optional<Tensor>& residual, int64_t T, bool shared, bool pool,
    Numbers rules
) {
  using Signature = std::tuple<Tensor, Tensor>(
      const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
      const std::optional<Tensor>&, int64_t, bool, bool, Numbers
  );
  static const auto operation = find<Signature>("eisnn::circuit_spikes");
  return operation.call(input, W_EI, g_I, g_E, b_E, residual, T, shared, pool, rules);
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> gradients_of(
    const Tensor& upstream, const Tensor& input, const Tensor& W_EI, const Tensor& g_I,
    const Tensor& g_E, const Tensor& b_E, const Tensor& kept, int64_t T, bool shared, bool pool,
    Numbers rules
) {
  using Signature = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>(
      const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
      const Tensor&, int64_t, bool, bool, Numbers
  );
  static const auto operation = find<Signature>("eisnn::circuit_spikes_backward");
  return operation.call(upstream, input, W_EI, g_I, g_E, b_E, kept, T, shared, pool, rules);
}

std::tuple<Tensor, Tensor, Tensor> layer_of(
    const Tensor& x, const Tensor& W_EE, const Tensor& W_IE, const Tensor& W_EI, const Tensor& g_I,
    const Tensor& g_E, const Tensor& b_E, int64_t T, bool shared, Numbers rules
) {
  using Signature = std::tuple<Tensor, Tensor, Tensor>(
      const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
      const Tensor&, int64_t, bool, Numbers
  );
  static const auto operation = find<Signature>("eisnn::circuit_layer");
  return operation.call(x, W_EE, W_IE, W_EI, g_I, g_E, b_E, T, shared, rules);
}

Tensor convolution_of(const Tensor& x, const Tensor& weight, bool turned) {
  static const auto operation =
      find<Tensor(const Tensor&, const Tensor&, bool)>("eisnn::convolve3x3");
  return operation.call(x, weight, turned);
}

Tensor weight_gradient_of(const Tensor& upstream, const Tensor& x) {
  static const auto operation =
      find<Tensor(const Tensor&, const Tensor&)>("eisnn::convolve3x3_weight");
  return operation.call(upstream, x);
}

struct CircuitSpikes : torch::autograd::Function<CircuitSpikes> {
  static Variables forward(
      AutogradContext* context, const Tensor& input, const Tensor& W_EI, const Tensor& g_I,
      const Tensor& g_E, const Tensor& b_E, const std::optional<Tensor>& residual, int64_t T,
      bool shared, bool pool, Numbers rules
  ) {
    at::AutoDispatchBelowADInplaceOrView guard;
    auto [spikes, kept] = spikes_of(input, W_EI, g_I, g_E, b_E, residual, T, shared, pool, rules);
    context->save_for_backward({input, W_EI, g_I, g_E, b_E, kept});
    context->saved_data["T"] = T;
    context->saved_data["shared"] = shared;
    context->saved_data["pool"] = pool;
    context->saved_data["rules"] = rules.vec();
    context->saved_data["residual"] = residual.has_value();
    context->mark_non_differentiable({kept});
    // Else what is kept would get a gradient full of zeros.
    context->set_materialize_grads(false);
    return {spikes, kept};
  }

  static Variables backward(AutogradContext* context, const Variables& upstream) {
    if (!upstream[0].defined()) return Variables(10);
    const auto saved = context->get_saved_variables();
    auto& data = context->saved_data;
    const auto rules = data["rules"].toDoubleVector();
    auto [d_input, d_W_EI, d_g_I, d_g_E, d_b_E] = gradients_of(
        upstream[0], saved[0], saved[1], saved[2], saved[3], saved[4], saved[5], data["T"].toInt(),
        data["shared"].toBool(), data["pool"].toBool(), rules
    );
    const bool sums = data["residual"].toBool() && context->needs_input_grad(5);
    return {d_input,  d_W_EI,   d_g_I,    d_g_E,   d_b_E, sums ? upstream[0] : Tensor(),
            Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

// A fully connected layer: one node for its map, circuit and cells
struct CircuitLayer : torch::autograd::Function<CircuitLayer> {
  static Variables forward(
      AutogradContext* context, const Tensor& x, const Tensor& W_EE, const Tensor& W_IE,
      const Tensor& W_EI, const Tensor& g_I, const Tensor& g_E, const Tensor& b_E, int64_t T,
      bool shared, Numbers rules
  ) {
    at::AutoDispatchBelowADInplaceOrView guard;
    auto [spikes, current, kept] = layer_of(x, W_EE, W_IE, W_EI, g_I, g_E, b_E, T, shared, rules);
    context->save_for_backward({x, W_EE, W_IE, W_EI, g_I, g_E, b_E, current, kept});
    context->saved_data["T"] = T;
    context->saved_data["shared"] = shared;
    context->saved_data["rules"] = rules.vec();
    context->mark_non_differentiable({current, kept});
    context->set_materialize_grads(false);
    return {spikes, current, kept};
  }

  static Variables backward(AutogradContext* context, const Variables& upstream) {
    if (!upstream[0].defined()) return Variables(10);
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &W_EE = saved[1], &W_IE = saved[2];
    auto& data = context->saved_data;
    const auto rules = data["rules"].toDoubleVector();
    auto [d_current, d_W_EI, d_g_I, d_g_E, d_b_E] = gradients_of(
        upstream[0], saved[7], saved[3], saved[4], saved[5], saved[6], saved[8], data["T"].toInt(),
        data["shared"].toBool(), false, rules
    );
    const auto d_ee = d_current.narrow(1, 0, W_EE.size(0)),
               d_ie = d_current.narrow(1, W_EE.size(0), W_IE.size(0));
    Tensor d_x;
    if (context->needs_input_grad(0)) d_x = at::addmm(at::mm(d_ee, W_EE), d_ie, W_IE);
    return {d_x,
            at::mm(d_ee.t(), x),
            at::mm(d_ie.t(), x),
            d_W_EI,
            d_g_I,
            d_g_E,
            d_b_E,
            Tensor(),
            Tensor(),
            Tensor()};
  }
};

struct Convolve : torch::autograd::Function<Convolve> {
  static Tensor forward(
      AutogradContext* context, const Tensor& x, const Tensor& weight, bool turned
  ) {
    at::AutoDispatchBelowADInplaceOrView guard;
    context->save_for_backward({x, weight});
    return convolution_of(x, weight, turned);
  }

  static Variables backward(AutogradContext* context, const Variables& upstream) {
    const auto saved = context->get_saved_variables();
    Tensor dx, dw;
    if (context->needs_input_grad(0)) dx = convolution_of(upstream[0], saved[1], true);
    if (context->needs_input_grad(1)) dw = weight_gradient_of(upstream[0], saved[0]);
    return {dx, dw, Tensor()};
  }
};

std::tuple<Tensor, Tensor> spikes(
    const Tensor& input, const Tensor& W_EI, const Tensor& g_I, const Tensor& g_E,
    const Tensor& b_E, const std::optional<Tensor>& residual, int64_t T, bool shared, bool pool,
    Numbers rules
) {
  auto out = CircuitSpikes::apply(input, W_EI, g_I, g_E, b_E, residual, T, shared, pool, rules);
  return {out[0], out[1]};
}

std::tuple<Tensor, Tensor, Tensor> layer(
    const Tensor& x, const Tensor& W_EE, const Tensor& W_IE, const Tensor& W_EI, const Tensor& g_I,
    const Tensor& g_E, const Tensor& b_E, int64_t T, bool shared, Numbers rules
) {
  auto out = CircuitLayer::apply(x, W_EE, W_IE, W_EI, g_I, g_E, b_E, T, shared, rules);
  return {out[0], out[1], out[2]};
}

Tensor convolve3x3(const Tensor& x, const Tensor& weight, bool turned) {
  return Convolve::apply(x, weight, turned);
}

}  // namespace

TORCH_LIBRARY_IMPL(eisnn, AutogradCPU, library) {
  library.impl("circuit_spikes", &spikes);
  library.impl("circuit_layer", &layer);
  library.impl("convolve3x3", &convolve3x3);
}

}  // namespace eisnn
