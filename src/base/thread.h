// How a thread of ours shows in `top -H` and profiles, and how it stands back for others. Both are
// for the thread that calls; where the system refuses, nothing happens.
#pragma once

namespace hone {

// At most 15 characters.
void name_this_thread(const char* name);

// For work that may lag behind: when all processors are busy, others go first, though it never
// starves (Linux: nice 10 for this thread alone).
void let_others_go_first();

}  // namespace hone
