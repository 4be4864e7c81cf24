// From a record to interactions and feedback, as a map says.
#include <algorithm>

#include "base/hash.h"
#include "base/text.h"
#include "capture/import_record.h"
#include "wire/message.h"

namespace hone::capture {
namespace {

// Says nothing: no part but blank texts.
bool says_nothing(const json::object& message) {
  return std::ranges::all_of(wire::content_of(message), [](const json::value& part) {
    return part.is_object() && string_or_empty(part.get_object(), "type") == "text" &&
           is_blank(string_or_empty(part.get_object(), "text"));
  });
}

std::string canonical_list(const std::vector<json::object>& messages) {
  std::string all;
  for (const json::object& message : messages) all += canonical(message) + "\n";
  return all;
}

Result<void> require(const MapValue& value, const MapScope& scope) {
  if (!value.given || is_there(value, scope)) return {};
  return fail(ErrorCode::kInvalid, value.place + " ('" + value.from + "') is missing");
}

class Mapper {
 public:
  Mapper(const ImportMap& map, const JoinTable& join, ImportWriter& writer)
      : map_(map), join_(join), writer_(writer) {
    if (map.suggestion_events) episodes_.emplace(*map.suggestion_events, writer);
  }

  // What the record is no fit for is malformed; any other failure ends the import.
  Result<void> take(const json::value& record) {
    MapScope scope{.record = &record};
    if (map_.unroll.empty()) return settle(take_one(scope), "");
    MapValue unroll;
    unroll.place = "unroll";
    unroll.from = map_.unroll;
    unroll.given = true;
    const auto list = read_value(unroll, scope);
    if (!list) return fail(list.error());
    if (list->is_null() || (list->is_array() && list->get_array().empty())) {
      writer_.left_out("empty_list");
      return {};
    }
    if (!list->is_array()) {
      return settle(fail(ErrorCode::kInvalid, "unroll ('" + map_.unroll + "') must be a list"), "");
    }
    const json::array& items = list->get_array();
    for (std::size_t i = 0; i < items.size(); ++i) {
      scope.item = &items[i];
      scope.index = i;
      auto done = settle(take_one(scope), "item " + std::to_string(i));
      if (!done) return done;
    }
    return {};
  }

  Result<void> finish() { return episodes_ ? episodes_->finish() : Result<void>(); }

 private:
  Result<void> settle(Result<void> done, const std::string& place) {
    if (done || done.error().code != ErrorCode::kInvalid) return done;
    writer_.malformed(place.empty() ? done.error() : done.error().with(place));
    return {};
  }

  Result<void> take_one(MapScope scope) {
    if (map_.join) {
      const auto key = read_text(map_.join->key, scope);
      if (!key) return fail(key.error());
      const auto partner = join_.find(*key);
      if (partner != join_.end()) {
        scope.join = &partner->second;
      } else if (map_.join->required) {
        writer_.left_out("no_partner");
        return {};
      }
    }
    for (const MapFilter& filter : map_.filters) {
      const auto passes = fits(filter, scope);
      if (!passes) return fail(passes.error());
      if (*passes) continue;
      writer_.left_out(filter.reason);
      return {};
    }
    auto call = facts(scope);
    if (!call) return fail(call.error());
    if (map_.pair) return take_pair(scope, std::move(*call));
    auto context = read_context(scope, *call);
    if (!context) return fail(context.error());
    if (episodes_) return take_event(scope, std::move(*call));
    if (!*context || (call->answer.empty() ? call->verifier.empty() : says_nothing(call->answer))) {
      writer_.left_out("empty");
      return {};
    }
    auto stays = add_signals(map_, scope, *call, writer_);
    if (!stays) return fail(stays.error());
    return *stays ? writer_.add(*call) : Result<void>();
  }

  static Result<bool> fits(const MapFilter& filter, const MapScope& scope) {
    const auto text = read_text(filter.value, scope);
    if (!text) return fail(text.error());
    const auto is = trimmed(*text);
    const auto among = [&](const std::vector<std::string>& list) {
      return std::ranges::find(list, is) != list.end();
    };
    if (!filter.is.empty() && !among(filter.is)) return false;
    if (among(filter.is_not)) return false;
    if (filter.empty && *filter.empty != is.empty()) return false;
    if (!filter.at_least && !filter.at_most) return true;
    const auto number = read_number(filter.value, scope);
    if (!number) return fail(number.error());
    return number->has_value() && (!filter.at_least || **number >= *filter.at_least) &&
           (!filter.at_most || **number <= *filter.at_most);
  }

