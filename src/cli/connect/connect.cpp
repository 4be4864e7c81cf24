#include "cli/connect/connect.h"

#include <algorithm>

#include "base/file.h"
#include "cli/connect/document.h"
#include "cli/connect/line_diff.h"
#include "net/client.h"

namespace hone::cli::connect {
namespace {

constexpr std::chrono::milliseconds kProbeTimeout{5'000};
constexpr std::size_t kMaxProbeBytes = 4U << 20;

bool is_blank_document(Format format, std::string_view text) {
  std::string rest;
  for (const char c : text) {
    if (!std::string_view(" \t\r\n").contains(c)) rest += c;
  }
  return rest.empty() || (format == Format::kJson && rest == "{}");
}

bool same_settings(const FilePlan& a, const FilePlan& b) {
  return a.format == b.format && a.content == b.content &&
         std::equal(a.settings.begin(), a.settings.end(), b.settings.begin(), b.settings.end(),
                    [](const Setting& one, const Setting& other) {
                      return one.path == other.path && one.in_list == other.in_list &&
                             canonical(one.value) == canonical(other.value);
                    });
}

bool all_stand(const FilePlan& plan, const SettingsFile& file) {
  if (!file.exists) return false;
  if (plan.format == Format::kWhole) return file.bytes == plan.content;
  const auto document = parse_document(plan.format, file.bytes);
  return document && std::all_of(plan.settings.begin(), plan.settings.end(), [&](const auto& one) {
           return standing(*document, one) == Standing::kStands;
         });
}

// `change.before`: the file without what `recorded` says that Hone put in.
void undo_recorded(const RecordedFile& recorded, Change& change) {
  const auto& file = change.file;
  change.made_folders = recorded.made_folders;
  change.existed = recorded.existed && file.exists;
  if (!file.exists) return;  // somebody has removed it: it stays so
  if (file.bytes == recorded.after) {
    change.before = recorded.before;
    return;
  }
  const auto format = recorded.plan.format;
  if (format == Format::kWhole) {
    change.before = file.bytes;
    if (file.bytes != recorded.before) change.changed.push_back("its content");
    return;
  }
  auto undone = undo_changes(recorded.before, recorded.after, file.bytes).text;
  // Lines taken out of a text that others have rewritten may leave a torso.
  if (!parse_document(format, undone)) undone = file.bytes;
  auto taken = take_out(format, recorded.plan.settings, recorded.before, undone);
  change.before = std::move(taken.text);
  change.left = std::move(taken.left);
  change.changed = std::move(taken.changed);
}

Result<Change> undone_change(const RecordedFile& recorded) {
  Change change{.plan = recorded.plan, .file = {}};
  auto file = read_settings(recorded.plan.path);
  if (!file) return fail(file.error());
  change.file = std::move(*file);
  undo_recorded(recorded, change);
  change.after = change.before;
  change.removes = change.file.exists && !recorded.existed &&
                   is_blank_document(recorded.plan.format, change.after);
  if (change.removes) change.after.clear();
  return change;
}

Result<Change> planned_change(const FilePlan& plan, const RecordedFile* recorded) {
  Change change{.plan = plan, .file = {}};
  auto file = read_settings(plan.path);
  if (!file) return fail(file.error());
  change.file = std::move(*file);
  if (recorded != nullptr && same_settings(plan, recorded->plan) && all_stand(plan, change.file)) {
    change.after = change.file.bytes;
    change.kept = *recorded;
    return change;
  }
  change.before = change.file.bytes;
  change.existed = change.file.exists;
  if (recorded != nullptr) undo_recorded(*recorded, change);
  change.left.clear();
  change.changed.clear();
  auto after = put(plan, change.before);
  if (!after) return fail(after.error().with(plan.path));
  change.after = std::move(*after);
  return change;
}

std::string mode_text(mode_t mode) {
  std::string text;
  for (const int shift : {6, 3, 0}) text += static_cast<char>('0' + ((mode >> shift) & 7U));
  return text;
}

RecordedFile recorded_of(const Change& change) {
  RecordedFile recorded{.plan = change.plan, .existed = change.existed};
  recorded.made_folders = change.made_folders;
  recorded.before = change.before;
  recorded.after = change.after;
  return recorded;
}

std::string shown_value(const json::value& value) {
  std::string text = json::serialize(value);
  constexpr std::size_t kShown = 60;
  if (text.size() > kShown) text = text.substr(0, kShown) + "…";
  return text;
}

Finding find_setting(const json::value& document, const Setting& setting, bool key_known) {
  Finding finding{.setting = dotted(setting.path), .file = {}, .state = {}};
  const auto* value = value_at(document, setting.path);
  if (value == nullptr) {
    finding.state = "is missing";
    return finding;
  }
  if (setting.secret != Secret::kNo && !key_known) {
    finding.good = value->is_string() && !value->get_string().empty();
    finding.state = finding.good ? "stands" : "is empty";
    return finding;
  }
  switch (standing(document, setting)) {
    case Standing::kStands:
      finding.good = true;
      finding.state = "stands";
      break;
    case Standing::kMissing:
      finding.state = "is missing";
      break;
    case Standing::kDiffers:
      finding.state = setting.secret != Secret::kNo
                          ? "is another key"
                          : "is " + mask_secrets(shown_value(*value), "") + ", not " +
                                shown_value(setting.value);
      break;
  }
  return finding;
}

Finding find_whole(const FilePlan& plan, const SettingsFile& file, bool key_known) {
  Finding finding{.setting = plan.content_is_key ? "the key" : "the file",
                  .file = plan.path,
                  .state = "stands",
                  .good = true};
  const bool known = key_known || !plan.content_is_key;
  if (!file.exists) {
    finding.state = "is missing";
  } else if (known ? file.bytes != plan.content : file.bytes.empty()) {
    finding.state = "is another one";
  }
  finding.good = finding.state == "stands";
  return finding;
}

Result<net::Response> probe(const std::string& server, std::string_view target,
                            const std::string& key) {
  const auto url = net::parse_url(server);
  if (!url) return fail(url.error());
  net::ClientRequest request;
  request.url = net::with_target(*url, target);
  if (!key.empty()) request.headers.add("authorization", "Bearer " + key);
  return net::fetch_blocking(std::move(request), kProbeTimeout, kMaxProbeBytes);
}

}  // namespace

Result<std::vector<Change>> work_out(const Plan& plan, const std::optional<Record>& record) {
  std::vector<Change> changes;
  for (const auto& file : plan.files) {
    auto change = planned_change(file, record ? record->find(file.path) : nullptr);
    if (!change) return fail(change.error());
    changes.push_back(std::move(*change));
  }
  if (!record) return changes;
  // What an earlier connection wrote elsewhere goes.
  for (const auto& recorded : record->files) {
    const bool planned = std::any_of(plan.files.begin(), plan.files.end(), [&](const auto& file) {
      return file.path == recorded.plan.path;
    });
    if (planned) continue;
    auto change = undone_change(recorded);
    if (!change) return fail(change.error());
    changes.push_back(std::move(*change));
  }
  return changes;
}

Result<std::vector<Change>> work_out_removal(const Record& record) {
  std::vector<Change> changes;
  for (const auto& recorded : record.files) {
    auto change = undone_change(recorded);
    if (!change) return fail(change.error());
    changes.push_back(std::move(*change));
  }
  return changes;
}

std::string show_changes(const std::vector<Change>& changes, const std::string& key) {
  std::string out;
  for (const auto& change : changes) {
    if (!change.changes()) continue;
    const auto& file = change.file;
    if (change.plan.content_is_key) {
      out += (change.removes ? "--- " : "+++ ") + file.path + "\n" + (change.removes ? "-" : "+") +
             "*** (the key)\n";
    } else {
      out += show_diff(file.path, file.bytes, change.after, key);
    }
    if (file.exists && file.target != file.path) out += "# it is a link to " + file.target + "\n";
    if (!file.exists) out += "# a new file, mode " + mode_text(change.plan.mode) + "\n";
    const bool secret =
        std::any_of(change.plan.settings.begin(), change.plan.settings.end(),
                    [](const Setting& setting) { return setting.secret != Secret::kNo; });
    if (secret && !change.removes && file.exists && (file.mode & 0077U) != 0) {
      out += "# it will hold the key, and others may read it (mode " + mode_text(file.mode) +
             "): chmod 600 keeps it to yourself\n";
    }
  }
  return out;
}

Result<void> write_changes(const std::vector<Change>& changes, const Wish& wish,
                           const std::string& folder) {
  Record record{.wish = wish, .files = {}};
  std::vector<std::size_t> place(changes.size(), 0);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const auto& change = changes[i];
    place[i] = record.files.size();
    if (change.kept) {
      record.files.push_back(*change.kept);
    } else if (!change.removes && change.after != change.before) {
      record.files.push_back(recorded_of(change));
    } else {
      place[i] = std::string::npos;
    }
  }
  if (auto saved = save_record(folder, record); !saved) return saved;
  bool folders_made = false;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const auto& change = changes[i];
    if (!change.changes()) continue;
    if (change.removes) {
      if (auto gone = remove_settings(change.file); !gone) return gone;
      remove_empty_folders(change.made_folders);
      continue;
    }
    std::vector<std::string> made;
    auto written = write_settings(change.file, change.after, change.plan.mode, &made);
    if (!written) return written;
    if (made.empty() || place[i] == std::string::npos) continue;
    record.files[place[i]].made_folders = std::move(made);
    folders_made = true;
  }
  return folders_made ? save_record(folder, record) : Result<void>();
}

