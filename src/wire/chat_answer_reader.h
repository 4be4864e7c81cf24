// Reads an answer of Chat Completions, streamed or whole, into one order of pieces, whatever the
// server's habits: so that another format can be written from it. Used inside this folder only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace hone::wire {

struct ChatPiece {
  enum class Kind {
    kText,
    kRefusal,
    kThinking,
    kCall,       // begins: `text` is the name
    kArguments,  // of the call that began last
  };
  Kind kind = Kind::kText;
  std::string text;
  std::string id;  // of a call; never empty
};

struct ChatUsage {
  std::int64_t prompt = 0;  // with those from a cache
  std::int64_t cached = 0;
  std::int64_t completion = 0;
  std::int64_t reasoning = 0;  // among `completion`
};

enum class ChatEnd { kNone, kStop, kStopSequence, kLength, kCalls, kFiltered };

class ChatAnswerReader {
 public:
  // `id` is used where the server gives none.
  explicit ChatAnswerReader(std::string id) : id_(id), made_up_(std::move(id)) {}

  // kCorrupt where the stream cannot be followed, or is no answer: says why.
  [[nodiscard]] Result<std::vector<ChatPiece>> read_chunk(const json::object& chunk);
  [[nodiscard]] Result<std::vector<ChatPiece>> read_body(const json::object& body);

  [[nodiscard]] bool begun() const { return begun_; }  // a choice has come: id and model are known
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const std::string& model() const { return model_; }
  // kNone until the server has said why it ended.
  [[nodiscard]] ChatEnd end() const { return end_; }
  [[nodiscard]] const std::string& stop_sequence() const { return stop_sequence_; }
  [[nodiscard]] bool called() const { return !calls_.empty(); }
  [[nodiscard]] const ChatUsage& usage() const { return usage_; }
  // The chunk read last told the usage; with the end told, nothing more is to come.
  [[nodiscard]] bool usage_told() const { return usage_told_; }

 private:
  struct Call {
    std::int64_t index = 0;  // the server's
    std::string id;
    bool begun = false;  // its name is known
  };

  void read_common(const json::object& body, bool has_choice);
  Result<void> read_message(const json::object& message, std::vector<ChatPiece>& pieces);
  Result<void> read_call(const json::object& fragment, std::vector<ChatPiece>& pieces);
  Call* find_call(const json::object& fragment, std::string_view name);
  Result<void> read_end(const json::object& choice);

  std::string id_;
  std::string made_up_;
  std::string model_;
  std::vector<Call> calls_;
  std::size_t current_ = 0;  // of calls_: whose arguments may go on
  bool in_call_ = false;
  ChatEnd end_ = ChatEnd::kNone;
  std::string stop_sequence_;
  ChatUsage usage_;
  bool usage_told_ = false;
  bool begun_ = false;
};

}  // namespace hone::wire
