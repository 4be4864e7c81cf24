// Small readings that the formats' answers share. Used inside this folder only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "wire/answer.h"

namespace hone::wire {

// The object at `name`, or nullptr.
[[nodiscard]] const json::object* object_at(const json::object& object, std::string_view name);

// The type (or code) of an error object. Only a short plain word comes through: messages may hold
// content.
[[nodiscard]] std::string error_type(const json::value& error);

// Overrides `count` where `usage` has a number under that name that is not negative.
void take_count(const json::object& usage, std::string_view name, std::int64_t& count);

// The choice of Chat Completions that tools show: the first. More of them are asked for by
// evaluations alone.
[[nodiscard]] const json::object* first_choice(const json::object& body);

// Gathers the ids of the message's tool calls; a message without parts becomes empty.
void finish_message(Answer& answer);

}  // namespace hone::wire
