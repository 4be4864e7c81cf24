// The fields of a Chat Completions request, one of three kinds each: done by this engine; left out
// because they change nothing of an answer (notes for the provider's books, hints); or refused,
// with the one value, where there is one, that asks for nothing. Nothing is dropped in silence.
// docs/formats/serving.md has the same lists.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace hone::engine::openai {

// kInvalid names the first field that cannot be had. Null counts as absent.
[[nodiscard]] Result<void> check_request_fields(const json::object& body);

// The same for an object inside: `where` is "messages[3]".
[[nodiscard]] Result<void> check_fields(const json::object& object, std::string_view where,
                                        std::initializer_list<std::string_view> done,
                                        std::initializer_list<std::string_view> left_out = {});

// kInvalid: "field 'messages[3].name' …".
[[nodiscard]] std::unexpected<Error> refused(std::string_view field, std::string_view why);

}  // namespace hone::engine::openai
