// 3x3 convolution, stride 1, padding 1, channels-last, float32, with 2.25 times fewer
// multiplications than the direct way.
//
// Winograd's F(2x2, 3x3) (Lavin & Gray 2016): a tile of 2x2 outputs sees 4x4 inputs d, and
//     Y = A^T [ sum_c (G g G^T) . (B^T d B) ] A
// so that the sums over channels are 16 matrix products. They are done for a few tiles at a time,
// whose transforms stay in the cache. The transforms add and halve only, so small integers (spikes,
// their sums and averages) pass exactly. Rounding is a few times that of a direct convolution; what
// should be 0 may come out near 1e-7 of the largest value, which the circuit's zero tolerance
// allows for. The gradient to the input is the same convolution with the kernel turned around; that
// to the weights is taken between transforms.

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "multiply.h"

namespace eisnn {
namespace {

using V = Vec<float>;
constexpr int64_t L = lanes<float>;

struct Map {
  int64_t N, height, width, tile_rows, tile_columns;

  explicit Map(const at::Tensor& x)
      : N(x.size(0)),
        height(x.size(2)),
        width(x.size(3)),
        tile_rows(ceil_div(height, 2)),
        tile_columns(ceil_div(width, 2)) {}
  int64_t tiles() const { return N * tile_rows * tile_columns; }
  // the position of a tile's first output, and whether (i, j) away from it there is a pixel
  struct Corner {
    int64_t n, row, column;
  };
  Corner corner(int64_t tile) const {
    const int64_t per_sample = tile_rows * tile_columns, within = tile % per_sample;
    return {tile / per_sample, within / tile_columns * 2, within % tile_columns * 2};
  }
  int64_t pixel(const Corner& at, int64_t i, int64_t j) const {
    const int64_t row = at.row + i, column = at.column + j;
    return row < 0 || row >= height || column < 0 || column >= width
        ? -1
        : (at.n * height + row) * width + column;
  }
};

// The 16 coefficients [16][count][stride] of tiles first, first + 1, ...: B^T d B of the pixels
// around each tile.
void transform_input(
    const Map& map, const float* x, int64_t channels, int64_t first, int64_t count, int64_t stride,
    float* out
) {
  for (int64_t tile = 0; tile < count; ++tile) {
    const auto corner = map.corner(first + tile);
    const float* pixels[16];
    for (int i = 0; i < 16; ++i) {
      const int64_t at = map.pixel(corner, i / 4 - 1, i % 4 - 1);
      pixels[i] = at < 0 ? nullptr : x + at * channels;
    }
    for (int64_t c = 0; c < channels; c += L) {
      const int64_t n = std::min(L, channels - c);
      V d[4][4], e[4][4];
      for (int i = 0; i < 16; ++i) d[i / 4][i % 4] = pixels[i] ? V::loadu(pixels[i] + c, n) : V(0);
      for (int j = 0; j < 4; ++j) {
        e[0][j] = d[0][j] - d[2][j];
        e[1][j] = d[1][j] + d[2][j];
        e[2][j] = d[2][j] - d[1][j];
        e[3][j] = d[1][j] - d[3][j];
      }
      for (int i = 0; i < 4; ++i) {
        const auto put = [&](int j, const V& value) {
          value.store(out + ((4 * i + j) * count + tile) * stride + c);
        };
        put(0, e[i][0] - e[i][2]);
        put(1, e[i][1] + e[i][2]);
        put(2, e[i][2] - e[i][1]);
        put(3, e[i][1] - e[i][3]);
      }
    }
  }
}

// Y = A^T m A of each tile, from m [16][count][stride] to the pixels of y.
void transform_output(
    const Map& map, const float* m, int64_t stride, int64_t first, int64_t count, int64_t channels,
    float* y
) {
  for (int64_t tile = 0; tile < count; ++tile) {
    const auto corner = map.corner(first + tile);
    for (int64_t c = 0; c < channels; c += L) {
      const int64_t n = std::min(L, channels - c);
      V e[2][4];
      for (int j = 0; j < 4; ++j) {
        const auto get = [&](int i) {
          return V::loadu(m + ((4 * i + j) * count + tile) * stride + c);
        };
        const V middle = get(1), other = get(2);
        e[0][j] = get(0) + middle + other;
        e[1][j] = middle - other - get(3);
      }
      for (int i = 0; i < 2; ++i) {
        const int64_t left = map.pixel(corner, i, 0), right = map.pixel(corner, i, 1);
        if (left >= 0) (e[i][0] + e[i][1] + e[i][2]).store(y + left * channels + c, n);
        if (right >= 0) (e[i][1] - e[i][2] - e[i][3]).store(y + right * channels + c, n);
      }
    }
  }
}

// Backwards: dm = A dY A^T, [16][count][stride].
void transform_output_gradient(
    const Map& map, const float* dy, int64_t channels, int64_t first, int64_t count, int64_t stride,
    float* dm
) {
  for (int64_t tile = 0; tile < count; ++tile) {
    const auto corner = map.corner(first + tile);
    const float* pixels[4];
    for (int i = 0; i < 4; ++i) {
      const int64_t at = map.pixel(corner, i / 2, i % 2);
      pixels[i] = at < 0 ? nullptr : dy + at * channels;
    }
    for (int64_t c = 0; c < channels; c += L) {
      const int64_t n = std::min(L, channels - c);
      V d[4];
      for (int i = 0; i < 4; ++i) d[i] = pixels[i] ? V::loadu(pixels[i] + c, n) : V(0);
      const V e[4][2] = {
          {d[0], d[1]},
          {d[0] + d[2], d[1] + d[3]},
          {d[0] - d[2], d[1] - d[3]},
          {V(0) - d[2], V(0) - d[3]}
      };
      for (int i = 0; i < 4; ++i) {
        const auto put = [&](int j, const V& value) {
          value.store(dm + ((4 * i + j) * count + tile) * stride + c);
        };
        put(0, e[i][0]);
        put(1, e[i][0] + e[i][1]);
        put(2, e[i][0] - e[i][1]);
        put(3, V(0) - e[i][1]);
      }
    }
  }
}

// The 16 products' right-hand sides G g G^T, each [inputs, outputs] and packed. `turned`: for the
// gradient to the input, from the same w.
std::vector<float> transform_weights(const float* w, int64_t inputs, int64_t outputs, bool turned) {
  const int64_t wide = padded<float>(outputs);
  const int64_t step_in = turned ? 9 * outputs : 9;
  const int64_t step_out = turned ? 9 : 9 * inputs;
  std::vector<float> packed(16 * inputs * wide);
  at::parallel_for(0, wide / L, 1, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin * L; j < end * L; j += L) {
      const Panel panel = panel_at<float>(wide, j);
      float g[9][L] = {};
      for (int64_t p = 0; p < inputs; ++p) {
        for (int64_t lane = 0; lane < std::min(L, outputs - j); ++lane)
          for (int tap = 0; tap < 9; ++tap)
            g[tap][lane] = w[p * step_in + (j + lane) * step_out + (turned ? 8 - tap : tap)];
        V e[4][3];
        const V half(0.5f);
        for (int k = 0; k < 3; ++k) {
          const V a = V::loadu(g[k]), b = V::loadu(g[3 + k]), c = V::loadu(g[6 + k]);
          e[0][k] = a, e[1][k] = half * (a + b + c), e[2][k] = half * (a - b + c), e[3][k] = c;
        }
        for (int i = 0; i < 4; ++i) {
          const V u[4] = {
              e[i][0], half * (e[i][0] + e[i][1] + e[i][2]), half * (e[i][0] - e[i][1] + e[i][2]),
              e[i][2]
          };
          for (int k = 0; k < 4; ++k)
            u[k].store(
                packed.data() + (4 * i + k) * inputs * wide + panel.start * inputs +
                p * panel.width + (j - panel.start)
            );
        }
      }
    }
  });
  return packed;
}

