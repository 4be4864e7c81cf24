// Texts that people wrote, into which `hone connect` puts settings and takes them out again. Behind
// a line of dashes, what others have made of the text since.
#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "cli/connect/document.h"
#include "cli/connect/line_diff.h"
#include "fuzz/targets.h"

namespace hone::fuzz {
namespace {

using cli::connect::FilePlan;
using cli::connect::Format;
using cli::connect::Setting;
using cli::connect::Standing;

// What the tools that Hone knows are given in that format.
std::vector<FilePlan> plans_in(Format format) {
  const cli::connect::Wish wish{.server = "http://127.0.0.1:8700", .key = "hone_sk_1"};
  const cli::connect::Places places{.home = "/nowhere", .state = "/nowhere/hone"};
  std::vector<FilePlan> plans;
  for (const auto& tool : cli::connect::tools()) {
    const auto plan = tool.plan(wish, places);
    must(plan.has_value(), "a tool without a plan");
    std::ranges::copy_if(plan->files, std::back_inserter(plans),
                         [&](const FilePlan& file) { return file.format == format; });
  }
  must(!plans.empty(), "a format that no tool has");
  return plans;
}

// Where the two differ in one place: what stood there before.
std::string_view lost(std::string_view before, std::string_view after) {
  const std::size_t shorter = std::min(before.size(), after.size());
  std::size_t head = 0;
  while (head < shorter && before[head] == after[head]) ++head;
  std::size_t tail = 0;
  while (tail < shorter - head &&
         before[before.size() - 1 - tail] == after[after.size() - 1 - tail]) {
    ++tail;
  }
  return before.substr(head, before.size() - head - tail);
}

// A setting that was missing takes nothing away but blanks between braces, and in YAML the null
// that becomes a list; another's scalar is replaced within its line.
void put_one_by_one(const FilePlan& plan, std::string text) {
  for (const Setting& setting : plan.settings) {
    const auto before = parse_document(plan.format, text);
    const FilePlan one{.path = plan.path, .format = plan.format, .settings = {setting}};
    const auto edited = put(one, text);
    must(before.has_value() || !edited, "an edit of what cannot be read");
    if (!edited) return;
    const auto gone = lost(text, *edited);
    const auto stood = standing(*before, setting);
    must(stood != Standing::kStands || *edited == text, "an edit for nothing");
    if (stood == Standing::kMissing) {
      const bool null =
          plan.format == Format::kYaml && (std::string_view("null").contains(gone) || gone == "~");
      must(trimmed(gone).empty() || null, "bytes of others that are gone");
    }
    const auto* old = cli::connect::value_at(*before, setting.path);
    const bool on_a_line = plan.format == Format::kJson || plan.format == Format::kDotenv;
    if (stood == Standing::kDiffers && on_a_line && !old->is_structured()) {
      must(!gone.contains('\n'), "more than a value that is gone");
    }
    text = *edited;
  }
}

// The document without Hone's settings, and without what is empty: formats differ in what is left
// where the last of something goes.
json::value without_empty(const json::value& value) {
  json::array items;
  if (const auto* array = value.if_array()) {
    for (const auto& item : *array) items.push_back(without_empty(item));
    return items;
  }
  if (!value.is_object()) return value;
  json::object kept;
  for (const auto& member : value.get_object()) {
    auto inner = without_empty(member.value());
    const bool empty = (inner.is_object() && inner.get_object().empty()) ||
                       (inner.is_array() && inner.get_array().empty()) || inner == "";
    if (!empty) kept[member.key()] = std::move(inner);
  }
  return kept;
}

void erase_setting(json::value& document, const Setting& setting) {
  json::value* at = &document;
  for (std::size_t i = 0; i < setting.path.size(); ++i) {
    auto* object = at->if_object();
    if (object == nullptr) return;
    if (i + 1 == setting.path.size() && !setting.in_list) object->erase(setting.path[i]);
    at = object->if_contains(setting.path[i]);
    if (at == nullptr) return;
  }
  auto* items = at->if_array();
  if (items == nullptr) return;
  json::array others;
  for (const auto& item : *items) {
    if (canonical(item) != canonical(setting.value)) others.push_back(item);
  }
  *items = std::move(others);
}

std::string others_in(json::value document, const FilePlan& plan) {
  for (const Setting& setting : plan.settings) erase_setting(document, setting);
  return canonical(without_empty(document));
}

std::ptrdiff_t comment_lines(std::string_view text) {
  return std::ranges::count_if(cli::connect::lines_of(text),
                               [](std::string_view line) { return line.starts_with('#'); });
}

// Whatever others made of it: it can be read afterwards, and says what it said but for ours.
cli::connect::TakenOut take_out_of(const FilePlan& plan, std::string_view before,
                                   std::string_view now) {
  auto out = take_out(plan.format, plan.settings, before, now);
  const auto document = parse_document(plan.format, now);
  if (!document) {
    must(out.text == now, "an edit of what cannot be read");
    return out;
  }
  const auto left = parse_document(plan.format, out.text);
  must(left.has_value(), "a text that cannot be read any more");
  must(others_in(*left, plan) == others_in(*document, plan), "a setting of others that changed");
  if (plan.format == Format::kToml || plan.format == Format::kDotenv) {
    must(comment_lines(out.text) >= comment_lines(now), "a comment of others that is gone");
  }
  return out;
}

// The lines outside of what changed are the same in both.
void must_lead_back(std::string_view before, std::string_view after) {
  const auto old_lines = cli::connect::lines_of(before);
  const auto lines = cli::connect::lines_of(after);
  std::string text;
  std::size_t at = 0;
  for (const auto& hunk : cli::connect::diff_lines(old_lines, lines)) {
    while (at < hunk.after_begin) text += lines[at++];
    for (std::size_t i = hunk.before_begin; i < hunk.before_end; ++i) text += old_lines[i];
    at = hunk.after_end;
  }
  while (at < lines.size()) text += lines[at++];
  must(text == before, "a change that does not lead back");
  must(cli::connect::undo_changes(before, after, after).text == before, "bytes not put back");
}

void put_and_take_out(const FilePlan& plan, std::string_view text) {
  const auto edited = put(plan, text);
  if (!edited) return;
  const auto before = parse_document(plan.format, text);
  const auto after = parse_document(plan.format, *edited);
  must(before && after, "an edit that cannot be read");
  for (const Setting& setting : plan.settings) {
    must(standing(*after, setting) == Standing::kStands, "a setting that does not stand");
  }
  must(put(plan, *edited).value_or("") == *edited, "twice is more than once");
  must_lead_back(text, *edited);
  const auto out = take_out_of(plan, text, *edited);
  if (!out.left.empty()) return;
  const auto end = parse_document(plan.format, out.text);
  must(end && canonical(without_empty(*end)) == canonical(without_empty(*before)),
       "not what it said before");
}

void edit(Format format, std::string_view bytes) {
  constexpr std::string_view kRule = "\n----\n";
  const auto rule = bytes.find(kRule);
  const auto before = bytes.substr(0, rule);
  for (const FilePlan& plan : plans_in(format)) {
    put_one_by_one(plan, std::string(before));
    put_and_take_out(plan, before);
    if (rule == std::string_view::npos) continue;
    (void)take_out_of(plan, before, bytes.substr(rule + kRule.size()));
  }
}

}  // namespace

void settings_json(std::string_view bytes) {
  edit(Format::kJson, bytes);
}
void settings_toml(std::string_view bytes) {
  edit(Format::kToml, bytes);
}
void settings_yaml(std::string_view bytes) {
  edit(Format::kYaml, bytes);
}
void settings_dotenv(std::string_view bytes) {
  edit(Format::kDotenv, bytes);
}

}  // namespace hone::fuzz
