#include "cli/parquet.h"

#include <filesystem>

#include "base/file.h"
#include "net/process.h"

namespace hone::cli {
namespace {

Result<void> run(const std::string& program, const std::string& columns, const std::string& from,
                 const std::string& to) {
  const net::ProcessOptions options{.argv = {program, columns, from, to}, .log_file = to + ".log"};
  auto process = net::Process::spawn(options);
  if (!process) return fail(process.error().with("hone-parquet does not start"));
  const auto status = process->wait();
  auto said = read_file(posix_files(), options.log_file).value_or("");
  while (said.ends_with('\n')) said.pop_back();
  if (status.code != 0) {
    return fail(ErrorCode::kInternal, "hone-parquet ended with status " +
                                          std::to_string(status.code) + ": " +
                                          (said.empty() ? "it said nothing" : said));
  }
  return posix_files().remove(options.log_file);
}

}  // namespace

Result<curate::ToParquet> parquet_writer(const std::string& program) {
  std::error_code error;
  if (!std::filesystem::exists(program, error)) {
    return fail(
        ErrorCode::kNotFound,
        "Parquet is written by hone-parquet, and " + program +
            " is not there: it is left out where Arrow is not found when Hone is built. "
            "`./dev build` brings Arrow and builds it; HONE_ARROW_ROOT names another Arrow. "
            "The same export as JSON lines needs neither: leave --parquet out");
  }
  return [program](const std::string& columns, const std::string& from, const std::string& to) {
    return run(program, columns, from, to);
  };
}

}  // namespace hone::cli
