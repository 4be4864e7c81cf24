#include "engine/model/tokenizer_lines.h"

#include <istream>
#include <ostream>

#include "base/json.h"
#include "engine/model/tokenizer.h"

namespace hone::engine {
namespace {

Result<json::object> encode_line(const json::object& line, const Tokenizer& tokenizer,
                                 const TokenizeOptions& options) {
  const auto text = field<std::string>(line, "text");
  if (!text) return fail(text.error());
  const auto ids = tokenizer.encode(*text, options.special ? Specials::kParse : Specials::kText);
  return json::object{{"ids", json::array(ids.begin(), ids.end())}};
}

Result<json::object> decode_line(const json::object& line, const Tokenizer& tokenizer,
                                 const TokenizeOptions& options) {
  const auto array = field<json::array>(line, "ids");
  if (!array) return fail(array.error());
  std::vector<std::int64_t> ids;
  ids.reserve(array->size());
  for (const json::value& value : *array) {
    const auto id = as<std::int64_t>(value, "ids");
    if (!id) return fail(id.error());
    if (*id < 0 || *id >= tokenizer.vocab_size()) {
      return fail(ErrorCode::kInvalid,
                  "field 'ids': " + std::to_string(*id) + " is not a token of this tokenizer");
    }
    ids.push_back(*id);
  }
  return json::object{{"text", tokenizer.decode(ids, options.skip_special)}};
}

}  // namespace

Result<void> tokenize_lines(std::istream& in, std::ostream& out, const TokenizeOptions& options) {
  const auto tokenizer = Tokenizer::load(options.model);
  if (!tokenizer) return fail(tokenizer.error());
  const auto answer_to = options.decode ? decode_line : encode_line;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto object = parse_json_object(line);
    auto answer = object ? answer_to(*object, *tokenizer, options)
                         : Result<json::object>(fail(object.error()));
    if (!answer) return fail(answer.error().with("line " + std::to_string(number)));
    out << json::serialize(*answer) << '\n' << std::flush;
    if (!out) return fail(ErrorCode::kIo, "the answers cannot be written");
  }
  return {};
}

}  // namespace hone::engine
