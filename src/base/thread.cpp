#include "base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace hone {
namespace {

// What sched_setattr(2) takes, in its first version. The kernel's header of it does not go together
// with the C library's.
struct SchedulingAttributes {
  std::uint32_t size = sizeof(SchedulingAttributes);
  std::uint32_t policy = SCHED_OTHER;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;  // with SCHED_OTHER, the slice in nanoseconds
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

void take_short_slices() {
  SchedulingAttributes wanted;
  wanted.nice = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()));
  wanted.runtime = 100'000;  // the shortest that the kernel takes
  static_cast<void>(::syscall(SYS_sched_setattr, 0, &wanted, 0U));
}

}  // namespace

void name_this_thread(const char* name) {
  static_cast<void>(::pthread_setname_np(::pthread_self(), name));
}

void set_rank(Rank rank) {
  if (rank == Rank::kTraffic) return take_short_slices();
  const sched_param none{};
  static_cast<void>(::pthread_setschedparam(::pthread_self(), SCHED_BATCH, &none));
  if (rank == Rank::kRecord) return;
  constexpr int kNice = 10;
  static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice));
}

}  // namespace hone
