// What builds of datasets that were killed have left in DATA/datasets.
#pragma once

#include <string>

#include "base/clock.h"
#include "store/database.h"

namespace hone::curate {

// Before a build: folders under a name that is not final go, unless a build holds their lock. One
// under its final name that no table knows was finished before its rows were written: it gets them,
// with the time of now, if all its interactions are in this database; else it stays, for it may be
// another database's. Each is logged with its name. Nothing of it stops a build. May run beside
// other builds and beside itself.
void settle_leftovers(store::Database& database, const std::string& root, Clock& clock);

}  // namespace hone::curate
