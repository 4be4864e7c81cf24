#include "capture/import_csv.h"

#include <algorithm>
#include <array>

namespace hone::capture {
namespace {

constexpr std::size_t kMaxFields = 4096;

}  // namespace

CsvReader::Step CsvReader::take(char c) {
  const bool line_ends = c == '\n' || (c == '\r' && window_.peek() == '\n');
  switch (state_) {
    case State::kQuoted:
      if (c == '"') {
        state_ = State::kAfterQuote;
      } else {
        fields_.back() += c;
      }
      return Step::kOn;
    case State::kAfterQuote:
      if (c == '"') {
        fields_.back() += c;
        state_ = State::kQuoted;
        return Step::kOn;
      }
      if (c != shape_.separator && !line_ends && !(c == '\r' && window_.peek() < 0)) {
        return Step::kBroken;
      }
      break;
    case State::kFieldStart:
      if (c == '"' && shape_.quotes) {
        state_ = State::kQuoted;
        return Step::kOn;
      }
      state_ = State::kPlain;
      break;
    case State::kPlain:
      break;
  }
  if (c == '\n') return Step::kRowEnds;
  if (line_ends || (c == '\r' && window_.peek() < 0)) return Step::kOn;  // the LF follows
  if (c == shape_.separator) {
    fields_.emplace_back();
    state_ = State::kFieldStart;
  } else {
    fields_.back() += c;
  }
  return Step::kOn;
}

Error CsvReader::broken(ErrorCode code, std::string why) {
  const std::size_t first = window_.since_mark().find('\n');
  if (first != std::string_view::npos) {
    window_.rewind(first + 1);
  } else {
    for (int c = window_.get(); c >= 0 && c != '\n'; c = window_.get()) window_.mark();
  }
  return {code, std::move(why)};
}

Result<std::optional<std::vector<std::string>>> CsvReader::next() {
  for (;;) {
    window_.mark();
    line_ = window_.lines() + 1;
    state_ = State::kFieldStart;
    fields_.assign(1, {});
    int byte = window_.get();
    if (byte == ByteWindow::kEnd) return std::optional<std::vector<std::string>>();
    Step step = Step::kOn;
    for (; byte >= 0; byte = window_.get()) {
      step = take(static_cast<char>(byte));
      if (step != Step::kOn) break;
      if (window_.since_mark().size() > shape_.max_row_bytes) {
        return fail(broken(ErrorCode::kTooLarge, "the row is over " +
                                                     std::to_string(shape_.max_row_bytes >> 20U) +
                                                     " MiB, or a quote in this line never closes"));
      }
      if (fields_.size() > kMaxFields) {
        return fail(broken(ErrorCode::kTooLarge, "the row has over 4096 fields"));
      }
    }
    if (byte == ByteWindow::kDamaged) return fail(window_.error());
    if (step == Step::kBroken) {
      const auto there = window_.lines() + 1;
      return fail(broken(ErrorCode::kInvalid,
                         "a quoted field goes on behind its closing quote (line " +
                             std::to_string(there) + "); is a quote missing, or not doubled?"));
    }
    if (byte == ByteWindow::kEnd && state_ == State::kQuoted) {
      return fail(broken(ErrorCode::kInvalid, "a quoted field never closes"));
    }
    // Only quotes bring a line's end into a field.
    const bool several_lines = std::ranges::any_of(
        fields_, [](const std::string& field) { return field.find('\n') != std::string::npos; });
    if (several_lines && width_ && fields_.size() != *width_) {
      return fail(broken(ErrorCode::kInvalid, std::to_string(fields_.size()) +
                                                  " fields over several lines where the "
                                                  "header has " +
                                                  std::to_string(*width_) +
                                                  "; is a quote missing?"));
    }
    if (fields_.size() == 1 && fields_[0].empty()) continue;  // a blank line
    return std::optional<std::vector<std::string>>(std::move(fields_));
  }
}

char guess_separator(std::string_view beginning) {
  constexpr std::array<char, 4> kKnown = {',', ';', '\t', '|'};
  std::array<std::size_t, kKnown.size()> counts{};
  bool quoted = false;
  for (const char c : beginning) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '\n') break;
    for (std::size_t i = 0; i < kKnown.size(); ++i) counts.at(i) += c == kKnown.at(i) ? 1 : 0;
  }
  const auto most = std::ranges::max_element(counts);
  return kKnown.at(static_cast<std::size_t>(most - counts.begin()));
}

}  // namespace hone::capture
