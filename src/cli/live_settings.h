// The settings that may change while the server runs (SIGHUP), made ready for use: whatever is
// wrong with them shows here, before anything has been changed. The redactor, which takes longer to
// make, is apart: open_redactor.
#pragma once

#include <string>
#include <vector>

#include "api/ci_secrets.h"
#include "base/result.h"
#include "capture/fallbacks.h"
#include "capture/upstream.h"
#include "cli/settings.h"
#include "net/grpc_server.h"
#include "net/tls_context.h"
#include "store/database.h"

namespace hone::cli {

struct LiveSettings {
  capture::Upstreams upstreams;
  capture::Fallbacks fallbacks;
  net::TlsContext tls;                    // none: plain HTTP
  net::GrpcCertificate grpc_certificate;  // likewise; of the same files
  api::CiSecrets ci;
};

[[nodiscard]] Result<LiveSettings> make_live(const Settings& settings);

// Fields of `next` that differ from `running` and count only after a restart.
[[nodiscard]] std::vector<std::string> need_restart(const Settings& running, const Settings& next);

// All costs of a store are in one currency: notes it at the first prices, and is kConflict where
// the settings name another one while there are costs.
[[nodiscard]] Result<void> settle_currency(store::Database& database,
                                           const capture::Prices& prices);

}  // namespace hone::cli
