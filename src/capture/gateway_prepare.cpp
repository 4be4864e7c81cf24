// Where a call goes, and with which bytes and header fields.
#include <utility>

#include "capture/gateway.h"
#include "capture/gateway_headers.h"
#include "net/content_coding.h"

namespace hone::capture {
namespace {

constexpr std::size_t kDecodedRequestBytes = 32U << 20;  // as large as a plain body may be

net::ClientRequest request_to(const Upstream& upstream, const net::Request& request,
                              wire::Format format, std::string_view our_key) {
  net::ClientRequest out;
  out.method = request.method;
  out.url = net::with_target(upstream.url, request.target);
  out.headers = headers_to_upstream(request.headers, upstream, format, our_key);
  out.first_byte_timeout = upstream.first_byte_timeout;
  out.idle_timeout = upstream.idle_timeout;
  // A model call changes nothing at the upstream: asked twice, it costs twice, and that is all.
  out.safe_to_resend = true;
  return out;
}

}  // namespace

// With the bytes that came, unless an alias has another name there.
Result<Gateway::Outgoing> Gateway::prepare(net::Request& request, const Identity& identity,
                                           wire::Format format, bool recorded) const {
  Outgoing call;
  std::string text = std::move(request.body);
  call.recorded = recorded;
  call.encoding = net::content_encoding(request.headers);
  if (!call.encoding.empty()) {
    auto decoded = net::decode_content(call.encoding, text, kDecodedRequestBytes);
    if (!decoded && decoded.error().code == ErrorCode::kTooLarge) return fail(decoded.error());
    if (!decoded || !decoded->whole) {
      return unread(std::move(text), request, identity, format, std::move(call));
    }
    call.encoded = std::exchange(text, std::move(decoded->body));
    call.encoding.clear();
  }
  call.body = recorded ? wire::CutBody(format, std::move(text)) : wire::CutBody(std::move(text));
  auto field = find_model(call.body);
  if (!field && !recorded) {  // some counts name no model: the upstream's to judge
    std::string as_it_came(call.encoded.empty() ? call.body.text() : call.encoded);
    return unread(std::move(as_it_came), request, identity, format, std::move(call));
  }
  if (!field) return fail(field.error());
  auto target = find_target(field->value, identity.caller.person);
  if (!target) return fail(target.error());
  call.model = std::move(*field);
  if (!speaks(*target->upstream, format)) {
    call.request = request_to(*target->upstream, request, format, identity.key);
    call.target = std::move(*target);
    return translate(request, identity, format, std::move(call));
  }
  address(call, std::move(*target), request, identity, format);
  return call;
}

// The headers for its upstream, and the name that the model has there.
void Gateway::address(Outgoing& call, Target target, const net::Request& request,
                      const Identity& identity, wire::Format format) const {
  call.request = request_to(*target.upstream, request, format, identity.key);
  call.renamed.clear();
  if (target.route.upstream_model != call.model.value) {
    call.renamed = json_string(target.route.upstream_model);
    call.encoded.clear();
    call.request.headers.remove("content-encoding");
  }
  call.target = std::move(target);
}

Result<void> Gateway::redirect(Outgoing& call, Target target, const net::Request& request,
                               const Identity& identity, wire::Format format) const {
  if (speaks(*target.upstream, format)) {
    call.translation.reset();
    address(call, std::move(target), request, identity, format);
    if (call.encoded.empty()) call.request.headers.remove("content-encoding");
    call.request.pieces = call.pieces();
    return {};
  }
  Outgoing other;
  other.body = wire::CutBody(std::string(call.body.text()));  // the call's is recorded
  other.request = request_to(*target.upstream, request, format, identity.key);
  other.target = std::move(target);
  auto made = translate(request, identity, format, std::move(other));
  if (!made) return fail(made.error());
  call.request = std::move(made->request);
  call.target = std::move(made->target);
  call.translation = std::move(made->translation);
  return {};
}

// A body that only the upstream may be able to read: it gets it as it came.
Result<Gateway::Outgoing> Gateway::unread(std::string body, const net::Request& request,
                                          const Identity& identity, wire::Format format,
                                          Outgoing call) const {
  const Upstream* upstream = parts_.upstreams.fallback(format);
  if (upstream == nullptr) {
    return fail(ErrorCode::kNotFound, "no upstream is set up that could answer this");
  }
  call.target.upstream = upstream;
  call.target.route.upstream = upstream->name;
  call.request = request_to(*upstream, request, format, identity.key);
  call.request.body = std::move(body);
  return call;
}

std::array<std::string_view, 3> Gateway::Outgoing::pieces() const {
  if (!encoded.empty()) return {encoded};
  if (renamed.empty()) return {body.text()};
  return with_model(body.text(), model, renamed);
}

Result<Gateway::Target> Gateway::find_target(const std::string& model,
                                             const std::string& person) const {
  Target target;
  if (auto route = parts_.router.route(model, person)) {
    target.upstream = parts_.upstreams.find(route->upstream);
    target.route = std::move(*route);
    if (target.upstream == nullptr) {
      return fail(ErrorCode::kUnavailable, "model '" + model + "' is served by upstream '" +
                                               target.route.upstream + "', which is not set up");
    }
  } else if (route.error().code != ErrorCode::kNotFound) {
    return fail(route.error());
  } else {
    target.upstream = parts_.upstreams.for_model(model);
    if (target.upstream == nullptr) {
      return fail(ErrorCode::kNotFound, "model '" + model +
                                            "' is neither an alias nor served by any upstream; GET "
                                            "/v1/models lists what is there");
    }
    target.route = {.alias = model,
                    .upstream = target.upstream->name,
                    .upstream_model = model,
                    .model = model,
                    .arm = "",
                    .release = "",
                    .propensity = 1,
                    .trainable = target.upstream->trainable};
  }
  return target;
}

}  // namespace hone::capture
