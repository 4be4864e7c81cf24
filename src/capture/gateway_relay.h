// One request to an upstream, and its answer to the client as it arrives.
#pragma once

#include <chrono>
#include <string>

#include "net/async.h"
#include "net/client.h"
#include "net/server.h"
#include "wire/translate.h"

namespace hone::capture {

// What is added to the upstream's answer.
struct RelayStamp {
  std::string interaction_id;  // "": none
  std::string request_id;      // used only where the upstream sends none
};

enum class RelayFailure {
  kNone,
  kUnreachable,  // no connection, or closed without an answer
  kTimeout,
  kCut,  // the answer broke off
  kClientGone,
};

// "upstream_unreachable", …: as it stands in records; "" for kNone.
[[nodiscard]] std::string_view name(RelayFailure failure);

struct RelayOutcome {
  RelayFailure failure = RelayFailure::kNone;
  std::string message;  // for the caller, where nothing has been answered yet
  int status = 0;       // that the client got; 0 where the relay has not answered
  std::chrono::milliseconds first_byte{0};
  bool streamed = false;  // to the client
  std::string encoding;  // of the answer, and so of its copy; "" for none
  std::string request_id;
  std::string copy;  // of the bytes that the client got, up to the limit
};

// Runs on the connection's strand. Where the outcome's status is 0 and the client is still there,
// the caller must answer. With a translator the client gets the answer in its own format; without
// one, the bytes as they come.
[[nodiscard]] net::awaitable<RelayOutcome> relay(net::Client& client, net::ClientRequest request,
                                                 net::Responder& out, RelayStamp stamp,
                                                 std::size_t copy_limit,
                                                 wire::AnswerTranslator* translator = nullptr);

}  // namespace hone::capture
