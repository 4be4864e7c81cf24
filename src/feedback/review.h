// What people should look at first, where few can look and there is much: the most informative of
// what is offered. Pure: the same candidates and time give the same queue, on any machine.
//
//   score = (0.5 uncertainty + 0.3 disagreement + 0.2 recency)
//           * 0.6^(of the same person) * 0.8^(of the same topic) * 0.3^(of the same conversation)
//
// where the exponents count what stands before it in the queue, so that a queue is not one person's
// afternoon. Equal scores: the newer one first, then by id. docs/guides/pages.md says it in words.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace hone::feedback {

struct ReviewCandidate {
  std::string id;
  std::string person;        // whose it is
  std::string topic;         // what it is about, as far as that is known: tool and purpose
  std::string conversation;  // empty: by itself
  double uncertainty = 0;    // both from 0 to 1
  double disagreement = 0;
  Time at{};
};

struct ReviewItem {
  std::size_t candidate = 0;  // its index
  double score = 0;           // 0 to 1
  double recency = 0;         // 1 now, a half each week
};

// At most `limit`, best first.
[[nodiscard]] std::vector<ReviewItem> rank_for_review(
    const std::vector<ReviewCandidate>& candidates, Time now, std::size_t limit);

// Of a verdict: 1 where contested, else 1 less its strength. Where there is none, a half: much is
// never spoken of, and a verdict that hangs by a thread should come before it.
[[nodiscard]] double uncertainty_of(std::string_view verdict, std::optional<double> strength);

// How evenly the evidence is divided: 0 where all of it says the same, 1 where both sides weigh the
// same. In log-odds, both at least 0.
[[nodiscard]] double disagreement_of(double supporting, double opposing);

// Of two answers to one question: 1 where nothing tells them apart, 0 where one is surely right and
// the other surely wrong. A lean is a verdict's strength, below 0 where it is against the answer as
// it was given.
[[nodiscard]] double lean_of(std::string_view verdict, std::optional<double> strength);
[[nodiscard]] double uncertainty_of_pair(double lean, double other_lean);

// Whether a reviewer sees `second` on the left: a coin for each reviewer and pair, the same at
// every look, so that neither the older answer nor the newer one has the better seat.
[[nodiscard]] bool swaps_sides(std::string_view reviewer, std::string_view first,
                               std::string_view second);

}  // namespace hone::feedback
