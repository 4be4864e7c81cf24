// One request to an upstream, and its answer to the client as it arrives.
#pragma once

#include <chrono>
#include <string>

#include "net/async.h"
#include "net/client.h"
#include "net/server.h"
#include "wire/translate.h"

namespace hone::capture {

class LimitNotice;  // limits_answer.h

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
  kDeclined,  // 5xx, and somebody else may be asked
  kWithheld,  // the caller did not let the answer end
};

// "upstream_unreachable", …: as it stands in records; "" for kNone.
[[nodiscard]] std::string_view name(RelayFailure failure);

struct RelayOutcome {
  RelayFailure failure = RelayFailure::kNone;
  std::string message;      // for the caller, where nothing has been answered yet
  int status = 0;           // that the client got; 0 where the relay has not answered
  int upstream_status = 0;  // 0 where there was no answer
  std::chrono::milliseconds first_byte{0};
  bool streamed = false;  // to the client
  std::string encoding;   // of the answer, and so of its copy; "" for none
  std::string request_id;
  std::string copy;  // of the bytes that the client got, up to the limit
};

// Told when the upstream's answer is complete and its last bytes have not gone to the client: they
// wait for it.
class BeforeEnd {
 public:
  virtual ~BeforeEnd() = default;
  // `status` is what the client gets or has got. False: the answer is broken off instead.
  [[nodiscard]] virtual net::awaitable<bool> reached(RelayOutcome& outcome, int status) = 0;
};

struct RelayOptions {
  std::size_t copy_limit = 0;       // bytes of the answer that are kept for the record
  bool may_decline = false;         // an answer of 5xx is not passed on: kDeclined
  BeforeEnd* before_end = nullptr;  // this and the next ones outlive the relay
  // The client gets the answer in its own format; without one, the bytes as they come.
  wire::AnswerTranslator* translator = nullptr;
  const LimitNotice* limits = nullptr;  // what the client is told of its limits; none: it has none
};

// Runs on the connection's loop. Where the outcome's status is 0 and the client is still there,
// the caller must answer.
[[nodiscard]] net::awaitable<RelayOutcome> relay(net::Client& client, net::ClientRequest request,
                                                 net::Responder& out, RelayStamp stamp,
                                                 RelayOptions options);

}  // namespace hone::capture