at::Tensor as_map(const at::Tensor& x) {
  TORCH_CHECK(
      x.dim() == 4 && x.scalar_type() == at::kFloat,
      "convolve3x3: needs float32 maps [N, C, height, width]"
  );
  return x.contiguous(at::MemoryFormat::ChannelsLast);
}

// x [N, C, h, w] and w [K, C, 3, 3] -> [N, K, h, w]; turned: x [N, K, h, w] -> [N, C, h, w], the
// gradient to the input.
at::Tensor convolve3x3(const at::Tensor& input, const at::Tensor& weight, bool turned) {
  const auto x = as_map(input), w = weight.contiguous();
  TORCH_CHECK(
      w.dim() == 4 && w.size(2) == 3 && w.size(3) == 3 && w.scalar_type() == at::kFloat,
      "convolve3x3: the weights must be float32 and [K, C, 3, 3], given ", w.sizes()
  );
  const int64_t inputs = w.size(turned ? 0 : 1), outputs = w.size(turned ? 1 : 0);
  TORCH_CHECK(
      x.size(1) == inputs, "convolve3x3: the input has ", x.size(1), " channels, the weights ",
      inputs
  );
  const Map map(x);
  const auto y = at::empty(
      {map.N, outputs, map.height, map.width}, x.options(), at::MemoryFormat::ChannelsLast
  );
  if (!y.numel()) return y;
  const auto U = transform_weights(w.const_data_ptr<float>(), inputs, outputs, turned);
  const int64_t in = padded<float>(inputs), out = padded<float>(outputs);
  // many tiles reuse the weights while they are in the cache, few keep the transforms there
  const int64_t block = std::clamp<int64_t>(1536 * 1024 / (64 * (in + out)) / 6 * 6, 48, 240);
  at::parallel_for(0, ceil_div(map.tiles(), block), 1, [&](int64_t begin, int64_t end) {
    std::vector<float> d(16 * block * in), m(16 * block * out);
    for (int64_t b = begin; b < end; ++b) {
      const int64_t first = b * block, count = std::min(block, map.tiles() - first);
      transform_input(map, x.const_data_ptr<float>(), inputs, first, count, in, d.data());
      for (int64_t i = 0; i < 16; ++i)
        multiply<float>(
            count, out, inputs, d.data() + i * count * in, in, 1, U.data() + i * inputs * out, 0,
            m.data() + i * count * out, out, false
        );
      transform_output(map, m.data(), out, first, count, outputs, y.mutable_data_ptr<float>());
    }
  });
  return y;
}

