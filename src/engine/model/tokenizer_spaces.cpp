#include "engine/model/tokenizer_spaces.h"

#include <algorithm>

#include "engine/model/in_quotes.h"
#include "engine/model/tokenizer_steps.h"

namespace hone::engine {
namespace {

constexpr std::string_view kOnlyKnown =
    "with byte_fallback (SentencePiece, as in Llama 2): only Prepend and Replace, or Metaspace";

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

Result<Spaces> read_normalizer(const json::value& normalizer) {
  const auto steps = read_steps(normalizer, "normalizer", "normalizers");
  if (!steps) return fail(steps.error());
  Spaces spaces{.normalizes = true};
  bool replaced = false;
  for (const json::object* step : *steps) {
    const bool prepends = string_or_empty(*step, "type") == "Prepend" &&
                          string_or_empty(*step, "prepend") == kSpaceMark;
    if (prepends && spaces.prefix == SpacePrefix::kNone) {
      spaces.prefix = SpacePrefix::kEveryStretch;
    } else if (!replaced && replaces(*step, " ", kSpaceMark)) {
      replaced = true;
    } else {
      return unsupported_step("normalizer", *step, kOnlyKnown);
    }
  }
  if (!replaced) return invalid("normalizer: a Replace of spaces by U+2581 is missing");
  return spaces;
}

}  // namespace

Result<Spaces> read_metaspace(const json::object& step, std::string_view part) {
  const std::string place(part);
  if (string_or_empty(step, "replacement") != kSpaceMark) {
    return invalid(place + ": Metaspace must have U+2581 as its replacement");
  }
  const auto scheme = optional_field<std::string>(step, "prepend_scheme");
  if (!scheme) return fail(scheme.error().with(place + ": Metaspace"));
  const auto split = optional_field<bool>(step, "split");
  if (!split) return fail(split.error().with(place + ": Metaspace"));
  Spaces spaces{.split = split->value_or(true)};
  const std::string name = scheme->value_or("always");
  if (name == "always") {
    spaces.prefix = SpacePrefix::kUnlessThere;
  } else if (name == "first") {
    spaces.prefix = SpacePrefix::kFirst;
  } else if (name != "never") {
    return invalid(place + ": Metaspace's prepend_scheme " + in_quotes(name) + " is not known");
  }
  // How files said it before there was a scheme. Both together must agree, in the reference too.
  const auto prefix_space = optional_field<bool>(step, "add_prefix_space");
  if (!prefix_space) return fail(prefix_space.error().with(place + ": Metaspace"));
  if (!prefix_space->value_or(true) && spaces.prefix != SpacePrefix::kNone) {
    return invalid(place + ": Metaspace's add_prefix_space is false, its prepend_scheme " +
                   in_quotes(name));
  }
  return spaces;
}

Result<Spaces> read_spaces(const json::object& root) {
  const auto given = [&root](std::string_view name) {
    const json::value* value = root.if_contains(name);
    return value == nullptr || value->is_null() ? nullptr : value;
  };
  const json::value* normalizer = given("normalizer");
  const json::value* pretokenizer = given("pre_tokenizer");
  if (pretokenizer == nullptr) {
    if (normalizer != nullptr) return read_normalizer(*normalizer);
    return invalid(
        "normalizer and pre_tokenizer are missing: with byte_fallback one must say how "
        "spaces are written");
  }
  const json::object* step = pretokenizer->if_object();
  if (step == nullptr) return invalid("pre_tokenizer must be an object");
  if (string_or_empty(*step, "type") != "Metaspace") {
    return unsupported_step("pre_tokenizer", *step, kOnlyKnown);
  }
  if (normalizer != nullptr) {
    return invalid("normalizer: none is supported beside a Metaspace pre_tokenizer");
  }
  return read_metaspace(*step, "pre_tokenizer");
}

std::string mark_spaces(const Spaces& spaces, std::string_view stretch, TextPlace place) {
  const bool there = stretch.starts_with(' ') || stretch.starts_with(kSpaceMark);
  bool prefixed = spaces.prefix == SpacePrefix::kEveryStretch;
  if (spaces.prefix == SpacePrefix::kUnlessThere) prefixed = !there;
  if (spaces.prefix == SpacePrefix::kFirst) prefixed = !there && place == TextPlace::kStart;
  if (place == TextPlace::kInText) prefixed = false;
  const auto blanks = static_cast<std::size_t>(std::count(stretch.begin(), stretch.end(), ' '));
  std::string marked;
  marked.reserve(stretch.size() + (blanks + 1) * kSpaceMark.size());
  if (prefixed) marked = kSpaceMark;
  for (const char byte : stretch) {
    if (byte == ' ') {
      marked += kSpaceMark;
    } else {
      marked.push_back(byte);
    }
  }
  return marked;
}

}  // namespace hone::engine
