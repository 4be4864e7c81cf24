// What tokens cost, by model. The organisation names the prices and their currency (hone.toml,
// [price]); a model without a price costs nothing here.
//
//   Prices prices("USD", {{"claude-*", {.input = 3, .output = 15, .cached_input = 0.3}}});
//   const double cost = prices.cost({"claude-opus-5", "assistant"}, usage);
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hone::capture {

// Per million tokens.
struct Price {
  double input = 0;
  double output = 0;
  double cached_input = 0;  // read from the provider's cache
  double cache_write = 0;   // written to it
};

struct Usage {
  std::int64_t prompt_tokens = 0;       // all of them, …
  std::int64_t cached_tokens = 0;       // … these read from a cache, …
  std::int64_t cache_write_tokens = 0;  // … these written to one
  std::int64_t completion_tokens = 0;
};

class Prices {
 public:
  Prices() = default;
  // A pattern is a model's name, or the beginning of one with * at its end.
  Prices(std::string currency, std::vector<std::pair<std::string, Price>> by_model);

  // The price of an exact name, else that of the longest pattern that matches; nullptr for none.
  [[nodiscard]] const Price* find(std::string_view model) const;
  // By the first of `names` that has a price; 0 where none has.
  [[nodiscard]] double cost(std::initializer_list<std::string_view> names,
                            const Usage& usage) const;
  [[nodiscard]] const std::string& currency() const { return currency_; }
  [[nodiscard]] bool empty() const { return by_model_.empty(); }

 private:
  std::string currency_;
  std::vector<std::pair<std::string, Price>> by_model_;  // in the order in which they are tried
};

}  // namespace hone::capture
