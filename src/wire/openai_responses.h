// OpenAI Responses to the neutral form. Used inside this folder only.
//
// The format speaks of items, not of messages: what the model said in one answer is a row of items
// (reasoning, text, calls), and comes back as the same row in the next request. So items of the
// assistant that follow each other are one message here, in an answer and in a request alike.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "wire/answer.h"

namespace hone::wire {

// The tools, instructions and items of a request's body. Fails only where "input" is neither a text
// nor an array of objects. What the provider holds for the client (previous_response_id,
// conversation, prompt) is told by a part of the type "other": this context has a beginning that is
// not here.
[[nodiscard]] Result<std::vector<json::object>> read_responses_input(const json::object& body);

// The parts that one item of the assistant's gives to its message.
void add_assistant_item(json::array& parts, const json::object& item);

// Puts an answer together from the events of a stream, or takes it from one body.
class ResponsesAnswer {
 public:
  void read_event(const json::object& event);
  void read_body(const json::object& body);
  [[nodiscard]] std::size_t size_bytes() const { return size_bytes_; }
  [[nodiscard]] Answer finish();

 private:
  struct Part {
    std::string type;
    std::string text;
  };
  struct Item {
    json::object value;                  // as output_item.added or .done gave it
    std::map<std::int64_t, Part> parts;  // what the deltas have added, by index
    std::map<std::int64_t, Part> summary;
    std::string input;  // a call's arguments
    std::size_t size_bytes = 0;
    bool done = false;
  };
  void read_response(const json::object& response);
  void read_item(const json::object& event, bool done);
  void read_delta(std::string_view type, const json::object& event);
  void set_size(Item& item, std::size_t size_bytes);
  [[nodiscard]] static json::object whole(const Item& item);

  Answer answer_;
  std::map<std::int64_t, Item> items_;  // by the stream's output_index
  json::array output_;                  // of a response that came whole
  std::size_t size_bytes_ = 0;
  bool ended_ = false;
};

}  // namespace hone::wire
