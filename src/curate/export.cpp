#include "curate/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "curate/lines.h"

namespace hone::curate {
namespace {

using Line = json::object;
// A line of train.jsonl as the trainer's; the line is used up.
using Convert = Line (*)(Line& line);

json::object said(std::string_view role, json::value text) {
  return {{"role", role}, {"content", std::move(text)}};
}

// An answer's message: of a text, or with tool calls as it stands.
json::object answer_message(json::value answer) {
  return answer.is_object() ? std::move(answer.get_object()) : said("assistant", std::move(answer));
}

json::array answer_of(Line& line, std::string_view field) {
  return {answer_message(std::move(line[field]))};
}

// A conversation that ends with the answer, from a prompt and the answer.
json::array whole_of(const Line& line, std::string_view field) {
  json::array messages = line.at("prompt").as_array();
  messages.push_back(answer_message(line.at(field)));
  return messages;
}

const json::array* calls_of(const json::value& message) {
  const auto* object = message.if_object();
  const auto* calls = object == nullptr ? nullptr : object->if_contains("tool_calls");
  return calls == nullptr ? nullptr : calls->if_array();
}

const json::array& messages_of(const Line& line) {
  return line.at(line.contains("messages") ? "messages" : "prompt").as_array();
}

// As text: a table's column has one type, and schemas have many.
Line with_tools_as_text(Line& line, Line out) {
  if (const auto* tools = line.if_contains("tools")) out["tools"] = json::serialize(*tools);
  return out;
}

// So that the loss covers the last answer only, as with Hone's own trainer.
Line trl_demonstration(Line& line) {
  json::array prompt = std::move(line["messages"].as_array());
  json::array completion{prompt.back()};
  prompt.pop_back();
  return with_tools_as_text(
      line,
      {{"id", line["id"]}, {"prompt", std::move(prompt)}, {"completion", std::move(completion)}});
}
Line trl_preference(Line& line) {
  Line out{{"id", line["id"]},
           {"prompt", std::move(line["prompt"])},
           {"chosen", answer_of(line, "chosen")},
           {"rejected", answer_of(line, "rejected")}};
  if (const auto* margin = line.if_contains("margin")) out["margin"] = *margin;
  return with_tools_as_text(line, std::move(out));
}
Line trl_judgement(Line& line) {
  return with_tools_as_text(line, {{"id", line["id"]},
                                   {"prompt", std::move(line["prompt"])},
                                   {"completion", answer_of(line, "completion")},
                                   {"label", line["label"]}});
}
// As text: verifiers have different fields, and a column of a table has one type.
Line trl_task(Line& line) {
  return {{"id", line["id"]},
          {"prompt", std::move(line["prompt"])},
          {"verifier", json::serialize(line["verifier"])}};
}

// One {"name", "arguments"}, or a list of such, as text; arguments are JSON already.
std::string sharegpt_calls(const json::array& calls) {
  std::string out;
  for (const auto& call : calls) {
    const auto& function = call.at("function").as_object();
    out += fmt::format(R"({}{{"name":{},"arguments":{}}})", out.empty() ? "" : ",",
                       json::serialize(function.at("name")),
                       std::string_view(function.at("arguments").as_string()));
  }
  return calls.size() == 1 ? out : "[" + out + "]";
}
// What an answer says and what it calls are two.
void add_sharegpt(const json::value& message, json::array& out) {
  const auto& object = message.as_object();
  const auto role = string_or_empty(object, "role");
  const auto from = role == "user"        ? "human"
                    : role == "assistant" ? "gpt"
                    : role == "tool"      ? "observation"
                                          : role;
  const auto* calls = calls_of(message);
  if (calls == nullptr || !string_or_empty(object, "content").empty()) {
    out.push_back({{"from", from}, {"value", object.at("content")}});
  }
  if (calls != nullptr) {
    out.push_back({{"from", "function_call"}, {"value", sharegpt_calls(*calls)}});
  }
}
json::array sharegpt_messages(const json::array& messages) {
  json::array out;
  for (const auto& message : messages) add_sharegpt(message, out);
  return out;
}
json::value sharegpt_answer(Line& line, std::string_view field) {
  return sharegpt_messages(answer_of(line, field)).front();
}
// Some of LLaMA-Factory's templates fail where a function has no "properties".
json::object with_properties(json::object function) {
  auto& parameters = function["parameters"];
  if (!parameters.is_object()) parameters = json::object{{"type", "object"}};
  auto& properties = parameters.get_object()["properties"];
  if (!properties.is_object()) properties = json::object();
  return function;
}
// The functions alone, which every version of LLaMA-Factory reads, as text.
Line with_functions_as_text(const Line& line, Line out) {
  const auto* tools = line.if_contains("tools");
  if (tools == nullptr) return out;
  json::array functions;
  for (const auto& tool : tools->as_array()) {
    functions.push_back(with_properties(tool.at("function").as_object()));
  }
  out["tools"] = json::serialize(functions);
  return out;
}
Line sharegpt_demonstration(Line& line) {
  return with_functions_as_text(
      line,
      {{"id", line["id"]}, {"conversations", sharegpt_messages(line["messages"].as_array())}});
}
Line sharegpt_preference(Line& line) {
  return with_functions_as_text(line,
                                {{"id", line["id"]},
                                 {"conversations", sharegpt_messages(line["prompt"].as_array())},
                                 {"chosen", sharegpt_answer(line, "chosen")},
                                 {"rejected", sharegpt_answer(line, "rejected")}});
}
Line sharegpt_judgement(Line& line) {
  return with_functions_as_text(line,
                                {{"id", line["id"]},
                                 {"conversations", sharegpt_messages(whole_of(line, "completion"))},
                                 {"kto_tag", line["label"]}});
}
// An answer is one message there: one that says something and calls has no form.
bool sharegpt_has_answers(const Line& line) {
  for (const auto* field : {"chosen", "rejected"}) {
    const auto& answer = line.at(field);
    if (calls_of(answer) == nullptr) continue;
    if (!string_or_empty(answer.as_object(), "content").empty()) return false;
  }
  return true;
}

// Without ids: a field that the service does not know is refused. A weight of 0 keeps what the
// model said before the answer out of the loss.
Line openai_demonstration(Line& line) {
  json::array messages = std::move(line["messages"].as_array());
  for (std::size_t i = 0; i + 1 < messages.size(); ++i) {
    auto& message = messages[i].as_object();
    if (string_or_empty(message, "role") == "assistant") message["weight"] = 0;
  }
  Line out{{"messages", std::move(messages)}};
  if (auto* tools = line.if_contains("tools")) out["tools"] = std::move(*tools);
  return out;
}
Line openai_preference(Line& line) {
  json::object input{{"messages", std::move(line["prompt"])}};
  if (auto* tools = line.if_contains("tools")) input["tools"] = std::move(*tools);
  return {{"input", std::move(input)},
          {"preferred_output", answer_of(line, "chosen")},
          {"non_preferred_output", answer_of(line, "rejected")}};
}

Line torchtune_demonstration(Line& line) {
  return {{"id", line["id"]}, {"messages", std::move(line["messages"])}};
}
Line torchtune_preference(Line& line) {
  return {{"id", line["id"]},
          {"chosen", whole_of(line, "chosen")},
          {"rejected", whole_of(line, "rejected")}};
}

// Its messages know neither calls nor results, and nothing takes the definitions.
bool is_without_tools(const Line& line) {
  if (line.contains("tools")) return false;
  for (const auto* field : {"chosen", "rejected"}) {
    const auto* answer = line.if_contains(field);
    if (answer != nullptr && answer->is_object()) return false;
  }
  return std::ranges::none_of(messages_of(line), [](const json::value& message) {
    return calls_of(message) != nullptr || string_or_empty(message.as_object(), "role") == "tool";
  });
}

struct Form {
  std::string_view format;
  std::string_view kind;
  Convert convert;
  std::string_view columns;  // of its table; "" where who takes the file takes JSON lines only
  std::string_view use;      // how the trainer takes the file
  bool (*has_form)(const Line& line) = nullptr;  // null: every line has
};
constexpr std::array kForms = {
    Form{"trl", "demonstration", trl_demonstration,
         "id:string,prompt:messages,completion:messages,tools:string?",
         "SFTTrainer: conversational prompt-completion"},
    Form{"trl", "preference", trl_preference,
         "id:string,prompt:messages,chosen:messages,rejected:messages,margin:number?,tools:string?",
         "DPOTrainer, ORPOTrainer, CPOTrainer, RewardTrainer: conversational preference with an "
         "explicit prompt"},
    Form{"trl", "judgement", trl_judgement,
         "id:string,prompt:messages,completion:messages,label:boolean,tools:string?",
         "KTOTrainer: conversational unpaired preference"},
    Form{"trl", "task", trl_task, "id:string,prompt:messages,verifier:string",
         "GRPOTrainer: conversational prompt-only; a reward function gets the column 'verifier', a "
         "JSON text that `hone-engine verify` takes"},
    Form{"sharegpt", "demonstration", sharegpt_demonstration,
         "id:string,conversations:turns,tools:string?", "conversations of human and gpt"},
    Form{"sharegpt", "preference", sharegpt_preference,
         "id:string,conversations:turns,chosen:turn,rejected:turn,tools:string?",
         "conversations, chosen, rejected (LLaMA-Factory: ranking = true)", sharegpt_has_answers},
    Form{"sharegpt", "judgement", sharegpt_judgement,
         "id:string,conversations:turns,kto_tag:boolean,tools:string?",
         "conversations, kto_tag (LLaMA-Factory: columns.kto_tag)"},
    Form{"openai", "demonstration", openai_demonstration, "", "fine-tuning, method supervised"},
    Form{"openai", "preference", openai_preference, "", "fine-tuning, method dpo"},
    Form{"torchtune", "demonstration", torchtune_demonstration, "id:string,messages:messages",
         "chat_dataset with conversation_column: messages, conversation_style: openai; "
         "masking_strategy: train_on_last is Hone's loss",
         is_without_tools},
    Form{"torchtune", "preference", torchtune_preference,
         "id:string,chosen:messages,rejected:messages", "preference_dataset", is_without_tools}};

const Form* form_of(std::string_view format, std::string_view kind) {
  for (const auto& form : kForms) {
    if (form.format == format && form.kind == kind) return &form;
  }
  return nullptr;
}

// Calls `use` with each line of train.jsonl.
template <typename Use>
Result<void> for_each_example(const Dataset& dataset, Use&& use) {
  return for_each_object(dataset.train_file(), [&](Line& line, std::string_view) -> Result<void> {
    try {
      return use(line);
    } catch (const std::exception& error) {  // of Boost.JSON, where a field is not what it must be
      return fail(ErrorCode::kCorrupt, std::string("the example is damaged: ") + error.what());
    }
  });
}

Error none_of_kind(const Dataset& dataset, std::string_view kind) {
  return {ErrorCode::kNotFound,
          fmt::format("dataset {} has no training examples of the kind '{}'", dataset.name, kind)};
}

// The columns without the optional ones that no line has, as the JSON lines do not have them
// either: TRL takes a column that is there for one with values.
std::string columns_with(std::string_view columns, const std::set<std::string, std::less<>>& seen) {
  std::string kept;
  for (;;) {
    const auto comma = columns.find(',');
    const auto column = columns.substr(0, comma);
    if (!column.ends_with('?') || seen.contains(column.substr(0, column.find(':')))) {
      kept += (kept.empty() ? "" : ",") + std::string(column);
    }
    if (comma == std::string_view::npos) return kept;
    columns.remove_prefix(comma + 1);
  }
}

// The examples of one kind.
struct KindFile {
  std::string path;  // without its ending
  std::unique_ptr<LineWriter> lines;
  std::set<std::string, std::less<>> fields;  // that some line has
};

// The table takes the place of the lines.
Result<void> replace_by_table(const KindFile& file, std::string_view columns,
                              const ToParquet& to_parquet) {
  const std::string lines = file.path + ".jsonl";
  const std::string table = file.path + ".parquet";
  if (auto made = to_parquet(columns_with(columns, file.fields), lines, table); !made) return made;
  auto written = posix_files().open(table, FileSystem::Mode::kReadWrite);
  if (!written) return fail(written.error());
  if (auto synced = (*written)->sync_data(); !synced) return synced;
  return posix_files().remove(lines);
}

class FormWriter {
 public:
  FormWriter(const Dataset& dataset, std::string_view format, std::string part,
             const ToParquet& to_parquet)
      : dataset_(dataset), format_(format), part_(std::move(part)), to_parquet_(to_parquet) {}

