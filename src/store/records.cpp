#include "store/records.h"

#include <array>
#include <cmath>

#include "store/text.h"

namespace hone::store {
namespace {

// What the outbox took must be readable: a request of 32 MiB, escaped, with what we add.
constexpr JsonLimits kLimits{.size_bytes = 64U << 20, .depth = 72};

// Reads fields one after the other and keeps the first problem, so that a reader of twenty fields
// has one place to fail.
class FieldReader {
 public:
  explicit FieldReader(const json::object& object) : object_(object) {}

  template <typename T>
  void read(std::string_view name, T& into) {
    take(field<T>(object_, name), into);
  }
  void read(std::string_view name, Time& into) {
    std::int64_t millis = 0;
    read(name, millis);
    into = from_millis(millis);
  }
  template <typename T>
  void read(std::string_view name, std::optional<T>& into) {
    take(optional_field<T>(object_, name), into);
  }
  // For what records of an earlier Hone do not have.
  template <typename T>
  void read_where_given(std::string_view name, T& into) {
    if (object_.contains(name)) read(name, into);
  }
  template <typename Item, typename Read>
  void read_object(std::string_view name, Item& into, Read read_item) {
    const json::value* value = object_.if_contains(name);
    const json::object* object = value == nullptr ? nullptr : value->if_object();
    if (object != nullptr) return read_fields(*object, name, into, read_item);
    json::object wanted;
    read(name, wanted);  // tells what is wrong
  }
  // Without a copy: blocks are most of a record.
  template <typename Item, typename Read>
  void read_each(std::string_view name, std::vector<Item>& into, Read read_item) {
    const json::value* value = object_.if_contains(name);
    const json::array* items = value == nullptr ? nullptr : value->if_array();
    if (items == nullptr) {
      json::array wanted;
      return read(name, wanted);  // tells what is wrong
    }
    into.reserve(items->size());
    for (const json::value& item : *items) {
      const json::object* object = item.if_object();
      if (object == nullptr) {
        json::object wanted;
        return take(as<json::object>(item, name), wanted);
      }
      read_fields(*object, name, into.emplace_back(), read_item);
      if (!done_) return;
    }
  }
  void only(std::initializer_list<std::string_view> known) {
    if (auto checked = only_fields(object_, known); !checked && done_) done_ = checked;
  }
  [[nodiscard]] const Result<void>& done() const { return done_; }

 private:
  template <typename Item, typename Read>
  void read_fields(const json::object& object, std::string_view place, Item& into, Read read_item) {
    FieldReader reader(object);
    read_item(reader, into);
    if (!reader.done_) done_ = fail(reader.done_.error().with(place));
  }
  template <typename T>
  void take(Result<T> value, T& into) {
    if (value) {
      into = std::move(*value);
    } else if (done_) {
      done_ = fail(value.error());
    }
  }

  const json::object& object_;
  Result<void> done_;
};

template <typename Record, typename Read>
Result<Record> read_record(std::string_view payload, std::string_view what, Read read) {
  // Read once and thrown away: its memory comes in few pieces, and goes in one.
  std::array<unsigned char, 16U << 10> first;
  json::monotonic_resource memory(first.data(), first.size());
  const auto value = parse_json(payload, kLimits, &memory);
  if (!value) return fail(value.error().with(what));
  const json::object* object = value->if_object();
  if (object == nullptr) return fail(as<json::object>(*value, what).error());
  FieldReader reader(*object);
  Record record;
  read(reader, record);
  if (!reader.done()) return fail(reader.done().error().with(what));
  return record;
}

json::value number_or_null(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? json::value(*value) : json::value();
}

json::value text_or_null(const std::optional<std::string>& text) {
  return text ? json::value(storable_text(*text)) : json::value();
}

json::value truth_or_null(const std::optional<bool>& truth) {
  return truth ? json::value(*truth) : json::value();
}

// Writes one object after the other without a document in between: a record is written for every
// call, and most of it is text.
class FieldWriter {
 public:
  explicit FieldWriter(std::string& out) : out_(out) { out_.push_back('{'); }
  void close() { out_.push_back('}'); }

  void text(std::string_view name, std::string_view value) {
    key(name);
    append_json_string(out_, value);
  }
  // What may hold anything.
  void any_text(std::string_view name, std::string_view value) {
    if (is_storable(value)) return text(name, value);
    text(name, storable_text(value));
  }
  void whole(std::string_view name, std::int64_t value) {
    key(name);
    out_ += std::to_string(value);
  }
  void truth(std::string_view name, bool value) {
    key(name);
    out_ += value ? "true" : "false";
  }
  void number(std::string_view name, double value) {
    key(name);
    out_ += json::serialize(json::value(std::isfinite(value) ? value : 0.0));
  }
  void object(std::string_view name, const json::object& value) {
    key(name);
    out_ += json::serialize(value);
  }
  template <typename Item, typename Write>
  void each(std::string_view name, const std::vector<Item>& items, Write write) {
    key(name);
    out_.push_back('[');
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_.push_back(',');
      FieldWriter writer(out_);
      write(writer, items[i]);
      writer.close();
    }
    out_.push_back(']');
  }