  // All but what was said.
  Result<ImportedCall> facts(const MapScope& scope) const {
    ImportedCall call;
    call.person = "unknown";
    call.tool = "import";
    const std::pair<const MapValue*, std::string*> texts[] = {
        {&map_.key, &call.key},
        {&map_.person, &call.person},
        {&map_.team, &call.team},
        {&map_.tool, &call.tool},
        {&map_.model, &call.model},
        {&map_.purpose, &call.purpose},
        {&map_.access_label, &call.access_label}};
    for (const auto& [value, to] : texts) {
      auto text = read_text(*value, scope);
      if (!text) return fail(text.error());
      if (!trimmed(*text).empty()) *to = trimmed(*text);
    }
    if (map_.key.given && call.key.empty() && !is_there(map_.key, scope)) {
      return fail(ErrorCode::kInvalid, "interaction.key ('" + map_.key.from + "') is missing");
    }
    if (call.key.empty()) {
      std::string all = canonical(*scope.record);
      if (scope.item != nullptr) all += "\n" + canonical(scope.index);
      call.key = hex(sha256(all)).substr(0, 32);
    }
    const auto at = read_time(map_.time, scope);
    if (!at) return fail(at.error());
    call.at = at->value_or(from_millis(0));
    for (const auto& [value, to] : {std::pair{&map_.duration_ms, &call.duration_ms},
                                    std::pair{&map_.completion_tokens, &call.completion_tokens}}) {
      const auto number = read_number(*value, scope);
      if (!number) return fail(number.error());
      *to = static_cast<std::int64_t>(std::clamp(number->value_or(0), 0.0, 1e12));
    }
    if (auto done = read_values(map_.params, scope, call.params); !done) return fail(done.error());
    if (auto done = read_values(map_.verifier, scope, call.verifier); !done) {
      return fail(done.error());
    }
    call.trainable =
        writer_.options().trainable || map_.trainable.value_or(is_open_model(call.model));
    return call;
  }

  Result<void> add_system(const MapScope& scope, std::vector<json::object>& messages) const {
    const auto system = read_text(map_.system, scope);
    if (!system) return fail(system.error());
    if (!is_blank(*system)) messages.push_back(wire::text_message("system", *system));
    return {};
  }

  // Sets messages and answer; false where there is nothing to answer.
  Result<bool> read_context(const MapScope& scope, ImportedCall& call) const {
    for (const MapValue* value : {&map_.prompt, &map_.messages, &map_.output}) {
      if (auto there = require(*value, scope); !there) return fail(there.error());
    }
    if (auto added = add_system(scope, call.messages); !added) return fail(added.error());
    std::vector<json::object> said;
    if (map_.prompt.given) {
      const auto prompt = read_text(map_.prompt, scope);
      if (!prompt) return fail(prompt.error());
      if (!is_blank(*prompt)) said.push_back(wire::text_message("user", *prompt));
    } else {
      auto messages = read_messages(map_.messages, scope);
      if (!messages) return fail(messages.error());
      said = std::move(*messages);
    }
    if (map_.output.given) {
      const auto output = read_text(map_.output, scope);
      if (!output) return fail(output.error());
      if (!is_blank(*output) || map_.verifier.empty()) {
        call.answer = wire::text_message("assistant", *output);
      }
    } else if (map_.messages.given && !map_.pair && map_.verifier.empty() && !said.empty()) {
      if (wire::role_of(said.back()) != "assistant") {
        return fail(ErrorCode::kInvalid,
                    map_.messages.place + " must end with the assistant's answer");
      }
      call.answer = std::move(said.back());
      said.pop_back();
    }
    const bool any = !std::ranges::all_of(
        said, [](const json::object& message) { return says_nothing(message); });
    std::ranges::move(said, std::back_inserter(call.messages));
    return any;
  }

