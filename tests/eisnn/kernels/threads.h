// at::parallel_for by std::thread, whose start and end the thread sanitizer sees; it does not see
// the barriers of libgomp, and would take every result that crosses one for a race.
#pragma once

#include <cstdint>

namespace at::internal {
template <typename F>
void invoke_parallel(int64_t begin, int64_t end, int64_t grain_size, const F& f);
}

#define INTRA_OP_PARALLEL
#include <ATen/Parallel.h>

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace at::internal {
template <typename F>
void invoke_parallel(int64_t begin, int64_t end, int64_t grain_size, const F& f) {
  int64_t count = at::get_num_threads();
  if (grain_size > 0) count = std::min(count, divup(end - begin, grain_size));
  const int64_t chunk = divup(end - begin, count);
  std::exception_ptr failure;
  std::mutex lock;
  std::vector<std::thread> threads;
  for (int64_t id = 0; id < count && begin + id * chunk < end; ++id) {
    threads.emplace_back([&, id] {
      ThreadIdGuard guard(id);
      try {
        f(begin + id * chunk, std::min(end, begin + (id + 1) * chunk));
      } catch (...) {
        std::lock_guard held(lock);
        failure = std::current_exception();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}
}  // namespace at::internal
