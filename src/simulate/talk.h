// One person's calls to the gateway: ask the alias `assistant`, and report what became of the
// answer. Ordinary HTTP, as the person's tool would send it. For the network's coroutines.
#pragma once

#include <string>
#include <string_view>

#include "net/client.h"
#include "simulate/answer.h"
#include "simulate/decide.h"
#include "simulate/people.h"

namespace hone::simulate {

struct Worker {
  Person person;
  std::string key;  // API key
};

// The workers that a people file names: [{"name", "key", …}], of the workforce of `seed`.
[[nodiscard]] Result<std::vector<Worker>> read_workers(std::string_view text, std::uint64_t seed);

// The body of one call. The system text is the same for all and says nothing of any convention.
[[nodiscard]] std::string request_body(const Person& person, std::string_view prompt);

// Waits and asks again, as SDKs do, where the gateway says that it cannot answer now (429, 503).
[[nodiscard]] net::awaitable<Result<Answer>> ask(net::Client& client, net::Url gateway,
                                                 const Worker& worker, std::string prompt,
                                                 std::string_view purpose);

// Sends one signal until it is acknowledged (2xx) or refused for good; the idempotency key makes
// repeating safe.
[[nodiscard]] net::awaitable<Result<void>> report(net::Client& client, net::Url gateway,
                                                  const Worker& worker, const Answer& answer,
                                                  Decision decision, std::string idempotency_key);

}  // namespace hone::simulate