  Result<json::object> write() {
    auto done = for_each_example(dataset_, [this](Line& line) { return add(line); });
    if (!done) return fail(done.error());
    if (files_.empty()) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("dataset {} has no training examples that have a form in '{}'; "
                              "docs/formats/dataset.md says which kinds have one",
                              dataset_.name, format_));
    }
    json::object files;
    for (auto& [kind, file] : files_) {
      const Form& form = *form_of(format_, kind);
      if (auto finished = file.lines->finish(); !finished) return fail(finished.error());
      if (to_parquet_) {
        auto replaced = replace_by_table(file, form.columns, to_parquet_);
        if (!replaced) return fail(replaced.error());
      }
      files[kind + (to_parquet_ ? ".parquet" : ".jsonl")] = {
          {"kind", kind}, {"examples", file.lines->lines()}, {"use", form.use}};
    }
    json::object about{{"dataset", dataset_.digest},
                       {"name", dataset_.name},
                       {"format", format_},
                       {"files", std::move(files)},
                       {"not_exported", to_json(passed_over_)}};
    auto written = write_file_atomically(posix_files(), part_ + "/dataset.json",
                                         json::serialize(about) + "\n");
    if (!written) return fail(written.error());
    return about;
  }

 private:
  Result<void> add(Line& line) {
    const std::string kind(string_or_empty(line, "kind"));
    const Form* form = form_of(format_, kind);
    if (form == nullptr || (form->has_form != nullptr && !form->has_form(line))) {
      if (!kind.empty()) ++passed_over_[kind];  // without a kind: erased
      return {};
    }
    auto& file = files_[kind];
    if (!file.lines) {
      file.path = part_ + "/" + kind;
      auto made = LineWriter::create(file.path + ".jsonl");
      if (!made) return fail(made.error());
      file.lines = std::move(*made);
    }
    const Line converted = form->convert(line);
    for (const auto& member : converted) {
      if (!file.fields.contains(member.key())) file.fields.emplace(member.key());
    }
    return file.lines->write(json::serialize(converted));
  }

