// Numbers as grammar fragments: bounds and multiples are held by the digits.
#include <algorithm>
#include <map>

#include "engine/constrain/json_grammar.h"

namespace hone::engine {
namespace {

constexpr std::uint32_t kIntegerDigits = 18;  // all of them fit 64 bits
constexpr std::uint32_t kNumberDigits = 15;   // all of them are exact as a double
constexpr std::int64_t kLargestInteger = 999'999'999'999'999'999;
constexpr std::int64_t kLargestWhole = 999'999'999'999'999;
constexpr std::int64_t kMostMultiples = 4096;  // that are written one by one
constexpr std::int64_t kMostRemainders = 100;

struct Integers {
  std::int64_t low = 0;
  std::int64_t high = 0;
};

Integers integers_in(const NumberBounds& bounds) {
  // A lower bound above all that can be written leaves nothing: it is not drawn down to the
  // largest.
  const std::int64_t low = bounds.low.value_or(-kLargestInteger);
  const std::int64_t high = bounds.high.value_or(kLargestInteger);
  return {std::max(low, -kLargestInteger) + (bounds.above_low ? 1 : 0),
          std::min(high, kLargestInteger) - (bounds.below_high ? 1 : 0)};
}

// 2500 is 25 and two zeros: its multiples are those of 25 with two zeros behind.
struct Step {
  std::int64_t step = 1;
  std::int64_t power = 1;
  std::string zeros;
};

Step step_of(std::int64_t step) {
  Step parts{step, 1, ""};
  for (; parts.step % 10 == 0; parts.step /= 10, parts.power *= 10) parts.zeros += '0';
  return parts;
}

}  // namespace

// Digits of whole numbers that are multiples of `step`, followed by `next`.
class JsonGrammar::Wholes {
 public:
  Wholes(JsonGrammar& json, std::int64_t step, NodeId next)
      : json_(json), grammar_(json.grammar_), step_(step), next_(next) {}

  // From `low` to `high`, both at least 0; with a step above 1, at least 1.
  NodeId between(std::int64_t low, std::int64_t high) {
    if (low > high) return grammar_.split({});
    if (step_ > 1 && high / step_ - (low - 1) / step_ <= kMostMultiples) return listed(low, high);
    const std::string first = std::to_string(low);
    const std::string last = std::to_string(high);
    std::vector<NodeId> ways;
    for (std::size_t length = first.size(); length <= last.size(); ++length) {
      const std::string least = length == first.size() ? first : "1" + std::string(length - 1, '0');
      const std::string most = length == last.size() ? last : std::string(length, '9');
      ways.push_back(same_length(least, most, {.at_low = true, .at_high = true}));
    }
    return grammar_.split(std::move(ways));
  }

 private:
  struct Place {
    std::size_t at = 0;
    bool at_low = false;  // the digits so far are those of the bound
    bool at_high = false;
    std::int64_t rest = 0;  // of the digits so far, divided by the step
  };

  NodeId listed(std::int64_t low, std::int64_t high) {
    std::vector<std::string> texts;
    for (std::int64_t n = (low + step_ - 1) / step_; n * step_ <= high; ++n)
      texts.push_back(std::to_string(n * step_));
    return texts.empty() ? grammar_.split({}) : grammar_.one_of(std::move(texts), next_);
  }

  [[nodiscard]] std::int64_t rest_after(std::int64_t rest, int digit) const {
    return (rest * 10 + (digit - '0')) % step_;
  }

  NodeId same_length(const std::string& low, const std::string& high, const Place& place) {
    if (!place.at_low && !place.at_high)
      return tail(static_cast<std::uint32_t>(low.size() - place.at), place.rest);
    if (place.at == low.size()) return place.rest == 0 ? next_ : grammar_.split({});
    const auto after = [&](int digit, bool at_low, bool at_high) {
      return grammar_.byte(static_cast<unsigned char>(digit),
                           same_length(low, high,
                                       {.at = place.at + 1,
                                        .at_low = at_low,
                                        .at_high = at_high,
                                        .rest = rest_after(place.rest, digit)}));
    };
    int first = place.at_low ? low[place.at] : '0';
    int last = place.at_high ? high[place.at] : '9';
    if (first == last) return after(first, place.at_low, place.at_high);
    std::vector<NodeId> ways;
    if (place.at_low) ways.push_back(after(first++, true, false));
    if (place.at_high) ways.push_back(after(last--, false, true));
    const auto left = static_cast<std::uint32_t>(low.size() - place.at - 1);
    add_digits(ways, first, last, left, place.rest);
    return grammar_.split(std::move(ways));
  }

  // A digit from `first` to `last`, then `left` more; digits that leave the same rest together.
  void add_digits(std::vector<NodeId>& ways, int first, int last, std::uint32_t left,
                  std::int64_t rest) {
    std::map<std::int64_t, ByteSet> by_rest;
    for (int digit = first; digit <= last; ++digit)
      by_rest[rest_after(rest, digit)].set(static_cast<std::size_t>(digit));
    for (const auto& [after, digits] : by_rest)
      ways.push_back(grammar_.bytes(digits, tail(left, after)));
  }

