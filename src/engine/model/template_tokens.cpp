#include "engine/model/template_tokens.h"

#include <algorithm>

namespace hone::engine {
namespace {

using jinja::Span;

// Whether `position` lies in one of `spans`, which are in order.
bool lies_in(const std::vector<Span>& spans, std::size_t position) {
  const auto span = std::upper_bound(spans.begin(), spans.end(), position,
                                     [](std::size_t at, const Span& one) { return at < one.end; });
  return span != spans.end() && span->begin <= position;
}

bool overlaps(const std::vector<Span>& spans, const Span& wanted) {
  const auto span = std::upper_bound(spans.begin(), spans.end(), wanted.begin,
                                     [](std::size_t at, const Span& one) { return at < one.end; });
  return span != spans.end() && span->begin < wanted.end;
}

// The text between special tokens, and those by their ids.
std::vector<std::int64_t> encode_pieces(std::string_view text,
                                        const std::vector<SpecialTokens::Place>& places,
                                        const Tokenizer& tokenizer) {
  std::vector<std::int64_t> ids;
  const auto add_text = [&](std::size_t begin, std::size_t end) {
    if (begin == end) return;
    const auto more = tokenizer.encode(text.substr(begin, end - begin), Specials::kText);
    ids.insert(ids.end(), more.begin(), more.end());
  };
  std::size_t begin = 0;
  for (const SpecialTokens::Place& place : places) {
    add_text(begin, place.begin);
    ids.push_back(place.id);
    begin = place.end;
  }
  add_text(begin, text.size());
  return ids;
}

// The bytes of `text` that each token stands for, so that they cover it. SentencePiece begins a
// stretch with a blank of its own, which no byte stands for.
Result<std::vector<Span>> lay_over(std::string_view text, const std::vector<std::int64_t>& ids,
                                   const Tokenizer& tokenizer) {
  std::vector<Span> spans;
  spans.reserve(ids.size());
  std::size_t at = 0;
  for (const std::int64_t id : ids) {
    std::string_view bytes = tokenizer.bytes(id);
    if (!text.substr(at).starts_with(bytes) && bytes.starts_with(' ')) bytes.remove_prefix(1);
    if (!text.substr(at).starts_with(bytes)) break;
    spans.push_back({at, at + bytes.size()});
    at += bytes.size();
  }
  if (spans.size() == ids.size() && at == text.size()) return spans;
  return fail(ErrorCode::kInvalid,
              "the tokenizer changes the text at byte " + std::to_string(at) +
                  ", so it cannot be told which of its tokens the loss counts");
}

}  // namespace

SpecialTokens::SpecialTokens(const Tokenizer& tokenizer)
    : matcher_(std::vector<AddedMatcher::Entry>()) {
  std::vector<std::int64_t> ids;
  std::vector<std::string> texts;
  for (std::int64_t id = 0; id < tokenizer.vocab_size(); ++id) {
    const std::string_view text = tokenizer.bytes(id);
    if (!tokenizer.is_special(id) || text.empty()) continue;
    ids.push_back(id);
    texts.emplace_back(text);
  }
  texts_ = std::make_shared<const std::vector<std::string>>(std::move(texts));
  std::vector<AddedMatcher::Entry> entries;
  for (std::size_t i = 0; i < ids.size(); ++i) entries.push_back({(*texts_)[i], ids[i]});
  matcher_ = AddedMatcher(std::move(entries));
}

std::vector<SpecialTokens::Place> SpecialTokens::find(std::string_view text,
                                                      const std::vector<Span>& given) const {
  std::vector<Place> places;
  for (std::size_t i = 0; i < text.size();) {
    const AddedMatcher::Entry* found = matcher_.match(text.substr(i));
    const std::size_t end = found != nullptr ? i + found->text.size() : i + 1;
    const bool own = found != nullptr && !lies_in(given, i) && !lies_in(given, end - 1);
    if (own) places.push_back({i, end, found->id});
    i = own ? end : i + 1;
  }
  return places;
}

Result<EncodedChat> encode_rendered(const jinja::Rendered& rendered,
                                    const std::vector<Span>& trained, const Tokenizer& tokenizer,
                                    const SpecialTokens& specials, bool as_reference) {
  const auto all = specials.find(rendered.text, {});
  EncodedChat encoded;
  if (as_reference || specials.find(rendered.text, rendered.given) == all) {
    encoded.ids = tokenizer.encode(rendered.text, Specials::kParse);
  } else {
    encoded.ids =
        encode_pieces(rendered.text, specials.find(rendered.text, rendered.given), tokenizer);
  }
  encoded.assistant_mask.assign(encoded.ids.size(), 0);
  if (trained.empty()) return encoded;
  const auto spans = lay_over(rendered.text, encoded.ids, tokenizer);
  if (!spans) return fail(spans.error());
  for (std::size_t i = 0; i < spans->size(); ++i) {
    encoded.assistant_mask[i] = overlaps(trained, (*spans)[i]) ? 1 : 0;
  }
  return encoded;
}

}  // namespace hone::engine
