// How a thread of ours shows in `top -H` and profiles, and who goes first when all processors are
// busy. Both are for the thread that calls; where the system refuses, nothing happens.
#pragma once

namespace hone {

// At most 15 characters.
void name_this_thread(const char* name);

enum class Rank {
  kTraffic,  // somebody waits for it
  kRecord,   // nobody waits, but its queue is bounded
  kIndex,    // may lag behind
};

// A lower rank never interrupts a higher one (Linux: SCHED_BATCH). Recording has the same share as
// traffic: with less it fell behind under full load, and content was left out. Traffic takes its
// share in short slices, so that it interrupts what runs in long ones (from Linux 6.12 on). The
// index has a smaller share (nice 10): of busy processors, next to none.
void set_rank(Rank rank);

}  // namespace hone
