#include "engine/model/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace hone::engine {
namespace {

std::unexpected<Error> failed(std::string_view what, const std::string& path, int code) {
  return fail(code == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
              "cannot " + std::string(what) + " " + path + ": " + std::strerror(code));
}

}  // namespace

Result<MappedFile> map_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return failed("open", path, errno);
  struct stat status{};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return fail(ErrorCode::kInvalid, path + " is not a file");
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) {  // mmap refuses it
    ::close(descriptor);
    return MappedFile{};
  }
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  const int code = errno;
  ::close(descriptor);
  if (address == MAP_FAILED) return failed("map", path, code);
  return MappedFile{std::shared_ptr<const void>(
                        address, [size](const void* p) { ::munmap(const_cast<void*>(p), size); }),
                    std::string_view(static_cast<const char*>(address), size)};
}

}  // namespace hone::engine