 private:
  void key(std::string_view name) {
    if (!first_) out_.push_back(',');
    first_ = false;
    out_.push_back('"');
    out_ += name;  // a word of ours
    out_ += "\":";
  }

  std::string& out_;
  bool first_ = true;
};

json::object handle_object(const Handle& handle) {
  return {{"kind", storable_text(handle.kind)}, {"value", storable_text(handle.value)}};
}

void read_handle(FieldReader& reader, Handle& handle) {
  reader.read("kind", handle.kind);
  reader.read("value", handle.value);
  reader.only({"kind", "value"});
}

void write_base(FieldWriter& writer, const Interaction& i) {
  writer.text("id", i.id);
  writer.text("person", i.person);
  writer.text("team", i.team);
  writer.any_text("tool", i.tool);
  writer.text("wire", i.wire);
  writer.any_text("alias", i.alias);
  writer.text("arm", i.arm);
  writer.text("release", i.release);
  writer.number("propensity", i.propensity);
  writer.any_text("model", i.model);
  writer.any_text("upstream", i.upstream);
  writer.truth("trainable", i.trainable);
  writer.any_text("purpose", i.purpose);
  writer.any_text("access_label", i.access_label);
  writer.whole("started_at", to_millis(i.started_at));
  writer.whole("first_byte_ms", i.first_byte_ms);
  writer.whole("duration_ms", i.duration_ms);
  writer.whole("status", i.status);
  writer.any_text("stop_reason", i.stop_reason);
  writer.any_text("error", i.error);
  writer.truth("streamed", i.streamed);
  writer.whole("prompt_tokens", i.prompt_tokens);
  writer.whole("cached_tokens", i.cached_tokens);
  writer.whole("completion_tokens", i.completion_tokens);
  writer.number("cost", i.cost);
  if (!i.key.empty()) writer.any_text("key", i.key);
  if (!i.retry_of.empty()) writer.text("retry_of", i.retry_of);
  writer.object("params", i.params);
  writer.text("content", i.content);
  writer.text("context_node", i.context_node);
  writer.text("output_node", i.output_node);
}

void read_base(FieldReader& reader, Interaction& i) {
  reader.read("id", i.id);
  reader.read("person", i.person);
  reader.read("team", i.team);
  reader.read("tool", i.tool);
  reader.read("wire", i.wire);
  reader.read("alias", i.alias);
  reader.read("arm", i.arm);
  reader.read("release", i.release);
  reader.read("propensity", i.propensity);
  reader.read("model", i.model);
  reader.read("upstream", i.upstream);
  reader.read("trainable", i.trainable);
  reader.read("purpose", i.purpose);
  reader.read("access_label", i.access_label);
  reader.read("started_at", i.started_at);
  reader.read("first_byte_ms", i.first_byte_ms);
  reader.read("duration_ms", i.duration_ms);
  reader.read("status", i.status);
  reader.read("stop_reason", i.stop_reason);
  reader.read("error", i.error);
  reader.read("streamed", i.streamed);
  reader.read("prompt_tokens", i.prompt_tokens);
  reader.read_where_given("cached_tokens", i.cached_tokens);
  reader.read("completion_tokens", i.completion_tokens);
  reader.read_where_given("cost_usd", i.cost);
  reader.read_where_given("cost", i.cost);
  reader.read_where_given("key", i.key);
  reader.read_where_given("retry_of", i.retry_of);
  reader.read("params", i.params);
  reader.read("content", i.content);
  reader.read("context_node", i.context_node);
  reader.read("output_node", i.output_node);
}

}  // namespace

std::string to_payload(const InteractionStart& start) {
  return json::serialize(json::object{{"id", start.id},
                                      {"person", start.person},
                                      {"alias", storable_text(start.alias)},
                                      {"model", storable_text(start.model)},
                                      {"started_at", to_millis(start.started_at)}});
}

std::string to_payload(const Interaction& interaction) {
  std::size_t size = 2048;
  for (const Block& block : interaction.blocks) size += block.content.size() * 5 / 4 + 128;
  std::string payload;
  payload.reserve(size);
  FieldWriter writer(payload);
  write_base(writer, interaction);
  writer.each("nodes", interaction.nodes, [](FieldWriter& item, const Node& node) {
    item.text("hash", node.hash);
    item.text("parent", node.parent);
    item.text("block", node.block);
    item.whole("depth", node.depth);
  });
  writer.each("blocks", interaction.blocks, [](FieldWriter& item, const Block& block) {
    item.text("hash", block.hash);
    item.any_text("role", block.role);
    item.any_text("content", block.content);
  });
  writer.each("handles", interaction.handles, [](FieldWriter& item, const Handle& handle) {
    item.any_text("kind", handle.kind);
    item.any_text("value", handle.value);
  });
  writer.close();
  return payload;
}