  // So many more digits, whatever they are, as long as the whole is a multiple.
  NodeId tail(std::uint32_t left, std::int64_t rest) {
    if (step_ == 1) return json_.digits(left, left, next_);
    if (left == 0) return rest == 0 ? next_ : grammar_.split({});
    if (const auto known = tails_.find({left, rest}); known != tails_.end()) return known->second;
    std::vector<NodeId> ways;
    add_digits(ways, '0', '9', left - 1, rest);
    const NodeId made = grammar_.split(std::move(ways));
    tails_[{left, rest}] = made;
    return made;
  }

  JsonGrammar& json_;
  GrammarBuilder& grammar_;
  const std::int64_t step_;
  const NodeId next_;
  std::map<std::pair<std::uint32_t, std::int64_t>, NodeId> tails_;
};

NodeId JsonGrammar::whole(std::int64_t low, std::int64_t high, NodeId next) {
  return Wholes(*this, 1, next).between(low, high);
}

NodeId JsonGrammar::digits(std::uint32_t least, std::uint32_t most, NodeId next) {
  NodeId node = next;
  for (std::uint32_t before = most; before-- > 0;) {
    node = grammar_.range('0', '9', node);
    if (before >= least) node = grammar_.maybe(node, next);
  }
  return node;
}

NodeId JsonGrammar::fraction(NodeId next) {
  return grammar_.maybe(grammar_.byte('.', digits(1, kNumberDigits, next)), next);
}

NodeId JsonGrammar::fraction_above_zero(NodeId next) {
  NodeId node = grammar_.range('1', '9', next);
  for (std::uint32_t place = kNumberDigits; place > 1; --place) {
    const NodeId after = digits(0, kNumberDigits + 1 - place, next);
    node = grammar_.split({grammar_.byte('0', node), grammar_.range('1', '9', after)});
  }
  return grammar_.byte('.', node);
}

bool JsonGrammar::can_step(const NumberBounds& bounds) {
  const auto [low, high] = integers_in(bounds);
  if (step_of(bounds.step).step <= kMostRemainders) return true;
  return high / bounds.step - low / bounds.step < kMostMultiples;
}

NodeId JsonGrammar::integer(const NumberBounds& bounds, NodeId next) {
  if (!bounds.low && !bounds.high && bounds.step == 1) {
    const NodeId some = grammar_.range('1', '9', digits(0, kIntegerDigits - 1, next));
    return grammar_.split(
        {grammar_.byte('0', next), grammar_.maybe(grammar_.byte('-', some), some)});
  }
  const auto [low, high] = integers_in(bounds);
  const Step step = step_of(bounds.step);
  Wholes wholes(*this, step.step, grammar_.literal(step.zeros, next));
  const auto from = [&](std::int64_t least, std::int64_t most) {
    return wholes.between(std::max<std::int64_t>(1, (least + step.power - 1) / step.power),
                          most / step.power);
  };
  std::vector<NodeId> ways;
  if (low <= 0 && high >= 0) ways.push_back(grammar_.byte('0', next));
  if (low < 0) ways.push_back(grammar_.byte('-', from(std::max<std::int64_t>(1, -high), -low)));
  if (high > 0) ways.push_back(from(std::max<std::int64_t>(1, low), high));
  return grammar_.split(std::move(ways));
}

NodeId JsonGrammar::magnitude(std::int64_t low, bool above_low, std::int64_t high, bool below_high,
                              NodeId next) {
  std::vector<NodeId> ways;
  const std::int64_t first = low + (above_low ? 1 : 0);
  if (first <= high - 1) ways.push_back(whole(first, high - 1, fraction(next)));
  if (above_low && low <= high - 1) {
    ways.push_back(grammar_.literal(std::to_string(low), fraction_above_zero(next)));
  }
  if (!below_high && first <= high) ways.push_back(grammar_.literal(std::to_string(high), next));
  return grammar_.split(std::move(ways));
}

// An exponent only where nothing binds; bounds are held by the digits.
NodeId JsonGrammar::number(const NumberBounds& bounds, NodeId next) {
  if (!bounds.low && !bounds.high) {
    const NodeId power = digits(1, 2, next);
    const NodeId sign = grammar_.maybe(grammar_.one_of({"+", "-"}, power), power);
    const NodeId tail = fraction(grammar_.maybe(grammar_.one_of({"e", "E"}, sign), next));
    const NodeId body = grammar_.maybe(
        grammar_.byte('0', tail), grammar_.range('1', '9', digits(0, kNumberDigits - 1, tail)));
    return grammar_.maybe(grammar_.byte('-', body), body);
  }
  const std::int64_t low = std::max(bounds.low.value_or(-kLargestWhole), -kLargestWhole);
  const std::int64_t high = std::min(bounds.high.value_or(kLargestWhole), kLargestWhole);
  std::vector<NodeId> ways;
  if (low < 0) {
    const bool crosses = high > 0;
    ways.push_back(grammar_.byte('-', magnitude(crosses ? 0 : -high, !crosses && bounds.below_high,
                                                -low, bounds.above_low, next)));
  }
  if (high >= 0) {
    const bool crosses = low < 0;
    ways.push_back(
        magnitude(crosses ? 0 : low, !crosses && bounds.above_low, high, bounds.below_high, next));
  }
  return grammar_.split(std::move(ways));
}

}  // namespace hone::engine
