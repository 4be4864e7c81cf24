// The HTTP side of the server: finds the route, reads the call, hands it to the batcher and writes
// the answer as it comes.
//
//   POST /v1/chat/completions      openai.h
//   GET  /v1/models
//   POST /v1/load_lora_adapter     {"lora_name", "lora_path"}; again with the same path is no error
//   POST /v1/unload_lora_adapter   {"lora_name"}
//   GET  /healthz                  {"status": "ok", …counters}
//   GET  /metrics                  the same for Prometheus
//
// Other formats than Chat Completions come through Hone's gateway, translated. Whoever goes away
// before his answer is complete frees his place in the batch. Where the queue is full the answer is
// 429 with Retry-After.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/id.h"
#include "engine/model/chat.h"
#include "engine/serve/api_call.h"
#include "engine/serve/batcher.h"
#include "engine/serve/openai_answer.h"
#include "engine/serve/served_models.h"
#include "net/server.h"
#include "net/work_pool.h"

namespace hone::engine {

class Service {
 public:
  struct Parts {  // borrowed; all outlive the service
    const ServingModel& model;
    const Tokenizer& tokenizer;
    const Chat& chat;
    ServedModels& models;
    Batcher& batcher;
    Constraints& constraints;
    net::WorkPool& pool;
  };
  Service(Parts parts, SamplingDefaults defaults, Clock& clock);

  [[nodiscard]] net::awaitable<void> handle(const net::Request& request, net::Responder& out);

 private:
  [[nodiscard]] net::awaitable<void> complete(const net::Request& request, net::Responder& out);
  using Generations = std::vector<std::shared_ptr<Generation>>;  // one a choice
  [[nodiscard]] net::awaitable<void> answer_whole(const Generations& generations,
                                                  openai::AnswerWriter& writer,
                                                  net::Responder& out);
  [[nodiscard]] net::awaitable<void> answer_streamed(const Generations& generations,
                                                     openai::AnswerWriter& writer,
                                                     net::Responder& out);
  [[nodiscard]] net::awaitable<net::Response> load_adapter(const net::Request& request);
  [[nodiscard]] net::Response unload_adapter(const net::Request& request);
  [[nodiscard]] net::Response list_models() const;
  [[nodiscard]] net::Response health() const;
  [[nodiscard]] net::Response metrics() const;

  struct Prepared {
    Generations generations;
    std::unique_ptr<openai::AnswerWriter> writer;
    bool streamed = false;
  };
  [[nodiscard]] net::awaitable<Result<Prepared>> prepare(const net::Request& request);
  [[nodiscard]] net::awaitable<Result<Order>> order_for(ApiCall& call);
  [[nodiscard]] Result<Generations> submit(const Order& order, std::int64_t choices);

  Parts parts_;
  const SamplingDefaults defaults_;
  Clock& clock_;
  const Time started_;
  IdSource ids_;
  std::mutex mutex_;
  Random seeds_;  // under mutex_
};

}  // namespace hone::engine
