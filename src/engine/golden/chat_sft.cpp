// chat/sft.jsonl: the ids of whole conversations, and which of them are trained on, as Hugging Face
// has it with the template NAME_training.jinja. Special-token text in a message becomes special
// there; what training and serving do instead is not compared (chat.h).
#include <map>
#include <memory>

#include "engine/golden/chat_rows.h"
#include "engine/golden/groups.h"
#include "engine/model/template_tokens.h"
#include "engine/model/tokenizer.h"

namespace hone::engine::golden {
namespace {

constexpr Bound kText{"text"};
constexpr Bound kIds{"ids"};
constexpr Bound kMask{"mask"};

struct Loaded {
  Tokenizer tokenizer;
  SpecialTokens specials;
};
using LoadedPtr = std::shared_ptr<const Loaded>;

// The file of the tokenizer whose name is a template's, or the longest beginning of it: llama3 is
// also that of llama3_1.
Result<std::string> tokenizer_file(const std::string& folder, const std::string& name) {
  std::string best;
  std::size_t length = 0;
  for (const std::string& file : names_in(folder)) {
    const auto end = file.find(".tokenizer.json");
    if (end == std::string::npos || end <= length || !name.starts_with(file.substr(0, end)))
      continue;
    best = file;
    length = end;
  }
  if (best.empty()) {
    return fail(ErrorCode::kNotFound,
                "there is no tokenizer/" + name + ".tokenizer.json(.gz) for the template");
  }
  return folder + best;
}

Result<LoadedPtr> load_tokenizer(const std::string& folder, const std::string& name) {
  const auto path = tokenizer_file(folder, name);
  if (!path) return fail(path.error());
  const auto text = read_text(*path);
  if (!text) return fail(text.error());
  auto tokenizer = Tokenizer::parse(*text, *path);
  if (!tokenizer) return fail(tokenizer.error());
  SpecialTokens specials(*tokenizer);
  return std::make_shared<const Loaded>(Loaded{std::move(*tokenizer), std::move(specials)});
}

// The rows do not say the special tokens that their template writes.
class SpecialTokensOfTemplates {
 public:
  // From the rows of rendered.jsonl, where that is there.
  explicit SpecialTokensOfTemplates(const std::string& chat) {
    const auto lines = read_lines(chat + "rendered.jsonl");
    for (const Line& line : lines.value_or(std::vector<Line>())) {
      if (!line.row) continue;
      const std::string name(string_or_empty(*line.row, "template"));
      by_template_.try_emplace(name, special_tokens_in(*line.row));
    }
  }

  // What the row has; else what other rows of the template have; else what models with such a
  // vocabulary have.
  [[nodiscard]] json::object find(const json::object& row, const std::string& name,
                                  const Tokenizer& tokenizer) const {
    json::object tokens = special_tokens_in(row);
    if (!tokens.empty()) return tokens;
    const auto found = by_template_.find(name);
    if (found != by_template_.end()) return found->second;
    for (const auto& [bos, eos] :
         {std::pair("<|begin_of_text|>", "<|eot_id|>"), std::pair("<|im_start|>", "<|im_end|>"),
          std::pair("<s>", "</s>")}) {
      if (tokenizer.added_id(bos)) return {{"bos_token", bos}, {"eos_token", eos}};
    }
    return {};
  }

 private:
  std::map<std::string, json::object> by_template_;
};

Ids to_ids(const std::vector<std::uint8_t>& mask) {
  return {mask.begin(), mask.end()};
}

// Whether the plain template writes the same text is said as well.
Result<void> compare_with_plain(Case& checked, const std::string& chat, const std::string& name,
                                const json::object& row, const TemplateInput& input,
                                const json::object& tokens, const std::string& text) {
  const auto same = optional_field<bool>(row, "training_template_equals_plain");
  if (!same) return fail(same.error());
  if (!same->has_value()) return {};
  const auto source = read_template(chat, name);
  if (!source) return fail(source.error());
  const auto plain = ChatTemplate::parse(*source, name + ".jinja", tokens);
  if (!plain) return fail(plain.error());
  const auto rendered = plain->render(input);
  if (!rendered) return fail(rendered.error());
  if ((rendered->text == text) != **same) {
    checked.fault(name + ".jinja writes " + (**same ? "another" : "the same") +
                  " text, which the row denies");
  }
  return {};
}

Result<void> check_row(Case& checked, const std::string& chat, const json::object& row,
                       const SpecialTokensOfTemplates& known, const Loaded& loaded) {
  const std::string name(string_or_empty(row, "template"));
  const auto text = field<std::string>(row, "rendered");
  if (!text) return fail(text.error());
  const auto ids = ids_field(row, "ids");
  if (!ids) return fail(ids.error());
  const auto mask = ids_field(row, "assistant_mask");
  if (!mask) return fail(mask.error());
  const auto input = read_input(row);
  if (!input) return fail(input.error());
  const auto source = read_template(chat, name + "_training");
  if (!source) return fail(source.error());
  const json::object tokens = known.find(row, name, loaded.tokenizer);
  const auto compiled = ChatTemplate::parse(*source, name + "_training.jinja", tokens);
  if (!compiled) return fail(compiled.error());
  const auto rendered = compiled->render(*input);
  if (!rendered) return fail(rendered.error());
  checked.equal(kText, rendered->text, *text, "rendered");
  const auto trained = compiled->trained(*input, *rendered, loaded.specials, true);
  if (!trained) return fail(trained.error());
  const auto encoded =
      encode_rendered(*rendered, *trained, loaded.tokenizer, loaded.specials, true);
  if (!encoded) return fail(encoded.error());
  checked.equal(kIds, encoded->ids, *ids, "ids");
  checked.equal(kMask, to_ids(encoded->assistant_mask), *mask, "assistant_mask");
  return compare_with_plain(checked, chat, name, row, *input, tokens, *text);
}

}  // namespace

GroupReport check_sft(const Place& place) {
  Group group("chat-sft");
  const std::string chat = place.folder + "/chat/";
  const std::string file = "sft.jsonl";
  std::vector<Line> lines;
  if (is_file(chat + file)) {
    auto read = read_lines(chat + file);
    if (!read) group.run(file, [&](Case&) -> Result<void> { return fail(read.error()); });
    lines = std::move(read).value_or(std::vector<Line>());
  }
  const SpecialTokensOfTemplates known(chat);
  std::map<std::string, Result<LoadedPtr>> tokenizers;
  for (const Line& line : lines) {
    group.run(subject_of(line, file), [&](Case& checked) -> Result<void> {
      if (!line.row) return fail(line.row.error());
      const auto name = field<std::string>(*line.row, "template");
      if (!name) return fail(name.error());
      auto found = tokenizers.find(*name);
      if (found == tokenizers.end()) {
        found =
            tokenizers.emplace(*name, load_tokenizer(place.folder + "/tokenizer/", *name)).first;
      }
      if (!found->second) return fail(found->second.error());
      return check_row(checked, chat, *line.row, known, **found->second);
    });
  }
  return std::move(group).finish("absent: there is no row in chat/sft.jsonl");
}

}  // namespace hone::engine::golden