  Result<void> take_event(const MapScope& scope, ImportedCall call) {
    const MapSuggestionEvents& map = *map_.suggestion_events;
    SuggestionEvent event;
    auto state = read_text(map.state, scope);
    if (!state) return fail(state.error());
    event.state = std::move(*state);
    const auto length = read_number(map.document_length, scope);
    if (!length) return fail(length.error());
    event.document_length = length->value_or(0);
    const auto edits = read_value(map.edit_distance, scope);
    if (!edits) return fail(edits.error());
    if (edits->is_array()) {
      for (const json::value& item : edits->get_array()) {
        const auto share = as<double>(item, map.edit_distance.from);
        if (!share) return fail(ErrorCode::kInvalid, share.error().message);
        event.edits.push_back(std::clamp(*share, 0.0, 1.0));
      }
    }
    if (map.edit_distance.given && event.edits.size() != map.after_seconds.size()) {
      return fail(ErrorCode::kInvalid, map.edit_distance.place + " must have " +
                                           std::to_string(map.after_seconds.size()) + " numbers");
    }
    if (!call.messages.empty()) event.prompt = wire::text_of(call.messages.back());
    event.suggestion = wire::text_of(call.answer);
    if (!map_.key.given) {
      call.key = call.person + "/" + to_text(call.at) + "/" + event.suggestion;
    }
    event.call = std::move(call);
    return episodes_->take(std::move(event));
  }

  // One side of a pair: a text, or a conversation that ends with the answer.
  struct Side {
    std::vector<json::object> before;
    std::string answer;
  };

  Result<Side> read_side(const MapValue& value, const MapScope& scope) const {
    if (auto there = require(value, scope); !there) return fail(there.error());
    auto messages = read_messages(value, scope);
    if (!messages) return fail(messages.error());
    Side side;
    if (messages->empty()) return side;
    const bool plain = messages->size() == 1 && value.as != "dialogue";
    if (!plain && wire::role_of(messages->back()) != "assistant") {
      return fail(ErrorCode::kInvalid, value.place + " must end with the assistant's answer");
    }
    side.answer = wire::text_of(messages->back());
    messages->pop_back();
    side.before = std::move(*messages);
    return side;
  }

  Result<void> take_pair(const MapScope& scope, ImportedCall call) {
    auto chosen = read_side(map_.pair->chosen, scope);
    if (!chosen) return fail(chosen.error());
    auto rejected = read_side(map_.pair->rejected, scope);
    if (!rejected) return fail(rejected.error());
    const auto margin = read_number(map_.pair->margin, scope);
    if (!margin) return fail(margin.error());
    bool said = true;
    if (chosen->before.empty() && rejected->before.empty()) {
      const auto context = read_context(scope, call);
      if (!context) return fail(context.error());
      said = *context;
    } else {
      if (auto added = add_system(scope, call.messages); !added) return added;
      std::ranges::copy(chosen->before, std::back_inserter(call.messages));
    }
    std::string_view reason;
    if (!said || is_blank(chosen->answer) || is_blank(rejected->answer)) {
      reason = "empty";
    } else if (canonical_list(chosen->before) != canonical_list(rejected->before)) {
      reason = "contexts_differ";
    } else if (trimmed(chosen->answer) == trimmed(rejected->answer)) {
      reason = "unchanged";
    }
    if (!reason.empty()) {
      writer_.left_out(reason);
      return {};
    }
    const std::string key = call.key;
    for (const bool better : {true, false}) {
      call.key = key + (better ? "/chosen" : "/rejected");
      call.answer = wire::text_message("assistant", better ? chosen->answer : rejected->answer);
      ImportedFeedback compared{.kind = "compared", .at = call.at, .value = better ? 1.0 : 0.0};
      compared.detail = {{"pair", json::string(key)}};
      if (*margin) compared.detail["margin"] = **margin;
      call.feedback = {std::move(compared)};
      if (auto added = writer_.add(call); !added) return added;
    }
    return {};
  }

  const ImportMap& map_;
  const JoinTable& join_;
  ImportWriter& writer_;
  std::optional<SuggestionEpisodes> episodes_;
};

}  // namespace

Result<void> read_mapped(Records& records, const ImportMap& map, const JoinTable& join,
                         ImportWriter& writer) {
  Mapper mapper(map, join, writer);
  for (;;) {
    auto record = records.next();
    if (!record && !records.may_go_on()) {
      writer.end_early(record.error().with("line " + std::to_string(records.line())));
      return mapper.finish();
    }
    if (record && !*record) return mapper.finish();
    writer.begin_record(records.line());
    if (!record) {
      writer.malformed(record.error());
      continue;
    }
    const json::value value(std::move(**record));
    if (auto done = mapper.take(value); !done) return done;
  }
}

}  // namespace hone::capture
