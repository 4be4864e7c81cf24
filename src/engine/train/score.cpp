#include "engine/train/score.h"

#include <istream>
#include <optional>
#include <ostream>

#include "engine/train/policy.h"

namespace hone::engine {
namespace {

constexpr std::size_t kBatchTokens = 4096;

class Scorer {
 public:
  Scorer(Policy policy, std::optional<Chat> chat, std::ostream& out)
      : policy_(std::move(policy)), chat_(std::move(chat)), out_(out) {}

  Result<void> take(const std::string& line) {
    auto object = parse_json_object(line);
    if (!object) return fail(object.error());
    auto sequence = object->contains("ids") ? parse_ids(*object) : parse_conversation(*object);
    if (!sequence) return fail(sequence.error());
    tokens_ += sequence->ids.size();
    waiting_.push_back(std::move(*sequence));
    if (tokens_ >= kBatchTokens) answer();
    return {};
  }

  // Writes what waits.
  void answer() {
    if (waiting_.empty()) return;
    std::vector<const Sequence*> sequences;
    for (const Sequence& sequence : waiting_) sequences.push_back(&sequence);
    const at::Tensor logprobs = answer_logprobs(policy_, Whose::kPolicy, sequences).logprobs;
    const float* next = logprobs.const_data_ptr<float>();
    for (const Sequence& sequence : waiting_) {
      json::array values;
      double sum = 0;
      for (std::int64_t i = 0; i < sequence.trained(); ++i, ++next) {
        values.emplace_back(static_cast<double>(*next));
        sum += *next;
      }
      out_ << json::serialize(json::object{{"logprobs", std::move(values)},
                                           {"sum", sum},
                                           {"mean", sum / static_cast<double>(sequence.trained())}})
           << '\n';
    }
    out_.flush();
    waiting_.clear();
    tokens_ = 0;
  }

 private:
  [[nodiscard]] Result<Sequence> parse_ids(const json::object& object) const {
    auto array = field<json::array>(object, "ids");
    if (!array) return fail(array.error());
    Sequence sequence{{}, 1};
    for (const json::value& value : *array) {
      auto id = as<std::int64_t>(value, "ids");
      if (!id) return fail(id.error());
      if (*id < 0 || *id >= policy_.weights.config.vocab_size)
        return fail(ErrorCode::kInvalid,
                    "field 'ids': " + std::to_string(*id) + " is not a token of this model");
      sequence.ids.push_back(*id);
    }
    if (sequence.ids.size() < 2)
      return fail(ErrorCode::kInvalid, "field 'ids' needs at least two tokens");
    return sequence;
  }

  [[nodiscard]] Result<Sequence> parse_conversation(const json::object& object) const {
    auto array = field<json::array>(object, "messages");
    if (!array) return fail(array.error());
    auto messages = parse_messages(*array);
    if (!messages) return fail(messages.error());
    if (!chat_) return fail(ErrorCode::kInvalid, "the model has no chat template; send 'ids'");
    return encode_for_training(*messages, *chat_);
  }

  Policy policy_;
  std::optional<Chat> chat_;
  std::ostream& out_;
  std::vector<Sequence> waiting_;
  std::size_t tokens_ = 0;
};

}  // namespace

Result<void> score_lines(std::istream& in, std::ostream& out, const ScoreOptions& options) {
  auto weights = load_llama(options.model, compute_type(options.dtype));
  if (!weights) return fail(weights.error());
  Policy policy{.weights = std::move(*weights), .compute = compute_type(options.dtype)};
  if (!options.adapter.empty()) {
    auto adapter = load_lora(options.adapter, policy.weights.config);
    if (!adapter) return fail(adapter.error());
    policy.adapter = std::move(*adapter);
  }
  // Ids need no tokenizer.
  auto tokenizer = Tokenizer::load(options.model);
  std::optional<Chat> chat;
  if (tokenizer) {
    auto loaded = Chat::load(options.model, *tokenizer);
    if (loaded) chat.emplace(std::move(*loaded));
  }
  Scorer scorer(std::move(policy), std::move(chat), out);
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (auto taken = scorer.take(line); !taken) {
      scorer.answer();
      return fail(taken.error().with("line " + std::to_string(number)));
    }
  }
  scorer.answer();
  return {};
}

}  // namespace hone::engine
