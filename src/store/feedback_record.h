// Feedback as the outbox takes it, from wherever it came:
//
//   records.push_back(store::feedback_record(feedback, interaction.person));
//
// Pure; any thread.
#pragma once

#include <string>

#include "store/outbox.h"

namespace hone::store {

// `person`: whose erasure must find it; "" for nobody's.
[[nodiscard]] inline OutboxRecord feedback_record(const Feedback& feedback,
                                                  const std::string& person) {
  OutboxRecord record{
      .kind = RecordKind::kFeedback, .id = feedback.id, .payload = to_payload(feedback)};
  if (!person.empty()) record.persons = {person};
  return record;
}

}  // namespace hone::store
