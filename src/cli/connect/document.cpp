#include "cli/connect/document.h"

#include <algorithm>

namespace hone::cli::connect {
namespace {

using Edit = Result<std::string> (*)(std::string_view, const Setting&);

struct Editor {
  Edit set;
  Edit unset;
};

Editor editor_of(Format format) {
  switch (format) {
    case Format::kToml:
      return {set_in_toml, unset_in_toml};
    case Format::kYaml:
      return {set_in_yaml, unset_in_yaml};
    case Format::kDotenv:
      return {set_in_dotenv, unset_in_dotenv};
    default:
      return {set_in_jsonc, unset_in_jsonc};
  }
}

// The document with the setting in it: what `put` holds the edited text against.
void set_in_document(json::value& document, const Setting& setting) {
  json::value* at = &document;
  for (const auto& key : setting.path) {
    if (!at->is_object()) *at = json::object();
    at = &at->as_object()[key];
  }
  if (!setting.in_list) {
    *at = setting.value;
    return;
  }
  if (!at->is_array()) *at = json::array();
  auto& items = at->as_array();
  items.insert(items.begin(), setting.value);
}

// YAML reads every scalar as a string, and so must what is compared with it.
json::value with_text_scalars(const json::value& value) {
  if (const auto* object = value.if_object()) {
    json::object texts;
    for (const auto& item : *object) texts[item.key()] = with_text_scalars(item.value());
    return texts;
  }
  if (const auto* array = value.if_array()) {
    json::array texts;
    for (const auto& item : *array) texts.push_back(with_text_scalars(item));
    return texts;
  }
  if (value.is_string()) return value;
  return json::value(json::serialize(value));
}

Setting as_read(Format format, Setting setting) {
  if (format == Format::kYaml) setting.value = with_text_scalars(setting.value);
  return setting;
}

// Null in YAML is an empty text; a list without items may become one.
bool is_empty_value(const json::value& value) {
  return (value.is_object() && value.get_object().empty()) ||
         (value.is_array() && value.get_array().empty()) ||
         (value.is_string() && value.get_string().empty());
}

void unset_in_document(json::value& document, const Setting& setting) {
  json::value* at = &document;
  const std::size_t parents = setting.path.size() - (setting.in_list ? 0 : 1);
  for (std::size_t i = 0; i < parents; ++i) {
    auto* object = at->if_object();
    at = object == nullptr ? nullptr : object->if_contains(setting.path[i]);
    if (at == nullptr) return;
  }
  if (!setting.in_list) {
    if (auto* object = at->if_object()) object->erase(setting.path.back());
    return;
  }
  auto* items = at->if_array();
  for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
    if (canonical((*items)[i]) != canonical(setting.value)) continue;
    items->erase(items->begin() + static_cast<std::ptrdiff_t>(i));
    break;
  }
}

// Formats differ in what is left where the last of something goes: an empty list, null, nothing.
json::value without_empty(const json::value& value) {
  if (const auto* array = value.if_array()) {
    json::array kept;
    for (const auto& item : *array) kept.push_back(without_empty(item));
    return kept;
  }
  const auto* object = value.if_object();
  if (object == nullptr) return value;
  json::object kept;
  for (const auto& item : *object) {
    auto inner = without_empty(item.value());
    if (!is_empty_value(inner)) kept[item.key()] = std::move(inner);
  }
  return kept;
}

bool reads_as(Format format, std::string_view text, const json::value& expected) {
  const auto read = parse_document(format, text);
  return read && canonical(*read) == canonical(expected);
}

// The old value in the place of ours, held against the document as `put` is.
Result<std::string> restore(Format format, const std::string& text, const Setting& old,
                            std::string_view before) {
  auto expected = parse_document(format, text);
  if (!expected) return fail(expected.error());
  // Dates and fractions are no JSON: TOML's values come back as they were written.
  auto edited = format == Format::kToml ? restore_in_toml(text, old.path, before)
                                        : editor_of(format).set(text, old);
  if (!edited) return edited;
  set_in_document(*expected, old);
  if (!reads_as(format, *edited, *expected)) {
    return fail(ErrorCode::kConflict, "what was there before cannot be put back safely");
  }
  return edited;
}

// The removal, held against the document as `put` is.
Result<std::string> unset(Format format, const std::string& text, const Setting& setting) {
  auto expected = parse_document(format, text);
  if (!expected) return fail(expected.error());
  const Setting looked_for = as_read(format, setting);
  auto edited = editor_of(format).unset(text, looked_for);
  if (!edited) return edited;
  unset_in_document(*expected, looked_for);
  const auto read = parse_document(format, *edited);
  if (!read || canonical(without_empty(*read)) != canonical(without_empty(*expected))) {
    return fail(ErrorCode::kConflict, "what stands around it cannot be edited safely");
  }
  return edited;
}

// What of the path is empty now, and was not there before, goes too.
Result<std::string> prune(Format format, std::string text, std::vector<std::string> path,
                          const json::value& before) {
  for (; !path.empty(); path.pop_back()) {
    const auto now = parse_document(format, text);
    if (!now) return fail(now.error());
    const auto* value = value_at(*now, path);
    if (value == nullptr) continue;
    if (!is_empty_value(*value) || value_at(before, path) != nullptr) break;
    auto next = unset(format, text, {.path = path, .value = {}});
    if (!next) return next;
    text = std::move(*next);
  }
  return text;
}

// `before` reads as `document`.
Result<std::string> take_one_out(Format format, const Setting& setting, std::string_view before,
                                 const json::value& document, const std::string& text) {
  const auto* had = value_at(document, setting.path);
  if (!setting.in_list && had != nullptr) {
    return restore(format, text, {.path = setting.path, .value = *had}, before);
  }
  auto without = unset(format, text, setting);
  if (!without) return without;
  auto path = setting.path;
  if (!setting.in_list) path.pop_back();
  return prune(format, std::move(*without), std::move(path), document);
}

}  // namespace