Result<void> write_removal(const std::vector<Change>& changes, const std::string& folder) {
  std::string left;
  std::vector<std::string> folders;
  for (const auto& change : changes) {
    folders.insert(folders.end(), change.made_folders.begin(), change.made_folders.end());
    if (change.changes()) {
      const auto done = change.removes
                            ? remove_settings(change.file)
                            : write_settings(change.file, change.after, change.plan.mode);
      if (!done) return done;
    }
    for (const auto& one : change.left) left += "\n  " + change.plan.path + ": " + one;
  }
  remove_empty_folders(folders);
  if (left.empty()) return remove_record(folder);
  return fail(ErrorCode::kConflict,
              "this is still there; take it out by hand (the files as they "
              "were before are in " +
                  folder + "):" + left);
}

Result<std::vector<Finding>> check_settings(const Plan& plan, bool key_known) {
  std::vector<Finding> findings;
  for (const auto& planned : plan.files) {
    const auto file = read_settings(planned.path);
    if (!file) return fail(file.error());
    if (planned.format == Format::kWhole) {
      findings.push_back(find_whole(planned, *file, key_known));
      continue;
    }
    const auto document = parse_document(planned.format, file->bytes);
    if (!document) return fail(document.error().with(planned.path));
    for (const auto& setting : planned.settings) {
      auto finding = find_setting(*document, setting, key_known);
      finding.file = planned.path;
      findings.push_back(std::move(finding));
    }
  }
  return findings;
}

