// One figure that only a padded batch has. TRL reports for ORPO and SimPO the mean over all logits
// of the batch, those of padding included, whose rows see the sequence before them and not
// themselves. The packed forward pass has no such rows, so that they are computed here, plainly and
// without gradients, for whoever holds our figures against TRL's; nothing trains on it.
#pragma once

#include "engine/train/policy.h"

namespace hone::engine {

// `ids` int64 and `real` bool, both [sequences, columns]; the mean is over the first `counted`
// columns of every sequence and the whole vocabulary.
[[nodiscard]] double mean_padded_logit(const Policy& policy, const at::Tensor& ids,
                                       const at::Tensor& real, std::int64_t counted);

}  // namespace hone::engine
