#include "feedback/git_measure.h"

#include <algorithm>
#include <filesystem>

namespace hone::feedback {
namespace {

constexpr std::size_t kMostGitTexts = 64;

bool is_placeholder_upper(char c) {
  return (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_placeholder_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// "<EMAIL:7f3a>", which redaction leaves.
bool has_placeholder(std::string_view line) {
  for (auto at = line.find('<'); at != std::string_view::npos; at = line.find('<', at + 1)) {
    std::size_t end = at + 1;
    while (end < line.size() && is_placeholder_upper(line[end])) ++end;
    if (end == at + 1 || end >= line.size() || line[end] != ':') continue;
    const std::size_t digits = ++end;
    while (end < line.size() && is_placeholder_hex(line[end])) ++end;
    if (end >= digits + 4 && end < line.size() && line[end] == '>') return true;
  }
  return false;
}

bool has_placeholder(const FileEdit& edit) {
  const auto any = [](const std::string& line) { return has_placeholder(line); };
  return std::ranges::any_of(edit.added, any);
}

}  // namespace

std::string path_inside(const std::string& top, const std::string& path) {
  if (top.empty() || !path.starts_with('/')) return "";
  const auto clean = std::filesystem::path(path).lexically_normal().string();
  const std::string folder = top.ends_with('/') ? top : top + "/";
  if (clean.starts_with(folder)) return clean.substr(folder.size());
  return "";
}

bool may_mean(std::string_view path, std::string_view name) {
  while (path.starts_with("./")) path.remove_prefix(2);
  if (name.empty() || !path.ends_with(name)) return false;
  return path.size() == name.size() || path[path.size() - name.size() - 1] == '/';
}

bool GitMeasure::name_inside(GitEdit& edit) const {
  bool all = !edit.files.empty();
  for (EditedFile& file : edit.files) {
    std::string name = path_inside(repository_.work_folder(), file.edit.path);
    file.inside = !name.empty();
    if (file.inside) file.names = {std::move(name)};
    all = all && file.inside;
  }
  return all;
}

void GitMeasure::index() {
  same_file_.clear();
  for (std::size_t e = 0; e < edits_.size(); ++e) {
    if (edits_[e].closed || edits_[e].made == EditMade::kNo) continue;
    for (std::size_t f = 0; f < edits_[e].files.size(); ++f) {
      const auto& file = edits_[e].files[f];
      same_file_[file.edit.path].push_back({e, f});
      if (file.names.empty() || file.names.front() == file.edit.path) continue;
      same_file_[file.names.front()].push_back({e, f});
    }
  }
}

std::vector<GitMeasure::Place> GitMeasure::places_of(const EditedFile& file) const {
  std::vector<Place> places;
  const auto add = [&](const std::string& name) {
    const auto found = same_file_.find(name);
    if (found == same_file_.end()) return;
    places.insert(places.end(), found->second.begin(), found->second.end());
  };
  add(file.edit.path);
  if (!file.names.empty() && file.names.front() != file.edit.path) add(file.names.front());
  std::ranges::sort(places);
  places.erase(std::ranges::unique(places).begin(), places.end());
  return places;
}

std::vector<std::size_t> GitMeasure::touched(GitEdit& edit,
                                             const std::vector<GitChange>& changes) const {
  std::vector<std::size_t> files;
  for (std::size_t i = 0; i < edit.files.size(); ++i) {
    auto& names = edit.files[i].names;
    bool hit = false;
    for (const GitChange& change : changes) {
      const auto known = [&names](const std::string& name) {
        return !name.empty() && std::ranges::find(names, name) != names.end();
      };
      if (known(change.from) || known(change.to)) {
        hit = true;
        if (!change.to.empty() && !known(change.to)) names.push_back(change.to);
      } else if (names.empty() && may_mean(edit.files[i].edit.path, change.to)) {
        hit = true;
        names.push_back(change.to);
      }
    }
    if (hit) files.push_back(i);
  }
  return files;
}

std::vector<std::size_t> GitMeasure::all_files(const GitEdit& edit) {
  std::vector<std::size_t> files(edit.files.size());
  for (std::size_t i = 0; i < files.size(); ++i) files[i] = i;
  return files;
}

std::vector<std::string> GitMeasure::lines_of(const GitEdit& edit, std::size_t file,
                                              Time until) const {
  const EditedFile& own = edit.files[file];
  std::vector<std::string> lines = own.edit.added;
  const LineTally own_lines = tally_of(lines);
  LineTally off;
  for (const Place& place : places_of(own)) {
    const GitEdit& other = edits_[place.edit];
    if (!is_later(other, edit) || other.at > until || other.closed) continue;
    const FileEdit& change = other.files[place.file].edit;
    if (change.whole) {
      const LineTally kept = tally_of(change.added);
      std::erase_if(lines, [&kept](const std::string& line) { return !kept.contains(line); });
    }
    for (const std::string& line : change.removed) {
      if (own_lines.contains(line)) ++off[line];
    }
  }
  return off.empty() ? lines : without_lines(lines, std::move(off));
}

// A block that a tool moved stood in the file before, and is its own doing all the same: what tools
// took out and this edit put in does not count as having stood there.
SqueezedText GitMeasure::before_without(const SqueezedText& before, const GitEdit& edit,
                                        std::size_t file,
                                        const std::vector<std::string>& lines) const {
  const LineTally put_in = tally_of(lines);
  LineTally moved;
  for (const Place& place : places_of(edit.files[file])) {
    for (const std::string& line : edits_[place.edit].files[place.file].edit.removed) {
      if (put_in.contains(line)) ++moved[line];
    }
  }
  if (moved.empty()) return before;
  SqueezedText left;
  left.lines = without_lines(before.lines, std::move(moved));
  for (const std::string& line : left.lines) left.joined += line;
  return left;
}

std::optional<SqueezedText> GitMeasure::squeezed(std::string_view text, bool redacted) const {
  if (!redacted || !redact_) return squeeze_text(text);
  const auto clean = redact_(text);
  if (!clean) return std::nullopt;
  return squeeze_text(*clean);
}

GitMeasure::Text GitMeasure::text_at(const std::string& commit, const std::string& path,
                                     bool redacted) {
  const std::string key = commit + (redacted ? "!" : ":") + path;
  if (const auto found = texts_.find(key); found != texts_.end()) return found->second;
  if (texts_.size() >= kMostGitTexts) texts_.clear();
  const auto raw = path.empty() ? std::optional<std::string>("") : repository_.text(commit, path);
  auto read = raw ? squeezed(*raw, redacted) : std::nullopt;
  Text text = read ? std::make_shared<const SqueezedText>(std::move(*read)) : nullptr;
  texts_[key] = text;
  return text;
}

// The latest of its names that is there; "" where none is.
std::string GitMeasure::name_in(const GitEdit& edit, std::size_t file,
                                const std::string& commit) const {
  const auto& names = edit.files[file].names;
  for (std::size_t i = names.size(); i-- > 0;) {
    if (!repository_.content_id(commit, names[i]).empty()) return names[i];
  }
  if (edit.commit.empty() || commit.empty()) return "";
  for (const std::string& name : names) {
    std::string moved = repository_.renamed(edit.commit, name, commit);
    if (!moved.empty()) return moved;
  }
  return "";
}

std::optional<Survival> GitMeasure::compare(const GitEdit& edit, std::size_t file,
                                            const SqueezedText& now, const std::string& before,
                                            Time until) {
  const bool redacted = has_placeholder(edit.files[file].edit);
  const Text old = text_at(before, name_in(edit, file, before), redacted);
  if (!old) return std::nullopt;
  const auto lines = lines_of(edit, file, until);
  return measure_survival(lines, now, before_without(*old, edit, file, lines));
}

std::optional<Survival> GitMeasure::at_commit(const GitEdit& edit,
                                              const std::vector<std::size_t>& files,
                                              const std::string& commit, const std::string& before,
                                              Time until) {
  Survival total;
  for (const std::size_t file : files) {
    const bool redacted = has_placeholder(edit.files[file].edit);
    const Text now = text_at(commit, name_in(edit, file, commit), redacted);
    const auto part = now ? compare(edit, file, *now, before, until) : std::nullopt;
    if (!part) return std::nullopt;
    total += *part;
  }
  return total;
}

std::optional<Survival> GitMeasure::in_work(const GitEdit& edit, const std::string& before,
                                            Time until) {
  Survival total;
  for (std::size_t file = 0; file < edit.files.size(); ++file) {
    if (edit.files[file].names.empty()) return std::nullopt;
    const auto text = repository_.work_text(edit.files[file].names.back());
    // A file that never was committed and is gone: tools tidy up after themselves, too.
    if (text && text->empty() && name_in(edit, file, before).empty()) return std::nullopt;
    const auto now = text ? squeezed(*text, has_placeholder(edit.files[file].edit)) : std::nullopt;
    const auto part = now ? compare(edit, file, *now, before, until) : std::nullopt;
    if (!part) return std::nullopt;
    total += *part;
  }
  return total;
}

std::optional<Survival> GitMeasure::in_other(const GitEdit& edit, const std::string& path,
                                             const std::string& head, Time until) {
  Survival total;
  const auto raw = repository_.work_text(path);
  for (std::size_t file = 0; file < edit.files.size(); ++file) {
    const bool redacted = has_placeholder(edit.files[file].edit);
    const auto now = raw ? squeezed(*raw, redacted) : std::nullopt;
    const Text old = text_at(head, path, redacted);
    if (!now || !old) return std::nullopt;
    total += measure_survival(lines_of(edit, file, until), *now, *old);
  }
  return total;
}

}  // namespace hone::feedback