std::string key_in_files(const Plan& plan) {
  for (const auto& planned : plan.files) {
    const auto file = read_settings(planned.path);
    if (!file || !file->exists) continue;
    if (planned.content_is_key) {
      return file->bytes.substr(0, file->bytes.find_first_of(" \t\r\n"));
    }
    const auto document = parse_document(planned.format, file->bytes);
    if (!document || planned.format == Format::kWhole) continue;
    for (const auto& setting : planned.settings) {
      if (setting.secret != Secret::kKey) continue;
      const auto* value = value_at(*document, setting.path);
      if (value != nullptr && value->is_string()) return std::string(value->get_string());
    }
  }
  return "";
}

Finding check_answer(const std::string& server) {
  Finding finding{.setting = "the server", .file = server, .state = {}};
  const auto answer = probe(server, "/healthz", "");
  finding.good = answer && answer->status == 200;
  finding.state = !answer        ? "does not answer: " + answer.error().message
                  : finding.good ? "answers"
                                 : "answers " + std::to_string(answer->status) +
                                       ", as Hone does not: is it another program's port?";
  return finding;
}

Finding check_key(const std::string& server, const std::string& key) {
  Finding finding{.setting = "the key", .file = server, .state = {}};
  if (key.empty()) {
    finding.state = "is in none of these files";
    return finding;
  }
  const auto answer = probe(server, "/v1/models", key);
  finding.good = answer && answer->status == 200;
  finding.state = !answer                 ? "cannot be tried: " + answer.error().message
                  : finding.good          ? "is good"
                  : answer->status == 401 ? "is not known there, or was revoked"
                                          : "was answered with " + std::to_string(answer->status);
  return finding;
}

}  // namespace hone::cli::connect
