// Settings in a text of any of the formats: read, compared, put in and taken out. Texts are edited,
// never written anew: what a person wrote keeps its bytes, comments and order.
//
// `put` holds its own result against what was asked: the edited text must read as the old document
// with the settings in it and nothing else changed, or it is refused. So a construct that an editor
// does not understand ends in an error, never in a damaged file.
#pragma once

#include <string>
#include <string_view>

#include "cli/connect/setting.h"

namespace hone::cli::connect {

// The text as a document (kWhole: a string). An empty text is an empty object. YAML's scalars are
// strings.
[[nodiscard]] Result<json::value> parse_document(Format format, std::string_view text);

enum class Standing { kStands, kDiffers, kMissing };
[[nodiscard]] Standing standing(const json::value& document, const Setting& setting);
// The value at `path`, or nullptr.
[[nodiscard]] const json::value* value_at(const json::value& document,
                                          const std::vector<std::string>& path);

// `text` with the settings of the plan in it.
[[nodiscard]] Result<std::string> put(const FilePlan& plan, std::string_view text);

// Takes out of `text` what `settings` say, where it still stands, and puts back what `before` had
// in its place: for files that were rewritten since, in which the lines are not found any more.
struct TakenOut {
  std::string text;
  std::vector<std::string> left;     // ours, and still there
  std::vector<std::string> changed;  // ours once, with another's value now: it stays
};
[[nodiscard]] TakenOut take_out(Format format, const std::vector<Setting>& settings,
                                std::string_view before, std::string_view text);

// ---- the editors -------------------------------------------------------------------------------
// Each takes a text that parses, and gives the edited one.

[[nodiscard]] Result<json::value> parse_jsonc(std::string_view text);
// New members go to the front of their object (behind "$schema"), since no line of others changes
// then.
[[nodiscard]] Result<std::string> set_in_jsonc(std::string_view text, const Setting& setting);
// `unset_…`: removes what stands at the path, or the item of the list that equals the value; no
// change where it is absent.
[[nodiscard]] Result<std::string> unset_in_jsonc(std::string_view text, const Setting& setting);

[[nodiscard]] Result<json::value> parse_toml(std::string_view text);
[[nodiscard]] Result<std::string> set_in_toml(std::string_view text, const Setting& setting);
[[nodiscard]] Result<std::string> unset_in_toml(std::string_view text, const Setting& setting);
// The value at `path` as `before` writes it; kConflict where either text has no such line.
[[nodiscard]] Result<std::string> restore_in_toml(std::string_view text,
                                                  const std::vector<std::string>& path,
                                                  std::string_view before);

[[nodiscard]] Result<json::value> parse_yaml(std::string_view text);
[[nodiscard]] Result<std::string> set_in_yaml(std::string_view text, const Setting& setting);
[[nodiscard]] Result<std::string> unset_in_yaml(std::string_view text, const Setting& setting);

[[nodiscard]] Result<json::value> parse_dotenv(std::string_view text);
[[nodiscard]] Result<std::string> set_in_dotenv(std::string_view text, const Setting& setting);
[[nodiscard]] Result<std::string> unset_in_dotenv(std::string_view text, const Setting& setting);

// ---- what they share ---------------------------------------------------------------------------

// The line break that the text uses: "\r\n" where its first line ends so.
[[nodiscard]] std::string_view line_break(std::string_view text);
// 1 for the first line.
[[nodiscard]] std::size_t line_number(std::string_view text, std::size_t offset);
// Blanks and tabs at the beginning of the line that holds `offset`.
[[nodiscard]] std::string_view indent_of_line(std::string_view text, std::size_t offset);
// The beginning of the line that holds `offset`.
[[nodiscard]] std::size_t line_start(std::string_view text, std::size_t offset);
// Behind the line break of the line that holds `offset`, or the end of the text.
[[nodiscard]] std::size_t next_line(std::string_view text, std::size_t offset);
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace hone::cli::connect
