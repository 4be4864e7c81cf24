// The folder rules: docs/architecture.md says what a folder of src may use; every include is held
// against it, and headers must not include each other in a circle.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "support/places.h"

namespace hone {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

const fs::path kRoot = source_dir();

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) {
    part.erase(0, part.find_first_not_of(" `"));
    part.erase(part.find_last_not_of(" `") + 1);
    parts.push_back(part);
  }
  return parts;
}

// The table "folder | holds | may use" of docs/architecture.md, each row as it stands.
std::map<std::string, Names> direct_uses() {
  std::ifstream file(kRoot / "docs/architecture.md");
  std::map<std::string, Names> direct;
  bool in_table = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| folder | holds | may use |")) in_table = true;
    if (!line.starts_with("|")) in_table = false;
    if (!in_table || !line.starts_with("| `")) continue;
    const auto cells = split(line, '|');
    direct.try_emplace(cells.at(1));
    for (const auto& name : split(cells.at(3), ',')) {
      if (!name.empty()) direct[cells.at(1)].insert(name);
    }
  }
  return direct;
}

// A folder may use what its row names, and what those use.
std::map<std::string, Names> allowed_uses() {
  const auto direct = direct_uses();
  std::map<std::string, Names> closed;
  for (const auto& [folder, uses] : direct) {
    Names& all = closed[folder];
    std::function<void(const std::string&)> visit = [&](const std::string& name) {
      if (!all.insert(name).second) return;
      for (const auto& next : direct.at(name)) visit(next);
    };
    visit(folder);
  }
  return closed;
}

struct Include {
  fs::path file;
  std::string name;
  bool quoted;
};

std::vector<Include> all_includes() {
  std::vector<Include> includes;
  for (const auto& item : fs::recursive_directory_iterator(kRoot / "src")) {
    const auto extension = item.path().extension();
    if (extension != ".h" && extension != ".cpp") continue;
    std::ifstream file(item.path());
    for (std::string line; std::getline(file, line);) {
      if (!line.starts_with("#include ") || line.size() < 12) continue;
      const auto end = line.find_first_of("\">", 10);
      if (end == std::string::npos) continue;
      includes.push_back({item.path(), line.substr(10, end - 10), line[9] == '"'});
    }
  }
  return includes;
}

std::string folder_of(const fs::path& file) {
  return fs::relative(file, kRoot / "src").begin()->string();
}

TEST(Policy, FoldersUseOnlyWhatArchitectureAllows) {
  const auto allowed = allowed_uses();
  ASSERT_GE(allowed.size(), 16U) << "docs/architecture.md has lost its table";
  for (const auto& include : all_includes()) {
    const std::string user = folder_of(include.file);
    ASSERT_TRUE(allowed.contains(user)) << "docs/architecture.md does not name src/" << user;
    const std::string used = include.name.substr(0, include.name.find('/'));
    if (!include.quoted || !allowed.contains(used)) continue;
    EXPECT_TRUE(allowed.at(user).contains(used))
        << include.file.string() << " may not include " << include.name;
  }
}

// The table "include | seen by" of docs/architecture.md: a library's folders. What stands in
// brackets there is a reason.
std::map<std::string, Names> library_folders() {
  std::ifstream file(kRoot / "docs/architecture.md");
  std::map<std::string, Names> folders;
  bool in_table = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| include | seen by |")) in_table = true;
    if (!line.starts_with("|")) in_table = false;
    if (!in_table || !line.starts_with("| `")) continue;
    const auto cells = split(line, '|');
    Names seen_by;
    for (const auto& folder : split(cells.at(2), ',')) {
      seen_by.insert(folder.substr(0, folder.find(' ')));
    }
    for (const auto& name : split(cells.at(1), ',')) folders[name] = seen_by;
  }
  return folders;
}

TEST(Policy, LibrariesAreSeenOnlyWhereArchitectureSays) {
  const auto folders = library_folders();
  ASSERT_GE(folders.size(), 8U) << "docs/architecture.md has lost its table";
  for (const auto& include : all_includes()) {
    for (const auto& [library, seen_by] : folders) {
      if (include.quoted || !include.name.starts_with(library)) continue;
      EXPECT_TRUE(seen_by.contains(folder_of(include.file)))
          << include.file.string() << " may not include " << include.name;
    }
  }
}

TEST(Policy, NoIncludeCircles) {
  std::map<std::string, Names> graph;
  for (const auto& include : all_includes()) {
    if (include.quoted && include.file.extension() == ".h") {
      graph[fs::relative(include.file, kRoot / "src").string()].insert(include.name);
    }
  }
  std::map<std::string, int> state;  // 1: on the path, 2: done
  std::function<void(const std::string&)> visit = [&](const std::string& name) {
    state[name] = 1;
    for (const auto& next : graph[name]) {
      EXPECT_NE(state[next], 1) << "include circle through " << name << " and " << next;
      if (state[next] == 0) visit(next);
    }
    state[name] = 2;
  };
  Names headers;
  for (const auto& [name, unused] : graph) headers.insert(name);
  for (const auto& name : headers) {
    if (state[name] == 0) visit(name);
  }
}

}  // namespace
}  // namespace hone
