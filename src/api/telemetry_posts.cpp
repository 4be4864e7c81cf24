// The way of telemetry: who sends it, its bytes, the facts in it, their texts redacted, the outbox.
// 2xx means that what it says about answers is on disk.
#include "api/api.h"
#include "api/feedback_intake.h"
#include "api/telemetry.h"
#include "api/tool_events.h"
#include "net/content_coding.h"

namespace hone::api {
namespace {

constexpr const char* kTryAgainSeconds = "10";

std::string media_type(const net::Request& request) {
  std::string type = request.headers.get("content-type");
  type.erase(std::min(type.find(';'), type.size()));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
  return type;
}

struct ReadTelemetry {
  feedback::TelemetryHeard heard;
  std::vector<store::Feedback> feedback;
};

// "otlp:KEY": nobody speaks in another's name. Where the team's policy or the person keeps no
// content, no words of what is said of it are kept.
Result<ReadTelemetry> read_facts(const wire::Telemetry& telemetry, const people::Caller& caller,
                                 people::CaptureLevel level, const privacy::Redactor& redactor,
                                 Time now) {
  ReadTelemetry read;
  read.heard = feedback::read_telemetry(telemetry, now);
  const std::string source = "otlp:" + key_name(caller);
  const bool with_content = caller.capture && level == people::CaptureLevel::kContent;
  auto all =
      redacted_facts(std::move(read.heard.facts), source, caller, with_content, redactor, now);
  if (!all) return fail(all.error());
  read.feedback = std::move(*all);
  return read;
}

std::unexpected<TelemetryRefusal> refuse(int status, Error error) {
  return std::unexpected(TelemetryRefusal{.status = status, .error = std::move(error)});
}

}  // namespace

void TelemetryCounters::add(const feedback::TelemetryCounts& counts) {
  signals += counts.signals;
  repeated += counts.repeated;
  nothing += counts.nothing;
  unknown += counts.unknown;
  without_handle += counts.without_handle;
  without_value += counts.without_value;
  rejected += counts.rejected;
  wrong_clocks += counts.wrong_clocks;
}

void measure_telemetry(MetricsText& text, const TelemetryCounters& counters) {
  constexpr auto kRequests = "hone_telemetry_requests_total";
  constexpr auto kRequestsHelp = "OTLP requests, metrics too.";
  const auto number = [](const std::atomic<std::uint64_t>& counter) {
    return static_cast<double>(counter.load());
  };
  text.counter(kRequests, kRequestsHelp, number(counters.taken), "result=\"taken\"");
  text.counter(kRequests, kRequestsHelp, number(counters.refused), "result=\"refused\"");
  constexpr auto kEvents = "hone_telemetry_events_total";
  constexpr auto kEventsHelp = "Log records, spans and their events, by what they said.";
  text.counter(kEvents, kEventsHelp, number(counters.signals), "said=\"signal\"");
  text.counter(kEvents, kEventsHelp, number(counters.repeated), "said=\"repeated\"");
  text.counter(kEvents, kEventsHelp, number(counters.nothing), "said=\"nothing\"");
  text.counter(kEvents, kEventsHelp, number(counters.unknown), "said=\"unknown\"");
  text.counter(kEvents, kEventsHelp, number(counters.without_handle), "said=\"without_handle\"");
  text.counter(kEvents, kEventsHelp, number(counters.without_value), "said=\"without_value\"");
  text.counter(kEvents, kEventsHelp, number(counters.rejected), "said=\"rejected\"");
  text.counter("hone_telemetry_wrong_clocks_total", "Signals kept with the time of their arrival.",
               number(counters.wrong_clocks));
}

std::optional<wire::OtlpSignal> telemetry_signal(const net::Request& request) {
  const auto path = request.path();
  if (path == "/v1/logs") return wire::OtlpSignal::kLogs;
  if (path == "/v1/traces") return wire::OtlpSignal::kTraces;
  if (path == "/v1/metrics") return wire::OtlpSignal::kMetrics;
  return std::nullopt;
}

std::optional<wire::OtlpEncoding> telemetry_encoding(const net::Request& request) {
  const std::string type = media_type(request);
  if (net::same_name(type, "application/json")) return wire::OtlpEncoding::kJson;
  if (net::same_name(type, "application/x-protobuf")) return wire::OtlpEncoding::kProtobuf;
  return std::nullopt;
}

Result<wire::Telemetry> read_telemetry_post(const net::Request& request, wire::OtlpSignal signal,
                                            wire::OtlpEncoding encoding) {
  const std::string coding = net::content_encoding(request.headers);
  if (coding.empty()) return wire::read_otlp(signal, encoding, request.body);
  const auto decoded = net::decode_content(coding, request.body, wire::OtlpLimits().size_bytes);
  if (!decoded && decoded.error().code == ErrorCode::kInvalid) {
    return fail(ErrorCode::kNotFound, decoded.error().message);
  }
  if (!decoded) return fail(decoded.error());
  if (!decoded->whole) {
    return fail(ErrorCode::kInvalid, "the body is not whole: its " + coding + " is cut or damaged");
  }
  return wire::read_otlp(signal, encoding, decoded->body);
}

net::Response telemetry_response(const TelemetryAnswer& answer, wire::OtlpSignal signal,
                                 wire::OtlpEncoding encoding) {
  const bool json = encoding == wire::OtlpEncoding::kJson;
  std::string body = answer
                         ? wire::otlp_response(signal, encoding, answer->rejected, answer->problem)
                         : wire::otlp_error(encoding, answer.error().error);
  const int status = answer ? 200 : answer.error().status;
  net::Response response = net::text_response(status, std::move(body),
                                              json ? "application/json" : "application/x-protobuf");
  if (status == 405) response.headers.set("allow", "POST");
  if (status == 503) response.headers.add("retry-after", kTryAgainSeconds);
  return response;
}

bool Api::takes_telemetry(const net::Request& request) {
  return request.method != "HEAD" && telemetry_signal(request).has_value();
}

net::awaitable<net::Response> Api::answer_telemetry(const net::Request& request) {
  const auto signal = telemetry_signal(request);
  HONE_ASSERT(signal.has_value());
  const TelemetryAnswer answer = co_await take_telemetry(request);
  telemetry_.count(answer);
  const auto encoding = telemetry_encoding(request).value_or(wire::OtlpEncoding::kJson);
  co_return telemetry_response(answer, *signal, encoding);
}

std::expected<TelemetrySender, TelemetryRefusal> Api::admit_telemetry(
    const net::Request& request) const {
  if (request.method != "POST") {
    return refuse(405, {ErrorCode::kInvalid, "telemetry is posted here (OTLP)"});
  }
  auto caller = identify(request, parts_.directory, parts_.open);
  if (!caller) return refuse(401, caller.error());
  if (is_stray_page(request, *caller)) {
    return refuse(403, {ErrorCode::kDenied, "pages may not post here: this address is for tools"});
  }
  if (!telemetry_encoding(request)) {
    return refuse(415, {ErrorCode::kInvalid,
                        "the content type must be application/x-protobuf or application/json"});
  }
  const auto level = capture_policy_.get().level(caller->team_name);
  if (level == people::CaptureLevel::kNothing) {
    return refuse(403,
                  {ErrorCode::kDenied, "your team's policy ([privacy] capture) records nothing"});
  }
  return TelemetrySender{.caller = std::move(*caller), .level = level};
}

net::awaitable<TelemetryAnswer> Api::take_telemetry(const net::Request& request) {
  const auto sender = admit_telemetry(request);
  if (!sender) co_return std::unexpected(sender.error());
  const auto signal = telemetry_signal(request);
  const auto encoding = telemetry_encoding(request);
  Result<ReadTelemetry> read;
  const auto ran = co_await parts_.work.run([&] {
    const auto telemetry = read_telemetry_post(request, *signal, *encoding);
    if (!telemetry) {
      read = fail(telemetry.error());
      return;
    }
    read =
        read_facts(*telemetry, sender->caller, sender->level, parts_.redactor, parts_.clock.now());
  });
  if (!ran) co_return refuse(503, ran.error());
  if (!read) {
    const ErrorCode code = read.error().code;
    const int status = code == ErrorCode::kNotFound ? 415 : net::http_status(code);
    co_return refuse(status, read.error());
  }
  const auto kept = co_await keep_feedback(parts_.outbox, read->feedback);
  if (!kept) co_return refuse(net::http_status(kept.error().code), kept.error());
  const auto& counts = read->heard.counts;
  telemetry_.add(counts);
  TelemetryTaken taken{.rejected = static_cast<std::int64_t>(counts.rejected),
                       .problem = std::move(read->heard.problem)};
  co_return taken;
}

}  // namespace hone::api
