#include "privacy/matcher.h"

#include <hs/hs.h>

#include <exception>
#include <mutex>

#include "privacy/finding.h"

namespace hone::privacy {
namespace {

struct FreeDatabase {
  void operator()(hs_database_t* database) const { hs_free_database(database); }
};
struct FreeScratch {
  void operator()(hs_scratch_t* scratch) const { hs_free_scratch(scratch); }
};
using ScratchPtr = std::unique_ptr<hs_scratch_t, FreeScratch>;

struct Call {
  const Matcher::OnHit& on_hit;
  std::exception_ptr error = nullptr;  // none may pass through Vectorscan's C
};

int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned, void* context) {
  auto& call = *static_cast<Call*>(context);
  try {
    return call.on_hit({id, static_cast<std::size_t>(from), static_cast<std::size_t>(to)}) ? 0 : 1;
  } catch (...) {
    call.error = std::current_exception();
    return 1;
  }
}

}  // namespace

struct Matcher::State {
  std::unique_ptr<hs_database_t, FreeDatabase> database;
  ScratchPtr prototype;
  mutable std::mutex mutex;  // guards free
  mutable std::vector<ScratchPtr> free;

  Result<ScratchPtr> take_scratch() const {
    {
      const std::lock_guard lock(mutex);
      if (!free.empty()) {
        ScratchPtr scratch = std::move(free.back());
        free.pop_back();
        return scratch;
      }
    }
    hs_scratch_t* scratch = nullptr;
    if (hs_clone_scratch(prototype.get(), &scratch) != HS_SUCCESS) {
      return fail(ErrorCode::kUnavailable, "no memory to redact with");
    }
    return ScratchPtr(scratch);
  }
};

Matcher::Matcher(std::unique_ptr<State> state) : state_(std::move(state)) {}
Matcher::~Matcher() = default;

Result<std::unique_ptr<Matcher>> Matcher::compile(const std::vector<Pattern>& patterns) {
  std::vector<const char*> expressions;
  std::vector<unsigned> flags;
  std::vector<unsigned> ids;
  for (const Pattern& pattern : patterns) {
    expressions.push_back(pattern.expression.c_str());
    flags.push_back((pattern.caseless ? HS_FLAG_CASELESS : 0U) |
                    (pattern.whole ? HS_FLAG_SOM_LEFTMOST : 0U));
    ids.push_back(static_cast<unsigned>(ids.size()));
  }
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_compile_multi(expressions.data(), flags.data(), ids.data(),
                       static_cast<unsigned>(expressions.size()), HS_MODE_BLOCK, nullptr, &database,
                       &error) != HS_SUCCESS) {
    std::string message = "pattern ";
    if (error->expression >= 0) {
      message += "'" + patterns[static_cast<std::size_t>(error->expression)].expression + "' ";
    }
    message += "does not compile: ";
    message += error->message;
    hs_free_compile_error(error);
    return fail(ErrorCode::kInvalid, std::move(message));
  }
  auto state = std::make_unique<State>();
  state->database.reset(database);
  hs_scratch_t* scratch = nullptr;
  if (hs_alloc_scratch(database, &scratch) != HS_SUCCESS) {
    return fail(ErrorCode::kUnavailable, "no memory to redact with");
  }
  state->prototype.reset(scratch);
  return std::unique_ptr<Matcher>(new Matcher(std::move(state)));
}

Result<bool> Matcher::scan(std::string_view text, const OnHit& on_hit) const {
  auto scratch = state_->take_scratch();
  if (!scratch) return fail(scratch.error());
  Call call{on_hit};
  const auto code = hs_scan(state_->database.get(), text.data(), static_cast<unsigned>(text.size()),
                            0, scratch->get(), on_match, &call);
  {
    const std::lock_guard lock(state_->mutex);
    state_->free.push_back(std::move(*scratch));
  }
  if (call.error != nullptr) std::rethrow_exception(call.error);
  if (code == HS_SCAN_TERMINATED) return false;
  if (code != HS_SUCCESS) return fail(ErrorCode::kInternal, "redaction could not read the text");
  return true;
}

std::string quoted_pattern(std::string_view literal) {
  std::string pattern;
  for (const char c : literal) {
    if (!is_word(c)) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

}  // namespace hone::privacy
