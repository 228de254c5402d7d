// Small matrix products whose operands are in cache: C (+)= A B, one thread.
//
// The building block of circuit.cpp and winograd.cpp, which cut their work into pieces that fit in
// the cache and multiply there, so that the products' results never travel through main memory.
// Every element of C is summed over k in order, so a result does not depend on how the rows were
// cut: forward and backward passes that cut differently see the same bits.

#pragma once

#include <ATen/cpu/vec/vec.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace eisnn {

template <typename F>
using Vec = at::vec::Vectorized<F>;

template <typename F>
constexpr int64_t lanes = Vec<F>::size();

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// n, rounded up to whole vectors
template <typename F>
int64_t padded(int64_t n) {
  return ceil_div(n, lanes<F>) * lanes<F>;
}

// One tile of C, ROWS x (COLUMNS vectors), held in registers while k runs.
template <typename F, int ROWS, int COLUMNS>
inline void tile(
    int64_t k, const F* A, int64_t a_row, int64_t a_k, const F* B, int64_t b_k, F* C, int64_t c_row,
    bool add
) {
  Vec<F> sum[ROWS][COLUMNS];
#pragma GCC unroll 6
  for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < COLUMNS; ++j)
      sum[i][j] = add ? Vec<F>::loadu(C + i * c_row + j * lanes<F>) : Vec<F>(0);
  for (int64_t p = 0; p < k; ++p) {
    Vec<F> b[COLUMNS];
#pragma GCC unroll 4
    for (int j = 0; j < COLUMNS; ++j) b[j] = Vec<F>::loadu(B + p * b_k + j * lanes<F>);
#pragma GCC unroll 6
    for (int i = 0; i < ROWS; ++i) {
      const Vec<F> a(A[i * a_row + p * a_k]);
#pragma GCC unroll 4
      for (int j = 0; j < COLUMNS; ++j) sum[i][j] = at::vec::fmadd(a, b[j], sum[i][j]);
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < ROWS; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < COLUMNS; ++j) sum[i][j].store(C + i * c_row + j * lanes<F>);
}

template <typename F, int COLUMNS>
inline void column(
    int64_t m, int64_t k, const F* A, int64_t a_row, int64_t a_k, const F* B, int64_t b_k, F* C,
    int64_t c_row, bool add
) {
  int64_t i = 0;
  for (; i + 6 <= m; i += 6)
    tile<F, 6, COLUMNS>(k, A + i * a_row, a_row, a_k, B, b_k, C + i * c_row, c_row, add);
  A += i * a_row;
  C += i * c_row;
  switch (m - i) {
    case 5:
      return tile<F, 5, COLUMNS>(k, A, a_row, a_k, B, b_k, C, c_row, add);
    case 4:
      return tile<F, 4, COLUMNS>(k, A, a_row, a_k, B, b_k, C, c_row, add);
    case 3:
      return tile<F, 3, COLUMNS>(k, A, a_row, a_k, B, b_k, C, c_row, add);
    case 2:
      return tile<F, 2, COLUMNS>(k, A, a_row, a_k, B, b_k, C, c_row, add);
    case 1:
      return tile<F, 1, COLUMNS>(k, A, a_row, a_k, B, b_k, C, c_row, add);
  }
}

// Vectors of B's columns that one pass over A serves: 4 where there are 32 vector registers,
// else 2.
template <typename F>
constexpr int widest = sizeof(Vec<F>) >= 64 ? 4 : 2;

// The panel that holds column j of n: `multiply` takes as many columns at once as it can.
struct Panel {
  int64_t start, width;
};

template <typename F>
Panel panel_at(int64_t n, int64_t j) {
  const int64_t wide = widest<F> * lanes<F>, full = n / wide * wide;
  if (j < full) return {j / wide * wide, wide};
  // With panels of 4 vectors, one of 2 may follow.
  const int64_t middle = (n - full) / (2 * lanes<F>)*2 * lanes<F>;
  if (j < full + middle) return {full, 2 * lanes<F>};
  return {full + middle, lanes<F>};
}

// C[m, n] (+)= A[m, k] B[k, n]. n is a whole number of vectors; A's element (i, p) is A[i * a_row +
// p * a_k]. With b_k = 0, B lies panel after panel, as `panel_at` cuts its columns, each panel k
// rows of `width`; otherwise B's rows are b_k apart.
template <typename F>
void multiply(
    int64_t m, int64_t n, int64_t k, const F* A, int64_t a_row, int64_t a_k, const F* B,
    int64_t b_k, F* C, int64_t c_row, bool add
) {
  for (int64_t j = 0; j < n;) {
    const int64_t width = panel_at<F>(n, j).width;
    const F* panel = b_k ? B + j : B + j * k;
    const int64_t row = b_k ? b_k : width;
    if (width == 4 * lanes<F>) column<F, 4>(m, k, A, a_row, a_k, panel, row, C + j, c_row, add);
    else if (width == 2 * lanes<F>)
      column<F, 2>(m, k, A, a_row, a_k, panel, row, C + j, c_row, add);
    else column<F, 1>(m, k, A, a_row, a_k, panel, row, C + j, c_row, add);
    j += width;
  }
}

}  // namespace eisnn
