// What a rendered template is to a model: ids, and a mark on those that are trained on.
//
// A template writes special tokens, and people write texts that look like them. Which is which is
// told by provenance (jinja.h): the text of a special token counts as one where its first and its
// last byte are the template's own, so that "<|" + role + "|>" is one and "<|im_end|>" in a message
// is not. Everything else is encoded as plain text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/model/chat.h"
#include "engine/model/jinja.h"
#include "engine/model/tokenizer.h"
#include "engine/model/tokenizer_added.h"

namespace hone::engine {

class SpecialTokens {
 public:
  struct Place {
    std::size_t begin;
    std::size_t end;
    std::int64_t id;

    friend bool operator==(const Place&, const Place&) = default;
  };

  explicit SpecialTokens(const Tokenizer& tokenizer);

  // From left to right, the longest where several begin. `given`: in order, bytes that are not the
  // template's; nothing, as the reference sees it.
  [[nodiscard]] std::vector<Place> find(std::string_view text,
                                        const std::vector<jinja::Span>& given) const;

 private:
  std::shared_ptr<const std::vector<std::string>> texts_;  // at one place, for `matcher_`
  AddedMatcher matcher_;
};

// `trained`: the bytes that the loss counts, in order; a token counts if any byte of it does.
// `as_reference`: all that looks like a special token is one, as for apply_chat_template. kInvalid
// where the tokens cannot be laid over the text, because the tokenizer changes it.
[[nodiscard]] Result<EncodedChat> encode_rendered(const jinja::Rendered& rendered,
                                                  const std::vector<jinja::Span>& trained,
                                                  const Tokenizer& tokenizer,
                                                  const SpecialTokens& specials, bool as_reference);

}  // namespace hone::engine
