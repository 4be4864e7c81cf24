// Tells systemd how a service of Type=notify stands (sd_notify(3)): "READY=1", or "MAINPID=…" when
// another process takes our place. Nothing happens where nobody asked for it ($NOTIFY_SOCKET).
#pragma once

#include <string_view>

namespace hone::cli {

void tell_service_manager(std::string_view state);

}  // namespace hone::cli
