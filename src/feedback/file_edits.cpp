#include "feedback/file_edits.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "feedback/survival.h"

namespace hone::feedback {
namespace {

constexpr std::size_t kMostArgumentBytes = 1U << 20;  // of one text
constexpr std::size_t kMostEditLines = 20'000;        // of one call
constexpr std::size_t kMostFiles = 50;
constexpr std::size_t kLongestPath = 1'024;
constexpr int kDeepestArgument = 4;
constexpr std::string_view kPatchBlanks = " \t\r";
constexpr std::string_view kBeginPatch = "*** Begin Patch";

constexpr std::array<std::string_view, 8> kPathNames = {"file_path", "filePath",      "filepath",
                                                        "path",      "absolute_path", "target_file",
                                                        "filename",  "file"};
constexpr std::array<std::string_view, 7> kOldNames = {
    "old_string", "oldString", "old_str", "old_text", "oldText", "search", "find"};
constexpr std::array<std::string_view, 8> kNewNames = {"new_string",  "newString",  "new_str",
                                                       "new_text",    "newText",    "replace",
                                                       "insert_text", "replacement"};
constexpr std::array<std::string_view, 5> kContentNames = {"content", "contents", "file_text",
                                                           "new_content", "changes"};
constexpr std::array<std::string_view, 3> kListNames = {"edits", "replacements", "changes"};
constexpr std::array<std::string_view, 4> kPatchNames = {"patch", "diff", "patchText", "input"};
constexpr std::array<std::string_view, 5> kWriting = {"write", "creat", "save", "edit", "file"};

std::optional<std::string_view> text_at(const json::object& object, const auto& names) {
  for (const std::string_view name : names) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr) continue;
    if (const auto* text = value->if_string()) return std::string_view(*text);
  }
  return std::nullopt;
}

bool writes_files(std::string_view tool) {
  const std::string name = lower_case(tool);
  return std::ranges::any_of(
      kWriting, [&](std::string_view part) { return name.find(part) != std::string::npos; });
}

// Each line costs a look-up, however many changes there are to one file.
class EditCollector {
 public:
  // What an earlier change of the same call had put in, and this one takes out, was never there.
  void change(std::string_view path, const std::vector<std::string>& from,
              const std::vector<std::string>& to) {
    lines_ += from.size() + to.size();
    Draft* draft = lines_ > kMostEditLines ? nullptr : file(path);
    if (draft == nullptr) return;
    for (std::string& line : without_lines(from, tally_of(to))) {
      const auto own = draft->standing.find(line);
      if (own == draft->standing.end()) {
        draft->edit.removed.push_back(std::move(line));
        continue;
      }
      ++draft->dropped[line];
      if (--own->second == 0) draft->standing.erase(own);
    }
    for (std::string& line : without_lines(to, tally_of(from))) {
      ++draft->standing[line];
      draft->edit.added.push_back(std::move(line));
    }
  }

  void write(std::string_view path, std::string_view content) {
    auto lines = squeeze_text(content).lines;
    lines_ += lines.size();
    Draft* draft = lines_ > kMostEditLines ? nullptr : file(path);
    if (draft == nullptr) return;
    draft->standing = tally_of(lines);
    draft->dropped.clear();
    draft->edit.added = std::move(lines);
    draft->edit.removed.clear();
    draft->edit.whole = true;
  }

  void rename(std::string_view from, std::string_view to) {
    if (to.empty() || to.size() > kLongestPath) return;
    if (Draft* draft = file(from)) draft->edit.path = to;
  }

  std::vector<FileEdit> take() {
    std::vector<FileEdit> edits;
    for (Draft& draft : drafts_) {
      FileEdit& edit = draft.edit;
      if (!draft.dropped.empty()) edit.added = without_lines(edit.added, std::move(draft.dropped));
      if (!edit.added.empty() || !edit.removed.empty()) edits.push_back(std::move(edit));
    }
    return edits;
  }
  [[nodiscard]] bool empty() const { return drafts_.empty(); }

