// Rows of many keys, some hundreds to a query:
//
//   auto done = for_each_row(db, "SELECT id, parent FROM node WHERE id IN", keys,
//                            [&](const store::Row& row) { use(row.integer("parent")); });
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/database.h"

namespace hone::curate {

// Runs `sql`, which ends with IN, with each chunk of `keys` (a container of ids) behind it in turn.
template <typename Keys, typename Use>
[[nodiscard]] Result<void> for_each_row(store::Database& database, std::string_view sql,
                                        const Keys& keys, Use&& use) {
  constexpr std::size_t kChunk = 500;  // parameters of one query
  for (auto key = keys.begin(); key != keys.end();) {
    store::Params params;
    std::string marks;
    for (; key != keys.end() && params.size() < kChunk; ++key) {
      marks += params.empty() ? "?" : ", ?";
      params.emplace_back(*key);
    }
    auto rows = database.query(fmt::format("{} ({})", sql, marks), params);
    if (!rows) return fail(rows.error());
    for (const auto row : *rows) use(row);
  }
  return {};
}

}  // namespace hone::curate
