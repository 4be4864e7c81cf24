#include "cli/connect/record.h"

#include <sys/stat.h>

#include <filesystem>
#include <set>

#include "base/file.h"
#include "base/hash.h"
#include "cli/connect/settings_file.h"

namespace hone::cli::connect {
namespace {

constexpr std::int64_t kRecordVersion = 1;
constexpr std::size_t kMaxRecordBytes = 16U << 20;

json::array names_json(const std::vector<std::string>& names) {
  json::array array;
  for (const auto& name : names) array.emplace_back(json::string(name));
  return array;
}

Result<std::vector<std::string>> names_of(const json::object& object, std::string_view name) {
  const auto array = field<json::array>(object, name);
  if (!array) return fail(array.error());
  std::vector<std::string> names;
  for (const auto& item : *array) {
    auto text = as<std::string>(item, name);
    if (!text) return fail(text.error());
    names.push_back(std::move(*text));
  }
  return names;
}

json::object setting_json(const Setting& setting) {
  return {{"path", names_json(setting.path)},
          {"value", setting.value},
          {"in_list", setting.in_list},
          {"if_absent", setting.if_absent},
          {"secret", static_cast<std::int64_t>(setting.secret)}};
}

Result<Setting> setting_of(const json::object& object) {
  Setting setting;
  auto path = names_of(object, "path");
  if (!path) return fail(path.error());
  const auto in_list = field<bool>(object, "in_list");
  const auto if_absent = field<bool>(object, "if_absent");
  const auto secret = field<std::int64_t>(object, "secret");
  const auto* value = object.if_contains("value");
  if (path->empty() || !in_list || !if_absent || !secret || *secret < 0 || *secret > 2 ||
      value == nullptr) {
    return fail(ErrorCode::kCorrupt, "a setting cannot be read");
  }
  setting.path = std::move(*path);
  setting.value = *value;
  setting.in_list = *in_list;
  setting.if_absent = *if_absent;
  setting.secret = static_cast<Secret>(*secret);
  return setting;
}

// A copy of a text, under a name made of its bytes: the record that names it changes at once.
std::string copy_name(std::string_view bytes) {
  return hex(sha256(bytes)).substr(0, 32) + ".copy";
}

json::object file_json(const RecordedFile& file) {
  json::array settings;
  for (const auto& setting : file.plan.settings) settings.push_back(setting_json(setting));
  return {{"path", file.plan.path},
          {"format", static_cast<std::int64_t>(file.plan.format)},
          {"mode", static_cast<std::int64_t>(file.plan.mode)},
          {"content_is_key", file.plan.content_is_key},
          {"existed", file.existed},
          {"before", copy_name(file.before)},
          {"after", copy_name(file.after)},
          {"made_folders", names_json(file.made_folders)},
          {"settings", std::move(settings)}};
}

Result<std::string> copy_of(const json::object& object, std::string_view name,
                            const std::string& folder) {
  const auto copy = field<std::string>(object, name);
  if (!copy) return fail(copy.error());
  if (copy->contains('/')) return fail(ErrorCode::kCorrupt, "'" + *copy + "' is no name of a copy");
  auto bytes = read_file(posix_files(), folder + "/" + *copy, 2 * kMaxSettingsBytes);
  if (bytes && copy_name(*bytes) != *copy) {
    return fail(ErrorCode::kCorrupt, folder + "/" + *copy + " is not what was kept there");
  }
  return bytes;
}

Result<RecordedFile> file_of(const json::object& object, const std::string& folder) {
  RecordedFile file;
  const auto path = field<std::string>(object, "path");
  const auto format = field<std::int64_t>(object, "format");
  const auto mode = field<std::int64_t>(object, "mode");
  const auto is_key = field<bool>(object, "content_is_key");
  const auto existed = field<bool>(object, "existed");
  auto folders = names_of(object, "made_folders");
  const auto settings = field<json::array>(object, "settings");
  if (!path || !format || *format < 0 || *format > static_cast<std::int64_t>(Format::kWhole) ||
      !mode || !is_key || !existed || !folders || !settings) {
    return fail(ErrorCode::kCorrupt, "a file of it cannot be read");
  }
  file.plan.path = *path;
  file.plan.format = static_cast<Format>(*format);
  file.plan.mode = static_cast<mode_t>(*mode);
  file.plan.content_is_key = *is_key;
  file.existed = *existed;
  file.made_folders = std::move(*folders);
  for (const auto& item : *settings) {
    if (!item.is_object()) return fail(ErrorCode::kCorrupt, "a setting is no object");
    auto setting = setting_of(item.get_object());
    if (!setting) return fail(setting.error());
    file.plan.settings.push_back(std::move(*setting));
  }
  auto before = copy_of(object, "before", folder);
  if (!before) return fail(before.error());
  auto after = copy_of(object, "after", folder);
  if (!after) return fail(after.error());
  file.before = std::move(*before);
  file.after = std::move(*after);
  if (file.plan.format == Format::kWhole) file.plan.content = file.after;
  return file;
}

Result<Record> record_of(const json::object& object, const std::string& folder) {
  Record record;
  const auto server = field<std::string>(object, "server");
  const auto model = field<std::string>(object, "model");
  const auto gateway = field<bool>(object, "gateway");
  const auto content = field<bool>(object, "content");
  const auto files = field<json::array>(object, "files");
  const auto version = field<std::int64_t>(object, "version");
  if (!version || *version != kRecordVersion) {
    return fail(ErrorCode::kInvalid, "it was written by another version of hone");
  }
  if (!server || !model || !gateway || !content || !files) {
    return fail(ErrorCode::kCorrupt, "a field is missing");
  }
  record.wish.server = *server;
  record.wish.model = *model;
  record.wish.gateway = *gateway;
  record.wish.content = *content;
  for (std::size_t i = 0; i < files->size(); ++i) {
    if (!(*files)[i].is_object()) return fail(ErrorCode::kCorrupt, "a file is no object");
    auto file = file_of((*files)[i].get_object(), folder);
    if (!file) return fail(file.error());
    record.files.push_back(std::move(*file));
  }
  return record;
}

}  // namespace

const RecordedFile* Record::find(const std::string& path) const {
  for (const auto& file : files) {
    if (file.plan.path == path) return &file;
  }
  return nullptr;
}

std::string record_folder(const std::string& tool, const Places& places) {
  std::string name = tool;
  if (!places.project.empty()) name += "-" + hex(sha256(places.project)).substr(0, 16);
  return places.state + "/connect/" + name;
}

Result<std::optional<Record>> load_record(const std::string& folder) {
  const std::string path = folder + "/record.json";
  const auto text = read_file(posix_files(), path, kMaxRecordBytes);
  if (!text && text.error().code == ErrorCode::kNotFound) return std::nullopt;
  if (!text) return fail(text.error());
  const auto object = parse_json_object(*text);
  if (!object) return fail(object.error().with(path));
  auto record = record_of(*object, folder);
  if (!record) return fail(record.error().with(path));
  return std::optional<Record>(std::move(*record));
}

Result<void> save_record(const std::string& folder, const Record& record) {
  auto& files = posix_files();
  if (auto made = files.make_folder(folder); !made) return made;
  if (::chmod(folder.c_str(), 0700) != 0) {
    return fail(ErrorCode::kIo, "cannot close " + folder + " to others");
  }
  json::array list;
  std::set<std::string> kept = {"record.json", "lock"};
  for (const auto& file : record.files) {
    for (const auto* bytes : {&file.before, &file.after}) {
      const auto name = copy_name(*bytes);
      kept.insert(name);
      if (auto done = write_file_atomically(files, folder + "/" + name, *bytes); !done) return done;
    }
    list.push_back(file_json(file));
  }
  const json::object object = {{"version", kRecordVersion},      {"server", record.wish.server},
                               {"model", record.wish.model},     {"gateway", record.wish.gateway},
                               {"content", record.wish.content}, {"files", std::move(list)}};
  auto written = write_file_atomically(files, folder + "/record.json", json::serialize(object));
  if (!written) return written;
  const auto names = files.list(folder);
  if (!names) return fail(names.error());
  for (const auto& name : *names) {
    if (kept.contains(name)) continue;
    if (auto gone = files.remove(folder + "/" + name); !gone) return gone;
  }
  return {};
}

Result<void> remove_record(const std::string& folder) {
  std::error_code failed;
  std::filesystem::remove_all(folder, failed);
  if (failed) return fail(ErrorCode::kIo, "cannot remove " + folder + ": " + failed.message());
  return {};
}

}  // namespace hone::cli::connect
