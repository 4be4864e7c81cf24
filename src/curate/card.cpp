#include "curate/card.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "curate/candidate.h"
#include "curate/dataset_folder.h"
#include "curate/lines.h"
#include "curate/prompt.h"
#include "curate/quality.h"
#include "curate/similarity.h"
#include "curate/split.h"
#include "wire/chat_form.h"

namespace hone::curate {
namespace {

constexpr double kCardLikeness = 0.8;

json::object quantiles(std::vector<double>& values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
  };
  return {{"p10", at(0.1)}, {"p50", at(0.5)}, {"p90", at(0.9)}, {"most", values.back()}};
}

double rate(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// What an example's line says.
struct LineTexts {
  std::string asked;  // the last user message
  std::string learnt;
  std::size_t prompt_characters = 0;  // with the definitions of tools
};

LineTexts texts_of(const json::object& line) {
  LineTexts texts;
  const json::value* messages = line.if_contains("prompt");
  if (messages == nullptr) messages = line.if_contains("messages");
  const auto* array = messages == nullptr ? nullptr : messages->if_array();
  if (array == nullptr) return texts;
  if (const auto* tools = line.if_contains("tools")) {
    texts.prompt_characters = count_characters(canonical(*tools));
  }
  const bool ends_with_answer = line.contains("messages");
  for (std::size_t i = 0; i < array->size(); ++i) {
    const auto* message = (*array)[i].if_object();
    if (message == nullptr) continue;
    std::string content = wire::chat_text(*message);
    if (ends_with_answer && i + 1 == array->size()) {
      texts.learnt = std::move(content);
      continue;
    }
    texts.prompt_characters += count_characters(content);
    if (string_or_empty(*message, "role") == "user") texts.asked = std::move(content);
  }
  for (const auto* field : {"chosen", "completion"}) {
    const auto* answer = line.if_contains(field);
    if (answer == nullptr) continue;
    const auto* calls = answer->if_object();
    texts.learnt =
        calls == nullptr ? std::string(string_or_empty(line, field)) : wire::chat_text(*calls);
  }
  return texts;
}

class CardMaker {
 public:
  CardMaker(const Dataset& dataset, const CardOptions& options)
      : dataset_(dataset), options_(options) {}

  Result<json::object> make() {
    auto head = manifest_head(dataset_.folder);
    if (!head) return fail(head.error());
    auto origins = for_each_object(
        dataset_.folder + "/lineage.jsonl",
        [this](const json::object& line, std::string_view) {
          count_origin(line);
          return Result<void>();
        },
        options_.stop);
    if (!origins) return fail(origins.error());
    auto examples = for_each_object(
        dataset_.train_file(),
        [this](const json::object& line, std::string_view text) {
          read_example(line, text);
          return Result<void>();
        },
        options_.stop);
    if (!examples) return fail(examples.error());
    json::object card = to_json(dataset_);
    for (const auto& [name, counts] : origins_) card[name] = to_json(counts);
    std::int64_t most = 0;
    for (const auto& [person, count] : people_) most = std::max(most, count);
    card["most_of_one_person"] = most;
    card["strength"] = quantiles(strengths_);
    card["characters"] = {{"prompt", quantiles(prompts_)}, {"answer", quantiles(answers_)}};
    card["languages"] = to_json(languages_);
    card["near_duplicates"] = near_duplicates();
    card["label_conflicts"] = conflicts(*head);
    json::array shown;
    for (auto& [rank, text] : shown_) {
      if (auto object = parse_json_object(text)) shown.push_back(std::move(*object));
    }
    card["random_examples"] = std::move(shown);
    card["recipe"] = string_or_empty(*head, "recipe");
    return card;
  }

 private:
  void count_origin(const json::object& line) {
    for (const auto& [name, field] :
         {std::pair("sources", "source"), std::pair("domains", "domain"),
          std::pair("teams", "team"), std::pair("verdicts", "verdict")}) {
      const auto value = string_or_empty(line, field);
      ++origins_[name][value.empty() ? std::string("(none)") : std::string(value)];
    }
    ++people_[std::string(string_or_empty(line, "person"))];
    if (const auto* strength = line.if_contains("strength");
        strength != nullptr && strength->is_number()) {
      strengths_.push_back(strength->to_number<double>());
    }
  }

  void read_example(const json::object& line, std::string_view text) {
    const LineTexts texts = texts_of(line);
    if (texts.asked.empty() && texts.learnt.empty()) return;  // erased
    prompts_.push_back(static_cast<double>(texts.prompt_characters));
    asked_.push_back(signature_of(texts.asked));
    // A task has no text to be learnt: it is told by what it asks.
    const bool has_text = !texts.learnt.empty();
    learnt_.push_back(has_text ? signature_of(texts.learnt) : asked_.back());
    kinds_.push_back(static_cast<std::uint32_t>(
        mix_bits(std::hash<std::string_view>{}(string_or_empty(line, "kind")))));
    if (has_text) {
      answers_.push_back(static_cast<double>(count_characters(texts.learnt)));
      const auto language = language_of(texts.learnt);
      ++languages_[language.empty() ? "unknown" : std::string(language)];
    }
    shown_.emplace(keyed_rank(options_.seed, "card", string_or_empty(line, "id")), text);
    if (shown_.size() > options_.examples) shown_.erase(std::prev(shown_.end()));
  }

  // Examples that are like an earlier one in what is asked and what is learnt.
  json::object near_duplicates() {
    std::vector<const Signature*> items;
    for (const auto& signature : learnt_) items.push_back(&signature);
    UnionFind sets(items.size());
    join_near(
        items, kinds_,
        [&](std::uint32_t a, std::uint32_t b) {
          return kinds_[a] == kinds_[b] && similarity(learnt_[a], learnt_[b]) >= kCardLikeness &&
                 similarity(asked_[a], asked_[b]) >= kCardLikeness;
        },
        sets);
    std::int64_t more = 0;
    for (std::uint32_t i = 0; i < items.size(); ++i) more += sets.find(i) == i ? 0 : 1;
    return {{"likeness", kCardLikeness},
            {"examples", more},
            {"rate", rate(more, static_cast<std::int64_t>(items.size()))}};
  }

  static json::object conflicts(const json::object& head) {
    const auto* value = head.if_contains("conflicts");
    const auto* object = value == nullptr ? nullptr : value->if_object();
    if (object == nullptr) return {};  // of a dataset from before they were counted
    const auto whole = field<std::int64_t>(*object, "judged_by_several").value_or(0);
    const auto part = field<std::int64_t>(*object, "in_conflict").value_or(0);
    return {{"judged_by_several", whole}, {"in_conflict", part}, {"rate", rate(part, whole)}};
  }

  const Dataset& dataset_;
  const CardOptions& options_;
  std::map<std::string, Counts> origins_;
  Counts people_;
  Counts languages_;
  std::vector<double> strengths_;
  std::vector<double> prompts_;
  std::vector<double> answers_;
  std::deque<Signature> asked_;
  std::deque<Signature> learnt_;
  std::vector<std::uint32_t> kinds_;
  std::map<std::string, std::string> shown_;  // by rank
};

// By id: the beginning of the SHA-256 of the line.
using LineHashes = std::unordered_map<std::string, std::uint64_t>;

Result<LineHashes> hashes_of(const std::string& path) {
  LineHashes hashes;
  auto read = for_each_object(path, [&](const json::object& line, std::string_view text) {
    hashes[std::string(string_or_empty(line, "id"))] = key_of(text).high;
    return Result<void>();
  });
  if (!read) return fail(read.error());
  return hashes;
}

json::object compare(const LineHashes& a, const LineHashes& b) {
  std::int64_t same = 0;
  std::int64_t changed = 0;
  for (const auto& [id, hash] : a) {
    const auto at = b.find(id);
    if (at == b.end()) continue;
    ++(at->second == hash ? same : changed);
  }
  const auto size = [](const LineHashes& hashes) {
    return static_cast<std::int64_t>(hashes.size());
  };
  return {{"same", same},
          {"changed", changed},
          {"only_first", size(a) - same - changed},
          {"only_second", size(b) - same - changed}};
}

// By interaction: whether it is trained on.
using SidesOf = std::unordered_map<std::string, bool>;

Result<SidesOf> sides_of(const Dataset& dataset) {
  SidesOf sides;
  auto read = for_each_object(dataset.folder + "/lineage.jsonl",
                              [&](const json::object& line, std::string_view) -> Result<void> {
                                const auto* value = line.if_contains("interactions");
                                const auto* list = value == nullptr ? nullptr : value->if_array();
                                if (list == nullptr) return {};
                                for (const auto& id : *list) {
                                  if (const auto* text = id.if_string()) {
                                    sides[std::string(*text)] =
                                        string_or_empty(line, "split") == "train";
                                  }
                                }
                                return {};
                              });
  if (!read) return fail(read.error());
  return sides;
}

json::object compare_sides(const SidesOf& a, const SidesOf& b) {
  std::int64_t both = 0;
  std::int64_t moved = 0;
  for (const auto& [id, trained] : a) {
    const auto at = b.find(id);
    if (at == b.end()) continue;
    ++both;
    moved += at->second == trained ? 0 : 1;
  }
  return {{"both", both},
          {"moved", moved},  // to the other side of the split
          {"only_first", static_cast<std::int64_t>(a.size()) - both},
          {"only_second", static_cast<std::int64_t>(b.size()) - both}};
}

json::object compare_counts(const Counts& a, const Counts& b) {
  json::object changes;
  for (const auto* counts : {&a, &b}) {
    for (const auto& [name, count] : *counts) {
      const auto of = [&name](const Counts& side) {
        const auto at = side.find(name);
        return at == side.end() ? std::int64_t{0} : at->second;
      };
      if (of(a) != of(b)) changes[name] = json::array{of(a), of(b)};
    }
  }
  return changes;
}

json::array lines_not_in(std::string_view text, std::string_view other) {
  json::array lines;
  const std::string haystack = "\n" + std::string(other) + "\n";
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    if (haystack.find("\n" + std::string(line) + "\n") == std::string::npos) {
      lines.emplace_back(line);
    }
  }
  return lines;
}

}  // namespace

