// A PostgreSQL server of the test program's own: made in a temporary folder at the first call,
// reached only through a socket there, stopped when the program ends. As root it runs as the user
// `postgres`. fsync is off: nothing here stands for what a real server keeps.
#pragma once

#include <string>

namespace hone::test {

// A URL that names an empty schema which nobody else uses, or "" where PostgreSQL is not installed
// (said loudly, once). HONE_POSTGRES_BIN names the folder of its programs; else the newest of
// Debian's.
[[nodiscard]] std::string new_postgres_schema();

}  // namespace hone::test
