// Where the sources and the built programs are. Compiled in one place, so that a compiler cache
// serves the tests of every checkout.
#pragma once

#include <string>

namespace hone {

std::string source_dir();
std::string bin_dir();  // hone, hone-engine and what tests start

}  // namespace hone
