// smollm2/: a real model, from its GGUF file on: the file, tensors of each of its types, and
// prompts through the chat template, the tokenizer, and the batcher that serves.
#include <ATen/ATen.h>

#include <algorithm>
#include <future>
#include <memory>
#include <optional>

#include "base/hash.h"
#include "engine/golden/files.h"
#include "engine/golden/groups.h"
#include "engine/golden/models.h"
#include "engine/model/chat.h"
#include "engine/model/gguf.h"
#include "engine/model/import.h"
#include "engine/model/mapped_file.h"
#include "engine/serve/batcher.h"

namespace hone::engine::golden {
namespace {

constexpr Bound kFile{"file"};
constexpr Bound kTensors{"tensors"};
constexpr Bound kIds{"ids"};
constexpr Bound kTopLogits{"logits", 2e-3};
constexpr Bound kAnswers{"log-probabilities", 1e-4};
constexpr Bound kGreedy{"greedy"};

constexpr std::int64_t kEnd = 2;            // greedy answers end at this id
constexpr std::int64_t kGreedyTokens = 40;  // or after so many
constexpr double kTie = 5e-3;               // two best logits nearer than this may change places
constexpr std::size_t kAtOnce = 8;          // prompts, each with its greedy and its given answer

std::string digest_of(const std::vector<float>& values) {
  return hex(sha256({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)}));
}

Result<void> check_file(Case& checked, const std::string& path, const json::object& document) {
  const auto digest = field<std::string>(document, "gguf_sha256");
  if (!digest) return fail(digest.error());
  const auto file = map_file(path);
  if (!file) return fail(file.error());
  checked.equal(kFile, hex(sha256(file->bytes)), *digest, "gguf_sha256 of " + path);
  return {};
}

// Hugging Face's name of a tensor whose rows llama.cpp keeps in another order.
Result<std::string> reordered_name(std::string_view gguf_name) {
  constexpr std::string_view kBlock = "blk.";
  const auto dot = gguf_name.find('.', kBlock.size());
  const auto layer = gguf_name.substr(0, dot).substr(std::min(kBlock.size(), gguf_name.size()));
  const auto rest = dot == std::string_view::npos ? "" : gguf_name.substr(dot + 1);
  const bool q = rest == "attn_q.weight";
  if (!gguf_name.starts_with(kBlock) || (!q && rest != "attn_k.weight")) {
    return fail(ErrorCode::kInvalid,
                "sha256_hf_order_f32le: only the rows of attn_q and attn_k have another order");
  }
  return "model.layers." + std::string(layer) + ".self_attn." + (q ? "q" : "k") + "_proj.weight";
}

Result<void> check_tensor(Case& checked, const GgufFile& file, const Checkpoint& imported,
                          const std::string& name, const json::value& value) {
  const auto entry = as<json::object>(value, name);
  if (!entry) return fail(entry.error());
  const GgufTensor* tensor = file.find_tensor(name);
  if (tensor == nullptr) return fail(ErrorCode::kNotFound, "the GGUF file has no such tensor");
  const auto shape = ids_field(*entry, "shape_rows_cols");
  if (!shape) return fail(shape.error());
  checked.equal(kTensors, tensor->shape, *shape, "shape_rows_cols");
  const auto values = dequantise(*tensor);
  if (!values) return fail(values.error());
  const auto digest = field<std::string>(*entry, "sha256_gguf_order_f32le");
  if (!digest) return fail(digest.error());
  checked.equal(kTensors, digest_of(*values), *digest, "sha256_gguf_order_f32le");
  const auto first = field<json::array>(*entry, "first8");
  if (!first) return fail(first.error());
  for (std::size_t i = 0; i < std::min(first->size(), values->size()); ++i) {
    const auto want = as<double>((*first)[i], "first8");
    if (!want) return fail(want.error());
    // An fp32 in decimals; reading it as a double may be off by the last bit.
    const auto expected = static_cast<float>(*want);
    checked.within(kTensors, static_cast<double>((*values)[i]), static_cast<double>(expected),
                   "first8 " + std::to_string(i));
  }
  const auto reordered = optional_field<std::string>(*entry, "sha256_hf_order_f32le");
  if (!reordered) return fail(reordered.error());
  if (!reordered->has_value()) return {};
  const auto hf_name = reordered_name(name);
  if (!hf_name) return fail(hf_name.error());
  const TensorView* view = imported.find(*hf_name);
  if (view == nullptr) return fail(ErrorCode::kNotFound, "the imported model has no " + *hf_name);
  checked.equal(kTensors, hex(sha256(view->bytes)), **reordered, "sha256_hf_order_f32le");
  return {};
}

struct Prompt {
  std::string user;
  std::string text;
  Ids ids;
  Ids top;
  std::vector<double> top_logits;
  std::string answer;
  Ids answer_ids;
  double answer_logprob = 0;  // the mean
  Ids greedy;
  std::vector<double> gaps;
};

Result<std::vector<double>> numbers_field(const json::object& object, std::string_view name) {
  const auto array = field<json::array>(object, name);
  if (!array) return fail(array.error());
  std::vector<double> numbers;
  for (const json::value& item : *array) {
    const auto number = as<double>(item, name);
    if (!number) return fail(number.error());
    numbers.push_back(*number);
  }
  return numbers;
}

Result<Prompt> read_prompt(const json::value& value) {
  const auto object = as<json::object>(value, "prompts");
  if (!object) return fail(object.error());
  Prompt prompt;
  for (const auto& [name, into] : {std::pair("user", &prompt.user), std::pair("text", &prompt.text),
                                   std::pair("answer", &prompt.answer)}) {
    auto text = field<std::string>(*object, name);
    if (!text) return fail(text.error());
    *into = std::move(*text);
  }
  for (const auto& [name, into] :
       {std::pair("ids", &prompt.ids), std::pair("top10_ids", &prompt.top),
        std::pair("answer_ids", &prompt.answer_ids), std::pair("greedy_ids", &prompt.greedy)}) {
    auto ids = ids_field(*object, name);
    if (!ids) return fail(ids.error());
    *into = std::move(*ids);
  }
  for (const auto& [name, into] : {std::pair("top10_logits", &prompt.top_logits),
                                   std::pair("greedy_top2_gap", &prompt.gaps)}) {
    auto numbers = numbers_field(*object, name);
    if (!numbers) return fail(numbers.error());
    *into = std::move(*numbers);
  }
  const auto mean = field<double>(*object, "answer_mean_logprob");
  if (!mean) return fail(mean.error());
  prompt.answer_logprob = *mean;
  if (prompt.ids.empty() || prompt.answer_ids.empty() || prompt.greedy.empty() ||
      prompt.top.size() != prompt.top_logits.size() || prompt.greedy.size() != prompt.gaps.size()) {
    return fail(ErrorCode::kInvalid, "a list is empty, or two that belong together differ in size");
  }
  return prompt;
}

// The imported model, as a server has it.
struct Served {
  Tokenizer tokenizer;
  ServingModel model;
  Checkpoint checkpoint;
  std::optional<Chat> chat;  // borrows the tokenizer
};

Result<std::unique_ptr<Served>> load_served(const std::string& folder) {
  auto tokenizer = Tokenizer::load(folder);
  if (!tokenizer) return fail(tokenizer.error());
  auto model = load_serving_model(folder, Arithmetic::kFp32, kContext);
  if (!model) return fail(model.error());
  auto checkpoint = Checkpoint::open(folder);
  if (!checkpoint) return fail(checkpoint.error());
  auto served = std::make_unique<Served>(
      Served{std::move(*tokenizer), std::move(*model), std::move(*checkpoint), std::nullopt});
  auto chat = Chat::load(folder, served->tokenizer);
  if (!chat) return fail(chat.error());
  served->chat = std::move(*chat);
  return served;
}

Result<Piece> wait_for(Generation& generation) {
  std::promise<Result<Piece>> promise;
  auto future = promise.get_future();
  generation.next([&promise](Result<Piece> piece) { promise.set_value(std::move(piece)); });
  return future.get();
}

void check_texts(Case& checked, const Served& served, const Prompt& prompt) {
  const std::vector<ChatMessage> messages{{"user", prompt.user}};
  checked.equal(kIds, served.chat->render(messages, {.add_generation_prompt = true}), prompt.text,
                "text");
  checked.equal(kIds, served.chat->encode(messages, {.add_generation_prompt = true}).ids,
                prompt.ids, "ids");
  checked.equal(kIds, served.tokenizer.encode(prompt.answer, Specials::kParse), prompt.answer_ids,
                "answer_ids");
}

Result<void> check_logits(Case& checked, const Served& served, const Prompt& prompt) {
  const auto all = served_logits(served.model, nullptr, prompt.ids);
  if (!all) return fail(all.error());
  const at::Tensor last = (*all)[-1].contiguous();
  for (std::size_t i = 0; i < prompt.top.size(); ++i) {
    const std::string what = "logit of " + std::to_string(prompt.top[i]);
    if (prompt.top[i] < 0 || prompt.top[i] >= last.size(0)) {
      checked.fault(what + ": is not a token of this model");
    } else {
      checked.within(kTopLogits, static_cast<double>(last.const_data_ptr<float>()[prompt.top[i]]),
                     prompt.top_logits[i], what);
    }
  }
  return {};
}

// Up to the first step at which the two likeliest are closer than rounding.
void check_greedy(Case& checked, const Piece& piece, const Prompt& prompt) {
  const auto tie = std::ranges::find_if(prompt.gaps, [](double gap) { return gap < kTie; });
  const auto compared = static_cast<std::size_t>(tie - prompt.gaps.begin());
  Ids ours;
  for (const TokenLogprob& token : piece.logprobs) ours.push_back(token.id);
  if (piece.finish == Finish::kStop) ours.push_back(kEnd);
  ours.resize(std::min(ours.size(), compared));
  checked.equal(kGreedy, ours, std::span(prompt.greedy).first(compared), "greedy_ids");
}

void check_score(Case& checked, const Piece& piece, const Prompt& prompt) {
  const std::size_t count = prompt.answer_ids.size();
  if (piece.prompt_logprobs.size() < count) {
    checked.fault("answer_logprobs: there are none");
    return;
  }
  double sum = 0;
  Ids ours;
  for (const TokenLogprob& token : std::span(piece.prompt_logprobs).last(count)) {
    ours.push_back(token.id);
    sum += token.logprob;
  }
  checked.equal(kIds, ours, prompt.answer_ids, "tokens of the answer that was scored");
  checked.within(kAnswers, sum / static_cast<double>(count), prompt.answer_logprob,
                 "answer_mean_logprob");
}

// A prompt on its way through the batcher, beside others.
struct Asked {
  std::string subject;
  Result<Prompt> prompt;
  std::shared_ptr<Generation> greedy;
  std::shared_ptr<Generation> score;
  Result<void> submitted;
};

Result<void> submit(Batcher& batcher, Asked& asked) {
  asked.greedy = std::make_shared<Generation>(Order{
      .prompt = asked.prompt->ids, .max_tokens = kGreedyTokens, .whole = true, .logprobs = 0});
  Ids whole = asked.prompt->ids;
  whole.insert(whole.end(), asked.prompt->answer_ids.begin(), asked.prompt->answer_ids.end());
  asked.score = std::make_shared<Generation>(
      Order{.prompt = std::move(whole), .max_tokens = 0, .whole = true, .prompt_logprobs = 0});
  if (auto taken = batcher.submit(asked.greedy); !taken) return taken;
  if (auto taken = batcher.submit(asked.score); !taken) {
    asked.greedy->cancel();
    return taken;
  }
  return {};
}

Result<void> check_prompt(Case& checked, const Served& served, const Asked& asked) {
  if (!asked.prompt) return fail(asked.prompt.error());
  const Prompt& prompt = *asked.prompt;
  check_texts(checked, served, prompt);
  if (auto done = check_logits(checked, served, prompt); !done) return done;
  if (!asked.submitted) return asked.submitted;
  const auto greedy = wait_for(*asked.greedy);
  if (greedy) {
    check_greedy(checked, *greedy, prompt);
  } else {
    checked.fault("greedy_ids: " + greedy.error().message);
  }
  const auto score = wait_for(*asked.score);
  if (!score) return fail(score.error().with("answer_logprobs"));
  check_score(checked, *score, prompt);
  return {};
}

void check_prompts(Group& group, const Served& served, const json::array& prompts, int threads) {
  Batcher batcher(served.model, served.tokenizer, {.end_tokens = {kEnd}, .threads = threads});
  for (std::size_t first = 0; first < prompts.size(); first += kAtOnce) {
    std::vector<Asked> together;
    for (std::size_t i = first; i < std::min(first + kAtOnce, prompts.size()); ++i) {
      together.push_back(
          {"prompt " + std::to_string(i), read_prompt(prompts[i]), nullptr, nullptr, {}});
      Asked& asked = together.back();
      if (asked.prompt) asked.submitted = submit(batcher, asked);
    }
    for (const Asked& asked : together) {
      group.run(asked.subject, [&](Case& checked) { return check_prompt(checked, served, asked); });
    }
  }
}

Result<void> check_all(Group& group, const Place& place, const json::object& document) {
  const auto file = GgufFile::open(place.gguf);
  if (!file) return fail(file.error());
  const auto scratch = ScratchFolder::make();
  if (!scratch) return fail(scratch.error());
  const std::string folder = scratch->path("model");
  auto imported = import_gguf({.gguf_path = place.gguf, .folder = folder, .dtype = "f32"});
  if (!imported) return imported;
  const auto served = load_served(folder);
  if (!served) return fail(served.error());
  const auto tensors = field<json::object>(document, "tensors");
  if (!tensors) return fail(tensors.error());
  const auto prompts = field<json::array>(document, "prompts");
  if (!prompts) return fail(prompts.error());
  for (const auto& [key, value] : *tensors) {
    const std::string name(key);
    group.run(name, [&](Case& checked) {
      return check_tensor(checked, *file, (*served)->checkpoint, name, value);
    });
  }
  check_prompts(group, **served, *prompts, place.threads);
  return {};
}

}  // namespace

GroupReport check_smollm2(const Place& place) {
  Group group("smollm2");
  const std::string path = place.folder + "/smollm2/smollm2.json";
  if (!is_file(path)) return std::move(group).finish("absent: there is no smollm2/smollm2.json");
  if (place.gguf.empty()) return std::move(group).finish("not run: needs --gguf FILE");
  const auto document = read_json(path);
  group.run("GGUF file", [&](Case& checked) -> Result<void> {
    if (!document) return fail(document.error());
    return check_file(checked, place.gguf, *document);
  });
  if (!document) return std::move(group).finish("");
  if (auto done = check_all(group, place, *document); !done)
    group.run("model", [&](Case&) { return done; });
  return std::move(group).finish("");
}

}  // namespace hone::engine::golden