  const Dataset& dataset_;
  const std::string_view format_;
  const std::string part_;
  const ToParquet& to_parquet_;
  std::map<std::string, KindFile> files_;  // by kind
  Counts passed_over_;
};

bool takes_tables(std::string_view format) {
  return std::ranges::any_of(
      kForms, [&](const Form& form) { return form.format == format && !form.columns.empty(); });
}

}  // namespace

std::vector<std::string> export_formats() {
  std::vector<std::string> names;
  for (const auto& form : kForms) {
    if (std::ranges::find(names, form.format) == names.end()) names.emplace_back(form.format);
  }
  return names;
}

Result<json::object> export_dataset(const Dataset& dataset, std::string_view format,
                                    const std::string& where, const ToParquet& to_parquet) {
  std::string folder = where;
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  const auto formats = export_formats();
  if (std::ranges::find(formats, format) == formats.end()) {
    return fail(ErrorCode::kInvalid, fmt::format("there is no export format '{}'; there are: {}",
                                                 format, fmt::join(formats, ", ")));
  }
  if (to_parquet && !takes_tables(format)) {
    return fail(ErrorCode::kInvalid, fmt::format("whoever takes '{}' takes JSON lines and no "
                                                 "Parquet; export it without Parquet",
                                                 format));
  }
  std::error_code error;
  if (std::filesystem::exists(folder, error)) {
    return fail(ErrorCode::kConflict, folder + " is there already; name a folder that is not");
  }
  auto part = begin_folder(folder);
  if (!part) return fail(part.error());
  auto about = FormWriter(dataset, format, *part, to_parquet).write();
  if (!about) {
    std::filesystem::remove_all(*part, error);
    return about;
  }
  if (auto finished = finish_folder(*part, folder); !finished) return fail(finished.error());
  return about;
}

Result<std::int64_t> export_examples(const Dataset& dataset, std::string_view kind,
                                     const std::string& path) {
  const std::string part = path + ".part";
  std::error_code error;
  std::filesystem::remove(part, error);
  auto file = LineWriter::create(part);
  if (!file) return fail(file.error());
  auto done = for_each_example(dataset, [&](Line& line) -> Result<void> {
    if (string_or_empty(line, "kind") != kind) return {};
    line.erase("kind");
    return (*file)->write(json::serialize(line));
  });
  if (done && (*file)->lines() == 0) done = fail(none_of_kind(dataset, kind));
  if (done) done = (*file)->finish();
  if (done) done = posix_files().rename(part, path);
  if (!done) {
    std::filesystem::remove(part, error);
    return fail(done.error());
  }
  const auto folder = std::filesystem::absolute(path).parent_path();
  if (auto synced = posix_files().sync_folder(folder.string()); !synced) {
    return fail(synced.error());
  }
  return (*file)->lines();
}

}  // namespace hone::curate