 private:
  struct Draft {
    FileEdit edit;
    LineTally standing;  // of `added`, those not dropped again
    LineTally dropped;
  };
  // The file of that name; none where there are too many, or it has none.
  Draft* file(std::string_view path) {
    if (path.empty() || path.size() > kLongestPath) return nullptr;
    const auto found =
        std::ranges::find_if(drafts_, [&](const Draft& draft) { return draft.edit.path == path; });
    if (found != drafts_.end()) return &*found;
    if (drafts_.size() == kMostFiles) return nullptr;
    drafts_.emplace_back().edit.path = path;
    return &drafts_.back();
  }

  std::vector<Draft> drafts_;
  std::size_t lines_ = 0;
};

// "12,3" -> 3, "12" -> 1; as hunks of a unified diff say how long they are.
std::optional<std::size_t> hunk_length(std::string_view range) {
  const auto comma = range.find(',');
  if (comma == std::string_view::npos) return 1;
  const std::string_view digits = range.substr(comma + 1);
  std::size_t length = 0;
  const auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (wrong != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return length;
}

class PatchReader {
 public:
  PatchReader(std::string_view text, EditCollector& edits) : text_(text), edits_(edits) {}

  void read() {
    while (const auto line = next()) {
      if (in_hunk()) {
        if (body(*line)) continue;
        old_left_ = new_left_ = 0;
      }
      if (!header(*line) && in_section_) section_line(*line);
    }
    flush();
  }

 private:
  std::optional<std::string_view> next() {
    if (at_ >= text_.size()) return std::nullopt;
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    const std::string_view line = text_.substr(at_, end - at_);
    at_ = end + 1;
    return line;
  }
  [[nodiscard]] bool in_hunk() const { return old_left_ > 0 || new_left_ > 0; }

  void flush() {
    if (!path_.empty() && (!from_.empty() || !to_.empty())) edits_.change(path_, from_, to_);
    from_.clear();
    to_.clear();
  }
  void begin(std::string_view path) {
    flush();
    path_ = trimmed(path, kPatchBlanks);
  }

  // A line inside a hunk of a unified diff. False: it is none.
  bool body(std::string_view line) {
    const char mark = line.empty() || line == "\r" ? ' ' : line.front();
    if (mark == '\\') return true;  // "\ No newline at end of file"
    const bool is_old = mark == ' ' || mark == '-';
    const bool is_new = mark == ' ' || mark == '+';
    if ((!is_old && !is_new) || (is_old && old_left_ == 0) || (is_new && new_left_ == 0)) {
      return false;
    }
    if (is_old) --old_left_;
    if (is_new) --new_left_;
    keep(mark, line);
    return true;
  }
  void section_line(std::string_view line) {
    if (!line.empty()) keep(line.front(), line);
  }
  void keep(char mark, std::string_view line) {
    if (mark != '+' && mark != '-') return;
    std::string squeezed = squeeze(line.substr(1));
    if (!squeezed.empty()) (mark == '+' ? to_ : from_).push_back(std::move(squeezed));
  }

  bool header(std::string_view line) {
    if (codex_header(line)) return true;
    if (in_section_) {
      if (!line.starts_with("@@")) return false;
      flush();  // one hunk after the other: a line may move from one to the next
      return true;
    }
    if (line.starts_with("--- ")) {
      begin("");
      old_path_ = unified_path(line.substr(4));
      return true;
    }
    if (line.starts_with("+++ ")) {
      const auto path = unified_path(line.substr(4));
      begin(path == "/dev/null" ? old_path_ : path);
      return true;
    }
    if (line.starts_with("@@ -")) {
      flush();
      begin_hunk(line.substr(4));
    }
    return true;
  }

  bool codex_header(std::string_view line) {
    if (!line.starts_with("*** ")) return false;
    const std::string_view rest = line.substr(4);
    for (const std::string_view kind : {"Update File:", "Add File:", "Delete File:"}) {
      if (!rest.starts_with(kind)) continue;
      begin(rest.substr(kind.size()));
      in_section_ = true;
      return true;
    }
    constexpr std::string_view kMove = "Move to:";
    if (in_section_ && rest.starts_with(kMove)) {
      const auto to = trimmed(rest.substr(kMove.size()), kPatchBlanks);
      flush();
      edits_.rename(path_, to);
      if (!to.empty()) path_ = to;
      return true;
    }
    if (rest.starts_with("End Patch") || rest.starts_with("Begin Patch")) {
      flush();
      path_.clear();
      in_section_ = false;
    }
    return true;
  }

  // "a/src/x.py\t2026-11-28" -> "src/x.py"
  static std::string unified_path(std::string_view text) {
    const auto name = trimmed(text.substr(0, text.find('\t')), kPatchBlanks);
    const bool prefixed = name.starts_with("a/") || name.starts_with("b/");
    return std::string(prefixed ? name.substr(2) : name);
  }
  void begin_hunk(std::string_view ranges) {
    const auto plus = ranges.find(" +");
    if (path_.empty() || plus == std::string_view::npos) return;
    const auto end = ranges.find(' ', plus + 1);
    const auto old_length = hunk_length(ranges.substr(0, plus));
    const auto new_length =
        hunk_length(ranges.substr(plus + 2, end == std::string_view::npos ? end : end - plus - 2));
    if (!old_length || !new_length) return;
    old_left_ = *old_length;
    new_left_ = *new_length;
  }

  const std::string_view text_;
  EditCollector& edits_;
  std::size_t at_ = 0;
  std::string path_;
  std::string old_path_;
  std::vector<std::string> from_;
  std::vector<std::string> to_;
  std::size_t old_left_ = 0;
  std::size_t new_left_ = 0;
  bool in_section_ = false;  // of a patch in Codex's form
};

void read_into(std::string_view text, EditCollector& edits) {
  if (text.size() <= kMostArgumentBytes) PatchReader(text, edits).read();
}

// Patches may be an argument, or stand in one: a command of a shell.
void find_patches(const json::value& value, std::string_view name, int depth,
                  EditCollector& edits) {
  if (depth > kDeepestArgument) return;
  if (const auto* text = value.if_string()) {
    const std::string_view all(*text);
    const auto at = all.find(kBeginPatch);
    const bool named = std::ranges::find(kPatchNames, name) != kPatchNames.end();
    if (at != std::string_view::npos) {
      read_into(all.substr(at), edits);
    } else if (named && (all.starts_with("--- ") || all.find("\n--- ") != std::string_view::npos)) {
      read_into(all, edits);
    }
  } else if (const auto* object = value.if_object()) {
    for (const auto& item : *object) find_patches(item.value(), item.key(), depth + 1, edits);
  } else if (const auto* array = value.if_array()) {
    for (const auto& item : *array) find_patches(item, name, depth + 1, edits);
  }
}

bool read_change(std::string_view path, const json::object& object, EditCollector& edits) {
  const auto from = text_at(object, kOldNames);
  const auto to = text_at(object, kNewNames);
  if (!to) return false;
  if (to->size() > kMostArgumentBytes || from.value_or("").size() > kMostArgumentBytes) return true;
  edits.change(path, squeeze_text(from.value_or("")).lines, squeeze_text(*to).lines);
  return true;
}

void read_fields(std::string_view tool, const json::object& object, EditCollector& edits) {
  const auto path = text_at(object, kPathNames);
  if (!path) return;
  bool changed = read_change(*path, object, edits);
  for (const std::string_view name : kListNames) {
    const json::value* value = object.if_contains(name);
    const auto* list = value == nullptr ? nullptr : value->if_array();
    if (list == nullptr) continue;
    for (const auto& item : *list) {
      const auto* change = item.if_object();
      if (change != nullptr) changed = read_change(*path, *change, edits) || changed;
    }
  }
  if (changed || !writes_files(tool)) return;
  const auto content = text_at(object, kContentNames);
  if (content && content->size() <= kMostArgumentBytes) edits.write(*path, *content);
}

}  // namespace

std::vector<FileEdit> file_edits_of(std::string_view tool, const json::value& arguments) {
  EditCollector edits;
  find_patches(arguments, "input", 0, edits);
  const auto* object = arguments.if_object();
  if (edits.empty() && object != nullptr) read_fields(tool, *object, edits);
  return edits.take();
}

std::vector<FileEdit> read_patch(std::string_view text) {
  EditCollector edits;
  read_into(text, edits);
  return edits.take();
}

}  // namespace hone::feedback
