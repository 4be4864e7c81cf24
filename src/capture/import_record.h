// What an import file's records are made into, and the writer that turns it into records of the
// store. Used by the importers only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "capture/content.h"
#include "capture/import_map.h"
#include "capture/importer.h"

namespace hone::capture {

struct ImportedFeedback {
  std::string kind;
  std::string by = "person";
  Time at{};
  std::optional<double> value = {};
  std::optional<std::string> final_text = {};
  std::optional<std::string> comment = {};
  json::object detail = {};
  // What it is about, where that is not the call it came with.
  store::Handle about = {};
  // Names it for whoever says it again; empty: by its place in the call.
  std::string key = {};
  // Of detail: what is no text, and so kept without redaction, content or none.
  json::object marks = {};
};

struct ImportedCall {
  std::string key;     // names it within its source: equal keys are the same call
  std::string person;  // as the source calls them
  std::string team;    // empty: that of the options
  std::string tool;
  std::string model;
  std::string purpose;
  std::string access_label;
  bool trainable = false;
  Time at{};
  std::int64_t duration_ms = 0;
  std::int64_t completion_tokens = 0;
  json::object params;
  json::object verifier;               // how an answer is checked; empty: by nobody
  std::vector<json::object> messages;  // canonical, wire/message.h
  // Instead of messages, where calls share them; they outlive the call.
  std::vector<const SharedMessage*> context = {};
  json::object answer;
  std::vector<ImportedFeedback> feedback;
  // Of calls that a tool wrote down itself, and that may have passed through the gateway, too.
  std::string wire = "import";
  std::vector<store::Handle> handles = {};
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_tokens = 0;
  std::string stop_reason = {};
};

class ImportWriter {
 public:
  ImportWriter(const ImportOptions& options, const ImportParts& parts, const ImportSink& sink);

  // A key that came before brings nothing new: "repeated" where the call is the same, else
  // "conflict", of which the first stands. Known are the last million keys or so.
  // A call that the store has under one of its handles is not added again: "captured"; its feedback
  // is.
  [[nodiscard]] Result<void> add(const ImportedCall& call);
  // Feedback about calls that are known by their handles, whether or not they are in this source.
  // `source` and the person name the witness.
  [[nodiscard]] Result<void> add_feedback(const std::string& person_name, const std::string& source,
                                          const std::vector<ImportedFeedback>& feedback);
  // Of several files: messages name it, too.
  void begin_file(std::string name) { file_ = std::move(name); }
  // The record of this line is at work; it is what `malformed` names.
  void begin_record(std::int64_t line);
  void malformed(const Error& error);
  // For the report, beside the counts.
  void remark(const std::string& message) { note(message); }
  void left_out(std::string_view reason) { ++report_.left_out[std::string(reason)]; }
  // The file has ended by its own damage.
  void end_early(const Error& error) { report_.ended_early = error.message; }
  [[nodiscard]] const ImportOptions& options() const { return options_; }
  [[nodiscard]] ImportReport take_report() { return std::move(report_); }

 private:
  [[nodiscard]] Result<const people::Person*> person(const std::string& name,
                                                     const std::string& team_name);
  [[nodiscard]] Result<void> write_call(const ImportedCall& call, const people::Person& person,
                                        bool with_content, store::Interaction& facts);
  [[nodiscard]] Result<bool> is_captured(const store::Interaction& facts);
  [[nodiscard]] bool is_new(const ImportedCall& call);
  void note(const std::string& message);
  [[nodiscard]] Result<json::object> params_of(const ImportedCall& call);
  [[nodiscard]] Result<void> show(const ImportedCall& call);
  [[nodiscard]] Result<void> write_feedback(const ImportedFeedback& signal,
                                            const people::Person& person, const std::string& source,
                                            bool with_content);

  const ImportOptions& options_;
  const ImportParts& parts_;
  const ImportSink& sink_;
  Content content_;
  Memo<MemoKey> keys_;  // of a call's key: of the call
  std::map<std::string, people::Person, std::less<>> people_;
  bool showing_;
  std::string file_;
  std::int64_t line_ = 0;
  ImportReport report_;
};

// What a file is joined with, by key.
using JoinTable = std::map<std::string, json::value, std::less<>>;

// Follows the map through all records. Only a failing sink is an error.
[[nodiscard]] Result<void> read_mapped(Records& records, const ImportMap& map,
                                       const JoinTable& join, ImportWriter& writer);

// Adds what the map's signals make of the record. False where the record should say something and
// turns out to say nothing, by a reason that is counted: it is to be left out.
[[nodiscard]] Result<bool> add_signals(const ImportMap& map, MapScope scope, ImportedCall& call,
                                       ImportWriter& writer);
// Those of the values that are there, by their names.
[[nodiscard]] Result<void> read_values(const MapValues& values, const MapScope& scope,
                                       json::object& to);

// Puts the events of a suggestion together (import_suggestions.cpp).
struct SuggestionEvent {
  ImportedCall call;  // without feedback
  std::string prompt;
  std::string suggestion;
  std::string state;  // "shown", "accepted", "rejected", or anything else
  double document_length = 0;
  std::vector<double> edits;
};

class SuggestionEpisodes {
 public:
  SuggestionEpisodes(const MapSuggestionEvents& map, ImportWriter& writer)
      : map_(map), writer_(writer) {}
  [[nodiscard]] Result<void> take(SuggestionEvent event);
  [[nodiscard]] Result<void> finish();

 private:
  // A suggestion from when it was first shown; `ended` once it was accepted or rejected.
  struct Episode {
    SuggestionEvent first;
    SuggestionEvent last;
    bool ended = false;
  };
  [[nodiscard]] Result<void> write(const Episode& episode, const SuggestionEvent* next);
  void add_end(const Episode& episode, const SuggestionEvent* next, ImportedCall& call) const;

  const MapSuggestionEvents& map_;
  ImportWriter& writer_;
  std::map<std::string, Episode> open_;  // of each person; their events may be mixed
};

// Feedback in Hone's own form: a kind, an object as the feedback API takes it, or a list of them.
[[nodiscard]] Result<std::vector<ImportedFeedback>> read_own_feedback(const json::value& value,
                                                                      Time otherwise);

// By its name, in any case: Llama, CodeLlama, SmolLM, OLMo and the like are open, all others are
// not.
[[nodiscard]] bool is_open_model(std::string_view model);

}  // namespace hone::capture
