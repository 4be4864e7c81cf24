#include "support/places.h"

namespace hone {

std::string source_dir() {
  return HONE_SOURCE_DIR;
}

std::string bin_dir() {
  return HONE_BIN_DIR;
}

}  // namespace hone
