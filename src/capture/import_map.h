// A map: one TOML file that says how the records of a file that nobody has seen before become
// interactions and feedback (docs/guides/import.md, with examples; recipes/maps has those that
// ship). Plain data; capture/import_mapping.cpp follows it.
//
//   auto map = load_import_map("defacto-summary-edits");     // one that ships, or a file's path
//   auto report = import_file("train.jsonl.gz", *map, {}, parts, sink);
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "base/text.h"
#include "capture/import_records.h"

namespace hone::capture {

// How one value is had from a record: out of a field (`from`), or as a text with fields in it
// (`text`), then through the steps in the order in which they stand here.
struct MapValue {
  std::string place;  // "interaction.person", for messages
  std::string from;  // a JSON pointer: "/feedback/summary"; "/@item", "/@index", "/@each", "/@join"
  std::string text;  // "Translate:\n\n{/src}"; empty where all its fields are
  bool given = false;
  std::string as;      // what a text holds: "json", "python", "dialogue"; empty: a text is a text
  std::string pick;    // a JSON pointer into what it holds
  std::string after;   // of a text only what stands behind the last of these …
  std::string before;  // … and then ahead of the first of these
  std::map<std::string, std::string, std::less<>> values;  // what stands for what
  std::optional<std::string> otherwise;  // where nothing is, or what `values` does not have
  std::vector<double> scale;             // numbers: [lowest, highest], which become 0 and 1
  // times
  std::string format = "iso";        // unix, unix_ms, seconds, or "%d.%m.%Y %H:%M"
  std::string since = "1970-01-01";  // seconds: from then on
  int zone_minutes = 0;              // east; of times that name no zone
  // messages
  std::map<std::string, std::string, std::less<>> speakers;  // dialogue: "\n\nHuman:" = "user"
  std::map<std::string, std::string, std::less<>> roles;     // "gpt" = "assistant"
  std::string role_field = "role";
  std::string content_field = "content";
};

using MapValues = std::map<std::string, MapValue, std::less<>>;

struct MapFilter {
  MapValue value;
  std::vector<std::string> is;      // one of these
  std::vector<std::string> is_not;  // none of these
  std::optional<double> at_least;
  std::optional<double> at_most;
  std::optional<bool> empty;
  std::string reason = "filtered";
};

struct MapSignal {
  MapValue each;  // a list: one signal for each item, which is "/@each"
  MapValue kind;  // empty: no signal
  MapValue final_text;
  MapValue if_unchanged;  // the kind where the final text is the answer; nothing: left out
  MapValue value;
  MapValue comment;
  MapValue by;
  MapValue at;
  MapValue span_start;  // characters of the answer, from 0; the end is not part of it
  MapValue span_end;
  MapValues detail;
};

struct MapPair {
  MapValue chosen;
  MapValue rejected;
  MapValue margin;
};

// Events of an editor's inline suggestions, of which several are one interaction.
struct MapSuggestionEvents {
  MapValue state;                     // shown, accepted, rejected, or anything else in between
  MapValue document_length;           // tells an unchanged document
  MapValue edit_distance;             // list of shares of the accepted text that were changed …
  std::vector<double> after_seconds;  // … after so many seconds
};

struct MapJoin {
  std::string file;  // beside the imported one
  FileShape shape;
  MapValue key;        // of a record
  MapValue their_key;  // of a record of that file
  bool required = true;
};

struct ImportMap {
  std::string name;  // the source, in ids and records
  std::string about;
  std::optional<bool> trainable;  // nothing: by the model's name
  FileShape file;
  std::string unroll;  // pointer to a list of which each item is a record: "/@item", "/@index"
  std::optional<MapJoin> join;
  std::vector<MapFilter> filters;

  MapValue key;  // names a record within its source; nothing: a digest of the record
  MapValue person;
  MapValue team;
  MapValue time;
  MapValue tool;
  MapValue model;
  MapValue purpose;
  MapValue access_label;
  MapValue duration_ms;
  MapValue completion_tokens;
  MapValue system;
  MapValue prompt;
  MapValue messages;
  MapValue output;
  MapValue feedback;  // in Hone's own form, docs/formats/feedback.md
  std::optional<MapPair> pair;
  MapValues params;
  MapValues verifier;
  std::vector<MapSignal> signals;
  std::optional<MapSuggestionEvents> suggestion_events;
};

// Every mistake is named with `file_name`, its line and the word that was meant.
[[nodiscard]] Result<ImportMap> parse_import_map(std::string_view text, std::string file_name);
// The name of one that ships, or the path of a file (it has a '/' or ends in .toml).
[[nodiscard]] Result<ImportMap> load_import_map(const std::string& name_or_path);
[[nodiscard]] std::vector<std::string_view> shipped_import_maps();
// Of one that ships; empty where there is none of that name.
[[nodiscard]] std::string_view shipped_import_map(std::string_view name);

// Where a value is looked for. Each may be null but the record.
struct MapScope {
  const json::value* record = nullptr;
  const json::value* item = nullptr;
  json::value index = 0;
  const json::value* each = nullptr;
  const json::value* join = nullptr;
};

// All are kInvalid where the record does not have what the map says, and name the map's place. A
// value that is not given, or for which nothing is there, is null, "" or nothing.
[[nodiscard]] Result<json::value> read_value(const MapValue& value, const MapScope& scope);
[[nodiscard]] Result<std::string> read_text(const MapValue& value, const MapScope& scope);
[[nodiscard]] Result<std::optional<double>> read_number(const MapValue& value,
                                                        const MapScope& scope);
[[nodiscard]] Result<std::optional<Time>> read_time(const MapValue& value, const MapScope& scope);
[[nodiscard]] inline bool is_blank(std::string_view text) {
  return trimmed(text).empty();
}

// Nothing where a text is no number, or no time in the value's format.
[[nodiscard]] std::optional<double> parse_map_number(std::string_view text);
[[nodiscard]] std::optional<Time> parse_map_time(const MapValue& value, std::string_view text);
// False where a field that it is had from is not in the record at all, and nothing stands for it.
[[nodiscard]] bool is_there(const MapValue& value, const MapScope& scope);
// Canonical messages (wire/message.h) of a text (the user's), a list of messages, or a dialogue.
[[nodiscard]] Result<std::vector<json::object>> read_messages(const MapValue& value,
                                                              const MapScope& scope);

}  // namespace hone::capture
