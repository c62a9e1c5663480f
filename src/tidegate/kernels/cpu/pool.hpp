// pool.hpp — memory that is used again by the next call.
//
// A training step needs the same large buffers every time; fresh pages from the system would cost more
// than the arithmetic on them. The pool never holds more than was once in use at the same time, and nothing for long
// that is not used again.
#pragma once
#include <cstddef>

namespace tidegate {

void* take(std::size_t bytes);  // aligned to 64 bytes
void give_back(void* block);
std::size_t pooled_bytes();     // held, in use or not
void release_pool();            // returns to the system what is not in use

}  // namespace tidegate
