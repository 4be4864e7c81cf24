#include "engine/schema/pattern.h"

#include <hs/hs.h>

#include <string>

#include "engine/model/utf8.h"

namespace hone::engine {
namespace {

constexpr std::size_t kLongestExpression = 16U << 10;
constexpr std::size_t kLongestText = 16U << 20;

// Ends the scan at the first match.
int on_match(unsigned, unsigned long long, unsigned long long, unsigned, void* found) {
  *static_cast<bool*>(found) = true;
  return 1;
}

struct FreeDatabase {
  void operator()(hs_database_t* database) const { hs_free_database(database); }
};
struct FreeScratch {
  void operator()(hs_scratch_t* scratch) const { hs_free_scratch(scratch); }
};
using Database = std::unique_ptr<hs_database_t, FreeDatabase>;

Result<Database> build(const std::string& expression) {
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  const unsigned flags = HS_FLAG_UTF8 | HS_FLAG_ALLOWEMPTY | HS_FLAG_SINGLEMATCH;
  if (hs_compile(expression.c_str(), flags, HS_MODE_BLOCK, nullptr, &database, &error) !=
      HS_SUCCESS) {
    const std::string why = error != nullptr ? error->message : "it cannot be compiled";
    hs_free_compile_error(error);
    return fail(ErrorCode::kInvalid, "'" + expression + "' is no regular expression here: " + why);
  }
  return Database(database);
}

}  // namespace

struct Pattern::Compiled {
  Database database;
  std::unique_ptr<hs_scratch_t, FreeScratch> scratch;
};

Result<Pattern> Pattern::compile(std::string_view expression, Where where) {
  if (expression.size() > kLongestExpression)
    return fail(ErrorCode::kTooLarge, "the regular expression has more than " +
                                          std::to_string(kLongestExpression) + " bytes");
  if (expression.find('\0') != std::string_view::npos || !is_utf8(expression))
    return fail(ErrorCode::kInvalid, "the regular expression is not text");
  // By itself first, so that "a)|(b" is not made whole by what is put around it.
  auto database = build(std::string(expression));
  if (database && where == Where::kWhole)
    database = build("\\A(?:" + std::string(expression) + ")\\z");
  if (!database) return fail(database.error());
  auto compiled = std::make_shared<Compiled>();
  hs_scratch_t* scratch = nullptr;
  if (hs_alloc_scratch(database->get(), &scratch) != HS_SUCCESS)
    return fail(ErrorCode::kInternal, "Vectorscan gives no scratch space");
  compiled->scratch.reset(scratch);
  compiled->database = std::move(*database);
  return Pattern(std::move(compiled));
}

bool Pattern::matches(std::string_view text) const {
  if (text.size() > kLongestText || !is_utf8(text)) return false;
  bool found = false;
  const char* bytes = text.empty() ? "" : text.data();
  const hs_error_t ended =
      hs_scan(compiled_->database.get(), bytes, static_cast<unsigned>(text.size()), 0,
              compiled_->scratch.get(), on_match, &found);
  HONE_ASSERT(ended == HS_SUCCESS || ended == HS_SCAN_TERMINATED);
  return found;
}

std::string_view format_expression(std::string_view format) {
  static const std::string kDate =
      "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
      "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
      // Of leap years: those divisible by four, of the centuries by 400.
      "|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])"
      "|(?:[02468][048]|[13579][26])00)-02-29)";
  static const std::string kClock = "(?:[01][0-9]|2[0-3]):[0-5][0-9]";
  static const std::string kTime = kClock + ":[0-5][0-9](?:\\.[0-9]{1,9})?(?:Z|[+-]" + kClock + ")";
  static const std::string kDateTime = kDate + "T" + kTime;
  static const std::string kHex = "[0-9a-fA-F]";
  static const std::string kUuid = kHex + "{8}(?:-" + kHex + "{4}){3}-" + kHex + "{12}";
  if (format == "date") return kDate;
  if (format == "time") return kTime;
  if (format == "date-time") return kDateTime;
  if (format == "uuid") return kUuid;
  return {};
}

}  // namespace hone::engine