// The gradient to the weights: dy [N, K, h, w], x [N, C, h, w] -> [K, C, 3, 3]. Every thread sums
// its own tiles, so that the last bits depend on the number of threads.
at::Tensor convolve3x3_weight(const at::Tensor& upstream, const at::Tensor& input) {
  const auto dy = as_map(upstream), x = as_map(input);
  TORCH_CHECK(
      dy.size(0) == x.size(0) && dy.size(2) == x.size(2) && dy.size(3) == x.size(3),
      "convolve3x3_weight: upstream ", dy.sizes(), " does not belong to an input ", x.sizes()
  );
  const Map map(x);
  const int64_t C = x.size(1), K = dy.size(1), in = padded<float>(C), out = padded<float>(K);
  const int64_t block = std::clamp<int64_t>(
      std::max(72L, C * K / (C + K)), 1, ceil_div(map.tiles(), at::get_num_threads())
  );
  const auto dw = at::empty({K, C, 3, 3}, x.options());
  if (!dw.numel() || !map.tiles()) return dw.zero_();
  std::vector<std::vector<float>> sums(at::get_num_threads());
  at::parallel_for(0, ceil_div(map.tiles(), block), 1, [&](int64_t begin, int64_t end) {
    std::vector<float>& sum = sums[at::get_thread_num()];
    sum.assign(16 * C * out, 0);
    std::vector<float> d(16 * block * in), dm(16 * block * out);
    for (int64_t b = begin; b < end; ++b) {
      const int64_t first = b * block, count = std::min(block, map.tiles() - first);
      transform_input(map, x.const_data_ptr<float>(), C, first, count, in, d.data());
      transform_output_gradient(map, dy.const_data_ptr<float>(), K, first, count, out, dm.data());
      for (int64_t i = 0; i < 16; ++i)
        multiply<float>(
            C, out, count, d.data() + i * count * in, 1, in, dm.data() + i * count * out, out,
            sum.data() + i * C * out, out, true
        );
    }
  });
  // dg = G^T dU G
  float* result = dw.mutable_data_ptr<float>();
  at::parallel_for(0, C, 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c)
      for (int64_t k = 0; k < K; k += L) {
        V u[4][4], e[3][4];
        const V half(0.5f);
        for (int i = 0; i < 16; ++i) {
          u[i / 4][i % 4] = V(0);
          for (const auto& sum : sums)
            if (!sum.empty())
              u[i / 4][i % 4] = u[i / 4][i % 4] + V::loadu(sum.data() + (i * C + c) * out + k);
        }
        for (int j = 0; j < 4; ++j) {
          const V plus = half * (u[1][j] + u[2][j]);
          e[0][j] = u[0][j] + plus, e[1][j] = half * (u[1][j] - u[2][j]), e[2][j] = plus + u[3][j];
        }
        float g[9][L];
        for (int i = 0; i < 3; ++i) {
          const V plus = half * (e[i][1] + e[i][2]);
          (e[i][0] + plus).store(g[3 * i]);
          (half * (e[i][1] - e[i][2])).store(g[3 * i + 1]);
          (plus + e[i][3]).store(g[3 * i + 2]);
        }
        for (int64_t lane = 0; lane < std::min(L, K - k); ++lane)
          for (int tap = 0; tap < 9; ++tap) result[((k + lane) * C + c) * 9 + tap] = g[tap][lane];
      }
  });
  return dw;
}

}  // namespace

TORCH_LIBRARY_IMPL(eisnn, CPU, library) {
  library.impl("convolve3x3", &convolve3x3);
  library.impl("convolve3x3_weight", &convolve3x3_weight);
}

}  // namespace eisnn