Result<json::object> make_card(const Dataset& dataset, const CardOptions& options) {
  return CardMaker(dataset, options).make();
}

Result<json::object> diff_datasets(const Dataset& a, const Dataset& b) {
  json::object diff{{"first", a.digest}, {"second", b.digest}};
  for (const auto& [name, first, second] :
       {std::tuple("train", a.train_file(), b.train_file()),
        std::tuple("held_out", a.held_out_file(), b.held_out_file())}) {
    const auto before = hashes_of(first);
    if (!before) return fail(before.error());
    const auto after = hashes_of(second);
    if (!after) return fail(after.error());
    diff[name] = compare(*before, *after);
  }
  const auto before = sides_of(a);
  if (!before) return fail(before.error());
  const auto after = sides_of(b);
  if (!after) return fail(after.error());
  diff["interactions"] = compare_sides(*before, *after);
  json::object counts;
  for (const auto& [split, by_kind] : a.counts) {
    const auto at = b.counts.find(split);
    counts[split] = compare_counts(by_kind, at == b.counts.end() ? Counts{} : at->second);
  }
  diff["counts"] = std::move(counts);
  diff["left_out"] = compare_counts(a.left_out, b.left_out);
  diff["people"] = compare_counts(a.people, b.people);
  const auto first = manifest_head(a.folder);
  if (!first) return fail(first.error());
  const auto second = manifest_head(b.folder);
  if (!second) return fail(second.error());
  const auto one = string_or_empty(*first, "recipe");
  const auto other = string_or_empty(*second, "recipe");
  diff["recipe"] = {{"only_first", lines_not_in(one, other)},
                    {"only_second", lines_not_in(other, one)}};
  return diff;
}

}  // namespace hone::curate
