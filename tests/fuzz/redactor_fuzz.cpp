// Texts as the redactor meets them: whole, and as a stream that was cut anywhere, a secret's middle
// included.
#include "base/json.h"
#include "fuzz/targets.h"
#include "privacy/redactor.h"
#include "store/text.h"
#include "wire/answer.h"

namespace hone::fuzz {
namespace {

const privacy::Redactor& shared_redactor() {
  static const auto redactor =
      privacy::Redactor::create("a tenant's key", {.names = {"Ana Sample", "O'Neill"}});
  must(redactor.has_value(), "a redactor that cannot be made");
  return **redactor;
}

std::string redacted(std::string_view text) {
  auto done = shared_redactor().redact(text);
  must(done.has_value(), "a text that cannot be redacted");
  return std::move(*done);
}

// Cuts only between characters: each piece is a JSON string of its own.
std::string stream_of(std::string_view text, std::size_t piece) {
  std::string stream;
  while (!text.empty()) {
    std::size_t size = std::min(piece, text.size());
    while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) ++size;
    const json::object delta{{"content", text.substr(0, size)}};
    const json::object choice{{"index", 0}, {"delta", delta}};
    stream += "data: " + json::serialize(json::object{{"choices", json::array{choice}}}) + "\n\n";
    text.remove_prefix(size);
  }
  return stream + "data: [DONE]\n\n";
}

// Of what the recorder keeps of such an answer.
std::string redacted_stream(std::string_view text, std::size_t piece) {
  wire::AnswerReader reader(wire::Format::kOpenAIChat, true);
  reader.feed(stream_of(text, piece));
  auto answer = reader.finish();
  must(!answer.message.empty(), "a stream of which nothing was read");
  const auto changed = shared_redactor().redact_within(answer.message);
  must(changed.has_value(), "an answer that cannot be redacted");
  const json::value* content = answer.message.if_contains("content");
  must(content != nullptr && content->is_array() && content->as_array().size() == 1,
       "a stream of one text that is another thing");
  return std::string(string_or_empty(content->as_array().front().as_object(), "text"));
}

}  // namespace

void redactor(std::string_view bytes) {
  const auto explained = shared_redactor().explain(bytes);
  must(explained.has_value(), "a text that cannot be explained");
  const std::string once = redacted(bytes);
  must(explained->text == once, "an explanation of another text");
  must(redacted(once) == once, "redacted text that is no fixed point");
  std::size_t end = 0;
  for (const auto& [finding, pseudonym] : explained->replaced) {
    must(finding.begin >= end && finding.end > finding.begin && finding.end <= bytes.size(),
         "findings over one another");
    must(once.find(pseudonym) != std::string::npos, "a pseudonym that stands nowhere");
    end = finding.end;
  }
  const std::string text = store::storable_text(bytes);
  if (text.empty()) return;
  const std::string whole = redacted(text);
  must(redacted_stream(text, 1) == whole, "a stream of single characters redacted otherwise");
  must(redacted_stream(text, 7) == whole, "a stream in pieces redacted otherwise");
}

}  // namespace hone::fuzz
