#include "capture/import_map.h"

#include <algorithm>
#include <array>

#include "base/config.h"
#include "base/file.h"

namespace hone::capture {

// Made by hone_embed (CMakeLists.txt) from recipes/maps.
std::string_view chat_jsonl_map();
std::string_view cups_copilot_map();
std::string_view defacto_summary_edits_map();
std::string_view gsm8k_map();
std::string_view hh_harmless_map();
std::string_view mbpp_map();
std::string_view mlqe_pe_edits_map();
std::string_view preference_jsonl_map();
std::string_view realhumaneval_chat_map();

namespace {

struct Shipped {
  std::string_view name;
  std::string_view (*text)();
};

constexpr std::array<Shipped, 9> kShipped = {{{"chat-jsonl", chat_jsonl_map},
                                              {"cups-copilot", cups_copilot_map},
                                              {"defacto-summary-edits", defacto_summary_edits_map},
                                              {"gsm8k", gsm8k_map},
                                              {"hh-harmless", hh_harmless_map},
                                              {"mbpp", mbpp_map},
                                              {"mlqe-pe-edits", mlqe_pe_edits_map},
                                              {"preference-jsonl", preference_jsonl_map},
                                              {"realhumaneval-chat", realhumaneval_chat_map}}};

constexpr std::size_t kMaxMapBytes = 1U << 20;

enum class Wanted { kText, kNumber, kTime, kMessages, kList, kAny };

bool is_pointer(std::string_view text) {
  return text.empty() || text.front() == '/';
}

std::map<std::string, std::string, std::less<>> read_table(TomlTable parent, std::string_view key) {
  std::map<std::string, std::string, std::less<>> result;
  if (!parent.has(key)) return result;
  TomlTable table = parent.table(key);
  for (const auto& name : table.keys()) {
    if (auto text = table.get<std::string>(name)) result.emplace(name, std::move(*text));
  }
  return result;
}

void one_of(TomlTable& table, std::string_view key, const std::string& value,
            std::initializer_list<std::string_view> known) {
  if (value.empty() || std::ranges::find(known, value) != known.end()) return;
  std::string names;
  for (const auto name : known) names += (names.empty() ? "" : ", ") + std::string(name);
  table.problem(key, "must be one of " + names);
}

void read_zone(TomlTable& table, MapValue& value) {
  const auto zone = table.get<std::string>("zone");
  if (!zone) return;
  const auto time = parse_time("2000-01-02T00:00:00" + *zone);
  const auto utc = parse_time("2000-01-02T00:00:00Z");
  if (!time || !utc || zone->empty()) return table.problem("zone", "must be like \"+02:00\"");
  value.zone_minutes = static_cast<int>((to_millis(*utc) - to_millis(*time)) / 60'000);
}

void read_time_options(TomlTable& table, MapValue& value) {
  value.format = table.get_or("format", value.format);
  if (value.format.find('%') == std::string::npos) {
    one_of(table, "format", value.format, {"iso", "unix", "unix_ms", "seconds"});
  }
  value.since = table.get_or("since", value.since);
  if (!parse_time(value.since)) table.problem("since", "must be a time: 2024-01-01");
  read_zone(table, value);
}

void read_message_options(TomlTable& table, MapValue& value) {
  value.speakers = read_table(table, "speakers");
  value.roles = read_table(table, "roles");
  value.role_field = table.get_or("role_field", value.role_field);
  value.content_field = table.get_or("content_field", value.content_field);
  if (value.as == "dialogue" && value.speakers.empty()) {
    table.problem("as", "\"dialogue\" needs speakers = {\"Human:\" = \"user\", …}");
  }
  if (value.speakers.contains("")) table.problem("speakers", "must not be empty texts");
}

MapValue read_map_value(TomlTable parent, std::string_view key, const std::string& place,
                        Wanted wanted) {
  MapValue value;
  value.place = place.empty() ? std::string(key) : place + "." + std::string(key);
  if (!parent.has(key)) {
    (void)parent.table(key);  // known, though absent
    return value;
  }
  TomlTable table = parent.table(key);
  value.given = true;
  const bool from = table.has("from");
  if (from == table.has("text")) {
    table.problem(from ? "from" : "text",
                  from ? "and 'text' exclude each other"
                       : "or 'from' must say where the value comes from: from = \"/column\", or "
                         "text = \"always this\"");
  }
  value.from = table.get_or("from", std::string());
  if (!is_pointer(value.from)) {
    table.problem("from", "must begin with '/', as in \"/" + value.from + "\"");
  }
  value.text = table.get_or("text", std::string());
  value.as = table.get_or("as", std::string());
  one_of(table, "as", value.as, {"json", "python", "dialogue"});
  if (value.as == "dialogue" && wanted != Wanted::kMessages) {
    table.problem("as", "\"dialogue\" is for messages");
  }
  value.pick = table.get_or("pick", std::string());
  if (!is_pointer(value.pick)) table.problem("pick", "must begin with '/'");
  value.after = table.get_or("after", std::string());
  value.before = table.get_or("before", std::string());
  value.values = read_table(table, "values");
  value.otherwise = table.get<std::string>("otherwise");
  if (wanted == Wanted::kNumber && table.has("scale")) {
    value.scale = table.get_or("scale", std::vector<double>{});
    if (value.scale.size() != 2 || !(value.scale[0] != value.scale[1])) {
      table.problem("scale", "must be two numbers, the lowest and the highest");
    }
  }
  if (wanted == Wanted::kTime) read_time_options(table, value);
  if (wanted == Wanted::kMessages) read_message_options(table, value);
  return value;
}

MapValues read_map_values(TomlTable parent, std::string_view key, const std::string& place) {
  MapValues result;
  TomlTable table = parent.table(key);
  const std::string here = place.empty() ? std::string(key) : place + "." + std::string(key);
  for (const auto& name : table.keys()) {
    result.emplace(name, read_map_value(table, name, here, Wanted::kAny));
  }
  return result;
}

FileShape read_shape(TomlTable table) {
  FileShape shape;
  shape.format = table.get_or("format", std::string());
  one_of(table, "format", shape.format, {"csv", "tsv", "json", "jsonl"});
  shape.separator = table.get_or("separator", std::string());
  if (shape.separator.size() > 1 || shape.separator == "\"" || shape.separator == "\n" ||
      shape.separator == "\r") {
    table.problem("separator", "must be one character: \",\", \";\", \"\\t\"");
  }
  shape.quotes = table.get_or("quotes", true);
  shape.header = table.get_or("header", true);
  shape.columns = table.get_or("columns", std::vector<std::string>{});
  if (shape.header && !shape.columns.empty()) {
    table.problem("columns", "are for files without a header: say header = false too");
  }
  shape.encoding = table.get_or("encoding", std::string("utf-8"));
  one_of(table, "encoding", shape.encoding, {"utf-8", "windows-1252"});
  shape.records = table.get_or("records", std::string());
  if (!is_pointer(shape.records)) table.problem("records", "must begin with '/'");
  const auto mib = table.get_or("max_record_mib", std::int64_t{8});
  if (mib < 1 || mib > 32) table.problem("max_record_mib", "must be 1 to 32");
  shape.max_record_mib = static_cast<std::size_t>(std::clamp<std::int64_t>(mib, 1, 32));
  return shape;
}

std::optional<MapJoin> read_join(TomlTable root) {
  const bool given = root.has("join");
  TomlTable table = root.table("join");
  if (!given) return std::nullopt;
  MapJoin join;
  join.file = table.get_or("file", std::string());
  join.shape = read_shape(table.table("shape"));
  join.key = read_map_value(table, "key", "join", Wanted::kText);
  join.their_key = read_map_value(table, "their_key", "join", Wanted::kText);
  if (!join.key.given) table.problem("key", "is missing: key.from = \"/id\"");
  if (!join.their_key.given) table.problem("their_key", "is missing: their_key.from = \"/id\"");
  join.required = table.get_or("required", true);
  return join;
}

MapFilter read_filter(TomlTable table) {
  MapFilter filter;
  filter.value = read_map_value(table, "value", "filter", Wanted::kAny);
  if (!filter.value.given) table.problem("value", "is missing: value.from = \"/column\"");
  filter.is = table.get_or("is", std::vector<std::string>{});
  filter.is_not = table.get_or("is_not", std::vector<std::string>{});
  filter.at_least = table.get<double>("at_least");
  filter.at_most = table.get<double>("at_most");
  filter.empty = table.get<bool>("empty");
  filter.reason = table.get_or("reason", filter.reason);
  return filter;
}

MapSignal read_signal(TomlTable table) {
  const auto value = [&](std::string_view key, Wanted wanted) {
    return read_map_value(table, key, "signal", wanted);
  };
  MapSignal signal;
  signal.each = value("each", Wanted::kList);
  signal.kind = value("kind", Wanted::kText);
  if (!signal.kind.given) table.problem("kind", "is missing: kind.text = \"accepted\"");
  signal.final_text = value("final_text", Wanted::kText);
  signal.if_unchanged = value("if_unchanged", Wanted::kText);
  signal.value = value("value", Wanted::kNumber);
  signal.comment = value("comment", Wanted::kText);
  signal.by = value("by", Wanted::kText);
  signal.at = value("at", Wanted::kTime);
  TomlTable span = table.table("span");
  signal.span_start = read_map_value(span, "start", "signal.span", Wanted::kNumber);
  signal.span_end = read_map_value(span, "end", "signal.span", Wanted::kNumber);
  if (signal.span_start.given != signal.span_end.given) {
    table.problem("span", "needs a start and an end");
  }
  signal.detail = read_map_values(table, "detail", "signal");
  return signal;
}

std::optional<MapPair> read_pair(TomlTable root) {
  const bool given = root.has("pair");
  TomlTable table = root.table("pair");
  if (!given) return std::nullopt;
  MapPair pair;
  pair.chosen = read_map_value(table, "chosen", "pair", Wanted::kMessages);
  pair.rejected = read_map_value(table, "rejected", "pair", Wanted::kMessages);
  pair.margin = read_map_value(table, "margin", "pair", Wanted::kNumber);
  if (!pair.chosen.given) table.problem("chosen", "is missing: chosen.from = \"/chosen\"");
  if (!pair.rejected.given) table.problem("rejected", "is missing: rejected.from = \"/rejected\"");
  return pair;
}

std::optional<MapSuggestionEvents> read_events(TomlTable root) {
  const bool given = root.has("suggestion_events");
  TomlTable table = root.table("suggestion_events");
  if (!given) return std::nullopt;
  MapSuggestionEvents events;
  events.state = read_map_value(table, "state", "suggestion_events", Wanted::kText);
  if (!events.state.given) table.problem("state", "is missing: state.from = \"/event\"");
  events.document_length =
      read_map_value(table, "document_length", "suggestion_events", Wanted::kNumber);
  events.edit_distance = read_map_value(table, "edit_distance", "suggestion_events", Wanted::kList);
  events.after_seconds = table.get_or("after_seconds", std::vector<double>{});
  return events;
}

void read_interaction(TomlTable table, ImportMap& map) {
  const auto value = [&](std::string_view key, Wanted wanted) {
    return read_map_value(table, key, "interaction", wanted);
  };
  map.key = value("key", Wanted::kText);
  map.person = value("person", Wanted::kText);
  map.team = value("team", Wanted::kText);
  map.time = value("time", Wanted::kTime);
  map.tool = value("tool", Wanted::kText);
  map.model = value("model", Wanted::kText);
  map.purpose = value("purpose", Wanted::kText);
  map.access_label = value("access_label", Wanted::kText);
  map.duration_ms = value("duration_ms", Wanted::kNumber);
  map.completion_tokens = value("completion_tokens", Wanted::kNumber);
  map.system = value("system", Wanted::kText);
  map.prompt = value("prompt", Wanted::kText);
  map.messages = value("messages", Wanted::kMessages);
  map.output = value("output", Wanted::kText);
  map.feedback = value("feedback", Wanted::kAny);
}

// What no single field shows: whether there is a context and an answer.
void check_whole(TomlTable& root, const ImportMap& map) {
  if (map.prompt.given && map.messages.given) {
    root.problem("interaction", "has a prompt and messages: one of them is the context");
  } else if (!map.prompt.given && !map.messages.given && !map.pair) {
    root.problem("interaction",
                 "needs a context: prompt.from = \"/question\", or messages.from = \"/messages\"");
  }
  if (map.pair && map.output.given) {
    root.problem("pair", "brings the answers: interaction.output has no place beside it");
  }
  if (!map.pair && !map.output.given && !map.messages.given && map.verifier.empty()) {
    root.problem("interaction", "needs an answer: output.from = \"/response\", or a [pair]");
  }
  if (map.suggestion_events && (!map.person.given || !map.time.given || map.pair)) {
    root.problem("suggestion_events", "needs interaction.person and interaction.time, and no pair");
  }
}

}  // namespace

Result<ImportMap> parse_import_map(std::string_view text, std::string file_name) {
  if (text.size() > kMaxMapBytes) return fail(ErrorCode::kTooLarge, file_name + " is over 1 MiB");
  auto file = TomlFile::parse(text, std::move(file_name));
  if (!file) return fail(file.error());
  TomlTable root = (*file)->root();
  ImportMap map;
  map.name = root.require<std::string>("name");
  if (map.name.empty() || map.name.size() > 100) root.problem("name", "must be 1 to 100 bytes");
  map.about = root.get_or("about", std::string());
  map.trainable = root.get<bool>("trainable");
  map.unroll = root.get_or("unroll", std::string());
  if (!is_pointer(map.unroll)) root.problem("unroll", "must begin with '/'");
  map.file = read_shape(root.table("file"));
  map.join = read_join(root);
  for (auto& table : root.tables("filter")) map.filters.push_back(read_filter(table));
  read_interaction(root.table("interaction"), map);
  map.pair = read_pair(root);
  map.params = read_map_values(root, "params", "");
  map.verifier = read_map_values(root, "verifier", "");
  for (auto& table : root.tables("signal")) map.signals.push_back(read_signal(table));
  map.suggestion_events = read_events(root);
  // A misspelt field is the better message than what is missing for it.
  if (auto done = (*file)->finish(); !done) return fail(done.error());
  check_whole(root, map);
  if (auto done = (*file)->finish(); !done) return fail(done.error());
  return map;
}

std::vector<std::string_view> shipped_import_maps() {
  std::vector<std::string_view> names;
  for (const Shipped& shipped : kShipped) names.push_back(shipped.name);
  return names;
}

std::string_view shipped_import_map(std::string_view name) {
  for (const Shipped& shipped : kShipped) {
    if (shipped.name == name) return shipped.text();
  }
  return {};
}

Result<ImportMap> load_import_map(const std::string& name_or_path) {
  if (name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".toml")) {
    auto text = hone::read_file(posix_files(), name_or_path, kMaxMapBytes);
    if (!text) return fail(text.error());
    return parse_import_map(*text, name_or_path);
  }
  if (const auto text = shipped_import_map(name_or_path); !text.empty()) {
    return parse_import_map(text, name_or_path + ".toml");
  }
  std::string names;
  for (const auto name : shipped_import_maps()) {
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return fail(ErrorCode::kInvalid, "no map '" + name_or_path + "' ships with Hone; there are " +
                                       names + ", or give a file MAP.toml");
}

}  // namespace hone::capture
