#include "store/records.h"

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
  auto object = parse_json_object(payload, kLimits);
  if (!object) return fail(object.error().with(what));
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

json::object handle_object(const Handle& handle) {
  return {{"kind", storable_text(handle.kind)}, {"value", storable_text(handle.value)}};
}

void read_handle(FieldReader& reader, Handle& handle) {
  reader.read("kind", handle.kind);
  reader.read("value", handle.value);
  reader.only({"kind", "value"});
}

json::object base_object(const Interaction& i) {
  return {{"id", i.id},
          {"person", i.person},
          {"team", i.team},
          {"tool", storable_text(i.tool)},
          {"wire", i.wire},
          {"alias", storable_text(i.alias)},
          {"arm", i.arm},
          {"release", i.release},
          {"propensity", i.propensity},
          {"model", storable_text(i.model)},
          {"upstream", storable_text(i.upstream)},
          {"trainable", i.trainable},
          {"purpose", storable_text(i.purpose)},
          {"access_label", storable_text(i.access_label)},
          {"started_at", to_millis(i.started_at)},
          {"first_byte_ms", i.first_byte_ms},
          {"duration_ms", i.duration_ms},
          {"status", i.status},
          {"stop_reason", storable_text(i.stop_reason)},
          {"error", storable_text(i.error)},
          {"streamed", i.streamed},
          {"prompt_tokens", i.prompt_tokens},
          {"completion_tokens", i.completion_tokens},
          {"cost_usd", std::isfinite(i.cost_usd) ? i.cost_usd : 0.0},
          {"params", i.params},
          {"content", i.content},
          {"context_node", i.context_node},
          {"output_node", i.output_node}};
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
  reader.read("completion_tokens", i.completion_tokens);
  reader.read("cost_usd", i.cost_usd);
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
  json::object object = base_object(interaction);
  json::array nodes;
  for (const Node& node : interaction.nodes) {
    nodes.push_back({{"hash", node.hash},
                     {"parent", node.parent},
                     {"block", node.block},
                     {"depth", node.depth}});
  }
  json::array blocks;
  for (const Block& block : interaction.blocks) {
    blocks.push_back({{"hash", block.hash},
                      {"role", storable_text(block.role)},
                      {"content", storable_text(block.content)}});
  }
  json::array handles;
  for (const Handle& handle : interaction.handles) handles.push_back(handle_object(handle));
  object["nodes"] = std::move(nodes);
  object["blocks"] = std::move(blocks);
  object["handles"] = std::move(handles);
  return json::serialize(object);
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
    reader.only({"id",
                 "person",
                 "team",
                 "tool",
                 "wire",
                 "alias",
                 "arm",
                 "release",
                 "propensity",
                 "model",
                 "upstream",
                 "trainable",
                 "purpose",
                 "access_label",
                 "started_at",
                 "first_byte_ms",
                 "duration_ms",
                 "status",
                 "stop_reason",
                 "error",
                 "streamed",
                 "prompt_tokens",
                 "completion_tokens",
                 "cost_usd",
                 "params",
                 "content",
                 "context_node",
                 "output_node",
                 "nodes",
                 "blocks",
                 "handles"});
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
