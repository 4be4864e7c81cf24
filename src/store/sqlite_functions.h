// PostgreSQL's functions that SQLite does not have, so that one SQL serves both:
//
//   encode(bytes, 'hex')     small hexadecimal digits
//   decode(text, 'hex')      bytes; an error where the text is anything else
//
// NULL of NULL, as there. Only our own connections have them; a reader with `sqlite3` has hex().
#pragma once

struct sqlite3;

namespace hone::store {

// A code of SQLite's: SQLITE_OK where all is well.
[[nodiscard]] int add_functions(sqlite3* handle);

}  // namespace hone::store
