#include "engine/model/tokenizer_decoder.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "engine/model/tokenizer_spaces.h"
#include "engine/model/tokenizer_steps.h"
#include "engine/model/utf8.h"

namespace hone::engine {
namespace {

using Kind = DecoderStep::Kind;
using Tokens = std::vector<std::string>;

std::optional<char> byte_in(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  unsigned char byte = 0;
  const char* end = token.data() + 5;
  const auto read = std::from_chars(token.data() + 3, end, byte, 16);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return static_cast<char>(byte);
}

std::string replace_marks(std::string_view token, std::string_view by) {
  std::string text;
  for (;;) {
    const std::size_t mark = token.find(kSpaceMark);
    text += token.substr(0, mark);
    if (mark == std::string_view::npos) return text;
    text += by;
    token.remove_prefix(mark + kSpaceMark.size());
  }
}

// A run of byte tokens is text where it is UTF-8 as a whole; else every byte of it is U+FFFD, as in
// the reference.
Tokens join_bytes(Tokens tokens) {
  Tokens joined;
  std::string run;
  const auto end_run = [&joined, &run] {
    if (run.empty()) return;
    if (is_utf8(run)) {
      joined.push_back(run);
    } else {
      joined.insert(joined.end(), run.size(), "\uFFFD");
    }
    run.clear();
  };
  for (std::string& token : tokens) {
    if (const auto byte = byte_in(token)) {
      run.push_back(*byte);
      continue;
    }
    end_run();
    joined.push_back(std::move(token));
  }
  end_run();
  return joined;
}

std::string together(const Tokens& tokens) {
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

Tokens apply(const DecoderStep& step, Tokens tokens) {
  switch (step.kind) {
    case Kind::kReplaceMarks:
      for (std::string& token : tokens) token = replace_marks(token, " ");
      return tokens;
    case Kind::kMetaspace:
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        tokens[i] = replace_marks(tokens[i], i == 0 && step.drops_prefix ? "" : " ");
      }
      return tokens;
    case Kind::kByteFallback:
      return join_bytes(std::move(tokens));
    case Kind::kFuse:
      return {together(tokens)};
    case Kind::kStrip:
      for (std::string& token : tokens) {
        const std::size_t blanks = std::min(token.find_first_not_of(' '), token.size());
        token.erase(0, std::min(blanks, step.strip));
      }
      return tokens;
  }
  return tokens;
}

Result<DecoderStep> read_strip(const json::object& step) {
  const auto start = optional_field<std::int64_t>(step, "start");
  if (!start) return fail(start.error().with("decoder: Strip"));
  const auto stop = optional_field<std::int64_t>(step, "stop");
  if (!stop) return fail(stop.error().with("decoder: Strip"));
  if (string_or_empty(step, "content") != " " || start->value_or(0) < 0 || stop->value_or(0) != 0) {
    return fail(ErrorCode::kInvalid, "decoder: Strip must take spaces, and none at the end");
  }
  return DecoderStep{.kind = Kind::kStrip, .strip = static_cast<std::size_t>(start->value_or(0))};
}

Result<DecoderStep> read_step(const json::object& step) {
  const auto type = string_or_empty(step, "type");
  if (replaces(step, kSpaceMark, " ")) return DecoderStep{.kind = Kind::kReplaceMarks};
  if (type == "ByteFallback") return DecoderStep{.kind = Kind::kByteFallback};
  if (type == "Fuse") return DecoderStep{.kind = Kind::kFuse};
  if (type == "Strip") return read_strip(step);
  if (type == "Metaspace") {
    const auto spaces = read_metaspace(step, "decoder");
    if (!spaces) return fail(spaces.error());
    return DecoderStep{.kind = Kind::kMetaspace,
                       .drops_prefix = spaces->prefix != SpacePrefix::kNone};
  }
  return unsupported_step("decoder", step,
                          "with byte_fallback: only Replace of U+2581 by a space, Metaspace, "
                          "ByteFallback, Fuse and Strip are");
}

}  // namespace

Result<std::vector<DecoderStep>> read_decoder(const json::object& root) {
  const json::value* decoder = root.if_contains("decoder");
  if (decoder == nullptr || decoder->is_null()) {
    return fail(ErrorCode::kInvalid, "decoder is missing: byte_fallback needs one");
  }
  const auto steps = read_steps(*decoder, "decoder", "decoders");
  if (!steps) return fail(steps.error());
  std::vector<DecoderStep> read;
  bool marks = false;
  bool bytes = false;
  for (const json::object* step : *steps) {
    auto one = read_step(*step);
    if (!one) return fail(one.error());
    marks = marks || one->kind == Kind::kReplaceMarks || one->kind == Kind::kMetaspace;
    bytes = bytes || one->kind == Kind::kByteFallback;
    read.push_back(*one);
  }
  if (!marks) {
    return fail(ErrorCode::kInvalid, "decoder: nothing turns U+2581 into spaces");
  }
  if (!bytes) return fail(ErrorCode::kInvalid, "decoder: ByteFallback is missing");
  return read;
}

std::string decode_tokens(const std::vector<DecoderStep>& steps, std::vector<std::string> tokens) {
  for (const DecoderStep& step : steps) tokens = apply(step, std::move(tokens));
  return together(tokens);
}

std::string bytes_of_piece(std::string_view token) {
  if (const auto byte = byte_in(token)) return std::string(1, *byte);
  return replace_marks(token, " ");
}

}  // namespace hone::engine
