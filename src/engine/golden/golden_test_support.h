// Golden folders for the tests of this folder: the shared one, copies of parts of it with something
// changed, and what a report of them must say.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/json.h"
#include "engine/golden/groups.h"
#include "engine/model/test_support.h"

namespace hone::engine::golden {

inline void expect_all_pass(const GroupReport& report, std::int64_t cases) {
  EXPECT_EQ(report.cases, cases) << report.name << " " << report.not_run;
  EXPECT_EQ(report.failed, 0) << report.name;
  for (const Finding& finding : report.findings)
    ADD_FAILURE() << report.name << ": " << finding.subject << ": " << finding.message;
}

// Whether `word` is in what the report finds in the case.
inline bool finds(const GroupReport& report, std::string_view subject, std::string_view word) {
  for (const Finding& finding : report.findings) {
    if (finding.subject == subject && finding.message.find(word) != std::string::npos) return true;
  }
  return false;
}

// That one case of `cases` fails, and why.
inline void expect_one_fails(const GroupReport& report, std::int64_t cases,
                             std::string_view subject, std::string_view word) {
  EXPECT_EQ(report.cases, cases) << report.name;
  EXPECT_EQ(report.failed, 1) << report.name;
  EXPECT_TRUE(finds(report, subject, word)) << report.name << ": " << subject << ": " << word;
  for (const Finding& finding : report.findings)
    EXPECT_EQ(finding.subject, subject) << finding.message;
}

// A golden folder of a test's own.
class OwnFolder {
 public:
  [[nodiscard]] Place place() const { return {.folder = temp_.path(), .gguf = "", .threads = 2}; }
  [[nodiscard]] std::string path(const std::string& name) const { return temp_.path(name); }

  // A file or folder of the shared one; false where that is not there.
  [[nodiscard]] bool take(const std::string& name) const {
    const auto from = shared_file("golden/" + name);
    if (!from) return false;
    copy(*from, path(name));
    return true;
  }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    write_all(path(name), text);
  }
  [[nodiscard]] json::object read(const std::string& name) const {
    return json::parse(read_all(path(name))).as_object();
  }
  // Adds `by` to one number of a tensor of fp32.
  void change(const std::string& name, const std::string& tensor, std::size_t place,
              float by) const {
    std::string bytes = read_all(path(name));
    std::uint64_t size = 0;
    std::memcpy(&size, bytes.data(), sizeof(size));
    const auto header = json::parse(bytes.substr(8, size)).as_object();
    const json::array& offsets = header.at(tensor).as_object().at("data_offsets").as_array();
    const auto begin = offsets.at(0).to_number<std::uint64_t>();
    char* at = bytes.data() + 8 + size + begin + place * sizeof(float);
    float number = 0;
    std::memcpy(&number, at, sizeof(number));
    number += by;
    std::memcpy(at, &number, sizeof(number));
    write(name, bytes);
  }

 private:
  // The shared folder may be one that nobody writes to, which its copy must not be.
  static void copy(const std::filesystem::path& from, const std::filesystem::path& to) {
    if (!std::filesystem::is_directory(from)) {
      std::filesystem::create_directories(to.parent_path());
      write_all(to.string(), read_all(from.string()));
      return;
    }
    for (const auto& item : std::filesystem::directory_iterator(from))
      copy(item.path(), to / item.path().filename());
  }

  TempFolder temp_;
};

}  // namespace hone::engine::golden