std::string dotted(const std::vector<std::string>& path) {
  std::string text;
  for (const auto& key : path) text += (text.empty() ? "" : ".") + key;
  return text;
}

std::string_view line_break(std::string_view text) {
  const auto end = text.find('\n');
  const bool carriage_return = end != std::string_view::npos && end > 0 && text[end - 1] == '\r';
  return carriage_return ? "\r\n" : "\n";
}

std::size_t line_number(std::string_view text, std::size_t offset) {
  const auto upto = text.substr(0, offset);
  return 1 + static_cast<std::size_t>(std::count(upto.begin(), upto.end(), '\n'));
}

std::size_t line_start(std::string_view text, std::size_t offset) {
  const auto before = offset == 0 ? std::string_view::npos : text.rfind('\n', offset - 1);
  if (before != std::string_view::npos) return before + 1;
  return text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
}

std::string_view indent_of_line(std::string_view text, std::size_t offset) {
  const std::size_t begin = line_start(text, offset);
  std::size_t end = begin;
  while (end < text.size() && (text[end] == ' ' || text[end] == '\t')) ++end;
  return text.substr(begin, end - begin);
}

std::size_t next_line(std::string_view text, std::size_t offset) {
  const auto end = text.find('\n', offset);
  return end == std::string_view::npos ? text.size() : end + 1;
}

Result<json::value> parse_document(Format format, std::string_view text) {
  switch (format) {
    case Format::kJson:
      return parse_jsonc(text);
    case Format::kToml:
      return parse_toml(text);
    case Format::kYaml:
      return parse_yaml(text);
    case Format::kDotenv:
      return parse_dotenv(text);
    case Format::kWhole:
      break;
  }
  return json::value(json::string(text));
}

const json::value* value_at(const json::value& document, const std::vector<std::string>& path) {
  const json::value* at = &document;
  for (const auto& key : path) {
    const auto* object = at->if_object();
    at = object == nullptr ? nullptr : object->if_contains(key);
    if (at == nullptr) return nullptr;
  }
  return at;
}

Standing standing(const json::value& document, const Setting& setting) {
  const auto* value = value_at(document, setting.path);
  if (value == nullptr) return Standing::kMissing;
  if (setting.if_absent) return Standing::kStands;
  // Text scalars are equal to what they say, so that YAML needs no case of its own.
  const auto same = [&](const json::value& found) {
    return canonical(found) == canonical(setting.value) ||
           canonical(found) == canonical(with_text_scalars(setting.value));
  };
  if (!setting.in_list) return same(*value) ? Standing::kStands : Standing::kDiffers;
  const auto* items = value->if_array();
  if (items == nullptr) return Standing::kMissing;
  return std::any_of(items->begin(), items->end(), same) ? Standing::kStands : Standing::kMissing;
}

Result<std::string> put(const FilePlan& plan, std::string_view text) {
  if (plan.format == Format::kWhole) return plan.content;
  auto expected = parse_document(plan.format, text);
  if (!expected) return fail(expected.error());
  std::string edited(text);
  const auto set = editor_of(plan.format).set;
  // JSON's and YAML's new entries go to the front, one before the other: from the last to the
  // first.
  auto settings = plan.settings;
  const bool to_front = plan.format == Format::kJson;
  if (to_front) std::reverse(settings.begin(), settings.end());
  for (const auto& setting : settings) {
    if (standing(*expected, setting) == Standing::kStands) continue;
    auto next = set(edited, setting);
    if (!next) return next;
    edited = std::move(*next);
    set_in_document(*expected, as_read(plan.format, setting));
  }
  const auto read = parse_document(plan.format, edited);
  if (!read || canonical(*read) != canonical(*expected)) {
    return fail(ErrorCode::kConflict,
                "its way of writing things is one that hone cannot edit safely" +
                    (read ? std::string() : " (" + read.error().message + ")") +
                    "; nothing was written. `--dry-run --json` prints the settings, to be put in "
                    "by hand");
  }
  return edited;
}

TakenOut take_out(Format format, const std::vector<Setting>& settings, std::string_view before,
                  std::string_view text) {
  TakenOut out{.text = std::string(text)};
  const auto had = parse_document(format, before);
  for (const auto& setting : settings) {
    const auto now = parse_document(format, out.text);
    if (!now || !had) {
      out.left.push_back(dotted(setting.path) + ": the file cannot be read" +
                         (now ? "" : ", " + now.error().message));
      return out;
    }
    const auto* value = value_at(*now, setting.path);
    const auto* old = value_at(*had, setting.path);
    const bool as_before = value == old || (value != nullptr && old != nullptr &&
                                            canonical(*value) == canonical(*old));
    if (as_before || standing(*had, setting) == Standing::kStands) continue;
    Setting exactly = setting;
    exactly.if_absent = false;
    if (standing(*now, exactly) != Standing::kStands) {
      // A list without our item, a key that is gone: nothing of ours is left there.
      if (!setting.in_list && value != nullptr) out.changed.push_back(dotted(setting.path));
      continue;
    }
    auto next = take_one_out(format, setting, before, *had, out.text);
    if (next) {
      out.text = std::move(*next);
    } else {
      out.left.push_back(dotted(setting.path) + ": " + next.error().message);
    }
  }
  return out;
}

}  // namespace hone::cli::connect
