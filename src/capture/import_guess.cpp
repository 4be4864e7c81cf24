#include "capture/import_guess.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <tuple>

#include "capture/import_columns.h"
#include "capture/import_map.h"

namespace hone::capture {
namespace {

constexpr int kRecords = 500;
constexpr std::size_t kMaxColumns = 500;
constexpr std::size_t kMostBad = 50;

using Names = std::initializer_list<std::string_view>;

class Guess {
 public:
  void add(const json::object& record) {
    ++records_;
    look_into(record, "");
  }

  [[nodiscard]] int records() const { return records_; }
  [[nodiscard]] Result<std::string> write(std::string_view name, const FileShape& shape);

 private:
  void look_into(const json::object& object, const std::string& above);
  // A column of one of these names that none has taken; the first name counts most, and what
  // stands in an object of the record's counts least.
  Column* take(Names names, bool (*fits)(const Column&));
  std::string from(std::string_view field, const Column& column, const std::string& remark = "");
  void write_conversation();
  void write_signals();
  void write_facts();
  void write_decision(const Column& column);

  std::vector<Column> columns_;
  std::set<std::string> taken_;
  int records_ = 0;
  std::string body_, signals_;
  bool context_ = false;
  bool answer_ = false;
};

void Guess::look_into(const json::object& object, const std::string& above) {
  for (const auto& [key, value] : object) {
    const std::string pointer = above + "/" + escaped(key);
    if (value.is_object() && above.empty()) {
      look_into(value.get_object(), pointer);
      continue;
    }
    auto column = std::ranges::find(columns_, pointer, &Column::pointer);
    if (column == columns_.end()) {
      if (columns_.size() >= kMaxColumns) continue;
      columns_.push_back({});
      column = columns_.end() - 1;
      column->pointer = pointer;
      column->name = plain_name(key);
    }
    look_at(*column, value);
  }
}

Column* Guess::take(Names names, bool (*fits)(const Column&)) {
  for (const bool nested : {false, true}) {
    for (const auto name : names) {
      for (Column& column : columns_) {
        if (nested != (column.pointer.find('/', 1) != std::string::npos)) continue;
        if (column.name != name && plain_name(column.pointer) != name) continue;
        if (column.filled == 0 || taken_.contains(column.pointer) || !fits(column)) continue;
        taken_.insert(column.pointer);
        return &column;
      }
    }
  }
  return nullptr;
}

std::string number_text(double number) {
  const auto whole = static_cast<std::int64_t>(number);
  return static_cast<double>(whole) == number ? std::to_string(whole) : std::to_string(number);
}

bool any(const Column&) {
  return true;
}
bool is_text(const Column& column) {
  return column.lists < column.filled && column.numbers < column.filled;
}
bool is_short(const Column& column) {
  return column.lists == 0 && column.characters / static_cast<std::size_t>(column.filled) < 80;
}
bool is_score(const Column& column) {
  return column.numbers == column.filled && column.most > column.least;
}
bool has_few(const Column& column) {
  return !column.many && column.values.size() <= 12;
}

std::string Guess::from(std::string_view field, const Column& column, const std::string& remark) {
  std::string line = std::string(field) + ".from = " + toml_text(column.pointer);
  if (!remark.empty()) line += "        # " + remark;
  return line + "\n";
}

void Guess::write_conversation() {
  for (Column& column : columns_) {
    if (column.message_lists == 0 || column.message_lists * 2 < column.filled) continue;
    if (column.name == "chosen" || column.name == "rejected") continue;
    taken_.insert(column.pointer);
    body_ += from("messages", column);
    if (!column.packed.empty()) body_ += "messages.as = " + toml_text(column.packed) + "\n";
    if (column.role_field != "role") {
      body_ += "messages.role_field = " + toml_text(column.role_field) + "\n";
    }
    if (column.content_field != "content") {
      body_ += "messages.content_field = " + toml_text(column.content_field) + "\n";
    }
    context_ = true;
    break;
  }
  const auto pair_side = [&](Column& column, std::string_view side) {
    signals_ += from(side, column);
    if (column.dialogues * 2 > column.filled) {
      signals_ += std::string(side) + ".as = \"dialogue\"\n" + std::string(side) + ".speakers = {";
      for (const auto& speaker : column.speakers) {
        signals_ +=
            (speaker == *column.speakers.begin() ? " " : ", ") + toml_text(speaker) +
            (speaker.find("ssistant") == std::string::npos ? " = \"user\"" : " = \"assistant\"");
      }
      signals_ += " }\n";
      context_ = true;
    } else if (column.message_lists > 0) {
      for (const auto& [option, field, usual] :
           {std::tuple{"role_field", column.role_field, "role"},
            std::tuple{"content_field", column.content_field, "content"}}) {
        if (field != usual) {
          signals_ += std::string(side) + "." + option + " = " + toml_text(field) + "\n";
        }
      }
      if (!column.packed.empty()) {
        signals_ += std::string(side) + ".as = " + toml_text(column.packed) + "\n";
      }
    }
    context_ = context_ || column.message_lists > 0;
  };
  Column* chosen = take({"chosen", "preferred", "winner", "better", "responsechosen"}, any);
  Column* rejected = take({"rejected", "dispreferred", "loser", "worse", "responserejected"}, any);
  if (chosen != nullptr && rejected != nullptr) {
    signals_ += "\n[pair]\n";
    pair_side(*chosen, "chosen");
    pair_side(*rejected, "rejected");
    if (const Column* margin = take({"margin", "scoremargin"}, is_score)) {
      signals_ += from("margin", *margin);
    }
    answer_ = true;
  }
  if (!context_) {
    if (const Column* prompt = take({"prompt", "question", "instruction", "query", "input",
                                     "request", "src", "source", "article", "document", "context",
                                     "text", "problem", "task", "userinput", "usermessage"},
                                    is_text)) {
      const std::string pointer = toml_text(prompt->pointer);  // in one line
      body_ += from(
          "prompt", *prompt,
          "or prompt.text = \"Translate:\\n\\n{" + pointer.substr(1, pointer.size() - 2) + "}\"");
      context_ = true;
    }
  }
  if (!answer_) {
    if (const Column* output =
            take({"output", "response", "answer", "completion", "candidate", "mt", "generated",
                  "generation", "prediction", "reply", "suggestion", "summary", "translation",
                  "code", "solution", "assistant"},
                 is_text)) {
      body_ += from("output", *output);
      answer_ = true;
    }
  }
}

void Guess::write_decision(const Column& column) {
  constexpr std::string_view kFor[] = {"accept",  "accepted", "pos",     "positive", "good",
                                       "up",      "thumbsup", "like",    "liked",    "yes",
                                       "approve", "approved", "true",    "keep",     "kept",
                                       "1",       "helpful",  "correct", "ok",       "pass"};
  constexpr std::string_view kAgainst[] = {
      "reject",  "rejected",  "neg",       "negative", "bad",    "down",    "thumbsdown",
      "dislike", "disliked",  "no",        "deny",     "denied", "false",   "0",
      "1neg",    "unhelpful", "incorrect", "wrong",    "fail",   "discard", "discarded"};
  signals_ += "\n[[signal]]\n" + from("kind", column) + "kind.values = {";
  bool unsure = false;
  bool first = true;
  for (const auto& [value, count] : column.values) {
    const std::string word = value == "-1" ? "1neg" : plain_name(value);
    std::string kind;
    if (std::ranges::find(kFor, word) != std::end(kFor)) kind = "accepted";
    if (std::ranges::find(kAgainst, word) != std::end(kAgainst)) kind = "rejected";
    unsure = unsure || kind.empty();
    signals_ += (first ? " " : ", ") + toml_text(value) + " = " + toml_text(kind);
    first = false;
  }
  signals_ += " }\n";
  if (unsure) {
    signals_ += "# \"\" says nothing: put accepted, rejected, edited, copied, … in its place.\n";
  }
  if (column.many) signals_ += "kind.otherwise = \"\"\n";
}

void Guess::write_signals() {
  if (const Column* edit =
          take({"finaltext", "final", "edited", "corrected", "correction", "postedit", "postedited",
                "pe", "revision", "revised", "fixed", "humanedit", "edit", "feedbacksummary"},
               is_text)) {
    signals_ += "\n[[signal]]\nkind.text = \"edited\"\n" + from("final_text", *edit) +
                "if_unchanged.text = \"accepted\"    # without this line they are left out\n";
    if (const Column* why = take({"comment", "explanation", "reason", "feedback"}, is_text)) {
      signals_ += from("comment", *why);
    }
  }
  if (const Column* score =
          take({"score", "rating", "stars", "quality", "grade", "helpfulness"}, is_score)) {
    double low = score->least;
    double high = score->most;
    for (const double top : {1.0, 5.0, 7.0, 10.0, 100.0}) {
      if (score->most > top || score->least < 0) continue;
      high = top;
      low = score->least >= 1 && top > 1 ? 1 : 0;
      break;
    }
    signals_ += "\n[[signal]]\nkind.text = \"rated\"\n" + from("value", *score) +
                "value.scale = [" + number_text(low) + ", " + number_text(high) +
                "]    # what the worst and the best can be\n";
  }
  if (const Column* decision =
          take({"decision", "label", "verdict", "vote", "thumbs", "feedback", "status", "action",
                "judgment", "judgement", "accepted", "outcome", "rating", "reaction"},
               has_few)) {
    write_decision(*decision);
  }
}

void Guess::write_facts() {
  std::string facts;
  if (const Column* key = take({"id", "uuid", "guid", "key", "recordid", "docid", "taskid",
                                "interactionid", "messageid"},
                               [](const Column& column) {
                                 return is_short(column) && column.many &&
                                        std::ranges::all_of(column.values, [](const auto& value) {
                                          return value.second == 1;
                                        });
                               })) {
    facts += from("key", *key);
  }
  if (const Column* person =
          take({"person", "user", "userid", "username", "annotator", "annotatorid", "worker",
                "workerid", "rater", "editor", "author", "programmerid", "email", "employee"},
               is_short)) {
    facts += from("person", *person);
  } else {
    facts += "person.text = \"unknown\"        # nothing names people: all counts as one person\n";
  }
  std::string time =
      "time.text = \"2000-01-01\"        # no time was found: give the file's date\n";
  for (Column& column : columns_) {
    const bool named = column.name.find("time") != std::string::npos ||
                       column.name.find("date") != std::string::npos ||
                       column.name.find("created") != std::string::npos || column.name == "at" ||
                       column.name.ends_with("at") || column.name == "ts";
    if (!named || taken_.contains(column.pointer) || column.filled == 0) continue;
    std::string format;
    for (const auto& [known, count] : column.times) {
      if (count == column.filled && (format.empty() || known == "iso")) format = known;
    }
    if (column.numbers == column.filled && column.least > 1e8 && column.most < 1e10)
      format = "unix";
    if (column.numbers == column.filled && column.least > 1e11 && column.most < 1e13) {
      format = "unix_ms";
    }
    if (format.empty()) continue;
    taken_.insert(column.pointer);
    time = from("time", column);
    if (format != "iso") time += "time.format = " + toml_text(format) + "\n";
    break;
  }
  facts += time;
  if (const Column* model = take({"model", "modelname", "modelid", "engine"}, is_short)) {
    facts += from("model", *model);
  }
  if (const Column* team = take({"team", "department", "group", "org"}, is_short)) {
    facts += from("team", *team);
  }
  body_ = facts + body_;
}

Result<std::string> Guess::write(std::string_view name, const FileShape& shape) {
  write_conversation();
  if (signals_.empty()) write_signals();
  write_facts();
  std::string rest;
  for (const Column& column : columns_) {
    if (taken_.contains(column.pointer)) continue;
    rest += "#   " + toml_text(column.pointer) + "  filled in " + std::to_string(column.filled) +
            " of " + std::to_string(records_);
    if (!column.values.empty()) {
      rest += ", e.g. " + toml_text(std::string_view(column.values.begin()->first).substr(0, 60));
    }
    rest += "\n";
  }
  // A list of messages may end with the answer.
  if (!context_ || (!answer_ && body_.find("messages.from") == std::string::npos)) {
    return fail(ErrorCode::kInvalid,
                std::string("nothing in the file looks like ") +
                    (context_ ? "an answer" : "a prompt") +
                    "; write the map by hand (docs/guides/import.md) from these columns:\n" + rest);
  }
  std::string out = "# A guess from the first " + std::to_string(records_) +
                    " records. Check it with: hone import FILE --map THIS --dry-run\n";
  out += "name = " + toml_text(name) +
         "\n# trainable = true        # may answers be trained on? Without "
         "this line the model's name decides\n\n[file]\nformat = " +
         toml_text(shape.format) + "\n";
  if (shape.format == "csv") out += "separator = " + toml_text(shape.separator) + "\n";
  if (!shape.records.empty()) out += "records = " + toml_text(shape.records) + "\n";
  out += "\n[interaction]\n" + body_ + signals_;
  if (signals_.empty()) {
    out +=
        "\n# Nothing looks like what people thought of the answers. If all were taken as they "
        "are:\n"
        "# [[signal]]\n# kind.text = \"accepted\"\n";
  }
  if (!rest.empty()) out += "\n# No place was found for:\n" + rest;
  return out;
}

// The member of a document that holds its records, where the document is one object.
std::string list_within(const json::object& document) {
  for (const auto& [key, value] : document) {
    const auto* list = value.if_array();
    if (list != nullptr && list->size() > 1 && (*list)[0].is_object()) return "/" + escaped(key);
  }
  return "";
}

}  // namespace

Result<std::string> guess_import_map(const std::string& path) {
  FileShape shape;
  for (;;) {
    auto records = open_records(path, shape);
    if (!records) return fail(records.error());
    Guess guess;
    std::size_t bad = 0;
    json::object last;
    while (guess.records() < kRecords && bad < kMostBad) {
      auto record = (*records)->next();
      if (!record && !(*records)->may_go_on()) return fail(record.error().with(path));
      if (record && !*record) break;
      if (!record) {
        ++bad;
        continue;
      }
      guess.add(**record);
      last = std::move(**record);
    }
    if (guess.records() == 0) {
      return fail(ErrorCode::kInvalid, path + " has no record that can be read");
    }
    const bool document = (*records)->shape().format == "json" && guess.records() == 1;
    if (document && shape.records.empty()) {
      shape.records = list_within(last);
      if (!shape.records.empty()) continue;
    }
    std::string name = std::filesystem::path(path).filename().string();
    name = name.substr(0, std::max<std::size_t>(name.find('.'), 1));
    return guess.write(name.substr(0, 100), (*records)->shape());
  }
}

}  // namespace hone::capture
