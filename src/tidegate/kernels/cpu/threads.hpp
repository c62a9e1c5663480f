// threads.hpp — what threads do that does not depend on the instruction set.
#pragma once

namespace tidegate {

void nap();                        // a few microseconds without a core
double now_ns();
double handover_ns(int threads);   // until what the first thread writes is seen by the one furthest from it

}  // namespace tidegate
