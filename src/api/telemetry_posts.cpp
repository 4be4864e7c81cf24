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

net::Response telemetry_response(int status, wire::OtlpEncoding encoding, std::string body) {
  const bool json = encoding == wire::OtlpEncoding::kJson;
  return net::text_response(status, std::move(body),
                            json ? "application/json" : "application/x-protobuf");
}

net::Response telemetry_refusal(int status, wire::OtlpEncoding encoding, const Error& error) {
  net::Response response = telemetry_response(status, encoding, wire::otlp_error(encoding, error));
  if (status == 503) response.headers.add("retry-after", kTryAgainSeconds);
  return response;
}

bool Api::takes_telemetry(const net::Request& request) {
  return request.method != "HEAD" && telemetry_signal(request).has_value();
}

net::awaitable<net::Response> Api::answer_telemetry(const net::Request& request) {
  net::Response response = co_await take_telemetry(request);
  ++(response.status < 300 ? telemetry_.taken : telemetry_.refused);
  co_return response;
}

net::awaitable<net::Response> Api::take_telemetry(const net::Request& request) {
  const auto signal = telemetry_signal(request);
  HONE_ASSERT(signal.has_value());
  const auto encoding = telemetry_encoding(request);
  const auto asked = encoding.value_or(wire::OtlpEncoding::kJson);
  if (request.method != "POST") {
    const Error error{ErrorCode::kInvalid, "telemetry is posted here (OTLP)"};
    net::Response response = telemetry_refusal(405, asked, error);
    response.headers.set("allow", "POST");
    co_return response;
  }
  const auto caller = identify(request, parts_.directory, parts_.open);
  if (!caller) co_return telemetry_refusal(401, asked, caller.error());
  if (is_stray_page(request, *caller)) {
    const Error error{ErrorCode::kDenied, "pages may not post here: this address is for tools"};
    co_return telemetry_refusal(403, asked, error);
  }
  if (!encoding) {
    const Error error{ErrorCode::kInvalid,
                      "the content type must be application/x-protobuf or application/json"};
    co_return telemetry_refusal(415, asked, error);
  }
  const auto level = capture_policy_.get().level(caller->team_name);
  if (level == people::CaptureLevel::kNothing) {
    const Error error{ErrorCode::kDenied, "your team's policy ([privacy] capture) records nothing"};
    co_return telemetry_refusal(403, asked, error);
  }
  Result<ReadTelemetry> read;
  const auto ran = co_await parts_.work.run([&] {
    const auto telemetry = read_telemetry_post(request, *signal, *encoding);
    if (!telemetry) {
      read = fail(telemetry.error());
      return;
    }
    read = read_facts(*telemetry, *caller, level, parts_.redactor, parts_.clock.now());
  });
  if (!ran) co_return telemetry_refusal(503, asked, ran.error());
  if (!read) {
    const ErrorCode code = read.error().code;
    const int status = code == ErrorCode::kNotFound ? 415 : net::http_status(code);
    co_return telemetry_refusal(status, asked, read.error());
  }
  const auto kept = co_await keep_feedback(parts_.outbox, read->feedback);
  if (!kept) co_return telemetry_refusal(net::http_status(kept.error().code), asked, kept.error());
  const auto& counts = read->heard.counts;
  telemetry_.add(counts);
  co_return telemetry_response(
      200, asked,
      wire::otlp_response(*signal, asked, static_cast<std::int64_t>(counts.rejected),
                          read->heard.problem));
}

}  // namespace hone::api
