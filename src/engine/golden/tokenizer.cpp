// tokenizer/: ids and texts of Hugging Face's tokenizers, from tokenizer.json files and from the
// vocabularies of GGUF files.
#include "engine/model/tokenizer.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/file.h"
#include "engine/golden/files.h"
#include "engine/golden/groups.h"
#include "engine/model/gguf.h"
#include "engine/model/import_tokenizer.h"

namespace hone::engine::golden {
namespace {

constexpr Bound kIds{"ids"};
constexpr Bound kText{"text"};

constexpr std::string_view kNotLegacy = "ids_special_nonlegacy";

struct Source {
  std::string name;   // of the rows
  std::string label;  // in the report
  bool gguf = false;
};

// What a file of the folder is, by its name.
std::optional<Source> source_of(std::string_view file) {
  if (file.ends_with(".gz")) file.remove_suffix(3);
  for (const bool gguf : {false, true}) {
    const std::string_view ending = gguf ? "-vocab.gguf" : ".tokenizer.json";
    if (!file.ends_with(ending) || file.size() == ending.size()) continue;
    std::string name(file.substr(0, file.size() - ending.size()));
    std::string label = gguf ? std::string(file) : name;
    return Source{std::move(name), std::move(label), gguf};
  }
  return std::nullopt;
}

Result<std::string> json_of_gguf(const std::string& path) {
  auto bytes = read_text(path);
  if (!bytes) return fail(bytes.error());
  auto scratch = ScratchFolder::make();
  if (!scratch) return fail(scratch.error());
  const std::string unpacked = scratch->path("vocab.gguf");
  if (auto done = write_file_atomically(posix_files(), unpacked, *bytes); !done)
    return fail(done.error());
  auto file = GgufFile::open(unpacked);
  if (!file) return fail(file.error().with(path));
  auto text = tokenizer_json_of(*file);
  if (!text) return fail(text.error().with(path));
  return text;
}

// SentencePiece as transformers writes it with `legacy: false`: a space goes before the whole text,
// not before what follows a special token.
Result<std::string> not_legacy(const std::string& tokenizer_json, const std::string& path) {
  auto root = parse_json_object(tokenizer_json);
  if (!root) return fail(root.error().with(path));
  (*root)["normalizer"] = nullptr;
  (*root)["pre_tokenizer"] = json::object{{"type", "Metaspace"},
                                          {"replacement", "\u2581"},
                                          {"prepend_scheme", "first"},
                                          {"split", false}};
  return json::serialize(*root);
}

struct Row {
  std::string text;
  Ids ids;
  Ids special;
  std::string decoded;
  std::string decoded_special;
  std::string decoded_skip;
};

// null stands for what is the same as another field.
Result<Row> read_row(const json::object& line) {
  auto text = field<std::string>(line, "text");
  if (!text) return fail(text.error());
  auto ids = ids_field(line, "ids");
  if (!ids) return fail(ids.error());
  auto decoded = field<std::string>(line, "decoded");
  if (!decoded) return fail(decoded.error());
  Row row{std::move(*text), *ids, *ids, *decoded, *decoded, *decoded};
  if (const json::value* special = line.if_contains("ids_special");
      special != nullptr && !special->is_null()) {
    auto read = ids_of(*special, "ids_special");
    if (!read) return fail(read.error());
    row.special = std::move(*read);
  }
  for (const auto& [name, into] : {std::pair("decoded_special", &row.decoded_special),
                                   std::pair("decoded_skip", &row.decoded_skip)}) {
    auto read = optional_field<std::string>(line, name);
    if (!read) return fail(read.error());
    if (read->has_value()) *into = std::move(**read);
  }
  return row;
}

Result<void> check_row(Case& checked, const Tokenizer& tokenizer,
                       const Result<json::object>& line) {
  if (!line) return fail(line.error());
  const auto row = read_row(*line);
  if (!row) return fail(row.error());
  checked.equal(kIds, tokenizer.encode(row->text, Specials::kText), row->ids, "ids");
  checked.equal(kIds, tokenizer.encode(row->text, Specials::kParse), row->special, "ids_special");
  checked.equal(kText, tokenizer.decode(row->ids, false), row->decoded, "decoded");
  checked.equal(kText, tokenizer.decode(row->special, false), row->decoded_special,
                "decoded_special");
  checked.equal(kText, tokenizer.decode(row->special, true), row->decoded_skip, "decoded_skip");
  return {};
}

Result<void> check_not_legacy(Case& checked, const Tokenizer& tokenizer, const json::object& line) {
  const auto row = read_row(line);
  if (!row) return fail(row.error());
  const json::value* given = line.if_contains(kNotLegacy);
  if (given == nullptr) {
    return fail(ErrorCode::kInvalid, "field '" + std::string(kNotLegacy) + "' is missing");
  }
  auto ids = given->is_null() ? Result<Ids>(row->special) : ids_of(*given, kNotLegacy);
  if (!ids) return fail(ids.error());
  checked.equal(kIds, tokenizer.encode(row->text, Specials::kParse), *ids, kNotLegacy);
  return {};
}

std::string subject(const std::string& label, const Line& line) {
  return label + ":" + std::to_string(line.number);
}

bool has_not_legacy(const Line& line) {
  return line.row && line.row->contains(kNotLegacy);
}

// Reads a tokenizer, which is a case of its own only where that fails.
std::optional<Tokenizer> tokenizer_of(Group& group, const std::string& label,
                                      const Result<std::string>& text) {
  auto tokenizer = text ? Tokenizer::parse(*text, label) : Result<Tokenizer>(fail(text.error()));
  if (tokenizer) return std::move(*tokenizer);
  group.run(label, [&](Case&) -> Result<void> { return fail(tokenizer.error()); });
  return std::nullopt;
}

void check_source(Group& group, const std::string& path, const Source& source,
                  const std::vector<Line>& lines) {
  const auto text = source.gguf ? json_of_gguf(path) : read_text(path);
  const auto tokenizer = tokenizer_of(group, source.label, text);
  if (!tokenizer) return;
  for (const Line& line : lines) {
    group.run(subject(source.label, line),
              [&](Case& checked) { return check_row(checked, *tokenizer, line.row); });
  }
  if (source.gguf || std::ranges::none_of(lines, has_not_legacy)) return;
  const std::string label = source.label + " (not legacy)";
  const auto other = tokenizer_of(group, label, not_legacy(*text, path));
  if (!other) return;
  for (const Line& line : lines) {
    if (!line.row) continue;  // said once already
    group.run(subject(label, line),
              [&](Case& checked) { return check_not_legacy(checked, *other, *line.row); });
  }
}

}  // namespace

GroupReport check_tokenizers(const Place& place) {
  Group group("tokenizer");
  const std::string folder = place.folder + "/tokenizer/";
  const auto names = names_in(folder);
  std::set<std::string> known;
  for (const std::string& name : names) {
    const auto source = source_of(name);
    if (!source) continue;
    known.insert(source->name);
    const auto lines = read_lines(folder + source->name + ".jsonl");
    if (lines) {
      check_source(group, folder + name, *source, *lines);
    } else {
      group.run(source->label, [&](Case&) -> Result<void> { return fail(lines.error()); });
    }
  }
  for (const std::string& name : names) {
    if (!name.ends_with(".jsonl") || known.contains(name.substr(0, name.size() - 6))) continue;
    group.run(name, [](Case&) -> Result<void> {
      return fail(ErrorCode::kNotFound, "there is no tokenizer of this name");
    });
  }
  return std::move(group).finish("absent: there is no tokenizer/NAME.tokenizer.json(.gz)");
}

}  // namespace hone::engine::golden
