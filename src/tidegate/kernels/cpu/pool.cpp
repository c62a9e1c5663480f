#include "pool.hpp"

#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace tidegate {
namespace {

constexpr std::size_t page = std::size_t{1} << 21;
constexpr std::size_t header = 64;

constexpr std::size_t oldest_age = 1024;  // calls of `take` after which an idle block goes: what an epoch has kept, say

struct Block {
  void* start;
  std::size_t bytes;
  std::size_t idle_since;  // the count of calls at which it came back
};

std::mutex guard;
#if defined(__unix__) || defined(__APPLE__)
// A fork copies the lock as it is: held by a thread that the child does not have, it would never open.
[[maybe_unused]] const int registered =
    pthread_atfork([] { guard.lock(); }, [] { guard.unlock(); }, [] { guard.unlock(); });
#endif
std::vector<Block>& idle() {  // never destroyed: buffers may come back while the interpreter goes down
  static auto* blocks = new std::vector<Block>;
  return *blocks;
}
std::size_t in_use = 0, most_in_use = 0, held_idle = 0, calls = 0;

void free_oldest() {
  Block oldest = idle().front();
  idle().erase(idle().begin());
  held_idle -= oldest.bytes;
  std::free(oldest.start);
}

std::size_t rounded(std::size_t bytes) {
  bytes += header;
  if (bytes > page) return (bytes + page - 1) / page * page;  // a huge page is resident as a whole
  std::size_t step = 512;
  while (8 * step < bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}

}  // namespace

void* take(std::size_t bytes) {
  const std::size_t size = rounded(bytes);
  std::lock_guard<std::mutex> lock(guard);
  auto& blocks = idle();
  ++calls;
  while (!blocks.empty() && calls - blocks.front().idle_since > oldest_age) free_oldest();
  std::size_t best = blocks.size();
  for (std::size_t i = 0; i < blocks.size(); ++i)
    if (blocks[i].bytes >= size && blocks[i].bytes <= size + size / 4 &&
        (best == blocks.size() || blocks[i].bytes < blocks[best].bytes))
      best = i;
  Block block;
  if (best < blocks.size()) {
    block = blocks[best];
    blocks.erase(blocks.begin() + static_cast<std::ptrdiff_t>(best));
    held_idle -= block.bytes;
  } else {
    while (!blocks.empty() && in_use + held_idle + size > most_in_use) free_oldest();
    const std::size_t alignment = size > page ? page : 64;
    block = {std::aligned_alloc(alignment, size), size, 0};
    if (!block.start) throw std::bad_alloc();
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (size > page) madvise(block.start, size, MADV_HUGEPAGE);
#endif
  }
  in_use += block.bytes;
  if (in_use > most_in_use) most_in_use = in_use;
  *static_cast<std::size_t*>(block.start) = block.bytes;
  return static_cast<char*>(block.start) + header;
}

void give_back(void* memory) {
  if (!memory) return;
  void* start = static_cast<char*>(memory) - header;
  const std::size_t bytes = *static_cast<std::size_t*>(start);
  std::lock_guard<std::mutex> lock(guard);
  in_use -= bytes;
  held_idle += bytes;
  idle().push_back({start, bytes, calls});
}

std::size_t pooled_bytes() {
  std::lock_guard<std::mutex> lock(guard);
  return in_use + held_idle;
}

void release_pool() {
  std::lock_guard<std::mutex> lock(guard);
  while (!idle().empty()) free_oldest();
  most_in_use = in_use;
}

}  // namespace tidegate
