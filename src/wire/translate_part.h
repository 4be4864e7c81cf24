// Small steps that the translations between formats share: naming a field, refusing it, copying it.
// Used inside this folder only.
//
// Every object of a request that is translated goes through `check_fields`, with two lists beside
// each other: what is translated, and what is left out on purpose (docs/formats/translation.md has
// the reasons). What stands in neither is refused, so that nothing is dropped in silence.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace hone::wire {

using FieldNames = std::initializer_list<std::string_view>;

// "messages[3]" and "messages[3].content": how a field is named in messages.
[[nodiscard]] std::string item_of(std::string_view list, std::size_t index);
[[nodiscard]] std::string member_of(std::string_view object, std::string_view name);

// kInvalid: "field 'top_k' cannot be translated: …".
[[nodiscard]] std::unexpected<Error> untranslatable(std::string_view where, std::string_view why);

// Refuses the first member that neither list names. `where` is "" for the request itself. Null
// counts as absent.
[[nodiscard]] Result<void> check_fields(const json::object& object, std::string_view where,
                                        FieldNames translated, FieldNames left_out = {});

// The value at `name`, or nullptr where it is absent or null.
[[nodiscard]] const json::value* given(const json::object& object, std::string_view name);

// kInvalid, named, where there is none of that kind. The pointers are into what was given.
[[nodiscard]] Result<std::string> string_at(const json::object& object, std::string_view where,
                                            std::string_view name);
[[nodiscard]] Result<const json::object*> object_in(const json::value& value,
                                                    std::string_view where);
[[nodiscard]] Result<const json::array*> array_in(const json::value& value, std::string_view where);
[[nodiscard]] Result<const json::object*> object_member(const json::object& object,
                                                        std::string_view where,
                                                        std::string_view name);
[[nodiscard]] Result<const json::array*> array_member(const json::object& object,
                                                      std::string_view where,
                                                      std::string_view name);

// Copies a member under another name, where it is given.
void copy_field(const json::object& from, std::string_view name, json::object& to,
                std::string_view as);

// JSON as people and programs write it: 0.7 and not 7E-1. A model reads it.
[[nodiscard]] std::string plain_json(const json::value& value);

// The arguments of a call as an object: "" is {}. kInvalid where they are none.
[[nodiscard]] Result<json::object> arguments_object(const json::value* arguments,
                                                    std::string_view where);

// The parts of a message of Chat Completions as its "content". One text is a string, which every
// server takes; several stay apart.
[[nodiscard]] json::value content_of_chat(json::array parts);

// What a tool message says of a tool that a search has brought, and of a result that is an error:
// Chat Completions has a field for neither.
[[nodiscard]] std::string found_tool_text(std::string_view name);
[[nodiscard]] std::string failed_result_text(std::string_view text);

// An id of a tool call as Anthropic takes them (letters, digits, _ and -); others become _. The
// same id gives the same one in a call and in its result.
[[nodiscard]] std::string anthropic_tool_id(std::string_view id);

}  // namespace hone::wire