std::string to_payload(const Feedback& feedback) {
  return json::serialize(json::object{{"id", feedback.id},
                                      {"idempotency_key", storable_text(feedback.idempotency_key)},
                                      {"source", storable_text(feedback.source)},
                                      {"handle", handle_object(feedback.handle)},
                                      {"kind", feedback.kind},
                                      {"by", feedback.by},
                                      {"person", feedback.person},
                                      {"value", number_or_null(feedback.value)},
                                      {"final_text", text_or_null(feedback.final_text)},
                                      {"comment", text_or_null(feedback.comment)},
                                      {"detail", feedback.detail},
                                      {"at", to_millis(feedback.at)},
                                      {"received_at", to_millis(feedback.received_at)}});
}

std::string to_payload(const Consent& consent) {
  return json::serialize(json::object{{"id", consent.id},
                                      {"person", consent.person},
                                      {"capture", truth_or_null(consent.capture)},
                                      {"train", truth_or_null(consent.train)},
                                      {"by", storable_text(consent.by)},
                                      {"at", to_millis(consent.at)}});
}

Result<InteractionStart> read_interaction_start(std::string_view payload) {
  return read_record<InteractionStart>(
      payload, "interaction start", [](FieldReader& reader, InteractionStart& start) {
        reader.read("id", start.id);
        reader.read("person", start.person);
        reader.read("alias", start.alias);
        reader.read("model", start.model);
        reader.read("started_at", start.started_at);
        reader.only({"id", "person", "alias", "model", "started_at"});
      });
}

Result<Interaction> read_interaction(std::string_view payload) {
  return read_record<Interaction>(payload, "interaction", [](FieldReader& reader, Interaction& i) {
    read_base(reader, i);
    reader.read_each("nodes", i.nodes, [](FieldReader& item, Node& node) {
      item.read("hash", node.hash);
      item.read("parent", node.parent);
      item.read("block", node.block);
      item.read("depth", node.depth);
      item.only({"hash", "parent", "block", "depth"});
    });
    reader.read_each("blocks", i.blocks, [](FieldReader& item, Block& block) {
      item.read("hash", block.hash);
      item.read("role", block.role);
      item.read("content", block.content);
      item.only({"hash", "role", "content"});
    });
    reader.read_each("handles", i.handles, read_handle);
    reader.only({"id",          "person",        "team",          "tool",
                 "wire",        "alias",         "arm",           "release",
                 "propensity",  "model",         "upstream",      "trainable",
                 "purpose",     "access_label",  "started_at",    "first_byte_ms",
                 "duration_ms", "status",        "stop_reason",   "error",
                 "streamed",    "prompt_tokens", "cached_tokens", "completion_tokens",
                 "cost_usd",    "cost",          "key",           "retry_of",
                 "params",      "content",       "context_node",  "output_node",
                 "nodes",       "blocks",        "handles"});
  });
}

Result<Feedback> read_feedback(std::string_view payload) {
  return read_record<Feedback>(payload, "feedback", [](FieldReader& reader, Feedback& feedback) {
    reader.read("id", feedback.id);
    reader.read("idempotency_key", feedback.idempotency_key);
    reader.read("source", feedback.source);
    reader.read_object("handle", feedback.handle, read_handle);
    reader.read("kind", feedback.kind);
    reader.read("by", feedback.by);
    reader.read("person", feedback.person);
    reader.read("value", feedback.value);
    reader.read("final_text", feedback.final_text);
    reader.read("comment", feedback.comment);
    reader.read("detail", feedback.detail);
    reader.read("at", feedback.at);
    reader.read("received_at", feedback.received_at);
    reader.only({"id", "idempotency_key", "source", "handle", "kind", "by", "person", "value",
                 "final_text", "comment", "detail", "at", "received_at"});
  });
}

Result<Consent> read_consent(std::string_view payload) {
  return read_record<Consent>(payload, "consent", [](FieldReader& reader, Consent& consent) {
    reader.read("id", consent.id);
    reader.read("person", consent.person);
    reader.read("capture", consent.capture);
    reader.read("train", consent.train);
    reader.read("by", consent.by);
    reader.read("at", consent.at);
    reader.only({"id", "person", "capture", "train", "by", "at"});
  });
}

const std::vector<std::string_view>& feedback_kinds() {
  static const std::vector<std::string_view> kinds = {
      "shown",  "accepted", "edited", "rejected",  "rated",   "corrected", "compared",
      "copied", "retried",  "undone", "persisted", "outcome", "comment"};
  return kinds;
}

}  // namespace hone::store
